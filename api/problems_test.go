package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"telegate/api"
	"telegate/db/dbtest"
	"telegate/delivery"
	"telegate/internal/gatewaytest"
	"telegate/linking"
	"telegate/twofa"
)

// problemCase causes a problem, with the members of its answer that not every problem has.
type problemCase struct {
	reach func(t *testing.T) answer
	extra string
}

// linked is a gateway where alice is linked.
func linked(t *testing.T) *gateway {
	t.Helper()
	g := newGateway(t)
	g.link("", "alice", alice)
	return g
}

var linkCode = object{"to": "@alice", "text": "1234", "lane": "code", "purpose": "link"}

// problemCases cover every problem type.
var problemCases = map[string]problemCase{
	"invalid-credentials": {func(t *testing.T) answer { return newGateway(t).as("", "GET", "/v1/domains", nil) }, `{}`},
	"insufficient-scope": {func(t *testing.T) answer { return newGateway(t).as(keyLink, "POST", "/v1/messages", object{}) },
		`{"required_scope":"send"}`},
	"console-only-key": {func(t *testing.T) answer {
		return newGateway(t).as(keyAlice, "DELETE", "/v1/messaging?user=alice", nil)
	}, `{}`},
	"domain-not-allowed": {func(t *testing.T) answer { return newGateway(t).as(keyCorp, "GET", "/v1/messaging?user=alice", nil) }, `{}`},
	"malformed-request":  {func(t *testing.T) answer { return newGateway(t).call("POST", "/v1/links", "{") }, `{}`},
	"validation-failed": {func(t *testing.T) answer { return newGateway(t).call("POST", "/v1/links", object{}) },
		`{"errors":[{"pointer":"#/user","detail":"is required"}]}`},
	"unsupported-media-type": {func(t *testing.T) answer {
		return newGateway(t).call("POST", "/v1/links", "user=alice", "Content-Type", "application/x-www-form-urlencoded")
	}, `{}`},
	"body-too-large": {func(t *testing.T) answer {
		return newGateway(t).call("POST", "/v1/links", strings.Repeat(" ", 256<<10+1))
	},
		`{"limit_bytes":262144}`},
	"headers-too-large": {func(t *testing.T) answer {
		return newGateway(t).call("GET", "/v1/domains", nil, "Cookie", strings.Repeat("x", 32<<10))
	}, `{"limit_bytes":32768}`},
	"configuration-refused": {func(t *testing.T) answer {
		return newGateway(t, func(o *api.Options) {
			o.Reload = func(context.Context) (api.Reloaded, error) {
				return api.Reloaded{}, &api.ReloadError{Detail: "The old one stays in force.", Faults: []api.Fault{{Pointer: "telegate.toml:3", Detail: "unknown key"}}}
			}
		}).call("POST", "/v1/reload", nil)
	}, `{"errors":[{"pointer":"telegate.toml:3","detail":"unknown key"}]}`},
	"not-found":          {func(t *testing.T) answer { return newGateway(t).call("GET", "/v1/links/lnk_nothing", nil) }, `{}`},
	"method-not-allowed": {func(t *testing.T) answer { return newGateway(t).call("PATCH", "/v1/messaging", nil) }, `{}`},
	"msg2factor-disabled": {func(t *testing.T) answer {
		g := newGateway(t)
		g.link("off", "alice", alice)
		body := login("alice", "s")
		body["domain"] = "off"
		return g.call("POST", "/v1/verifications", body)
	}, `{}`},
	"factor-unavailable": {func(t *testing.T) answer { return newGateway(t).call("POST", "/v1/verifications", login("alice", "s")) },
		`{"reason":"not_linked"}`},
	"verification-in-progress": {func(t *testing.T) answer {
		g := linked(t)
		g.verify("alice", "s1")
		g.verify("alice", "s2")
		return g.call("POST", "/v1/verifications", login("alice", "s3"))
	}, `{"verification_id":"ver_…","expires_in":300}`},
	"verification-finished": {func(t *testing.T) answer {
		g := linked(t)
		id := g.verify("alice", "s")
		g.call("POST", "/v1/verifications/"+id+"/cancel", nil)
		return g.call("POST", "/v1/verifications/"+id+"/resend", nil)
	}, `{"current_status":"canceled"}`},
	"sends-exhausted": {func(t *testing.T) answer {
		g := linked(t)
		id := g.verify("alice", "s")
		for range twofa.MaxSends - 1 {
			g.Clock.Advance(time.Minute)
			g.call("POST", "/v1/verifications/"+id+"/resend", nil)
		}
		g.Clock.Advance(time.Minute)
		return g.call("POST", "/v1/verifications/"+id+"/resend", nil)
	}, `{}`},
	"authentication-required": {func(t *testing.T) answer {
		g := newGateway(t)
		g.Domains.Set(api.Domain{ID: "corp", Title: "Corp", RequireAuthenticatedAt: true, Bot: "SomeBot"})
		return g.call("POST", "/v1/links", object{"domain": "corp", "user": "alice"})
	}, `{}`},
	"recipient-unknown": {func(t *testing.T) answer { return newGateway(t).call("POST", "/v1/messages", linkCode) },
		`{"start_url":"https://t.me/SomeBot","message_id":"msg_…","expires_in":300}`},
	"unsupported-publication": {func(t *testing.T) answer { return newGateway(t).as("", "POST", "/topic", "hello", "Delay", "1h") },
		`{"code":40000,"http":400,"error":"telegate sends at once; leave out Delay, At and In."}`},
	"recipient-blocked": {func(t *testing.T) answer {
		g := linked(t)
		if err := g.Links.ChatBlocked(t.Context(), gatewaytest.BotID, alice.ID); err != nil {
			t.Fatal(err)
		}
		return g.call("POST", "/v1/messages", object{"user": "alice", "text": "hello"})
	}, `{}`},
	"recipient-changed": {func(t *testing.T) answer {
		g := linked(t)
		g.call("POST", "/v1/messages", linkCode).is(202, `{"id":"msg_…","status":"queued"}`)
		g.start(person(999, "alice"))
		return g.call("POST", "/v1/messages", linkCode)
	}, `{}`},
	"recipient-unproven": {func(t *testing.T) answer {
		g := newGateway(t)
		g.start(alice)
		return g.as(keySend, "POST", "/v1/messages", object{"to": "@alice", "text": "hello"})
	}, `{}`},
	"already-resent": {func(t *testing.T) answer {
		g, id := dead(t)
		g.call("POST", "/v1/messages/"+id+"/resend", object{}).is(202, `{"id":"msg_…","status":"queued"}`)
		return g.call("POST", "/v1/messages/"+id+"/resend", object{})
	}, `{"message_id":"msg_…"}`},
	"not-resendable": {func(t *testing.T) answer {
		g := linked(t)
		id := g.call("POST", "/v1/messages", object{"user": "alice", "text": "hello"}).str("id")
		g.ended(id, delivery.StatusDelivered, nil)
		return g.call("POST", "/v1/messages/"+id+"/resend", object{})
	}, `{"current_status":"delivered"}`},
	"text-gone": {func(t *testing.T) answer {
		g, id := dead(t)
		if err := g.DB.Prune(t.Context(), g.Clock.Now().Add(8*24*time.Hour), dbtest.Retention); err != nil {
			t.Fatal(err)
		}
		return g.call("POST", "/v1/messages/"+id+"/resend", object{})
	}, `{}`},
	"no-recipients": {func(t *testing.T) answer {
		g := newGateway(t)
		return g.call("POST", "/v1/broadcasts", object{"users": []string{"carol"}, "text": "hello"})
	}, `{"counts":{"reachable":0,"unlinked":1,"blocked":0}}`},
	"broadcast-finished": {func(t *testing.T) answer {
		g := linked(t)
		path := "/v1/broadcasts/" + g.call("POST", "/v1/broadcasts", object{"text": "hello"}).str("id") + "/cancel"
		g.call("POST", path, nil)
		return g.call("POST", path, nil)
	}, `{"current_status":"canceled"}`},
	"proof-refused": {func(t *testing.T) answer {
		g := newGateway(t)
		g.start(alice)
		id := g.call("POST", "/v1/messages", linkCode).str("id")
		return g.call("POST", "/v1/links", object{"user": "alice", "handle": "@alice", "verified_by": "caller", "message": id})
	}, `{"reason":"not_delivered"}`},
	"resend-too-soon": {func(t *testing.T) answer {
		g := linked(t)
		return g.call("POST", "/v1/verifications/"+g.verify("alice", "s")+"/resend", nil)
	}, `{"retry_after":30}`},
	"rate-limited": {func(t *testing.T) answer {
		g := newGateway(t)
		for range linking.MaxStarts {
			g.call("POST", "/v1/links", object{"user": "alice"})
		}
		return g.call("POST", "/v1/links", object{"user": "alice"})
	}, `{"scope":"user","limit":5,"retry_after":600}`},
	"factor-throttled": {func(t *testing.T) answer {
		g := linked(t)
		var id string
		for range twofa.ThrottleFrom / twofa.MaxAttempts {
			id = g.verify("alice", "s")
			code := gatewaytest.WrongCode(g.Code(alice))
			for range twofa.MaxAttempts {
				g.call("POST", "/v1/verifications/"+id+"/check", object{"code": code, "session_binding": "s"})
			}
		}
		return g.call("POST", "/v1/verifications", login("alice", "s"))
	}, `{"retry_after":30}`},
	"cooling-off": {func(t *testing.T) answer {
		g := linked(t)
		if err := g.Codes.NotMe(t.Context(), gatewaytest.BotID, alice.ID, g.verify("alice", "s")); err != nil {
			t.Fatal(err)
		}
		return g.call("POST", "/v1/verifications", login("alice", "s"))
	}, `{"retry_after":1200}`},
	"idempotency-in-flight": {func(t *testing.T) answer {
		g, store := newFaultyGateway(t)
		store.saving, store.release = make(chan struct{}), make(chan struct{})
		var done sync.WaitGroup
		defer done.Wait()
		done.Go(func() { g.call("POST", "/v1/links", object{"user": "alice"}, "Idempotency-Key", "k") })
		<-store.saving
		defer close(store.release)
		return g.call("POST", "/v1/links", object{"user": "alice"}, "Idempotency-Key", "k")
	}, `{"retry_after":1,"idempotency_key":"k"}`},
	"idempotency-mismatch": {func(t *testing.T) answer {
		g := newGateway(t)
		g.call("POST", "/v1/links", object{"user": "alice"}, "Idempotency-Key", "k")
		return g.call("POST", "/v1/links", object{"user": "bob"}, "Idempotency-Key", "k")
	}, `{"idempotency_key":"k"}`},
	"telegram-unavailable": {func(t *testing.T) answer {
		g := newGateway(t)
		g.Domains.Set(api.Domain{Title: "My Server", BotState: "unreachable"})
		return g.call("POST", "/v1/links", object{"user": "alice"})
	}, `{}`},
	"needs-bot": {func(t *testing.T) answer {
		g := newGateway(t)
		g.Domains.Set(api.Domain{Title: "My Server", BotState: "connected", Unavailable: []string{"deep_link"}})
		return g.call("POST", "/v1/links", object{"user": "alice"})
	}, `{}`},
	"storage-full": {func(t *testing.T) answer {
		g := newGateway(t)
		g.store.refuse(delivery.ErrStorageFull)
		return g.call("GET", "/readyz", nil)
	}, `{"retry_after":30}`},
	"storage-unavailable": {func(t *testing.T) answer {
		g := newGateway(t)
		g.store.broken.Store(true)
		return g.call("GET", "/readyz", nil)
	}, `{"retry_after":5}`},
	"internal-error": {func(t *testing.T) answer {
		g := newGateway(t)
		g.store.broken.Store(true)
		return g.call("GET", "/v1/users", nil)
	}, `{}`},
}

