//go:build !nomtproto

package userclient_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gotd/td/tg"
	"github.com/gotd/td/tgerr"

	"telegate/db/dbtest"
	"telegate/delivery"
	"telegate/userclient"
)

func TestACodeArrivesAsItIs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.met(alice.ID, alice.Username)
	c := r.user(func(o *userclient.Options) { o.BotName = func(int64) string { return "TestBot" } })
	text := delivery.Plain("😀 Your code is ").Code("123456").Plain(", ").Bold("do not share it").Plain(" ").Link("why", "https://example.com/why")
	part := delivery.Part{Text: text, Buttons: [][]delivery.Button{
		{{Label: "Copy", Copy: "123456"}, {Label: "Not me", Callback: "deny:ver_1"}}, {{Label: "Open", URL: "https://example.com"}},
	}}
	c.must(delivery.Recipient{ChatID: alice.ID, Lane: delivery.LaneCode, MessageID: "msg_1", Silent: true}, part)
	sent := r.tel.Sent()
	if len(sent) != 1 {
		t.Fatalf("%d messages", len(sent))
	}
	m := sent[0]
	if m.From != carol.ID || m.To != alice.ID || !m.Silent || m.Preview || m.Markup != nil || m.RandomID == 0 {
		t.Errorf("message %+v", m)
	}
	if want := text.Text + "\nNot me: https://t.me/TestBot?start=tap_deny_ver_1\nOpen: https://example.com"; m.Text != want { // an account of a person has no buttons
		t.Errorf("text %q, want %q", m.Text, want)
	}
	if len(m.Entities) != 3 {
		t.Fatalf("entities: %v", m.Entities)
	}
	code, ok := m.Entities[0].(*tg.MessageEntityCode)
	if !ok || code.Offset != 16 || code.Length != 6 { // UTF-16 units: the smiley counts twice
		t.Errorf("code: %v", m.Entities[0])
	}
	if link, ok := m.Entities[2].(*tg.MessageEntityTextURL); !ok || link.URL != "https://example.com/why" {
		t.Errorf("link: %v", m.Entities[2])
	}
}

// Every kind of formatting has its counterpart.
func TestAllFormattingIsKept(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.met(alice.ID, alice.Username)
	c := r.user()
	all := []delivery.Entity{
		{Type: delivery.EntityBold}, {Type: delivery.EntityItalic}, {Type: delivery.EntityUnderline}, {Type: delivery.EntityStrikethrough},
		{Type: delivery.EntitySpoiler}, {Type: delivery.EntityBlockquote}, {Type: delivery.EntityExpandableBlockquote}, {Type: delivery.EntityCode},
		{Type: delivery.EntityPre, Language: "go"}, {Type: delivery.EntityTextLink, URL: "https://example.com"},
		{Type: delivery.EntityCustomEmoji, CustomEmojiID: "5368324170671202286"}, {Type: delivery.EntityDateTime, UnixTime: 1790000000, DateTimeFormat: "wDt"},
	}
	for i := range all {
		all[i].Offset, all[i].Length = i, 1
	}
	odd := []delivery.Entity{{Type: "new_kind", Length: 1}, {Type: delivery.EntityCustomEmoji, CustomEmojiID: "smile", Length: 1}}
	c.must(delivery.Recipient{ChatID: alice.ID, Lane: delivery.LaneDirect, MessageID: "msg_1"},
		delivery.Part{Text: delivery.Text{Text: "abcdefghijkl", Entities: append(odd, all...)}})
	got := r.tel.Sent()[0].Entities
	if len(got) != len(all) {
		t.Fatalf("%d entities of %d", len(got), len(all))
	}
	for i, e := range got {
		if e.GetOffset() != i || e.GetLength() != 1 {
			t.Errorf("entity %d: %v", i, e)
		}
	}
	if q := got[6].(*tg.MessageEntityBlockquote); !q.Collapsed {
		t.Error("the quote is not folded")
	}
	if d := got[11].(*tg.MessageEntityFormattedDate); d.Date != 1790000000 || !d.DayOfWeek || !d.LongDate || !d.ShortTime || d.LongTime || d.ShortDate || d.Relative {
		t.Errorf("date: %+v", d)
	}
}

