package twofa

import (
	"context"
	"errors"

	"telegate/delivery"
	"telegate/internal/audit"
)

// ErrStale: the button belongs to an ended sign-in or to another chat.
var ErrStale = errors.New("this button no longer works")

// NotMe handles a tap on "Not me" under a code: somebody who is not the user knows the password. It denies all pending
// verifications of the user and sends no code for CoolingOff. This also holds if the code has already ended, because the
// next one would come at once. If the code was used, the user is told. ErrStale for a second tap, and after KeptAfterEnd.
func (s *Service) NotMe(ctx context.Context, botID, chatID int64, id string) error {
	var was Status
	err := s.store.UpdateVerifications(ctx, func(tx Tx) error {
		v, f, err := s.verificationOfChat(ctx, tx, botID, chatID, id)
		if err != nil {
			return err
		}
		was = s.withExpiry(v).Status
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
			Lane: delivery.LaneDirect, Body: reportedText(s.domains.Words(v.Domain, v.Locale, f.Language), v, f, title, was == Approved),
			Created: s.now(), Expires: s.now().Add(KeptAfterEnd),
		})
	})
	if err == nil { // logged after the commit, so that a reader of the log finds it
		s.log.WarnContext(ctx, "sign-in reported as not the user's own", "verification", id, "was", was)
	}
	return err
}

// verificationOfChat finds the verification of a button and the link its code went to. Never trust a button: a modified
// client sends any bytes, so the code must have gone to the chat of the tap.
func (s *Service) verificationOfChat(ctx context.Context, tx Tx, botID, chatID int64, id string) (Verification, Factor, error) {
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

// coolOff stops codes to the user for a while. It applies to the user's current link, which need not be the one that got
// the reported code.
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

// FailUndeliverable records that Telegram will never deliver a message. If it carried the code of a pending verification,
// the verification fails, and the caller can offer another factor at once.
func (s *Service) FailUndeliverable(ctx context.Context, messageID string) error {
	return s.store.UpdateVerifications(ctx, func(tx Tx) error {
		v, err := tx.VerificationByMessage(messageID)
		if errors.Is(err, ErrNotFound) || err == nil && s.withExpiry(v).Status != Pending {
			return nil
		}
		if err != nil {
			return err
		}
		v.Status, v.Ended, v.CodeMAC = Failed, s.now(), nil // the message is not canceled: it is about to fail
		if err := tx.UpdateVerification(v); err != nil {
			return err
		}
		return tx.Audit(s.entry(audit.VerificationFailed, v, ""))
	})
}
