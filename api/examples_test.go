package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"telegate/api"
)

// example is one of api/examples.
type example struct {
	Title, Request string
	Body           json.RawMessage
	Status         int
	Answer         json.RawMessage
}

// examples reads api/examples: the examples of each operation, by its id.
func examples(t *testing.T) map[string][]example {
	t.Helper()
	files, err := filepath.Glob("examples/*.json")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]example{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var list []example
		if err := json.Unmarshal(data, &list); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".json")] = list
	}
	return all
}

// exampleGateway is the gateway of the examples: a domain with a bot, one without, and one without codes.
func exampleGateway(t *testing.T) *gateway {
	var g *gateway
	g = newGateway(t, func(o *api.Options) {
		o.Queue = func(context.Context) (api.Queue, error) {
			now := g.Clock.Now()
			since := now.Add(-12 * time.Second)
			return api.Queue{
				Lanes:  []api.LaneView{{Lane: "code"}, {Lane: "direct", Waiting: 3, OldestAt: &since}, {Lane: "alert"}, {Lane: "broadcast"}},
				Pauses: []api.PauseView{{Bot: "@MyBot", Until: now.Add(57 * time.Second)}, {Bot: "@MyBot", Chat: 5550100, Until: now.Add(9 * time.Second)}},
				Limits: []api.LimitView{{Name: "bot_per_second", Value: "30", Meaning: "messages of a bot in a second, to all chats together"}},
			}, nil
		}
		o.Reload = func(context.Context) (api.Reloaded, error) {
			if g.badFile {
				return api.Reloaded{}, &api.ReloadError{Detail: "The configuration has errors. The old one is kept; correct the errors and reload again.", Faults: []api.Fault{
					{Pointer: "telegate.toml:12", Detail: "unknown key limits.code_tll; did you mean code_ttl?"},
				}}
			}
			return api.Reloaded{Changed: []string{"api.keys", "limits.code_ttl"}, NeedsRestart: []string{"database.path"}, Warnings: []string{}}, nil
		}
	})
	g.Domains.Set(api.Domain{ID: "", Title: "My Server", Msg2Factor: true, Bot: "MyBot", BotState: "connected"})
	g.Domains.Set(api.Domain{ID: "corp", Title: "Corp", Msg2Factor: true, BotState: "connected", Unavailable: []string{"deep_link", "buttons", "commands"}})
	g.Domains.Set(api.Domain{ID: "off", Title: "Test lab", Bot: "MyBot", BotState: "connected"})
	return g
}

// Each operation has an example, and each example is what telegate answers: every value of it, but for ids and what is secret, which
// must have the same form.
func TestExamplesAreWhatTelegateAnswers(t *testing.T) {
	t.Parallel()
	all, operations := examples(t), map[string]bool{}
	for path, methods := range newGateway(t).contract.Paths {
		for method, op := range methods {
			operations[op.OperationID] = true
			if len(all[op.OperationID]) == 0 {
				t.Errorf("%s %s has no example: write api/examples/%s.json", strings.ToUpper(method), path, op.OperationID)
			}
		}
	}
	for id, list := range all {
		if !operations[id] {
			t.Errorf("api/examples/%s.json is for no operation", id)
		}
		for title := range situations[id] {
			if !slices.ContainsFunc(list, func(e example) bool { return e.Title == title }) {
				t.Errorf("there is a situation for %s %q, but no example", id, title)
			}
		}
		for _, e := range list {
			t.Run(id+"/"+e.Title, func(t *testing.T) {
				t.Parallel()
				g := exampleGateway(t)
				var ids []string
				if prepare := situations[id][e.Title]; prepare != nil {
					ids = prepare(g)
				}
				a := g.ask(e, strings.NewReplacer(ids...))
				if diff := diffExample(t, string(e.Answer), a.body); diff != "" || a.status != e.Status {
					t.Errorf("telegate answers otherwise than api/examples/%s.json says: %s\n%d %s", id, diff, a.status, inForm(a.body))
				}
				if op, ok := g.contract.operation(g.request("", e.method(), e.target(), nil)); !ok || op.OperationID != id {
					t.Errorf("%s is a request of %q, not of %q", e.Request, op.OperationID, id)
				}
			})
		}
	}
}

