package linking_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"telegate/internal/audit"
	"telegate/internal/servicetest"
	"telegate/linking"
)

// shown is a link whose confirm code the chat can see.
func (w *world) shown(r linking.StartRequest, chat linking.Chat) (linking.Link, string) {
	w.T.Helper()
	l, token := w.start(r)
	w.claim(chat, token)
	w.accept(chat, l)
	return l, w.code(chat)
}

// OWASP ASVS 6.3.4, 6.6.3: the way in through linking is not weaker than the code itself: five attempts, then it is over.
func TestTheFifthWrongConfirmCodeExhaustsALink(t *testing.T) {
	w := newWorld(t)
	l, code := w.shown(linking.StartRequest{User: "alice"}, alice)
	for remaining := 4; remaining > 0; remaining-- {
		w.wantConfirm(l, servicetest.OtherCode(code), "", linking.ResultIncorrect, remaining)
	}
	w.wantConfirm(l, servicetest.OtherCode(code), "", linking.ResultExhausted, 0)
	w.wantConfirm(l, code, "", linking.ResultExhausted, 0)
	w.wantStatus(l, linking.Exhausted, "")
	w.wantCurrent("", "alice", linking.Chat{})
	if got := w.trail("", "alice"); got[len(got)-1] != "link.ended exhausted" {
		t.Errorf("audit: %v", got)
	}
}

func TestTheFifthConfirmCodeMayBeTheRightOne(t *testing.T) {
	w := newWorld(t)
	l, code := w.shown(linking.StartRequest{User: "alice"}, alice)
	for range 4 {
		_, _ = w.links.Confirm(t.Context(), l.ID, servicetest.OtherCode(code), "")
	}
	w.wantConfirm(l, code, "", linking.ResultVerified, 0)
}

// OWASP ASVS 16.3.3: a code from another session than the one that started the link is refused, counted and logged.
func TestAConfirmCodeFromAnotherSessionNeverLinks(t *testing.T) {
	for _, session := range []string{"", "two", "one ", "one\x00"} {
		w := newWorld(t)
		l, code := w.shown(linking.StartRequest{User: "alice", Binding: "one"}, alice)
		for remaining := 4; remaining > 0; remaining-- {
			w.wantConfirm(l, code, session, linking.ResultBindingMismatch, remaining)
		}
		w.wantConfirm(l, code, session, linking.ResultExhausted, 0)
		w.wantConfirm(l, code, "one", linking.ResultExhausted, 0)
		w.wantCurrent("", "alice", linking.Chat{})
		if n := w.count("", "alice", audit.LinkRefused+" binding_mismatch"); n != 5 {
			t.Errorf("audit tells of %d mismatches with %q, want 5", n, session)
		}
	}
}

func TestAConfirmCodeIsVoidWithItsLink(t *testing.T) {
	w := newWorld(t)
	l, code := w.shown(linking.StartRequest{User: "alice"}, alice)
	w.Clock.Advance(10*time.Minute - time.Millisecond)
	w.wantConfirm(l, servicetest.OtherCode(code), "", linking.ResultIncorrect, 4)
	w.Clock.Advance(time.Millisecond)
	w.wantStatus(l, linking.Expired, "")
	w.wantConfirm(l, code, "", linking.ResultExpired, 4)
	w.wantConfirm(l, code, "", linking.ResultExpired, 4)
	if got := w.get(l); got.ConfirmMAC != nil || got.Ended.IsZero() {
		t.Errorf("link after the end: %+v", got)
	}
}

func TestAConfirmCodeLinksOnce(t *testing.T) {
	w := newWorld(t)
	l, code := w.shown(linking.StartRequest{User: "alice"}, alice)
	w.wantConfirm(l, code, "", linking.ResultVerified, 4)
	w.wantConfirm(l, code, "", linking.ResultAlreadyUsed, 4)
	w.NoError("unlink", w.links.Unlink(t.Context(), "", "alice"))
	w.wantConfirm(l, code, "", linking.ResultAlreadyUsed, 4)
	w.wantCurrent("", "alice", linking.Chat{})
}

