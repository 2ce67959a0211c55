package twofa_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"telegate/internal/audit"
	"telegate/linking"
	"telegate/twofa"
)

// NIST 3.1.3.2: consecutive failures are counted per account, and a new secret does not reset the count.
func TestNeitherANewCodeNorAResendResetsTheFailures(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	want := func(what string, n int) {
		t.Helper()
		if f := w.factor("", "alice"); f.Failures != n {
			t.Errorf("after %s %d failures are counted, want %d", what, f.Failures, n)
		}
	}
	v := w.create(login("alice"))
	w.check(v, w.wrong(v))
	w.check(v, w.wrong(v))
	want("two wrong codes", 2)

	w.Clock.Advance(30 * time.Second)
	if _, err := w.codes.Resend(t.Context(), v.ID); err != nil {
		t.Fatal(err)
	}
	want("a resend", 2)
	if got := w.get(v); got.Attempts != 2 {
		t.Errorf("after a resend %d attempts are counted, want 2", got.Attempts)
	}
	v = w.create(login("alice"))
	want("a new verification", 2)
	w.check(v, w.wrong(v))
	want("a third wrong code", 3)
	if _, err := w.codes.Cancel(t.Context(), v.ID); err != nil {
		t.Fatal(err)
	}
	want("a cancellation", 3)
	v = w.createInTime(login("alice"))
	w.checkIn(v, w.code(v), "another session")
	want("the right code in another session", 4)
	w.Clock.Advance(time.Hour)
	w.check(v, w.code(v))
	want("a code that came too late", 4)

	w.NoError("block", w.links.ChatBlocked(t.Context(), botID, alicesChat))
	w.NoError("unblock", w.links.ChatStarted(t.Context(), linking.Chat{BotID: botID, ID: alicesChat, Type: "private"}))
	want("blocking and unblocking the bot", 4)

	v = w.createInTime(login("alice"))
	wantResult(t, "right code", w.check(v, w.code(v)), twofa.ResultApproved, 0)
	want("a success", 0) // NIST 3.2.2: cleared on success
}

// OWASP ASVS 6.3.4: no pathway is weaker than the others; codes of every purpose feed one counter.
func TestAllPurposesShareOneFailureCounter(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	for i, purpose := range []twofa.Purpose{twofa.Login, twofa.Recovery, twofa.Confirm} {
		v := w.createInTime(twofa.CreateRequest{User: "alice", Purpose: purpose, Binding: session("alice")})
		w.check(v, w.wrong(v))
		if f := w.factor("", "alice"); f.Failures != i+1 {
			t.Errorf("after a wrong %s code %d failures are counted, want %d", purpose, f.Failures, i+1)
		}
		if _, err := w.codes.Cancel(t.Context(), v.ID); err != nil {
			t.Fatal(err)
		}
	}
}

