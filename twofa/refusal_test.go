package twofa_test

import (
	"slices"
	"testing"
	"time"

	"telegate/internal/audit"
	"telegate/twofa"
)

// Whoever asks why no code came finds the code that was never made.
func TestCodeThatIsRefusedIsWrittenDown(t *testing.T) {
	for reason, refuse := range map[string]func(w *world){
		"not_linked":          func(*world) {},
		"msg2factor_disabled": func(w *world) { w.domains.off[""] = true },
		"rate_limited": func(w *world) {
			w.link("", "alice", alicesChat)
			for range 3 {
				w.create(login("alice"))
			}
		},
		"cooling_off": func(w *world) {
			w.link("", "alice", alicesChat)
			w.NoError("not me", w.codes.NotMe(w.T.Context(), botID, alicesChat, w.create(login("alice")).ID))
		},
	} {
		t.Run(reason, func(t *testing.T) {
			w := newWorld(t)
			refuse(w)
			for range 3 { // of the same refusal one a minute is enough
				if _, err := w.codes.Create(t.Context(), login("alice")); err == nil {
					t.Fatal("a code was made")
				}
			}
			if got := w.trail("", "alice", audit.MessageRefused); !slices.Equal(got, []string{"message.refused " + reason}) {
				t.Errorf("written down: %v", got)
			}
			w.Clock.Advance(time.Minute)
			_, _ = w.codes.Create(t.Context(), login("alice"))
			if got := w.trail("", "alice", audit.MessageRefused); len(got) != 2 {
				t.Errorf("a minute later: %v", got)
			}
		})
	}
}

func TestCodeThatTheCallerAsksForWronglyIsNotWrittenDown(t *testing.T) {
	w := newWorld(t)
	for _, r := range []twofa.CreateRequest{{User: "alice", Purpose: twofa.Login}, {Domain: "nowhere", User: "alice", Purpose: twofa.Confirm}} {
		if _, err := w.codes.Create(t.Context(), r); err == nil {
			t.Fatal("a code was made")
		}
		if got := w.trail(r.Domain, "alice", audit.MessageRefused); len(got) != 0 {
			t.Errorf("written down: %v", got)
		}
	}
}
