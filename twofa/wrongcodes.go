package twofa

import (
	"context"
	"errors"

	"telegate/delivery"
	"telegate/internal/audit"
)

// warnOfWrongCodes tells the person that a sign-in ended without success after wrong codes: the password was right, because a
// sign-in code follows it (OWASP ASVS 6.3.5). It says nothing if a right code came since, if the person has tapped "Not me", or if the
// sign-in goes on with another code; then the end of that one tells, even if nobody enters it. The next warning of a link comes after WarnEvery at the earliest.
func (s *Service) warnOfWrongCodes(tx Tx, v Verification) error {
	ended := v.Status == Exhausted || v.Status == Expired || v.Status == Canceled && v.Reason != Superseded && v.Reason != PolicyDisabled
	if v.Purpose != Login || !ended {
		return nil
	}
	f, err := tx.FactorOfLink(v.LinkID)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	now := s.now()
	if err != nil || f.Failures == 0 || f.Blocked || now.Sub(f.Warned).Abs() < WarnEvery {
		return err
	}
	if v.Attempts == 0 {
		if wrong, err := tx.SupersededAfterWrongCodes(v.Domain, v.User, v.LinkID, f.Warned); err != nil || !wrong {
			return err
		}
	}
	f.Warned = now
	if err := tx.SaveFactor(f); err != nil {
		return err
	}
	title, _ := s.domains.Title(v.Domain)
	body := wrongCodesText(s.domains.Words(v.Domain, v.Locale, f.Language), v, title)
	err = tx.Enqueue(delivery.Message{
		ID: delivery.NewMessageID(now), Domain: v.Domain, User: v.User, BotID: f.BotID, ChatID: f.ChatID,
		Lane: delivery.LaneDirect, Body: body, Created: now, Expires: now.Add(KeptAfterEnd),
	})
	if err != nil {
		return err
	}
	return tx.Audit(s.entry(audit.VerificationWarned, v, string(v.Status)))
}

// expiredAtOnce limits one transaction of EndExpired, because every sign-in waits for the same writer.
const expiredAtOnce = 100

// EndExpired ends the pending verifications whose time is over, so that the warning about wrong codes comes by itself. Everybody
// else sees them as expired anyway.
func (s *Service) EndExpired(ctx context.Context) error {
	for {
		var expired []Verification
		list := func(tx Tx) (err error) {
			expired, err = tx.ExpiredVerifications(s.now(), expiredAtOnce)
			return err
		}
		if err := s.store.ViewVerifications(ctx, list); err != nil || len(expired) == 0 {
			return err
		}
		err := s.store.UpdateVerifications(ctx, func(tx Tx) error {
			if err := list(tx); err != nil {
				return err
			}
			for i := range expired {
				if err := s.end(tx, &expired[i], Expired, ""); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}
