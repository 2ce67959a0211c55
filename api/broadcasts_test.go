package api_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"telegate/api"
	"telegate/delivery"
	"telegate/internal/gatewaytest"
	"telegate/linking"
	"telegate/notify"
)

// audience links alice and bob in the default domain; bob has blocked the bot.
func audience(t *testing.T) *gateway {
	t.Helper()
	g := newGateway(t)
	g.link("", "alice", alice)
	g.link("", "bob", bob)
	if err := g.Links.ChatBlocked(t.Context(), gatewaytest.BotID, bob.ID); err != nil {
		t.Fatal(err)
	}
	return g
}

// nothingYet is the part of a broadcast that has not started.
const nothingYet = `"queued":0,"sending":0,"delivered":0,"failed":0,"expired":0,"canceled":0,"unknown":0`

func TestBroadcastFromAcceptanceToItsEnd(t *testing.T) {
	t.Parallel()
	g := audience(t)
	sent := g.call("POST", "/v1/broadcasts", object{
		"users": []string{"bob", "alice", "nobody", "alice"}, "text": "<b>Maintenance</b> at 20:00", "format": "html", "silent": true, "ttl": 3600,
	}).is(202, `{"id":"bc_…","status":"scheduled","send_at":"2026-11-02T09:00:00Z",
		"counts":{"reachable":1,"unlinked":1,"blocked":1},"estimated_seconds":1}`)
	id := sent.str("id")
	if at := sent.header.Get("Location"); at != "/v1/broadcasts/"+id {
		t.Errorf("Location is %q", at)
	}
	const same = `"domain":"","created_at":"2026-11-02T09:00:00Z","send_at":"2026-11-02T09:00:00Z",
		"expires_at":"2026-11-02T10:00:00Z","counts":{"reachable":1,"unlinked":1,"blocked":1},"total":3,`
	g.call("GET", "/v1/broadcasts/"+id, nil).is(200, `{"id":"`+id+`","status":"scheduled","ended_at":null,`+same+
		`"outcomes":{"waiting":3,`+nothingYet+`},"reasons":{}}`)

	g.RunBroadcasts()
	var message delivery.Message
	for message.Broadcast == "" {
		message = g.Last(alice)
	}
	if message.Broadcast != id || message.Lane != delivery.LaneBroadcast || !message.Silent || message.User != "alice" ||
		message.Body.Parts[0].Text.Text != "Maintenance at 20:00" || message.Expires.Sub(message.Created) != time.Hour {
		t.Errorf("alice's message is %+v", message)
	}
	g.call("GET", "/v1/broadcasts/"+id, nil).is(200, `{"id":"`+id+`","status":"sending","ended_at":null,`+same+
		`"outcomes":{"waiting":0,"queued":1,"sending":0,"delivered":0,"failed":2,"expired":0,"canceled":0,"unknown":0},
		"reasons":{"never_started":1,"blocked_by_user":1}}`)
	g.call("GET", "/v1/messages/"+message.ID, nil).is(200, `{"id":"`+message.ID+`","domain":"","user":"alice","lane":"broadcast",
		"status":"queued","attempts":0,"failure":null,"created_at":"2026-11-02T09:00:00Z","expires_at":"2026-11-02T10:00:00Z","delivered_at":null,
		"ended_at":null,"suppressed":0,"broadcast":"`+id+`","resendable":false,"history":[{"time":"2026-11-02T09:00:00Z","event":"accepted",
		"detail":"Accepted in the lane broadcast and stored; it expires at 2026-11-02T10:00:00Z."}]}`)

	g.ended(message.ID, delivery.StatusDelivered, nil)
	done := `{"id":"` + id + `","status":"done","ended_at":"2026-11-02T09:00:00Z",` + same +
		`"outcomes":{"waiting":0,"queued":0,"sending":0,"delivered":1,"failed":2,"expired":0,"canceled":0,"unknown":0},
		"reasons":{"never_started":1,"blocked_by_user":1}}`
	g.call("GET", "/v1/broadcasts/"+id, nil, "Prefer", "wait=20").is(200, done)
	g.call("GET", "/v1/broadcasts", nil).is(200, `{"broadcasts":[`+done+`],"next":""}`)
	if p := g.call("POST", "/v1/broadcasts/"+id+"/cancel", nil).isProblem(409, "broadcast-finished"); p.CurrentStatus != "done" {
		t.Errorf("canceling what is done says %+v", p)
	}
}

