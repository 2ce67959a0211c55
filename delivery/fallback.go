package delivery

import (
	"container/heap"
	"context"
	"slices"
	"strings"
	"time"
)

// Fallback is a second transport to the users of a bot, for when the bot fails. It sends codes and direct messages, never
// broadcasts or alerts:
//
//   - when the bot is unreachable (network, 5xx, no answer, 401) and the message is urgent: a code always is, a direct
//     message in the last quarter of its lifetime;
//   - when Telegram asks the bot to wait (429) longer than maxCodePause and the message is a code;
//   - when the bot may not write to the user and the fallback is a user account. A user who has blocked the bot gets nothing.
//
// A message whose answer was lost may arrive twice, which these lanes accept. The fallback does its own pacing: if it
// is limited, it says so and gets no messages until then.
type Fallback struct {
	Transport
	Person bool        // a user account, which may write where the bot may not
	Up     func() bool // reports whether it can probably send now; must not block
}

const (
	// shortTimeout limits a send of a code if there is a fallback, and of a direct message that is nearly expired: a
	// hanging Bot API must not use up their time.
	shortTimeout = 3 * time.Second
	// maxCodePause is how long a code waits because Telegram asks for it, if there is a fallback.
	maxCodePause = 3 * time.Second
	// maxFallbackSends limits the sends of one bot that use a fallback alone. A fallback sends a few messages a second.
	maxFallbackSends = 8
	// upCheck is how soon to check again whether a fallback is connected.
	upCheck = time.Second
)

// mayFallBack reports whether messages of the lane may use a fallback.
func (l Lane) mayFallBack() bool { return l == LaneCode || l == LaneDirect }

// fallbackAfter is when a message may use a fallback if its bot is unreachable.
func fallbackAfter(lane Lane, created, expires time.Time) time.Time {
	if lane == LaneCode {
		return created
	}
	return expires.Add(-expires.Sub(created) / 4)
}

// route is a fallback with its state in one bot queue.
type route struct {
	Fallback
	restUntil time.Time // do not use before
	failures  int       // in a row
	last      *Failure  // the last of them; nil if it works
}

// routeChoice is a route that a message may use now, with its index.
type routeChoice struct {
	Fallback
	n int
}

// routeTry is the outcome of a route; err is nil if it accepted the part.
type routeTry struct {
	routeChoice
	err *SendError
}

// plan says what a send may do.
type plan struct {
	earliest time.Time     // when the first message of the chat queue expires
	expired  *Failure      // the failure if the message has expired
	skipBot  bool          // use routes only: the bot has an outage or must pause
	outage   *Failure      // the outage, or the pause that Telegram asked for
	routes   []routeChoice // to try in this order if the bot fails
}

// openRoutes lists the routes that a message may use now. If there is none, at is when to check again; zero means never.
func (q *botQueue) openRoutes(it *item, now time.Time) (routes []routeChoice, at time.Time) {
	if !it.Lane.mayFallBack() {
		return nil, at
	}
	for n, rt := range q.routes {
		again := rt.restUntil
		switch {
		case slices.ContainsFunc(it.refusedBy, func(t routeTry) bool { return t.n == n }):
			continue
		case again.After(now):
		case rt.Up():
			routes = append(routes, routeChoice{rt.Fallback, n})
			continue
		default:
			again = now.Add(upCheck)
		}
		if at.IsZero() || again.Before(at) {
			at = again
		}
	}
	return routes, at
}

// fallBack sends urgent messages by fallback during an outage of the bot, or past a message of their chat that the bot cannot send. It returns when to check again.
func (q *botQueue) fallBack(ctx context.Context, now, wall time.Time) time.Time {
	never := now.Add(time.Hour)
	if q.transport == nil {
		return never
	}
	for len(q.fallbackDue) > 0 && q.fallbackSends < maxFallbackSends {
		it := q.fallbackDue[0]
		if wait := it.fallbackAt.Sub(wall); wait > 0 {
			return now.Add(min(wait, wallClockCheck))
		}
		outage := q.outageOf(it)
		if outage == nil {
			it.fallbackAt = wall.Add(upCheck)
			heap.Fix(&q.fallbackDue, 0)
			continue
		}
		routes, at := q.openRoutes(it, now)
		if len(routes) == 0 && !at.IsZero() {
			it.fallbackAt = wall.Add(min(at.Sub(now), wallClockCheck))
			heap.Fix(&q.fallbackDue, 0)
			continue
		}
		heap.Pop(&q.fallbackDue)
		if len(routes) == 0 { // all routes have refused it: it waits for the bot
			continue
		}
		if cq := it.queue; cq.busy {
			cq.overdue = append(cq.overdue, it)
		} else {
			q.fallbackSends++
			q.launch(ctx, cq, it, plan{skipBot: true, outage: outage, routes: routes})
		}
	}
	return never
}

// outageOf is why the bot does not send a message: its outage, or the failure of the message before it. nil if nothing is wrong.
func (q *botQueue) outageOf(it *item) *Failure {
	head := it.queue.head()
	switch {
	case q.outages > 0:
		return q.outage
	case head != nil && head.failures > 0:
		return head.last
	}
	return nil
}

// avoidPause handles a code that Telegram asks to hold back for long. It sends the code by a fallback, or ends it if nothing can
// send it in its lifetime, or delays it. False means that the code may be sent as usual.
func (q *botQueue) avoidPause(ctx context.Context, cq *chatQueue, it *item, now, wall time.Time) bool {
	until := later(q.pausedUntil, cq.chat.pause)
	pause := until.Sub(now)
	if it.Lane != LaneCode || q.outages > 0 || pause <= maxCodePause {
		return false
	}
	routes, at := q.openRoutes(it, now)
	switch {
	case len(routes) > 0 && q.fallbackSends < maxFallbackSends:
		q.fallbackSends++
		q.launch(ctx, cq, it, plan{skipBot: true, outage: pausedFailure(it), routes: routes})
		return true
	case len(routes) > 0:
		at = now.Add(upCheck)
	case at.IsZero() && !wall.Add(pause).Before(it.Expires):
		q.giveUp(ctx, it, q.withRouteFailures(it, pausedFailure(it)))
		return true
	case at.IsZero():
		at = until
	}
	cq.at = earlier(at, until)
	q.delayed.put(cq)
	return true
}

