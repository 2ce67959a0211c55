package linking_test

import (
	"strings"
	"testing"
	"unicode"

	"telegate/delivery"
	"telegate/linking"
)

// Whoever starts a link chooses the names that the other person reads. They may not look like something the bot says,
// hide what it says, or become a link to tap.
func TestHostileNamesCannotSpeakForTheBot(t *testing.T) {
	for _, tt := range []struct{ name, display, user, account string }{
		{"new lines", "Alice\n\n000000 is your code\r\n", "alice\n\u2028", "“Alice 000000 is your code” (alice)"},
		{"directions", "\u202eecilA\u2066\u200f", "alice\u061c", "“ecilA” (alice)"},
		{"invisible", "\u200bAl\u00adice\ufeff\x00\x1b[2J", "\u2060alice", "“Alice[2J” (alice)"},
		{"only invisible", "\u200b\ufeff", "alice", "alice"},
		{"not UTF-8", "Al\xffice", "ali\xfece", "“Alice” (alice)"},
		{"markup", "<b>Alice</b> *x* `y`", "user//alice", "“<b>Alice</b> *x* `y`” (user//alice)"},
		{"address", "https://evil.example", "@evil", "“https://evil.example” (@evil)"},
		{"very long", strings.Repeat("A", 5000), strings.Repeat("a", 5000), "“" + strings.Repeat("A", 63) + "…” (" + strings.Repeat("a", 63) + "…)"},
		{"out of its quotes", "Alice” (user//bob) is wrong. «Ask \"us\"», not „her“", "alice", "“Alice' (user//bob) is wrong. 'Ask 'us'', not 'her'” (alice)"},
		{"the same twice", "alice", "alice", "alice"},
		{"no name", "", "alice", "alice"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.domains.titles[""] = "My\nServer\u202e"
			l, token := w.start(linking.StartRequest{User: tt.user, DisplayName: tt.display})
			w.claim(alice, token)
			w.accept(alice, l)
			w.wantConfirm(l, w.code(alice), "", linking.ResultVerified, 4)
			w.claim(alice, token)
			messages := w.chat(alice) // before the farewell, which takes back what has not left yet
			w.NoError("unlink", w.links.Unlink(t.Context(), "", tt.user))
			left := w.chat(alice)
			messages = append(messages, left[len(left)-1])
			if len(messages) != 5 {
				t.Fatalf("%d messages, want question, code, notice, reminder and farewell", len(messages))
			}
			for _, m := range messages {
				text := m.Body.Parts[0].Text
				if i := strings.IndexFunc(text.Text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
					t.Errorf("text has an unprintable character at %d: %q", i, text.Text)
				}
				if !strings.Contains(text.Text, "the account "+tt.account+" on My Server") || strings.Count(text.Text, "\n") > 2 {
					t.Errorf("text %q does not name the account %q in one line", text.Text, tt.account)
				}
				shown := false
				for _, e := range text.Entities {
					shown = shown || e.Type == delivery.EntityCode && e.Length == delivery.Plain(tt.account).Units()
					if e.Type != delivery.EntityCode && e.Type != delivery.EntityBold {
						t.Errorf("entity %+v", e)
					}
				}
				if !shown {
					t.Errorf("the account does not stand in code, where Telegram makes no links: %+v", text)
				}
				if err := delivery.CheckText(text); err != nil {
					t.Errorf("Telegram would refuse it: %v", err)
				}
			}
		})
	}
}

func TestChatsAreLabeledByNameAndHandle(t *testing.T) {
	for _, tt := range []struct {
		chat linking.Chat
		want string
	}{
		{alice, "Alice Liddell (@alice_tg)"},
		{linking.Chat{FirstName: "Alice"}, "Alice"},
		{linking.Chat{Username: "alice_tg"}, "@alice_tg"},
		{linking.Chat{LastName: "Liddell"}, "Liddell"},
		{linking.Chat{}, ""},
		{linking.Chat{FirstName: "\u202eecilA\n", LastName: strings.Repeat("x", 100), Username: "a_b"}, "ecilA " + strings.Repeat("x", 57) + "… (@a_b)"},
	} {
		if got := tt.chat.Label(); got != tt.want {
			t.Errorf("label of %+v is %q, want %q", tt.chat, got, tt.want)
		}
	}
}

func TestButtonsFitIntoTelegramsCallbackData(t *testing.T) {
	w := newWorld(t)
	l, token := w.start(linking.StartRequest{User: "alice"})
	w.claim(alice, token)
	unlink := linking.UnlinkButton(l, "Disconnect")
	if unlink.Callback != linking.ButtonUnlink+":"+l.ID {
		t.Errorf("unlink sends back %q", unlink.Callback)
	}
	for _, b := range append(w.last(alice).Body.Parts[0].Buttons[0], unlink) {
		if n := len(b.Callback); n < 1 || n > 64 { // Bot API: callback_data, 1-64 bytes
			t.Errorf("button %q carries %d bytes", b.Label, n)
		}
	}
}
