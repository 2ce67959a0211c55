package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"telegate/delivery"
)

// While nothing can be stored, every call that stores fails with a Retry-After, changes nothing and approves no sign-in.
// Afterwards all calls work as if nothing had happened.
func TestWritesFailWhenNothingCanBeStored(t *testing.T) {
	t.Parallel()
	for _, trouble := range []struct {
		err   error
		slug  string
		after string
	}{
		{delivery.ErrStorageFull, "storage-full", "30"},
		{delivery.ErrStorageBusy, "storage-unavailable", "5"},
	} {
		t.Run(trouble.slug, func(t *testing.T) {
			g := newGateway(t)
			g.link("", "alice", alice)
			g.link("", "bob", bob)
			ver := g.verify("alice", "s")
			code := g.Code(alice)
			letter := g.call("POST", "/v1/messages", object{"user": "alice", "text": "hello"}).str("id")
			g.ended(letter, delivery.StatusFailed, unreachable)
			later := object{"text": "hello", "send_at": g.Clock.Now().Add(time.Hour)}
			cast := g.call("POST", "/v1/broadcasts", later).str("id")
			lnk := g.call("POST", "/v1/links", object{"user": "carol"}).str("id")
			calls := []struct {
				method, path string
				body         any
				status       int // when there is space again
			}{
				{"POST", "/v1/links", object{"user": "dave"}, 201},
				{"POST", "/v1/links/" + lnk + "/confirm", object{"code": "123456"}, 200},
				{"PUT", "/v1/messaging", object{"user": "dave", "handle": "@dave_tg"}, 200},
				{"POST", "/v1/verifications", login("bob", "s"), 201},
				{"POST", "/v1/verifications/" + ver + "/check", object{"code": code, "session_binding": "s"}, 200},
				{"POST", "/v1/verifications/" + ver + "/resend", nil, 409},
				{"POST", "/v1/verifications/" + ver + "/cancel", nil, 409},
				{"POST", "/v1/messages", object{"user": "alice", "text": "hello"}, 202},
				{"POST", "/v1/messages/" + letter + "/resend", object{}, 202},
				{"POST", "/v1/broadcasts", later, 202},
				{"POST", "/v1/broadcasts/" + cast + "/cancel", nil, 200},
				{"POST", "/v1/reload", nil, 200},
				{"DELETE", "/v1/messaging?user=bob", nil, 204},
			}
			g.mustCoverWrites(func(method, path string) bool {
				for _, c := range calls {
					known, _, _ := strings.Cut(strings.NewReplacer(lnk, "{id}", ver, "{id}", letter, "{id}", cast, "{id}").Replace(c.path), "?")
					if c.method == method && known == path {
						return true
					}
				}
				return false
			})
			g.store.refuse(trouble.err)
			for _, c := range calls {
				for _, key := range []string{"", "k"} {
					g.leavesNothing(func() {
						header := []string{}
						if key != "" && c.method == "POST" {
							header = []string{"Idempotency-Key", fmt.Sprint(key, c.path)}
						}
						a := g.call(c.method, c.path, c.body, header...)
						a.isProblem(503, trouble.slug)
						if got := a.header.Get("Retry-After"); got != trouble.after {
							t.Errorf("%s %s: Retry-After is %q, want %s", c.method, c.path, got, trouble.after)
						}
					})
				}
			}
			g.call("GET", "/readyz", nil).isProblem(503, trouble.slug)
			if a := g.call("GET", "/v1/messaging?user=alice", nil); a.status != 200 {
				t.Errorf("reading: %d %s", a.status, a.body)
			}
			if !strings.Contains(g.Log.String(), trouble.err.Error()) {
				t.Error("the log does not say what is wrong")
			}
			g.store.refuse(nil)
			for _, c := range calls {
				header := []string{}
				if c.method == "POST" {
					header = []string{"Idempotency-Key", fmt.Sprint("k", c.path)}
				}
				a := g.call(c.method, c.path, c.body, header...)
				if a.status != c.status {
					t.Errorf("%s %s with room again: %d %s, want %d", c.method, c.path, a.status, a.body, c.status)
				}
				if strings.HasSuffix(c.path, "/check") && !strings.Contains(a.body, `"approved":true`) {
					t.Errorf("the code does not count any more: %s", a.body)
				}
			}
		})
	}
}

// mustCoverWrites checks that a test covers every call of the contract that changes something.
func (g *gateway) mustCoverWrites(known func(method, path string) bool) {
	g.T.Helper()
	for path, methods := range g.contract.Paths {
		for method := range methods {
			if method = strings.ToUpper(method); method != "GET" && !known(method, path) {
				g.T.Errorf("no case for %s %s", method, path)
			}
		}
	}
}
