package notify_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/linking"
	"telegate/notify"
)

// proof is a code to prove a handle.
func proof(to, text string) notify.Request {
	return notify.Request{To: to, Text: text, Lane: delivery.LaneCode, Purpose: notify.Link, TTL: 2 * time.Minute}
}

// waits sends a code to somebody the bot has not met, and answers under which id it waits.
func (w *world) waits(r notify.Request) string {
	w.T.Helper()
	before := w.queued()
	_, err := w.messages.Send(w.T.Context(), r)
	var waiting *notify.WaitingError
	if !errors.As(err, &waiting) || !errors.Is(err, notify.ErrRecipientUnknown) || waiting.ID == "" || waiting.ExpiresIn != r.TTL {
		w.T.Fatalf("%v, want a code that waits", err)
	}
	if w.queued() != before {
		w.T.Fatal("it was queued")
	}
	return waiting.ID
}

// pressStart is a person pressing Start, as the bot handles it.
func (w *world) pressStart(chat linking.Chat) (sent bool) {
	w.T.Helper()
	w.met(chat)
	sent, err := w.messages.SendWaiting(w.T.Context(), chat.BotID, chat.Username)
	w.NoError("start", err)
	return sent
}

func (w *world) texts(chat linking.Chat) []string {
	w.T.Helper()
	var texts []string
	for _, m := range w.waiting(chat) {
		texts = append(texts, m.Body.Parts[0].Text.Text)
	}
	return texts
}

func (w *world) wantTexts(chat linking.Chat, want ...string) {
	w.T.Helper()
	got := w.texts(chat)
	if len(got) != len(want) {
		w.T.Fatalf("%s has %q, want %q", chat.Label(), got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			w.T.Errorf("%s has %q, want %q", chat.Label(), got[i], want[i])
		}
	}
}

func TestACodeWaitsForItsAddresseeToPressStart(t *testing.T) {
	w := newWorld(t)
	id := w.waits(proof("@@Alice_TG", "My Server verification code is: 123456"))
	w.Clock.Advance(time.Minute)
	if !w.pressStart(alice) {
		t.Fatal("pressing Start sent nothing")
	}
	w.wantTexts(alice, "My Server verification code is: 123456")
	m := w.waiting(alice)[0]
	if m.ID != id || m.Lane != delivery.LaneCode || m.Purpose != string(notify.Link) || m.Expires.Sub(w.Clock.Now()) != time.Minute {
		t.Errorf("sent as %+v", m)
	}
	if w.pressStart(alice) {
		t.Error("it was sent twice")
	}
	w.wantTexts(alice, "My Server verification code is: 123456")

	// From here on the name means this chat in the domain, as if it had been met when the code was made.
	w.met(linking.Chat{BotID: botID, ID: mallory.ID, Type: "private", Username: "alice_tg"})
	w.wantRefused("the name has passed on", proof("alice_tg", "111111"), notify.ErrRecipientChanged)
	link, err := w.links.LinkByCaller(t.Context(), linking.CallerLinkRequest{User: "alice", Handle: "@alice_tg", MessageID: id})
	var refused *linking.ProofError
	if !errors.As(err, &refused) || refused.Reason != linking.ProofNotDelivered { // it has only just been queued
		t.Errorf("vouched: %+v, %v", link, err)
	}
}

func TestAnExpiredCodeIsNotSentAtStart(t *testing.T) {
	w := newWorld(t)
	w.waits(proof("alice_tg", "123456"))
	w.Clock.Advance(2 * time.Minute)
	if w.pressStart(alice) {
		t.Error("it was sent")
	}
	w.wantTexts(alice)
}

func TestTheNewestCodePerHandleAndDomainWaits(t *testing.T) {
	w := newWorld(t)
	w.waits(proof("alice_tg", "1111 old"))
	w.waits(proof("@ALICE_tg", "2222 new"))
	corp := proof("alice_tg", "3333 corp")
	corp.Domain = "corp"
	w.waits(corp)
	w.waits(proof("bob_tg", "4444 bob's"))
	w.pressStart(alice)
	w.wantTexts(alice, "2222 new", "3333 corp")
	w.wantTexts(bob)
	w.pressStart(bob)
	w.wantTexts(bob, "4444 bob's")
}

func TestNobodyElseGetsACodeThatWaits(t *testing.T) {
	w := newWorld(t)
	w.waits(proof("alice_tg", "123456"))
	for _, other := range []linking.Chat{
		bob, mallory, {BotID: otherBot, ID: alice.ID, Type: "private", Username: "alice_tg"}, // the other bot's alice
	} {
		if w.pressStart(other) {
			t.Errorf("%s got it", other.Label())
		}
		w.wantTexts(other)
	}

	// A name that has meant somebody else in this domain before: its new holder gets nothing, and it does not wait for him either.
	w.met(bob)
	w.send(proof("bob_tg", "123456 for bob"))
	w.NoError("block", w.links.ChatBlocked(t.Context(), botID, bob.ID))
	w.waits(proof("bob_tg", "234567 for bob again"))
	usurper := mallory
	usurper.Username = "bob_tg"
	if w.pressStart(usurper) {
		t.Error("who took over bob's name got his code")
	}
	w.wantTexts(usurper)
	trail, err := w.DB.AuditTrail(t.Context(), "", "@bob_tg", time.Time{})
	w.NoError("audit", err)
	if last := trail[len(trail)-1]; last.Event != audit.MessageRefused || last.Outcome != "recipient_changed" {
		t.Errorf("the audit ends with %+v", last)
	}
}

