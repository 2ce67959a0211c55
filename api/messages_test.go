package api_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"telegate/api"
	"telegate/delivery"
	"telegate/internal/gatewaytest"
	"telegate/notify"
)

func TestMessageToAUserFromAcceptanceToDelivery(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.link("corp", "user//alice", alice)
	sent := g.call("POST", "/v1/messages", object{
		"domain": "corp", "user": "user//alice", "text": "<b>Backup</b> done", "format": "html", "lane": "alert", "ttl": 60,
		"silent": true, "dedupe_key": "backup",
	}).is(202, `{"id":"msg_…","status":"queued"}`)
	id := sent.str("id")
	if at := sent.header.Get("Location"); at != "/v1/messages/"+id {
		t.Errorf("Location is %q", at)
	}
	stored := g.Last(alice)
	if stored.Body.Parts[0].Text.Text != "Backup done" || !stored.Silent || stored.Lane != delivery.LaneAlert {
		t.Errorf("stored as %+v", stored)
	}
	const accepted = `{"time":"2026-11-02T09:00:00Z","event":"accepted","detail":"Accepted in the lane alert and stored; …"}`
	const waiting = `"domain":"corp","user":"user//alice","lane":"alert","attempts":0,"failure":null,"suppressed":0,"resendable":false,
		"created_at":"2026-11-02T09:00:00Z","expires_at":"2026-11-02T09:01:00Z","ended_at":null,"delivered_at":null,"request":"req_…","history":[` + accepted + `]`
	g.call("GET", "/v1/messages/"+id, nil).is(200, `{"id":"`+id+`","status":"queued",`+waiting+`}`)
	g.Outbox.Take(id)
	g.call("GET", "/v1/messages/"+id, nil).is(200, `{"id":"`+id+`","status":"sending",`+waiting+`}`)
	g.Clock.Advance(2 * time.Second)
	g.ended(id, delivery.StatusDelivered, nil)
	g.call("GET", "/v1/messages/"+id, nil).is(200, `{
		"id":"`+id+`","domain":"corp","user":"user//alice","lane":"alert","status":"delivered","transport":"bot","attempts":1,
		"failure":null,"suppressed":0,"resendable":false,
		"created_at":"2026-11-02T09:00:00Z","expires_at":"2026-11-02T09:01:00Z",
		"ended_at":"2026-11-02T09:00:02Z","delivered_at":"2026-11-02T09:00:02Z","request":"req_…","history":[`+accepted+`,
		{"time":"2026-11-02T09:00:02Z","event":"ended","outcome":"delivered","detail":"Delivered: …"}]}`)
}

func TestMessageThatFailedSaysWhy(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.link("", "alice", alice)
	id := g.call("POST", "/v1/messages", object{"user": "alice", "text": "hello"}).str("id")
	g.ended(id, delivery.StatusFailed, &delivery.Failure{Reason: delivery.ReasonChatNotFound, Detail: "Telegram knows no such chat."})
	g.call("GET", "/v1/messages/"+id, nil).is(200, `{
		"id":"`+id+`","domain":"","user":"alice","lane":"direct","status":"failed","attempts":1,
		"failure":{"reason":"chat_not_found","detail":"Telegram knows no such chat."},"suppressed":0,"resendable":true,
		"created_at":"2026-11-02T09:00:00Z","expires_at":"2026-11-03T09:00:00Z","ended_at":"2026-11-02T09:00:00Z","delivered_at":null,
		"request":"req_…","history":[{"time":"2026-11-02T09:00:00Z","event":"accepted","detail":"Accepted in the lane direct and stored; …"},
			{"time":"2026-11-02T09:00:00Z","event":"ended","outcome":"failed","reason":"chat_not_found","detail":"Telegram knows no such chat."}]}`)
}

func TestCodeOfTheCallersOwnToAHandle(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.start(alice)
	id := g.call("POST", "/v1/messages", object{"to": "@@Alice", "text": "Your code is 1234", "lane": "code", "purpose": "link", "ttl": 120}).
		is(202, `{"id":"msg_…","status":"queued"}`).str("id")
	g.call("GET", "/v1/messages/"+id, nil).is(200, `{
		"id":"`+id+`","domain":"","lane":"code","about_link":true,"status":"queued","attempts":0,"failure":null,"suppressed":0,"resendable":false,
		"created_at":"2026-11-02T09:00:00Z","expires_at":"2026-11-02T09:02:00Z","ended_at":null,"delivered_at":null,
		"request":"req_…","history":[{"time":"2026-11-02T09:00:00Z","event":"accepted","detail":"A question or code about a link, no sign-in code: accepted in the lane code and stored; …"}]}`)
}

func TestSameDedupeKeyWithinAnHourIsOneMessage(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.link("", "alice", alice)
	body := object{"user": "alice", "text": "LAB-7 is offline", "lane": "alert", "dedupe_key": "lab7"}
	first := g.call("POST", "/v1/messages", body).str("id")
	g.Clock.Advance(59 * time.Minute)
	again := g.call("POST", "/v1/messages", body).is(200, `{"id":"`+first+`","status":"queued","deduplicated":true,"suppressed":1}`)
	if at := again.header.Get("Location"); at != "/v1/messages/"+first {
		t.Errorf("Location is %q", at)
	}
	g.Clock.Advance(2 * time.Minute)
	if id := g.call("POST", "/v1/messages", body).is(202, `{"id":"msg_…","status":"queued"}`).str("id"); id == first {
		t.Error("the key still counts after an hour")
	}
}

