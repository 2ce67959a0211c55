package e2e

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"telegate/api"
)

// The whole story, from a stranger to a signed-in user, through every layer: API, database, dispatcher, Bot API, phone
// and back.
func TestStory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.connected()

	w.link("", "alice")
	var m api.Messaging
	w.want(http.StatusOK, "GET", "/v1/messaging?user=alice", nil, &m)
	if !m.Linked || !m.UsableFor2FA || !m.UsableForNotifications || len(m.Reasons) != 0 || m.Link.Handle != "@alice_tg" {
		t.Fatalf("after linking: %+v", m)
	}

	v, code := w.signIn("alice", "session-1")
	var c api.Check
	w.want(http.StatusOK, "POST", "/v1/verifications/"+v.ID+"/check", api.CheckCode{Code: wrong(code), SessionBinding: "session-1"}, &c)
	if c.Approved || c.Result != "incorrect" || c.AttemptsRemaining != 4 {
		t.Fatalf("a wrong code: %+v", c)
	}
	w.want(http.StatusOK, "POST", "/v1/verifications/"+v.ID+"/check", api.CheckCode{Code: code, SessionBinding: "session-2"}, &c)
	if c.Approved || c.Result != "binding_mismatch" {
		t.Fatalf("the right code in another session: %+v", c)
	}
	w.want(http.StatusOK, "POST", "/v1/verifications/"+v.ID+"/check", api.CheckCode{Code: code, SessionBinding: "session-1"}, &c)
	if !c.Approved || c.Result != "approved" {
		t.Fatalf("the right code: %+v", c)
	}
	w.want(http.StatusOK, "POST", "/v1/verifications/"+v.ID+"/check", api.CheckCode{Code: code, SessionBinding: "session-1"}, &c)
	if c.Approved || c.Result != "already_used" {
		t.Fatalf("the right code again: %+v", c)
	}

	after := w.last("alice")
	var sent api.AcceptedMessage
	w.want(http.StatusAccepted, "POST", "/v1/messages", api.SendMessage{User: "alice", Text: "Hello <b>Alice</b>", Format: "html"}, &sent)
	arrived := w.message("alice", "Hello Alice", after)
	if len(arrived.Entities) != 1 || arrived.Entities[0].Type != "bold" {
		t.Errorf("formatting was lost: %+v", arrived.Entities)
	}
	var view api.Message
	w.want(http.StatusOK, "GET", "/v1/messages/"+sent.ID, nil, &view, "Prefer", "wait=10")
	if view.Status != "delivered" || view.Transport != "bot" || view.DeliveredAt == nil {
		t.Errorf("the message's state: %+v", view)
	}

	t.Run("Not me denies the sign-in and mutes codes", func(t *testing.T) {
		v, _ := w.signIn("alice", "attacker")
		w.tap("alice", w.message("alice", "is your sign-in code", arrived.ID), "Not me")
		w.message("alice", "The sign-in was stopped.", arrived.ID)
		var now api.Verification
		w.want(http.StatusOK, "GET", "/v1/verifications/"+v.ID, nil, &now)
		if now.Status != "denied" || !now.Reported {
			t.Errorf("after Not me: %+v", now)
		}
		var p api.Problem
		w.want(http.StatusTooManyRequests, "POST", "/v1/verifications", loginOf("alice", "attacker"), &p)
		if p.Type != "/problems/cooling-off" || p.RetryAfter == 0 {
			t.Errorf("the next try: %+v", p)
		}
	})

	t.Run("blocking the bot takes the factor away and Start brings it back", func(t *testing.T) {
		w.link("", "bob")
		bob := w.person("bob").ID
		if err := w.telegram.Block(bob, testBot); err != nil {
			t.Fatal(err)
		}
		w.eventually("bob's link is suspended", func() bool {
			var m api.Messaging
			w.want(http.StatusOK, "GET", "/v1/messaging?user=bob", nil, &m)
			return len(m.Reasons) == 1 && m.Reasons[0] == "chat_blocked_bot" && !m.UsableFor2FA && m.Link.Status == "suspended"
		})
		var p api.Problem
		w.want(http.StatusConflict, "POST", "/v1/verifications", loginOf("bob", "s"), &p)
		if p.Type != "/problems/factor-unavailable" || p.Reason != "chat_blocked_bot" {
			t.Errorf("signing in with the bot blocked: %+v", p)
		}
		if err := w.telegram.Start(bob, testBot, ""); err != nil {
			t.Fatal(err)
		}
		w.eventually("bob's link is back", func() bool {
			var m api.Messaging
			w.want(http.StatusOK, "GET", "/v1/messaging?user=bob", nil, &m)
			return m.UsableFor2FA
		})
	})

	t.Run("a domain with msg2factor off links and sends, but does not sign in", func(t *testing.T) {
		w.link("corp", "carol")
		var m api.Messaging
		w.want(http.StatusOK, "GET", "/v1/messaging?domain=corp&user=carol", nil, &m)
		if m.UsableFor2FA || !m.UsableForNotifications || m.Reasons[0] != "msg2factor_disabled" {
			t.Errorf("capability: %+v", m)
		}
		login := loginOf("carol", "s")
		login.Domain = "corp"
		var p api.Problem
		w.want(http.StatusForbidden, "POST", "/v1/verifications", login, &p)
		if p.Type != "/problems/msg2factor-disabled" {
			t.Errorf("signing in: %+v", p)
		}
		after := w.last("carol")
		w.want(http.StatusAccepted, "POST", "/v1/messages", api.SendMessage{Domain: "corp", User: "carol", Text: "still here", Lane: "alert"}, nil)
		w.message("carol", "still here", after)
	})

	t.Run("commands in the chat", func(t *testing.T) {
		for _, c := range []struct{ say, answer string }{
			{"/status", "sign-in codes and messages"},
			{"/mute 2h", "Muted until"},
			{"/status", "Messages are muted"},
			{"/unmute", "You get messages again"},
			{"/start", "copy the whole command"}, // somebody who has a link may have come to connect another account
			{"/id", "The id of this chat"},
			{"/test", "Delivery works"},
			{"/help", "/unlink"},
			{"anything else", "This bot sends you"},
		} {
			after := w.last("bob")
			if _, err := w.telegram.Say(w.person("bob").ID, testBot, c.say); err != nil {
				t.Fatal(err)
			}
			w.message("bob", c.answer, after)
		}
	})

	t.Run("unlink in the chat", func(t *testing.T) {
		after := w.last("bob")
		if _, err := w.telegram.Say(w.person("bob").ID, testBot, "/unlink"); err != nil {
			t.Fatal(err)
		}
		question := w.message("bob", "Which account", after)
		w.tap("bob", question, question.Buttons[0][0].Text)
		w.message("bob", "Disconnected.", question.ID)
		var m api.Messaging
		w.want(http.StatusOK, "GET", "/v1/messaging?user=bob", nil, &m)
		if m.Linked {
			t.Errorf("still linked: %+v", m)
		}
		w.eventually("the buttons are gone", func() bool {
			for _, m := range w.telegram.Messages(w.person("bob").ID, testBot) {
				if m.ID == question.ID {
					return len(m.Buttons) == 0
				}
			}
			return false
		})
	})

	t.Run("link by handle", func(t *testing.T) {
		after := w.last("bob")
		var started api.StartedLink
		w.want(http.StatusCreated, "POST", "/v1/links", api.StartLink{User: "bob", Handle: "@@bob_tg"}, &started)
		if started.Status != "claimed" || started.Method != "handle" || started.Label != "Bob (@bob_tg)" {
			t.Errorf("started: %+v", started)
		}
		code := w.code(w.message("bob", "is the code to connect", after))
		var c api.Confirmation
		w.want(http.StatusOK, "POST", "/v1/links/"+started.ID+"/confirm", api.ConfirmLink{Code: code[:3] + " " + code[3:]}, &c)
		if !c.Verified {
			t.Errorf("confirm: %+v", c)
		}
	})

	t.Run("a claimed link can be followed to its end", func(t *testing.T) {
		var started api.StartedLink
		w.want(http.StatusCreated, "POST", "/v1/links", api.StartLink{User: "carol"}, &started)
		after := w.last("carol")
		if err := w.telegram.Open(w.person("carol").ID, started.StartURL); err != nil {
			t.Fatal(err)
		}
		question := w.message("carol", "Connect this Telegram chat", after)
		followed := make(chan api.Link)
		go func() {
			var l api.Link
			_, data, err := w.try("GET", "/v1/links/"+started.ID+"?seen=claimed", nil, "Prefer", "wait=20")
			if err == nil {
				err = json.Unmarshal(data, &l)
			}
			if err != nil {
				t.Error(err)
			}
			followed <- l
		}()
		w.tap("carol", question, "Not me")
		if l := <-followed; l.Status != "denied" {
			t.Errorf("followed to %+v", l)
		}
	})

	t.Run("a handle nobody has met is answered with where to press Start", func(t *testing.T) {
		var p api.Problem
		w.want(http.StatusConflict, "POST", "/v1/links", api.StartLink{User: "dave", Handle: "@dave_tg"}, &p)
		if p.Type != "/problems/recipient-unknown" || p.StartURL != "https://t.me/"+testBot {
			t.Errorf("problem: %+v", p)
		}
	})

	t.Run("a user id with a slash, an emoji and right-to-left marks is just an id", func(t *testing.T) {
		user := "user//alice/\u202e🙂 \u05d0"
		var m api.Messaging
		w.want(http.StatusOK, "GET", "/v1/messaging?user="+url.QueryEscape(user), nil, &m)
		var started api.StartedLink
		w.want(http.StatusCreated, "POST", "/v1/links", api.StartLink{User: user}, &started)
		after := w.last("carol")
		if err := w.telegram.Open(w.person("carol").ID, started.AppURL); err != nil {
			t.Fatal(err)
		}
		if text := w.message("carol", "Connect this Telegram chat", after).Text; strings.ContainsRune(text, '\u202e') {
			t.Errorf("a direction mark reached the chat: %q", text)
		}
	})
}

// wrong makes another code of the same length.
func wrong(code string) string {
	if code[0] == '9' {
		return "0" + code[1:]
	}
	return string(code[0]+1) + code[1:]
}
