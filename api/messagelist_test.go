package api_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"telegate/api"
	"telegate/db/dbtest"
	"telegate/delivery"
	"telegate/internal/gatewaytest"
)

var unreachable = &delivery.Failure{Reason: delivery.ReasonUnreachable, Detail: "Telegram cannot be reached. Check the network."}

// dead is a gateway where alice is linked and a message to her has failed.
func dead(t *testing.T) (*gateway, string) {
	t.Helper()
	g := linked(t)
	id := g.call("POST", "/v1/messages", object{"user": "alice", "text": "hello"}).str("id")
	g.ended(id, delivery.StatusFailed, unreachable)
	return g, id
}

// list lists messages and returns their ids and the next page.
func (g *gateway) list(query string) (ids []string, next string) {
	g.T.Helper()
	var l api.MessageList
	a := g.as(keyAdmin, "GET", "/v1/messages?"+query, nil)
	if a.status != 200 {
		g.T.Fatalf("%s: %d %s", query, a.status, a.body)
	}
	a.into(&l)
	for _, m := range l.Messages {
		ids = append(ids, m.ID)
	}
	return ids, l.Next
}

func TestMessagesAreListedNewestFirstInPages(t *testing.T) {
	t.Parallel()
	g := linked(t)
	var want []string
	for i := range 7 {
		want = append([]string{g.call("POST", "/v1/messages", object{"user": "alice", "text": fmt.Sprint(i)}).str("id")}, want...)
	}
	const query = "lane=direct&limit=3&status=queued&user=alice"
	for _, query := range []string{query, strings.TrimSuffix(query, "&user=alice")} {
		var got []string
		pages := 0
		for next := ""; pages == 0 || next != ""; pages++ {
			var page []string
			page, next = g.list(query + "&after=" + next)
			got = append(got, page...)
		}
		// Linking has sent a message of its own: "Connected."
		if pages != 3 || len(got) != 8 || !slices.Equal(got[:7], want) {
			t.Errorf("%s: %v in %d pages, want %v and one more", query, got, pages, want)
		}
	}
}

func TestListShowsDeadLetters(t *testing.T) {
	t.Parallel()
	g, id := dead(t)
	g.as(keyAdmin, "GET", "/v1/messages?status=dead", nil).is(200, `{"messages":[{"id":"`+id+`","domain":"","user":"alice","lane":"direct",
		"status":"failed","failure":{"reason":"unreachable","detail":"Telegram cannot be reached. Check the network."},"attempts":1,
		"created_at":"2026-11-02T09:00:00Z","ended_at":"2026-11-02T09:00:00Z","suppressed":0,"resendable":true}],"next":""}`)
}

func TestListIsFiltered(t *testing.T) {
	t.Parallel()
	g := linked(t)
	g.link("corp", "alice", alice)
	send := func(body object, status delivery.Status) string {
		body["text"] = "hello"
		id := g.call("POST", "/v1/messages", body).str("id")
		if status != "" {
			g.ended(id, status, unreachable)
		}
		return id
	}
	code := send(object{"user": "alice", "lane": "code", "purpose": "login"}, delivery.StatusExpired)
	failed := send(object{"user": "alice", "lane": "alert"}, delivery.StatusFailed)
	expired := send(object{"to": "@alice"}, delivery.StatusExpired)
	unknown := send(object{"user": "alice"}, delivery.StatusUnknown)
	delivered := send(object{"user": "alice"}, delivery.StatusDelivered)
	waiting := send(object{"user": "alice", "lane": "alert"}, "")
	corp := send(object{"domain": "corp", "user": "alice"}, delivery.StatusFailed)
	for query, want := range map[string][]string{
		"status=dead":                         {unknown, expired, failed, code},
		"status=failed,expired":               {expired, failed, code},
		"status=failed,dead,unknown":          {unknown, expired, failed, code},
		"status=dead&user=alice":              {unknown, failed, code},
		"status=dead&lane=code":               {code},
		"lane=alert":                          {waiting, failed},
		"lane=alert&status=queued":            {waiting},
		"lane=alert&status=sending":           {waiting},
		"status=delivered":                    {delivered},
		"status=dead&user=nobody":             nil,
		"status=dead&broadcast=bc_x":          nil,
		"status=dead&domain=corp":             {corp},
		"status=dead&domain=corp&user=alice":  {corp},
		"status=dead&after=" + expired:        {failed, code},
		"status=dead&user=alice&lane=alert":   {failed},
		"user=alice&status=dead&broadcast=bc": nil,
	} {
		if got, next := g.list(query); !slices.Equal(got, want) || next != "" {
			t.Errorf("%s: %v, want %v (next %q)", query, got, want, next)
		}
	}
	g.as(keyCorp, "GET", "/v1/messages?status=dead&after="+corp+"&domain=corp", nil).is(200, `{"messages":[],"next":""}`)
	// A list or page never shows another domain's messages.
	g.as(keyCorp, "GET", "/v1/messages?domain=corp&after="+failed, nil).isFault("query/after")
}