// If the answer to a message is lost, it is sent again; its random id makes it arrive once.
func TestALostAnswerDeliversOnce(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it waits for answers that do not come")
	}
	r := newRig(t)
	r.met(alice.ID, alice.Username)
	c := r.user()
	to, part := code(alice.ID, "msg_1")
	r.tel.Swallow("messages.sendMessage", false)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		r.tel.AwaitCalls(t, "messages.sendMessage", 1)
		cancel()
	}()
	var e *delivery.SendError
	if err := c.Send(ctx, to, part); !errors.As(err, &e) || !e.Unknown || e.Class != delivery.Transient {
		t.Fatalf("the first send: %v", err)
	}
	c.must(to, part)
	if n := len(r.tel.Sent()); n != 1 {
		t.Errorf("%d messages", n)
	}

	// The same where the line breaks: the library sends again by itself.
	to.MessageID = "msg_2"
	r.tel.Swallow("messages.sendMessage", true)
	c.must(to, part)
	if n := len(r.tel.Sent()); n != 2 {
		t.Errorf("%d messages", n)
	}

	// Other parts and other messages are others.
	to.Part = 1
	c.must(to, part)
	to.MessageID, to.Part = "msg_3", 0
	c.must(to, part)
	to.MessageID = ""
	c.must(to, part)
	c.must(to, part)
	if n := len(r.tel.Sent()); n != 6 {
		t.Errorf("%d messages", n)
	}
}

// A restart in between changes nothing: the random id comes from the message.
func TestALostAnswerAndARestartDeliverOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.met(alice.ID, alice.Username)
	c := r.user()
	to, part := code(alice.ID, "msg_1")
	c.must(to, part) // and the process dies before it has written that down
	c.stop()
	c = r.start(func(*userclient.Options) {})
	await(t, c.connected)
	c.must(to, part)
	if n := len(r.tel.Sent()); n != 1 {
		t.Errorf("%d messages", n)
	}
}

// A username is looked up once and stored.
func TestAUsernameIsResolvedOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.met(alice.ID, "Alice") // case does not matter
	c := r.user(func(o *userclient.Options) { o.DailyCap = 100 })
	var wg sync.WaitGroup
	for _, id := range []string{"1", "2", "3"} {
		wg.Go(func() { c.must(code(alice.ID, "msg_"+id)) })
	}
	wg.Wait()
	c.stop()
	c = r.start(func(*userclient.Options) {})
	await(t, c.connected)
	r.met(alice.ID, "renamed_meanwhile")
	c.must(code(alice.ID, "msg_4"))
	if n := r.tel.Calls("contacts.resolveUsername"); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// A username that now belongs to another account is refused, and not looked up again.
func TestAUsernameThatChangedHandsIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.met(alice.ID, "the_name")
	r.tel.Rename(alice.ID, "")
	r.tel.Rename(bob.ID, "the_name")
	c := r.user()
	for range 2 {
		e := c.send(code(alice.ID, "msg_1"))
		if e == nil || e.Class != delivery.RecipientPermanent || e.Unknown || !strings.Contains(e.Failure.Detail, "another Telegram account") {
			t.Fatalf("send: %v", e)
		}
	}
	if n := r.tel.Calls("contacts.resolveUsername"); n != 1 {
		t.Errorf("asked %d times", n)
	}
	if sent := r.tel.Sent(); len(sent) != 0 {
		t.Errorf("somebody got it: %v", sent)
	}
	r.tel.Rename(alice.ID, "new_name")
	r.met(alice.ID, "new_name") // seen by the bot
	c.must(code(alice.ID, "msg_1"))
}

