package delivery

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// longTimeout bounds a send that nothing hurries.
const longTimeout = 30 * time.Second

// sendTimeout bounds one send of a message that has so much time left; after it the outcome is unknown. A code is worth more
// early and twice than late. Where there is another way to try, a direct message's send must leave time for that.
func sendTimeout(lane Lane, otherWay bool, left time.Duration) time.Duration {
	timeout := longTimeout
	switch {
	case lane == LaneCode && otherWay:
		timeout = shortTimeout
	case lane == LaneCode:
		timeout = 8 * time.Second
	case otherWay:
		timeout = max(shortTimeout, min(longTimeout, left/10))
	}
	return min(timeout, left)
}

// result is what one send has come to, told to the line. The zero result says that something has been written.
type result struct {
	slot  *slot
	item  *item
	ended bool       // the message is over, on disk
	err   *SendError // nil: the part was taken, or there was nothing to send
	moved int64      // the chat's new id, where a group has migrated
	taken bool       // Telegram took the part
	disk  bool       // the database could not be read
	other bool       // the bot was left out
	tries []tried    // of other ways
	last  *Failure   // the part was not taken: why, in words
}

// send brings one part of a message to Telegram and writes down what came of it. It runs beside the line and touches
// nothing of it but through its result.
func (l *line) send(ctx context.Context, s *slot, it *item, p plan) result {
	r := result{slot: s, item: it, other: p.other}
	store := l.d.o.Store
	m, err := store.Load(ctx, it.ID)
	switch {
	case errors.Is(err, ErrNotFound) || err == nil && m.Status.Final():
		r.ended = true // canceled meanwhile
		return r
	case err != nil:
		if ctx.Err() == nil {
			l.log.Error("read message", "message", it.ID, "error", err)
		}
		r.disk = true
		return r
	case m.ChatID != s.chat.id:
		r.moved = m.ChatID // the group has migrated meanwhile
		return r
	case m.Status == StatusSending:
		l.finish(ctx, m, StatusUnknown, nil) // a crash has lost the answer
		r.ended = true
		return r
	case !l.d.o.Now().Before(m.Expires):
		l.finish(ctx, m, StatusExpired, p.late)
		r.ended = true
		return r
	case m.BodyErr != nil:
		l.about(m).Error("message cannot be opened", "error", m.BodyErr)
		f := &Failure{ReasonUnreadable,
			"What the outbox kept of the message could not be opened: the database was damaged or changed. Send the message again."}
		l.refused(ctx, m, &SendError{Class: MessagePermanent}, f, nil)
		r.ended = true
		return r
	case m.SentParts >= len(m.Body.Parts):
		l.finish(ctx, m, StatusFailed, &Failure{ReasonRejected, "The message has no text. Write some."})
		r.ended = true
		return r
	}
	if p.other {
		l.fall(ctx, &m, p.ways, p.trouble, &r)
		return r
	}
	part := m.Body.Parts[m.SentParts]
	if it.plain {
		part.Text.Entities = nil
	}
	try, e, err := l.attempt(ctx, l.transport, &m, part, len(p.ways) > 0)
	switch {
	case errors.Is(err, ErrEnded):
		r.ended = true
		return r
	case err != nil:
		r.disk = true
		return r
	case e == nil:
		l.took(ctx, &m, l.transport, try, &r)
		return r
	}
	if len(p.ways) > 0 && e.Unknown && try.Took >= shortTimeout {
		e.Network = true // it hangs, and would with every message: others need not find that out one by one
	}
	r.err, r.last = e, &e.Failure
	if ways := l.helping(ctx, m, e, p.ways); len(ways) > 0 {
		l.about(m).Info("send failed; trying the fallback", "class", e.Class.String(), "unknown", e.Unknown, "error", e.Err)
		_ = l.save(ctx, m, StatusQueued, &e.Failure, try) // fall finds out
		l.fall(ctx, &m, ways, &e.Failure, &r)
		if r.taken || r.ended {
			return r
		}
		try = nil // it is written down
	}
	l.failed(ctx, m, &r, try)
	return r
}

