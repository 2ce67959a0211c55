package notify_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"telegate/db/dbtest"
	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/linking"
	"telegate/notify"
)

// end ends a message as the dispatcher does.
func (w *world) end(id string, status delivery.Status) {
	w.T.Helper()
	p := delivery.Progress{ID: id, Status: status, Ended: w.Clock.Now()}
	if status == delivery.StatusFailed {
		p.Failure = &delivery.Failure{Reason: delivery.ReasonChatNotFound, Detail: "Telegram knows no such chat."}
	}
	w.NoError("end", w.DB.SaveProgress(w.T.Context(), p))
}

// dead sends a message and lets it fail.
func (w *world) dead(r notify.Request) delivery.Message {
	w.T.Helper()
	m := w.send(r).Message
	w.end(m.ID, delivery.StatusFailed)
	return w.Load(m.ID)
}

func (w *world) resend(r notify.Resend) (notify.Accepted, error) {
	return w.messages.Resend(w.T.Context(), r)
}

// wantNotResent checks that a dead letter is not sent again, and can be as before.
func (w *world) wantNotResent(what string, r notify.Resend, want error) {
	w.T.Helper()
	before := w.queued()
	if _, err := w.resend(r); !errors.Is(err, want) {
		w.T.Errorf("%s: %v, want %v", what, err, want)
	}
	if w.queued() != before || w.Load(r.ID).ResentAs != "" {
		w.T.Errorf("%s: something was sent", what)
	}
}

func TestDeadLetterGoesAgainAsItWas(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alice)
	old := w.dead(notify.Request{User: "alice", Text: "Disk <b>full</b>", HTML: true, Lane: delivery.LaneAlert, TTL: time.Hour, Silent: true, DedupeKey: "disk"})
	w.Clock.Advance(24 * time.Hour)
	a, err := w.resend(notify.Resend{ID: old.ID})
	w.NoError("resend", err)
	m := w.Load(a.Message.ID)
	if m.Body.Parts[0].Text.Text != "Disk full" || len(m.Body.Parts[0].Text.Entities) != 1 || m.Lane != delivery.LaneAlert || !m.Silent ||
		m.User != "alice" || m.Dedupe != "" || m.Status != delivery.StatusQueued || m.Attempts != 0 ||
		!m.Created.Equal(w.Clock.Now()) || m.Expires.Sub(m.Created) != time.Hour {
		t.Errorf("sent again as %+v", m)
	}
	if got := w.Load(old.ID); got.ResentAs != m.ID || got.Status != delivery.StatusFailed || !got.Ended.Equal(old.Ended) {
		t.Errorf("the dead letter: %+v", got)
	}
	// It may die as well, and then it is that one which goes again.
	w.end(m.ID, delivery.StatusExpired)
	var resent *notify.ResentError
	if _, err := w.resend(notify.Resend{ID: old.ID, Text: "anything"}); !errors.As(err, &resent) || resent.ID != m.ID {
		t.Errorf("again: %v, want it to be sent as %s already", err, m.ID)
	}
	_, err = w.resend(notify.Resend{ID: m.ID})
	w.NoError("resend the second", err)
}

func TestDeadLetterGoesToTheChatTheUserHasNow(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alice)
	old := w.dead(direct("alice"))
	w.Clock.Advance(time.Minute)
	newPhone := linking.Chat{BotID: botID, ID: 5009, Type: "private", FirstName: "Alice"}
	w.link("", "alice", newPhone)
	a, err := w.resend(notify.Resend{ID: old.ID, Text: "Disk <full>", TTL: time.Minute})
	w.NoError("resend", err)
	if m := w.Load(a.Message.ID); m.ChatID != newPhone.ID || m.Body.Parts[0].Text.Text != "Disk <full>" || m.Expires.Sub(m.Created) != time.Minute {
		t.Errorf("sent again as %+v", m)
	}
}

func TestDeadLetterToAHandleGoesToTheSameChat(t *testing.T) {
	w := newWorld(t)
	w.met(alice, mallory)
	old := w.dead(notify.Request{To: "@alice_tg", Text: "hello", Lane: delivery.LaneDirect, Admin: true})
	taken := mallory
	taken.Username = alice.Username // the name has passed on; the letter does not follow it
	w.met(taken)
	a, err := w.resend(notify.Resend{ID: old.ID})
	w.NoError("resend", err)
	if m := w.Load(a.Message.ID); m.ChatID != alice.ID || m.User != "" {
		t.Errorf("sent again as %+v", m)
	}
}