func TestWhoCannotBeFoundIsSaid(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.user()
	e := c.send(code(alice.ID, "msg_1"))
	if e == nil || e.Class != delivery.RecipientPermanent || !strings.Contains(e.Failure.Detail, "No username") {
		t.Errorf("no username known: %v", e)
	}
	r.met(alice.ID, "nobody_has_this")
	e = c.send(code(alice.ID, "msg_1"))
	if e == nil || e.Class != delivery.RecipientPermanent || e.Failure.Reason != delivery.ReasonChatNotFound {
		t.Errorf("nobody has it: %v", e)
	}
	e = c.send(delivery.Recipient{ChatID: -100, Lane: delivery.LaneDirect}, delivery.Part{Text: delivery.Plain("hello")})
	if e == nil || e.Class != delivery.RecipientPermanent {
		t.Errorf("a group: %v", e)
	}
	if n := len(r.tel.Sent()); n != 0 {
		t.Errorf("%d messages", n)
	}
}

func TestResolveFindsAPerson(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.user()
	p, err := c.Resolve(t.Context(), "@@Alice")
	if err != nil || p.ID != alice.ID || p.Name != "Alice" || p.Username != "alice" {
		t.Fatalf("found %+v, %v", p, err)
	}
	c.must(code(alice.ID, "msg_1")) // no second question
	if n := r.tel.Calls("contacts.resolveUsername"); n != 1 {
		t.Errorf("asked %d times", n)
	}
	for typed, want := range map[string]error{
		"nobody_here": userclient.ErrNobody, "TestBot": userclient.ErrNobody, "no name at all": delivery.ErrUsername,
	} {
		if _, err := c.Resolve(t.Context(), typed); !errors.Is(err, want) {
			t.Errorf("%s: %v", typed, err)
		}
	}
	r.tel.AddUsername(alice.ID, "alice_two")
	for _, typed := range []string{"Alice_Two", "alice"} {
		p, err := c.Resolve(t.Context(), typed)
		if err != nil || p.ID != alice.ID || p.Username != "alice" || !slices.Equal(p.MoreUsernames, []string{"alice_two"}) {
			t.Errorf("%s: found %+v, %v", typed, p, err)
		}
	}
	r.tel.Fail("contacts.resolveUsername", tgerr.New(420, "FLOOD_WAIT_86400"))
	var e *delivery.SendError
	if _, err := c.Resolve(t.Context(), "bob_builder"); !errors.As(err, &e) || e.Class != delivery.Flood || e.RetryAfter < 23*time.Hour {
		t.Errorf("in a flood wait: %v", err)
	}
}

// An access hash that Telegram rejects is dropped, and the next try asks again.
func TestAWrongAccessHashIsReplaced(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.met(alice.ID, alice.Username)
	c := r.user()
	c.must(code(alice.ID, "msg_1"))
	other := alice
	other.AccessHash = 99
	r.tel.Add(other)
	if e := c.send(code(alice.ID, "msg_2")); e == nil || e.Class != delivery.Transient || e.Unknown {
		t.Errorf("send: %v", e)
	}
	c.must(code(alice.ID, "msg_2"))
}