// attempt hands a part to a transport. What it answers is for the caller to write down; of a message that must not be
// sent twice it writes down before that it is being sent, and where that fails it answers only the error of save.
func (l *line) attempt(ctx context.Context, t Transport, m *Message, part Part, otherWay bool) (*Attempt, *SendError, error) {
	m.Attempts++
	try := &Attempt{N: m.Attempts, At: l.d.o.Now(), Part: m.SentParts, Transport: t.Name()}
	if m.Lane.sendsOnce() {
		try.Outcome = OutcomeUnknown // as it stays should the process die before the answer
		if err := l.save(ctx, *m, StatusSending, nil, try); err != nil {
			return nil, nil, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout(m.Lane, otherWay, m.Expires.Sub(l.d.o.Now())))
	defer cancel()
	to := Recipient{BotID: l.botID, ChatID: m.ChatID, Silent: m.Silent, Lane: m.Lane, MessageID: m.ID, Part: m.SentParts}
	err := t.Send(ctx, to, part)
	try.Took = max(0, l.d.o.Now().Sub(try.At)) // a clock may be set back
	defer func() { l.d.o.Listener.Tried(*try) }()
	if err == nil {
		try.Outcome = OutcomeAccepted
		return try, nil, nil
	}
	var e *SendError
	if !errors.As(err, &e) {
		e = &SendError{Class: Transient, Unknown: true, Err: err, Failure: Failure{ReasonUnreachable, "Telegram could not be reached."}}
	}
	try.Outcome, try.Failure = e.Class.String(), &e.Failure
	if e.Unknown {
		try.Outcome = OutcomeUnknown
	}
	return try, e, nil
}

// about is the log for what concerns a message, with the request that made it.
func (l *line) about(m Message) *slog.Logger {
	log := l.log.With("message", m.ID, "lane", m.Lane)
	if m.Request != "" {
		log = log.With("request", m.Request)
	}
	return log
}

// took writes down that a transport has taken a part.
func (l *line) took(ctx context.Context, m *Message, t Transport, try *Attempt, r *result) {
	r.taken = true
	m.SentParts++
	m.Transport = t.Name()
	if l.log.Enabled(ctx, slog.LevelDebug) {
		l.about(*m).Debug("sent", "attempt", try.N, "part", try.Part, "transport", try.Transport, "took", try.Took)
	}
	if m.SentParts == len(m.Body.Parts) {
		l.end(ctx, *m, StatusDelivered, nil, try)
		r.ended = true
	} else {
		_ = l.save(ctx, *m, StatusQueued, nil, try) // Telegram has it; the next part finds out what is wrong
	}
}

// failed decides by the class of trouble what becomes of the message.
func (l *line) failed(ctx context.Context, m Message, r *result, try *Attempt) {
	e := r.err
	switch {
	case e.Unknown && m.Lane.sendsOnce():
		l.end(ctx, m, StatusUnknown, nil, try)
		r.ended = true
	case e.Class == Migrated:
		r.moved = e.MigrateTo
		l.persist(ctx, func() error { return l.d.o.Store.Migrate(ctx, l.botID, m.ChatID, e.MigrateTo) })
		_ = l.save(ctx, m, StatusQueued, nil, try) // the next send finds out
	case e.Class == RecipientPermanent, e.Class == MessagePermanent, e.Class == Markup && r.item.plain:
		l.refused(ctx, m, e, r.last, try)
		r.ended = true
	default:
		_ = l.save(ctx, m, StatusQueued, r.last, try) // the next send finds out
	}
	level := slog.LevelInfo
	if r.ended {
		level = slog.LevelWarn
	}
	l.about(m).Log(ctx, level, "send failed", "class", e.Class.String(), "unknown", e.Unknown, "error", e.Err)
}

// refused tells the other rooms of a final refusal before it becomes final. f is what to say of it.
func (l *line) refused(ctx context.Context, m Message, e *SendError, f *Failure, try *Attempt) {
	told := l.persist(ctx, func() error { return l.d.o.Listener.Failed(ctx, m, *f, e.Class == RecipientPermanent) })
	if told {
		l.end(ctx, m, StatusFailed, f, try)
	}
}

// finish ends a message without having sent anything of it just now.
func (l *line) finish(ctx context.Context, m Message, status Status, f *Failure) {
	l.end(ctx, m, status, f, nil)
}

// end ends a message; it returns when that is on disk, or the process is about to stop.
func (l *line) end(ctx context.Context, m Message, status Status, f *Failure, try *Attempt) {
	m.Ended = l.d.o.Now()
	if l.save(ctx, m, status, f, try) == nil {
		m.Status, m.Failure, m.Body = status, f, Body{}
		l.d.o.Listener.Ended(m)
	}
}

// save writes progress down, and the send it comes from. ErrEnded where the message has ended meanwhile; any other error
// says that the process stops before it could be written.
func (l *line) save(ctx context.Context, m Message, status Status, f *Failure, try *Attempt) error {
	over := false
	written := l.persist(ctx, func() error {
		err := l.d.o.Store.SaveProgress(ctx, Progress{
			ID: m.ID, Status: status, SentParts: m.SentParts, Attempts: m.Attempts, Transport: m.Transport, Failure: f,
			Ended: m.Ended, Attempt: try,
		})
		if over = errors.Is(err, ErrEnded); over {
			return nil
		}
		return err
	})
	switch {
	case !written:
		return context.Cause(ctx)
	case over:
		return ErrEnded
	}
	return nil
}

// persist tries until the database has done it: what Telegram has taken must not be sent again only because the disk
// was full. It gives up, with false, only when the process stops.
func (l *line) persist(ctx context.Context, write func() error) bool {
	for tries := 0; ; tries++ {
		err := write()
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		if tries%60 == 0 { // now and each minute: the log may be on the same full disk
			l.log.Error("the outbox cannot be read or written; trying again each second", "error", err)
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return false
		}
	}
}
