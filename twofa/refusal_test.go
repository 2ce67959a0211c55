package twofa_test

import (
	"errors"
	"slices"
	"strings"
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

// An audit that cannot be written is logged, and takes nothing from the answer.
func TestARefusalThatCannotBeWrittenDownIsStillARefusal(t *testing.T) {
	w := newWorld(t)
	codes, store := w.faulty()
	for _, store.failing = range []string{"", "RefusalsSince", "Audit", "commit"} {
		w.Clock.Advance(time.Hour)
		before := strings.Count(w.Log.String(), "cannot write a refused code to the audit")
		_, err := codes.Create(t.Context(), login("alice"))
		var unavailable *twofa.UnavailableError
		if !errors.As(err, &unavailable) || unavailable.Reason != twofa.ReasonNotLinked {
			t.Errorf("with a failing %q: %v, want the refusal", store.failing, err)
		}
		logged := strings.Count(w.Log.String(), "cannot write a refused code to the audit") - before
		if logged != 0 != (store.failing != "") {
			t.Errorf("with a failing %q the log has %d entries", store.failing, logged)
		}
	}
}
