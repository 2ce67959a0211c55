package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMessageIsSentAndFollowed(t *testing.T) {
	p := newPage(t)
	p.signInAs("alice")
	p.gateway.on("POST", "/v1/messages", 202, object{"id": "msg_1", "status": "queued"})
	s := do[state](p, "POST", "/server/messages", object{"user": "bob", "text": "The backup is done.", "lane": "alert"})
	if s.Message == nil || s.Message.ID != "msg_1" || s.Message.Status != "queued" {
		t.Fatalf("%+v", s.Message)
	}
	if diff := cmp.Diff(object{"domain": "", "user": "bob", "text": "The backup is done.", "lane": "alert"}, p.gateway.last("POST", "/v1/messages").Body); diff != "" {
		t.Error(diff)
	}
	p.gateway.on("GET", "/v1/messages/msg_1", 200, object{"id": "msg_1", "status": "failed", "attempts": 1, "failure": object{"reason": "blocked_by_user", "detail": "Ask Bob to unblock the bot."}})
	m := do[struct {
		Status  string
		Failure struct{ Reason, Detail string }
	}](p, "GET", "/server/messages/msg_1", nil)
	if m.Status != "failed" || m.Failure.Detail != "Ask Bob to unblock the bot." {
		t.Errorf("%+v", m)
	}
}

// encoding/json writes "<" as \u003c: wherever a long text is cut for the trace, what is left has to be JSON.
func TestLongTextOfEscapesIsShownToo(t *testing.T) {
	p := newPage(t)
	p.signInAs("alice")
	p.gateway.on("POST", "/v1/messages", 202, object{"id": "msg_1", "status": "queued"})
	for before := 88; before <= 97; before++ {
		text := strings.Repeat("x", before) + "<b>&\n\"\\\"</b>"
		s := do[state](p, "POST", "/server/messages", object{"user": "bob", "text": text, "lane": "direct"})
		if shown := decode[object](t, s.Exchanges[0].Request)["text"]; shown != text[:96]+"…" {
			t.Errorf("%q is shown as %q", text, shown)
		}
	}
}

func TestOnlyOwnMessagesCanBeFollowed(t *testing.T) {
	p := newPage(t)
	p.refused(http.StatusUnauthorized, "GET", "/server/messages/msg_1", nil)
	p.signInAs("alice")
	for _, id := range []string{"msg_1", "..%2flinks%2flnk_1", "%00"} {
		p.refused(http.StatusNotFound, "GET", "/server/messages/"+id, nil)
	}
	if n := p.gateway.count("GET", "/v1/messages/msg_1"); n != 0 {
		t.Errorf("the gateway was asked %d times", n)
	}
}

func TestMessageNeedsUserTextAndLane(t *testing.T) {
	p := newPage(t)
	p.refused(http.StatusUnauthorized, "POST", "/server/messages", object{"user": "bob", "text": "x", "lane": "direct"})
	p.signInAs("alice")
	p.refused(http.StatusUnprocessableEntity, "POST", "/server/messages", object{"text": "x", "lane": "direct"})
	p.refused(http.StatusUnprocessableEntity, "POST", "/server/messages", object{"user": "bob", "lane": "direct"})
	p.refused(http.StatusUnprocessableEntity, "POST", "/server/messages", object{"user": "bob", "text": "x", "lane": "code"})
	p.refused(http.StatusRequestEntityTooLarge, "POST", "/server/messages", object{"user": "bob", "text": strings.Repeat("x", 70_000), "lane": "direct"})
	if n := p.gateway.count("POST", "/v1/messages"); n != 0 {
		t.Errorf("the gateway was asked %d times", n)
	}
}
