package web_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var startedLink = object{"id": "lnk_1", "status": "pending", "method": "bot", "start_url": "https://t.me/GateBot?start=abc", "app_url": "tg://resolve?domain=GateBot&start=abc",
	"start_command": "/start abc", "qr_svg": "data:image/svg+xml;base64,PHN2Zy8+", "expires_in": 600}

func TestLinkByBotFromStartToUnlink(t *testing.T) {
	p := newPage(t)
	p.signInAs("alice")
	p.gateway.on("POST", "/v1/links", 201, startedLink)
	s := do[state](p, "POST", "/server/link", object{"handle": ""})
	if s.Link == nil || s.Link.StartURL != "https://t.me/GateBot?start=abc" || s.Link.StartCommand != "/start abc" || s.Link.QRSVG == "" {
		t.Fatalf("the link is %+v", s.Link)
	}
	started := p.gateway.last("POST", "/v1/links").Body
	binding := started["session_binding"]
	delete(started, "session_binding")
	if diff := cmp.Diff(object{"domain": "", "user": "alice", "display_name": "Alice"}, started); diff != "" {
		t.Error(diff)
	}

	p.gateway.onDo("GET", "/v1/links/lnk_1", func(r apiRequest) (int, any) {
		if r.Header.Get("Prefer") != "wait=25" {
			t.Errorf("Prefer is %q", r.Header.Get("Prefer"))
		}
		return 200, object{"id": "lnk_1", "status": "claimed", "method": "bot", "label": "Alice (@alice)", "expires_in": 500}
	})
	s = do[state](p, "GET", "/server/session?follow=true", nil)
	if s.Link.Status != "claimed" || s.Link.Label != "Alice (@alice)" || s.Link.ExpiresIn != 500 || s.Link.StartURL == "" {
		t.Fatalf("once claimed, the link is %+v", s.Link)
	}

	p.gateway.on("POST", "/v1/links/lnk_1/confirm", 200, object{"verified": false, "result": "incorrect", "attempts_remaining": 4})
	s = do[state](p, "POST", "/server/link/confirm", object{"code": "000000"})
	if s.Link == nil || s.Confirmation.Result != "incorrect" || s.Confirmation.AttemptsRemaining != 4 || s.Progress.Linked {
		t.Errorf("after a wrong code: %+v", s)
	}
	p.gateway.on("POST", "/v1/links/lnk_1/confirm", 200, object{"verified": true, "result": "verified", "attempts_remaining": 4})
	p.gateway.on("GET", "/v1/messaging", 200, linked)
	s = do[state](p, "POST", "/server/link/confirm", object{"code": "482 913"})
	if s.Link != nil || !s.Telegram.Linked || !s.Progress.Linked {
		t.Errorf("after the right code: %+v", s)
	}
	if diff := cmp.Diff(object{"code": "482913", "session_binding": binding}, p.gateway.last("POST", "/v1/links/lnk_1/confirm").Body); diff != "" {
		t.Error(diff)
	}

	p.gateway.on("DELETE", "/v1/messaging", 204, nil)
	p.gateway.on("GET", "/v1/messaging", 200, notLinked)
	if s = do[state](p, "DELETE", "/server/telegram", nil); s.Telegram.Linked {
		t.Errorf("after unlinking: %+v", s.Telegram)
	}
	if got := p.gateway.last("DELETE", "/v1/messaging").Query; got != "domain=&user=alice" {
		t.Errorf("unlinked %q", got)
	}
}

func TestLinkByHandle(t *testing.T) {
	p := newPage(t)
	p.signInAs("alice")
	p.gateway.on("POST", "/v1/links", 201, object{"id": "lnk_2", "status": "claimed", "method": "handle", "label": "Alice (@alice)", "expires_in": 600})
	s := do[state](p, "POST", "/server/link", object{"handle": " @alice "})
	if s.Link.Method != "handle" || s.Link.Label != "Alice (@alice)" {
		t.Errorf("the link is %+v", s.Link)
	}
	if got := p.gateway.last("POST", "/v1/links").Body["handle"]; got != "@alice" {
		t.Errorf("the handle is %v", got)
	}
}

