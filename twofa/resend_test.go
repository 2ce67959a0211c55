package twofa_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/twofa"
)

func TestResendKeepsToItsCooldownsAndMovesNothingButTheCode(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	v := w.create(login("alice"))
	w.check(v, w.wrong(v))
	begun := w.get(v)

	codes := []string{w.code(v)}
	for sends, cooldown := range []time.Duration{30 * time.Second, 60 * time.Second} {
		old := w.get(v)
		w.Clock.Advance(cooldown - time.Millisecond)
		if in := w.codes.ResendIn(old); in != time.Millisecond {
			t.Errorf("resend in %v, want 1 ms", in)
		}
		_, err := w.codes.Resend(t.Context(), v.ID)
		wantWait(t, "a millisecond too early", err, twofa.ResendTooSoon, time.Millisecond)
		if diff := cmp.Diff(old, w.get(v)); diff != "" {
			t.Errorf("what is refused has changed the verification (-before +after):\n%s", diff)
		}
		w.Clock.Advance(time.Millisecond)
		got, err := w.codes.Resend(t.Context(), v.ID)
		if err != nil {
			t.Fatalf("resend: %v", err)
		}
		if got.Sends != sends+2 || got.MessageID == old.MessageID || got.Delivery.Status != delivery.StatusQueued {
			t.Errorf("after send %d: %+v", sends+2, got)
		}
		if !got.Expires.Equal(begun.Expires) || got.Attempts != begun.Attempts || !got.Created.Equal(begun.Created) {
			t.Errorf("a resend has moved expiry or attempts: %+v, was %+v", got, begun)
		}
		if m, err := w.DB.Load(t.Context(), old.MessageID); err != nil || m.Status != delivery.StatusCanceled {
			t.Errorf("the message before is %s (%v), want canceled", m.Status, err)
		}
		if m, err := w.DB.Load(t.Context(), got.MessageID); err != nil || !m.Expires.Equal(begun.Expires) {
			t.Errorf("the new message expires at %v (%v), want with the verification at %v", m.Expires, err, begun.Expires)
		}
		codes = append(codes, w.code(v))
	}
	if in := w.codes.ResendIn(w.get(v)); in != 0 {
		t.Errorf("resend in %v right after the last one, want 0: never", in)
	}
	for _, old := range codes[:2] {
		if old != codes[2] && w.check(v, old).Approved() {
			t.Error("a code that was replaced still opens")
		}
	}
	w.Clock.Advance(time.Minute)
	if _, err := w.codes.Resend(t.Context(), v.ID); !errors.Is(err, twofa.ErrSendsExhausted) {
		t.Errorf("fourth send: %v, want ErrSendsExhausted", err)
	}
	if in := w.codes.ResendIn(w.get(v)); in != 0 {
		t.Errorf("resend in %v after the last one, want 0: never", in)
	}
	if got := w.trail("", "alice", audit.VerificationResent); len(got) != 2 {
		t.Errorf("audit of two resends: %v", got)
	}
	wantResult(t, "the last code", w.check(v, codes[2]), twofa.ResultApproved, 0)
}

func TestParallelResendsSendOnce(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	v := w.create(login("alice"))
	w.Clock.Advance(30 * time.Second)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			var wait *twofa.WaitError
			if _, err := w.codes.Resend(t.Context(), v.ID); err != nil && !errors.As(err, &wait) {
				t.Errorf("resend: %v", err)
			}
		})
	}
	wg.Wait()
	if n := w.get(v).Sends; n != 2 {
		t.Errorf("%d sends, want 2", n)
	}
}

func TestWhatHasEndedIsNotSentAgain(t *testing.T) {
	for name, end := range map[string]func(w *world, v twofa.Verification){
		"approved": func(w *world, v twofa.Verification) { w.check(v, w.code(v)) },
		"expired":  func(w *world, _ twofa.Verification) { w.Clock.Advance(5 * time.Minute) },
		"exhausted": func(w *world, v twofa.Verification) {
			wrong := w.wrong(v)
			for range 5 {
				w.check(v, wrong)
			}
		},
		"canceled": func(w *world, v twofa.Verification) { _, _ = w.codes.Cancel(w.T.Context(), v.ID) },
		"denied":   func(w *world, v twofa.Verification) { _ = w.codes.NotMe(w.T.Context(), botID, alicesChat, v.ID) },
		"failed":   func(w *world, v twofa.Verification) { _ = w.codes.FailUndeliverable(w.T.Context(), v.MessageID) },
		"unlinked": func(w *world, _ twofa.Verification) { _ = w.links.Unlink(w.T.Context(), "", "alice") },
		"replaced": func(w *world, _ twofa.Verification) { w.link("", "alice", bobsChat) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.link("", "alice", alicesChat)
			v := w.create(login("alice"))
			end(w, v)
			w.Clock.Advance(time.Minute)
			ended := w.get(v)
			if ended.Status == twofa.Pending {
				t.Fatal("it has not ended")
			}
			if _, err := w.codes.Resend(t.Context(), v.ID); !errors.Is(err, twofa.ErrFinished) {
				t.Errorf("resend: %v, want ErrFinished", err)
			}
			if _, err := w.codes.Cancel(t.Context(), v.ID); !errors.Is(err, twofa.ErrFinished) && ended.Status != twofa.Canceled {
				t.Errorf("cancel: %v, want ErrFinished", err)
			}
			if diff := cmp.Diff(ended, w.get(v)); diff != "" {
				t.Errorf("the end has changed (-before +after):\n%s", diff)
			}
		})
	}
}

func TestCancelVoidsTheCodeAndItsMessage(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	v := w.create(login("alice"))
	code := w.code(v)
	for range 2 { // the second time it is no error: it is canceled, as was asked for
		if got, err := w.codes.Cancel(t.Context(), v.ID); err != nil || got.Status != twofa.Canceled || got.Reason != twofa.ByCaller {
			t.Errorf("cancel: %s %q, %v", got.Status, got.Reason, err)
		}
	}
	wantResult(t, "its code", w.check(v, code), twofa.ResultCanceled, 0)
	if m, err := w.DB.Load(t.Context(), v.MessageID); err != nil || m.Status != delivery.StatusCanceled || len(m.Body.Parts) != 0 {
		t.Errorf("its message is %s (%v), want canceled and wiped", m.Status, err)
	}
	if got := w.trail("", "alice", audit.VerificationCanceled); len(got) != 1 {
		t.Errorf("audit of one cancellation: %v", got)
	}
}
