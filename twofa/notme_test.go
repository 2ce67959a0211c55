package twofa_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/linking"
	"telegate/twofa"
)

func TestNotMeDeniesAllThatIsPendingAndKeepsCodesBackFor20Minutes(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	w.link("", "bob", bobsChat)
	bobs := w.create(login("bob"))
	other := w.create(twofa.CreateRequest{User: "alice", Purpose: twofa.Login, Binding: "another browser"})
	v := w.create(login("alice"))
	code := w.code(v)

	w.NoError("not me", w.codes.NotMe(t.Context(), botID, alicesChat, v.ID))
	w.wantStatus(v, twofa.Denied, "")
	w.wantStatus(other, twofa.Denied, "")
	w.wantStatus(bobs, twofa.Pending, "")
	if !w.get(v).Reported {
		t.Error("the verification is not marked as reported")
	}
	wantResult(t, "its code", w.check(v, code), twofa.ResultDenied, 0)
	if m, err := w.DB.Load(t.Context(), v.MessageID); err != nil || m.Status != delivery.StatusCanceled {
		t.Errorf("its message is %s (%v), want canceled", m.Status, err)
	}
	if got, want := w.trail("", "alice", audit.VerificationDenied), []string{"verification.denied not_me after pending"}; !cmp.Equal(got, want) {
		t.Errorf("audit: %v, want %v", got, want)
	}
	messages := w.waiting(alicesChat)
	if text := messages[len(messages)-1].Body.Parts[0].Text.Text; !strings.Contains(text, "Change your password") {
		t.Errorf("the person is told: %q", text)
	}
	for range 2 { // the second tap changes nothing, and is no news
		if n := strings.Count(w.Log.String(), "sign-in reported as not the user's own"); n != 1 {
			t.Errorf("the log tells of %d reports, want 1:\n%s", n, w.Log)
		}
		if err := w.codes.NotMe(t.Context(), botID, alicesChat, v.ID); !errors.Is(err, twofa.ErrStale) {
			t.Errorf("a second tap: %v, want ErrStale", err)
		}
	}

	_, err := w.codes.Create(t.Context(), login("alice"))
	wantWait(t, "create", err, twofa.AfterNotMe, 20*time.Minute)
	w.Clock.Advance(20*time.Minute - time.Millisecond)
	_, err = w.codes.Create(t.Context(), login("alice"))
	wantWait(t, "create a millisecond too early", err, twofa.AfterNotMe, time.Millisecond)
	if reasons, err := w.codes.Reasons(t.Context(), "", "alice"); err != nil || !cmp.Equal(reasons, []twofa.Reason{twofa.ReasonCoolingOff}) {
		t.Errorf("reasons: %v, %v, want cooling_off", reasons, err)
	}
	w.Clock.Advance(time.Millisecond)
	v = w.create(login("alice"))
	wantResult(t, "code after that", w.check(v, w.code(v)), twofa.ResultApproved, 0)
}

// OWASP ASVS 6.3.5: the person learns that a sign-in has succeeded that was not his, and so does the caller.
func TestNotMeAfterApprovalIsReported(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	v := w.create(login("alice"))
	w.check(v, w.code(v))
	other := w.create(twofa.CreateRequest{User: "alice", Purpose: twofa.Login, Binding: "another browser"})

	w.NoError("not me", w.codes.NotMe(t.Context(), botID, alicesChat, v.ID))
	w.wantStatus(v, twofa.Approved, "") // what has been answered stays
	if !w.get(v).Reported {
		t.Error("the verification is not marked as reported")
	}
	w.wantStatus(other, twofa.Denied, "")
	messages := w.waiting(alicesChat)
	if text := messages[len(messages)-1].Body.Parts[0].Text.Text; !strings.Contains(text, "Sign out all sessions") {
		t.Errorf("the person is told: %q", text)
	}
	_, err := w.codes.Create(t.Context(), login("alice"))
	wantWait(t, "create", err, twofa.AfterNotMe, 20*time.Minute)
	if got, want := w.trail("", "alice", audit.VerificationDenied), []string{"verification.denied not_me after approved"}; !cmp.Equal(got, want) {
		t.Errorf("audit: %v, want %v", got, want)
	}
}

