package twofa

import (
	"context"
	"errors"

	"telegate/audit"
	"telegate/delivery"
)

// ErrStale: the button belongs to a sign-in that is over, or to another chat.
var ErrStale = errors.New("this button has lost its meaning")

// NotMe is the tap on "Not me" under a code: whoever is signing in knows the password but is not the user. The
// verification and all others pending for the user are denied and no code is pushed for CoolingOff. Where the code has
// been used already, the report is kept and the person is told so. ErrStale when there is nothing to deny.
func (s *Service) NotMe(ctx context.Context, botID, chatID int64, id string) error {
	return s.store.UpdateVerifications(ctx, func(tx Tx) error {
		v, err := tx.Verification(id)
		if errors.Is(err, ErrNotFound) {
			return ErrStale
		}
		if err != nil {
			return err
		}
		f, err := tx.FactorOfLink(v.LinkID)
		if errors.Is(err, ErrNotFound) || err == nil && (f.BotID != botID || f.ChatID != chatID) {
			return ErrStale
		}
		if err != nil {
			return err
		}
		status := s.judged(v).Status
		if status != Pending && status != Approved || v.Reported {
			return ErrStale
		}
		v.Reported = true
		if status == Pending {
			err = s.endAll(tx, &v, Denied, "")
		} else {
			err = tx.MarkReported(v.ID)
		}
		if err != nil {
			return err
		}
		f.CoolingUntil = s.now().Add(CoolingOff)
		if err := tx.SaveFactor(f); err != nil {
			return err
		}
		if err := tx.Audit(s.entry(audit.VerificationDenied, v, "not_me after "+string(status))); err != nil {
			return err
		}
		s.log.WarnContext(ctx, "sign-in reported as not the user's own", "verification", v.ID, "was", status)
		title, _ := s.domains.Title(v.Domain)
		return tx.Enqueue(delivery.Message{
			ID: delivery.NewID("msg"), Domain: v.Domain, User: v.User, BotID: f.BotID, ChatID: f.ChatID,
			Lane: delivery.LaneDirect, Body: reportedText(title, status == Approved),
			Created: s.now(), Expires: s.now().Add(KeptAfterEnd),
		})
	})
}

// Undeliverable notes that Telegram refuses for good to deliver a message. If it carried the code of a pending
// verification, that has failed, and the caller can offer another factor at once.
func (s *Service) Undeliverable(ctx context.Context, messageID string) error {
	return s.store.UpdateVerifications(ctx, func(tx Tx) error {
		v, err := tx.VerificationByMessage(messageID)
		if errors.Is(err, ErrNotFound) || err == nil && v.Status != Pending {
			return nil
		}
		if err != nil {
			return err
		}
		v.Status, v.Ended, v.CodeMAC = Failed, s.now(), nil
		if err := tx.UpdateVerification(v); err != nil {
			return err
		}
		return tx.Audit(s.entry(audit.VerificationFailed, v, ""))
	})
}
