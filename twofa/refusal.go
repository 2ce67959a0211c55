package twofa

import (
	"context"
	"errors"
	"strings"

	"telegate/delivery"
	"telegate/internal/audit"
)

// refusalReason is why no code was sent, in the words of the audit, if that concerns the user.
func refusalReason(err error) (reason string, ok bool) {
	var unavailable *UnavailableError
	var wait *WaitError
	var progress *InProgressError
	switch {
	case errors.Is(err, ErrDisabled):
		return string(ReasonDisabled), true
	case errors.As(err, &unavailable):
		return string(unavailable.Reason), true
	case errors.As(err, &wait):
		return strings.ReplaceAll(string(wait.Kind), "-", "_"), true
	case errors.As(err, &progress):
		return "verification_in_progress", true
	}
	return "", false
}

// noteRefusal writes down that a user was sent no code. It has a transaction of its own, since the one that has refused left
// nothing behind; should it fail, the caller is told of the refusal all the same.
func (s *Service) noteRefusal(ctx context.Context, r CreateRequest, refusal error) {
	reason, ok := refusalReason(refusal)
	if !ok {
		return
	}
	e := audit.Entry{
		Time: s.now(), Event: audit.MessageRefused, Domain: r.Domain, User: r.User, Subject: string(delivery.LaneCode),
		Outcome: reason, Context: r.Context,
	}
	err := s.store.UpdateVerifications(context.WithoutCancel(ctx), func(tx Tx) error { return audit.Refuse(tx, e) })
	if err != nil {
		s.log.ErrorContext(ctx, "a refused code was not written down", "reason", reason, "error", err)
	}
}
