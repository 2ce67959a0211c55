package notify

import (
	"context"
	"errors"
	"strings"

	"telegate/delivery"
	"telegate/internal/audit"
)

// refusalReasons are the errors about the recipient, with their audit words.
var refusalReasons = []struct {
	err    error
	reason string
}{
	{ErrNotLinked, "not_linked"},
	{ErrBlocked, "chat_blocked_bot"},
	{ErrSuspended, "link_suspended"},
	{ErrDisabled, "msg2factor_disabled"},
	{ErrRecipientUnknown, "recipient_unknown"},
	{ErrNeedsBot, "needs_bot"},
	{ErrRecipientChanged, "recipient_changed"},
	{ErrUnproven, "recipient_unproven"},
}

// refusalReason returns why a message was refused, if the reason is its recipient.
func refusalReason(err error) (reason string, ok bool) {
	var rate *RateError
	var cooling *CoolingOffError
	switch {
	case errors.As(err, &rate):
		return "rate_limited", true
	case errors.As(err, &cooling):
		return "cooling_off", true
	case isWaiting(err):
		return "waits_for_start", true
	}
	for _, r := range refusalReasons {
		if errors.Is(err, r.err) {
			return r.reason, true
		}
	}
	return "", false
}

// auditRefusal writes a refusal to the audit, under the user or the lower-case handle. It uses its own transaction, because
// the refusing one left nothing behind. If it fails, the caller still gets the refusal.
func (s *Service) auditRefusal(ctx context.Context, r Request, refusal error) {
	reason, ok := refusalReason(refusal)
	if !ok {
		return
	}
	e := audit.Entry{
		Time: s.now(), Event: audit.MessageRefused, Domain: r.Domain, User: r.User, Subject: string(r.Lane), Outcome: reason,
	}
	if e.User == "" {
		e.User = auditHandle(r.To)
	}
	err := s.store.UpdateMessages(context.WithoutCancel(ctx), func(tx Tx) error { return audit.Refuse(tx, e) })
	if err != nil {
		s.log.ErrorContext(ctx, "cannot write a refused message to the audit", "reason", reason, "error", err)
	}
}

// auditHandle is the form of a handle in the audit: all spellings of a username become one.
func auditHandle(to string) string {
	if name, err := delivery.Username(to); err == nil {
		return "@" + strings.ToLower(name)
	}
	return strings.TrimSpace(to)
}
