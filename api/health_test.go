package api_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"telegate/api"
)

func TestHealthIsTheWorstComponent(t *testing.T) {
	t.Parallel()
	since := time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)
	ok := api.Component{Name: "database", Status: api.HealthOK}
	degraded := api.Component{Name: "bot @SomeBot", Status: api.HealthDegraded, State: "unauthorized", Detail: "Telegram refuses the token.", Since: &since}
	failing := api.Component{Name: "outbox", Status: api.HealthFailing}
	const (
		okJSON       = `{"name":"database","status":"ok"}`
		degradedJSON = `{"name":"bot @SomeBot","status":"degraded","state":"unauthorized","detail":"Telegram refuses the token.","since":"2026-11-02T08:00:00Z"}`
		failingJSON  = `{"name":"outbox","status":"failing"}`
	)
	for _, c := range []struct {
		components []api.Component
		status     int
		want       string
	}{
		{[]api.Component{ok}, 200, `{"status":"ok","version":"1.2.3","components":[` + okJSON + `]}`},
		{[]api.Component{ok, degraded}, 200, `{"status":"degraded","version":"1.2.3","components":[` + okJSON + `,` + degradedJSON + `]}`},
		{[]api.Component{failing, degraded, ok}, 503, `{"status":"failing","version":"1.2.3","components":[` + failingJSON + `,` + degradedJSON + `,` + okJSON + `]}`},
		{[]api.Component{degraded, failing}, 503, `{"status":"failing","version":"1.2.3","components":[` + degradedJSON + `,` + failingJSON + `]}`},
	} {
		g := newGateway(t, func(o *api.Options) { o.Health = func(context.Context) []api.Component { return c.components } })
		w := httptest.NewRecorder()
		g.server.ServeHTTP(w, g.request("", "GET", "/healthz", nil))
		answer{t, "GET /healthz", w.Code, w.Header(), w.Body.String()}.is(c.status, c.want)
		if kind := w.Header().Get("Content-Type"); kind != "application/json" {
			t.Errorf("Content-Type is %q", kind)
		}
	}
}

func TestHealthDetailsNeedAKeyFromElsewhere(t *testing.T) {
	t.Parallel()
	g := newGateway(t, func(o *api.Options) { o.Private = false })
	const all = `{"status":"ok","version":"1.2.3","components":[{"name":"database","status":"ok"}]}`
	g.as("", "GET", "/healthz", nil).is(200, `{"status":"ok"}`)
	g.as("key-nobody", "GET", "/healthz", nil).is(200, `{"status":"ok"}`)
	g.as(keySend, "GET", "/healthz", nil).is(200, all)
	g.as("", "GET", "/readyz", nil).is(200, `{"status":"ready"}`)
	g.as("", "GET", "/metrics", nil).isProblem(401, "invalid-credentials")
	if a := g.as(keySend, "GET", "/metrics", nil); a.status != 200 {
		t.Errorf("metrics with a key: %d %s", a.status, a.body)
	}
}

// A proxy on this machine passes on requests from everywhere, and a page in a browser can reach this machine by a name of its own.
func TestDetailsNeedAKeyBehindAProxyAndUnderAForeignName(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	for _, path := range []string{"/metrics", "/healthz"} {
		for _, header := range [][]string{
			{"X-Forwarded-For", "203.0.113.9"}, {"X-Forwarded-Proto", "https"}, {"Forwarded", "for=203.0.113.9"}, {"X-Real-IP", "203.0.113.9"}, {"Via", "1.1 proxy"},
		} {
			if a := g.as("", "GET", path, nil, header...); strings.Contains(a.body, "1.2.3") || strings.Contains(a.body, "telegate_") {
				t.Errorf("%s with %s shows details: %s", path, header[0], a.body)
			}
			if a := g.as(keySend, "GET", path, nil, header...); !strings.Contains(a.body, "1.2.3") && !strings.Contains(a.body, "telegate_") {
				t.Errorf("%s with %s and a key shows no details: %s", path, header[0], a.body)
			}
		}
		r := g.request("", "GET", path, nil)
		r.Host = "telegate.example.com"
		if a := g.do(r); strings.Contains(a.body, "1.2.3") || strings.Contains(a.body, "telegate_") {
			t.Errorf("%s under a foreign name shows details: %s", path, a.body)
		}
	}
}

func TestACallerWhoGivesUpLogsNoAlarm(t *testing.T) {
	t.Parallel()
	g := newGateway(t, func(o *api.Options) { o.Ready = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() } })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	g.server.ServeHTTP(w, g.request("", "GET", "/readyz", nil).WithContext(ctx))
	if w.Code != 503 {
		t.Errorf("the answer is %d, as if it were ready", w.Code)
	}
	if strings.Contains(g.Log.String(), "not ready") {
		t.Errorf("the log says %s", g.Log)
	}
}

func TestReadyMeansTheDatabaseCanStore(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.Domains.SetOffline(true)
	g.as("", "GET", "/readyz", nil).is(200, `{"status":"ready"}`)
	g.store.broken.Store(true)
	a := g.as("", "GET", "/readyz", nil)
	a.isProblem(503, "storage-unavailable")
	if strings.Contains(a.body, "disk") || !strings.Contains(g.Log.String(), errDisk.Error()) {
		t.Errorf("the reason is for the log only: %s\n%s", a.body, g.Log)
	}
}

// Labels with paths or methods from callers would let anyone fill the memory.
func TestMetricsCountRequestsByRoute(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	for range 3 {
		g.call("GET", "/v1/links/lnk_482913", nil)
	}
	for _, path := range []string{"/482913", "/v1/482913", "/problems/482913", "/v1/links/482913/482913", "/a/b/c/482913"} {
		g.call("GET", path, nil)
		g.call("X482913", path, nil)
	}
	g.call("HEAD", "/healthz", nil)
	metrics := g.as("", "GET", "/metrics", nil).body
	for _, want := range []string{
		`telegate_http_request_duration_seconds_count{route="GET /v1/links/{id}",status="404"} 3`,
		`telegate_http_request_duration_seconds_count{route="GET /problems/{slug}",status="404"} 1`,
		`telegate_http_request_duration_seconds_count{route="GET /healthz",status="200"} 1`,
		`telegate_http_request_duration_seconds_count{route="other",status="404"} 8`,
		`telegate_http_request_duration_seconds_count{route="other",status="405"} 1`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no line %s in\n%s", want, metrics)
		}
	}
	if strings.Contains(metrics, "482913") || strings.Contains(g.Log.String(), "482913") {
		t.Error("metrics or log repeat what was in a path")
	}
}

func TestIndexLinksToTheRest(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	a := g.as("", "GET", "/", nil)
	if a.status != http.StatusOK || !strings.Contains(a.body, `href="/openapi.json"`) || !strings.Contains(a.body, `href="/healthz"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
}