func TestDryRunCountsAndStoresNothing(t *testing.T) {
	t.Parallel()
	g := audience(t)
	g.leavesNothing(func() {
		a := g.call("POST", "/v1/broadcasts", object{"text": "hello", "dry_run": true}).is(200,
			`{"send_at":"2026-11-02T09:00:00Z","counts":{"reachable":1,"unlinked":0,"blocked":1},"estimated_seconds":1}`)
		if a.header.Get("Location") != "" {
			t.Error("nothing has a location")
		}
		g.call("POST", "/v1/broadcasts", object{"text": "<b>hello", "format": "html", "dry_run": true}).isFault("#/text")
	})
}

func TestBroadcastToNobody(t *testing.T) {
	t.Parallel()
	g := audience(t)
	for name, c := range map[string]struct {
		body object
		want notify.Audience
	}{
		"nobody linked in the domain": {object{"domain": "corp", "text": "hello"}, notify.Audience{}},
		"users nobody knows":          {object{"users": []string{"carol", "dave"}, "text": "hello"}, notify.Audience{Unlinked: 2}},
		"only who has blocked":        {object{"users": []string{"bob", "carol"}, "text": "hello"}, notify.Audience{Unlinked: 1, Blocked: 1}},
		"linked in another domain":    {object{"domain": "corp", "users": []string{"alice"}, "text": "hello"}, notify.Audience{Unlinked: 1}},
		"a dry run":                   {object{"users": []string{"carol"}, "text": "hello", "dry_run": true}, notify.Audience{Unlinked: 1}},
	} {
		g.leavesNothing(func() {
			p := g.call("POST", "/v1/broadcasts", c.body).isProblem(409, "no-recipients")
			if p.Counts == nil || *p.Counts != c.want {
				t.Errorf("%s: counts are %+v, want %+v", name, p.Counts, c.want)
			}
		})
	}
}

func TestInvalidBroadcastIsExplained(t *testing.T) {
	t.Parallel()
	g := audience(t)
	long := strings.Repeat("x", 257)
	for _, c := range []struct {
		name    string
		value   any
		pointer string
	}{
		{"users", []string{}, "#/users"},
		{"users", []string{""}, "#/users/0"},
		{"users", []string{"alice", long}, "#/users/1"},
		{"users", []string{"alice", "bob", "ali\x00ce"}, "#/users/2"},
		{"users", []any{"alice", 1}, "#/users/1"},
		{"users", []any{"alice", nil}, "#/users/1"},
		{"users", nil, "#/users"},
		{"users", "alice", "#/users"},
		{"text", "", "#/text"},
		{"text", "hel\x00lo", "#/text"},
		{"text", " \n ", "#/text"},
		{"text", strings.Repeat("x", 100_001), "#/text"},
		{"format", "markdown", "#/format"},
		{"send_at", "2026-11-02T08:58:59Z", "#/send_at"},
		{"send_at", "1999-12-31T23:59:59Z", "#/send_at"},
		{"send_at", "0001-01-01T00:00:00Z", "#/send_at"},
		{"send_at", "2036-11-02T09:00:00Z", "#/send_at"},
		{"send_at", "2027-11-03T09:00:01Z", "#/send_at"},
		{"send_at", "2026-11-02", "#/send_at"},
		{"send_at", "2026-11-31T09:00:00Z", "#/send_at"},
		{"send_at", "tomorrow", "#/send_at"},
		{"send_at", "", "#/send_at"},
		{"send_at", 1793611200, "#/send_at"},
		{"ttl", 9, "#/ttl"},
		{"ttl", 604_801, "#/ttl"},
		{"dry_run", "yes", "#/dry_run"},
		{"user", "alice", "#/user"},
		{"to", "@alice", "#/to"},
		{"lane", "code", "#/lane"},
		{"dedupe_key", "k", "#/dedupe_key"},
	} {
		g.leavesNothing(func() {
			g.call("POST", "/v1/broadcasts", with("POST /v1/broadcasts", c.name, c.value)).isFault(c.pointer)
		})
	}
	if p := g.call("POST", "/v1/broadcasts", object{"users": []string{}, "text": "hello"}).problem(); !strings.Contains(p.Errors[0].Detail, "leave users out") {
		t.Errorf("an empty list: %+v", p)
	}
	p := g.call("POST", "/v1/broadcasts", object{"text": "one <b>two", "format": "html"}).isProblem(422, "validation-failed")
	if !strings.Contains(p.Errors[0].Detail, "byte 4") {
		t.Errorf("the fault in the HTML is not located: %+v", p.Errors)
	}
	for _, at := range []string{"2026-11-02T08:59:00Z", "2026-11-02T09:00:00Z", "2027-11-03T09:00:00Z", "2026-11-02T10:00:00+01:00"} {
		if a := g.call("POST", "/v1/broadcasts", with("POST /v1/broadcasts", "send_at", at)); a.status != 202 {
			t.Errorf("send_at %s: %d %s", at, a.status, a.body)
		}
	}
	for _, query := range []string{"limit=0", "limit=101", "limit=x"} {
		g.call("GET", "/v1/broadcasts?"+query, nil).isFault("query/limit")
	}
}

