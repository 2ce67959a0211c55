package linking_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"telegate/delivery"
	"telegate/linking"
	"telegate/notify"
	"telegate/twofa"
)

// code is a caller's own code that has reached alice's chat under her name.
func (w *world) callersCode(change func(*delivery.Message)) string {
	w.T.Helper()
	now := w.Clock.Now()
	m := delivery.Message{
		ID: delivery.NewID("msg"), BotID: botID, ChatID: alice.ID, Lane: delivery.LaneCode, Purpose: "link",
		Body: delivery.Compose(delivery.Plain("123456")), Created: now, Expires: now.Add(5 * time.Minute),
	}
	delivered := delivery.StatusDelivered
	change(&m)
	if m.Status != "" {
		delivered = m.Status
	}
	m.Status = ""
	w.NoError("send", w.DB.UpdateMessages(w.T.Context(), func(tx notify.Tx) error {
		if err := tx.SaveHandle(notify.Handle{Domain: m.Domain, Name: "alice_tg", BotID: botID, ChatID: alice.ID, Created: now}); err != nil {
			return err
		}
		return tx.Enqueue(m)
	}))
	if delivered != delivery.StatusQueued {
		w.NoError("deliver", w.DB.SaveProgress(w.T.Context(), delivery.Progress{ID: m.ID, Status: delivered, SentParts: 1, Attempts: 1, Ended: now}))
	}
	return m.ID
}

func noChange(*delivery.Message) {}

// What is linked is the number of the chat that the code reached. Each code links once.
func TestACallersWordLinksTheChatThatTheCodeReached(t *testing.T) {
	for _, handle := range []string{"@alice_tg", "@@Alice_TG", "t.me/alice_tg", "5001", "@5001"} {
		w := newWorld(t)
		w.NoError("met", w.links.ChatStarted(t.Context(), alice))
		r := linking.CallerLinkRequest{User: "alice", DisplayName: "Alice", Handle: handle, MessageID: w.callersCode(noChange)}
		renamed := alice
		renamed.Username = "somebody_else"
		w.NoError("renamed", w.links.ChatStarted(t.Context(), renamed))
		taker := mallory
		taker.Username = "alice_tg"
		w.NoError("met", w.links.ChatStarted(t.Context(), taker))

		l, err := w.links.LinkByCaller(t.Context(), r)
		w.NoError("vouch", err)
		w.wantCurrent("", "alice", alice)
		w.wantStatus(l, linking.Verified, "")
		w.wantLast(alice, "Connected. Sign-in codes and messages for the account “Alice” (alice) on My Server arrive here", "notme:"+l.ID)
		if n := len(w.chat(taker)); n != 0 {
			t.Errorf("the new owner of the name was sent %d messages", n)
		}
		want := []string{"link.started caller", "link.verified caller"}
		if diff := cmp.Diff(want, w.trail("", "alice")); diff != "" {
			t.Errorf("audit (-want +got):\n%s", diff)
		}

		again, err := w.links.LinkByCaller(t.Context(), r)
		if err != nil || again.ID != l.ID || len(w.trail("", "alice")) != 2 {
			t.Errorf("the same word again: %v, %v", again.ID, err)
		}
		r.User = "bob"
		wantRefused(t, w, r, linking.ProofUsed)
		w.wantCurrent("", "bob", linking.Chat{})

		w.NoError("not me", w.links.NotMe(t.Context(), botID, alice.ID, l.ID)) // and it can be undone, for good
		w.wantCurrent("", "alice", linking.Chat{})
		r.User = "alice"
		if again, err := w.links.LinkByCaller(t.Context(), r); err != nil || again.Status != linking.Revoked {
			t.Errorf("the same word after Not me: %s, %v", again.Status, err)
		}
		w.wantCurrent("", "alice", linking.Chat{})
	}
}

func wantRefused(t *testing.T, w *world, r linking.CallerLinkRequest, want linking.ProofReason) {
	t.Helper()
	before := len(w.chat(alice))
	l, err := w.links.LinkByCaller(t.Context(), r)
	var refused *linking.ProofError
	if !errors.As(err, &refused) || refused.Reason != want || l.ID != "" {
		t.Errorf("vouched with %v, want it refused: %s", err, want)
	}
	if len(w.chat(alice)) != before {
		t.Error("the chat was told of a link that is none")
	}
}

