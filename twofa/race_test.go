package twofa_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"telegate/internal/servicetest"
	"telegate/twofa"
)

// OWASP ASVS 6.5.1 as a race: whoever is first is let in, and nobody else.
func TestParallelRightCodesApproveExactlyOnce(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	for range 5 {
		v := w.createInTime(login("alice"))
		code := w.code(v)
		results := w.parallel(50, func(int) (twofa.Outcome, error) {
			return w.codes.Check(t.Context(), v.ID, code, session("alice"))
		})
		if want := map[twofa.Result]int{twofa.ResultApproved: 1, twofa.ResultAlreadyUsed: 49}; !cmp.Equal(results, want) {
			t.Errorf("results are %v, want %v", results, want)
		}
	}
}

// OWASP ASVS 6.3.1, 6.6.3: however many guess at once, a verification takes five.
func TestAttemptsNeverExceedFiveUnderParallelChecks(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	v := w.create(login("alice"))
	code := w.code(v)
	wrong := servicetest.OtherCode(code)
	results := w.parallel(50, func(int) (twofa.Outcome, error) {
		return w.codes.Check(t.Context(), v.ID, wrong, session("alice"))
	})
	if want := map[twofa.Result]int{twofa.ResultIncorrect: 4, twofa.ResultExhausted: 46}; !cmp.Equal(results, want) {
		t.Errorf("results are %v, want %v", results, want)
	}
	if n := w.get(v).Attempts; n != twofa.MaxAttempts {
		t.Errorf("%d attempts are counted, want %d", n, twofa.MaxAttempts)
	}
	if n := w.factor("", "alice").Failures; n != twofa.MaxAttempts {
		t.Errorf("%d failures are counted, want %d", n, twofa.MaxAttempts)
	}
	wantResult(t, "the right code after that", w.check(v, code), twofa.ResultExhausted, 0)
}

// Right and wrong codes, other sessions, resends, cancels and "Not me" at the same time: one transition out of pending.
func TestParallelEventsEndAVerificationOnce(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	for range 10 {
		v := w.createInTime(login("alice"))
		code := w.code(v)
		results := w.parallel(24, func(i int) (twofa.Outcome, error) {
			switch i % 6 {
			case 0:
				return w.codes.Check(t.Context(), v.ID, code, session("alice"))
			case 1:
				return w.codes.Check(t.Context(), v.ID, code, "another session")
			case 2:
				return w.codes.Check(t.Context(), v.ID, servicetest.OtherCode(code), session("alice"))
			case 3:
				err := w.codes.NotMe(t.Context(), botID, alicesChat, v.ID)
				if errors.Is(err, twofa.ErrStale) {
					return twofa.Outcome{Result: "stale"}, nil
				}
				return twofa.Outcome{Result: "reported"}, err
			case 4:
				_, err := w.codes.Cancel(t.Context(), v.ID)
				return twofa.Outcome{Result: "cancel"}, ignore(err, twofa.ErrFinished)
			default:
				_, err := w.codes.Resend(t.Context(), v.ID)
				if wait := (*twofa.WaitError)(nil); errors.As(err, &wait) {
					err = nil
				}
				return twofa.Outcome{Result: "resend"}, ignore(err, twofa.ErrFinished)
			}
		})
		end := w.get(v).Status
		if reports := results["reported"]; reports > 1 || end == twofa.Denied && reports != 1 || (reports == 1) != w.get(v).Reported {
			t.Errorf("%d reports and the end is %s", reports, end)
		}
		if approvals := results[twofa.ResultApproved]; approvals > 1 || (approvals == 1) != (end == twofa.Approved) {
			t.Errorf("%d approvals and the end is %s", approvals, end)
		}
		if !slices.Contains([]twofa.Status{twofa.Approved, twofa.Denied, twofa.Canceled, twofa.Exhausted}, end) {
			t.Errorf("the end is %s", end)
		}
		w.Clock.Advance(2 * time.Hour)
	}
}

func ignore(err, harmless error) error {
	if errors.Is(err, harmless) {
		return nil
	}
	return err
}

// parallel does something n times at once and counts the results.
func (w *world) parallel(n int, do func(i int) (twofa.Outcome, error)) map[twofa.Result]int {
	w.T.Helper()
	var (
		wg      sync.WaitGroup
		mu      sync.Mutex
		results = map[twofa.Result]int{}
		start   = make(chan struct{})
	)
	for i := range n {
		wg.Go(func() {
			<-start
			o, err := do(i)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				w.T.Errorf("call %d: %v", i, err)
			}
			results[o.Result]++
		})
	}
	close(start)
	wg.Wait()
	return results
}