// Whoever has signed in may have linked a chat of his own at once; the person who reports it has the earlier chat.
func TestNotMeInTheEarlierChatKeepsCodesFromTheNewOne(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	v := w.create(login("alice"))
	w.check(v, w.code(v))
	w.link("", "alice", bobsChat)
	pending := w.create(login("alice"))

	w.NoError("not me", w.codes.NotMe(t.Context(), botID, alicesChat, v.ID))
	w.wantStatus(pending, twofa.Denied, "")
	_, err := w.codes.Create(t.Context(), login("alice"))
	wantWait(t, "create", err, twofa.AfterNotMe, 20*time.Minute)
}

func TestNotMeIsReportedEvenWhenTheLinkIsGone(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	v := w.create(login("alice"))
	w.check(v, w.code(v))
	w.NoError("unlink", w.links.Unlink(t.Context(), "", "alice"))
	w.NoError("not me", w.codes.NotMe(t.Context(), botID, alicesChat, v.ID))
	if !w.get(v).Reported {
		t.Error("the verification is not marked as reported")
	}
}

// Whoever guesses uses up a code, or lets it run out, and asks for the next one: "Not me" has to stop that too.
func TestNotMeCountsAfterTheCodeHasEnded(t *testing.T) {
	for name, do := range map[string]func(w *world, v twofa.Verification){
		"expired": func(w *world, _ twofa.Verification) { w.Clock.Advance(5 * time.Minute) },
		"exhausted": func(w *world, v twofa.Verification) {
			wrong := w.wrong(v)
			for range 5 {
				w.check(v, wrong)
			}
		},
		"canceled": func(w *world, v twofa.Verification) { _, _ = w.codes.Cancel(w.T.Context(), v.ID) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.link("", "alice", alicesChat)
			v := w.create(login("alice"))
			do(w, v)
			before := w.get(v)
			other := login("alice")
			other.Binding = "another session"
			pending := w.create(other)
			w.NoError("not me", w.codes.NotMe(t.Context(), botID, alicesChat, v.ID))
			if after := w.get(v); !after.Reported || after.Status != before.Status {
				t.Errorf("reported %v, %s, want reported and %s", after.Reported, after.Status, before.Status)
			}
			w.wantStatus(pending, twofa.Denied, "")
			_, err := w.codes.Create(t.Context(), login("alice"))
			wantWait(t, "create", err, twofa.AfterNotMe, twofa.CoolingOff)
		})
	}
}

func TestNotMeIsStaleWhereThereIsNothingToDeny(t *testing.T) {
	for name, do := range map[string]func(w *world, v twofa.Verification){
		"denied already": func(w *world, v twofa.Verification) { _ = w.codes.NotMe(w.T.Context(), botID, alicesChat, v.ID) },
		"reported already": func(w *world, v twofa.Verification) {
			w.check(v, w.code(v))
			_ = w.codes.NotMe(w.T.Context(), botID, alicesChat, v.ID)
		},
		"over for a day": func(w *world, _ twofa.Verification) { w.Clock.Advance(24*time.Hour + time.Second) },
		"failed":         func(w *world, v twofa.Verification) { _ = w.codes.FailUndeliverable(w.T.Context(), v.MessageID) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.link("", "alice", alicesChat)
			v := w.create(login("alice"))
			do(w, v)
			before, messages := w.get(v), len(w.waiting(alicesChat))
			if err := w.codes.NotMe(t.Context(), botID, alicesChat, v.ID); !errors.Is(err, twofa.ErrStale) {
				t.Errorf("not me: %v, want ErrStale", err)
			}
			if diff := cmp.Diff(before, w.get(v)); diff != "" {
				t.Errorf("the verification has changed (-before +after):\n%s", diff)
			}
			if n := len(w.waiting(alicesChat)); n != messages {
				t.Errorf("%d messages were queued", n-messages)
			}
		})
	}
}