func TestListRefusesInvalidFilters(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	for query, pointer := range map[string]string{
		"status=lost": "query/status", "status=failed,": "query/status", "status=failed,%20dead": "query/status", "status=FAILED": "query/status",
		"lane=mail": "query/lane", "limit=0": "query/limit", "limit=501": "query/limit", "limit=many": "query/limit",
		"after=msg_nothing": "query/after", "usr=alice": "query/usr", "after=" + strings.Repeat("a", 65): "query/after",
	} {
		g.call("GET", "/v1/messages?"+query, nil).isFault(pointer)
	}
}

func TestDeadLetterIsSentAgain(t *testing.T) {
	t.Parallel()
	g, id := dead(t)
	g.Clock.Advance(time.Hour)
	again := g.as(keyAdmin, "POST", "/v1/messages/"+id+"/resend", object{}).is(202, `{"id":"msg_…","status":"queued"}`)
	if at := again.header.Get("Location"); at != "/v1/messages/"+again.str("id") || again.str("id") == id {
		t.Errorf("sent again as %s at %q", again.str("id"), at)
	}
	if m := g.Last(alice); m.ID != again.str("id") || m.Body.Parts[0].Text.Text != "hello" {
		t.Errorf("stored as %+v", m)
	}
	var old api.Message
	g.call("GET", "/v1/messages/"+id, nil).into(&old)
	if old.ResentAs != again.str("id") || old.Resendable || old.Status != "failed" {
		t.Errorf("the dead letter: %+v", old)
	}
	if p := g.call("POST", "/v1/messages/"+id+"/resend", object{"text": "other"}).isProblem(409, "already-resent"); p.MessageID != again.str("id") {
		t.Errorf("the problem names %s", p.MessageID)
	}
}

func TestDeadLetterIsSentAgainWithAnEdit(t *testing.T) {
	t.Parallel()
	g, id := dead(t)
	silent := g.call("POST", "/v1/messages/"+id+"/resend", object{"text": "<b>hello</b> again", "format": "html", "ttl": 60, "silent": true}, "Prefer", "wait=1")
	silent.is(202, `{"id":"msg_…","status":"queued"}`)
	m := g.Last(alice)
	if part := m.Body.Parts[0].Text; part.Text != "hello again" || len(part.Entities) != 1 || !m.Silent || m.Expires.Sub(m.Created) != time.Minute {
		t.Errorf("stored as %+v", m)
	}
}

func TestResendValidatesFirst(t *testing.T) {
	t.Parallel()
	g, id := dead(t)
	for _, c := range []struct {
		body    object
		pointer string
	}{
		{object{"text": ""}, "#/text"},
		{object{"text": " \u200b"}, "#/text"},
		{object{"text": "<b>hello", "format": "html"}, "#/text"},
		{object{"text": strings.Repeat("a", 100_001)}, "#/text"},
		{object{"format": "html"}, "#/format"},
		{object{"text": "hello", "format": "markdown"}, "#/format"},
		{object{"ttl": 9}, "#/ttl"},
		{object{"ttl": 604801}, "#/ttl"},
		{object{"lane": "alert"}, "#/lane"},
		{object{"user": "bob"}, "#/user"},
	} {
		g.leavesNothing(func() { g.call("POST", "/v1/messages/"+id+"/resend", c.body).isFault(c.pointer) })
	}
	g.call("POST", "/v1/messages/"+id+"/resend", object{}).is(202, `{"id":"msg_…","status":"queued"}`)
}

