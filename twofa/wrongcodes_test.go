package twofa_test

import (
	"strings"
	"testing"
	"time"

	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/twofa"
)

// warnings are the messages in a chat that tell of wrong codes.
func (w *world) warnings(chatID int64) []string {
	w.T.Helper()
	var list []string
	for _, m := range w.waiting(chatID) {
		if text := m.Body.Parts[0].Text.Text; strings.Contains(text, "wrong codes were entered") {
			list = append(list, text)
			if m.Lane != delivery.LaneDirect || !m.Expires.After(m.Created) {
				w.T.Errorf("the warning goes out as %+v", m)
			}
		}
	}
	return list
}

func (w *world) wantWarnings(what string, n int) {
	w.T.Helper()
	if got := w.warnings(alicesChat); len(got) != n {
		w.T.Errorf("%s: %d warnings, want %d", what, len(got), n)
	}
}

// OWASP ASVS 6.3.5: the person is told that the password was right and the code was not.
func TestASignInThatEndsAfterWrongCodesIsToldInTheChat(t *testing.T) {
	for name, end := range map[string]func(w *world, v twofa.Verification){
		"time is over": func(w *world, _ twofa.Verification) {
			w.Clock.Advance(5 * time.Minute)
			w.NoError("end expired", w.codes.EndExpired(w.T.Context()))
		},
		"checked after its time": func(w *world, v twofa.Verification) {
			w.Clock.Advance(5 * time.Minute)
			w.check(v, "000000")
		},
		"attempts used up": func(w *world, v twofa.Verification) {
			wrong := w.wrong(v)
			for range twofa.MaxAttempts - 1 {
				w.check(v, wrong)
			}
		},
		"begun anew, and left": func(w *world, v twofa.Verification) {
			r := login("alice")
			r.Context = v.Context
			w.create(r)
			w.Clock.Advance(5 * time.Minute)
			w.NoError("end expired", w.codes.EndExpired(w.T.Context()))
		},
		"canceled by the caller": func(w *world, v twofa.Verification) {
			_, err := w.codes.Cancel(w.T.Context(), v.ID)
			w.NoError("cancel", err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.link("", "alice", alicesChat)
			w.link("", "bob", bobsChat)
			r := login("alice")
			r.Context = audit.Context{IP: "203.0.113.7", UserAgent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0"}
			v := w.create(r)
			w.check(v, w.wrong(v))
			w.wantWarnings("a wrong code may be a slip", 0)
			end(w, v)
			w.wantWarnings("the sign-in has ended", 1)
			for _, want := range []string{"My Server", "change it", "Firefox on Windows, 203.0.113.7"} {
				if text := w.warnings(alicesChat)[0]; !strings.Contains(text, want) {
					t.Errorf("the warning does not say %q: %q", want, text)
				}
			}
			if n := len(w.warnings(bobsChat)); n != 0 {
				t.Errorf("%d warnings to somebody else", n)
			}
			if got := w.trail("", "alice", audit.VerificationWarned); len(got) != 1 {
				t.Errorf("audit: %v", got)
			}
		})
	}
}

func TestNobodyIsWarnedOfWhatIsNoAttack(t *testing.T) {
	for name, act := range map[string]func(w *world){
		"nobody entered a code": func(w *world) { w.create(login("alice")) },
		"right code in the end": func(w *world) {
			v := w.create(login("alice"))
			w.check(v, w.wrong(v))
			w.check(v, w.code(v))
		},
		"right code in another window": func(w *world) {
			v := w.create(login("alice"))
			w.check(v, w.wrong(v))
			r := login("alice")
			r.Binding = "another window"
			v = w.create(r)
			w.checkIn(v, w.code(v), r.Binding)
		},
		"signed in anew, and then right": func(w *world) {
			v := w.create(login("alice"))
			w.check(v, w.wrong(v))
			v = w.create(login("alice"))
			w.check(v, w.code(v))
		},
		"Not me: the person knows": func(w *world) {
			v := w.create(login("alice"))
			w.check(v, w.wrong(v))
			w.NoError("not me", w.codes.NotMe(w.T.Context(), botID, alicesChat, v.ID))
		},
		"recovery takes no password": func(w *world) {
			v := w.create(twofa.CreateRequest{User: "alice", Purpose: twofa.Recovery})
			w.checkIn(v, w.wrong(v), "")
		},
		"codes turned off": func(w *world) {
			v := w.create(login("alice"))
			w.check(v, w.wrong(v))
			w.domains.setOff("", true)
			w.check(v, w.code(v))
		},
		"a chat that takes nothing": func(w *world) {
			v := w.create(login("alice"))
			w.check(v, w.wrong(v))
			w.NoError("block", w.links.ChatBlocked(w.T.Context(), botID, alicesChat))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.link("", "alice", alicesChat)
			act(w)
			w.Clock.Advance(time.Hour)
			w.NoError("end expired", w.codes.EndExpired(t.Context()))
			w.wantWarnings(name, 0)
		})
	}
}

