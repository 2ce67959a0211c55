package delivery

import (
	"container/heap"
	"context"
	"slices"
	"strings"
	"time"
)

// Fallback is another way to the people of a bot, for when the bot's own fails. It takes the lanes code and direct, and
// never a broadcast or an alert:
//
//   - when the bot cannot be reached (the network, 5xx, no answer, 401) and the message's time is in danger: a code's
//     always is, a direct message's in the last quarter of its life;
//   - when the bot may not write to the person, and the fallback is a person's account. Somebody who has blocked the bot
//     has said what he wants, and is left alone.
//
// A message whose answer was lost may so arrive twice, which these lanes bear (F9). Pacing is the fallback's own: one that
// is limited says so, and is left alone for as long.
type Fallback struct {
	Transport
	Person bool        // a person's account, which may write where the bot may not
	Up     func() bool // tells whether it can take a message now, as far as it knows; must not block
}

const (
	// shortTimeout bounds a send of a code where there is another way to try, and of a direct message whose time is nearly
	// over: a hanging Bot API must not eat up their worth.
	shortTimeout = 3 * time.Second
	// maxFalling is how many messages of one bot are on their way by the fallback alone. Its pace is a few a second.
	maxFalling = 8
	// upAgain is how soon a fallback that was not connected is looked at again.
	upAgain = time.Second
)

// falls tells whether messages of the lane may take another way than the bot's.
func (l Lane) falls() bool { return l == LaneCode || l == LaneDirect }

// dangerAt is from when on a message's time is in danger while its bot cannot be reached.
func dangerAt(lane Lane, created, expires time.Time) time.Time {
	if lane == LaneCode {
		return created
	}
	return expires.Add(-expires.Sub(created) / 4)
}

// way is a fallback as one line knows it.
type way struct {
	Fallback
	rest     time.Time // not asked before
	failures int       // in a row
	last     *Failure  // the last of them; nil where it works
}

// chosen is a way that a message may take now, and which of the line's it is.
type chosen struct {
	Fallback
	n int
}

// tried is what came of a way; err is nil where it has taken the part.
type tried struct {
	chosen
	err *SendError
}

// plan is what a send may do.
type plan struct {
	late    *Failure // what to say should the message's time have run out
	other   bool     // the bot is left out: it is known to be in trouble
	trouble *Failure // that trouble
	ways    []chosen // where the bot fails, in this order
}

// open lists the ways a message may take now. Where there is none, at is when to look again; the zero time is never.
func (l *line) open(it *item, now time.Time) (ways []chosen, at time.Time) {
	if !it.Lane.falls() {
		return nil, at
	}
	for n, w := range l.ways {
		again := w.rest
		switch {
		case slices.ContainsFunc(it.refused, func(t tried) bool { return t.n == n }):
			continue
		case again.After(now):
		case w.Up():
			ways = append(ways, chosen{w.Fallback, n})
			continue
		default:
			again = now.Add(upAgain)
		}
		if at.IsZero() || again.Before(at) {
			at = again
		}
	}
	return ways, at
}

// fallBack sends past a bot in trouble what cannot wait for it, and answers when to look again.
func (l *line) fallBack(ctx context.Context, now, wall time.Time) time.Time {
	never := now.Add(time.Hour)
	if l.troubles == 0 || l.transport == nil {
		return never
	}
	for len(l.danger) > 0 && l.falling < maxFalling {
		it := l.danger[0]
		if wait := it.danger.Sub(wall); wait > 0 {
			return now.Add(min(wait, wallClock))
		}
		ways, at := l.open(it, now)
		if len(ways) == 0 && !at.IsZero() {
			it.danger = wall.Add(min(at.Sub(now), wallClock))
			heap.Fix(&l.danger, 0)
			continue
		}
		heap.Pop(&l.danger)
		if len(ways) == 0 { // all have refused it: it waits for the bot
			continue
		}
		if s := it.slot; s.busy {
			s.held = append(s.held, it)
		} else {
			l.falling++
			l.launch(ctx, s, it, plan{other: true, trouble: l.trouble, ways: ways})
		}
	}
	return never
}

// endangered lines a message up for when its time is in danger.
func (l *line) endangered(it *item) {
	if len(l.ways) > 0 && it.Lane.falls() && it.endanger < 0 && !it.done {
		heap.Push(&l.danger, it)
	}
}

