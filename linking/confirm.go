package linking

import (
	"context"

	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/internal/secret"
)

// Result is the result of a confirm code. Only ResultVerified links.
type Result string

const (
	ResultVerified        Result = "verified"
	ResultIncorrect       Result = "incorrect"
	ResultExpired         Result = "expired"
	ResultExhausted       Result = "exhausted"
	ResultNotClaimed      Result = "not_claimed" // the link was not opened and accepted yet
	ResultBindingMismatch Result = "binding_mismatch"
	ResultDenied          Result = "denied"       // "Not me"
	ResultCanceled        Result = "canceled"     // a newer link was started
	ResultAlreadyUsed     Result = "already_used" // the code was used before
)

// Confirmation is a result with the attempts left.
type Confirmation struct {
	Result            Result
	AttemptsRemaining int
}

// Confirm checks the code that the chat showed. It counts the attempt before it compares. A wrong code and another session
// cost one attempt each. ErrNotFound; *WaitError after many wrong codes, which costs no attempt.
func (s *Service) Confirm(ctx context.Context, id, code, binding string) (Confirmation, error) {
	var c Confirmation
	err := s.store.UpdateLinks(ctx, func(tx Tx) error {
		l, err := tx.Link(id)
		if err != nil {
			return err
		}
		c.Result, err = s.tryCode(ctx, tx, &l, code, binding)
		c.AttemptsRemaining = max(0, ConfirmAttempts-l.Attempts)
		return err
	})
	if err != nil {
		return Confirmation{}, err
	}
	return c, nil
}

func (s *Service) tryCode(ctx context.Context, tx Tx, l *Link, code, binding string) (Result, error) {
	if r, over := s.finalResult(*l); over {
		if r == ResultExpired && l.Status.Open() {
			return r, s.end(tx, l, Expired, "")
		}
		return r, nil
	}
	if l.ConfirmMAC == nil {
		return ResultNotClaimed, nil
	}
	if err := s.mayConfirm(tx, *l); err != nil {
		return "", err
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
		return s.failAttempt(tx, l, ResultBindingMismatch)
	}
	if !secret.Equal(l.ConfirmMAC, s.confirmMAC(*l, code)) {
		return s.failAttempt(tx, l, ResultIncorrect)
	}
	if err := s.forgetFailures(tx, *l); err != nil {
		return "", err
	}
	return ResultVerified, s.verify(tx, l)
}

// finalResult returns the result of a link that can no longer be confirmed.
func (s *Service) finalResult(l Link) (Result, bool) {
	switch s.withExpiry(l).Status {
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

// failAttempt counts a wrong code, and ends the link after its last attempt.
func (s *Service) failAttempt(tx Tx, l *Link, r Result) (Result, error) {
	if err := s.countFailure(tx, *l); err != nil {
		return "", err
	}
	if l.Attempts < ConfirmAttempts {
		return r, nil
	}
	return ResultExhausted, s.end(tx, l, Exhausted, "")
}

// verify makes the link the user's current one. It tells the chat linked before, if any, and the new chat, which can undo
// it (NIST SP 800-63B-4 §4.6).
func (s *Service) verify(tx Tx, l *Link) error {
	old, had, err := ignoreNotFound(tx.CurrentLink(l.Domain, l.User))
	if err != nil {
		return err
	}
	if had {
		reason := ReasonReplaced
		if old.ChatID == l.ChatID && old.BotID == l.BotID {
			reason = ReasonRenewed
		}
		exhausted := old.Status == Suspended && old.Reason == ReasonTooManyFailures
		if err := s.revoke(tx, &old, reason); err != nil {
			return err
		}
		if reason == ReasonRenewed && l.Method == ByCaller && !exhausted { // else a caller's word would reset the count of wrong codes
			if err := tx.CarryFailures(old.ID, l.ID); err != nil {
				return err
			}
		}
		if reason == ReasonReplaced {
			if err := s.sendTo(tx, old, delivery.LaneDirect, noticeTTL, s.texts(old).replaced()); err != nil {
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
	names, err := tx.Usernames(l.BotID, l.ChatID)
	if err != nil {
		return err
	}
	for _, name := range names { // a caller may use a username after the link has ended; by then it may belong to another account
		if err := tx.NameChat(l.Domain, name, l.BotID, l.ChatID); err != nil {
			return err
		}
	}
	if err := tx.Audit(s.entry(audit.LinkVerified, *l, string(l.Method))); err != nil {
		return err
	}
	if l.Chat.Blocked { // blocked after the code arrived: proven, but no sign-in may rely on it
		if err := s.suspend(tx, l.BotID, l.ChatID); err != nil {
			return err
		}
	}
	return s.sendTo(tx, *l, delivery.LaneDirect, noticeTTL, s.texts(*l).connected())
}
