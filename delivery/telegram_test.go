package delivery_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"telegate/delivery"
)

// telegram is one bot's view of Telegram, with the limits that the peers were measured against: token buckets for the bot
// (30/s, burst 30), each private chat (1/s, burst 3) and each group (20/min, burst 20). A bucket that runs dry answers 429 and
// stays shut until its penalty is over. Set the fields before the first send.
type telegram struct {
	name    string               // of the transport; empty: bot
	dedupes bool                 // it takes each part of a message once
	latency time.Duration        // of an answer; what a send does has happened by then
	way     func() time.Duration // how long a request takes to arrive; nil: no time
	fault   func(call) fault     // what goes wrong with a call; nil: nothing

	mu     sync.Mutex // guards what follows
	calls  []call     // in the order they arrive
	bot    bucket
	chats  map[int64]*bucket
	floods int // sends over the limits
	flying int // sends without an answer yet
	most   int // of them at once
}

// call is one send as Telegram sees it.
type call struct {
	n        int // how many calls came before
	at       time.Time
	chat     int64
	text     string
	entities int
	file     string // the content of the file
	silent   bool
	told     delivery.Recipient // all that the transport was told
	taken    bool               // people can read it
}

// fault is what a call meets in place of an answer; the zero fault is none.
type fault struct {
	err   *delivery.SendError // the answer; nil with hang
	hang  bool                // no answer until the sender gives up
	taken bool                // Telegram takes the part all the same, and only the answer is lost
}

func (tg *telegram) Name() string { return cmp.Or(tg.name, "bot") }

func (tg *telegram) Deduplicates() bool { return tg.dedupes }

func (tg *telegram) Send(ctx context.Context, to delivery.Recipient, part delivery.Part) error {
	tg.fly(1)
	defer tg.fly(-1)
	if tg.way != nil {
		time.Sleep(tg.way())
	}
	f := tg.arrive(to, part)
	if f.hang {
		<-ctx.Done()
		return noAnswer()
	}
	time.Sleep(tg.latency)
	if f.err != nil {
		return f.err
	}
	return nil
}

func (tg *telegram) fly(n int) {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	tg.flying += n
	tg.most = max(tg.most, tg.flying)
}

// arrive counts a call and decides what it meets.
func (tg *telegram) arrive(to delivery.Recipient, part delivery.Part) fault {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	c := call{
		n: len(tg.calls), at: time.Now(), chat: to.ChatID, text: part.Text.Text, entities: len(part.Text.Entities), silent: to.Silent, told: to,
	}
	if part.File != nil {
		c.file = string(part.File.Content)
	}
	var f fault
	if tg.fault != nil {
		f = tg.fault(c)
	}
	if wait := tg.admit(c); wait > 0 && f.err == nil && !f.hang {
		f = fault{err: flood(wait)}
	}
	c.taken = f.taken || f.err == nil && !f.hang
	for _, old := range tg.calls {
		if tg.dedupes && old.taken && old.told.MessageID == to.MessageID && old.told.Part == to.Part {
			c.taken = false
		}
	}
	tg.calls = append(tg.calls, c)
	return f
}

// admit takes a call through the buckets of its chat and of the bot, or says how long to wait.
func (tg *telegram) admit(c call) time.Duration {
	if tg.chats == nil {
		tg.chats = map[int64]*bucket{}
		tg.bot = bucket{perSecond: 30, burst: 30}
	}
	b := tg.chats[c.chat]
	if b == nil {
		b = &bucket{perSecond: 1, burst: 3}
		if c.chat < 0 {
			b = &bucket{perSecond: 20.0 / 60, burst: 20}
		}
		tg.chats[c.chat] = b
	}
	wait := cmp.Or(b.wait(c.at), tg.bot.wait(c.at))
	if wait > 0 {
		tg.floods++
		return wait
	}
	b.tokens--
	tg.bot.tokens--
	return 0
}

const penalty = time.Second

// bucket is a token bucket that punishes.
type bucket struct {
	perSecond, burst, tokens float64
	filled                   time.Time // when tokens was right
	shut                     time.Time
}

