package notify

import (
	"context"
	"fmt"
	"slices"
	"time"

	"telegate/delivery"
)

// Step is the kind of a history entry.
type Step string

const (
	StepAccepted   Step = "accepted"
	StepSuppressed Step = "suppressed" // repeats of its dedupe key were not sent
	StepAttempt    Step = "attempt"
	StepEnded      Step = "ended"
)

// HistoryEntry is one event in the life of a message.
type HistoryEntry struct {
	Time    time.Time
	Step    Step
	Attempt delivery.Attempt // of StepAttempt
	Repeats int              // of StepSuppressed
	Status  delivery.Status  // of StepEnded
	Reason  delivery.Reason  // of StepAttempt and StepEnded, if something failed
	Detail  string           // a sentence for people
}

// History returns a message with its live status and its history in order. ErrNotFound.
func (s *Service) History(ctx context.Context, id string) (delivery.Message, []HistoryEntry, error) {
	var m delivery.Message
	var attempts []delivery.Attempt
	err := s.store.ViewMessages(ctx, func(tx Tx) (err error) {
		if m, err = tx.Message(id); err != nil {
			return err
		}
		attempts, err = tx.Attempts(id)
		return err
	})
	m = s.withLiveStatus(m)
	return m, historyEntries(m, attempts), err
}

// historyEntries returns the history of a message in order.
func historyEntries(m delivery.Message, attempts []delivery.Attempt) []HistoryEntry {
	list := []HistoryEntry{{Time: m.Created, Step: StepAccepted, Detail: acceptedDetail(m)}}
	for i, a := range attempts {
		entry := HistoryEntry{Time: a.At, Step: StepAttempt, Attempt: a, Detail: attemptDetail(a)}
		if i > 0 && a.N > attempts[i-1].N+1 {
			entry.Detail += fmt.Sprintf(" (%d attempts before this one are not stored.)", a.N-attempts[i-1].N-1)
		}
		if a.Failure != nil {
			entry.Reason = a.Failure.Reason
		}
		list = append(list, entry)
	}
	if m.Status.Final() {
		entry := HistoryEntry{Time: m.Ended, Step: StepEnded, Status: m.Status, Detail: endedDetail(m)}
		if m.Failure != nil {
			entry.Reason = m.Failure.Reason
		}
		list = append(list, entry)
	}
	if m.Suppressed > 0 {
		list = append(list, HistoryEntry{Time: m.SuppressedAt, Step: StepSuppressed, Repeats: m.Suppressed, Detail: suppressedDetail(m)})
	}
	slices.SortStableFunc(list, func(a, b HistoryEntry) int { return a.Time.Compare(b.Time) })
	return list
}

func acceptedDetail(m delivery.Message) string {
	if m.AboutLink() {
		return fmt.Sprintf("A question or code about a link, no sign-in code: accepted in the lane %s and stored; it expires at %s.",
			m.Lane, m.Expires.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("Accepted in the lane %s and stored; it expires at %s.", m.Lane, m.Expires.UTC().Format(time.RFC3339))
}

func attemptDetail(a delivery.Attempt) string {
	what := fmt.Sprintf("Part %d", a.Part+1)
	switch a.Outcome {
	case delivery.OutcomeAccepted:
		return fmt.Sprintf("%s was accepted by Telegram within %v.", what, a.Took)
	case delivery.OutcomeUnknown:
		what += " was sent, but no answer came, so it may have arrived."
	default:
		what += " was not accepted by Telegram."
	}
	if a.Failure != nil {
		what += " " + a.Failure.Detail
	}
	return what
}

// endedDetail says how a message ended; if it was not delivered, with the next step.
func endedDetail(m delivery.Message) string {
	words := "Ended as " + string(m.Status) + "."
	switch {
	case m.Status == delivery.StatusDelivered:
		words = "Delivered: Telegram accepted all of it."
	case m.Status == delivery.StatusCanceled:
		words = "Canceled: by the caller, by a newer code, or because the user was unlinked. Nothing more of it was sent."
	case m.Failure != nil:
		words = m.Failure.Detail
	}
	if m.ResentAs != "" {
		words += " It was sent again as " + m.ResentAs + "."
	}
	return words
}

func suppressedDetail(m delivery.Message) string {
	return fmt.Sprintf("Not sent, same dedupe_key within an hour: %d repeats, the last at this time.", m.Suppressed)
}
