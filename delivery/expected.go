package delivery

import (
	"context"
	"time"
)

// Waiting is what Expected is asked about: a message that waits, or a code that would be sent to a chat now.
type Waiting struct {
	MessageID string
	// Without MessageID:
	BotID, ChatID int64
}

// Delayer is a Transport that knows when it cannot send.
type Delayer interface {
	// DelayedUntil is when it can send again; zero if it can now, or does not know.
	DelayedUntil() time.Time
}

// question asks a bot queue about Waiting.
type question struct {
	about  Waiting
	answer chan<- expectation // has room for the answer
}

type expectation struct {
	at    time.Time // zero: soon, or not known
	known bool      // the message is in this queue
}

// Expected is when a message that must wait is sent at the latest, as far as telegate knows: when the pause is over that Telegram
// asked for, or when the message may use a fallback. It is zero for a message that goes soon, has ended, or waits for something
// that nobody can foresee, such as a network.
func (d *Dispatcher) Expected(ctx context.Context, about Waiting) time.Time {
	select {
	case <-d.recovered:
	default:
		return time.Time{}
	}
	for _, q := range d.queuesFor(about) {
		if e := q.ask(ctx, about); e.known {
			return e.at
		}
	}
	return time.Time{}
}

// queuesFor are the queues that may know about it.
func (d *Dispatcher) queuesFor(about Waiting) (list []*botQueue) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.start == nil { // nobody would answer
		return nil
	}
	if about.MessageID == "" {
		if q, ok := d.queues[about.BotID]; ok {
			list = append(list, q)
		}
		return list
	}
	for _, q := range d.queues {
		list = append(list, q)
	}
	return list
}

// ask asks the queue's goroutine.
func (q *botQueue) ask(ctx context.Context, about Waiting) expectation {
	answer := make(chan expectation, 1)
	q.post(event{question: &question{about, answer}})
	select {
	case e := <-answer:
		return e
	case <-q.ended:
	case <-ctx.Done():
	}
	return expectation{}
}

// expect answers a question.
func (q *botQueue) expect(about Waiting) expectation {
	it := &item{Queued: Queued{ChatID: about.ChatID, Lane: LaneCode}}
	if about.MessageID != "" {
		it = q.items[about.MessageID]
	}
	if it == nil {
		return expectation{}
	}
	return expectation{at: q.expectedAt(it, time.Now(), q.d.o.Now()), known: true}
}

func (q *botQueue) expectedAt(it *item, now, wall time.Time) time.Time {
	if it.busy || q.transport == nil {
		return time.Time{}
	}
	routes, _ := q.openRoutes(it, now)
	stuck := q.outages > 0
	if it.queue != nil {
		stuck = stuck || q.outageOf(it) != nil
	}
	switch {
	case it.Lane == LaneCode && len(routes) > 0:
		return time.Time{}
	case stuck && len(routes) > 0 && it.fallbackAt.After(wall):
		return it.fallbackAt
	case q.outages > 0:
		return time.Time{}
	}
	pause := q.pausedUntil
	if c, ok := q.chats[it.ChatID]; ok {
		pause = later(pause, c.pause)
	}
	if it.Lane == LaneBroadcast {
		pause = later(pause, q.pacer.broadcastsHeld)
	}
	at := wall.Add(pause.Sub(now))
	if d, ok := q.transport.(Delayer); ok {
		at = later(at, d.DelayedUntil())
	}
	if !at.After(wall) {
		return time.Time{}
	}
	return at
}