func TestResendKeepsTheRulesOfSending(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alice)
	w.link("corp", "bob", bob)
	w.met(mallory)
	toAlice, toBob := w.dead(direct("alice")), w.dead(notify.Request{Domain: "corp", User: "bob", Text: "hello", Lane: delivery.LaneAlert})
	toChat := w.dead(notify.Request{To: fmt.Sprint(mallory.ID), Text: "hello", Lane: delivery.LaneDirect, Admin: true})
	w.NoError("unlink", w.links.Unlink(t.Context(), "", "alice"))
	w.wantNotResent("unlinked", notify.Resend{ID: toAlice.ID}, notify.ErrNotLinked)
	w.NoError("block", w.links.ChatBlocked(t.Context(), botID, bob.ID))
	w.wantNotResent("blocked", notify.Resend{ID: toBob.ID}, notify.ErrBlocked)
	w.NoError("block", w.links.ChatBlocked(t.Context(), botID, mallory.ID))
	w.wantNotResent("blocked chat", notify.Resend{ID: toChat.ID}, notify.ErrRecipientUnknown)
	delete(w.domains.titles, "corp")
	w.wantNotResent("domain that is gone", notify.Resend{ID: toBob.ID}, notify.ErrUnknownDomain)
	if _, err := w.resend(notify.Resend{ID: "msg_nothing"}); !errors.Is(err, notify.ErrNotFound) {
		t.Errorf("of nothing: %v", err)
	}
}

func TestMutedMessageCanBeSentAgainOnceTheMuteIsOver(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alice)
	w.NoError("mute", w.messages.Mute(t.Context(), botID, alice.ID, w.Clock.Now().Add(time.Hour)))
	muted := w.send(direct("alice")).Message
	still, err := w.resend(notify.Resend{ID: muted.ID})
	w.NoError("resend while muted", err)
	if still.Message.Status != delivery.StatusFailed || still.Message.Failure.Reason != delivery.ReasonMuted {
		t.Errorf("while muted: %+v", still.Message)
	}
	w.Clock.Advance(time.Hour)
	a, err := w.resend(notify.Resend{ID: still.Message.ID})
	w.NoError("resend", err)
	if a.Message.Status != delivery.StatusQueued || w.Load(a.Message.ID).Body.Parts[0].Text.Text != direct("alice").Text {
		t.Errorf("after the mute: %+v", a.Message)
	}
}

func TestOnlyADeadLetterIsSentAgain(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alice)
	for status, ok := range map[delivery.Status]bool{
		delivery.StatusQueued: false, delivery.StatusDelivered: false, delivery.StatusCanceled: false,
		delivery.StatusFailed: true, delivery.StatusExpired: true, delivery.StatusUnknown: true,
	} {
		for _, lane := range []delivery.Lane{delivery.LaneDirect, delivery.LaneCode} {
			r := notify.Request{User: "alice", Text: "1234", Lane: lane}
			if lane == delivery.LaneCode {
				r.Purpose = notify.Login
			}
			m := w.send(r).Message
			if status != delivery.StatusQueued {
				w.end(m.ID, status)
			}
			_, err := w.resend(notify.Resend{ID: m.ID, Text: "1234"})
			var alive *notify.NotResendableError
			if ok && lane == delivery.LaneDirect {
				w.NoError(string(status), err)
			} else if !errors.As(err, &alive) || alive.Status != status {
				t.Errorf("a message of the lane %s that is %s: %v", lane, status, err)
			}
		}
	}
}

func TestTextThatIsGoneHasToBeGiven(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alice)
	old := w.dead(direct("alice"))
	w.NoError("prune", w.DB.Prune(t.Context(), w.Clock.Now().Add(7*24*time.Hour+time.Second), dbtest.Retention))
	w.wantNotResent("without a text", notify.Resend{ID: old.ID}, notify.ErrTextGone)
	var invalid *notify.InvalidError
	if _, err := w.resend(notify.Resend{ID: old.ID, Text: "\u200b"}); !errors.As(err, &invalid) || invalid.Field != "text" {
		t.Errorf("with nothing to be seen: %v", err)
	}
	var html *delivery.HTMLError
	if _, err := w.resend(notify.Resend{ID: old.ID, Text: "<b>", HTML: true}); !errors.As(err, &html) {
		t.Errorf("with bad HTML: %v", err)
	}
	a, err := w.resend(notify.Resend{ID: old.ID, Text: "anew"})
	w.NoError("with a text", err)
	if m := w.Load(a.Message.ID); m.Body.Parts[0].Text.Text != "anew" {
		t.Errorf("sent again as %+v", m.Body)
	}
}

