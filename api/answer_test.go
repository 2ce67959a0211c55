package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"telegate/api"
)

// object is a JSON object.
type object = map[string]any

// answer is an answer of the API.
type answer struct {
	t      testing.TB
	asked  string
	status int
	header http.Header
	body   string
}

// do sends a request and checks the rules for every answer.
func (g *gateway) do(r *http.Request) answer {
	g.T.Helper()
	w := httptest.NewRecorder()
	g.server.ServeHTTP(w, r)
	a := answer{g.T, r.Method + " " + r.URL.String(), w.Code, w.Header(), w.Body.String()}
	g.checkAnswer(r, a)
	return a
}

// checkAnswer checks an answer against the common rules and the contract.
func (g *gateway) checkAnswer(r *http.Request, a answer) {
	g.T.Helper()
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		g.T.Errorf("%s: Cache-Control is %q", a.asked, got)
	}
	if a.header.Get("X-Request-Id") == "" {
		g.T.Errorf("%s: no X-Request-Id", a.asked)
	}
	if a.status >= 400 {
		g.checkProblem(a)
	}
	if a.status == http.StatusTooManyRequests && a.header.Get("Retry-After") == "" {
		g.T.Errorf("%s: 429 without Retry-After", a.asked)
	}
	if fault := g.contract.check(r, a); fault != "" {
		g.T.Errorf("%s: %d breaks the contract: %s\n%s", a.asked, a.status, fault, a.body)
	}
}

// sentence matches a text for people: it begins with a capital, or a word of the API, and ends with a punctuation mark.
var sentence = regexp.MustCompile(`^[A-Za-z/].{10,}\.$`)

func (g *gateway) checkProblem(a answer) {
	g.T.Helper()
	p := a.problem()
	switch {
	case a.header.Get("Content-Type") != "application/problem+json":
		g.T.Errorf("%s: %d with Content-Type %q", a.asked, a.status, a.header.Get("Content-Type"))
	case p.Status != a.status || p.Title == "" || !strings.HasPrefix(p.Type, "/problems/"):
		g.T.Errorf("%s: not a whole problem: %s", a.asked, a.body)
	case !sentence.MatchString(p.Detail):
		g.T.Errorf("%s: the detail is no sentence: %q", a.asked, p.Detail)
	case p.Instance != a.header.Get("X-Request-Id"):
		g.T.Errorf("%s: instance %q is not the request's id %q", a.asked, p.Instance, a.header.Get("X-Request-Id"))
	case (p.Type == "/problems/validation-failed" || p.Type == "/problems/configuration-refused") != (len(p.Errors) > 0):
		g.T.Errorf("%s: errors do not go with the type: %s", a.asked, a.body)
	}
}

// call sends a request with all permissions. The body is JSON text, or a value to encode; headers are names and values.
func (g *gateway) call(method, path string, body any, headers ...string) answer {
	g.T.Helper()
	return g.as(keyAll, method, path, body, headers...)
}

// as sends a request with a key.
func (g *gateway) as(key, method, path string, body any, headers ...string) answer {
	g.T.Helper()
	return g.do(g.request(key, method, path, body, headers...))
}

func (g *gateway) request(key, method, path string, body any, headers ...string) *http.Request {
	g.T.Helper()
	var content io.Reader
	switch body := body.(type) {
	case nil:
	case string:
		content = strings.NewReader(body)
	default:
		data, err := json.Marshal(body)
		if err != nil {
			g.T.Fatal(err)
		}
		content = bytes.NewReader(data)
	}
	r := httptest.NewRequestWithContext(g.T.Context(), method, path, content)
	r.Host = "127.0.0.1:8080"
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

// is checks the status and the whole body. A string in want may end in "…", which matches any rest.
func (a answer) is(status int, want string) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s: status %d, want %d: %s", a.asked, a.status, status, a.body)
	}
	if diff := diffJSON(a.t, want, a.body); diff != "" {
		a.t.Fatalf("%s: %s\ngot  %s\nwant %s", a.asked, diff, a.body, want)
	}
	return a
}

// isProblem checks the type of a problem.
func (a answer) isProblem(status int, slug string) api.Problem {
	a.t.Helper()
	p := a.problem()
	if a.status != status || p.Type != "/problems/"+slug {
		a.t.Fatalf("%s: %d %s, want %d %s: %s", a.asked, a.status, p.Type, status, slug, a.body)
	}
	return p
}

// isFault checks that one member is invalid.
func (a answer) isFault(pointer string) {
	a.t.Helper()
	p := a.isProblem(http.StatusUnprocessableEntity, "validation-failed")
	if len(p.Errors) != 1 || p.Errors[0].Pointer != pointer || p.Errors[0].Detail == "" {
		a.t.Errorf("%s: want one fault at %s: %s", a.asked, pointer, a.body)
	}
}

func (a answer) problem() api.Problem {
	a.t.Helper()
	var p api.Problem
	a.into(&p)
	return p
}

func (a answer) into(v any) {
	a.t.Helper()
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		a.t.Fatalf("%s: %d is not JSON: %v\n%s", a.asked, a.status, err, a.body)
	}
}

// str is a string member of the answer.
func (a answer) str(name string) string {
	a.t.Helper()
	var o object
	a.into(&o)
	s, ok := o[name].(string)
	if !ok {
		a.t.Fatalf("%s: no string %s: %s", a.asked, name, a.body)
	}
	return s
}

// diffJSON describes the first difference between an answer and the wanted one.
func diffJSON(t testing.TB, want, got string) string {
	t.Helper()
	var w, g any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatalf("the test's own JSON: %v\n%s", err, want)
	}
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		return "not JSON: " + err.Error()
	}
	return diffValue("#", w, g)
}

func diffValue(at string, want, got any) string {
	if w, ok := want.(string); ok && strings.HasSuffix(w, "…") {
		g, isString := got.(string)
		if prefix := strings.TrimSuffix(w, "…"); !isString || !strings.HasPrefix(g, prefix) || len(g) == len(prefix) {
			return fmt.Sprintf("%s is %v, want %s", at, got, w)
		}
		return ""
	}
	w, ok := want.(object)
	if !ok {
		if list, isList := want.([]any); isList {
			return diffList(at, list, got)
		}
		if want != got {
			return fmt.Sprintf("%s is %v, want %v", at, got, want)
		}
		return ""
	}
	g, ok := got.(object)
	if !ok {
		return fmt.Sprintf("%s is %v, want an object", at, got)
	}
	for name := range g {
		if _, wanted := w[name]; !wanted {
			return at + "/" + name + " is not wanted"
		}
	}
	for name, v := range w {
		value, there := g[name]
		if !there {
			return at + "/" + name + " is missing"
		}
		if diff := diffValue(at+"/"+name, v, value); diff != "" {
			return diff
		}
	}
	return ""
}

func diffList(at string, want []any, got any) string {
	g, ok := got.([]any)
	if !ok || len(g) != len(want) {
		return fmt.Sprintf("%s is %v, want %v", at, got, want)
	}
	for i := range want {
		if diff := diffValue(fmt.Sprintf("%s/%d", at, i), want[i], g[i]); diff != "" {
			return diff
		}
	}
	return ""
}
