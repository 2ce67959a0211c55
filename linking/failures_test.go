package linking_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"telegate/internal/servicetest"
	"telegate/linking"
)

// guess types wrong confirm codes, each as soon as that may be, until it has made n guesses or the time is over. Each user
// in turn starts a link for the chat.
func (w *world) guess(users []string, chat linking.Chat, n int, until time.Time) (made int) {
	w.T.Helper()
	wait := func(err error) {
		w.T.Helper()
		var rate *linking.RateError
		var throttled *linking.WaitError
		var after time.Duration
		switch {
		case errors.As(err, &rate):
			after = rate.RetryAfter
		case errors.As(err, &throttled):
			after = throttled.RetryAfter
		}
		if after <= 0 {
			w.T.Fatalf("guess: %v, with a wait of %v", err, after)
		}
		w.Clock.Advance(after)
	}
	for made < n {
		started, err := w.links.Start(w.T.Context(), linking.StartRequest{User: users[made%len(users)], Handle: chat.Username})
		if err != nil {
			if wait(err); w.Clock.Now().After(until) {
				return made
			}
			continue
		}
		wrong := servicetest.OtherCode(w.code(chat))
		for range linking.ConfirmAttempts {
			c, err := w.links.Confirm(w.T.Context(), started.Link.ID, wrong, "")
			if err != nil {
				wait(err)
				break
			}
			if c.Result == linking.ResultVerified {
				w.T.Fatal("a wrong code linked")
			}
			if made++; made == n || c.Result == linking.ResultExhausted {
				break
			}
		}
		if w.Clock.Now().After(until) {
			return made
		}
	}
	return made
}

// OWASP ASVS 6.3.4: guessing confirm codes is as slow as guessing sign-in codes, by one user or by many.
func TestAtMostFortyConfirmCodesCanBeGuessedInADay(t *testing.T) {
	many := make([]string, 50)
	for i := range many {
		many[i] = fmt.Sprint("user", i)
	}
	for name, users := range map[string][]string{"by one user": {"mallory"}, "by many users": many} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.NoError("met", w.links.ChatStarted(t.Context(), alice))
			if n := w.guess(users, alice, 1000, w.Clock.Now().Add(24*time.Hour)); n < 10 || n > 40 {
				t.Errorf("%d guesses in a day, want 10 to 40", n)
			}
		})
	}
}

func TestOneUserCannotGuessAtManyChats(t *testing.T) {
	w := newWorld(t)
	for i := range 2 {
		w.NoError("met", w.links.ChatStarted(t.Context(), []linking.Chat{alice, bob}[i]))
	}
	w.guess([]string{"mallory"}, alice, 5, w.Clock.Now().Add(time.Hour))
	w.guess([]string{"mallory"}, bob, 5, w.Clock.Now().Add(time.Hour))
	_, err := w.links.Start(t.Context(), linking.StartRequest{User: "mallory", Handle: "alice_tg"})
	wantThrottled(t, "the eleventh guess", err, "user", linking.FirstWait)
	_, err = w.links.Start(t.Context(), linking.StartRequest{User: "mallory"})
	wantThrottled(t, "a link by bot", err, "user", linking.FirstWait)

	w.link("", "alice", alice) // nobody else waits: each chat has seen five
}

// A wait costs no attempt, and a right code ends the count.
func TestARightConfirmCodeForgetsTheWrongOnes(t *testing.T) {
	w := newWorld(t)
	w.NoError("met", w.links.ChatStarted(t.Context(), alice))
	w.guess([]string{"alice"}, alice, 9, w.Clock.Now().Add(time.Hour))
	w.Clock.Advance(linking.StartsWindow)
	l, code := w.shown(linking.StartRequest{User: "alice"}, alice)
	w.wantConfirm(l, servicetest.OtherCode(code), "", linking.ResultIncorrect, 4)
	for range 2 {
		_, err := w.links.Confirm(t.Context(), l.ID, code, "")
		wantThrottled(t, "the right code while it waits", err, "", linking.FirstWait)
	}
	w.Clock.Advance(linking.FirstWait)
	w.wantConfirm(l, code, "", linking.ResultVerified, 3)

	w.Clock.Advance(linking.StartsWindow)
	l, code = w.shown(linking.StartRequest{User: "alice"}, alice)
	w.wantConfirm(l, servicetest.OtherCode(code), "", linking.ResultIncorrect, 4)
	w.wantConfirm(l, code, "", linking.ResultVerified, 3)
}

