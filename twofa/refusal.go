package twofa

import (
	"context"
	"errors"
	"strings"

	"telegate/delivery"
	"telegate/internal/audit"
)

// refusalReason returns the audit word for why no code was sent, if the reason is the user.
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

// auditRefusal writes a refused code to the audit. It uses its own transaction, because the refusing one left nothing
// behind. If it fails, the caller still gets the refusal.
func (s *Service) auditRefusal(ctx context.Context, r CreateRequest, refusal error) {
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
		s.log.ErrorContext(ctx, "cannot write a refused code to the audit", "reason", reason, "error", err)
	}
}
