package delivery

import (
	"container/heap"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// How many sends of one bot may be on their way. Whatever hangs in the lower lanes, codes find room.
const (
	maxInFlight      = 128
	maxInFlightLower = 96 // of the lanes below code
)

// stopGrace is how long a stop waits for sends that are on their way.
const stopGrace = 10 * time.Second

// wallClock is how often the expiry of what waits is looked at again, should the clock on the wall be set meanwhile.
const wallClock = 10 * time.Second

// chatMemory is how long an idle chat's limiter is kept; by then it has recovered anyway.
const chatMemory = 2 * time.Minute

// event is what happens to a line from outside.
type event struct {
	queued []Queued
	pause  *Pause
	resume bool
	limits *Limits
}

// line is the queue of one bot. Only its own goroutine (run) touches it, but for the inbox.
type line struct {
	d         *Dispatcher
	botID     int64
	transport Transport // nil for a bot that is not configured
	log       *slog.Logger

	mu     sync.Mutex // guards inbox
	inbox  []event
	signal chan struct{}

	pacer   *pacer // made by run
	items   map[string]*item
	chats   map[int64]*chat
	ready   ready   // could go now, as far as their chat is concerned
	waiting waiting // not before slot.at
	expiry  expiryHeap
	danger  dangerHeap
	swept   time.Time // when idle chats were last let go

	results  chan result
	inFlight int // sends, all lanes
	lower    int // of them below the code lane
	falling  int // of them by the fallback alone
	writes   int // outcomes being written beside the sends

	quiet    time.Time // Telegram wants nothing from this bot before
	retry    time.Time // our own guess when Telegram may answer again
	troubles int       // times in a row that Telegram could not be reached, or refused the token
	trouble  *Failure  // the last such trouble; nil when Telegram answers
	probe    *item     // the one on its way to find out whether Telegram answers again
	floodID  int64     // the chat whose flood wait is the last that began, and when it ends
	floodEnd time.Time

	ways []*way // the fallback's
}

func newLine(d *Dispatcher, botID int64) *line {
	l := &line{
		d: d, botID: botID, transport: d.o.Transports[botID], log: d.o.Logger.With("bot", botID),
		signal: make(chan struct{}, 1), results: make(chan result),
		items: map[string]*item{}, chats: map[int64]*chat{},
		ready: newReady(),
	}
	for _, f := range d.o.Fallbacks[botID] {
		l.ways = append(l.ways, &way{Fallback: f})
	}
	return l
}

// post hands an event over; it never blocks.
func (l *line) post(e event) {
	l.mu.Lock()
	l.inbox = append(l.inbox, e)
	l.mu.Unlock()
	select {
	case l.signal <- struct{}{}:
	default:
	}
}

func (l *line) run(ctx context.Context) error {
	select {
	case <-l.d.recovered:
		l.pacer = newPacer(l.d.limitsOf(l.botID), l.d.leftAt)
	case <-ctx.Done():
		return nil
	}
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	sends, abort := context.WithCancel(context.WithoutCancel(ctx)) // what is on its way may finish after ctx ends
	defer abort()
	for ctx.Err() == nil {
		l.takeInbox()
		timer.Reset(l.dispatch(sends))
		select {
		case <-ctx.Done():
		case <-l.signal:
		case r := <-l.results:
			l.settle(sends, r)
		case <-timer.C:
		}
	}
	l.drain(abort)
	return nil
}

// drain waits for what is on its way; after stopGrace it breaks it off, and the next start sends it again.
func (l *line) drain(abort func()) {
	grace := time.AfterFunc(stopGrace, abort)
	defer grace.Stop()
	for l.inFlight+l.writes > 0 {
		if r := <-l.results; r.item == nil {
			l.writes--
		} else {
			l.inFlight--
		}
	}
}

func (l *line) takeInbox() {
	l.mu.Lock()
	events := l.inbox
	l.inbox = nil
	l.mu.Unlock()
	for _, e := range events {
		switch {
		case e.pause != nil && e.pause.ChatID == 0:
			l.quiet = time.Now().Add(e.pause.rest(l.d.o.Now()))
		case e.pause != nil:
			l.chat(e.pause.ChatID).pause = time.Now().Add(e.pause.rest(l.d.o.Now()))
		case e.resume:
			l.answered()
		case e.limits != nil:
			l.setLimits(*e.limits)
		}
		for _, q := range e.queued {
			if _, known := l.items[q.ID]; !known {
				l.add(&item{Queued: q, danger: dangerAt(q.Lane, q.Created, q.Expires), endanger: -1})
			}
		}
	}
}

// setLimits changes the pace of the bot and of every chat, and looks at all who wait once more.
func (l *line) setLimits(limits Limits) {
	now := time.Now()
	l.pacer.setLimits(limits, now)
	for _, c := range l.chats {
		l.pacer.adapt(c, now)
	}
	for s := l.waiting.first(); s != nil; s = l.waiting.first() {
		l.ready.put(s)
	}
}

// answered forgets the trouble there was in reaching Telegram.
func (l *line) answered() { l.troubles, l.trouble, l.retry = 0, nil, time.Time{} }

// add puts a message into its slot.
func (l *line) add(it *item) {
	l.items[it.ID] = it
	l.d.depth[it.Lane.rank()].Add(1)
	heap.Push(&l.expiry, it)
	l.endangered(it)
	l.append(it)
}

// append puts a message where the order of acceptance wants it: nearly always at the end.
func (l *line) append(it *item) {
	c := l.chat(it.ChatID)
	rank := it.Lane.rank()
	s := c.slots[rank]
	if s == nil {
		s = &slot{chat: c, rank: rank}
		c.slots[rank] = s
	}
	s.head()
	it.slot = s
	at := len(s.items)
	for at > 0 && s.items[at-1].Seq > it.Seq && !s.items[at-1].busy {
		at--
	}
	s.items = slices.Insert(s.items, at, it)
	if !s.busy && s.in != &l.waiting {
		l.ready.added(s, at)
	}
}

func (l *line) chat(id int64) *chat {
	c, ok := l.chats[id]
	if !ok {
		c = l.pacer.newChat(id)
		l.chats[id] = c
	}
	return c
}

// drop lets a message go that has ended.
func (l *line) drop(it *item) {
	it.done = true
	delete(l.items, it.ID)
	l.d.depth[it.Lane.rank()].Add(-1)
	if it.expiry >= 0 {
		heap.Remove(&l.expiry, it.expiry)
	}
	if it.endanger >= 0 {
		heap.Remove(&l.danger, it.endanger)
	}
}

// dispatch starts all sends that may start now, and answers how long until the next one may.
func (l *line) dispatch(ctx context.Context) time.Duration {
	now, wall := time.Now(), l.d.o.Now()
	l.expire(ctx, wall)
	l.forgetIdleChats(now)
	for s := l.waiting.first(); s != nil && !s.at.After(now); s = l.waiting.first() {
		l.ready.put(s)
	}
	next := now.Add(time.Hour)
	if s := l.waiting.first(); s != nil && s.at.Before(next) {
		next = s.at
	}
	if len(l.expiry) > 0 {
		next = earlier(next, now.Add(min(wallClock, l.expiry[0].Expires.Sub(wall))))
	}
	for l.transport != nil {
		s := l.ready.first()
		if s == nil {
			break
		}
		it := s.head()
		if it == nil { // everything in it has ended
			s.leave()
			continue
		}
		if !l.room(s.rank) {
			break // a result will come and make some
		}
		if at := later(l.quiet, l.retry); at.After(now) {
			next = earlier(next, at)
			break
		}
		if at := s.chat.free(); at.After(now) {
			s.at = at
			l.waiting.put(s)
			next = earlier(next, at)
			continue
		}
		if at := l.pacer.free(s.rank); at.After(now) {
			next = earlier(next, at)
			break
		}
		l.pacer.take(s.chat, s.rank, now)
		l.ready[s.rank].take()
		ways, _ := l.open(it, now)
		l.launch(ctx, s, it, plan{ways: ways})
	}
	next = earlier(next, l.fallBack(ctx, now, wall))
	return max(0, next.Sub(now))
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// room tells whether one more send of this lane may be on its way. While Telegram does not answer, one at a time asks.
func (l *line) room(rank int) bool {
	switch {
	case l.troubles > 0:
		return l.probe == nil
	case rank == 0:
		return l.inFlight < maxInFlight
	default:
		return l.lower < maxInFlightLower
	}
}

func (l *line) launch(ctx context.Context, s *slot, it *item, p plan) {
	s.leave()
	s.busy, it.busy = true, true
	l.inFlight++
	if l.troubles > 0 && !p.other {
		l.probe = it
	}
	if s.rank > 0 {
		l.lower++
	}
	l.d.inFlight.Store(it.ID, struct{}{})
	p.late = l.expired(it)
	go func() { l.results <- l.send(ctx, s, it, p) }()
}

// forgetIdleChats keeps memory in proportion to what is going on.
func (l *line) forgetIdleChats(now time.Time) {
	if now.Sub(l.swept) < chatMemory {
		return
	}
	l.swept = now
	l.ready.forgetIdle()
	for id, c := range l.chats {
		idle := now.Sub(c.bucket.due) > chatMemory && !c.pause.After(now)
		for _, s := range c.slots {
			idle = idle && (s == nil || !s.busy && s.head() == nil)
		}
		if !idle {
			continue
		}
		for _, s := range c.slots {
			if s != nil {
				s.leave()
			}
		}
		delete(l.chats, id)
	}
}