func TestNothingButTheConfirmCodeItselfIsTakenForIt(t *testing.T) {
	w := newWorld(t)
	for i := range 3 {
		chat := linking.Chat{BotID: botID, ID: int64(9000 + i), Type: "private"} // of its own: ten wrong codes make a chat wait
		l, code := w.shown(linking.StartRequest{User: fmt.Sprintf("user%d", i)}, chat)
		for _, typed := range [][]string{
			{"", code[:5], code + "0", " " + code}, {code + "\n", "+" + code, l.ID, strings.Repeat("0", 10_000)}, {"\xff", "\x00", string(l.TokenHash), "NaN"},
		}[i] {
			if c, err := w.links.Confirm(t.Context(), l.ID, typed, ""); err != nil || c.Result != linking.ResultIncorrect {
				t.Errorf("%.20q: %s, %v, want incorrect", typed, c.Result, err)
			}
		}
	}
	for _, id := range []string{"", "lnk_aaaaaaaaaaaaaaaaaaaaaaaaaa", "ver_x", "\x00", strings.Repeat("l", 10_000)} {
		if _, err := w.links.Confirm(t.Context(), id, "000000", ""); !errors.Is(err, linking.ErrNotFound) {
			t.Errorf("confirm of %.20q: %v, want ErrNotFound", id, err)
		}
		if _, err := w.links.Get(t.Context(), id); !errors.Is(err, linking.ErrNotFound) {
			t.Errorf("get of %.20q: %v, want ErrNotFound", id, err)
		}
	}
}

func TestAConfirmCodeAnswersForNoOtherLink(t *testing.T) {
	w := newWorld(t)
	alices, hers := w.shown(linking.StartRequest{User: "alice"}, alice)
	bobs, his := w.shown(linking.StartRequest{User: "bob"}, bob)
	if hers != his {
		w.wantConfirm(alices, his, "", linking.ResultIncorrect, 4)
		w.wantConfirm(bobs, hers, "", linking.ResultIncorrect, 4)
	}
	w.wantConfirm(alices, hers, "", linking.ResultVerified, 3)
	w.wantCurrent("", "bob", linking.Chat{})
}

func (w *world) parallelConfirms(l linking.Link, code string) map[linking.Result]int {
	w.T.Helper()
	var (
		wg      sync.WaitGroup
		mu      sync.Mutex
		results = map[linking.Result]int{}
	)
	for range 50 {
		wg.Go(func() {
			c, err := w.links.Confirm(w.T.Context(), l.ID, code, "")
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				w.T.Errorf("confirm: %v", err)
			}
			results[c.Result]++
		})
	}
	wg.Wait()
	return results
}

// OWASP ASVS 6.5.1 as a race.
func TestParallelConfirmsLinkOnce(t *testing.T) {
	w := newWorld(t)
	l, code := w.shown(linking.StartRequest{User: "alice"}, alice)
	want := map[linking.Result]int{linking.ResultVerified: 1, linking.ResultAlreadyUsed: 49}
	if got := w.parallelConfirms(l, code); !cmp.Equal(got, want) {
		t.Errorf("results are %v, want %v", got, want)
	}
	if n := w.count("", "alice", audit.LinkVerified); n != 1 {
		t.Errorf("verified %d times", n)
	}
	if n := len(w.chat(alice)); n != 3 { // question, code, notice
		t.Errorf("%d messages, want 3", n)
	}
}

func TestParallelWrongConfirmsStopAtFive(t *testing.T) {
	w := newWorld(t)
	l, code := w.shown(linking.StartRequest{User: "alice"}, alice)
	want := map[linking.Result]int{linking.ResultIncorrect: 4, linking.ResultExhausted: 46}
	if got := w.parallelConfirms(l, servicetest.OtherCode(code)); !cmp.Equal(got, want) {
		t.Errorf("results are %v, want %v", got, want)
	}
	if n := w.get(l).Attempts; n != linking.ConfirmAttempts {
		t.Errorf("%d attempts are counted, want %d", n, linking.ConfirmAttempts)
	}
}

