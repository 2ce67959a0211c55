package delivery

import (
	"container/heap"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Concurrent sends of one bot. Codes always find room, even if all other sends hang.
const (
	maxInFlight      = 128
	maxInFlightLower = 96 // in the lanes below code
)

// stopGrace is how long a stop waits for running sends.
const stopGrace = 10 * time.Second

// wallClockCheck is how often to check expiry again, because the wall clock may be set.
const wallClockCheck = 10 * time.Second

// idleChatTTL is how long to keep the limiter of an idle chat. It has recovered by then.
const idleChatTTL = 2 * time.Minute

// event tells a bot queue about something new.
type event struct {
	queued []Queued
	pause  *Pause
	resume bool
	limits *Limits

	question *question
}

// botQueue is the queue of one bot. Only its own goroutine (run) uses it, except for the inbox.
type botQueue struct {
	d         *Dispatcher
	botID     int64
	transport Transport // nil for a bot that is not configured
	log       *slog.Logger

	mu     sync.Mutex // guards inbox
	inbox  []event
	signal chan struct{}
	ended  chan struct{} // closed when run has ended

	pacer       *pacer // made by run
	items       map[string]*item
	chats       map[int64]*chat
	ready       scheduler // chat queues that may send now, as far as the chat is concerned
	delayed     delayed   // not before chatQueue.at
	expiry      expiryHeap
	fallbackDue fallbackHeap
	lastSweep   time.Time // when forgetIdleChats last ran

	results       chan result
	inFlight      int // sends, all lanes
	lowerInFlight int // of inFlight, below the code lane
	fallbackSends int // of inFlight, by a fallback alone
	writes        int // running writes that belong to no send

	pausedUntil time.Time // flood wait of the whole bot
	retryAt     time.Time // when to try an unreachable Telegram again
	outages     int       // failures in a row to reach Telegram, or to have the token accepted
	outage      *Failure  // the last such failure; nil if Telegram answers
	probe       *item     // the message that tests whether Telegram answers again
	floodID     int64     // chat of the last flood wait, and its end
	floodEnd    time.Time

	routes []*route // fallbacks
}

func newBotQueue(d *Dispatcher, botID int64) *botQueue {
	q := &botQueue{
		d: d, botID: botID, transport: d.o.Transports[botID], log: d.o.Logger.With("bot", botID),
		signal: make(chan struct{}, 1), ended: make(chan struct{}), results: make(chan result),
		items: map[string]*item{}, chats: map[int64]*chat{},
		ready: newScheduler(),
	}
	for _, f := range d.o.Fallbacks[botID] {
		q.routes = append(q.routes, &route{Fallback: f})
	}
	return q
}

// post adds an event to the inbox; it never blocks.
func (q *botQueue) post(e event) {
	q.mu.Lock()
	q.inbox = append(q.inbox, e)
	q.mu.Unlock()
	select {
	case q.signal <- struct{}{}:
	default:
	}
}

func (q *botQueue) run(ctx context.Context) error {
	defer close(q.ended)
	select {
	case <-q.d.recovered:
		q.pacer = newPacer(q.d.limitsOf(q.botID), q.d.leftAt)
	case <-ctx.Done():
		return nil
	}
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	sends, abort := context.WithCancel(context.WithoutCancel(ctx)) // running sends may finish after ctx ends
	defer abort()
	for ctx.Err() == nil {
		q.readInbox()
		timer.Reset(q.dispatch(sends))
		select {
		case <-ctx.Done():
		case <-q.signal:
		case r := <-q.results:
			q.handleResult(sends, r)
		case <-timer.C:
		}
	}
	q.drain(sends, abort)
	return nil
}

// drain waits for running sends, and stores the pauses that Telegram asks for. After stopGrace it aborts them, and the next start sends
// them again.
func (q *botQueue) drain(ctx context.Context, abort func()) {
	grace := time.AfterFunc(stopGrace, abort)
	defer grace.Stop()
	for q.inFlight+q.writes > 0 {
		r := <-q.results
		if r.item == nil {
			q.handleResult(ctx, r)
			continue
		}
		q.inFlight--
		if e := r.err; e != nil && e.Class == Flood && !e.Broadcasts && !r.paused {
			now := time.Now()
			q.handleFlood(ctx, r.queue.chat, now.Add(e.RetryAfter), now)
		}
	}
}

func (q *botQueue) readInbox() {
	q.mu.Lock()
	events := q.inbox
	q.inbox = nil
	q.mu.Unlock()
	for _, e := range events {
		switch {
		case e.pause != nil && e.pause.ChatID == 0:
			q.pausedUntil = time.Now().Add(e.pause.rest(q.d.o.Now()))
		case e.pause != nil:
			q.chat(e.pause.ChatID).pause = time.Now().Add(e.pause.rest(q.d.o.Now()))
		case e.resume:
			q.clearOutage()
		case e.limits != nil:
			q.setLimits(*e.limits)
		case e.question != nil:
			e.question.answer <- q.expect(e.question.about)
		}
		for _, msg := range e.queued {
			if _, known := q.items[msg.ID]; !known {
				q.add(&item{Queued: msg, fallbackAt: fallbackAfter(msg.Lane, msg.Created, msg.Expires), fallbackPos: -1})
			}
		}
	}
}

// setLimits changes the limits of the bot and of every chat, and makes all delayed queues ready to be checked again.
func (q *botQueue) setLimits(limits Limits) {
	now := time.Now()
	q.pacer.setLimits(limits, now)
	for _, c := range q.chats {
		q.pacer.updateChat(c, now)
	}
	for cq := q.delayed.first(); cq != nil; cq = q.delayed.first() {
		q.ready.put(cq)
	}
}

// clearOutage records that Telegram answers.
func (q *botQueue) clearOutage() { q.outages, q.outage, q.retryAt = 0, nil, time.Time{} }

// add queues a new message.
func (q *botQueue) add(it *item) {
	q.items[it.ID] = it
	q.d.depth[it.Lane.rank()].Add(1)
	heap.Push(&q.expiry, it)
	q.scheduleFallback(it)
	q.append(it)
}

// append inserts a message by sequence number, nearly always at the end.
func (q *botQueue) append(it *item) {
	c := q.chat(it.ChatID)
	rank := it.Lane.rank()
	cq := c.queues[rank]
	if cq == nil {
		cq = &chatQueue{chat: c, rank: rank}
		c.queues[rank] = cq
	}
	cq.head()
	it.queue = cq
	at := len(cq.items)
	for at > 0 && cq.items[at-1].Seq > it.Seq && !cq.items[at-1].busy {
		at--
	}
	cq.items = slices.Insert(cq.items, at, it)
	if !cq.busy && cq.set != &q.delayed {
		q.ready.added(cq, at)
	}
}

func (q *botQueue) chat(id int64) *chat {
	c, ok := q.chats[id]
	if !ok {
		c = q.pacer.newChat(id)
		q.chats[id] = c
	}
	return c
}

// remove forgets a message that has ended.
func (q *botQueue) remove(it *item) {
	it.ended = true
	delete(q.items, it.ID)
	q.d.depth[it.Lane.rank()].Add(-1)
	if it.expiryPos >= 0 {
		heap.Remove(&q.expiry, it.expiryPos)
	}
	if it.fallbackPos >= 0 {
		heap.Remove(&q.fallbackDue, it.fallbackPos)
	}
}

// dispatch starts every send that may start now and returns the time until the next one may.
func (q *botQueue) dispatch(ctx context.Context) time.Duration {
	now, wall := time.Now(), q.d.o.Now()
	q.expire(ctx, wall)
	q.forgetIdleChats(now)
	for cq := q.delayed.first(); cq != nil && !cq.at.After(now); cq = q.delayed.first() {
		q.ready.put(cq)
	}
	next := now.Add(time.Hour)
	if cq := q.delayed.first(); cq != nil && cq.at.Before(next) {
		next = cq.at
	}
	if len(q.expiry) > 0 {
		next = earlier(next, now.Add(min(wallClockCheck, q.expiry[0].Expires.Sub(wall))))
	}
	for q.transport != nil {
		cq := q.ready.first()
		if cq == nil {
			break
		}
		it := cq.head()
		if it == nil { // all its messages have ended
			cq.leaveSet()
			continue
		}
		if q.avoidPause(ctx, cq, it, now, wall) {
			if cq.set == &q.delayed {
				next = earlier(next, cq.at)
			}
			continue
		}
		if !q.hasCapacity(cq.rank) {
			break // the next result frees a place
		}
		if at := later(q.pausedUntil, q.retryAt); at.After(now) {
			next = earlier(next, at)
			break
		}
		if at := cq.chat.free(); at.After(now) {
			cq.at = at
			q.delayed.put(cq)
			next = earlier(next, at)
			continue
		}
		if at := q.pacer.free(cq.rank); at.After(now) {
			next = earlier(next, at)
			break
		}
		q.pacer.take(cq.chat, cq.rank, now)
		q.ready[cq.rank].charge()
		routes, _ := q.openRoutes(it, now)
		q.launch(ctx, cq, it, plan{routes: routes})
	}
	next = earlier(next, q.fallBack(ctx, now, wall))
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

// hasCapacity reports whether one more send of this lane may run. During an outage only one message at a time tests
// Telegram.
func (q *botQueue) hasCapacity(rank int) bool {
	switch {
	case q.outages > 0:
		return q.probe == nil
	case rank == 0:
		return q.inFlight < maxInFlight
	default:
		return q.lowerInFlight < maxInFlightLower
	}
}

func (q *botQueue) launch(ctx context.Context, cq *chatQueue, it *item, p plan) {
	cq.leaveSet()
	cq.busy, it.busy = true, true
	q.inFlight++
	if q.outages > 0 && !p.skipBot {
		q.probe = it
	}
	if cq.rank > 0 {
		q.lowerInFlight++
	}
	q.d.inFlight.Store(it.ID, struct{}{})
	p.expired, p.earliest = q.expiryFailure(it), it.Expires
	if len(p.routes) > 0 {
		for _, behind := range cq.items {
			if !behind.ended {
				p.earliest = earlier(p.earliest, behind.Expires)
			}
		}
	}
	go func() { q.results <- q.send(ctx, cq, it, p) }()
}

// forgetIdleChats frees the memory of idle chats.
func (q *botQueue) forgetIdleChats(now time.Time) {
	if now.Sub(q.lastSweep) < idleChatTTL {
		return
	}
	q.lastSweep = now
	q.ready.forgetIdle()
	for id, c := range q.chats {
		idle := now.Sub(c.bucket.due) > idleChatTTL && !c.pause.After(now)
		for _, cq := range c.queues {
			idle = idle && (cq == nil || !cq.busy && cq.head() == nil)
		}
		if !idle {
			continue
		}
		for _, cq := range c.queues {
			if cq != nil {
				cq.leaveSet()
			}
		}
		delete(q.chats, id)
	}
}