// Every error of Telegram has a class and a detail with the next step.
func TestRefusalsAreClassed(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it waits as long as telegate waits for Telegram")
	}
	r := newRig(t)
	r.met(alice.ID, alice.Username)
	c := r.user(func(o *userclient.Options) { o.DailyCap = 1000 })
	for _, one := range []struct {
		status int
		name   string
		class  delivery.Class
		reason delivery.Reason
		words  string
	}{
		{403, "USER_PRIVACY_RESTRICTED", delivery.RecipientPermanent, delivery.ReasonNoRights, "privacy settings"},
		{403, "PRIVACY_PREMIUM_REQUIRED", delivery.RecipientPermanent, delivery.ReasonNoRights, "Premium"},
		{403, "ALLOW_PAYMENT_REQUIRED_50", delivery.RecipientPermanent, delivery.ReasonNoRights, "pay"},
		{400, "USER_IS_BLOCKED", delivery.RecipientPermanent, delivery.ReasonBlockedByUser, "blocked"},
		{400, "INPUT_USER_DEACTIVATED", delivery.RecipientPermanent, delivery.ReasonDeactivated, "deleted"},
		{403, "CHAT_WRITE_FORBIDDEN", delivery.RecipientPermanent, delivery.ReasonNoRights, "right"},
		{403, "SOMETHING_NEW", delivery.RecipientPermanent, delivery.ReasonNoRights, "right"},
		{400, "MESSAGE_TOO_LONG", delivery.MessagePermanent, delivery.ReasonRejected, "MESSAGE_TOO_LONG"},
		{400, "SOMETHING_NEW", delivery.MessagePermanent, delivery.ReasonRejected, "SOMETHING_NEW"},
		{400, "ENTITY_BOUNDS_INVALID", delivery.Markup, delivery.ReasonRejected, "formatting"},
		{420, "SLOWMODE_WAIT_7", delivery.Flood, delivery.ReasonLimited, "asks telegate to wait"},
		{500, "INTERDC_2_CALL_ERROR", delivery.Transient, delivery.ReasonUnreachable, "itself has a problem"},
		{-503, "Timeout", delivery.Transient, delivery.ReasonUnreachable, "itself has a problem"},
	} {
		r.tel.Fail("messages.sendMessage", tgerr.New(one.status, one.name))
		e := c.send(code(alice.ID, "msg_"+one.name))
		if e == nil || e.Class != one.class || e.Failure.Reason != one.reason || !strings.Contains(e.Failure.Detail, one.words) || e.Unknown || e.Network {
			t.Errorf("%s: %+v", one.name, e)
		}
		if one.name == "SLOWMODE_WAIT_7" && e.RetryAfter != 7*time.Second {
			t.Errorf("%s: wait %v", one.name, e.RetryAfter)
		}
	}
	if s := c.Status(); s.State != userclient.StateConnected {
		t.Errorf("status %+v", s)
	}
}

// PEER_FLOOD stops sending, raises one alarm, and survives a restart.
func TestALimitedAccountIsTurnedOff(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.met(alice.ID, alice.Username)
	clock := dbtest.NewClock()
	r.now = clock.Now
	c := r.user()
	r.tel.Fail("messages.sendMessage", tgerr.New(400, "PEER_FLOOD"))
	for range 2 {
		e := c.send(code(alice.ID, "msg_1"))
		if e == nil || e.Class != delivery.Flood || e.RetryAfter != 24*time.Hour || !strings.Contains(e.Failure.Detail, "@SpamBot") {
			t.Fatalf("send: %+v", e)
		}
	}
	if s := await(t, c.alarms); s.State != userclient.StateLimited || !s.Until.Equal(clock.Now().Add(24*time.Hour)) {
		t.Errorf("status %+v", s)
	}
	if len(c.alarms) != 0 {
		t.Error("it told twice")
	}
	if n := r.tel.Calls("messages.sendMessage"); n != 1 {
		t.Errorf("%d calls", n)
	}
	c.stop()
	if err := r.db.Close(); err != nil {
		t.Fatal(err)
	}
	c = r.start(func(o *userclient.Options) { o.Store = dbtest.OpenAt(t, r.path, clock.Now, nil) })
	await(t, c.connected)
	if s := c.Status(); s.State != userclient.StateLimited {
		t.Errorf("after a restart: %+v", s)
	}
	clock.Advance(24 * time.Hour)
	c.must(code(alice.ID, "msg_1"))
}