// catalogue are the problem types in the contract.
func catalogue(t *testing.T) []string {
	t.Helper()
	var slugs []string
	for _, kind := range newGateway(t).contract.Components.Schemas["Problem"].Properties["type"].Enum {
		slugs = append(slugs, strings.TrimPrefix(fmt.Sprint(kind), "/problems/"))
	}
	return slugs
}

func TestEveryProblemTypeOccursAndIsComplete(t *testing.T) {
	t.Parallel()
	for _, slug := range catalogue(t) {
		t.Run(slug, func(t *testing.T) {
			c, ok := problemCases[slug]
			if !ok {
				t.Fatal("no test reaches it")
			}
			a := c.reach(t)
			p := a.problem()
			if p.Type != "/problems/"+slug || p.Status != a.status {
				t.Fatalf("reached %d %s", a.status, a.body)
			}
			var extra object
			a.into(&extra)
			for _, name := range []string{"type", "title", "status", "detail", "instance"} {
				delete(extra, name)
			}
			if diff := diffValue("#", roundTrip(t, json.RawMessage(c.extra)), any(extra)); diff != "" {
				t.Errorf("%s\n%s", diff, a.body)
			}
			wantRetry := ""
			if p.RetryAfter > 0 {
				wantRetry = fmt.Sprint(p.RetryAfter)
			}
			if got := a.header.Get("Retry-After"); got != wantRetry || a.status == http.StatusTooManyRequests && got == "" {
				t.Errorf("Retry-After is %q, retry_after %d", got, p.RetryAfter)
			}
		})
	}
	if kinds := len(catalogue(t)); kinds != len(problemCases) {
		t.Errorf("%d kinds, %d cases", kinds, len(problemCases))
	}
}