// scheduleFallback queues a message for the fallback.
func (q *botQueue) scheduleFallback(it *item) {
	if len(q.routes) > 0 && it.Lane.mayFallBack() && it.fallbackPos < 0 && !it.ended {
		heap.Push(&q.fallbackDue, it)
	}
}

// updateRoutes updates the routes from a result.
func (q *botQueue) updateRoutes(r result, now time.Time) {
	for _, t := range r.tries {
		rt := q.routes[t.n]
		if t.err == nil {
			rt.failures, rt.last = 0, nil
			continue
		}
		switch t.err.Class {
		case Flood:
			rt.restUntil = later(rt.restUntil, now.Add(t.err.RetryAfter))
		case Unauthorized:
			rt.restUntil = later(rt.restUntil, now.Add(tokenRetry))
		case Transient:
			rt.restUntil = later(rt.restUntil, now.Add(retryWait(rt.failures, botRetryLimit)))
			rt.failures++
		default: // concerns this message or this user only
			r.item.refusedBy = append(r.item.refusedBy, t)
			continue
		}
		rt.last = &t.err.Failure
	}
	if r.skippedBot {
		q.fallbackSends--
	}
	for _, it := range append(r.queue.overdue, r.item) {
		q.scheduleFallback(it)
	}
	r.queue.overdue = nil
}

// usefulRoutes picks the routes that may help after error e of the bot.
func (q *botQueue) usefulRoutes(ctx context.Context, m Message, e *SendError, routes []routeChoice) []routeChoice {
	now := q.d.o.Now()
	if ctx.Err() != nil || !now.Before(m.Expires) {
		return nil
	}
	switch e.Class {
	case Transient, Unauthorized:
		if !now.Before(fallbackAfter(m.Lane, m.Created, m.Expires)) {
			return routes
		}
	case Flood:
		if m.Lane == LaneCode && e.RetryAfter > maxCodePause {
			return routes
		}
	case RecipientPermanent:
		switch e.Failure.Reason {
		case ReasonNeverStarted, ReasonChatNotFound, ReasonNoRights:
			var people []routeChoice
			for _, rt := range routes {
				if rt.Person {
					people = append(people, rt)
				}
			}
			return people
		}
	}
	return nil
}

// sendByRoutes tries routes in order until one accepts the part. f is why the bot did not. Before each route the message is
// loaded again, because it may have been canceled. Lanes that send once never fall back, so attempt cannot fail here.
func (q *botQueue) sendByRoutes(ctx context.Context, m *Message, routes []routeChoice, f *Failure, r *result) {
	for n, rt := range routes {
		if n != 0 || r.err != nil {
			fresh, err := q.d.o.Store.Load(ctx, m.ID)
			if err != nil || fresh.Status.Final() || fresh.BodyErr != nil || !q.d.o.Now().Before(fresh.Expires) {
				r.ended = err == nil && fresh.Status.Final()
				return
			}
			*m = fresh
		}
		part := m.Body.Parts[m.SentParts]
		attempt, e, _ := q.attempt(ctx, rt, m, part, m.Expires, n < len(routes)-1)
		if e != nil && e.Class == Markup && len(part.Text.Entities) > 0 {
			_ = q.save(ctx, *m, StatusQueued, &e.Failure, attempt)
			part = part.unformatted()
			attempt, e, _ = q.attempt(ctx, rt, m, part, m.Expires, n < len(routes)-1)
		}
		r.tries = append(r.tries, routeTry{rt, e})
		if e == nil {
			q.logger(*m).Info("sent by the fallback", "transport", rt.Name())
			q.accept(ctx, m, rt, attempt, r)
			return
		}
		q.logger(*m).Info("the fallback failed", "transport", rt.Name(), "class", e.Class.String(), "error", e.Err)
		r.last = addRouteFailures(f, r.tries)
		_ = q.save(ctx, *m, StatusQueued, r.last, attempt) // the next route loads the message again
	}
}

// addRouteFailures adds the errors of the routes to a failure of the bot.
func addRouteFailures(f *Failure, tries []routeTry) *Failure {
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

// withRouteFailures adds to a failure of the bot why the routes could not send this message.
func (q *botQueue) withRouteFailures(it *item, f *Failure) *Failure {
	tries := slices.Clip(it.refusedBy)
	for n, rt := range q.routes {
		if rt.last != nil && it.Lane.mayFallBack() {
			tries = append(tries, routeTry{routeChoice{rt.Fallback, n}, &SendError{Failure: *rt.last}})
		}
	}
	return addRouteFailures(f, tries)
}

// fallbackHeap orders messages by when they may use a fallback.
type fallbackHeap []*item

func (h fallbackHeap) Len() int           { return len(h) }
func (h fallbackHeap) Less(i, j int) bool { return h[i].fallbackAt.Before(h[j].fallbackAt) }
func (h fallbackHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].fallbackPos, h[j].fallbackPos = i, j
}
func (h *fallbackHeap) Push(x any) { it := x.(*item); it.fallbackPos = len(*h); *h = append(*h, it) }
func (h *fallbackHeap) Pop() any {
	last := len(*h) - 1
	it := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	it.fallbackPos = -1
	return it
}