// OWASP ASVS 16.3.3: a changed client sends any bytes it likes; a button of somebody else's does nothing and is logged.
func TestNotMeFromAnotherChatIsRefusedAndLogged(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	w.link("", "bob", bobsChat)
	v := w.create(login("alice"))
	for _, tap := range []struct {
		bot, chat int64
		id        string
	}{
		{botID, bobsChat, v.ID}, {otherBot, alicesChat, v.ID}, {botID, 0, v.ID}, {0, 0, v.ID},
		{botID, alicesChat, ""}, {botID, alicesChat, v.ID + "x"}, {botID, alicesChat, strings.ToUpper(v.ID)}, {botID, alicesChat, v.MessageID},
	} {
		if err := w.codes.NotMe(t.Context(), tap.bot, tap.chat, tap.id); !errors.Is(err, twofa.ErrStale) {
			t.Errorf("tap %+v: %v, want ErrStale", tap, err)
		}
	}
	w.wantStatus(v, twofa.Pending, "")
	if n := strings.Count(w.Log.String(), "button of another chat refused"); n != 4 {
		t.Errorf("the log tells of %d taps from other chats, want 4:\n%s", n, w.Log)
	}
}

// An expired verification has shown itself as expired; it must not turn into something else afterwards.
func TestWhatHasExpiredStaysExpired(t *testing.T) {
	for name, do := range map[string]func(w *world, expired twofa.Verification){
		"a new one for the same session": func(w *world, _ twofa.Verification) { w.create(login("alice")) },
		"msg2factor off": func(w *world, _ twofa.Verification) {
			w.domains.setOff("", true)
			_, err := w.codes.ApplyPolicy(w.T.Context(), []string{""})
			w.NoError("cancel", err)
		},
		"unlinked": func(w *world, _ twofa.Verification) { w.NoError("unlink", w.links.Unlink(w.T.Context(), "", "alice")) },
		"blocked": func(w *world, _ twofa.Verification) {
			w.NoError("block", w.links.ChatBlocked(w.T.Context(), botID, alicesChat))
		},
		"refused by Telegram": func(w *world, v twofa.Verification) {
			w.NoError("undeliverable", w.codes.FailUndeliverable(w.T.Context(), v.MessageID))
		},
		"too many failures": func(w *world, _ twofa.Verification) { w.failures("alice", twofa.SuspendAt) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.link("", "alice", alicesChat)
			v := w.create(login("alice"))
			w.Clock.Advance(5 * time.Minute)
			w.wantStatus(v, twofa.Expired, "")
			do(w, v)
			w.wantStatus(v, twofa.Expired, "")
			w.domains.setOff("", false)
			w.wantStatus(v, twofa.Expired, "")
		})
	}
}

func TestWhatHasExpiredStaysExpiredWhenALaterOneEnds(t *testing.T) {
	for name, end := range map[string]func(w *world, later twofa.Verification){
		"Not me": func(w *world, later twofa.Verification) {
			w.NoError("not me", w.codes.NotMe(w.T.Context(), botID, alicesChat, later.ID))
		},
		"Not me after approval": func(w *world, later twofa.Verification) {
			w.checkIn(later, w.code(later), "another browser")
			w.NoError("not me", w.codes.NotMe(w.T.Context(), botID, alicesChat, later.ID))
		},
		"the last failure": func(w *world, later twofa.Verification) {
			f := w.factor("", "alice")
			f.Failures = twofa.SuspendAt - 1
			w.NoError("set failures", w.DB.UpdateVerifications(w.T.Context(), func(tx twofa.Tx) error { return tx.SaveFactor(f) }))
			w.checkIn(later, w.wrong(later), "another browser")
			w.wantStatus(later, twofa.Canceled, "link_suspended")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.link("", "alice", alicesChat)
			v := w.create(login("alice"))
			w.Clock.Advance(time.Minute)
			later := w.create(twofa.CreateRequest{User: "alice", Purpose: twofa.Login, Binding: "another browser"})
			w.Clock.Advance(4 * time.Minute)
			w.wantStatus(v, twofa.Expired, "")
			end(w, later)
			w.wantStatus(v, twofa.Expired, "")
		})
	}
}