func TestEveryProblemTypeHasAPage(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	for _, slug := range catalogue(t) {
		w := httptest.NewRecorder()
		g.server.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/problems/"+slug, nil))
		page := w.Body.String()
		if w.Code != 200 || w.Header().Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(page, slug) ||
			!strings.Contains(page, "<h1>") || len(page) < 150 {
			t.Errorf("%s: %d %s", slug, w.Code, page)
		}
	}
	g.as("", "GET", "/problems/nonsense", nil).isProblem(404, "not-found")
	g.as("", "GET", "/problems/", nil).isProblem(404, "not-found")
}

func TestRouterAnswersInProblems(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	for _, path := range []string{"/nothing", "/v1", "/v1/", "/v1/nothing", "/v2/links", "/v1/links/a/b/c", "/V1/links", "/docs", "/schemas/Problem.json", "/favicon.ico"} {
		g.call("GET", path, nil).isProblem(404, "not-found")
		g.call("POST", path, object{}).isProblem(404, "not-found")
	}
	allowed := map[string][]string{
		"/healthz": {"GET", "HEAD"}, "/readyz": {"GET", "HEAD"}, "/metrics": {"GET", "HEAD"}, "/openapi.json": {"GET", "HEAD"}, "/": {"GET", "HEAD", "POST", "PUT"},
	}
	for path, methods := range g.contract.Paths {
		path = strings.Replace(path, "{id}", "xyz_1", 1)
		for method := range methods {
			allowed[path] = append(allowed[path], strings.ToUpper(method))
		}
		if _, ok := methods["get"]; ok {
			allowed[path] = append(allowed[path], "HEAD")
		}
		slices.Sort(allowed[path])
	}
	for path, methods := range allowed {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "NONSENSE"} {
			if slices.Contains(methods, method) {
				continue
			}
			a := g.call(method, path, nil)
			a.isProblem(405, "method-not-allowed")
			if allow := a.header.Get("Allow"); allow != strings.Join(methods, ", ") {
				t.Errorf("%s %s: Allow is %q, want %v", method, path, allow, methods)
			}
		}
	}
}

