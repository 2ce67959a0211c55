package twofa_test

import (
	"strings"
	"testing"
	"time"

	"telegate/language"
	"telegate/linking"
	"telegate/twofa"
)

func TestACodeAndWhatFollowsAreInTheCallsLanguageElseThePersons(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	says := func(v twofa.Verification, want string) {
		t.Helper()
		if text := w.message(v).Text.Text; !strings.HasPrefix(text, w.code(v)+want) {
			t.Errorf("the message is %q, want the code and %q", text, want)
		}
	}
	r := login("alice")
	r.Locale = "pl"
	v := w.create(r)
	says(v, " to twój kod logowania do serwera My Server.\n\nDziała raz, przez 5 minut, ")
	w.Clock.Advance(time.Minute)
	v, err := w.codes.Resend(t.Context(), v.ID)
	w.NoError("resend", err)
	says(v, " to twój kod logowania do serwera My Server.\n\nDziała raz, przez 4 minuty, ")
	f := w.factor("", "alice")
	w.NoError("not me", w.codes.NotMe(t.Context(), f.BotID, alicesChat, v.ID))
	list := w.waiting(alicesChat)
	if text := list[len(list)-1].Body.Parts[0].Text.Text; !strings.HasPrefix(text, "Logowanie zostało zatrzymane.") || !strings.Contains(text, "wstrzymano na 20 minut.") {
		t.Errorf("after Not me: %q", text)
	}

	w.link("corp", "bob", 7002)
	f = w.factor("corp", "bob")
	w.NoError("met", w.links.ChatStarted(t.Context(), linking.Chat{BotID: f.BotID, ID: 7002, Type: "private", Language: "uk"}))
	r = login("bob")
	r.Domain = "corp"
	says(w.create(r), " — ваш код для входу на сервер Corp.")
}

// The code is the first thing and stands in monospace, in every language and for every purpose.
func TestTheCodeComesFirstInEveryLanguage(t *testing.T) {
	w := newWorld(t)
	for i, code := range language.Codes() {
		user, chat := "user"+code, int64(8000+i)
		w.link("", user, chat)
		for _, purpose := range []twofa.Purpose{twofa.Login, twofa.Recovery, twofa.Confirm} {
			r := login(user)
			r.Purpose, r.Locale, r.Binding = purpose, code, session(user)+string(purpose)
			r.Context.Location = "Madrid, ES"
			v, err := w.codes.Create(t.Context(), r)
			if err != nil && purpose == twofa.Confirm { // a third at a time is one too many
				w.Clock.Advance(6 * time.Minute)
				v, err = w.codes.Create(t.Context(), r)
			}
			w.NoError("create", err)
			part := w.message(v)
			if secret := w.code(v); !strings.HasPrefix(part.Text.Text, secret) || len(part.Text.Entities) != 3 || part.Buttons[0][0].Copy != secret {
				t.Errorf("%s, %s: %+v", code, purpose, part)
			}
		}
	}
}
