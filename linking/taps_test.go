package linking_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"telegate/internal/audit"
	"telegate/linking"
)

// OWASP ASVS 16.3.3: never trust a button. A changed client taps whatever it likes.
func TestButtonsWorkInTheirOwnChatOnly(t *testing.T) {
	w := newWorld(t)
	l, token := w.start(linking.StartRequest{User: "alice"})
	taps := map[string]func(ctx context.Context, botID, chatID int64, id string) error{
		"accept": w.links.Accept, "not me": w.links.NotMe, "unlink": w.links.UnlinkInChat,
	}
	for _, state := range []func(){
		func() {},
		func() { w.claim(alice, token) },
		func() { w.accept(alice, l) },
		func() { w.wantConfirm(l, w.code(alice), "", linking.ResultVerified, 4) },
	} {
		state()
		before, messages := w.get(l), len(w.chat(mallory))
		for name, tap := range taps {
			for _, from := range []struct {
				bot, chat int64
				id        string
			}{
				{botID, mallory.ID, l.ID}, {otherBot, alice.ID, l.ID}, {botID, -alice.ID, l.ID},
				{botID, alice.ID, ""}, {botID, alice.ID, "lnk_aaaaaaaaaaaaaaaaaaaaaaaaaa"}, {botID, alice.ID, l.ID + " "}, {botID, alice.ID, "\x00"},
			} {
				if err := tap(t.Context(), from.bot, from.chat, from.id); !errors.Is(err, linking.ErrStale) {
					t.Errorf("%s by %+v on a %s link: %v, want ErrStale", name, from, before.Status, err)
				}
			}
		}
		if diff := cmp.Diff(before, w.get(l)); diff != "" {
			t.Errorf("the link has changed (-before +after):\n%s", diff)
		}
		if n := len(w.chat(mallory)); n != messages {
			t.Errorf("%d messages to mallory", n-messages)
		}
	}
	if n := strings.Count(w.Log.String(), "button of another chat refused"); n != 4*3*3 {
		t.Errorf("the log tells of %d taps from other chats, want %d", n, 4*3*3)
	}
}

func TestAcceptShowsOneCode(t *testing.T) {
	w := newWorld(t)
	l, token := w.start(linking.StartRequest{User: "alice"})
	w.claim(alice, token)
	var wg sync.WaitGroup
	var mu sync.Mutex
	accepted := 0
	for range 10 {
		wg.Go(func() {
			err := w.links.Accept(t.Context(), botID, alice.ID, l.ID)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				accepted++
			} else if !errors.Is(err, linking.ErrStale) {
				t.Errorf("accept: %v", err)
			}
		})
	}
	wg.Wait()
	if accepted != 1 || len(w.chat(alice)) != 2 {
		t.Errorf("%d taps were accepted and %d messages sent, want 1 and 2", accepted, len(w.chat(alice)))
	}
	w.wantConfirm(l, w.code(alice), "", linking.ResultVerified, 4)
}

// NIST 4.1.2.2: what to do about a mis-binding is one tap away, before and after the proof.
func TestNotMeEndsALinkAtAnyTime(t *testing.T) {
	t.Run("question", func(t *testing.T) {
		w := newWorld(t)
		l, token := w.start(linking.StartRequest{User: "alice"})
		w.claim(bob, token)
		w.NoError("not me", w.links.NotMe(t.Context(), botID, bob.ID, l.ID))
		w.wantStatus(l, linking.Denied, linking.ReasonNotMe)
		w.wantLast(bob, "Nothing was connected. Someone who is signed in to the account alice on My Server tried")
		w.wantConfirm(l, "000000", "", linking.ResultDenied, 5)
		w.claim(bob, token)
		w.wantLast(bob, "This link cannot be used")
	})
	t.Run("code", func(t *testing.T) {
		w := newWorld(t)
		l, token := w.start(linking.StartRequest{User: "alice"})
		w.claim(bob, token)
		w.accept(bob, l)
		code := w.code(bob)
		w.NoError("not me", w.links.NotMe(t.Context(), botID, bob.ID, l.ID))
		w.wantConfirm(l, code, "", linking.ResultDenied, 5)
		w.wantCurrent("", "alice", linking.Chat{})
	})
	t.Run("linked", func(t *testing.T) {
		w := newWorld(t)
		l := w.link("", "alice", bob)
		w.NoError("not me", w.links.NotMe(t.Context(), botID, bob.ID, l.ID))
		w.wantStatus(l, linking.Revoked, linking.ReasonNotMe)
		w.wantCurrent("", "alice", linking.Chat{})
		w.wantLast(bob, "Disconnected. Codes and messages for the account alice on My Server no longer arrive here.")
		if err := w.links.NotMe(t.Context(), botID, bob.ID, l.ID); !errors.Is(err, linking.ErrStale) {
			t.Errorf("a second time: %v, want ErrStale", err)
		}
		if n := w.count("", "alice", audit.LinkEnded); n != 1 {
			t.Errorf("audit tells of %d ends, want 1", n)
		}
	})
	t.Run("expired", func(t *testing.T) {
		w := newWorld(t)
		l, token := w.start(linking.StartRequest{User: "alice"})
		w.claim(bob, token)
		w.Clock.Advance(10 * time.Minute)
		if err := w.links.NotMe(t.Context(), botID, bob.ID, l.ID); !errors.Is(err, linking.ErrStale) {
			t.Errorf("not me: %v, want ErrStale", err)
		}
	})
}