func TestACodeThatTelegramRefusesFailsItsVerification(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	v := w.create(login("alice"))
	first := v.MessageID
	w.Clock.Advance(30 * time.Second)
	v, err := w.codes.Resend(t.Context(), v.ID)
	w.NoError("resend", err)
	code := w.code(v)

	for _, id := range []string{first, "", "msg_aaaaaaaaaaaaaaaaaaaaaaaaaa"} { // none of these carries the code of a verification now
		w.NoError("undeliverable", w.codes.FailUndeliverable(t.Context(), id))
		w.wantStatus(v, twofa.Pending, "")
	}
	w.NoError("undeliverable", w.codes.FailUndeliverable(t.Context(), v.MessageID))
	w.wantStatus(v, twofa.Failed, "")
	wantResult(t, "its code", w.check(v, code), twofa.ResultFailed, 0)
	if m, err := w.DB.Load(t.Context(), v.MessageID); err != nil || m.Status != delivery.StatusQueued {
		t.Errorf("its message is %s (%v); that it failed is for the dispatcher to write", m.Status, err)
	}
	if got := w.trail("", "alice", audit.VerificationFailed); len(got) != 1 {
		t.Errorf("audit of one failure: %v", got)
	}

	v = w.create(login("alice"))
	w.check(v, w.code(v))
	w.NoError("undeliverable", w.codes.FailUndeliverable(t.Context(), v.MessageID))
	w.wantStatus(v, twofa.Approved, "") // the answer was lost, but the code had arrived
}

// OWASP ASVS 6.5.6: unlinking takes what is pending along.
func TestPendingVerificationsEndWithTheirLink(t *testing.T) {
	for name, tt := range map[string]struct {
		end    func(w *world)
		reason string
	}{
		"unlinked": {func(w *world) { w.NoError("unlink", w.links.Unlink(w.T.Context(), "", "alice")) }, "unlinked"},
		"replaced": {func(w *world) { w.link("", "alice", bobsChat) }, "unlinked"},
		"blocked":  {func(w *world) { w.NoError("block", w.links.ChatBlocked(w.T.Context(), botID, alicesChat)) }, "link_suspended"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.link("", "alice", alicesChat)
			v := w.create(login("alice"))
			code := w.code(v)
			tt.end(w)
			w.wantStatus(v, twofa.Canceled, tt.reason)
			wantResult(t, "its code", w.check(v, code), twofa.ResultCanceled, 0)
			w.NoError("start again", w.links.ChatStarted(t.Context(), linking.Chat{BotID: botID, ID: alicesChat, Type: "private"}))
			wantResult(t, "its code later", w.check(v, code), twofa.ResultCanceled, 0)
		})
	}
}

func TestNotMeCountsForAWholeDay(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	v := w.create(login("alice"))
	w.Clock.Advance(24 * time.Hour)
	w.NoError("not me", w.codes.NotMe(t.Context(), botID, alicesChat, v.ID))
	if !w.get(v).Reported {
		t.Error("the verification is not marked as reported")
	}
	notice := w.waiting(alicesChat)
	if m := notice[len(notice)-1]; m.Expires.Sub(m.Created) != 24*time.Hour {
		t.Errorf("the notice lives %v, want a day", m.Expires.Sub(m.Created))
	}
}
