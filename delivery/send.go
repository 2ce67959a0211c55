package delivery

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// longTimeout limits a send that is not urgent.
const longTimeout = 30 * time.Second

// sendTimeout limits one send of a message that expires after left. After it the outcome is unknown. A code is better early
// and twice than late. If a fallback exists, a direct message must leave time for it.
func sendTimeout(lane Lane, hasRoute bool, left, behind time.Duration) time.Duration {
	timeout := longTimeout
	switch {
	case lane == LaneCode && hasRoute:
		timeout = shortTimeout
	case lane == LaneCode:
		timeout = 8 * time.Second
	case hasRoute:
		timeout = max(shortTimeout, min(longTimeout, min(left, behind)/10))
	}
	return min(timeout, left)
}

// result is the outcome of one send, for the bot queue. Without an item it is a pause that Telegram asks for, told while the send goes on,
// or, if it is zero, the end of another write.
type result struct {
	queue      *chatQueue
	item       *item
	pauseUntil time.Time  // without an item
	paused     bool       // the pause of err has been told already
	ended      bool       // the message has ended, on disk
	err        *SendError // nil if the part was accepted or nothing was sent
	moved      int64      // new id of a migrated group
	accepted   bool       // Telegram accepted the part
	readFailed bool       // the database could not be read
	skippedBot bool       // only fallbacks were tried
	tries      []routeTry // of fallback routes
	last       *Failure   // why the part was not accepted
}

// send sends one part of a message and stores the outcome. It runs in its own goroutine and changes the bot queue only
// through its result.
func (q *botQueue) send(ctx context.Context, cq *chatQueue, it *item, p plan) result {
	r := result{queue: cq, item: it, skippedBot: p.skipBot}
	store := q.d.o.Store
	m, err := store.Load(ctx, it.ID)
	switch {
	case errors.Is(err, ErrNotFound) || err == nil && m.Status.Final():
		r.ended = true // canceled meanwhile
		return r
	case err != nil:
		if ctx.Err() == nil {
			q.log.Error("cannot read the message", "message", it.ID, "error", err)
		}
		r.readFailed = true
		return r
	case m.ChatID != cq.chat.id:
		r.moved = m.ChatID // the group has migrated
		return r
	case m.Status == StatusSending && (!deduplicates(q.transport) || !q.d.o.Now().Before(m.Expires)):
		q.end(ctx, m, StatusUnknown, nil, nil) // the answer was lost, perhaps by a crash
		r.ended = true
		return r
	case !q.d.o.Now().Before(m.Expires):
		q.end(ctx, m, StatusExpired, p.expired, nil)
		r.ended = true
		return r
	case m.BodyErr != nil:
		q.logger(m).Error("cannot open the message", "error", m.BodyErr)
		f := &Failure{ReasonUnreadable,
			"The stored message could not be decrypted: the database was damaged or changed. Send the message again."}
		q.reject(ctx, m, &SendError{Class: MessagePermanent}, f, nil)
		r.ended = true
		return r
	case m.SentParts >= len(m.Body.Parts):
		q.end(ctx, m, StatusFailed, &Failure{ReasonRejected, "The message has no text. Write some."}, nil)
		r.ended = true
		return r
	}
	if p.skipBot {
		q.sendByRoutes(ctx, &m, p.routes, p.outage, &r)
		return r
	}
	part := m.Body.Parts[m.SentParts]
	if it.plainText {
		part = part.unformatted()
	}
	attempt, e, err := q.attempt(ctx, q.transport, &m, part, p.earliest, len(p.routes) > 0)
	switch {
	case errors.Is(err, ErrEnded):
		r.ended = true
		return r
	case err != nil:
		r.readFailed = true
		return r
	case e == nil:
		q.accept(ctx, &m, q.transport, attempt, &r)
		return r
	}
	if len(p.routes) > 0 && e.Unknown && attempt.Took >= shortTimeout {
		e.Network = true // Telegram hangs, so it would hang with every message: others need not find out one by one
	}
	r.err, r.last = e, &e.Failure
	if routes := q.usefulRoutes(ctx, m, e, p.routes); len(routes) > 0 {
		q.logger(m).Info("send failed; trying the fallback", "class", e.Class.String(), "unknown", e.Unknown, "error", e.Err)
		if e.Class == Flood && !e.Broadcasts { // others wait too, while the fallback works
			q.results <- result{queue: cq, pauseUntil: time.Now().Add(e.RetryAfter)}
			r.paused = true
		}
		_ = q.save(ctx, m, StatusQueued, &e.Failure, attempt) // sendByRoutes checks again
		q.sendByRoutes(ctx, &m, routes, &e.Failure, &r)
		if r.accepted || r.ended {
			return r
		}
		attempt = nil // already stored
	}
	q.failed(ctx, m, &r, attempt)
	return r
}

