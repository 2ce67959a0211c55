package linking

import (
	"context"

	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/internal/secret"
)

// Result is the answer to a confirm code. Only ResultVerified links.
type Result string

const (
	ResultVerified        Result = "verified"
	ResultIncorrect       Result = "incorrect"
	ResultExpired         Result = "expired"
	ResultExhausted       Result = "exhausted"
	ResultNotClaimed      Result = "not_claimed" // nobody has opened the link and tapped "Link" yet
	ResultBindingMismatch Result = "binding_mismatch"
	ResultDenied          Result = "denied"       // "Not me"
	ResultCanceled        Result = "canceled"     // a newer link was started
	ResultAlreadyUsed     Result = "already_used" // the code has linked before
)

// Confirmation is the result with the attempts that are left.
type Confirmation struct {
	Result            Result
	AttemptsRemaining int
}

// Confirm tries the code that was shown in the chat. The attempt is counted before the comparison; a wrong code and a
// foreign session cost one each. ErrNotFound where there is no such link.
func (s *Service) Confirm(ctx context.Context, id, code, binding string) (Confirmation, error) {
	var c Confirmation
	err := s.store.UpdateLinks(ctx, func(tx Tx) error {
		l, err := tx.Link(id)
		if err != nil {
			return err
		}
		c.Result, err = s.try(ctx, tx, &l, code, binding)
		c.AttemptsRemaining = max(0, ConfirmAttempts-l.Attempts)
		return err
	})
	if err != nil {
		return Confirmation{}, err
	}
	return c, nil
}

func (s *Service) try(ctx context.Context, tx Tx, l *Link, code, binding string) (Result, error) {
	if r, over := s.over(*l); over {
		if r == ResultExpired && l.Status.Open() {
			return r, s.end(tx, l, Expired, "")
		}
		return r, nil
	}
	if l.ConfirmMAC == nil {
		return ResultNotClaimed, nil
	}
	counted, err := tx.CountConfirmAttempt(l.ID, ConfirmAttempts)
	if err != nil {
		return "", err
	}
	if !counted {
		return ResultExhausted, s.end(tx, l, Exhausted, "")
	}
	l.Attempts++

	if l.Binding != nil && !secret.Equal(l.Binding, secret.Hash(binding)) {
		s.log.WarnContext(ctx, "confirm code from another session refused", "link", l.ID)
		if err := tx.Audit(s.entry(audit.LinkRefused, *l, string(ResultBindingMismatch))); err != nil {
			return "", err
		}
		return s.wrong(tx, l, ResultBindingMismatch)
	}
	if !secret.Equal(l.ConfirmMAC, s.confirmMAC(*l, code)) {
		return s.wrong(tx, l, ResultIncorrect)
	}
	return ResultVerified, s.verify(tx, l)
}

// over tells how a link that cannot be confirmed any more has ended.
func (s *Service) over(l Link) (Result, bool) {
	switch s.judged(l).Status {
	case Pending, Claimed:
		return "", false
	case Expired:
		return ResultExpired, true
	case Exhausted:
		return ResultExhausted, true
	case Denied:
		return ResultDenied, true
	case Canceled:
		return ResultCanceled, true
	default:
		return ResultAlreadyUsed, true
	}
}

// wrong ends the link with its last attempt.
func (s *Service) wrong(tx Tx, l *Link, r Result) (Result, error) {
	if l.Attempts < ConfirmAttempts {
		return r, nil
	}
	return ResultExhausted, s.end(tx, l, Exhausted, "")
}

// verify makes the link the user's own. The chat that was linked before, if any, is told, and so is the new one, with a
// way to undo it (NIST SP 800-63B-4 §4.6).
func (s *Service) verify(tx Tx, l *Link) error {
	old, had, err := absent(tx.CurrentLink(l.Domain, l.User))
	if err != nil {
		return err
	}
	if had {
		reason := ReasonReplaced
		if old.ChatID == l.ChatID && old.BotID == l.BotID {
			reason = ReasonRenewed
		}
		if err := s.revoke(tx, &old, reason); err != nil {
			return err
		}
		if reason == ReasonReplaced {
			if err := s.tell(tx, old, delivery.LaneDirect, noticeTTL, s.voice(old).replaced()); err != nil {
				return err
			}
		}
	}
	l.Status, l.Verified, l.ConfirmMAC = Verified, s.now(), nil
	if err := tx.UpdateLink(*l); err != nil {
		return err
	}
	if err := tx.DeleteInvitation(l.Domain, l.User); err != nil {
		return err
	}
	if l.Chat.Username != "" { // a caller may address the person by it once the link has ended; the name may be somebody else's by then
		if err := tx.NameChat(l.Domain, l.Chat.Username, l.BotID, l.ChatID); err != nil {
			return err
		}
	}
	if err := tx.Audit(s.entry(audit.LinkVerified, *l, string(l.Method))); err != nil {
		return err
	}
	if l.Chat.Blocked { // after the code had arrived: proven, but no sign-in may count on it (F18)
		if err := s.suspend(tx, l.BotID, l.ChatID); err != nil {
			return err
		}
	}
	return s.tell(tx, *l, delivery.LaneDirect, noticeTTL, s.voice(*l).connected())
}