// A person's account sends no broadcasts and not more than its daily cap; the day is UTC's.
func TestAPersonsAccountIsSpared(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.met(alice.ID, alice.Username)
	clock := dbtest.NewClock() // 9:00
	r.now = clock.Now
	c := r.user(func(o *userclient.Options) { o.DailyCap = 2 })
	e := c.send(delivery.Recipient{ChatID: alice.ID, Lane: delivery.LaneBroadcast, MessageID: "bc"}, delivery.Part{Text: delivery.Plain("news")})
	if e == nil || e.Class != delivery.MessagePermanent || !strings.Contains(e.Failure.Detail, "broadcasts") {
		t.Errorf("a broadcast: %v", e)
	}
	for i := range 3 {
		e := c.send(code(alice.ID, "msg_"+string(rune('1'+i))))
		if i < 2 && e != nil {
			t.Errorf("message %d: %v", i+1, e)
		}
		if i == 2 && (e == nil || e.Class != delivery.Flood || e.RetryAfter != 15*time.Hour || !strings.Contains(e.Failure.Detail, "daily limit")) {
			t.Errorf("beyond the cap: %+v", e)
		}
		if s := c.Status(); (s.State == userclient.StateUsedUp) != (i > 0) {
			t.Errorf("after message %d of 2: %+v", i+1, s)
		}
	}
	c.stop()
	c = r.start(func(o *userclient.Options) { o.DailyCap = 2 })
	await(t, c.connected)
	if s := c.Status(); s.State != userclient.StateUsedUp || !s.Until.Equal(clock.Now().Add(15*time.Hour)) || !strings.Contains(s.Detail, "daily limit") {
		t.Errorf("after a restart: %+v", s)
	}
	clock.Advance(15 * time.Hour)
	if s := c.Status(); s.State != userclient.StateConnected {
		t.Errorf("the next day: %+v", s)
	}
	c.must(code(alice.ID, "msg_4"))
	c.stop()
	c = r.start(func(o *userclient.Options) { o.Broadcasts = true })
	await(t, c.connected)
	if e := c.send(delivery.Recipient{ChatID: alice.ID, Lane: delivery.LaneBroadcast, MessageID: "bc"}, delivery.Part{Text: delivery.Plain("news")}); e != nil {
		t.Errorf("a broadcast where nothing else goes: %v", e)
	}
}

// counted checks the count of the clock's day.
func (c *running) counted(want int) {
	c.r.Helper()
	n, err := c.r.db.Sends(c.r.Context(), "user", c.r.now().UTC().Format(time.DateOnly))
	if err != nil || n != want {
		c.r.Errorf("%d messages are counted, %v; want %d", n, err, want)
	}
}

// A message that gets a flood wait, or waits for its end, was not sent and does not count.
func TestAMessageThatIsSentBackIsNotCounted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.met(alice.ID, alice.Username)
	clock := dbtest.NewClock()
	r.now = clock.Now
	c := r.user(func(o *userclient.Options) { o.DailyCap = 2 })
	c.must(code(alice.ID, "msg_1"))
	r.tel.Fail("messages.sendMessage", tgerr.New(420, "FLOOD_WAIT_60"))
	for range 2 {
		if e := c.send(code(alice.ID, "msg_2")); e == nil || e.Class != delivery.Flood || e.RetryAfter != time.Minute {
			t.Errorf("in the wait: %+v", e)
		}
		if s := c.Status(); s.State != userclient.StateFloodWait {
			t.Errorf("in the wait: %+v", s)
		}
		c.counted(1)
	}
	clock.Advance(time.Minute)
	c.must(code(alice.ID, "msg_2"))
	c.counted(2)
	if s := c.Status(); s.State != userclient.StateUsedUp {
		t.Errorf("after the last message: %+v", s)
	}
}

// A broadcast with a flood wait does not use the broadcasts' share.
func TestABroadcastThatIsSentBackIsNotCounted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.met(alice.ID, alice.Username)
	clock := dbtest.NewClock()
	r.now = clock.Now
	c := r.user(func(o *userclient.Options) { o.DailyCap, o.Broadcasts = 2, true })
	news := func() *delivery.SendError {
		return c.send(delivery.Recipient{ChatID: alice.ID, Lane: delivery.LaneBroadcast, MessageID: "bc_1"}, delivery.Part{Text: delivery.Plain("news")})
	}
	r.tel.Fail("messages.sendMessage", tgerr.New(420, "FLOOD_WAIT_60"))
	if e := news(); e == nil || e.Class != delivery.Flood || e.Broadcasts {
		t.Errorf("in the wait: %+v", e)
	}
	clock.Advance(time.Minute)
	if e := news(); e != nil {
		t.Errorf("after the wait: %+v", e)
	}
	c.counted(1)
}

