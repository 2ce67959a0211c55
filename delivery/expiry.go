package delivery

import (
	"container/heap"
	"context"
	"errors"
	"time"
)

// expire ends messages that are past their expiry by the wall clock, whatever their lane or pause. A message that is being
// sent is left to its send.
func (q *botQueue) expire(ctx context.Context, now time.Time) {
	expired := map[string]*Failure{}
	for len(q.expiry) > 0 && !q.expiry[0].Expires.After(now) {
		it := heap.Pop(&q.expiry).(*item)
		if it.busy {
			continue
		}
		expired[it.ID] = q.expiryFailure(it)
		q.remove(it)
	}
	if len(expired) == 0 {
		return
	}
	q.writes++
	go func() {
		for id, failure := range expired {
			q.endExpired(ctx, id, failure)
		}
		q.results <- result{}
	}()
}

// pausedFailure says why a code cannot be sent by its bot or account in time.
func pausedFailure(it *item) *Failure {
	if it.last != nil {
		return it.last
	}
	return &Failure{ReasonLimited, "Telegram asked the sender to wait (flood wait) for longer than this code is valid. Try again later."}
}

// giveUp ends a message that nothing can send before it expires.
func (q *botQueue) giveUp(ctx context.Context, it *item, f *Failure) {
	q.remove(it)
	q.writes++
	go func() {
		q.endUnsent(ctx, it.ID, func(m Message) { q.reject(ctx, m, &SendError{Class: MessagePermanent}, f, nil) })
		q.results <- result{}
	}()
}

// endExpired ends an expired message that is not being sent.
func (q *botQueue) endExpired(ctx context.Context, id string, f *Failure) {
	q.endUnsent(ctx, id, func(m Message) { q.end(ctx, m, StatusExpired, f, nil) })
}

// endUnsent ends a message that is not being sent, unless it has ended.
func (q *botQueue) endUnsent(ctx context.Context, id string, end func(Message)) {
	var m Message
	read := q.persist(ctx, func() (err error) {
		if m, err = q.d.o.Store.Load(ctx, id); errors.Is(err, ErrNotFound) {
			m.Status, err = StatusCanceled, nil // deleted: nothing to end
		}
		return err
	})
	switch {
	case !read || m.Status.Final(): // canceled meanwhile
	case m.Status == StatusSending:
		q.end(ctx, m, StatusUnknown, nil, nil) // a crash lost the answer
	default:
		end(m)
	}
}

// expiryFailure explains why a message was not sent in time: by the last error, if there was one.
func (q *botQueue) expiryFailure(it *item) *Failure {
	switch {
	case it.last != nil:
		return q.withRouteFailures(it, it.last)
	case q.outage != nil:
		return q.withRouteFailures(it, q.outage)
	case it.queue.head() != nil && it.queue.head().last != nil:
		return q.withRouteFailures(it, it.queue.head().last)
	case q.pausedUntil.After(time.Now()):
		return &Failure{ReasonLimited, "Telegram paused the whole bot because it sent too much (flood wait), and the message expired before the pause " +
			"ended. Send it again, or give such messages a longer ttl."}
	case q.transport == nil:
		return &Failure{ReasonUnreachable, "The bot of this message is no longer configured."}
	default:
		return &Failure{ReasonMessageExpired, "The message expired before it was sent: Telegram's limits or a pause delayed it."}
	}
}