func TestManyResendsAtOnceAreOneMessage(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alice)
	old := w.dead(direct("alice"))
	before := w.queued()
	const callers = 16
	sent, refused := make(chan string, callers), make(chan string, callers)
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			a, err := w.messages.Resend(t.Context(), notify.Resend{ID: old.ID})
			var resent *notify.ResentError
			switch {
			case err == nil:
				sent <- a.Message.ID
			case errors.As(err, &resent):
				refused <- resent.ID
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(sent) != 1 || len(refused) != callers-1 || w.queued() != before+1 {
		t.Fatalf("%d sent, %d refused, %d queued", len(sent), len(refused), w.queued()-before)
	}
	id := <-sent
	for range callers - 1 {
		if got := <-refused; got != id {
			t.Errorf("told of %s, want %s", got, id)
		}
	}
}

func TestBroadcastsLetterLeavesTheBroadcast(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alice)
	m := delivery.Message{
		ID: "msg_b", User: "alice", BotID: botID, ChatID: alice.ID, Lane: delivery.LaneBroadcast, Broadcast: "bc_1",
		Body: delivery.Compose(delivery.Plain("news")), Created: w.Clock.Now(), Expires: w.Clock.Now().Add(time.Hour),
	}
	w.NoError("enqueue", w.DB.UpdateMessages(t.Context(), func(tx notify.Tx) error { return tx.Enqueue(m) }))
	w.end(m.ID, delivery.StatusUnknown)
	a, err := w.resend(notify.Resend{ID: m.ID})
	w.NoError("resend", err)
	if got := w.Load(a.Message.ID); got.Broadcast != "" || got.Lane != delivery.LaneBroadcast {
		t.Errorf("sent again as %+v", got)
	}
}

func TestRepeatsAreCounted(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alice)
	r := direct("alice")
	r.DedupeKey = "disk"
	first := w.send(r).Message
	for i := range 3 {
		w.Clock.Advance(time.Minute)
		if a := w.send(r); !a.Deduplicated || a.Message.ID != first.ID || a.Message.Suppressed != i+1 {
			t.Errorf("repeat %d: %+v", i+1, a)
		}
	}
	if m := w.Load(first.ID); m.Suppressed != 3 || !m.SuppressedAt.Equal(w.Clock.Now()) {
		t.Errorf("stored: %d repeats, the last at %v", m.Suppressed, m.SuppressedAt)
	}
	if _, history, err := w.messages.History(t.Context(), first.ID); err != nil || len(history) != 2 ||
		history[1].Step != notify.StepSuppressed || history[1].Repeats != 3 || !history[1].Time.Equal(w.Clock.Now()) {
		t.Errorf("history: %+v, %v", history, err)
	}
}

// refusals are the refusals written down for a user or a handle: "lane reason".
func (w *world) refusals(domain, user string) (list []string) {
	w.T.Helper()
	trail, err := w.DB.AuditTrail(w.T.Context(), domain, user, time.Time{})
	w.NoError("read audit", err)
	for _, e := range trail {
		if e.Event == audit.MessageRefused {
			list = append(list, e.Subject+" "+e.Outcome)
		}
	}
	return list
}