// Many invalid members give a short answer.
func TestAtMostTwentyInvalidMembersAreListed(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	p := g.call("POST", "/v1/broadcasts", object{"users": make([]string, 1000), "text": "hello"}).isProblem(422, "validation-failed")
	if len(p.Errors) != 20 || p.Errors[19].Pointer != "#/users/19" {
		t.Errorf("%d faults, the last at %+v", len(p.Errors), p.Errors[len(p.Errors)-1])
	}
}

func TestAMillionAndOneUsersAreRefusedAtOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("sends bodies of many megabytes")
	}
	g := audience(t)
	var body strings.Builder
	body.WriteString(`{"text":"hello","users":["u0"`)
	for i := range 1_000_000 {
		fmt.Fprintf(&body, `,"u%d"`, i+1)
	}
	body.WriteString(`]}`)
	list := body.String()
	g.leavesNothing(func() {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begun := time.Now()
		p := g.call("POST", "/v1/broadcasts", list).isProblem(422, "validation-failed")
		took := time.Since(begun)
		runtime.ReadMemStats(&after)
		if p.Errors[0].Pointer != "#/users" || !strings.Contains(p.Errors[0].Detail, "more than 100000") {
			t.Errorf("told as %+v", p.Errors)
		}
		allocated := (after.TotalAlloc - before.TotalAlloc) >> 20
		t.Logf("%d bytes refused in %v, %d MB allocated on the way", len(list), took, allocated)
		if allocated > 150 {
			t.Errorf("%d MB were allocated for a body of %d MB", allocated, len(list)>>20)
		}
	})
}

func TestTheLargestListIsAccepted(t *testing.T) {
	if testing.Short() {
		t.Skip("sends bodies of many megabytes")
	}
	g := audience(t)
	users := make([]string, notify.MaxAudience)
	for i := range users {
		users[i] = fmt.Sprintf("user//%06d", i)
	}
	users[77] = "alice"
	begun := time.Now()
	id := g.call("POST", "/v1/broadcasts", object{"users": users, "text": "hello"}).is(202, `{"id":"bc_…","status":"scheduled",
		"send_at":"2026-11-02T09:00:00Z","counts":{"reachable":1,"unlinked":99999,"blocked":0},"estimated_seconds":1}`).str("id")
	t.Logf("100,000 users accepted in %v", time.Since(begun))
	var b api.Broadcast
	if g.call("GET", "/v1/broadcasts/"+id, nil).into(&b); b.Total != notify.MaxAudience {
		t.Errorf("%+v", b)
	}
	g.call("POST", "/v1/broadcasts", object{"users": append(users, "one more"), "text": "hello"}).isFault("#/users")
}

func TestOnlyABroadcastMayBeLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("sends bodies of many megabytes")
	}
	g := newGateway(t)
	body := func(size int) string { return `{"text":"` + strings.Repeat("x", size-11) + `"}` }
	for call, limit := range map[string]int{
		"POST /v1/broadcasts": 16 << 20, "POST /v1/messages": 256 << 10, "POST /v1/broadcasts/bc_x/cancel": 256 << 10, "PUT /v1/messaging": 256 << 10,
	} {
		method, path, _ := strings.Cut(call, " ")
		p := g.call(method, path, body(limit+1)).isProblem(413, "body-too-large")
		if p.LimitBytes != limit || !strings.Contains(p.Detail, fmt.Sprintf("%d KiB", limit>>10)) {
			t.Errorf("%s: %+v", call, p)
		}
		if a := g.call(method, path, body(limit)); a.status == 413 {
			t.Errorf("%s: a body of exactly the limit is refused", call)
		}
	}
}

func TestSameKeyWithAnotherBroadcastIsAMismatch(t *testing.T) {
	t.Parallel()
	g := audience(t)
	first := g.call("POST", "/v1/broadcasts", object{"text": "one"}, "Idempotency-Key", "k")
	g.leavesNothing(func() {
		g.call("POST", "/v1/broadcasts", object{"text": "two"}, "Idempotency-Key", "k").isProblem(422, "idempotency-mismatch")
		if again := g.call("POST", "/v1/broadcasts", object{"text": "one"}, "Idempotency-Key", "k"); !again.replayed() || again.body != first.body {
			t.Errorf("the same again: %s", again.body)
		}
	})
}

// After a crash between commit and answer, the repeated call finds the broadcast, whatever happened to its recipients.
func TestBroadcastRepeatedAfterACrashIsOne(t *testing.T) {
	t.Parallel()
	g, store := newFaultyGateway(t)
	g.link("", "alice", alice)
	store.failSave = true
	body := object{"users": []string{"alice"}, "text": "hello"}
	first := g.call("POST", "/v1/broadcasts", body, "Idempotency-Key", "k")
	if err := g.Links.Unlink(t.Context(), "", "alice"); err != nil {
		t.Fatal(err)
	}
	g.Clock.Advance(time.Hour)
	if again := g.call("POST", "/v1/broadcasts", body, "Idempotency-Key", "k"); again.status != 202 || again.body != first.body {
		t.Errorf("again: %d %s, first %s", again.status, again.body, first.body)
	}
	var list api.BroadcastList
	if g.call("GET", "/v1/broadcasts", nil).into(&list); len(list.Broadcasts) != 1 {
		t.Errorf("%d broadcasts", len(list.Broadcasts))
	}
	g.Clock.Advance(24 * time.Hour)
	g.link("", "alice", alice)
	if later := g.call("POST", "/v1/broadcasts", body, "Idempotency-Key", "k"); later.status != 202 || later.str("id") == first.str("id") {
		t.Errorf("a day later: %d %s", later.status, later.body)
	}
}

func TestCanceledBroadcastSendsNothingAndIsCanceledOnce(t *testing.T) {
	t.Parallel()
	g := audience(t)
	id := g.call("POST", "/v1/broadcasts", object{"text": "hello", "send_at": "2026-11-02T20:00:00Z"}).str("id")
	var b api.Broadcast
	if g.call("POST", "/v1/broadcasts/"+id+"/cancel", nil).into(&b); b.Status != "canceled" || b.Outcomes.Canceled != 2 || b.Total != 2 {
		t.Errorf("canceled: %+v", b)
	}
	if p := g.call("POST", "/v1/broadcasts/"+id+"/cancel", nil).isProblem(409, "broadcast-finished"); p.CurrentStatus != "canceled" {
		t.Errorf("twice: %+v", p)
	}
	g.RunBroadcasts()
	if g.call("GET", "/v1/broadcasts/"+id, nil, "Prefer", "wait=20").into(&b); b.EndedAt == nil || b.Outcomes.Canceled != 2 || b.Total != 2 {
		t.Errorf("in the end: %+v", b)
	}
	for _, who := range []linking.Chat{alice, bob} {
		if m := g.Last(who); m.Broadcast != "" {
			t.Errorf("queued all the same: %+v", m)
		}
	}
	g.call("POST", "/v1/broadcasts/bc_nothing/cancel", nil).isProblem(404, "not-found")
}

