package delivery

import (
	"container/heap"
	"context"
	"math/rand/v2"
	"time"
)

// Waits between failed sends of one message.
const (
	codeRetryLimit = 2 * time.Second
	retryLimit     = 30 * time.Second
	botRetryLimit  = 5 * time.Second // while Telegram cannot be reached
	tokenRetry     = 30 * time.Second
)

// settle takes a result in: it frees the place, learns from trouble, and lets the slot go on.
func (l *line) settle(ctx context.Context, r result) {
	if r.item == nil {
		l.writes--
		return
	}
	l.inFlight--
	s, it, now := r.slot, r.item, time.Now()
	s.busy, it.busy = false, false
	if s.rank > 0 {
		l.lower--
	}
	if l.probe == it {
		l.probe = nil
	}
	l.d.inFlight.Delete(it.ID)
	if r.ended {
		l.drop(it)
	}
	if !r.taken && r.err == nil && !r.other {
		l.pacer.refund(s.chat)
		l.ready[s.rank].refund(s)
	}
	wait := now
	switch {
	case r.disk:
		wait = now.Add(time.Second)
	case r.err != nil:
		wait = l.learn(ctx, s, it, r.err, now)
	case r.taken && !r.other:
		l.answered()
		l.pacer.delivered(now)
	}
	switch {
	case r.taken:
		it.failures, it.last, wait = 0, nil, now
	case r.err != nil:
		it.last = &r.err.Failure
	}
	l.fell(r, now)
	if !r.ended && it.expiry < 0 {
		heap.Push(&l.expiry, it) // its time ran out while it was on its way
	}
	if r.moved != 0 {
		l.migrate(s.chat, r.moved)
	}
	switch {
	case s.chat.moved != 0:
		l.move(s)
	case s.head() != nil:
		s.at = wait
		l.waiting.put(s)
	}
}

// learn draws the consequences of an error and answers from when on the slot may go on.
func (l *line) learn(ctx context.Context, s *slot, it *item, e *SendError, now time.Time) time.Time {
	if !e.Network && e.Class != Unauthorized {
		l.answered()
	}
	switch {
	case e.Class == Flood && e.Broadcasts:
		l.pacer.holdBroadcasts(now.Add(e.RetryAfter))
		return now
	case e.Class == Flood:
		return l.flooded(ctx, s.chat, now.Add(e.RetryAfter), now)
	case e.Class == Markup:
		it.plain = true
		return now
	case e.Class == Unauthorized:
		l.troubles++
		l.trouble, l.retry = &e.Failure, now.Add(tokenRetry)
		return now
	case e.Network:
		l.trouble = &e.Failure
		if !l.retry.After(now) { // all that was on its way when the line broke is one failure
			l.retry = now.Add(retryWait(l.troubles, botRetryLimit))
			l.troubles++
		}
		return now
	}
	limit := retryLimit
	if it.Lane == LaneCode && !e.Unknown { // what may have arrived is not worth a second copy every other second
		limit = codeRetryLimit
	}
	if len(l.ways) > 0 && it.Lane.falls() { // a pause must leave time for another way
		limit = min(limit, max(codeRetryLimit, it.Expires.Sub(l.d.o.Now())/10))
	}
	wait := retryWait(it.failures, limit)
	it.failures++
	return now.Add(wait)
}

// flooded keeps quiet as Telegram asks. It does not say whether the chat or the bot was too fast: the first 429 is held
// against the chat, one from another chat while that wait is in force against the bot.
func (l *line) flooded(ctx context.Context, c *chat, until, now time.Time) time.Time {
	storm := l.floodEnd.After(now) && l.floodID != c.id
	l.pacer.flooded(c, storm && !l.quiet.After(now), now)
	pause := Pause{BotID: l.botID, ChatID: c.id, Asked: l.d.o.Now()}
	if storm {
		l.quiet = later(l.quiet, until)
		pause.ChatID, pause.Until = 0, pause.Asked.Add(l.quiet.Sub(now))
	} else {
		c.pause = later(c.pause, until)
		pause.Until = pause.Asked.Add(c.pause.Sub(now))
		l.floodID, l.floodEnd = c.id, c.pause
	}
	l.writes++
	go func() {
		if err := l.d.o.Store.SavePause(ctx, pause); err != nil && ctx.Err() == nil {
			l.log.Error("a flood wait could not be stored; a restart would forget it", "error", err)
		}
		l.results <- result{}
	}()
	return until
}

// migrate sends what waits for a group to the supergroup it has become. What is on its way just now follows when it
// comes back.
func (l *line) migrate(c *chat, to int64) {
	if c.moved != 0 || c.id == to {
		return
	}
	c.moved = to
	delete(l.chats, c.id)
	for _, s := range c.slots {
		if s != nil && !s.busy {
			l.move(s)
		}
	}
}

func (l *line) move(s *slot) {
	s.leave()
	for _, it := range s.items {
		if !it.done {
			it.ChatID = s.chat.moved
			l.append(it)
		}
	}
	s.items = nil
}

// retryWait grows with each failure in a row, up to limit, and is spread by a fifth so that waiters do not return in step.
func retryWait(failures int, limit time.Duration) time.Duration {
	wait := min(limit, 250*time.Millisecond<<min(failures, 10))
	return wait - rand.N(wait/5)
}