func TestACodeWaitsForSomebodyWhoHasBlockedTheBot(t *testing.T) {
	w := newWorld(t)
	w.met(alice)
	w.NoError("block", w.links.ChatBlocked(t.Context(), botID, alice.ID))
	w.waits(proof("alice_tg", "123456"))
	if !w.pressStart(alice) {
		t.Error("it was not sent")
	}
}

func TestOnlyCodesThatProveAHandleWait(t *testing.T) {
	w := newWorld(t)
	for what, r := range map[string]notify.Request{
		"sign-in code":             {To: "alice_tg", Text: "x", Lane: delivery.LaneCode, Purpose: notify.Login},
		"administrator's message":  {To: "alice_tg", Text: "x", Lane: delivery.LaneDirect, Admin: true},
		"alert":                    {To: "alice_tg", Text: "x", Lane: delivery.LaneAlert},
		"code to a number":         proof("5001", "123456"),
		"code to an unlinked user": {User: "alice", Text: "123456", Lane: delivery.LaneCode, Purpose: notify.Link},
	} {
		_, err := w.messages.Send(t.Context(), r)
		var waiting *notify.WaitingError
		if err == nil || errors.As(err, &waiting) {
			t.Errorf("%s: %v", what, err)
		}
	}
	w.pressStart(alice)
	w.wantTexts(alice)

	w.domains.bots[""] = delivery.UserSession // which finds people by itself, and whom nobody presses Start at
	_, err := w.messages.Send(t.Context(), proof("carol_tg", "123456"))
	var waiting *notify.WaitingError
	if !errors.Is(err, notify.ErrRecipientUnknown) || errors.As(err, &waiting) {
		t.Errorf("through a user session: %v", err)
	}
}

func TestACodeThatWaitedCountsAsOneOfTheChats(t *testing.T) {
	w := newWorld(t)
	for range notify.MaxLinkCodes {
		w.met(alice)
		w.send(proof("alice_tg", "123456"))
	}
	w.NoError("block", w.links.ChatBlocked(t.Context(), botID, alice.ID))
	w.waits(proof("alice_tg", "123456 one too many"))
	if w.pressStart(alice) {
		t.Error("it was sent")
	}
}

// An administrator finds in telegate why a code did not arrive, and that it did after all.
func TestTheTraceTellsOfACodeThatWaits(t *testing.T) {
	w := newWorld(t)
	id := w.waits(proof("Alice_tg", "123456"))
	w.pressStart(alice)
	trace, err := w.messages.Trace(t.Context(), notify.TraceQuery{User: "@alice_tg", Until: w.Clock.Now().Add(time.Hour), Limit: 10})
	w.NoError("trace", err)
	if len(trace.Events) != 2 {
		t.Fatalf("%+v", trace.Events)
	}
	for i, want := range []notify.TraceEvent{
		{Event: "message.refused", Lane: "code", Outcome: "waits_for_start", Detail: "A message was refused: the bot had not met the holder of the handle, " +
			"or was blocked; once the person presses Start the code goes out, if it is still valid then."},
		{Event: "code.released", ID: id, Detail: "The person has pressed Start, so the code that waited went out."},
	} {
		got := trace.Events[i]
		got.Time = time.Time{}
		if got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
}

// Who was linked by the bot may still be addressed by his username after the link has ended: the name is his in that domain, so its next
// holder gets nothing.
func TestTheNameOfALinkedAccountStaysItsOwnAfterTheLinkHasEnded(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alice)
	w.NoError("unlink", w.links.Unlink(t.Context(), "", "alice"))
	renamed, usurper := alice, mallory
	renamed.Username, usurper.Username = "alice_new", "alice_tg"
	w.met(renamed, usurper)
	w.wantRefused("a code to the old name", proof("alice_tg", "123456"), notify.ErrRecipientChanged)
	w.send(proof("alice_new", "123456"))
	w.wantTexts(usurper)
}

// Who can ask for codes to any handle cannot fill the disk with them. Other domains, and the code that replaces one, have room.
func TestOnlySoManyCodesOfADomainWait(t *testing.T) {
	w := newWorld(t)
	for i := range notify.MaxWaiting {
		w.waits(proof(fmt.Sprintf("stranger_%d", i), "123456"))
	}
	_, err := w.messages.Send(t.Context(), proof("alice_tg", "123456"))
	var waiting *notify.WaitingError
	if !errors.Is(err, notify.ErrRecipientUnknown) || errors.As(err, &waiting) {
		t.Errorf("one more: %v, want it not kept", err)
	}
	if w.pressStart(alice) {
		t.Error("it was sent")
	}
	w.waits(proof("stranger_0", "234567"))
	corp := proof("bob_tg", "123456")
	corp.Domain = "corp"
	w.waits(corp)
	w.Clock.Advance(2 * time.Minute)
	w.waits(proof("carol_tg", "123456")) // the others have expired
}