func (b *bucket) wait(now time.Time) time.Duration {
	if b.filled.IsZero() {
		b.tokens, b.filled = b.burst, now
	}
	b.tokens = min(b.burst, b.tokens+now.Sub(b.filled).Seconds()*b.perSecond)
	b.filled = now
	if b.shut.After(now) {
		return b.shut.Sub(now)
	}
	if b.tokens < 1-1e-9 { // what refilling in small steps loses
		b.shut = now.Add(penalty)
		return penalty
	}
	return 0
}

// change changes what fault goes by.
func (tg *telegram) change(f func()) {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	f()
}

// arrived lists the calls so far.
func (tg *telegram) arrived() []call {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	return slices.Clone(tg.calls)
}

// to lists the calls so far to one chat.
func (tg *telegram) to(chat int64) []call {
	return slices.DeleteFunc(tg.arrived(), func(c call) bool { return c.chat != chat })
}

// with lists the calls so far that carried a text.
func (tg *telegram) with(text string) []call {
	return slices.DeleteFunc(tg.arrived(), func(c call) bool { return c.text != text })
}

func (tg *telegram) overLimits() int {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	return tg.floods
}

func texts(calls []call) []string {
	list := make([]string, len(calls))
	for i, c := range calls {
		list[i] = c.text
	}
	return list
}

// first answers the n first calls with a fault, and none after.
func first(n int, f fault) func(call) fault {
	return func(c call) fault {
		if c.n < n {
			return f
		}
		return fault{}
	}
}

// What a transport answers.

func flood(after time.Duration) *delivery.SendError {
	return &delivery.SendError{
		Class: delivery.Flood, RetryAfter: after, Err: errors.New("429"),
		Failure: delivery.Failure{Reason: delivery.ReasonLimited, Detail: "Telegram asks for quiet."},
	}
}

func serverError() *delivery.SendError {
	return &delivery.SendError{
		Class: delivery.Transient, Err: errors.New("502"),
		Failure: delivery.Failure{Reason: delivery.ReasonUnreachable, Detail: "Telegram has trouble."},
	}
}

func lineDown() *delivery.SendError {
	return &delivery.SendError{
		Class: delivery.Transient, Network: true, Err: errors.New("connection refused"),
		Failure: delivery.Failure{Reason: delivery.ReasonUnreachable, Detail: "Telegram cannot be reached."},
	}
}

func noAnswer() *delivery.SendError {
	return &delivery.SendError{
		Class: delivery.Transient, Unknown: true, Err: errors.New("connection reset after the request was written"),
		Failure: delivery.Failure{Reason: delivery.ReasonUnreachable, Detail: "Telegram did not answer."},
	}
}

func badToken() *delivery.SendError {
	return &delivery.SendError{
		Class: delivery.Unauthorized, Err: errors.New("401"),
		Failure: delivery.Failure{Reason: delivery.ReasonUnauthorized, Detail: "Telegram refuses the token."},
	}
}

func blocked() *delivery.SendError {
	return &delivery.SendError{
		Class: delivery.RecipientPermanent, Err: errors.New("403"),
		Failure: delivery.Failure{Reason: delivery.ReasonBlockedByUser, Detail: "The person has blocked the bot."},
	}
}

func refusedMessage() *delivery.SendError {
	return &delivery.SendError{
		Class: delivery.MessagePermanent, Err: errors.New("400"),
		Failure: delivery.Failure{Reason: delivery.ReasonRejected, Detail: "Telegram refuses this message."},
	}
}

func badMarkup() *delivery.SendError {
	return &delivery.SendError{
		Class: delivery.Markup, Err: errors.New("400 can't parse entities"),
		Failure: delivery.Failure{Reason: delivery.ReasonRejected, Detail: "Telegram cannot read the formatting."},
	}
}

func migratedTo(chat int64) *delivery.SendError {
	return &delivery.SendError{
		Class: delivery.Migrated, MigrateTo: chat, Err: errors.New("400 upgraded to a supergroup"),
		Failure: delivery.Failure{Reason: delivery.ReasonChatNotFound, Detail: "The group has become another."},
	}
}