func TestUnavailableFactorGivesTheReasonOfMessaging(t *testing.T) {
	t.Parallel()
	for reason, change := range map[string]func(g *gateway){
		"link_suspended": suspend,
		"chat_blocked_bot": func(g *gateway) {
			if err := g.Links.ChatBlocked(g.T.Context(), gatewaytest.BotID, alice.ID); err != nil {
				g.T.Fatal(err)
			}
		},
		"transport_down": func(g *gateway) { g.Domains.SetOffline(true) },
	} {
		t.Run(reason, func(t *testing.T) {
			g := linked(t)
			change(g)
			if p := g.call("POST", "/v1/verifications", login("alice", "s")).isProblem(409, "factor-unavailable"); p.Reason != reason {
				t.Errorf("reason is %q", p.Reason)
			}
			var m api.Messaging
			if g.call("GET", "/v1/messaging?user=alice", nil).into(&m); !slices.Equal(m.Reasons, []string{reason}) {
				t.Errorf("the capability says %v", m.Reasons)
			}
		})
	}
}

func TestRateLimitsSayScopeAndWait(t *testing.T) {
	t.Parallel()
	verifyFrom := func(g *gateway, user, ip string) answer {
		body := login(user, user)
		body["context"] = object{"ip": ip}
		return g.call("POST", "/v1/verifications", body)
	}
	for name, c := range map[string]struct {
		allowed, wait int
		scope         string
		do            func(g *gateway, i int) answer
	}{
		"links of a user": {5, 600, "user", func(g *gateway, _ int) answer { return g.call("POST", "/v1/links", object{"user": "carol"}) }},
		"links by handle to a chat": {linking.MaxHandleCodes, 600, "chat", func(g *gateway, i int) answer {
			return g.call("POST", "/v1/links", object{"user": fmt.Sprint("u", i), "handle": "@alice"})
		}},
		"link codes to a chat": {5, 600, "chat", func(g *gateway, _ int) answer { return g.call("POST", "/v1/messages", linkCode) }},
		"login codes to a chat": {10, 600, "chat", func(g *gateway, _ int) answer {
			return g.call("POST", "/v1/messages", object{"user": "alice", "text": "1", "lane": "code", "purpose": "login"})
		}},
		"verifications of a user": {3, 300, "user", func(g *gateway, _ int) answer { return verifyFrom(g, "alice", "") }},
		"verifications from an address": {10, 600, "ip", func(g *gateway, i int) answer {
			return verifyFrom(g, fmt.Sprint("u", i), fmt.Sprintf("2001:db8::%x", i))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			g := linked(t)
			if c.scope == "ip" {
				for i := range c.allowed + 1 {
					g.link("", fmt.Sprint("u", i), person(int64(700+i), fmt.Sprint("many", i)))
				}
			}
			for i := range c.allowed {
				if a := c.do(g, i); a.status > 299 {
					t.Fatalf("number %d: %s", i+1, a.body)
				}
			}
			a := c.do(g, c.allowed)
			if p := a.isProblem(429, "rate-limited"); p.Scope != c.scope || p.Limit != c.allowed || p.RetryAfter != c.wait {
				t.Errorf("limit: %s", a.body)
			}
			g.Clock.Advance(time.Duration(c.wait) * time.Second)
			if a := c.do(g, c.allowed); a.status > 299 {
				t.Errorf("after the wait: %s", a.body)
			}
		})
	}
}