// NIST 3.2.2, OWASP ASVS 6.3.1, 6.6.3: growing waits from the 10th failure in a row, 30 s to an hour, and at the 50th
// (100 at most) the link is no factor any more until it is bound anew.
func TestFailuresInARowCauseGrowingWaitsAndThenTheEnd(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	w.link("", "bob", bobsChat)
	waits := slices.Concat(make([]time.Duration, 9), []time.Duration{
		30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 16 * time.Minute, 32 * time.Minute,
	}, slices.Repeat([]time.Duration{time.Hour}, 33))

	for i, want := range waits {
		v := w.createInTime(login("alice"))
		wrong, right := w.wrong(v), w.code(v)
		if o := w.check(v, wrong); o.Approved() || o.Result == twofa.ResultCanceled {
			t.Fatalf("failure %d: %s", i+1, o.Result)
		}
		if wait := max(0, w.factor("", "alice").WaitUntil.Sub(w.Clock.Now())); wait != want {
			t.Errorf("after failure %d the link waits %v, want %v", i+1, wait, want)
		}
		if want == 0 {
			continue
		}
		// While it waits nothing is tried, nothing is sent, and nothing is spent.
		before := w.get(v)
		if before.Status == twofa.Pending {
			_, err := w.codes.Check(t.Context(), v.ID, right, session("alice"))
			wantWait(t, "check", err, twofa.Throttled, want)
		}
		_, err := w.codes.Create(t.Context(), login("alice"))
		wantWait(t, "create", err, twofa.Throttled, want)
		_, err = w.codes.Resend(t.Context(), v.ID)
		if before.Status == twofa.Pending {
			wantWait(t, "resend", err, twofa.Throttled, want)
		}
		if diff := cmp.Diff(before, w.get(v)); diff != "" {
			t.Errorf("what is refused has changed the verification (-before +after):\n%s", diff)
		}
	}
	if f := w.factor("", "alice"); f.Failures != 49 || f.Suspended {
		t.Fatalf("after 49 failures: %+v", f)
	}
	w.create(login("bob")) // nobody else waits for it

	other := w.createInTime(twofa.CreateRequest{User: "alice", Purpose: twofa.Login, Binding: "another browser"})
	v := w.createInTime(login("alice"))
	code := w.code(v)
	wantResult(t, "the 50th", w.check(v, w.wrong(v)), twofa.ResultCanceled, 0)
	w.wantStatus(v, twofa.Canceled, "link_suspended")
	w.wantStatus(other, twofa.Canceled, "link_suspended")
	wantResult(t, "the right code after that", w.check(v, code), twofa.ResultCanceled, 0)
	if l, err := w.links.Current(t.Context(), "", "alice"); err != nil || l.Status != linking.Suspended || l.Reason != linking.ReasonTooManyFailures {
		t.Errorf("link is %s %q (%v), want suspended for too many failures", l.Status, l.Reason, err)
	}
	if got := w.trail("", "alice", audit.LinkSuspended); len(got) != 1 {
		t.Errorf("audit of the suspension: %v", got)
	}
	refused := func(what string) {
		t.Helper()
		w.Clock.Advance(48 * time.Hour)
		_, err := w.codes.Create(t.Context(), login("alice"))
		var unavailable *twofa.UnavailableError
		if !errors.As(err, &unavailable) || unavailable.Reason != twofa.ReasonSuspended {
			t.Errorf("create %s: %v, want it suspended", what, err)
		}
	}
	refused("after two days")
	w.NoError("block", w.links.ChatBlocked(t.Context(), botID, alicesChat))
	w.NoError("start", w.links.ChatStarted(t.Context(), linking.Chat{BotID: botID, ID: alicesChat, Type: "private"}))
	refused("after the bot was blocked and started again")

	w.link("", "alice", alicesChat)
	if f := w.factor("", "alice"); f.Failures != 0 || f.Suspended {
		t.Errorf("bound anew, the link begins with %+v", f)
	}
	v = w.create(login("alice"))
	wantResult(t, "right code after linking anew", w.check(v, w.code(v)), twofa.ResultApproved, 0)
}

// The wait is over at its end, and what is still pending can be checked then.
func TestAVerificationSurvivesAFailureWait(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	w.failures("alice", 9)
	v := w.createInTime(login("alice"))
	wantResult(t, "tenth failure", w.check(v, w.wrong(v)), twofa.ResultIncorrect, 4)
	w.Clock.Advance(30*time.Second - time.Millisecond)
	_, err := w.codes.Check(t.Context(), v.ID, w.code(v), session("alice"))
	wantWait(t, "a millisecond too early", err, twofa.Throttled, time.Millisecond)
	w.Clock.Advance(time.Millisecond)
	wantResult(t, "in time", w.check(v, w.code(v)), twofa.ResultApproved, 0)
	if f := w.factor("", "alice"); f.Failures != 0 || !f.WaitUntil.IsZero() {
		t.Errorf("a success leaves %+v", f)
	}
	throttled := w.trail("", "alice", audit.FactorThrottled)
	if diff := cmp.Diff([]string{"factor.throttled check"}, throttled); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}
}

func TestParallelGuessesOverTwoSessionsStopAtTheWait(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	w.failures("alice", 7)
	w.Clock.Advance(10 * time.Minute)
	confirm := login("alice")
	confirm.Purpose = twofa.Confirm
	list := []twofa.Verification{w.createInTime(login("alice")), w.createInTime(confirm)}
	wrong := []string{w.wrong(list[0]), w.wrong(list[1])}
	w.parallel(40, func(i int) (twofa.Outcome, error) {
		o, err := w.codes.Check(t.Context(), list[i%2].ID, wrong[i%2], session("alice"))
		if wait := (*twofa.WaitError)(nil); errors.As(err, &wait) && wait.Kind == twofa.Throttled {
			err = nil
		}
		return o, err
	})
	if f := w.factor("", "alice"); f.Failures != 10 {
		t.Errorf("%d failures are counted, want the guessing to stop at 10", f.Failures)
	}
}
