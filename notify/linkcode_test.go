package notify_test

import (
	"errors"
	"strings"
	"testing"

	"telegate/notify"
)

// A chat that the bot has met for another tenant gets nothing by its number, not even what claims to be a code.
func TestAChatIDThatNobodyHasProvenGetsNoLinkCode(t *testing.T) {
	w := newWorld(t)
	w.met(alice)
	for _, to := range []string{"5001", "@5001", " @@5001 "} {
		if _, err := w.messages.Send(t.Context(), proof(to, "123456 is your code")); !errors.Is(err, notify.ErrUnproven) {
			t.Errorf("to %q: %v, want it unproven", to, err)
		}
	}
	if n := len(w.waiting(alice)); n != 0 {
		t.Errorf("%d messages were sent", n)
	}
	_, err := w.messages.Send(t.Context(), proof("@alice_tg", "123456 is your code")) // which she gives to the server herself
	w.NoError("by username", err)
}

func TestACodeWithPurposeLinkIsAShortTextWithACode(t *testing.T) {
	w := newWorld(t)
	w.met(alice)
	for _, text := range []string{"Your account is locked, call us", "123", "123456789", "1 2 3 4 5 6", "123456 " + strings.Repeat("x", 500), strings.Repeat("123456 ", 7000)} {
		var invalid *notify.InvalidError
		for _, to := range []string{"@alice_tg", "@not_met"} {
			if _, err := w.messages.Send(t.Context(), proof(to, text)); !errors.As(err, &invalid) || invalid.Field != "text" {
				t.Errorf("%.20q to %s: %v, want the text refused", text, to, err)
			}
		}
	}
	for _, text := range []string{"1234", "12345678", "My Server verification code is: 123456", "Site 2024: 123456."} {
		if _, err := w.messages.Send(t.Context(), proof("@alice_tg", text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}