// wantThrottled checks that an error asks to wait; without a scope, for either.
func wantThrottled(t *testing.T, what string, err error, scope string, after time.Duration) {
	t.Helper()
	var wait *linking.WaitError
	if !errors.As(err, &wait) || scope != "" && wait.Scope != scope || wait.RetryAfter != after {
		t.Errorf("%s: %#v, want a wait of %v for the %s", what, err, after, scope)
	}
}

func TestAClockThatWasAheadStopsNobodyFromLinking(t *testing.T) {
	const ahead = 30 * 24 * time.Hour
	w := newWorld(t)
	w.link("", "met", alice) // the bot knows the chat
	w.Clock.Advance(ahead)
	w.guess([]string{"bob"}, alice, linking.ThrottleFrom, w.Clock.Now().Add(24*time.Hour))
	for range linking.MaxStarts {
		_, _ = w.links.Start(t.Context(), linking.StartRequest{User: "bob"})
	}
	w.Clock.Advance(-ahead)
	started, err := w.links.Start(t.Context(), linking.StartRequest{User: "bob", Handle: alice.Username})
	w.NoError("start", err)
	w.wantConfirm(started.Link, w.code(alice), "", linking.ResultVerified, linking.ConfirmAttempts-1)
}

// Of the user's wait and the chat's, the longer one is told: a retry after it succeeds.
func TestOfTwoWaitsTheLongerOneIsTold(t *testing.T) {
	for scope, waits := range map[string][2]time.Duration{"user": {2 * time.Minute, time.Minute}, "chat": {time.Minute, 2 * time.Minute}} {
		w := newWorld(t)
		l, code := w.shown(linking.StartRequest{User: "alice"}, alice)
		w.NoError("make both wait", w.DB.UpdateLinks(t.Context(), func(tx linking.Tx) error {
			user, chat := linking.Confirmer{User: "alice"}, linking.Confirmer{BotID: botID, ChatID: alice.ID}
			return errors.Join(
				tx.SaveConfirmFailures(user, linking.Failures{InARow: linking.ThrottleFrom, WaitUntil: w.Clock.Now().Add(waits[0])}),
				tx.SaveConfirmFailures(chat, linking.Failures{InARow: linking.ThrottleFrom, WaitUntil: w.Clock.Now().Add(waits[1])}))
		}))
		for range 20 { // in whatever order the two are looked at
			_, err := w.links.Confirm(t.Context(), l.ID, code, "")
			wantThrottled(t, "confirm", err, scope, 2*time.Minute)
		}
		w.Clock.Advance(2 * time.Minute)
		w.wantConfirm(l, code, "", linking.ResultVerified, 4)
	}
}

// A caller counts the wrong guesses at its own codes. Its word ends no wait that telegate's codes have caused.
func TestACallersWordForgetsNoWrongConfirmCodes(t *testing.T) {
	w := newWorld(t)
	w.NoError("met", w.links.ChatStarted(t.Context(), alice))
	w.guess([]string{"mallory"}, alice, linking.ThrottleFrom, w.Clock.Now().Add(time.Hour))
	_, err := w.links.LinkByCaller(t.Context(), linking.CallerLinkRequest{User: "mallory", Handle: "@alice_tg", MessageID: w.callersCode(noChange)})
	w.NoError("vouch", err)
	_, err = w.links.Start(t.Context(), linking.StartRequest{User: "mallory"})
	wantThrottled(t, "after the caller's word", err, "user", linking.FirstWait)
	_, err = w.links.Start(t.Context(), linking.StartRequest{User: "bob", Handle: "alice_tg"})
	wantThrottled(t, "another user at the chat", err, "chat", linking.FirstWait)
}

// Somebody who guesses at a chat does not start the chat's count anew by a right code of another chat.
func TestARightCodeOfAnotherChatForgetsNothingOfThisOne(t *testing.T) {
	w := newWorld(t)
	w.NoError("met", w.links.ChatStarted(t.Context(), alice))
	w.guess([]string{"mallory"}, alice, linking.ThrottleFrom-1, w.Clock.Now().Add(time.Hour))
	w.Clock.Advance(linking.StartsWindow)
	w.link("", "mallory", mallory)
	if n := w.guess([]string{"mallory"}, alice, 1, w.Clock.Now().Add(time.Hour)); n != 1 {
		t.Fatalf("%d guesses", n)
	}
	_, err := w.links.Start(t.Context(), linking.StartRequest{User: "bob", Handle: "alice_tg"})
	wantThrottled(t, "the tenth wrong code of the chat", err, "chat", linking.FirstWait)
}