// Of nine codes at once, the rate limit lets six through in time; the others do not count.
func TestWhatTheRateHoldsBackIsNotCounted(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it is paced by the clock")
	}
	r := newRig(t)
	r.met(alice.ID, alice.Username)
	r.now = dbtest.NewClock().Now // stands still, so that the rate lets as much through on any machine
	c := r.user(func(o *userclient.Options) { o.DailyCap = 9 })
	c.must(code(alice.ID, "msg_0"))
	var wg sync.WaitGroup
	var back atomic.Int32
	for i := range 8 {
		wg.Go(func() {
			if e := c.send(code(alice.ID, fmt.Sprint("msg_", i+1))); e != nil {
				back.Add(1)
				if e.Class != delivery.Flood || e.RetryAfter > time.Minute {
					t.Errorf("held back: %+v", e)
				}
			}
		})
	}
	wg.Wait()
	if back.Load() == 0 {
		t.Error("the rate held nothing back")
	}
	sent := len(r.tel.Sent())
	if sent != 9-int(back.Load()) {
		t.Errorf("%d sent and %d held back of 9", sent, back.Load())
	}
	c.counted(sent)
	if s := c.Status(); s.State != userclient.StateConnected {
		t.Errorf("with messages left: %+v", s)
	}
}

// A message with a lost answer may have arrived, so it stays counted.
func TestALostAnswerStaysCounted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.met(alice.ID, alice.Username)
	r.now = dbtest.NewClock().Now
	c := r.user()
	r.tel.Swallow("messages.sendMessage", true) // the library asks again by itself
	c.must(code(alice.ID, "msg_1"))
	c.counted(1)
	if n := len(r.tel.Sent()); n != 1 {
		t.Errorf("%d messages", n)
	}
}

// Broadcasts use at most three quarters of the daily limit, also after a restart; the rest is for codes and direct messages.
func TestBroadcastsLeaveMessagesOfTheDay(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.met(alice.ID, alice.Username)
	clock := dbtest.NewClock() // 9:00
	r.now = clock.Now
	alone := func(o *userclient.Options) { o.DailyCap, o.Broadcasts = 4, true }
	c := r.user(alone)
	news := func(id string) *delivery.SendError {
		return c.send(delivery.Recipient{ChatID: alice.ID, Lane: delivery.LaneBroadcast, MessageID: id}, delivery.Part{Text: delivery.Plain("news")})
	}
	held := func(e *delivery.SendError) bool {
		return e != nil && e.Class == delivery.Flood && e.Broadcasts && e.RetryAfter == 15*time.Hour && strings.Contains(e.Failure.Detail, "reserved for codes")
	}
	for i := range 4 {
		if e := news("bc_" + string(rune('1'+i))); i < 3 && e != nil || i == 3 && !held(e) {
			t.Errorf("broadcast %d: %+v", i+1, e)
		}
	}
	c.stop()
	c = r.start(alone)
	await(t, c.connected)
	if e := news("bc_5"); !held(e) {
		t.Errorf("a broadcast after a restart: %+v", e)
	}
	if s := c.Status(); s.State != userclient.StateConnected {
		t.Errorf("before the last message: %+v", s)
	}
	c.must(code(alice.ID, "msg_1"))
	if e := c.send(code(alice.ID, "msg_2")); e == nil || e.Broadcasts || !strings.Contains(e.Failure.Detail, "daily limit") {
		t.Errorf("a code beyond the cap: %+v", e)
	}
	if s := c.Status(); s.State != userclient.StateUsedUp {
		t.Errorf("after the last message: %+v", s)
	}
	clock.Advance(15 * time.Hour)
	if e := news("bc_6"); e != nil {
		t.Errorf("a broadcast on the next day: %v", e)
	}
}

func TestALongTextGoesAsAFile(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.met(alice.ID, alice.Username)
	c := r.user()
	long := strings.Repeat("0123456789abcdef", 60_000) // more than one piece of 512 KB
	part := delivery.Part{Text: delivery.Plain("preview"), File: &delivery.File{Name: "message.txt", Content: []byte(long)}}
	to := delivery.Recipient{ChatID: alice.ID, Lane: delivery.LaneDirect, MessageID: "msg_1"}
	c.must(to, part)
	c.must(to, part)
	sent := r.tel.Sent()
	if len(sent) != 1 || sent[0].Text != "preview" || sent[0].FileName != "message.txt" || string(sent[0].File) != long {
		t.Errorf("%d messages", len(sent))
	}
}