func TestHandleThatTheBotHasNotMetIsExplained(t *testing.T) {
	p := newPage(t)
	p.signInAs("alice")
	p.gateway.on("POST", "/v1/links", 409, object{"type": "/problems/recipient-unknown", "title": "Recipient unknown", "status": 409, "detail": "Press Start first.", "start_url": "https://t.me/GateBot"})
	if refusal := p.refused(http.StatusConflict, "POST", "/server/link", object{"handle": "@bob_tg"}); refusal.Title != "Recipient unknown" || refusal.StartURL != "https://t.me/GateBot" {
		t.Errorf("%+v", refusal)
	}
	if s := do[state](p, "GET", "/server/session", nil); s.Link != nil {
		t.Errorf("a link was begun: %+v", s.Link)
	}
}

func TestEndsOfALinkAreShown(t *testing.T) {
	for _, status := range []string{"denied", "expired", "canceled", "exhausted", "verified"} {
		t.Run(status, func(t *testing.T) {
			p := newPage(t)
			p.signInAs("alice")
			p.gateway.on("POST", "/v1/links", 201, startedLink)
			do[state](p, "POST", "/server/link", object{})
			p.gateway.on("GET", "/v1/links/lnk_1", 200, object{"id": "lnk_1", "status": status, "method": "bot"})
			if s := do[state](p, "GET", "/server/session", nil); s.Link.Status != status {
				t.Errorf("the link is %+v", s.Link)
			}
			do[state](p, "GET", "/server/session", nil)
			if n := p.gateway.count("GET", "/v1/links/lnk_1"); n != 1 {
				t.Errorf("a finished link was asked for %d times", n)
			}
		})
	}
}

func TestConfirmThatEndsTheLinkIsShown(t *testing.T) {
	for _, result := range []string{"exhausted", "expired"} {
		t.Run(result, func(t *testing.T) {
			p := newPage(t)
			p.signInAs("alice")
			p.gateway.on("POST", "/v1/links", 201, startedLink)
			do[state](p, "POST", "/server/link", object{})
			p.gateway.on("POST", "/v1/links/lnk_1/confirm", 200, object{"verified": false, "result": result, "attempts_remaining": 0})
			if s := do[state](p, "POST", "/server/link/confirm", object{"code": "000000"}); s.Link.Status != result {
				t.Errorf("the link is %+v", s.Link)
			}
		})
	}
}

func TestCancelForgetsTheLink(t *testing.T) {
	p := newPage(t)
	p.signInAs("alice")
	p.gateway.on("POST", "/v1/links", 201, startedLink)
	do[state](p, "POST", "/server/link", object{})
	if s := do[state](p, "DELETE", "/server/link", nil); s.Link != nil {
		t.Errorf("the link is %+v", s.Link)
	}
	p.refused(http.StatusConflict, "POST", "/server/link/confirm", object{"code": "123456"})
}

func TestUnlinkingTwiceIsNoError(t *testing.T) {
	p := newPage(t)
	p.signInAs("alice")
	do[state](p, "DELETE", "/server/telegram", nil) // the gateway says 404
}

func TestLinkingNeedsASignIn(t *testing.T) {
	p := newPage(t)
	for _, stage := range []string{"signed out", "password only"} {
		p.refused(http.StatusUnauthorized, "POST", "/server/link", object{})
		p.refused(http.StatusUnauthorized, "POST", "/server/link/confirm", object{"code": "123456"})
		p.refused(http.StatusUnauthorized, "DELETE", "/server/link", nil)
		p.refused(http.StatusUnauthorized, "DELETE", "/server/telegram", nil)
		if stage == "signed out" {
			p.passwordAs("alice")
		}
	}
	if n := p.gateway.count("POST", "/v1/links") + p.gateway.count("DELETE", "/v1/messaging"); n != 0 {
		t.Errorf("the gateway was asked %d times", n)
	}
}

func TestTroubleAfterAnActionIsShownBesideItsOutcome(t *testing.T) {
	p := newPage(t)
	p.signInAs("alice")
	p.gateway.on("POST", "/v1/links", 201, startedLink)
	p.gateway.on("GET", "/v1/messaging", 503, object{"title": "Telegram unavailable", "status": 503, "detail": "Try again later."})
	s := do[state](p, "POST", "/server/link", object{})
	if s.Link == nil || s.Problem == nil || s.Problem.Title != "Telegram unavailable" || s.Telegram != nil {
		t.Errorf("%+v", s)
	}
}