// Who has the password cannot flood the chat with warnings.
func TestWarningsOfWrongCodesComeOnceInAnHour(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	began := w.Clock.Now()
	for w.Clock.Now().Sub(began) < 10*time.Hour {
		v := w.createInTime(login("alice"))
		w.check(v, w.wrong(v))
		_, err := w.codes.Cancel(t.Context(), v.ID)
		w.NoError("cancel", err)
		w.Clock.Advance(time.Minute)
	}
	if n := len(w.warnings(alicesChat)); n < 5 || n > 11 {
		t.Errorf("%d warnings in ten hours", n)
	}
	if n := len(w.trail("", "alice", audit.VerificationWarned)); n != len(w.warnings(alicesChat)) {
		t.Errorf("audit of %d warnings", n)
	}
}

func TestAPersonIsToldOfTheSameWrongCodesOnce(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	v := w.create(login("alice"))
	w.check(v, w.wrong(v))
	for _, what := range []string{"begun anew", "another sign-in"} {
		w.create(login("alice"))
		w.Clock.Advance(2 * twofa.WarnEvery)
		w.NoError("end expired", w.codes.EndExpired(t.Context()))
		w.wantWarnings(what, 1)
	}
}

// The suspension ends codes; the chat can still be told why.
func TestTheEndByTooManyFailuresIsTold(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	w.failures("alice", twofa.SuspendAt-1)
	w.Clock.Advance(2 * time.Hour)
	w.NoError("end expired", w.codes.EndExpired(t.Context()))
	w.Clock.Advance(twofa.WarnEvery)
	v := w.createInTime(login("alice"))
	before := len(w.warnings(alicesChat))
	wantResult(t, "the 50th", w.check(v, w.wrong(v)), twofa.ResultCanceled, 0)
	w.wantWarnings("the link is suspended", before+1)
	if !w.factor("", "alice").Suspended {
		t.Error("the warning has undone the suspension")
	}
}

func TestExpiredCodesEndByThemselves(t *testing.T) {
	w := newWorld(t)
	var list []twofa.Verification
	for i := range 250 { // more than one transaction takes
		user := string(rune('A' + i))
		w.link("", user, int64(6000+i))
		list = append(list, w.create(login(user)))
	}
	w.link("", "alice", alicesChat)
	w.Clock.Advance(5*time.Minute - time.Millisecond)
	young := w.create(login("alice"))
	w.NoError("end expired", w.codes.EndExpired(t.Context()))
	if v := w.get(list[0]); v.Status != twofa.Pending {
		t.Errorf("a millisecond too early it is %s", v.Status)
	}
	w.Clock.Advance(time.Millisecond)
	w.NoError("end expired", w.codes.EndExpired(t.Context()))
	for _, v := range list {
		if got := w.get(v); got.Status != twofa.Expired || got.Ended.IsZero() || got.CodeMAC != nil {
			t.Fatalf("%+v", got)
		}
	}
	w.wantStatus(young, twofa.Pending, "")
}
