package e2e

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"

	"telegate/api"
	"telegate/gateway"
	"telegate/internal/audit"
)

// exposed are the metrics that telegate has, with the names of their labels.
func exposed(t *testing.T) map[string][]string {
	t.Helper()
	f := newFiled(t)
	f.link("", "alice")
	v, code := f.signIn("alice", "s") // so that every kind has been counted
	f.want(http.StatusOK, "POST", "/v1/verifications/"+v.ID+"/check", api.CheckCode{Code: code, SessionBinding: "s"}, nil)
	f.reload()
	all := map[string][]string{}
	f.eventually("a message was counted", func() bool {
		_, data, err := f.try("GET", "/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^([a-z_]+)(?:\{([^}]*)\})? `).FindAllStringSubmatch(string(data), -1) {
			var labels []string
			for _, l := range regexp.MustCompile(`([a-z_]+)="`).FindAllStringSubmatch(m[2], -1) {
				labels = append(labels, l[1])
			}
			all[m[1]] = labels
		}
		return all["telegate_message_duration_seconds_count"] != nil
	})
	described := make(chan *prometheus.Desc, 20) // those that have no value in this world
	gateway.Gauges{}.Describe(described)
	close(described)
	for d := range described {
		name := regexp.MustCompile(`fqName: "([a-z_]+)"`).FindStringSubmatch(d.String())[1]
		labels := regexp.MustCompile(`variableLabels: \{([a-z_,]*)\}`).FindStringSubmatch(d.String())[1]
		all[name] = strings.Split(labels, ",")
	}
	all["up"] = []string{"job", "instance"} // Prometheus' own
	return all
}

// family is a metric's name without what a histogram appends.
func family(name string) string {
	return regexp.MustCompile(`_(bucket|count|sum)$`).ReplaceAllString(name, "")
}

var (
	selector = regexp.MustCompile(`\b((?:telegate|go|process)_[a-z0-9_]+|up)\b(?:\{([^}]*)\})?`)
	matcher  = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)`)
)

// checkExpression finds every metric and label of an expression among those that there are.
func checkExpression(t *testing.T, where, expr string, known map[string][]string) {
	t.Helper()
	found := selector.FindAllStringSubmatch(expr, -1)
	if len(found) == 0 {
		t.Errorf("%s asks for no metric: %s", where, expr)
	}
	for _, m := range found {
		labels, ok := known[m[1]]
		if !ok {
			t.Errorf("%s asks for %s, which telegate does not have", where, m[1])
			continue
		}
		for _, l := range matcher.FindAllStringSubmatch(m[2], -1) {
			if !slices.Contains(labels, l[1]) {
				t.Errorf("%s asks for the label %s of %s, which has %v", where, l[1], m[1], labels)
			}
		}
	}
	if strings.Count(expr, "(") != strings.Count(expr, ")") || strings.Count(expr, "{") != strings.Count(expr, "}") {
		t.Errorf("%s is not closed: %s", where, expr)
	}
}

// The alert rules and the dashboard ask for what there is, and the documents explain each metric and each alert; nothing more, nothing less.
func TestMetricsAlertsAndDashboardGoTogether(t *testing.T) {
	t.Parallel()
	known := exposed(t)
	operations := read(t, top+"docs/operations.md")

	documented := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(telegate_[a-z_]+)(?:\\{([a-z_,]*)\\})?` \\|").FindAllStringSubmatch(operations, -1) {
		documented[m[1]] = true
		labels, ok := known[m[1]]
		if !ok {
			labels, ok = known[m[1]+"_count"]
		}
		if !ok {
			t.Errorf("docs/operations.md explains %s, which is not there", m[1])
			continue
		}
		want := slices.Sorted(slices.Values(slices.DeleteFunc(strings.Split(m[2], ","), func(s string) bool { return s == "" })))
		got := slices.Sorted(slices.Values(slices.DeleteFunc(slices.Clone(labels), func(s string) bool { return s == "" })))
		if !slices.Equal(want, got) {
			t.Errorf("docs/operations.md gives %s the labels %v, it has %v", m[1], want, got)
		}
	}
	for name := range maps.Keys(known) {
		if strings.HasPrefix(name, "telegate_") && !documented[name] && !documented[family(name)] {
			t.Errorf("docs/operations.md does not explain %s", name)
		}
	}

	var rules struct {
		Groups []struct {
			Name  string `yaml:"name"`
			Rules []struct {
				Alert       string            `yaml:"alert"`
				Expr        string            `yaml:"expr"`
				For         string            `yaml:"for"`
				Labels      map[string]string `yaml:"labels"`
				Annotations map[string]string `yaml:"annotations"`
			} `yaml:"rules"`
		} `yaml:"groups"`
	}
	decoder := yaml.NewDecoder(strings.NewReader(read(t, top+"contrib/prometheus/telegate.rules.yml")))
	decoder.KnownFields(true)
	if err := decoder.Decode(&rules); err != nil {
		t.Fatal(err)
	}
	alerts := map[string]bool{}
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			checkExpression(t, r.Alert, r.Expr, known)
			if alerts[r.Alert] || r.Labels["severity"] == "" || r.Annotations["summary"] == "" || !strings.HasSuffix(r.Annotations["description"], ".") ||
				r.Annotations["runbook_url"] != "docs/operations.md#"+strings.ToLower(r.Alert) || r.For != "" && !regexp.MustCompile(`^[0-9]+[smh]$`).MatchString(r.For) {
				t.Errorf("not a whole alert: %+v", r)
			}
			if !strings.Contains(operations, "\n#### "+r.Alert+"\n") {
				t.Errorf("docs/operations.md does not say what to do about %s", r.Alert)
			}
			alerts[r.Alert] = true
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^#### (Telegate\w+)$`).FindAllStringSubmatch(operations, -1) {
		if !alerts[m[1]] {
			t.Errorf("docs/operations.md explains the alert %s, for which there is no rule", m[1])
		}
	}

	var dashboard struct {
		Title  string
		Panels []struct {
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
	}
	if err := json.NewDecoder(bytes.NewReader([]byte(read(t, top+"contrib/grafana/telegate.json")))).Decode(&dashboard); err != nil {
		t.Fatal(err)
	}
	shown := ""
	for _, p := range dashboard.Panels {
		if p.Title == "" || len(p.Targets) == 0 || p.GridPos.X+p.GridPos.W > 24 || p.GridPos.H == 0 {
			t.Errorf("not a whole panel: %+v", p)
		}
		for _, target := range p.Targets {
			checkExpression(t, p.Title, target.Expr, known)
			shown += target.Expr
		}
	}
	for name := range documented {
		if !strings.Contains(shown, name) {
			t.Errorf("the dashboard does not show %s", name)
		}
	}
}

