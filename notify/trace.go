package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"telegate/delivery"
	"telegate/internal/audit"
)

// TraceQuery asks what happened around a user.
type TraceQuery struct {
	Domain, User string
	Since, Until time.Time
	Limit        int // of events; the newest are kept
}

// Trace is why a user did, or did not, get something.
type Trace struct {
	MutedUntil time.Time // zero where the user's chat is not muted, or there is none
	Events     []TraceEvent
	More       bool // there are older ones since Since
}

// TraceEvent is one thing that happened.
type TraceEvent struct {
	Time    time.Time
	Event   string // as in the audit, or "message." and the step
	ID      string // of the message, link or verification it is about; empty for a message that was refused
	Lane    delivery.Lane
	Outcome string
	Detail  string // a sentence for people
}

// Trace merges what the audit and the outbox know about a user, the oldest first. ErrUnknownDomain.
func (s *Service) Trace(ctx context.Context, q TraceQuery) (Trace, error) {
	var t Trace
	if _, ok := s.domains.Title(q.Domain); !ok {
		return t, ErrUnknownDomain
	}
	err := s.store.ViewMessages(ctx, func(tx Tx) error {
		to, err := tx.Recipient(q.Domain, q.User)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if s.now().Before(to.MutedUntil) {
			t.MutedUntil = to.MutedUntil
		}
		entries, err := tx.AuditBetween(q.Domain, q.User, q.Since, q.Until, q.Limit+1)
		if err != nil {
			return err
		}
		for _, e := range slices.Backward(entries) { // what happened at the same moment stays in its order
			t.Events = append(t.Events, entryEvent(e))
		}
		// Nothing waits for longer than MaxTTL, so whatever was under way then was accepted since then.
		messages, err := tx.MessagesBetween(q.Domain, q.User, q.Since.Add(-MaxTTL), q.Since, q.Until, q.Limit+1)
		if err != nil {
			return err
		}
		t.More = len(messages) > q.Limit
		for _, m := range slices.Backward(messages) {
			attempts, err := tx.Attempts(m.ID)
			if err != nil {
				return err
			}
			for _, moment := range moments(s.judged(m), attempts) {
				if !moment.Time.Before(q.Since) && !moment.Time.After(q.Until) {
					t.Events = append(t.Events, messageEvent(m, moment))
				}
			}
		}
		return nil
	})
	slices.SortStableFunc(t.Events, func(a, b TraceEvent) int { return a.Time.Compare(b.Time) })
	if over := len(t.Events) - q.Limit; over > 0 {
		t.Events, t.More = t.Events[over:], true
	}
	return t, err
}

// Last says what became of the last message there was.
func (t Trace) Last() string {
	for _, e := range slices.Backward(t.Events) {
		at := e.Time.UTC().Format(time.RFC3339)
		switch e.Event {
		case "message." + string(StepEnded):
			if e.Outcome == string(delivery.StatusDelivered) {
				return fmt.Sprintf("The last message that ended, %s, was delivered at %s.", e.ID, at)
			}
			return fmt.Sprintf("The last message that ended, %s, ended as %s at %s: %s", e.ID, e.Outcome, at, e.Detail)
		case string(audit.MessageRefused):
			return fmt.Sprintf("The last message was refused at %s: %s", at, e.Detail)
		}
	}
	return "No message ended in this time."
}

func entryEvent(e audit.Entry) TraceEvent {
	event := TraceEvent{Time: e.Time, Event: string(e.Event), ID: e.Subject, Outcome: e.Outcome, Detail: e.Words()}
	if e.Event == audit.MessageRefused {
		event.ID, event.Lane = "", delivery.Lane(e.Subject)
	}
	return event
}

func messageEvent(m delivery.Message, moment Moment) TraceEvent {
	event := TraceEvent{
		Time: moment.Time, Event: "message." + string(moment.Step), ID: m.ID, Lane: m.Lane, Detail: moment.Detail,
	}
	switch moment.Step {
	case StepAttempt:
		event.Outcome = moment.Attempt.Outcome
	case StepEnded:
		event.Outcome = string(moment.Status)
	}
	return event
}
