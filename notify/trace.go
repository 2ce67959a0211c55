package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"telegate/delivery"
	"telegate/internal/audit"
)

// TraceQuery asks for the events of a user.
type TraceQuery struct {
	Domain, User string
	Holders      []string // if User is a handle: the users linked to the account that has it; the trace has their events too
	Since, Until time.Time
	Limit        int // of events; the newest are returned
}

// Trace explains why a user did, or did not, get a message.
type Trace struct {
	MutedUntil time.Time // zero if the chat is not muted or there is none
	Events     []TraceEvent
	More       bool // there are older events since Since
}

// TraceEvent is one thing that happened.
type TraceEvent struct {
	Time    time.Time
	Event   string // an audit event, or "message." and the step
	ID      string // of the message, link or verification; empty for a refused message
	Lane    delivery.Lane
	Link    bool // a message of the code lane about a link, and not a code to sign in with
	Outcome string
	Detail  string // a sentence for people
}

// Trace merges the audit and the outbox of a user, oldest first. ErrUnknownDomain.
func (s *Service) Trace(ctx context.Context, q TraceQuery) (Trace, error) {
	var t Trace
	if _, ok := s.domains.Title(q.Domain); !ok {
		return t, ErrUnknownDomain
	}
	err := s.store.ViewMessages(ctx, func(tx Tx) error {
		for _, user := range append([]string{q.User}, q.Holders...) {
			if err := s.traceUser(tx, q, user, &t); err != nil {
				return err
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

// traceUser adds the events of one user.
func (s *Service) traceUser(tx Tx, q TraceQuery, user string, t *Trace) error {
	to, err := tx.Recipient(q.Domain, user)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if s.now().Before(to.MutedUntil) {
		t.MutedUntil = to.MutedUntil
	}
	entries, err := tx.AuditBetween(q.Domain, user, q.Since, q.Until, q.Limit+1)
	if err != nil {
		return err
	}
	for _, e := range slices.Backward(entries) { // events at the same time keep their order
		t.Events = append(t.Events, entryEvent(e))
	}
	// No message is open for longer than MaxTTL, so all that were open at Since were accepted after this.
	messages, err := tx.MessagesBetween(q.Domain, user, q.Since.Add(-MaxTTL), q.Since, q.Until, q.Limit+1)
	if err != nil {
		return err
	}
	t.More = t.More || len(messages) > q.Limit
	for _, m := range slices.Backward(messages) {
		attempts, err := tx.Attempts(m.ID)
		if err != nil {
			return err
		}
		for _, entry := range historyEntries(s.withLiveStatus(m), attempts) {
			if !entry.Time.Before(q.Since) && !entry.Time.After(q.Until) {
				t.Events = append(t.Events, messageEvent(m, entry))
			}
		}
	}
	return nil
}

// Last says how the last message ended.
func (t Trace) Last() string {
	for _, e := range slices.Backward(t.Events) {
		at := e.Time.UTC().Format(time.RFC3339)
		switch e.Event {
		case "message." + string(StepEnded):
			if e.Outcome == string(delivery.StatusDelivered) {
				return fmt.Sprintf("The last message that ended, %s, was delivered at %s.", e.ID, at)
			}
			return fmt.Sprintf("The last message that ended, %s, ended as %s at %s: %s", e.ID, e.Outcome, at, e.Detail)
		case string(audit.CodeReleased):
			return fmt.Sprintf("The last code, %s, waited until the person pressed Start, and went out at %s.", e.ID, at)
		case string(audit.MessageRefused):
			return fmt.Sprintf("The last message was refused at %s: %s", at, e.Detail)
		}
	}
	return "No message ended in this time."
}

// HolderSentence says which users are linked to the account that has the handle of a query.
func HolderSentence(q TraceQuery) string {
	switch len(q.Holders) {
	case 0:
		return fmt.Sprintf("No user of this domain is linked to a Telegram account with the handle %s.", q.User)
	case 1:
		return fmt.Sprintf("%s is the handle of the Telegram account of %s.", q.User, q.Holders[0])
	default:
		return fmt.Sprintf("%s is the handle of the Telegram account of %s. What follows is about the first; the events are about all.",
			q.User, strings.Join(q.Holders, ", "))
	}
}

func entryEvent(e audit.Entry) TraceEvent {
	event := TraceEvent{Time: e.Time, Event: string(e.Event), ID: e.Subject, Outcome: e.Outcome, Detail: e.Words()}
	if e.Event == audit.MessageRefused {
		event.ID, event.Lane = "", delivery.Lane(e.Subject)
	}
	return event
}

func messageEvent(m delivery.Message, entry HistoryEntry) TraceEvent {
	event := TraceEvent{
		Time: entry.Time, Event: "message." + string(entry.Step), ID: m.ID, Lane: m.Lane, Link: m.AboutLink(), Detail: entry.Detail,
	}
	switch entry.Step {
	case StepAttempt:
		event.Outcome = entry.Attempt.Outcome
	case StepEnded:
		event.Outcome = string(entry.Status)
	}
	return event
}
