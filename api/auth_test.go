package api_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"telegate/api"
	"telegate/internal/gatewaytest"
)

func TestUnknownKeysAreRefused(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	for name, header := range map[string]string{
		"no key":          "",
		"wrong key":       "Bearer key-nobody",
		"wrong scheme":    "Basic " + keyAll,
		"no scheme":       keyAll,
		"empty key":       "Bearer ",
		"only the scheme": "Bearer",
		"the hash":        "Bearer " + gatewaytest.Hash(keyAll),
		"two keys":        "Bearer " + keyAll + " " + keyCorp,
		"in quotes":       `Bearer "` + keyAll + `"`,
		"in capitals":     "Bearer " + strings.ToUpper(keyAll),
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"/v1/domains", "/v1", "/v1/", "/v1/nothing/here", "/v1/links/lnk_x"} {
				a := g.as("", "GET", path, nil, "Authorization", header)
				a.isProblem(401, "invalid-credentials")
				if a.header.Get("WWW-Authenticate") != `Bearer realm="telegate"` {
					t.Errorf("WWW-Authenticate is %q", a.header.Get("WWW-Authenticate"))
				}
			}
		})
	}
	for _, header := range []string{"Bearer " + keyAll, "bearer " + keyAll, "BEARER  " + keyAll + " "} {
		if a := g.as("", "GET", "/v1/domains", nil, "Authorization", header); a.status != 200 {
			t.Errorf("%q: %d %s", header, a.status, a.body)
		}
	}
}

func TestKeyIsCheckedBeforeTheBodyIsRead(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.as("", "POST", "/v1/messages", "{", "Content-Type", "text/plain").isProblem(401, "invalid-credentials")
}

// bodies are valid bodies of the endpoints that have one.
var bodies = map[string]object{
	"PUT /v1/messaging":                 {"user": "alice", "handle": "@alice"},
	"POST /v1/links":                    {"user": "alice"},
	"POST /v1/links/{id}/confirm":       {"code": "123456"},
	"POST /v1/verifications":            {"user": "alice", "purpose": "confirm"},
	"POST /v1/verifications/{id}/check": {"code": "123456"},
	"POST /v1/messages":                 {"user": "alice", "text": "hello"},
	"POST /v1/messages/{id}/resend":     {"text": "hello"},
	"POST /v1/broadcasts":               {"users": []string{"alice"}, "text": "hello"},
}

// try calls an endpoint for a domain and an id.
func (g *gateway) try(key, call, domain, id string) answer {
	g.T.Helper()
	method, path, _ := strings.Cut(call, " ")
	path = strings.Replace(path, "{id}", id, 1)
	switch {
	case call == "GET /v1/users" || call == "GET /v1/broadcasts":
		path += "?domain=" + domain
	case call == "GET /v1/messages" || call == "GET /v1/logins":
		path += "?domain=" + domain
	case path == "/v1/trace" || path == "/v1/messaging" && method != http.MethodPut:
		path += "?user=alice&domain=" + domain
	}
	body, ok := bodies[call]
	if !ok {
		return g.as(key, method, path, nil)
	}
	withDomain := object{}
	for name, v := range body {
		withDomain[name] = v
	}
	if !strings.Contains(call, "{id}") {
		withDomain["domain"] = domain
	}
	return g.as(key, method, path, withDomain)
}

func TestEachCallNeedsItsScope(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	for call, scope := range calls {
		for key, has := range map[string]string{keyLink: "link", keyVerify: "verify", keySend: "send", keyInvite: "invite", keyAdmin: "admin"} {
			a := g.try(key, call, "", "xyz_1")
			if scope == "" || scope == has || scope == "invite" && has == "admin" {
				if a.status == 401 || a.status == 403 {
					t.Errorf("%s with the scope %s: %s", call, has, a.body)
				}
				continue
			}
			if p := a.isProblem(403, "insufficient-scope"); p.RequiredScope != scope {
				t.Errorf("%s needs %q, says %q", call, scope, p.RequiredScope)
			}
		}
	}
}

// A key for a server such as MeshCentral sets handles and writes to them without the rights of an administrator.
func TestTheScopeInviteWritesToAHandleThatNobodyHasConfirmed(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.server.SetKeys([]api.Key{
		{Name: "mesh", Hash: gatewaytest.Hash("key-mesh"), Domains: []string{"*"}, Scopes: []api.Scope{"link", "send", "invite"}},
		{Name: "old", Hash: gatewaytest.Hash("key-old"), Domains: []string{"*"}, Scopes: []api.Scope{"link", "send", "admin"}},
		{Name: "few", Hash: gatewaytest.Hash("key-few"), Domains: []string{"*"}, Scopes: []api.Scope{"link", "send"}},
	})
	g.start(alice)
	for _, tt := range []struct {
		key, scopes string
		may         bool
	}{
		{"key-mesh", `["link","send","invite"]`, true}, {"key-old", `["link","send","invite","admin"]`, true}, {"key-few", `["link","send"]`, false},
	} {
		invite := g.as(tt.key, "PUT", "/v1/messaging", object{"user": "alice", "handle": "@alice"})
		message := g.as(tt.key, "POST", "/v1/messages", object{"to": "@alice", "lane": "direct", "text": "hello"})
		if tt.may {
			if invite.status != 200 || message.status != 202 {
				t.Errorf("%s: %s%s", tt.key, invite.body, message.body)
			}
		} else {
			invite.isProblem(403, "insufficient-scope")
			message.isProblem(403, "recipient-unproven")
		}
		if list := g.as(tt.key, "GET", "/v1/domains", nil); !strings.Contains(list.body, `"scopes":`+tt.scopes) {
			t.Errorf("%s: %s", tt.key, list.body)
		}
	}
	for _, call := range []string{"GET /v1/status", "GET /v1/users", "GET /v1/logins", "GET /v1/messages", "GET /v1/trace", "POST /v1/reload"} {
		g.try("key-mesh", call, "", "").isProblem(403, "insufficient-scope")
	}
}

