package twofa_test

import (
	"context"
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

// The bound holds whatever the days say: fifty thousand are told, one more is not, and the whole domain has none.
func TestSignInsOfOneUserAreCountedUpToFiftyThousand(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		user   string
		counts []int
		want   error
	}{
		{"alice", []int{30_000, 20_000}, nil},
		{"alice", []int{30_000, 20_001}, twofa.ErrTooManyToCount},
		{"", []int{30_000, 20_001}, nil},
	} {
		var limit int
		codes := w.service(countedStore{w.DB, tt.counts, &limit}, twofa.Settings{})
		days, err := codes.SignInDays(t.Context(), twofa.DaysQuery{User: tt.user})
		if !errors.Is(err, tt.want) || err == nil && len(days) != len(tt.counts) || err != nil && days != nil {
			t.Errorf("%v of %q: %v, %v, want %v", tt.counts, tt.user, days, err, tt.want)
		}
		if limit != 50_001 {
			t.Errorf("the database counts up to %d, want one more than is told", limit)
		}
	}
}

// countedStore has so many sign-ins on each day.
type countedStore struct {
	twofa.Store
	counts []int
	limit  *int // that it was asked with
}

func (s countedStore) ViewVerifications(ctx context.Context, fn func(twofa.Tx) error) error {
	return s.Store.ViewVerifications(ctx, func(tx twofa.Tx) error { return fn(countedTx{tx, s}) })
}

type countedTx struct {
	twofa.Tx
	store countedStore
}

func (tx countedTx) SignInDays(_ twofa.DaysQuery, limit int) ([]twofa.DayCount, error) {
	*tx.store.limit = limit
	var days []twofa.DayCount
	for _, n := range tx.store.counts {
		days = append(days, twofa.DayCount{Count: n})
	}
	return days, nil
}

func TestAPositionInTheReportIsReadAsItIsWritten(t *testing.T) {
	for _, p := range []twofa.Position{{Time: time.UnixMilli(0), Seq: 1}, {Time: time.UnixMilli(1_790_000_000_123), Seq: 42}} {
		if got, ok := twofa.ParsePosition(p.Text()); !ok || !got.Time.Equal(p.Time) || got.Seq != p.Seq {
			t.Errorf("position %q is read as %v, %v", p.Text(), got, ok)
		}
	}
	for _, s := range []string{"", "5", "5-", "-5", "x-1", "5-x", "5-0", "5--1", "05-1", "5-01", "5-1 ", " 5-1", "5-1-1", "+5-1"} {
		if p, ok := twofa.ParsePosition(s); ok {
			t.Errorf("%q is read as the position %v", s, p)
		}
	}
}
