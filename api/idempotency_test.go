package api_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"telegate/api"
	"telegate/internal/gatewaytest"
)

// answers is the store of answers with faults that can be switched on.
type answers struct {
	api.AnswerStore
	failRead, failSave bool
	saving, release    chan struct{} // if set, SaveAnswer signals that it was called, and waits
}

func (a *answers) SaveAnswer(ctx context.Context, answer api.Answer) error {
	if a.saving != nil {
		a.saving <- struct{}{}
		<-a.release
	}
	if a.failSave {
		return errors.New("disk full at /var/secret/place")
	}
	return a.AnswerStore.SaveAnswer(ctx, answer)
}

func (a *answers) Answer(ctx context.Context, key []byte, since time.Time) (api.Answer, error) {
	if a.failRead {
		return api.Answer{}, errors.New("disk gone at /var/secret/place")
	}
	return a.AnswerStore.Answer(ctx, key, since)
}

// newFaultyGateway can make its store of answers fail.
func newFaultyGateway(t *testing.T) (*gateway, *answers) {
	t.Helper()
	store := &answers{}
	g := newGateway(t, func(o *api.Options) {
		store.AnswerStore = o.Answers
		o.Answers = store
	})
	return g, store
}

func (a answer) replayed() bool { return a.header.Get("Idempotent-Replayed") == "true" }

func TestRepeatedRequestGetsTheFirstAnswer(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.link("", "alice", alice)
	for path, body := range map[string]object{
		"/v1/links":         {"user": "bob"},
		"/v1/verifications": login("alice", "s"),
		"/v1/messages":      {"user": "alice", "text": "hello"},
		"/v1/broadcasts":    {"text": "hello"},
	} {
		first := g.call("POST", path, body, "Idempotency-Key", "k-"+path)
		if first.replayed() || first.header.Get("Location") == "" {
			t.Fatalf("%s: %v %s", path, first.header, first.body)
		}
		g.leavesNothing(func() {
			for _, key := range []string{"k-" + path, `"k-` + path + `"`} {
				again := g.call("POST", path, body, "Idempotency-Key", key)
				if !again.replayed() || again.status != first.status || again.body != first.body {
					t.Errorf("%s again with %s: %d %s, want %d %s", path, key, again.status, again.body, first.status, first.body)
				}
				for _, name := range []string{"Location", "Content-Type"} {
					if again.header.Get(name) != first.header.Get(name) {
						t.Errorf("%s again: %s is %q, was %q", path, name, again.header.Get(name), first.header.Get(name))
					}
				}
			}
		})
	}
}

func TestRepeatedCheckUsesNoAttempt(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.link("", "alice", alice)
	id := g.verify("alice", "s")
	code := g.Code(alice)
	check := func(code, key string) answer {
		t.Helper()
		return g.call("POST", "/v1/verifications/"+id+"/check", object{"code": code, "session_binding": "s"}, "Idempotency-Key", key)
	}
	for range 3 {
		var c api.Check
		if check(gatewaytest.WrongCode(code), "k1").into(&c); c.Result != "incorrect" || c.AttemptsRemaining != 4 {
			t.Errorf("a wrong code: %+v", c)
		}
	}
	for _, replayed := range []bool{false, true, true} {
		var c api.Check
		a := check(code, "k2")
		if a.into(&c); !c.Approved || a.replayed() != replayed {
			t.Errorf("the right code, replayed %v: %s", a.replayed(), a.body)
		}
	}
	var c api.Check
	if check(code, "k3").into(&c); c.Approved || c.Result != "already_used" {
		t.Errorf("the code under a new key: %+v", c)
	}
}

func TestIdempotencyKeyWithAnotherBodyIsRefused(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.link("", "alice", alice)
	g.call("POST", "/v1/messages", object{"user": "alice", "text": "one"}, "Idempotency-Key", "k").is(202, `{"id":"msg_…","status":"queued"}`)
	g.leavesNothing(func() {
		p := g.call("POST", "/v1/messages", object{"user": "alice", "text": "two"}, "Idempotency-Key", "k").isProblem(422, "idempotency-mismatch")
		if p.IdempotencyKey != "k" {
			t.Errorf("the problem names the key %q", p.IdempotencyKey)
		}
	})
}

func TestIdempotencyKeyIsPerCallerAndPath(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.link("", "alice", alice)
	body := object{"user": "alice", "text": "hello"}
	first := g.call("POST", "/v1/messages", body, "Idempotency-Key", "k").str("id")
	if a := g.as(keySend, "POST", "/v1/messages", body, "Idempotency-Key", "k"); a.replayed() || a.str("id") == first {
		t.Errorf("another caller's key: %s", a.body)
	}
	if a := g.call("POST", "/v1/links", object{"user": "bob"}, "Idempotency-Key", "k"); a.replayed() || a.status != 201 {
		t.Errorf("another path: %s", a.body)
	}
	ids := []string{g.verify("alice", "s1"), g.verify("alice", "s2")}
	for _, id := range ids {
		if a := g.call("POST", "/v1/verifications/"+id+"/cancel", nil, "Idempotency-Key", "k"); a.replayed() || a.str("id") != id {
			t.Errorf("another verification: %s", a.body)
		}
	}
}

func TestAStoredAnswerAsksForTodaysScope(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.link("", "alice", alice)
	body := object{"user": "alice", "text": "hello"}
	if a := g.as(keySend, "POST", "/v1/messages", body, "Idempotency-Key", "k"); a.status != 202 {
		t.Fatal(a.body)
	}
	g.server.SetKeys([]api.Key{{Name: "send", Hash: gatewaytest.Hash(keySend), Domains: []string{"*"}, Scopes: []api.Scope{"link"}}})
	g.as(keySend, "POST", "/v1/messages", body, "Idempotency-Key", "k").isProblem(403, "insufficient-scope")
}

