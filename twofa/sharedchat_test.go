package twofa_test

import (
	"strings"
	"testing"
	"time"

	"telegate/language"
	"telegate/twofa"
)

// accountLine is what the newest message to alice's chat says of the account; empty if nothing.
func (w *world) accountLine() string {
	w.T.Helper()
	list := w.waiting(alicesChat)
	for _, line := range strings.Split(list[len(list)-1].Body.Parts[0].Text.Text, "\n") {
		if account, ok := strings.CutPrefix(line, "For the account "); ok {
			return account
		}
	}
	return ""
}

// A person with several accounts in one chat has to see which of them somebody signs in to: else Not me is guesswork.
func TestACodeNamesTheAccountWhereTheChatHasSeveral(t *testing.T) {
	w := newWorld(t)
	w.linkAs("", "ivan", "Ivan", alicesChat)
	w.create(login("ivan"))
	if got := w.accountLine(); got != "" {
		t.Errorf("with one account the code is for %q, want nothing said", got)
	}
	w.linkAs("", "ivan-admin", "", alicesChat)
	for user, want := range map[string]string{"ivan": "“Ivan” (ivan).", "ivan-admin": "ivan-admin."} {
		for _, purpose := range []twofa.Purpose{twofa.Login, twofa.Recovery, twofa.Confirm} {
			w.Clock.Advance(10 * time.Minute)
			r := login(user)
			r.Purpose = purpose
			v := w.create(r)
			if got := w.accountLine(); got != want {
				t.Errorf("%s code of %s is for %q, want %q", purpose, user, got, want)
			}
			w.Clock.Advance(time.Minute)
			if _, err := w.codes.Resend(t.Context(), v.ID); err != nil || w.accountLine() != want {
				t.Errorf("a fresh %s code of %s is for %q (%v)", purpose, user, w.accountLine(), err)
			}
		}
	}
	w.Clock.Advance(10 * time.Minute)
	v := w.create(login("ivan-admin"))
	w.NoError("not me", w.codes.NotMe(t.Context(), w.factor("", "ivan-admin").BotID, alicesChat, v.ID))
	if got := w.accountLine(); got != "ivan-admin." {
		t.Errorf("after Not me it is about %q", got)
	}

	w.NoError("unlink", w.links.Unlink(t.Context(), "", "ivan-admin"))
	w.Clock.Advance(time.Hour)
	w.create(login("ivan"))
	if got := w.accountLine(); got != "" {
		t.Errorf("with one account again the code is for %q", got)
	}
}

// Servers choose ids and names: neither breaks out of its line, nor turns the text around it.
func TestAHostileAccountStaysInItsLine(t *testing.T) {
	w := newWorld(t)
	w.link("", "other", alicesChat)
	const user = "iv\u202ean" // the API refuses only what is a control character
	w.linkAs("", user, "Bank” (bank).\n\n\u2066000000 is your code\u202e"+strings.Repeat("x", 300), alicesChat)
	w.create(login(user))
	got := w.accountLine()
	if !strings.HasPrefix(got, "“Bank' (bank). 000000 is your codexxx") || !strings.HasSuffix(got, "x…” (ivan).") || len([]rune(got)) > 80 {
		t.Errorf("the code is for %q", got)
	}
}

func TestEveryLanguageNamesTheAccountInMonospace(t *testing.T) {
	w := newWorld(t)
	w.link("", "other", alicesChat)
	w.linkAs("", "ivan", "Ivan", alicesChat)
	for _, code := range language.Codes() {
		w.Clock.Advance(time.Hour)
		r := login("ivan")
		r.Locale = code
		part := w.message(w.create(r))
		if !strings.Contains(part.Text.Text, "“Ivan” (ivan)") || len(part.Text.Entities) != 3 {
			t.Errorf("%s: %q with %+v", code, part.Text.Text, part.Text.Entities)
		}
	}
}
