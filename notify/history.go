package notify

import (
	"context"
	"fmt"
	"slices"
	"time"

	"telegate/delivery"
)

// Step is what a moment in the life of a message is about.
type Step string

const (
	StepAccepted   Step = "accepted"
	StepSuppressed Step = "suppressed" // repeats of its dedupe key were not sent
	StepAttempt    Step = "attempt"
	StepEnded      Step = "ended"
)

// Moment is one entry in the history of a message.
type Moment struct {
	Time    time.Time
	Step    Step
	Attempt delivery.Attempt // of StepAttempt
	Repeats int              // of StepSuppressed
	Status  delivery.Status  // of StepEnded
	Reason  delivery.Reason  // of StepAttempt and StepEnded, where something failed
	Detail  string           // a sentence for people
}

// History answers a message as it stands now, and what has happened to it, in order. ErrNotFound.
func (s *Service) History(ctx context.Context, id string) (delivery.Message, []Moment, error) {
	var m delivery.Message
	var attempts []delivery.Attempt
	err := s.store.ViewMessages(ctx, func(tx Tx) (err error) {
		if m, err = tx.Message(id); err != nil {
			return err
		}
		attempts, err = tx.Attempts(id)
		return err
	})
	m = s.judged(m)
	return m, moments(m, attempts), err
}

// moments are the history of a message as judged, in order.
func moments(m delivery.Message, attempts []delivery.Attempt) []Moment {
	list := []Moment{{Time: m.Created, Step: StepAccepted, Detail: acceptedWords(m)}}
	for i, a := range attempts {
		moment := Moment{Time: a.At, Step: StepAttempt, Attempt: a, Detail: attemptWords(a)}
		if i > 0 && a.N > attempts[i-1].N+1 {
			moment.Detail += fmt.Sprintf(" (%d attempts before this one are not kept.)", a.N-attempts[i-1].N-1)
		}
		if a.Failure != nil {
			moment.Reason = a.Failure.Reason
		}
		list = append(list, moment)
	}
	if m.Status.Final() {
		moment := Moment{Time: m.Ended, Step: StepEnded, Status: m.Status, Detail: endedWords(m)}
		if m.Failure != nil {
			moment.Reason = m.Failure.Reason
		}
		list = append(list, moment)
	}
	if m.Suppressed > 0 {
		list = append(list, Moment{Time: m.SuppressedAt, Step: StepSuppressed, Repeats: m.Suppressed, Detail: suppressedWords(m)})
	}
	slices.SortStableFunc(list, func(a, b Moment) int { return a.Time.Compare(b.Time) })
	return list
}

func acceptedWords(m delivery.Message) string {
	return fmt.Sprintf("Accepted in the lane %s, on disk; worth sending until %s.", m.Lane, m.Expires.UTC().Format(time.RFC3339))
}

func attemptWords(a delivery.Attempt) string {
	what := fmt.Sprintf("Part %d", a.Part+1)
	switch a.Outcome {
	case delivery.OutcomeAccepted:
		return fmt.Sprintf("%s was accepted by Telegram within %v.", what, a.Took)
	case delivery.OutcomeUnknown:
		what += " was sent and no answer came, so it may have arrived."
	default:
		what += " was not accepted by Telegram."
	}
	if a.Failure != nil {
		what += " " + a.Failure.Detail
	}
	return what
}

// endedWords says how a message has ended; what is not delivered comes with the next step.
func endedWords(m delivery.Message) string {
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

func suppressedWords(m delivery.Message) string {
	return fmt.Sprintf("Not sent because of the same dedupe_key within an hour: %d in all, the last at this time.", m.Suppressed)
}
