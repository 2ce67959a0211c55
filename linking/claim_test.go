package linking_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/internal/servicetest"
	"telegate/linking"
)

func TestLinkingByBotIsProvenFromBothSides(t *testing.T) {
	w := newWorld(t)
	s, err := w.links.Start(t.Context(), linking.StartRequest{User: "user//alice", DisplayName: "Alice", Binding: "session"})
	w.NoError("start", err)
	token := strings.TrimPrefix(s.Command, "/start ")
	w.Keep(token, "session")
	want := linking.Started{
		Link: s.Link, StartURL: "https://t.me/MyBot?start=" + token, AppURL: "tg://resolve?domain=MyBot&start=" + token, Command: "/start " + token,
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("started (-want +got):\n%s", diff)
	}
	l := s.Link
	w.wantStatus(l, linking.Pending, "")
	w.wantConfirm(l, "000000", "session", linking.ResultNotClaimed, 5)

	w.claim(alice, token)
	w.wantStatus(l, linking.Claimed, "")
	w.wantLast(alice, "Connect this Telegram chat to the account “Alice” (user//alice) on My Server?", "accept:"+l.ID, "notme:"+l.ID)
	if label := w.get(l).Chat.Label(); label != "Alice Liddell (@alice_tg)" {
		t.Errorf("the page shows the chat as %q", label)
	}
	w.wantConfirm(l, "000000", "session", linking.ResultNotClaimed, 5)

	w.accept(alice, l)
	code := w.code(alice)
	if !regexp.MustCompile(`^[0-9]{6}$`).MatchString(code) {
		t.Errorf("confirm code is %q", code)
	}
	w.wantLast(alice, code+" is the code to connect the account “Alice” (user//alice) on My Server.", "notme:"+l.ID)
	w.wantConfirm(l, servicetest.OtherCode(code), "session", linking.ResultIncorrect, 4)
	w.wantCurrent("", "user//alice", linking.Chat{})

	w.wantConfirm(l, code, "session", linking.ResultVerified, 3)
	w.wantCurrent("", "user//alice", alice)
	// NIST 4.1.2.2, 4.6 and OWASP ASVS 6.3.7: the notice says what has changed and how to undo it.
	w.wantLast(alice, "Connected. Sign-in codes and messages for the account “Alice” (user//alice) on My Server arrive here", "notme:"+l.ID)
	wantTrail := []string{"link.started bot", "link.claimed", "link.verified bot"}
	if diff := cmp.Diff(wantTrail, w.trail("", "user//alice")); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}
	for _, m := range w.chat(alice)[:2] { // what is no use after the link's time does not arrive after it either
		if m.Lane != delivery.LaneCode || !m.Expires.Equal(l.Expires) {
			t.Errorf("message in lane %s until %v, want code until %v", m.Lane, m.Expires, l.Expires)
		}
	}
}

// NIST 4.1: there is a record of every chat that was bound, with its times, also after the end.
func TestEveryLinkIsOnRecordWithItsTimes(t *testing.T) {
	w := newWorld(t)
	started := w.Clock.Now()
	l, token := w.start(linking.StartRequest{User: "alice", DisplayName: "Alice", Locale: "en"})
	w.Clock.Advance(time.Minute)
	w.claim(alice, token)
	w.accept(alice, l)
	w.Clock.Advance(time.Minute)
	w.wantConfirm(l, w.code(alice), "", linking.ResultVerified, 4)
	w.Clock.Advance(time.Hour)
	w.NoError("unlink", w.links.Unlink(t.Context(), "", "alice"))

	got := w.get(l)
	hash := sha256.Sum256([]byte(token))
	want := linking.Link{
		ID: l.ID, User: "alice", DisplayName: "Alice", Locale: "en", Method: linking.ByBot, Status: linking.Revoked,
		Reason: linking.ReasonUnlinked, BotID: botID, ChatID: alice.ID, TokenHash: hash[:], Attempts: 1, Created: started,
		Expires: started.Add(10 * time.Minute), Claimed: started.Add(time.Minute), Verified: started.Add(2 * time.Minute),
		Ended: started.Add(2*time.Minute + time.Hour), Chat: alice,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("link (-want +got):\n%s", diff)
	}
}