func TestACodeThatProvesNothingLinksNobody(t *testing.T) {
	for name, tt := range map[string]struct {
		code    func(*delivery.Message)
		request func(*linking.CallerLinkRequest)
		later   time.Duration
		want    linking.ProofReason
	}{
		"no such message":        {noChange, func(r *linking.CallerLinkRequest) { r.MessageID = "msg_nothing" }, 0, linking.ProofUnknown},
		"of another domain":      {func(m *delivery.Message) { m.Domain = "corp" }, nil, 0, linking.ProofUnknown},
		"of another bot":         {func(m *delivery.Message) { m.BotID = otherBot }, nil, 0, linking.ProofUnknown},
		"a plain message":        {func(m *delivery.Message) { m.Lane, m.Purpose = delivery.LaneDirect, "" }, nil, 0, linking.ProofUnknown},
		"a sign-in code":         {func(m *delivery.Message) { m.Purpose = "login" }, nil, 0, linking.ProofNotALinkCode},
		"still on its way":       {func(m *delivery.Message) { m.Status = delivery.StatusQueued }, nil, 0, linking.ProofNotDelivered},
		"failed":                 {func(m *delivery.Message) { m.Status = delivery.StatusFailed }, nil, 0, linking.ProofNotDelivered},
		"too old":                {noChange, nil, 15*time.Minute + time.Millisecond, linking.ProofTooOld},
		"of a clock far ahead":   {noChange, nil, -time.Hour, linking.ProofTooOld},
		"to another chat":        {func(m *delivery.Message) { m.ChatID = bob.ID }, nil, 0, linking.ProofOtherHandle},
		"another name":           {noChange, func(r *linking.CallerLinkRequest) { r.Handle = "@bob_tg" }, 0, linking.ProofOtherHandle},
		"another number":         {noChange, func(r *linking.CallerLinkRequest) { r.Handle = "5002" }, 0, linking.ProofOtherHandle},
		"a group":                {func(m *delivery.Message) { m.ChatID = -500 }, func(r *linking.CallerLinkRequest) { r.Handle = "@-500" }, 0, linking.ProofNotPrivate},
		"no username":            {noChange, func(r *linking.CallerLinkRequest) { r.Handle = "no name" }, 0, ""},
		"a domain that is not":   {noChange, func(r *linking.CallerLinkRequest) { r.Domain = "elsewhere" }, 0, ""},
		"the message of a reply": {func(m *delivery.Message) { m.Purpose = delivery.PurposeReply }, nil, 0, linking.ProofUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for _, chat := range []linking.Chat{alice, bob, {BotID: botID, ID: -500, Type: "group", FirstName: "Admins"}} {
				w.NoError("met", w.links.ChatStarted(t.Context(), chat))
			}
			r := linking.CallerLinkRequest{User: "alice", Handle: "@alice_tg", MessageID: w.callersCode(tt.code)}
			if tt.request != nil {
				tt.request(&r)
			}
			w.Clock.Advance(tt.later)
			if tt.want != "" {
				wantRefused(t, w, r, tt.want)
			} else if _, err := w.links.LinkByCaller(t.Context(), r); !errors.Is(err, delivery.ErrUsername) && !errors.Is(err, linking.ErrUnknownDomain) {
				t.Errorf("vouched with %v", err)
			}
			w.wantCurrent("", "alice", linking.Chat{})
			if trail := w.trail("", "alice"); len(trail) != 0 {
				t.Errorf("audit: %v", trail)
			}
		})
	}
}

// A newer word moves the user to another chat, and the old one is told; what was begun by bot is over.
func TestACallersWordReplacesWhatWasThere(t *testing.T) {
	w := newWorld(t)
	old := w.link("", "alice", bob)
	begun, _ := w.start(linking.StartRequest{User: "alice"})
	w.NoError("met", w.links.ChatStarted(t.Context(), alice))
	w.NoError("invite", w.links.Invite(t.Context(), "", "alice", "@alice_tg"))
	_, err := w.links.LinkByCaller(t.Context(), linking.CallerLinkRequest{User: "alice", Handle: "@alice_tg", MessageID: w.callersCode(noChange)})
	w.NoError("vouch", err)
	w.wantCurrent("", "alice", alice)
	w.wantStatus(old, linking.Revoked, linking.ReasonReplaced)
	w.wantStatus(begun, linking.Canceled, "")
	w.wantLast(bob, "This chat is no longer connected to the account alice on My Server")
	if _, err := w.links.Invitation(t.Context(), "", "alice"); !errors.Is(err, linking.ErrNotFound) {
		t.Errorf("the invitation is still there: %v", err)
	}
}

// A caller's word is no right code: a link made anew with it goes on where the one before was.
func TestACallersWordDoesNotResetTheWrongCodes(t *testing.T) {
	w := newWorld(t)
	cooling := w.Clock.Now().Add(20 * time.Minute)
	factor := func() (f twofa.Factor) {
		w.NoError("read factor", w.DB.ViewVerifications(t.Context(), func(tx twofa.Tx) (err error) {
			f, err = tx.Factor("", "alice")
			return err
		}))
		return f
	}
	fail := func(n int, suspended bool) {
		w.NoError("fail", w.DB.UpdateVerifications(t.Context(), func(tx twofa.Tx) error {
			f, err := tx.Factor("", "alice")
			if err != nil {
				return err
			}
			f.Failures, f.WaitUntil, f.CoolingUntil, f.Suspended = n, cooling, cooling, suspended
			return tx.SaveFactor(f)
		}))
	}
	vouch := func() {
		_, err := w.links.LinkByCaller(t.Context(), linking.CallerLinkRequest{User: "alice", Handle: "@alice_tg", MessageID: w.callersCode(noChange)})
		w.NoError("vouch", err)
	}
	w.link("", "alice", alice)
	fail(10, false)
	vouch()
	if f := factor(); f.Failures != 10 || !f.WaitUntil.Equal(cooling) || !f.CoolingUntil.Equal(cooling) {
		t.Errorf("after the caller's word: %+v, want the count and the waits of before", f)
	}
	w.link("", "alice", alice)
	if f := factor(); f.Failures != 0 || !f.WaitUntil.IsZero() {
		t.Errorf("after telegate's own proof: %+v, want none", f)
	}
	fail(50, true)
	vouch()
	if f := factor(); f.Failures != 0 || f.Suspended { // bound anew
		t.Errorf("after a suspension: %+v, want none", f)
	}
}

func TestACallersCodeProvesAChatForAQuarterOfAnHour(t *testing.T) {
	w := newWorld(t)
	w.NoError("met", w.links.ChatStarted(t.Context(), alice))
	r := linking.CallerLinkRequest{User: "alice", Handle: "@alice_tg", MessageID: w.callersCode(noChange)}
	w.Clock.Advance(15 * time.Minute)
	_, err := w.links.LinkByCaller(t.Context(), r)
	w.NoError("vouch", err)
	w.wantCurrent("", "alice", alice)
}