func TestRefusalThatConcernsThePersonIsWrittenDown(t *testing.T) {
	code := notify.Request{User: "alice", Text: "secret-text", Lane: delivery.LaneCode, Purpose: notify.Login}
	for want, c := range map[string]struct {
		request notify.Request
		whom    string
		change  func(w *world)
	}{
		"direct not_linked":        {notify.Request{User: "nobody", Text: "secret-text", Lane: delivery.LaneDirect}, "nobody", func(*world) {}},
		"alert chat_blocked_bot":   {notify.Request{User: "alice", Text: "secret-text", Lane: delivery.LaneAlert}, "alice", func(w *world) { w.NoError("block", w.links.ChatBlocked(w.T.Context(), botID, alice.ID)) }},
		"code msg2factor_disabled": {code, "alice", func(w *world) { w.domains.off[""] = true }},
		"code rate_limited": {code, "alice", func(w *world) {
			for range notify.MaxLoginCodes {
				w.send(code)
			}
		}},
		"direct recipient_unknown":  {notify.Request{To: "t.me/Carol_tg", Text: "secret-text", Lane: delivery.LaneDirect, Admin: true}, "@carol_tg", func(*world) {}},
		"direct recipient_unproven": {notify.Request{To: "bob_tg", Text: "secret-text", Lane: delivery.LaneDirect}, "@bob_tg", func(w *world) { w.met(bob) }},
		"alert recipient_unproven":  {notify.Request{To: "5002", Text: "secret-text", Lane: delivery.LaneAlert}, "5002", func(w *world) { w.met(bob) }},
		"code recipient_changed": {notify.Request{To: "@bob_tg", Text: "secret-text 123456", Lane: delivery.LaneCode, Purpose: notify.Link}, "@bob_tg", func(w *world) {
			w.met(bob)
			w.send(notify.Request{To: "@bob_tg", Text: "123456", Lane: delivery.LaneCode, Purpose: notify.Link})
			taken := mallory
			taken.Username = bob.Username
			w.met(taken)
		}},
	} {
		t.Run(want, func(t *testing.T) {
			w := newWorld(t)
			w.link("", "alice", alice)
			c.change(w)
			if _, err := w.messages.Send(t.Context(), c.request); err == nil {
				t.Fatal("it was accepted")
			}
			if got := w.refusals("", c.whom); !slices.Equal(got, []string{want}) {
				t.Errorf("written down: %v", got)
			}
			if strings.Contains(w.Log.String(), "secret-text") {
				t.Errorf("the log holds the text:\n%s", w.Log.String())
			}
		})
	}
}

func TestRefusalThatIsTheCallersFaultIsNotWrittenDown(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alice)
	for _, r := range []notify.Request{
		{User: "alice", Text: "", Lane: delivery.LaneDirect},
		{User: "alice", Text: "hello", Lane: "mail"},
		{User: "alice", Text: "<b>", HTML: true, Lane: delivery.LaneDirect},
		{Domain: "nowhere", User: "alice", Text: "hello", Lane: delivery.LaneDirect},
		{To: "not a name", Text: "hello", Lane: delivery.LaneDirect},
	} {
		if _, err := w.messages.Send(t.Context(), r); err == nil {
			t.Fatalf("accepted: %+v", r)
		}
		if got := slices.Concat(w.refusals(r.Domain, r.User), w.refusals(r.Domain, r.To)); len(got) != 0 {
			t.Errorf("%+v: written down: %v", r, got)
		}
	}
}

func TestRefusalsDoNotFloodTheAudit(t *testing.T) {
	w := newWorld(t)
	try := func(domain, user string, lane delivery.Lane) {
		_, err := w.messages.Send(t.Context(), notify.Request{Domain: domain, User: user, Text: "hello", Lane: lane})
		if !errors.Is(err, notify.ErrNotLinked) {
			t.Fatal(err)
		}
	}
	count := func(domain, user string, want int) {
		t.Helper()
		if n := len(w.refusals(domain, user)); n != want {
			t.Errorf("%d refusals of %s in %q are written down, want %d", n, user, domain, want)
		}
	}
	for range 20 {
		try("", "alice", delivery.LaneDirect)
	}
	try("", "alice", delivery.LaneAlert)
	count("", "alice", 2)
	w.Clock.Advance(time.Minute)
	try("", "alice", delivery.LaneDirect)
	count("", "alice", 3)

	for i := range 300 { // whoever tries names fills a minute, and nobody else's
		try("", fmt.Sprint("user", i), delivery.LaneDirect)
	}
	count("", "user98", 1)
	count("", "user99", 0)
	try("corp", "bob", delivery.LaneDirect)
	count("corp", "bob", 1)
	w.Clock.Advance(time.Minute)
	try("", "user99", delivery.LaneDirect)
	count("", "user99", 1)
}

func TestTraceNeedsADomain(t *testing.T) {
	w := newWorld(t)
	if _, err := w.messages.Trace(t.Context(), notify.TraceQuery{Domain: "nowhere", User: "alice", Limit: 10}); !errors.Is(err, notify.ErrUnknownDomain) {
		t.Errorf("trace in no domain: %v", err)
	}
}
