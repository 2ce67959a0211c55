package notify

import (
	"context"
	"errors"
	"strings"

	"telegate/delivery"
	"telegate/internal/audit"
)

// refusalReasons are the errors that concern the recipient, in the words of the audit.
var refusalReasons = []struct {
	err    error
	reason string
}{
	{ErrNotLinked, "not_linked"},
	{ErrBlocked, "chat_blocked_bot"},
	{ErrSuspended, "link_suspended"},
	{ErrDisabled, "msg2factor_disabled"},
	{ErrRecipientUnknown, "recipient_unknown"},
	{ErrRecipientChanged, "recipient_changed"},
	{ErrUnproven, "recipient_unproven"},
}

// refusalReason is why a message was refused, if that concerns its recipient.
func refusalReason(err error) (reason string, ok bool) {
	var rate *RateError
	var cooling *CoolingOffError
	switch {
	case errors.As(err, &rate):
		return "rate_limited", true
	case errors.As(err, &cooling):
		return "cooling_off", true
	case waiting(err):
		return "waits_for_start", true
	}
	for _, r := range refusalReasons {
		if errors.Is(err, r.err) {
			return r.reason, true
		}
	}
	return "", false
}

// noteRefusal writes a refusal down, under the user or the handle in small letters. It has a transaction of its own, since the one
// that has refused left nothing behind; should it fail, the caller is told of the refusal all the same.
func (s *Service) noteRefusal(ctx context.Context, r Request, refusal error) {
	reason, ok := refusalReason(refusal)
	if !ok {
		return
	}
	e := audit.Entry{
		Time: s.now(), Event: audit.MessageRefused, Domain: r.Domain, User: r.User, Subject: string(r.Lane), Outcome: reason,
	}
	if e.User == "" {
		e.User = writtenHandle(r.To)
	}
	err := s.store.UpdateMessages(context.WithoutCancel(ctx), func(tx Tx) error { return audit.Refuse(tx, e) })
	if err != nil {
		s.log.ErrorContext(ctx, "a refused message was not written down", "reason", reason, "error", err)
	}
}

// writtenHandle is how a handle stands in the audit: all spellings of a username alike.
func writtenHandle(to string) string {
	if name, err := delivery.Username(to); err == nil {
		return "@" + strings.ToLower(name)
	}
	return strings.TrimSpace(to)
}