func TestWaitEndsWhenABroadcastIsCanceled(t *testing.T) {
	t.Parallel()
	g, w := newWatchedGateway(t)
	g.link("", "alice", alice)
	g.RunBroadcasts()
	id := g.call("POST", "/v1/broadcasts", object{"text": "hello", "send_at": "2026-11-02T20:00:00Z"}).str("id")
	var b api.Broadcast
	g.whileWaiting(w, g.request(keySend, "GET", "/v1/broadcasts/"+id, nil), func() {
		g.call("POST", "/v1/broadcasts/"+id+"/cancel", nil)
	}).into(&b)
	if b.Status != "canceled" || b.EndedAt == nil {
		t.Errorf("heard of %+v", b)
	}
}

func TestBroadcastsAreListedNewestFirstAndInPages(t *testing.T) {
	t.Parallel()
	g := audience(t)
	g.link("corp", "alice", alice)
	var ids []string
	for range 5 {
		ids = append(ids, g.call("POST", "/v1/broadcasts", object{"text": "hello"}).str("id"))
		g.Clock.Advance(time.Second)
	}
	g.call("POST", "/v1/broadcasts", object{"domain": "corp", "text": "hello"})
	var seen []string
	for next := ""; len(seen) < 10; {
		var list api.BroadcastList
		g.call("GET", "/v1/broadcasts?limit=2&after="+next, nil).into(&list)
		for _, b := range list.Broadcasts {
			seen = append([]string{b.ID}, seen...)
		}
		if next = list.Next; next == "" {
			break
		}
	}
	if fmt.Sprint(seen) != fmt.Sprint(ids) {
		t.Errorf("listed %v, want %v", seen, ids)
	}
	g.call("GET", "/v1/broadcasts?after=bc_nothing", nil).is(200, `{"broadcasts":[],"next":""}`)
}

// The text is not in any answer, log or audit entry, and not unencrypted in the files, before and after sending.
func TestBroadcastTextIsNeverStoredUnencrypted(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.link("", "alice", alice)
	created := g.call("POST", "/v1/broadcasts", object{"text": mark}, "Idempotency-Key", mark)
	created.silent()
	g.call("POST", "/v1/broadcasts", object{"text": mark + "<b>", "format": "html"}).refused()
	g.call("POST", "/v1/broadcasts", object{"text": mark, "users": []string{"nobody"}}).refused()
	g.RunBroadcasts()
	var m delivery.Message
	for m.Broadcast == "" {
		m = g.Last(alice)
	}
	search := func() {
		t.Helper()
		for _, path := range []string{g.Path, g.Path + "-wal"} {
			if data, err := os.ReadFile(path); err != nil || strings.Contains(string(data), mark) {
				t.Errorf("it stands in %s (%v)", path, err)
			}
		}
		g.call("GET", "/v1/broadcasts", nil).silent()
		g.call("GET", "/v1/broadcasts/"+created.str("id"), nil).silent()
		g.logIsSilent()
	}
	search()
	g.ended(m.ID, delivery.StatusDelivered, nil)
	g.call("GET", "/v1/broadcasts/"+created.str("id"), nil, "Prefer", "wait=20").silent()
	search()
}

// A body of many nested members costs no more than its size.
func TestDeepNestingIsCheap(t *testing.T) {
	g := newGateway(t)
	body := `{"text":` + strings.Repeat(`{"a":`, 9000) + "1" + strings.Repeat("}", 9000) + "}"
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	g.server.ServeHTTP(httptest.NewRecorder(), g.request(keyAll, "POST", "/v1/broadcasts", json.RawMessage(body)))
	runtime.ReadMemStats(&after)
	if allocated := (after.TotalAlloc - before.TotalAlloc) >> 20; allocated > 64 {
		t.Errorf("%d MB were allocated for a body of %d KB", allocated, len(body)>>10)
	}
}