func TestResendUnderOneIdempotencyKeyIsOneMessage(t *testing.T) {
	t.Parallel()
	g, id := dead(t)
	path := "/v1/messages/" + id + "/resend"
	first := g.call("POST", path, object{"ttl": 60}, "Idempotency-Key", "k").is(202, `{"id":"msg_…","status":"queued"}`).str("id")
	if a := g.call("POST", path, object{"ttl": 60}, "Idempotency-Key", "k"); !a.replayed() || a.str("id") != first {
		t.Errorf("the same call: %d %s", a.status, a.body)
	}
	// The answer was lost in a crash: the message is found by its id.
	if err := g.DB.Prune(t.Context(), g.Clock.Now().Add(25*time.Hour), dbtest.Retention); err != nil {
		t.Fatal(err)
	}
	if a := g.call("POST", path, object{"ttl": 60}, "Idempotency-Key", "k"); a.replayed() || a.status != 202 || a.str("id") != first {
		t.Errorf("after a crash: %d %s", a.status, a.body)
	}
	g.call("POST", path, object{"ttl": 60}, "Idempotency-Key", "another").isProblem(409, "already-resent")
}

func TestNotEveryMessageIsSentAgain(t *testing.T) {
	t.Parallel()
	g := linked(t)
	for _, status := range []delivery.Status{delivery.StatusQueued, delivery.StatusDelivered, delivery.StatusSending} {
		id := g.call("POST", "/v1/messages", object{"user": "alice", "text": "hello"}).str("id")
		switch status {
		case delivery.StatusSending:
			g.Outbox.Take(id)
		case delivery.StatusDelivered:
			g.ended(id, status, nil)
		}
		p := g.call("POST", "/v1/messages/"+id+"/resend", object{}).isProblem(409, "not-resendable")
		if p.CurrentStatus != string(status) {
			t.Errorf("%s: the problem says %s", status, p.CurrentStatus)
		}
	}
	code := g.call("POST", "/v1/messages", object{"user": "alice", "text": "1234", "lane": "code", "purpose": "login"}).str("id")
	g.ended(code, delivery.StatusFailed, unreachable)
	p := g.call("POST", "/v1/messages/"+code+"/resend", object{"text": "1234"}).isProblem(409, "not-resendable")
	if p.CurrentStatus != "failed" || !strings.Contains(p.Detail, "code") {
		t.Errorf("a code: %+v", p)
	}
	g.call("POST", "/v1/messages/msg_nothing/resend", object{}).isProblem(404, "not-found")
}

func TestResendKeepsTheRulesOfSending(t *testing.T) {
	t.Parallel()
	for slug, c := range map[string]struct {
		status int
		change func(g *gateway)
	}{
		"recipient-blocked": {409, func(g *gateway) {
			if err := g.Links.ChatBlocked(g.T.Context(), gatewaytest.BotID, alice.ID); err != nil {
				g.T.Fatal(err)
			}
		}},
		"recipient-unknown": {409, func(g *gateway) { g.call("DELETE", "/v1/messaging?user=alice", nil) }},
	} {
		t.Run(slug, func(t *testing.T) {
			g, id := dead(t)
			c.change(g)
			g.call("POST", "/v1/messages/"+id+"/resend", object{}).isProblem(c.status, slug)
			var m api.Message
			if g.call("GET", "/v1/messages/"+id, nil).into(&m); !m.Resendable {
				t.Error("the refusal has used the dead letter up")
			}
		})
	}
}

