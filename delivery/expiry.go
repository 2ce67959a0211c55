package delivery

import (
	"container/heap"
	"context"
	"errors"
	"time"
)

// expire ends what is past its time on the wall, whatever the lanes and pauses say. What is on its way right now is left to its
// send.
func (l *line) expire(ctx context.Context, now time.Time) {
	over := map[string]*Failure{}
	for len(l.expiry) > 0 && !l.expiry[0].Expires.After(now) {
		it := heap.Pop(&l.expiry).(*item)
		if it.busy {
			continue
		}
		over[it.ID] = l.expired(it)
		l.drop(it)
	}
	if len(over) == 0 {
		return
	}
	l.writes++
	go func() {
		for id, failure := range over {
			l.overdue(ctx, id, failure)
		}
		l.results <- result{}
	}()
}

// overdue ends a message that nobody is sending and whose time has run out.
func (l *line) overdue(ctx context.Context, id string, f *Failure) {
	var m Message
	read := l.persist(ctx, func() (err error) {
		if m, err = l.d.o.Store.Load(ctx, id); errors.Is(err, ErrNotFound) {
			m.Status, err = StatusCanceled, nil // gone: there is nothing to end
		}
		return err
	})
	switch {
	case !read || m.Status.Final(): // canceled meanwhile
	case m.Status == StatusSending:
		l.finish(ctx, m, StatusUnknown, nil) // a crash has lost the answer
	default:
		l.finish(ctx, m, StatusExpired, f)
	}
}

// expired says why a message found no way in its time: the trouble there was, if there was one.
func (l *line) expired(it *item) *Failure {
	switch {
	case it.last != nil:
		return l.noWay(it, it.last)
	case l.trouble != nil:
		return l.noWay(it, l.trouble)
	case l.quiet.After(time.Now()):
		return &Failure{ReasonLimited, "Telegram asked the whole bot for quiet because too much was sent, and the message's time to live ran " +
			"out before that was over. Send it again, or give such messages a longer ttl."}
	case l.transport == nil:
		return &Failure{ReasonUnreachable, "The bot this message was to leave by is not configured any more."}
	default:
		return &Failure{ReasonMessageExpired, "The message was not sent before its time to live ran out; Telegram's limits or a pause held it back."}
	}
}
