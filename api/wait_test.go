package api_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"telegate/api"
	"telegate/delivery"
	"telegate/internal/gatewaytest"
	"telegate/linking"
)

// watcher signals when a request starts to wait.
type watcher struct {
	api.Watcher
	begun chan string
}

func (w *watcher) Watch(id string) (<-chan struct{}, func()) {
	changed, stop := w.Watcher.Watch(id)
	w.begun <- id
	return changed, stop
}

func newWatchedGateway(t *testing.T) (*gateway, *watcher) {
	t.Helper()
	w := &watcher{begun: make(chan string, 1)}
	g := newGateway(t, func(o *api.Options) {
		w.Watcher = o.Watcher
		o.Watcher = w
	})
	return g, w
}

// whileWaiting sends a request that waits, calls do once it waits, and returns the answer.
func (g *gateway) whileWaiting(w *watcher, r *http.Request, do func()) answer {
	g.T.Helper()
	r.Header.Set("Prefer", "wait=20")
	var a answer
	var done sync.WaitGroup
	done.Go(func() { a = g.do(r) })
	<-w.begun
	do()
	done.Wait()
	return a
}

func TestWaitEndsWhenALinkIsClaimed(t *testing.T) {
	t.Parallel()
	g, w := newWatchedGateway(t)
	started := g.call("POST", "/v1/links", object{"user": "alice"})
	a := g.whileWaiting(w, g.request(keyLink, "GET", "/v1/links/"+started.str("id"), nil), func() {
		g.call("POST", "/v1/links", object{"user": "bob"}) // changes of other links do not count
		g.Claim(alice, started.str("start_url"))
	})
	if a.status != 200 || a.str("status") != "claimed" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestWaitEndsWhenAVerificationEnds(t *testing.T) {
	t.Parallel()
	g, w := newWatchedGateway(t)
	g.link("", "alice", alice)
	id := g.verify("alice", "s")
	a := g.whileWaiting(w, g.request(keyVerify, "GET", "/v1/verifications/"+id, nil), func() {
		if err := g.Codes.NotMe(t.Context(), gatewaytest.BotID, alice.ID, id); err != nil {
			t.Error(err)
		}
	})
	if a.status != 200 || a.str("status") != "denied" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestWaitEndsWhenAMessageIsDelivered(t *testing.T) {
	t.Parallel()
	g, w := newWatchedGateway(t)
	g.link("", "alice", alice)
	id := g.call("POST", "/v1/messages", object{"user": "alice", "text": "hello"}).str("id")
	a := g.whileWaiting(w, g.request(keySend, "GET", "/v1/messages/"+id, nil), func() { g.ended(id, delivery.StatusDelivered, nil) })
	if a.status != 200 || a.str("status") != "delivered" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestCreationCanWaitForTheDelivery(t *testing.T) {
	t.Parallel()
	g, w := newWatchedGateway(t)
	g.link("", "alice", alice)
	deliver := func() { g.ended(g.Last(alice).ID, delivery.StatusDelivered, nil) }
	a := g.whileWaiting(w, g.request(keyVerify, "POST", "/v1/verifications", login("alice", "s")), deliver)
	var v api.Verification
	if a.into(&v); a.status != 201 || v.Delivery.Status != "delivered" {
		t.Errorf("%d %s", a.status, a.body)
	}
	a = g.whileWaiting(w, g.request(keySend, "POST", "/v1/messages", object{"user": "alice", "text": "hello"}), deliver)
	if a.status != 202 || a.str("status") != "delivered" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestNoWaitForEndedOrUnknown(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	link := g.link("", "alice", alice)
	if a := g.call("GET", "/v1/links/"+link, nil, "Prefer", "wait=20"); a.str("status") != "verified" {
		t.Error(a.body)
	}
	g.call("GET", "/v1/links/lnk_x", nil, "Prefer", "wait=20").isProblem(404, "not-found")
	foreign := g.call("POST", "/v1/links", object{"user": "bob"}).str("id")
	g.as(keyCorp, "GET", "/v1/links/"+foreign, nil, "Prefer", "wait=20").isProblem(404, "not-found")
}

func TestWaitLastsAsLongAsPreferredAndAtMost25Seconds(t *testing.T) {
	t.Parallel()
	for prefer, want := range map[string]time.Duration{
		"wait=3": 3 * time.Second, "Wait=3": 3 * time.Second, `wait="3"`: 3 * time.Second, "respond-async, wait=3": 3 * time.Second,
		"wait=3;foo=bar": 3 * time.Second, "wait = 4 ; x=y": 4 * time.Second, `respond-async, wait="5"`: 5 * time.Second, "wait=25": 25 * time.Second, "wait=26": 25 * time.Second, "wait=9223372036854775807": 25 * time.Second,
		"wait=99999999999999999999": 0, "wait=0": 0, "wait=-5": 0, "": 0,
	} {
		synctest.Test(t, func(t *testing.T) {
			g := newGateway(t)
			id := g.call("POST", "/v1/links", object{"user": "alice"}).str("id")
			begun := time.Now()
			if a := g.call("GET", "/v1/links/"+id, nil, "Prefer", prefer); a.str("status") != "pending" {
				t.Error(a.body)
			}
			if waited := time.Since(begun); waited != want {
				t.Errorf("Prefer: %s waits %s, want %s", prefer, waited, want)
			}
		})
	}
}

func TestExpiryDuringTheWaitIsReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		id := g.call("POST", "/v1/links", object{"user": "alice"}).str("id")
		var a answer
		var done sync.WaitGroup
		done.Go(func() { a = g.call("GET", "/v1/links/"+id, nil, "Prefer", "wait=5") })
		synctest.Wait()
		g.Clock.Advance(linking.Lifetime)
		done.Wait()
		if a.str("status") != "expired" {
			t.Errorf("after the wait: %s", a.body)
		}
	})
}

// A caller who disconnects will repeat the request with its Idempotency-Key, so the answer is stored.
func TestAnswerIsStoredForADisconnectedCaller(t *testing.T) {
	t.Parallel()
	g, w := newWatchedGateway(t)
	g.link("", "alice", alice)
	ctx, hangUp := context.WithCancel(t.Context())
	r := g.request(keyVerify, "POST", "/v1/verifications", login("alice", "s"), "Idempotency-Key", "k").WithContext(ctx)
	first := g.whileWaiting(w, r, hangUp)
	again := g.as(keyVerify, "POST", "/v1/verifications", login("alice", "s"), "Idempotency-Key", "k")
	if !again.replayed() || again.str("id") != first.str("id") {
		t.Errorf("again: %d %s\nfirst: %d %s", again.status, again.body, first.status, first.body)
	}
	if strings.Contains(g.Log.String(), "level=ERROR") {
		t.Errorf("a caller who hangs up is no error:\n%s", g.Log)
	}
}