func TestInternalErrorRevealsNothing(t *testing.T) {
	t.Parallel()
	g := linked(t)
	ids := map[string]string{
		"links": g.call("POST", "/v1/links", object{"user": "bob"}).str("id"), "verifications": g.verify("alice", "s"),
		"messages":   g.call("POST", "/v1/messages", object{"user": "alice", "text": "hello"}).str("id"),
		"broadcasts": g.call("POST", "/v1/broadcasts", object{"text": "hello"}).str("id"),
	}
	g.store.broken.Store(true)
	for call := range calls {
		if call == "GET /v1/domains" {
			continue
		}
		a := g.try(keyAll, call, "", ids[strings.Split(call, "/")[2]])
		p := a.isProblem(500, "internal-error")
		for _, inside := range []string{"disk", "inside.db", "I/O"} {
			if strings.Contains(a.body, inside) {
				t.Errorf("%s shows %q: %s", call, inside, a.body)
			}
		}
		if !slices.ContainsFunc(strings.Split(g.Log.String(), "\n"), func(line string) bool {
			return strings.Contains(line, p.Instance) && strings.Contains(line, errDisk.Error()) && strings.Contains(line, "level=ERROR")
		}) {
			t.Errorf("%s: the log has no reason under %s", call, p.Instance)
		}
	}
}

// OWASP ASVS 16.5.1: callers learn nothing about the inside.
func TestPanicIsAnInternalError(t *testing.T) {
	t.Parallel()
	g := newGateway(t, func(o *api.Options) { o.Domains = panicking{} })
	a := g.call("GET", "/v1/domains", nil)
	p := a.isProblem(500, "internal-error")
	if strings.Contains(a.body, "nil map") {
		t.Errorf("the answer shows the inside: %s", a.body)
	}
	if log := g.Log.String(); !strings.Contains(log, "nil map") || !strings.Contains(log, p.Instance) || !strings.Contains(log, "problems_test.go") {
		t.Errorf("the log does not say where: %s", log)
	}
	g.call("GET", "/healthz", nil).is(200, `{"status":"ok","version":"1.2.3","components":[{"name":"database","status":"ok"}]}`)
}

type panicking struct{}

func (panicking) Domain(string) (api.Domain, bool) { panic("nil map") }
func (panicking) Domains() []api.Domain            { panic("nil map") }
func (panicking) HasBot(int64) bool                { panic("nil map") }

func TestDisconnectedCallerIsNoError(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	ctx, hangUp := context.WithCancel(t.Context())
	hangUp()
	g.server.ServeHTTP(httptest.NewRecorder(), g.request(keyAll, "GET", "/v1/users", nil).WithContext(ctx))
	if strings.Contains(g.Log.String(), slog.LevelError.String()) {
		t.Errorf("logged as a fault:\n%s", g.Log)
	}
}