// NIST 4.1.2.2: a binding code of at least 112 bits, for one use and ten minutes. OWASP ASVS 6.5.1, 6.5.5, 11.5.1.
func TestAStartTokenIsLongHashedAndUsedOnce(t *testing.T) {
	w := newWorld(t)
	l, token := w.start(linking.StartRequest{User: "alice", Binding: "binding-in-clear", Locale: "needle-in-clear"})
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`).MatchString(token) {
		t.Errorf("token %q, want 43 characters that a deep link takes (256 bits)", token)
	}
	if len(l.ID) != len("lnk_")+26 {
		t.Errorf("id %q, want 128 bits in base32", l.ID)
	}
	w.claim(alice, token)
	w.accept(alice, l)
	code := w.code(alice)
	w.wantConfirm(l, code, "binding-in-clear", linking.ResultVerified, 4)
	w.claim(mallory, token)
	w.wantLast(mallory, "This link cannot be used")
	w.wantCurrent("", "alice", alice)

	var file []byte
	for _, suffix := range []string{"", "-wal"} {
		part, err := os.ReadFile(w.Path + suffix)
		w.NoError("read database file", err)
		file = append(file, part...)
	}
	if !bytes.Contains(file, []byte("needle-in-clear")) {
		t.Fatal("the search finds nothing, not even what is there in clear")
	}
	for _, s := range []string{token, token[:20], "binding-in-clear", code + " is the code"} {
		if bytes.Contains(file, []byte(s)) {
			t.Errorf("the database file holds %q", s)
		}
	}
}

func TestAStartTokenWorksForTenMinutes(t *testing.T) {
	w := newWorld(t)
	l, token := w.start(linking.StartRequest{User: "alice"})
	late, lateToken := w.start(linking.StartRequest{User: "bob"})
	w.Clock.Advance(10*time.Minute - time.Millisecond)
	w.claim(alice, token)
	w.wantStatus(l, linking.Claimed, "")
	w.Clock.Advance(time.Millisecond)
	w.claim(bob, lateToken)
	w.wantStatus(late, linking.Expired, "")
	w.wantLast(bob, "This link has expired: it works for 10 minutes only.")
	w.wantStatus(l, linking.Expired, "")
	if err := w.links.Accept(t.Context(), botID, alice.ID, l.ID); !errors.Is(err, linking.ErrStale) {
		t.Errorf("accept after the end: %v, want ErrStale", err)
	}
	w.wantConfirm(l, "000000", "", linking.ResultExpired, 5)
	w.claim(bob, lateToken) // and again: it stays an ordinary answer
	w.wantLast(bob, "This link cannot be used")
}

func TestANewStartVoidsTheOneBefore(t *testing.T) {
	w := newWorld(t)
	pending, pendingToken := w.start(linking.StartRequest{User: "alice"})
	claimed, claimedToken := w.start(linking.StartRequest{User: "alice"})
	w.wantStatus(pending, linking.Canceled, "")
	w.claim(alice, pendingToken)
	w.wantLast(alice, "This link cannot be used")

	w.claim(alice, claimedToken)
	w.accept(alice, claimed)
	code := w.code(alice)
	l, token := w.start(linking.StartRequest{User: "alice"})
	w.wantConfirm(claimed, code, "", linking.ResultCanceled, 5)
	w.wantConfirm(l, code, "", linking.ResultNotClaimed, 5)
	w.claim(alice, token)
	w.accept(alice, l)
	w.wantConfirm(l, w.code(alice), "", linking.ResultVerified, 4)
}

// OWASP ASVS 16.3.3: whoever comes with a token that somebody else has opened learns nothing, harms nothing, and leaves
// a trace.
func TestAnotherChatWithTheTokenIsRefusedWithoutHarm(t *testing.T) {
	w := newWorld(t)
	l, token := w.start(linking.StartRequest{User: "alice"})
	w.claim(alice, token)
	before := w.get(l)
	refused := func(times int) {
		t.Helper()
		w.claim(mallory, token)
		known := w.last(mallory).Body
		w.claim(mallory, "unknown-token")
		if diff := cmp.Diff(w.last(mallory).Body, known); diff != "" {
			t.Errorf("the answer tells a known token from an unknown one (-unknown +known):\n%s", diff)
		}
		if n := w.count("", "alice", audit.LinkRefused); n != times {
			t.Errorf("audit tells of %d refusals, want %d", n, times)
		}
	}
	refused(1)
	if diff := cmp.Diff(before, w.get(l)); diff != "" {
		t.Errorf("the link has changed (-before +after):\n%s", diff)
	}
	w.accept(alice, l)
	refused(2)
	w.wantConfirm(l, w.code(alice), "", linking.ResultVerified, 4)
	refused(3)
	w.NoError("block", w.links.ChatBlocked(t.Context(), botID, alice.ID))
	refused(4)
	w.NoError("unblock", w.links.ChatStarted(t.Context(), alice))
	w.wantCurrent("", "alice", alice)
	if n := strings.Count(w.Log.String(), "start token of another chat refused"); n != 4 {
		t.Errorf("the log tells of %d refusals, want 4", n)
	}
}

// Whoever opens the link a second time, since the answer was lost or out of impatience, gets an answer.
func TestTheSameChatMayOpenTheLinkAgain(t *testing.T) {
	w := newWorld(t)
	l, token := w.start(linking.StartRequest{User: "alice"})
	w.claim(alice, token)
	question := w.last(alice).Body
	w.claim(alice, token)
	if diff := cmp.Diff(question, w.last(alice).Body); diff != "" || len(w.chat(alice)) != 2 {
		t.Errorf("the question comes again, in %d messages (-first +second):\n%s", len(w.chat(alice)), diff)
	}
	w.accept(alice, l)
	code := w.code(alice)
	w.claim(alice, token)
	w.wantLast(alice, "The code to type on the page is in a message above.")
	w.wantConfirm(l, code, "", linking.ResultVerified, 4)
	w.claim(alice, token)
	w.wantLast(alice, "This chat is already connected to the account alice on My Server.")
	w.wantCurrent("", "alice", alice)

	w.NoError("unlink", w.links.Unlink(t.Context(), "", "alice"))
	w.claim(alice, token)
	w.wantLast(alice, "This link cannot be used")
	w.wantCurrent("", "alice", linking.Chat{})
}

func TestATokenIsForTheDomainsOwnBot(t *testing.T) {
	w := newWorld(t)
	l, token := w.start(linking.StartRequest{Domain: "corp", User: "alice"})
	w.claim(alice, token) // of the other bot
	w.wantLast(alice, "This link cannot be used")
	w.wantStatus(l, linking.Pending, "")
	inCorp := alice
	inCorp.BotID = otherBot
	w.claim(inCorp, token)
	w.wantStatus(l, linking.Claimed, "")
}

func TestOfTwoChatsWithOneTokenTheFirstHasIt(t *testing.T) {
	w := newWorld(t)
	l, token := w.start(linking.StartRequest{User: "alice"})
	var wg sync.WaitGroup
	for _, chat := range []linking.Chat{alice, mallory} {
		for range 5 {
			wg.Go(func() {
				if err := w.links.Claim(t.Context(), chat, token); err != nil {
					t.Errorf("claim: %v", err)
				}
			})
		}
	}
	wg.Wait()
	owner, loser := alice, mallory
	if w.get(l).ChatID == mallory.ID {
		owner, loser = mallory, alice
	}
	for _, m := range w.chat(owner) {
		if !strings.HasPrefix(m.Body.Parts[0].Text.Text, "Connect this Telegram chat") {
			t.Errorf("the owner reads %q", m.Body.Parts[0].Text.Text)
		}
	}
	for _, m := range w.chat(loser) {
		if !strings.HasPrefix(m.Body.Parts[0].Text.Text, "This link cannot be used") {
			t.Errorf("the other reads %q", m.Body.Parts[0].Text.Text)
		}
	}
	if n := w.count("", "alice", audit.LinkClaimed); n != 1 {
		t.Errorf("claimed %d times", n)
	}
}

// Anybody may write anything behind /start: it never panics, is always answered once, and leaves no link behind.
func FuzzClaim(f *testing.F) {
	for _, s := range []string{
		"", " ", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "a\x00b", "\xff\xfe", "' OR 1=1 --", "lnk_aaaaaaaaaaaaaaaaaaaaaaaaaa",
		"\u202etoken", strings.Repeat("x", 10_000), "%00", "../../etc/passwd", "${jndi:ldap://x}",
	} {
		f.Add(s)
	}
	w := newWorld(f)
	l, token := w.start(linking.StartRequest{User: "alice"})
	before := w.get(l)
	f.Fuzz(func(t *testing.T, text string) {
		if text == token {
			t.Skip("the one token that there is")
		}
		w.T = t
		store := &countingStore{Store: w.DB}
		if err := w.service(store).Claim(t.Context(), mallory, text); err != nil {
			t.Fatalf("claim: %v", err)
		}
		if store.rows != 1 || len(store.chats) != 1 || store.chats[0] != mallory || len(store.messages) != 1 {
			t.Fatalf("written: %d rows, %v, %d messages; want the chat and the answer", store.rows, store.chats, len(store.messages))
		}
		if diff := cmp.Diff(before, w.get(l)); diff != "" {
			t.Errorf("the pending link has changed (-before +after):\n%s", diff)
		}
		answer := store.messages[0].Body.Parts[0].Text.Text
		if !strings.HasPrefix(answer, "This link cannot be used") || len(text) > 3 && strings.Contains(answer, text) {
			t.Errorf("the answer is %q", answer)
		}
	})
}

// countingStore keeps what is written.
type countingStore struct {
	linking.Store
	rows     int // but for messages
	chats    []linking.Chat
	messages []delivery.Message
}

func (s *countingStore) UpdateLinks(ctx context.Context, fn func(linking.Tx) error) error {
	return s.Store.UpdateLinks(ctx, func(tx linking.Tx) error { return fn(countingTx{tx, s}) })
}

type countingTx struct {
	linking.Tx
	s *countingStore
}

func (tx countingTx) InsertLink(l linking.Link) error {
	tx.s.rows++
	return tx.Tx.InsertLink(l)
}

func (tx countingTx) UpdateLink(l linking.Link) error {
	tx.s.rows++
	return tx.Tx.UpdateLink(l)
}

func (tx countingTx) SaveChat(c linking.Chat) error {
	tx.s.rows++
	tx.s.chats = append(tx.s.chats, c)
	return tx.Tx.SaveChat(c)
}

func (tx countingTx) SaveInvitation(i linking.Invitation) error {
	tx.s.rows++
	return tx.Tx.SaveInvitation(i)
}

func (tx countingTx) Audit(e audit.Entry) error {
	tx.s.rows++
	return tx.Tx.Audit(e)
}

func (tx countingTx) Enqueue(m delivery.Message) error {
	tx.s.messages = append(tx.s.messages, m)
	return tx.Tx.Enqueue(m)
}

// The bot answers "/start TOKEN" where the token belongs, and nowhere else.
func TestATokenHasAStatusInItsOwnBotAlone(t *testing.T) {
	w := newWorld(t)
	_, token := w.start(linking.StartRequest{User: "alice"})
	want := func(botID int64, token string, want linking.Status) {
		t.Helper()
		if got, err := w.links.TokenStatus(t.Context(), botID, token); err != nil || got != want {
			t.Errorf("status of a token in bot %d: %q, %v, want %q", botID, got, err, want)
		}
	}
	want(botID, token, linking.Pending)
	want(otherBot, token, "")
	want(botID, "unknown-token", "")
	w.claim(alice, token)
	want(botID, token, linking.Claimed)
	w.Clock.Advance(linking.Lifetime)
	want(botID, token, linking.Expired)
}
