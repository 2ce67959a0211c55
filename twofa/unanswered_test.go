package twofa_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"telegate/delivery"
	"telegate/twofa"
)

// push asks for a code that nobody will enter, as soon as that may be, and returns how long it had to wait.
func (w *world) push(r twofa.CreateRequest) time.Duration {
	w.T.Helper()
	from := w.Clock.Now()
	w.arrive(w.createInTime(r))
	return w.Clock.Now().Sub(from)
}

// arrive makes the code of a verification reach the person.
func (w *world) arrive(v twofa.Verification) {
	w.T.Helper()
	w.NoError("deliver", w.DB.SaveProgress(w.T.Context(), delivery.Progress{
		ID: v.MessageID, Status: delivery.StatusDelivered, SentParts: 1, Attempts: 1, Ended: w.Clock.Now(),
	}))
}

// NIST SP 800-63B-4 §3.1.3.2, OWASP ASVS 6.6.4: somebody with the password cannot wear the person down with codes.
func TestCodesThatNobodyEntersComeEverMoreSlowly(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	for range twofa.UnansweredFree {
		w.Clock.Advance(15 * time.Minute) // within the other limits
		w.push(login("alice"))
	}
	for i, want := range []time.Duration{
		5 * time.Minute, 10 * time.Minute, 20 * time.Minute, 40 * time.Minute, time.Hour, time.Hour, time.Hour,
	} {
		_, err := w.codes.Create(t.Context(), login("alice"))
		var wait *twofa.WaitError
		if !errors.As(err, &wait) || wait.Kind != twofa.RateLimited || wait.Scope != "user" || wait.Limit != twofa.UnansweredFree || wait.RetryAfter != want {
			t.Fatalf("code %d: %v %+v, want a pause of %v", twofa.UnansweredFree+i+1, err, wait, want)
		}
		w.Clock.Advance(want - time.Millisecond)
		if _, err := w.codes.Create(t.Context(), login("alice")); !errors.As(err, &wait) || wait.RetryAfter != time.Millisecond {
			t.Fatalf("a millisecond too early: %v", err)
		}
		w.Clock.Advance(time.Millisecond)
		w.arrive(w.create(login("alice")))
	}
	began, codes := w.Clock.Now(), 0
	for w.Clock.Now().Sub(began) < 24*time.Hour {
		w.push(login("alice"))
		codes++
	}
	if codes > 25 {
		t.Errorf("%d codes in a day, and nobody has entered one", codes)
	}
}

// A person who can get in is never shut out for longer than LongestPause, and is rid of the pauses with the first right code.
func TestARightCodeEndsThePausesOfUnansweredCodes(t *testing.T) {
	for _, purpose := range []twofa.Purpose{twofa.Login, twofa.Recovery} {
		w := newWorld(t)
		w.link("", "alice", alicesChat)
		for i := range 60 {
			r := login("alice")
			r.Binding = fmt.Sprint("an attacker's browser ", i%2)
			w.push(r)
		}
		w.Clock.Advance(twofa.LongestPause)
		r := login("alice")
		v := w.create(r)
		wantResult(t, "right code", w.check(v, w.code(v)), twofa.ResultApproved, 0)
		r.Purpose = purpose
		for range 2 {
			w.create(r)
		}
	}
}

func TestAPendingCodeCanBeEnteredDuringThePause(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	for range twofa.UnansweredFree {
		w.Clock.Advance(15 * time.Minute)
		w.push(login("alice"))
	}
	w.Clock.Advance(twofa.FirstPause)
	v := w.create(login("alice"))
	other := login("alice")
	other.Binding = "an attacker's browser"
	_, err := w.codes.Create(t.Context(), other)
	wantWait(t, "another one", err, twofa.RateLimited, 2*twofa.FirstPause)
	wantResult(t, "right code", w.check(v, w.code(v)), twofa.ResultApproved, 0)
	w.create(other)
}