// attempt hands a part to a transport; the caller stores the outcome. For a lane that sends once it first stores that the
// send has begun. If that fails, it returns only the error of save.
func (q *botQueue) attempt(ctx context.Context, t Transport, m *Message, part Part, earliest time.Time, hasRoute bool) (*Attempt, *SendError, error) {
	m.Attempts++
	attempt := &Attempt{N: m.Attempts, At: q.d.o.Now(), Part: m.SentParts, Transport: t.Name()}
	if m.Lane.sendsOnce() {
		attempt.Outcome = OutcomeUnknown // stays if the process dies before the answer
		if err := q.save(ctx, *m, StatusSending, nil, attempt); err != nil {
			return nil, nil, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout(m.Lane, hasRoute, m.Expires.Sub(q.d.o.Now()), earliest.Sub(q.d.o.Now())))
	defer cancel()
	to := Recipient{BotID: q.botID, ChatID: m.ChatID, Thread: m.Body.Thread, Silent: m.Silent, Lane: m.Lane, MessageID: m.ID, Part: m.SentParts}
	err := t.Send(ctx, to, part)
	attempt.Took = max(0, q.d.o.Now().Sub(attempt.At)) // the clock may be set back
	defer func() { q.d.o.Listener.Tried(*attempt) }()
	if err == nil {
		attempt.Outcome = OutcomeAccepted
		return attempt, nil, nil
	}
	var e *SendError
	if !errors.As(err, &e) {
		e = &SendError{Class: Transient, Unknown: true, Err: err, Failure: Failure{ReasonUnreachable, "Telegram could not be reached."}}
	}
	attempt.Outcome, attempt.Failure = e.Class.String(), &e.Failure
	if e.Unknown {
		attempt.Outcome = OutcomeUnknown
	}
	return attempt, e, nil
}

// logger is the log for a message, with the request that made it.
func (q *botQueue) logger(m Message) *slog.Logger {
	log := q.log.With("message", m.ID, "lane", m.Lane)
	if m.Request != "" {
		log = log.With("request", m.Request)
	}
	return log
}

// accept stores that a transport has sent a part.
func (q *botQueue) accept(ctx context.Context, m *Message, t Transport, attempt *Attempt, r *result) {
	r.accepted = true
	m.SentParts++
	m.Transport = t.Name()
	if q.log.Enabled(ctx, slog.LevelDebug) {
		q.logger(*m).Debug("sent", "attempt", attempt.N, "part", attempt.Part, "transport", attempt.Transport, "took", attempt.Took)
	}
	if m.SentParts == len(m.Body.Parts) {
		q.end(ctx, *m, StatusDelivered, nil, attempt)
		r.ended = true
	} else {
		_ = q.save(ctx, *m, StatusQueued, nil, attempt) // Telegram has it; the next part meets the error
	}
}

// failed handles an error by its class.
func (q *botQueue) failed(ctx context.Context, m Message, r *result, attempt *Attempt) {
	e := r.err
	switch {
	case e.Unknown && m.Lane.sendsOnce() && !deduplicates(q.transport):
		q.end(ctx, m, StatusUnknown, nil, attempt)
		r.ended = true
	case e.Class == Migrated:
		r.moved = e.MigrateTo
		q.persist(ctx, func() error { return q.d.o.Store.Migrate(ctx, q.botID, m.ChatID, e.MigrateTo) })
		_ = q.save(ctx, m, StatusQueued, nil, attempt) // the next send meets the error
	case e.Class == RecipientPermanent, e.Class == MessagePermanent, e.Final && m.Lane == LaneCode && len(q.routes) == 0, e.Class == Markup && r.item.plainText:
		q.reject(ctx, m, e, r.last, attempt)
		r.ended = true
	case m.Lane.sendsOnce() && (e.Unknown || m.Status == StatusSending):
		_ = q.save(ctx, m, StatusSending, r.last, attempt) // may have arrived, so it does not end as expired
	default:
		_ = q.save(ctx, m, StatusQueued, r.last, attempt) // the next send meets the error
	}
	level := slog.LevelInfo
	if r.ended {
		level = slog.LevelWarn
	}
	q.logger(m).Log(ctx, level, "send failed", "class", e.Class.String(), "unknown", e.Unknown, "error", e.Err)
}

// reject tells the other packages of a permanent error before the message ends.
func (q *botQueue) reject(ctx context.Context, m Message, e *SendError, f *Failure, attempt *Attempt) {
	told := q.persist(ctx, func() error { return q.d.o.Listener.Failed(ctx, m, *f, e.Class == RecipientPermanent) })
	if told {
		q.end(ctx, m, StatusFailed, f, attempt)
	}
}

// end ends a message. It returns when that is on disk or the process stops. attempt is nil if nothing was sent.
func (q *botQueue) end(ctx context.Context, m Message, status Status, f *Failure, attempt *Attempt) {
	m.Ended = q.d.o.Now()
	if q.save(ctx, m, status, f, attempt) == nil {
		m.Status, m.Failure, m.Body = status, f, Body{}
		q.d.o.Listener.Ended(m)
	}
}

// save stores progress and the attempt it comes from. ErrEnded if the message has ended meanwhile; any other error means
// that the process is stopping.
func (q *botQueue) save(ctx context.Context, m Message, status Status, f *Failure, attempt *Attempt) error {
	ended := false
	written := q.persist(ctx, func() error {
		err := q.d.o.Store.SaveProgress(ctx, Progress{
			ID: m.ID, Status: status, SentParts: m.SentParts, Attempts: m.Attempts, Transport: m.Transport, Failure: f,
			Ended: m.Ended, Attempt: attempt,
		})
		if ended = errors.Is(err, ErrEnded); ended {
			return nil
		}
		return err
	})
	switch {
	case !written:
		return context.Cause(ctx)
	case ended:
		return ErrEnded
	}
	return nil
}

// persist retries until the database accepts the write: a full disk must not make an accepted message go out again. It
// returns false only when the process stops.
func (q *botQueue) persist(ctx context.Context, write func() error) bool {
	for tries := 0; ; tries++ {
		err := write()
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		if tries%60 == 0 { // now and every minute: the log may be on the same full disk
			q.log.Error("cannot read or write the outbox; retrying every second", "error", err)
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return false
		}
	}
}