// One chat may serve several users (a family, an administrator with two accounts); one user has one chat.
func TestUsersWhoLinkOneChatAtOnceAllGetIt(t *testing.T) {
	w := newWorld(t)
	users := []string{"alice", "bob", "carol", "dave"}
	var links []linking.Link
	var codes []string
	for _, user := range users {
		l, code := w.shown(linking.StartRequest{User: user}, alice)
		links, codes = append(links, l), append(codes, code)
	}
	var wg sync.WaitGroup
	for i := range users {
		wg.Go(func() {
			if c, err := w.links.Confirm(t.Context(), links[i].ID, codes[i], ""); err != nil || c.Result != linking.ResultVerified {
				t.Errorf("%s: %s, %v", users[i], c.Result, err)
			}
		})
	}
	wg.Wait()
	have, err := w.links.LinksOfChat(t.Context(), botID, alice.ID)
	w.NoError("links of the chat", err)
	var got []string
	for _, l := range have {
		got = append(got, l.User)
	}
	slices.Sort(got)
	if diff := cmp.Diff(users, got); diff != "" {
		t.Errorf("users of the chat (-want +got):\n%s", diff)
	}
}

// NIST 4.1.2.1, 4.6, OWASP ASVS 6.3.7: who loses the link learns of it in the chat that had it.
func TestANewLinkReplacesTheOldOneAndTellsItsChat(t *testing.T) {
	w := newWorld(t)
	first := w.link("", "alice", alice)
	second := w.link("", "alice", bob)
	w.wantStatus(first, linking.Revoked, linking.ReasonReplaced)
	w.wantStatus(second, linking.Verified, "")
	w.wantCurrent("", "alice", bob)
	w.wantLast(alice, "This chat is no longer connected to the account alice on My Server: another Telegram chat has been connected")
	w.wantLast(bob, "Connected.", "notme:"+second.ID)

	messages := len(w.chat(bob))
	third := w.link("", "alice", bob) // the same chat again: there is nobody else to tell
	w.wantStatus(second, linking.Revoked, linking.ReasonRenewed)
	w.wantLast(bob, "Connected.", "notme:"+third.ID)
	if n := len(w.chat(bob)) - messages; n != 3 {
		t.Errorf("%d messages for a link, want question, code and notice", n)
	}
	// The button of a link that is over takes nothing away from the one that has followed.
	if err := w.links.NotMe(t.Context(), botID, bob.ID, second.ID); !errors.Is(err, linking.ErrStale) {
		t.Errorf("old button: %v, want ErrStale", err)
	}
	w.wantCurrent("", "alice", bob)
}

// Whoever blocks the bot between the code and the page has a link that no sign-in may count on.
func TestALinkToAChatThatWasBlockedMeanwhileIsSuspended(t *testing.T) {
	w := newWorld(t)
	l, code := w.shown(linking.StartRequest{User: "alice"}, alice)
	w.NoError("block", w.links.ChatBlocked(t.Context(), botID, alice.ID))
	if _, err := w.service(&faultyStore{w.DB, "CancelVerifications"}).Confirm(t.Context(), l.ID, code, ""); !errors.Is(err, errDisk) {
		t.Errorf("confirm that cannot suspend: %v, want the fault", err)
	}
	w.wantStatus(l, linking.Claimed, "")
	w.wantConfirm(l, code, "", linking.ResultVerified, 4)
	w.wantStatus(l, linking.Suspended, linking.ReasonBlocked)
	w.wantLast(alice, "Connected.", "notme:"+l.ID) // to read when the chat comes back
	w.NoError("start", w.links.ChatStarted(t.Context(), alice))
	w.wantStatus(l, linking.Verified, "")
}
