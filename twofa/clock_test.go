package twofa_test

import (
	"fmt"
	"testing"
	"time"

	"telegate/twofa"
)

// A machine without a battery for its clock may be ahead until NTP puts it right.
func TestAClockThatWasAheadStopsNobodyFromSigningIn(t *testing.T) {
	const ahead = 30 * 24 * time.Hour
	for name, use := range map[string]func(w *world){
		"many sign-ins": func(w *world) {
			for i := range 12 {
				r := login("alice")
				r.Context.IP = "192.0.2.1"
				w.createInTime(r)
				if i%3 == 2 {
					w.Clock.Advance(10 * time.Minute)
				}
			}
		},
		"wrong codes": func(w *world) {
			for range twofa.ThrottleFrom / twofa.MaxAttempts {
				v := w.create(login("alice"))
				for range twofa.MaxAttempts {
					w.check(v, w.wrong(v))
				}
			}
		},
		"Not me": func(w *world) {
			v := w.create(login("alice"))
			w.NoError("not me", w.codes.NotMe(t.Context(), botID, alicesChat, v.ID))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.link("", "alice", alicesChat)
			w.Clock.Advance(ahead)
			use(w)
			w.Clock.Advance(-ahead)
			r := login("alice")
			r.Context.IP = "192.0.2.1"
			v := w.create(r)
			wantResult(t, "sign-in", w.check(v, w.code(v)), twofa.ResultApproved, 0)
			if reasons, err := w.codes.Reasons(t.Context(), "", "alice"); err != nil || len(reasons) > 0 {
				t.Errorf("the factor cannot be used: %v, %v", reasons, err)
			}
		})
	}
}

func TestAClockThatIsSetBackByLessThanAMinuteEndsNoWait(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	for i := range 3 {
		r := login("alice")
		r.Binding = fmt.Sprint("browser ", i/2)
		w.create(r)
	}
	w.Clock.Advance(-50 * time.Second)
	_, err := w.codes.Create(t.Context(), login("alice"))
	wantWait(t, "a fourth code", err, twofa.RateLimited, 5*time.Minute+50*time.Second)

	w.Clock.Advance(time.Hour)
	v := w.create(login("alice"))
	w.NoError("not me", w.codes.NotMe(t.Context(), botID, alicesChat, v.ID))
	w.Clock.Advance(-50 * time.Second)
	_, err = w.codes.Create(t.Context(), login("alice"))
	wantWait(t, "after Not me", err, twofa.AfterNotMe, twofa.CoolingOff+50*time.Second)
}