var instance = regexp.MustCompile(`"instance":"[^"]*"`)

// unnamed is an answer without its instance.
func (a answer) unnamed() string { return instance.ReplaceAllString(a.body, "") }

func TestForeignDomainIsForbiddenWhetherItExistsOrNot(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	for call := range calls {
		if call == "GET /v1/domains" || call == "GET /v1/status" || call == "POST /v1/reload" || strings.Contains(call, "{id}") {
			continue
		}
		t.Run(call, func(t *testing.T) {
			g.leavesNothing(func() {
				there, notThere := g.try(keyCorp, call, "", ""), g.try(keyCorp, call, "nowhere", "")
				there.isProblem(403, "domain-not-allowed")
				if there.unnamed() != notThere.unnamed() {
					t.Errorf("the answers differ:\n%s%s", there.body, notThere.body)
				}
				g.try(keyAll, call, "nowhere", "").isProblem(404, "not-found")
			})
			if a := g.try(keyCorp, call, "corp", ""); a.status == 403 {
				t.Errorf("the key's own domain: %s", a.body)
			}
		})
	}
}

func TestReloadNeedsAKeyForEveryDomain(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.as(keyCorp, "POST", "/v1/reload", nil).isProblem(403, "domain-not-allowed")
	g.as(keySend, "POST", "/v1/reload", nil).isProblem(403, "insufficient-scope")
	g.as(keyAdmin, "POST", "/v1/reload", nil).is(200, `{"changed":["log.level"],"needs_restart":[],"warnings":[],"canceled":0}`)
}

// A removed key stops working as soon as the keys are set, and a new one works.
func TestKeysCanBeReplacedWhileRunning(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.server.SetKeys([]api.Key{{Name: "new", Hash: gatewaytest.Hash("key-new"), Domains: []string{"*"}, Scopes: []api.Scope{"admin"}}})
	g.as(keyAll, "GET", "/v1/domains", nil).isProblem(401, "invalid-credentials")
	if a := g.as("key-new", "GET", "/v1/domains", nil); a.status != 200 {
		t.Errorf("the new key: %d %s", a.status, a.body)
	}
}

func TestIDOfAForeignDomainIsNotFound(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.link("", "alice", alice)
	ids := map[string]string{
		"links":         g.call("POST", "/v1/links", object{"user": "alice"}).str("id"),
		"verifications": g.verify("alice", "s"),
		"messages":      g.call("POST", "/v1/messages", object{"user": "alice", "text": "hello"}).str("id"),
		"broadcasts":    g.call("POST", "/v1/broadcasts", object{"text": "hello"}).str("id"),
	}
	for call := range calls {
		if !strings.Contains(call, "{id}") {
			continue
		}
		id := ids[strings.Split(call, "/")[2]]
		g.leavesNothing(func() {
			foreign, unknown := g.try(keyCorp, call, "", id), g.try(keyCorp, call, "", id[:strings.Index(id, "_")+1]+strings.Repeat("a", 26))
			foreign.isProblem(404, "not-found")
			if foreign.unnamed() != unknown.unnamed() {
				t.Errorf("%s tells a foreign id from an unknown one:\n%s%s", call, foreign.body, unknown.body)
			}
		})
	}
}

// With a key of the console and nothing else, nobody can take off the second factor of its sign-in, or use its power without it.
func TestAKeyOfAUserOpensOnlyTheConsole(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	topic := g.topic("")
	for _, call := range []string{"GET /v1/users", "GET /v1/domains", "GET /v1/messaging?user=alice", "DELETE /v1/messaging?user=alice", "POST /v1/reload", "GET /v1/nothing"} {
		method, path := at(call)
		g.leavesNothing(func() { g.as(keyAlice, method, path, nil).isProblem(403, "console-only-key") })
	}
	for call, body := range bodies {
		method, path := at(call)
		g.leavesNothing(func() { g.as(keyAlice, method, path, body).isProblem(403, "console-only-key") })
	}
	g.leavesNothing(func() {
		g.publish("/"+topic, "x", "Authorization", "Bearer "+keyAlice).isRefused(403, "console-only-key", "without user")
	})
}

// OWASP ASVS 16.3.1: failed attempts to authenticate are logged, and no flood of them fills the log.
func TestUnknownKeysAreLoggedWithTheirAddressAndCounted(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	topic := g.topic("")
	for range 30 {
		g.as("key-S3cr3t", "GET", "/v1/domains", nil, "X-Forwarded-For", "203.0.113.9:4001").isProblem(401, "invalid-credentials")
	}
	g.publish("/"+topic, "x", "Authorization", "Bearer key-S3cr3t").isRefused(401, "invalid-credentials", "does not know this key")
	log := g.Log.String()
	if n := strings.Count(log, "unknown API key"); n != 10 {
		t.Errorf("%d lines in the log, want 10", n)
	}
	if strings.Contains(log, "S3cr3t") {
		t.Error("the key is in the log")
	}
	if a := g.as(keySend, "GET", "/metrics", nil); !strings.Contains(a.body, "telegate_refused_keys_total 31") {
		t.Error("the metric does not count 31")
	}
}