func (e example) method() string { method, _, _ := strings.Cut(e.Request, " "); return method }
func (e example) target() string { _, target, _ := strings.Cut(e.Request, " "); return target }

// ask sends the request of an example with the ids of this gateway.
func (g *gateway) ask(e example, ids *strings.Replacer) answer {
	g.T.Helper()
	var body any
	if e.Body != nil {
		body = ids.Replace(string(e.Body))
	}
	return g.call(e.method(), ids.Replace(e.target()), body)
}

// diffExample describes the first difference between an answer and the example.
func diffExample(t *testing.T, want, got string) string {
	t.Helper()
	if want == "" || got == "" {
		if want != got {
			return fmt.Sprintf("the body is %q, want %q", got, want)
		}
		return ""
	}
	return diffJSON(t, inForm(want), inForm(got))
}

// forms are the texts that are different in each run, and what stands for them when answers are compared.
var forms = []struct {
	text *regexp.Regexp
	form string
}{
	{regexp.MustCompile(`\b(lnk|msg|ver|bc)_[a-z0-9_]+`), "${1}_ID"},
	{regexp.MustCompile(`(start=|/start )[A-Za-z0-9_-]+`), "${1}TOKEN"},
	{regexp.MustCompile(`(data:image/svg\+xml;base64,)[A-Za-z0-9+/=]+`), "${1}IMAGE"},
	{regexp.MustCompile(`("instance": ?)"[A-Za-z0-9_-]+"`), `${1}"REQUEST"`},
	{regexp.MustCompile(`("next": ?)"[0-9]+-[0-9]+"`), `${1}"PAGE"`},
}

func inForm(text string) string {
	for _, f := range forms {
		text = f.text.ReplaceAllString(text, f.form)
	}
	return text
}

// The description has every example: its body, its answer, and the parameters of its path and query.
func TestTheDescriptionHasTheExamples(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	for id, list := range examples(t) {
		for _, e := range list {
			op, ok := g.contract.operation(g.request("", e.method(), e.target(), nil))
			if !ok {
				t.Fatalf("%s: no operation", e.Request)
			}
			kind := "application/json"
			if e.Status >= http.StatusBadRequest {
				kind = "application/problem+json"
			}
			shown := op.Responses[strconv.Itoa(e.Status)].Content[kind].Examples
			if e.Answer != nil && !hasExample(shown, e.Title, e.Answer) {
				t.Errorf("%s: the answer %q is not in the description", id, e.Title)
			}
			for title, other := range shown {
				if !slices.ContainsFunc(list, func(own example) bool { return own.Title == other.Summary && own.Status == e.Status }) {
					t.Errorf("%s: the description has the answer %q to %d, which is no example", id, title, e.Status)
				}
			}
			if e.Body != nil && !hasExample(op.RequestBody.Content["application/json"].Examples, e.Title, e.Body) {
				t.Errorf("%s: the body %q is not in the description", id, e.Title)
			}
			for _, p := range op.Parameters {
				if p.In == "path" && (p.Example == nil || !strings.Contains(e.target(), fmt.Sprint(p.Example))) {
					t.Errorf("%s: the parameter %s has the example %v", id, p.Name, p.Example)
				}
			}
		}
	}
}

func hasExample(shown map[string]shownExample, title string, value json.RawMessage) bool {
	for _, e := range shown {
		if e.Summary == title {
			return sameJSON(e.Value, value)
		}
	}
	return false
}

func sameJSON(a, b []byte) bool {
	var one, other any
	return json.Unmarshal(a, &one) == nil && json.Unmarshal(b, &other) == nil && reflect.DeepEqual(one, other)
}