func TestMutedMessageIsAcceptedAndReported(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.link("", "alice", alice)
	if err := g.Messages.Mute(t.Context(), gatewaytest.BotID, alice.ID, g.Clock.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	id := g.call("POST", "/v1/messages", object{"user": "alice", "text": "hello"}).is(202, `{"id":"msg_…","status":"failed"}`).str("id")
	var m struct{ Failure delivery.Failure }
	g.call("GET", "/v1/messages/"+id, nil).into(&m)
	if m.Failure.Reason != delivery.ReasonMuted || !strings.Contains(m.Failure.Detail, "2026-11-02T10:00:00Z") {
		t.Errorf("the failure: %+v", m.Failure)
	}
}

func TestTextIsCountedInUTF16Units(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.link("", "alice", alice)
	for name, c := range map[string]struct {
		text  string
		parts int // 0: refused
		file  bool
	}{
		"0 units":                    {"", 0, false},
		"nothing to be seen":         {" \u200b\n", 0, false},
		"4,096 units":                {strings.Repeat("a", 4096), 1, false},
		"4,097 units":                {strings.Repeat("a", 4097), 2, false},
		"4,098 units, 2,049 emoji":   {strings.Repeat("😀", 2049), 2, false},
		"100,000 units":              {strings.Repeat("a", 100_000), 1, true},
		"100,000 units of emoji":     {strings.Repeat("😀", 50_000), 1, true},
		"100,001 units":              {strings.Repeat("a", 100_001), 0, false},
		"100,001 units, 50,001 runs": {strings.Repeat("😀", 50_000) + "a", 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			body := object{"user": "alice", "text": c.text}
			if c.parts == 0 {
				g.leavesNothing(func() { g.call("POST", "/v1/messages", body).isFault("#/text") })
				return
			}
			g.call("POST", "/v1/messages", body).is(202, `{"id":"msg_…","status":"queued"}`)
			parts := g.Last(alice).Body.Parts
			if len(parts) != c.parts || (parts[0].File != nil) != c.file {
				t.Errorf("%d parts, a file: %v", len(parts), parts[0].File != nil)
			}
		})
	}
}

// A message whose answer was lost is described in the same words everywhere.
func TestLostAnswerIsExplained(t *testing.T) {
	t.Parallel()
	g := linked(t)
	id := g.call("POST", "/v1/messages", object{"user": "alice", "text": "hello"}).str("id")
	g.ended(id, delivery.StatusUnknown, nil)
	const words = "It was sent and Telegram's answer was lost, so it may have arrived; telegate does not repeat it. Ask the user before you send it again."
	want := &delivery.Failure{Reason: delivery.ReasonAnswerLost, Detail: words}
	var l api.MessageList
	g.as(keyAdmin, "GET", "/v1/messages?status=dead", nil).into(&l)
	if len(l.Messages) != 1 || l.Messages[0].Failure == nil || *l.Messages[0].Failure != *want {
		t.Errorf("in the list: %+v", l.Messages)
	}
	var m api.Message
	g.call("GET", "/v1/messages/"+id, nil).into(&m)
	end := m.History[len(m.History)-1]
	if m.Failure == nil || *m.Failure != *want || end.Detail != words || end.Reason != string(want.Reason) {
		t.Errorf("by its id: %+v, %+v", m.Failure, end)
	}
	var trace api.Trace
	g.as(keyAdmin, "GET", "/v1/trace?user=alice", nil).into(&trace)
	if e := trace.Events[len(trace.Events)-1]; e.Outcome != "unknown" || e.Detail != words {
		t.Errorf("in the trace: %+v", e)
	}
}

// Another program's key, or an alert's, must not swallow a message.
func TestADedupeKeyBelongsToItsAPIKeyAndSwallowsNoCode(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.link("", "alice", alice)
	send := func(key, lane string) bool {
		t.Helper()
		body := object{"user": "alice", "text": "123456", "dedupe_key": "k", "lane": lane}
		if lane == "code" {
			body["purpose"] = "login"
		}
		a := g.as(key, "POST", "/v1/messages", body)
		var o object
		a.into(&o)
		return o["deduplicated"] == true
	}
	for _, lane := range []string{"alert", "code"} {
		if send(keySend, lane) {
			t.Errorf("the first in the lane %s was taken for a repeat", lane)
		}
		if !send(keySend, lane) {
			t.Errorf("the second in the lane %s was sent", lane)
		}
		if send(keyAll, lane) {
			t.Errorf("another API key's was taken for a repeat in the lane %s", lane)
		}
	}
}

// Named beside the handle, a user has a share of the codes of a chat; one that another user has used up is no matter.
func TestACodeToAHandleMayNameTheUserWhoAskedForIt(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.start(alice)
	send := func(change object) answer {
		body := object{"to": "@alice", "text": "Your code is 1234", "lane": "code", "purpose": "link"}
		maps.Copy(body, change)
		return g.call("POST", "/v1/messages", body)
	}
	for range notify.MaxLinkCodes {
		send(object{"user": "mallory"}).is(202, `{"id":"msg_…","status":"queued"}`)
	}
	send(object{"user": "mallory"}).isProblem(429, "rate-limited")
	id := send(object{"user": "gina"}).is(202, `{"id":"msg_…","status":"queued"}`).str("id")
	if m := g.Last(alice); m.ID != id || m.ChatID != alice.ID || m.User != "" {
		t.Errorf("gina's code is %s for chat %d of user %q; want it sent to the handle", m.ID, m.ChatID, m.User)
	}
	send(nil).is(202, `{"id":"msg_…","status":"queued"}`)
	for _, lane := range []string{"direct", "alert"} { // only a code is asked for by somebody
		g.call("POST", "/v1/messages", object{"to": "@alice", "user": "gina", "text": "hello", "lane": lane}).isFault("#/to")
	}
	send(object{"user": ""}).isFault("#/user")
	send(object{"user": "gi\nna"}).isFault("#/user")
	send(object{"user": strings.Repeat("g", 257)}).isFault("#/user")
}