// Every send is a push, so a resend counts, waits, and says in advance how long.
func TestResendsCountAsUnansweredCodes(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	resend := func(v twofa.Verification) (twofa.Verification, error) { return w.codes.Resend(t.Context(), v.ID) }
	v := w.create(login("alice"))
	for range twofa.MaxSends - 1 {
		w.Clock.Advance(time.Minute)
		got, err := resend(v)
		w.NoError("resend", err)
		v = got
	}
	w.arrive(v)
	w.Clock.Advance(10 * time.Minute)
	v = w.create(login("alice"))
	w.Clock.Advance(30 * time.Second)
	v, err := resend(v) // the fifth code
	w.NoError("resend", err)
	if in := w.codes.ResendIn(v); in != twofa.FirstPause {
		t.Errorf("the answer says that a resend may come in %v, want %v", in, twofa.FirstPause)
	}
	w.Clock.Advance(time.Minute)
	before := w.get(v)
	_, err = resend(v)
	wantWait(t, "the sixth code", err, twofa.RateLimited, twofa.FirstPause-time.Minute)
	if in := w.codes.ResendIn(before); in != twofa.FirstPause-time.Minute {
		t.Errorf("a later answer says %v", in)
	}
	o := w.check(v, w.wrong(v)) // somebody enters it
	if in := w.codes.ResendIn(o.Verification); in != 0 {
		t.Errorf("after an entered code a resend may come in %v", in)
	}
	_, err = resend(v)
	w.NoError("resend of a code that somebody enters", err)
}

func TestUnansweredCodesOfOtherPurposesDoNotHoldUpASignIn(t *testing.T) {
	for _, purpose := range others {
		w := newWorld(t)
		w.link("", "alice", alicesChat)
		w.link("", "bob", bobsChat)
		for i := range 20 {
			w.push(twofa.CreateRequest{User: "alice", Purpose: purpose, Binding: fmt.Sprint("stranger ", i%2)})
		}
		_, err := w.codes.Create(t.Context(), twofa.CreateRequest{User: "alice", Purpose: purpose, Binding: "stranger 0"})
		wantWait(t, string(purpose), err, twofa.RateLimited, twofa.LongestPause)
		w.create(login("alice"))
		w.create(twofa.CreateRequest{User: "bob", Purpose: purpose}) // nobody else waits
	}
}

// While Telegram or the network is down, nobody gets a code: nobody could enter it, and nobody waits for that afterwards.
func TestCodesThatNeverLeftAreNotUnanswered(t *testing.T) {
	for _, end := range []string{"expired", "superseded", "canceled by the server"} {
		w := newWorld(t)
		w.link("", "alice", alicesChat)
		for range 2 * twofa.UnansweredFree {
			v := w.createInTime(login("alice"))
			switch end {
			case "expired":
				w.Clock.Advance(time.Hour)
				w.NoError("end", w.codes.EndExpired(t.Context()))
			case "canceled by the server":
				_, err := w.codes.Cancel(t.Context(), v.ID)
				w.NoError("cancel", err)
			}
		}
		w.Clock.Advance(time.Hour) // the other limits
		v := w.create(login("alice"))
		if in := w.codes.ResendIn(w.get(v)); in > time.Minute {
			t.Errorf("%s: the next code may be sent in %v", end, in)
		}
	}
}

// Codes that Telegram refused bothered nobody, and a new link starts anew.
func TestOnlyCodesOfThisLinkThatWereSentAreUnanswered(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	for range 2 * twofa.UnansweredFree {
		w.Clock.Advance(15 * time.Minute)
		v := w.create(login("alice"))
		w.NoError("undeliverable", w.codes.FailUndeliverable(t.Context(), w.get(v).MessageID))
	}
	w.create(login("alice"))
	for range 2 * twofa.UnansweredFree {
		w.push(login("alice"))
	}
	w.Clock.Advance(time.Minute)
	_, err := w.codes.Create(t.Context(), login("alice"))
	wantWait(t, "create", err, twofa.RateLimited, twofa.LongestPause-time.Minute)
	w.link("", "alice", alicesChat)
	w.create(login("alice"))
}

func TestAClockThatIsSetBackMakesNoPauseLonger(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	for range twofa.UnansweredFree {
		w.Clock.Advance(15 * time.Minute)
		w.push(login("alice"))
	}
	w.Clock.Advance(-50 * time.Second)
	_, err := w.codes.Create(t.Context(), login("alice"))
	wantWait(t, "set back a little", err, twofa.RateLimited, twofa.FirstPause)
	w.Clock.Advance(-30 * time.Minute)
	w.create(login("alice")) // codes that are of the future count no longer
}
