package delivery

import (
	"container/heap"
	"context"
	"math/rand/v2"
	"time"
)

// Longest waits between failed sends of one message.
const (
	codeRetryLimit = 2 * time.Second
	retryLimit     = 30 * time.Second
	botRetryLimit  = 5 * time.Second // while Telegram is unreachable
	tokenRetry     = 30 * time.Second
)

// handleResult processes the result of a send: it frees the place, adjusts limits after an error, and makes the chat queue
// ready or delayed again.
func (q *botQueue) handleResult(ctx context.Context, r result) {
	switch {
	case !r.pauseUntil.IsZero():
		q.clearOutage() // Telegram answers
		q.handleFlood(ctx, r.queue.chat, r.pauseUntil, time.Now())
		return
	case r.item == nil:
		q.writes--
		return
	}
	q.inFlight--
	cq, it, now := r.queue, r.item, time.Now()
	cq.busy, it.busy = false, false
	if cq.rank > 0 {
		q.lowerInFlight--
	}
	if q.probe == it {
		q.probe = nil
	}
	q.d.inFlight.Delete(it.ID)
	if r.ended {
		q.remove(it)
	}
	if !r.accepted && r.err == nil && !r.skippedBot {
		q.pacer.refund(cq.chat)
		q.ready[cq.rank].refund(cq)
	}
	wait := now
	switch {
	case r.readFailed:
		wait = now.Add(time.Second)
	case r.paused:
	case r.err != nil:
		wait = q.handleError(ctx, cq, it, r.err, now)
	case r.accepted && !r.skippedBot:
		q.clearOutage()
		q.pacer.delivered(now)
	}
	switch {
	case r.accepted:
		it.failures, it.last, wait = 0, nil, now
	case r.err != nil:
		it.last = &r.err.Failure
	}
	q.updateRoutes(r, now)
	if !r.ended && it.expiryPos < 0 {
		heap.Push(&q.expiry, it) // it expired while it was being sent
	}
	if r.moved != 0 {
		q.migrate(cq.chat, r.moved)
	}
	switch {
	case cq.chat.movedTo != 0:
		q.moveQueue(cq)
	case cq.head() != nil:
		cq.at = wait
		q.delayed.put(cq)
	}
}

// handleError adjusts limits and pauses after a failed send and returns when the chat queue may send again.
func (q *botQueue) handleError(ctx context.Context, cq *chatQueue, it *item, e *SendError, now time.Time) time.Time {
	if !e.Network && e.Class != Unauthorized {
		q.clearOutage()
	}
	switch {
	case e.Class == Flood && e.Broadcasts:
		q.pacer.holdBroadcasts(now.Add(e.RetryAfter))
		return now
	case e.Class == Flood:
		q.handleFlood(ctx, cq.chat, now.Add(e.RetryAfter), now)
		return now // dispatch knows the pause
	case e.Class == Markup:
		it.plainText = true
		return now
	case e.Class == Unauthorized && e.Final:
		return now.Add(tokenRetry) // no outage: each code must learn at once that it fails
	case e.Class == Unauthorized:
		q.outages++
		q.outage, q.retryAt = &e.Failure, now.Add(tokenRetry)
		return now
	case e.Network:
		q.outage = &e.Failure
		if !q.retryAt.After(now) { // sends that fail together count as one failure
			q.retryAt = now.Add(retryWait(q.outages, botRetryLimit))
			q.outages++
		}
		return now
	}
	limit := retryLimit
	if it.Lane == LaneCode && !e.Unknown { // it may have arrived: a second copy every other second would annoy
		limit = codeRetryLimit
	}
	if len(q.routes) > 0 && it.Lane.mayFallBack() { // the pause must leave time for a fallback
		limit = min(limit, max(codeRetryLimit, it.Expires.Sub(q.d.o.Now())/10))
	}
	wait := retryWait(it.failures, limit)
	it.failures++
	return now.Add(wait)
}

// handleFlood pauses as Telegram asks (429). Telegram does not say whether the chat or the bot was too fast. The first 429
// counts against the chat; another chat's 429 during that wait counts against the bot.
func (q *botQueue) handleFlood(ctx context.Context, c *chat, until, now time.Time) {
	storm := q.floodEnd.After(now) && q.floodID != c.id
	q.pacer.flooded(c, storm && !q.pausedUntil.After(now), now)
	pause := Pause{BotID: q.botID, ChatID: c.id, Asked: q.d.o.Now()}
	if storm {
		q.pausedUntil = later(q.pausedUntil, until)
		pause.ChatID, pause.Until = 0, pause.Asked.Add(q.pausedUntil.Sub(now))
	} else {
		c.pause = later(c.pause, until)
		pause.Until = pause.Asked.Add(c.pause.Sub(now))
		q.floodID, q.floodEnd = c.id, c.pause
	}
	q.writes++
	go func() {
		if err := q.d.o.Store.SavePause(ctx, pause); err != nil && ctx.Err() == nil {
			q.log.Error("cannot store the flood wait; a restart would forget it", "error", err)
		}
		q.results <- result{}
	}()
}

// migrate moves the messages of a group to the supergroup it has become. A message that is being sent follows when its
// result comes.
func (q *botQueue) migrate(c *chat, to int64) {
	if c.movedTo != 0 || c.id == to {
		return
	}
	c.movedTo = to
	delete(q.chats, c.id)
	for _, cq := range c.queues {
		if cq != nil && !cq.busy {
			q.moveQueue(cq)
		}
	}
}

func (q *botQueue) moveQueue(cq *chatQueue) {
	cq.leaveSet()
	for _, it := range cq.items {
		if !it.ended {
			it.ChatID = cq.chat.movedTo
			q.append(it)
		}
	}
	cq.items = nil
}

// retryWait grows with each failure in a row, up to limit, with a jitter of a fifth.
func retryWait(failures int, limit time.Duration) time.Duration {
	wait := min(limit, 250*time.Millisecond<<min(failures, 10))
	return wait - rand.N(wait/5)
}