// What the alerts count is there from the start, with nothing in it: a series that appears with its first event has not increased by it,
// so the first alarm would be missed.
func TestWhatTheAlertsCountIsThereFromTheStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	_, data, err := w.try("GET", "/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	counted := regexp.MustCompile(`(?:increase|rate)\(([a-z_]+)\{([^}]*)\}`).FindAllStringSubmatch(read(t, top+"contrib/prometheus/telegate.rules.yml"), -1)
	if len(counted) < 5 {
		t.Fatalf("only %d counters in the rules", len(counted))
	}
	for _, m := range counted {
		there := regexp.MustCompile(`(?m)^`+m[1]+`\{(.*)\} (\S+)$`).FindAllStringSubmatch(string(data), -1)
		for _, label := range regexp.MustCompile(`([a-z_]+)=~?"([^"]*)"`).FindAllStringSubmatch(m[2], -1) {
			for value := range strings.SplitSeq(label[2], "|") {
				if strings.Contains(value, "..") {
					continue // any of many, such as 5..
				}
				pair := label[1] + `="` + value + `"`
				if !slices.ContainsFunc(there, func(series []string) bool { return strings.Contains(series[1], pair) && series[2] == "0" }) {
					t.Errorf("%s{%s} is counted by an alert, and is not there from the start", m[1], pair)
				}
			}
		}
	}
}

// What the alert of Not me says to do leads to the user whose password somebody has, at once.
func TestTheAlarmOfNotMeLeadsToTheUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.connected()
	w.link("", "alice")
	since := w.last("alice")
	w.signIn("alice", "s")
	w.tap("alice", w.message("alice", "is your sign-in code", since), "Not me")
	const said = "sign-in reported as not the user's own"
	for name, section := range map[string]string{"docs/operations.md": "#### TelegateNotMe", "contrib/prometheus/telegate.rules.yml": "alert: TelegateNotMe"} {
		_, text, _ := strings.Cut(read(t, top+name), section)
		for _, step := range []string{said, "GET /v1/verifications/", "telegate messages trace USER"} {
			if !strings.Contains(text, step) {
				t.Errorf("%s does not say %q", name, step)
			}
		}
	}
	var id []string
	w.eventually("the log names the verification", func() bool {
		id = regexp.MustCompile(`msg="` + said + `".* verification=(ver_\w+)`).FindStringSubmatch(w.log.String())
		return id != nil
	})
	var v api.Verification
	w.want(http.StatusOK, "GET", "/v1/verifications/"+id[1], nil, &v)
	var told api.Trace
	w.want(http.StatusOK, "GET", "/v1/trace?user="+v.User, nil, &told)
	if v.User != "alice" || !slices.ContainsFunc(told.Events, func(e api.TraceEvent) bool { return e.Event == string(audit.VerificationDenied) && e.ID == v.ID }) {
		t.Errorf("%+v %+v", v, told)
	}
}
