package twofa_test

import (
	"errors"
	"testing"
	"time"

	"telegate/internal/audit"
	"telegate/twofa"
)

// Someone with more sign-ins than are counted gets words instead of a slow answer or a wrong count; a domain has no such bound.
func TestWhatIsCountedOfOneUserIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("long: 50,000 sign-ins")
	}
	w := newWorld(t)
	day := w.Clock.Now().Truncate(24 * time.Hour)
	checks := func(n int) {
		w.NoError("write sign-ins", w.DB.UpdateVerifications(t.Context(), func(tx twofa.Tx) error {
			for range n {
				if err := tx.Audit(audit.Entry{
					Time: day, Event: audit.VerificationChecked, User: "alice", Outcome: "approved", Purpose: "login",
				}); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	q := twofa.DaysQuery{User: "alice", From: day, Until: day.AddDate(0, 0, 1)}
	checks(50_000)
	if days, err := w.codes.SignInDays(t.Context(), q); err != nil || len(days) != 1 || days[0].Count != 50_000 {
		t.Errorf("%v, %v", days, err)
	}
	checks(1)
	if days, err := w.codes.SignInDays(t.Context(), q); !errors.Is(err, twofa.ErrTooManyToCount) {
		t.Errorf("%v, %v", days, err)
	}
	q.User = ""
	if days, err := w.codes.SignInDays(t.Context(), q); err != nil || len(days) != 1 || days[0].Count != 50_001 {
		t.Errorf("%v, %v", days, err)
	}
}
