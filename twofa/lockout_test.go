package twofa_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"telegate/twofa"
)

// others are the purposes that a stranger may be able to ask for without the password.
var others = []twofa.Purpose{twofa.Recovery, twofa.Confirm}

func TestNoNumberOfRecoveriesKeepsAUserFromSigningIn(t *testing.T) {
	for _, purpose := range others {
		t.Run(string(purpose), func(t *testing.T) {
			w := newWorld(t)
			w.link("", "alice", alicesChat)
			refused := 0
			for i := range 200 { // as many as the limits let through, over more than a day
				_, err := w.codes.Create(t.Context(), twofa.CreateRequest{User: "alice", Purpose: purpose, Binding: fmt.Sprint("stranger ", i)})
				if err != nil {
					refused++
				}
				w.Clock.Advance(10 * time.Minute)
			}
			if refused == 0 {
				t.Error("codes of this purpose have no limit")
			}
			for i := range 40 { // a burst that takes every slot and every window
				_, _ = w.codes.Create(t.Context(), twofa.CreateRequest{User: "alice", Purpose: purpose, Binding: fmt.Sprint("burst ", i)})
			}
			v := w.create(login("alice"))
			wantResult(t, "sign-in", w.check(v, w.code(v)), twofa.ResultApproved, 0)
		})
	}
}

func TestEachPurposeHasItsOwnSlots(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	for _, purpose := range append(others, twofa.Login) {
		for i := range twofa.MaxPending {
			w.create(twofa.CreateRequest{User: "alice", Purpose: purpose, Binding: fmt.Sprint("browser ", i)})
		}
		_, err := w.codes.Create(t.Context(), twofa.CreateRequest{User: "alice", Purpose: purpose, Binding: "one more"})
		var busy *twofa.InProgressError
		if !errors.As(err, &busy) {
			t.Errorf("a third session of %s: %v, want it refused", purpose, err)
		}
	}
}

func TestRecoveriesFromANetworkDoNotStopItsSignIns(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	var refusal error
	for i := range 11 {
		user := fmt.Sprint("user", i)
		w.link("", user, int64(6000+i))
		r := twofa.CreateRequest{User: user, Purpose: twofa.Recovery}
		r.Context.IP = "203.0.113.7"
		_, refusal = w.codes.Create(t.Context(), r)
	}
	wantWait(t, "the eleventh recovery", refusal, twofa.RateLimited, 10*time.Minute)
	r := login("alice")
	r.Context.IP = "203.0.113.7"
	w.create(r)
}

// The failures of recovery and confirm count, and they stop recovery and confirm before they could make a sign-in wait.
func TestWrongRecoveryCodesStopRecoveryBeforeTheyStopASignIn(t *testing.T) {
	for _, purpose := range others {
		t.Run(string(purpose), func(t *testing.T) {
			w := newWorld(t)
			w.link("", "alice", alicesChat)
			r := twofa.CreateRequest{User: "alice", Purpose: purpose, Binding: "stranger"}
			for n := 1; n < twofa.OthersCloseAt; n++ {
				v := w.createInTime(r)
				w.check(v, w.wrong(v))
				if n == twofa.OthersThrottleFrom {
					_, err := w.codes.Create(t.Context(), r)
					wantWait(t, "after the fifth failure", err, twofa.Throttled, twofa.FirstWait)
				}
				wantSignIn(w, "sign-in while another purpose fails")
			}
			r2 := r
			r2.Binding = "a second stranger"
			first, second := w.createInTime(r), w.createInTime(r2)
			code := w.code(second)
			w.check(first, w.wrong(first))
			wantResult(t, "a right code once it is closed", w.checkIn(second, code, r2.Binding), twofa.ResultCanceled, 0)
			w.wantStatus(second, twofa.Canceled, "too_many_failures")
			for range 3 {
				w.Clock.Advance(48 * time.Hour)
				_, err := w.codes.Create(t.Context(), r)
				var unavailable *twofa.UnavailableError
				if !errors.As(err, &unavailable) || unavailable.Reason != twofa.ReasonFailures {
					t.Errorf("create once it is closed: %v, want it refused", err)
				}
			}
			if f := w.factor("", "alice"); f.Failures >= twofa.ThrottleFrom {
				t.Errorf("%d failures are counted, which makes a sign-in wait", f.Failures)
			}

			v := w.create(login("alice"))
			wantResult(t, "sign-in", w.check(v, w.code(v)), twofa.ResultApproved, 0)
			w.create(r) // a right sign-in code opens it again
		})
	}
}

// wantSignIn checks that a code for a sign-in can be asked for and tried now. It does not try the right one, which would
// reset the count.
func wantSignIn(w *world, what string) {
	w.T.Helper()
	r := login("alice")
	v, err := w.codes.Create(w.T.Context(), r)
	var wait *twofa.WaitError
	if errors.As(err, &wait) && wait.Kind == twofa.RateLimited {
		return // of the sign-ins of this test itself
	}
	w.NoError(what, err)
	_, err = w.codes.Cancel(w.T.Context(), v.ID)
	w.NoError("cancel", err)
}
