package twofa

import (
	"context"
	"errors"

	"telegate/delivery"
	"telegate/internal/audit"
)

// ErrStale: the button belongs to a sign-in that is over, or to another chat.
var ErrStale = errors.New("this button has lost its meaning")

// NotMe is the tap on "Not me" under a code: whoever is signing in knows the password but is not the user. All that is
// pending for the user is denied and no code is pushed for CoolingOff. So it is where the code has ended already, by
// wrong guesses or otherwise: the next one would come at once. Where the code has been used, the person is told so.
// ErrStale for a second tap, and KeptAfterEnd after the code.
func (s *Service) NotMe(ctx context.Context, botID, chatID int64, id string) error {
	var was Status
	err := s.store.UpdateVerifications(ctx, func(tx Tx) error {
		v, f, err := s.ofChat(ctx, tx, botID, chatID, id)
		if err != nil {
			return err
		}
		was = s.judged(v).Status
		if v.Reported || was == Denied || was == Failed || s.now().Sub(v.Created) > KeptAfterEnd {
			return ErrStale
		}
		v.Reported = true
		if was == Pending {
			err = s.end(tx, &v, Denied, "")
		} else {
			err = tx.MarkReported(v.ID)
		}
		if err != nil {
			return err
		}
		if err := s.endOthers(tx, v, Denied, ""); err != nil {
			return err
		}
		if err := s.coolOff(tx, v); err != nil {
			return err
		}
		if err := tx.Audit(s.entry(audit.VerificationDenied, v, "not_me after "+string(was))); err != nil {
			return err
		}
		title, _ := s.domains.Title(v.Domain)
		return tx.Enqueue(delivery.Message{
			ID: delivery.NewMessageID(s.now()), Domain: v.Domain, User: v.User, BotID: f.BotID, ChatID: f.ChatID,
			Lane: delivery.LaneDirect, Body: reportedText(s.domains.Words(v.Domain, v.Locale, f.Language), v.Purpose, title, was == Approved),
			Created: s.now(), Expires: s.now().Add(KeptAfterEnd),
		})
	})
	if err == nil { // said once it is stored: who reads it looks the verification up
		s.log.WarnContext(ctx, "sign-in reported as not the user's own", "verification", id, "was", was)
	}
	return err
}

// ofChat finds the verification a button names and the link its code went to. Never trust a button: a changed client
// sends any bytes it likes, so the code must have gone to the chat the tap came from.
func (s *Service) ofChat(ctx context.Context, tx Tx, botID, chatID int64, id string) (Verification, Factor, error) {
	v, err := tx.Verification(id)
	if errors.Is(err, ErrNotFound) {
		return v, Factor{}, ErrStale
	}
	if err != nil {
		return v, Factor{}, err
	}
	f, err := tx.FactorOfLink(v.LinkID)
	if errors.Is(err, ErrNotFound) {
		return v, f, ErrStale
	}
	if err == nil && (f.BotID != botID || f.ChatID != chatID) {
		s.log.WarnContext(ctx, "button of another chat refused", "verification", v.ID)
		return v, f, ErrStale
	}
	return v, f, err
}

// coolOff keeps codes from being pushed to the user for a while. It counts for the link the user has now, which need
// not be the one the reported code went to.
func (s *Service) coolOff(tx Tx, v Verification) error {
	f, err := tx.Factor(v.Domain, v.User)
	if errors.Is(err, ErrNotFound) {
		return nil // no link, no codes
	}
	if err != nil {
		return err
	}
	f.CoolingUntil = s.now().Add(CoolingOff)
	return tx.SaveFactor(f)
}

// Undeliverable notes that Telegram refuses for good to deliver a message. If it carried the code of a pending
// verification, that has failed, and the caller can offer another factor at once.
func (s *Service) Undeliverable(ctx context.Context, messageID string) error {
	return s.store.UpdateVerifications(ctx, func(tx Tx) error {
		v, err := tx.VerificationByMessage(messageID)
		if errors.Is(err, ErrNotFound) || err == nil && s.judged(v).Status != Pending {
			return nil
		}
		if err != nil {
			return err
		}
		v.Status, v.Ended, v.CodeMAC = Failed, s.now(), nil // the message is not canceled: it is about to end as failed
		if err := tx.UpdateVerification(v); err != nil {
			return err
		}
		return tx.Audit(s.entry(audit.VerificationFailed, v, ""))
	})
}