// fell takes in what the ways of a result have come to.
func (l *line) fell(r result, now time.Time) {
	for _, t := range r.tries {
		w := l.ways[t.n]
		if t.err == nil {
			w.failures, w.last = 0, nil
			continue
		}
		switch t.err.Class {
		case Flood:
			w.rest = later(w.rest, now.Add(t.err.RetryAfter))
		case Unauthorized:
			w.rest = later(w.rest, now.Add(tokenRetry))
		case Transient:
			w.rest = later(w.rest, now.Add(retryWait(w.failures, botRetryLimit)))
			w.failures++
		default: // it is about this message, or this person
			r.item.refused = append(r.item.refused, t)
			continue
		}
		w.last = &t.err.Failure
	}
	if r.other {
		l.falling--
	}
	for _, it := range append(r.slot.held, r.item) {
		l.endangered(it)
	}
	r.slot.held = nil
}

// helping picks the ways that may help where the bot has failed with e.
func (l *line) helping(ctx context.Context, m Message, e *SendError, ways []chosen) []chosen {
	now := l.d.o.Now()
	if ctx.Err() != nil || !now.Before(m.Expires) {
		return nil
	}
	switch e.Class {
	case Transient, Unauthorized:
		if !now.Before(dangerAt(m.Lane, m.Created, m.Expires)) {
			return ways
		}
	case RecipientPermanent:
		switch e.Failure.Reason {
		case ReasonNeverStarted, ReasonChatNotFound, ReasonNoRights:
			var people []chosen
			for _, w := range ways {
				if w.Person {
					people = append(people, w)
				}
			}
			return people
		}
	}
	return nil
}

// fall tries other ways, one after the other, until one has taken the part. f is why the bot does not. The message must
// still wait each time: it may have been canceled meanwhile. What falls back is never of a lane that sends once, so an
// attempt needs no mark before it and cannot fail at that.
func (l *line) fall(ctx context.Context, m *Message, ways []chosen, f *Failure, r *result) {
	for n, w := range ways {
		if n > 0 || r.err != nil {
			fresh, err := l.d.o.Store.Load(ctx, m.ID)
			if err != nil || fresh.Status.Final() || fresh.BodyErr != nil || !l.d.o.Now().Before(fresh.Expires) {
				r.ended = err == nil && fresh.Status.Final()
				return
			}
			*m = fresh
		}
		part := m.Body.Parts[m.SentParts]
		try, e, _ := l.attempt(ctx, w, m, part, n < len(ways)-1)
		if e != nil && e.Class == Markup && len(part.Text.Entities) > 0 {
			_ = l.save(ctx, *m, StatusQueued, &e.Failure, try)
			part.Text.Entities = nil
			try, e, _ = l.attempt(ctx, w, m, part, n < len(ways)-1)
		}
		r.tries = append(r.tries, tried{w, e})
		if e == nil {
			l.about(*m).Info("sent by the fallback", "transport", w.Name())
			l.took(ctx, m, w, try, r)
			return
		}
		l.about(*m).Info("the fallback failed", "transport", w.Name(), "class", e.Class.String(), "error", e.Err)
		r.last = alsoTried(f, r.tries)
		_ = l.save(ctx, *m, StatusQueued, r.last, try) // the next way looks anew
	}
}

// alsoTried is a failure of the bot with what the other ways have said.
func alsoTried(f *Failure, tries []tried) *Failure {
	if f == nil || len(tries) == 0 {
		return f
	}
	var b strings.Builder
	b.WriteString(f.Detail)
	for _, t := range tries {
		if t.err != nil {
			b.WriteString(" The fallback " + t.Name() + " was tried too: " + t.err.Failure.Detail)
		}
	}
	return &Failure{f.Reason, b.String()}
}

// noWay is a failure of the bot with why the other ways were closed to a message.
func (l *line) noWay(it *item, f *Failure) *Failure {
	tries := slices.Clip(it.refused)
	for n, w := range l.ways {
		if w.last != nil && it.Lane.falls() {
			tries = append(tries, tried{chosen{w.Fallback, n}, &SendError{Failure: *w.last}})
		}
	}
	return alsoTried(f, tries)
}

// dangerHeap has the message first whose time is in danger first.
type dangerHeap []*item

func (h dangerHeap) Len() int           { return len(h) }
func (h dangerHeap) Less(i, j int) bool { return h[i].danger.Before(h[j].danger) }
func (h dangerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].endanger, h[j].endanger = i, j
}
func (h *dangerHeap) Push(x any) { it := x.(*item); it.endanger = len(*h); *h = append(*h, it) }
func (h *dangerHeap) Pop() any {
	last := len(*h) - 1
	it := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	it.endanger = -1
	return it
}