func TestRefusedRequestIsNotStored(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	body := object{"to": "@alice", "text": "1234", "lane": "code", "purpose": "link"}
	g.leavesNothing(func() {
		g.call("POST", "/v1/messages", object{"to": "@alice"}, "Idempotency-Key", "k").isFault("#/text")
		g.as(keyLink, "POST", "/v1/messages", body, "Idempotency-Key", "k").isProblem(403, "insufficient-scope")
	})
	g.call("POST", "/v1/messages", body, "Idempotency-Key", "k").isProblem(409, "recipient-unknown")
	g.start(alice)
	if a := g.call("POST", "/v1/messages", body, "Idempotency-Key", "k"); a.status != 202 || a.replayed() {
		t.Errorf("once it may: %d %s", a.status, a.body)
	}
}

func TestRequestInFlightIsNotRunTwice(t *testing.T) {
	t.Parallel()
	g, store := newFaultyGateway(t)
	g.link("", "alice", alice)
	store.saving, store.release = make(chan struct{}), make(chan struct{})
	body := object{"user": "alice", "text": "hello"}
	var first answer
	var done sync.WaitGroup
	done.Go(func() { first = g.call("POST", "/v1/messages", body, "Idempotency-Key", "k") })
	<-store.saving
	a := g.call("POST", "/v1/messages", body, "Idempotency-Key", "k")
	if p := a.isProblem(409, "idempotency-in-flight"); p.IdempotencyKey != "k" || p.RetryAfter != 1 || a.header.Get("Retry-After") != "1" {
		t.Errorf("in flight: %s", a.body)
	}
	close(store.release)
	done.Wait()
	store.saving = nil
	if again := g.call("POST", "/v1/messages", body, "Idempotency-Key", "k"); !again.replayed() || again.body != first.body {
		t.Errorf("after the flight: %s, want %s", again.body, first.body)
	}
}

// A failing store stands for a crash between the commit of a message and storing its answer.
func TestMessageRepeatedAfterACrashIsTheSameMessage(t *testing.T) {
	t.Parallel()
	g, store := newFaultyGateway(t)
	g.link("", "alice", alice)
	store.failSave = true
	body := object{"user": "alice", "text": "hello"}
	send := func() string {
		t.Helper()
		return g.call("POST", "/v1/messages", body, "Idempotency-Key", "daily").is(202, `{"id":"msg_…","status":"queued"}`).str("id")
	}
	first := send()
	for range 23 { // across midnight
		g.leavesNothing(func() {
			if id := send(); id != first {
				t.Errorf("at %s it is a new message", g.Clock.Now())
			}
		})
		g.Clock.Advance(time.Hour)
	}
	other := g.call("POST", "/v1/messages", object{"user": "alice", "text": "other"}, "Idempotency-Key", "daily").str("id")
	if other == first {
		t.Error("another text under the key of a lost answer was not sent")
	}
}

func TestIdempotencyKeyExpiresAfter24Hours(t *testing.T) {
	t.Parallel()
	for name, answersLost := range map[string]bool{"answers kept": false, "answers lost": true} {
		t.Run(name, func(t *testing.T) {
			g, store := newFaultyGateway(t)
			store.failSave = answersLost
			g.link("", "alice", alice)
			body := object{"user": "alice", "text": "the backup is done", "ttl": 604_800}
			seen := map[string]bool{}
			for day := range 5 {
				a := g.call("POST", "/v1/messages", body, "Idempotency-Key", "daily").is(202, `{"id":"msg_…","status":"queued"}`)
				if id := a.str("id"); seen[id] || a.replayed() {
					t.Fatalf("day %d: the message of an earlier day", day)
				} else {
					seen[id] = true
				}
				g.Clock.Advance(24*time.Hour - time.Millisecond)
				if id := g.call("POST", "/v1/messages", body, "Idempotency-Key", "daily").str("id"); !seen[id] {
					t.Fatalf("day %d: a second message within 24 hours", day)
				}
				g.Clock.Advance(time.Millisecond)
			}
		})
	}
}

func TestAnswerStoreFails(t *testing.T) {
	t.Parallel()
	g, store := newFaultyGateway(t)
	g.link("", "alice", alice)
	body := object{"user": "alice", "text": "hello"}
	store.failSave = true
	g.call("POST", "/v1/messages", body, "Idempotency-Key", "k").is(202, `{"id":"msg_…","status":"queued"}`)
	store.failRead = true
	g.leavesNothing(func() {
		if a := g.call("POST", "/v1/messages", body, "Idempotency-Key", "k"); strings.Contains(a.body, "secret/place") {
			t.Errorf("the answer shows the inside: %s", a.body)
		} else {
			a.isProblem(503, "storage-unavailable")
		}
	})
	for _, line := range []string{"disk full", "disk gone"} {
		if !strings.Contains(g.Log.String(), line) {
			t.Errorf("the log does not say %q", line)
		}
	}
}

func TestStoredAnswerIsEncrypted(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	a := g.call("POST", "/v1/links", object{"user": "alice"}, "Idempotency-Key", "a-key-of-the-caller")
	token := strings.TrimPrefix(a.str("start_command"), "/start ")
	for _, path := range []string{g.Path, g.Path + "-wal"} {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{token, "a-key-of-the-caller"} {
			if strings.Contains(string(data), secret) {
				t.Errorf("%s stands in %s", secret, path)
			}
		}
	}
}