func TestHistoryHasAttemptsAndRepeats(t *testing.T) {
	t.Parallel()
	g := linked(t)
	body := object{"user": "alice", "text": "hello", "dedupe_key": "k"}
	id := g.call("POST", "/v1/messages", body).str("id")
	g.Clock.Advance(time.Second)
	err := g.DB.SaveProgress(t.Context(), delivery.Progress{ID: id, Status: delivery.StatusQueued, Attempts: 1, Attempt: &delivery.Attempt{
		N: 1, At: g.Clock.Now(), Took: 120 * time.Millisecond, Transport: "bot", Outcome: "transient", Failure: unreachable,
	}})
	if err != nil {
		t.Fatal(err)
	}
	g.Clock.Advance(time.Second)
	for i := range 2 {
		g.call("POST", "/v1/messages", body).is(200, fmt.Sprintf(`{"id":%q,"status":"queued","deduplicated":true,"suppressed":%d}`, id, i+1))
		g.Clock.Advance(time.Second)
	}
	err = g.DB.SaveProgress(t.Context(), delivery.Progress{
		ID: id, Status: delivery.StatusDelivered, Attempts: 2, SentParts: 1, Transport: "bot", Ended: g.Clock.Now(),
		Attempt: &delivery.Attempt{N: 2, At: g.Clock.Now(), Took: 40 * time.Millisecond, Transport: "bot", Outcome: "accepted"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var m api.Message
	g.call("GET", "/v1/messages/"+id, nil).into(&m)
	var got []string
	for _, e := range m.History {
		if !sentence.MatchString(e.Detail) {
			t.Errorf("%s: the detail is no sentence: %q", e.Event, e.Detail)
		}
		got = append(got, fmt.Sprint(e.Time.Format("05"), " ", e.Event, " ", e.N, e.Part, " ", e.Outcome, e.Reason, e.Repeats))
	}
	want := []string{"00 accepted 0 0 0", "01 attempt 1 1 transientunreachable0", "03 suppressed 0 0 2", "04 attempt 2 1 accepted0", "04 ended 0 0 delivered0"}
	if !slices.Equal(got, want) {
		t.Errorf("history: %q, want %q", got, want)
	}
	if m.Suppressed != 2 || *m.History[1].TookMS != 120 {
		t.Errorf("%d repeats, took %d ms", m.Suppressed, *m.History[1].TookMS)
	}
}

func (g *gateway) trace(query string) api.Trace {
	g.T.Helper()
	a := g.as(keyAdmin, "GET", "/v1/trace?"+query, nil)
	if a.status != 200 {
		g.T.Fatalf("%s: %d %s", query, a.status, a.body)
	}
	var tr api.Trace
	a.into(&tr)
	for i, e := range tr.Events {
		if !sentence.MatchString(e.Detail) {
			g.T.Errorf("%s: no sentence: %q", e.Event, e.Detail)
		}
		if i > 0 && e.Time.Before(tr.Events[i-1].Time) {
			g.T.Errorf("%s at %v comes behind %v", e.Event, e.Time, tr.Events[i-1].Time)
		}
	}
	for _, line := range tr.Summary {
		if !sentence.MatchString(line) {
			g.T.Errorf("summary: no sentence: %q", line)
		}
	}
	return tr
}

func events(tr api.Trace) string {
	var list []string
	for _, e := range tr.Events {
		list = append(list, strings.TrimSpace(e.Event+" "+e.Lane+" "+e.Outcome))
	}
	return strings.Join(list, "; ")
}

func TestTraceIsInOrder(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.call("POST", "/v1/messages", object{"user": "alice", "text": "hello"}).isProblem(409, "recipient-unknown")
	g.Clock.Advance(time.Second)
	g.link("", "alice", alice)
	g.Clock.Advance(time.Second)
	id := g.call("POST", "/v1/messages", object{"user": "alice", "text": "hello", "lane": "alert"}).str("id")
	g.Clock.Advance(time.Second)
	err := g.DB.SaveProgress(t.Context(), delivery.Progress{
		ID: id, Status: delivery.StatusFailed, Attempts: 1, Ended: g.Clock.Now(), Failure: unreachable,
		Attempt: &delivery.Attempt{N: 1, At: g.Clock.Now(), Transport: "bot", Outcome: "transient", Failure: unreachable},
	})
	if err != nil {
		t.Fatal(err)
	}
	tr := g.trace("user=alice")
	want := "message.refused direct not_linked; link.started  bot; link.claimed; link.verified  bot; " +
		"message.accepted code; message.accepted code; message.accepted direct; message.accepted alert; message.attempt alert transient; message.ended alert failed"
	got := events(tr)
	if got != want {
		t.Errorf("events: %s\nwant %s", got, want)
	}
	if len(tr.Summary) != 2 || !strings.Contains(tr.Summary[0], "Alice (@alice)") || !strings.Contains(tr.Summary[1], unreachable.Detail) ||
		!tr.Messaging.Linked || tr.MutedUntil != nil {
		t.Errorf("state: %+v", tr)
	}
	if other := g.trace("user=bob"); len(other.Events) != 0 || !strings.Contains(other.Summary[0], "no linked chat") {
		t.Errorf("bob's trace: %+v", other)
	}
}

func TestTraceShowsAMuteAndABlock(t *testing.T) {
	t.Parallel()
	g := linked(t)
	until := g.Clock.Now().Add(time.Hour)
	if err := g.Messages.Mute(t.Context(), gatewaytest.BotID, alice.ID, until); err != nil {
		t.Fatal(err)
	}
	tr := g.trace("user=alice")
	if tr.MutedUntil == nil || !tr.MutedUntil.Equal(until) || !strings.Contains(tr.Summary[1], "2026-11-02T10:00:00Z") {
		t.Errorf("muted: %v %q", tr.MutedUntil, tr.Summary)
	}
	if err := g.Links.ChatBlocked(t.Context(), gatewaytest.BotID, alice.ID); err != nil {
		t.Fatal(err)
	}
	g.Clock.Advance(time.Second)
	g.call("POST", "/v1/messages", object{"user": "alice", "text": "hello"}).isProblem(409, "recipient-blocked")
	tr = g.trace("user=alice")
	if e := tr.Events[len(tr.Events)-1]; e.Event != "message.refused" || e.Outcome != "chat_blocked_bot" || !strings.Contains(e.Detail, "press Unblock or Start") {
		t.Errorf("the refusal: %+v", e)
	}
	if !slices.Contains(tr.Messaging.Reasons, "chat_blocked_bot") {
		t.Errorf("reasons: %v", tr.Messaging.Reasons)
	}
}

func TestTraceIsLimitedAndSaysSo(t *testing.T) {
	t.Parallel()
	g := linked(t)
	start := g.Clock.Now()
	for range 10 {
		g.Clock.Advance(time.Minute)
		g.call("POST", "/v1/messages", object{"user": "alice", "text": "hello"})
	}
	tr := g.trace("user=alice&limit=4")
	if len(tr.Events) != 4 || !tr.More || !tr.Events[3].Time.Equal(g.Clock.Now()) {
		t.Errorf("%d events, more: %v", len(tr.Events), tr.More)
	}
	at := func(d time.Duration) string { return url.QueryEscape(start.Add(d).Format(time.RFC3339)) }
	tr = g.trace("user=alice&since=" + at(3*time.Minute) + "&until=" + at(5*time.Minute))
	if len(tr.Events) != 3 || tr.More {
		t.Errorf("%d events within two minutes, more: %v", len(tr.Events), tr.More)
	}
	for query, pointer := range map[string]string{
		"": "query/user", "user=": "query/user", "user=alice&limit=0": "query/limit", "user=alice&limit=501": "query/limit",
		"user=alice&since=yesterday": "query/since", "user=alice&until=1": "query/until",
		"user=alice&since=" + at(time.Hour) + "&until=" + at(0): "query/since", "user=al%01ice": "query/user",
	} {
		g.call("GET", "/v1/trace?"+query, nil).isFault(pointer)
	}
}

func TestTraceOfAHandleShowsItsRefusals(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.call("POST", "/v1/messages", object{"to": "t.me/Alice", "text": "hello"}).isProblem(409, "recipient-unknown")
	if got := events(g.trace("user=@alice")); got != "message.refused direct recipient_unknown" {
		t.Errorf("events: %s", got)
	}
}
