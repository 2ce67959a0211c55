package twofa

import (
	"bytes"
	"context"
	"time"

	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/internal/secret"
)

// CreateRequest asks to verify a user.
type CreateRequest struct {
	Domain, User string
	Purpose      Purpose
	Binding      string // the caller's login session, opaque; required for Login (OWASP ASVS 6.6.2)
	Locale       string
	Context      audit.Context
}

// window is one limit on how often something may be created.
type window struct {
	count int
	span  time.Duration
}

// The limits on creating verifications: per user as in Authelia's one-time-code buckets, per network wider.
var (
	perUser    = []window{{3, 5 * time.Minute}, {5, 10 * time.Minute}, {15, time.Hour}, {30, 24 * time.Hour}}
	perNetwork = []window{{10, 10 * time.Minute}, {30, time.Hour}}
)

// Create starts a verification and queues its code. A pending one for the same session and purpose is superseded.
// Errors: ErrUnknownDomain, ErrDisabled, ErrBindingRequired, *UnavailableError, *WaitError, *InProgressError. A refusal that
// concerns the user is written down.
func (s *Service) Create(ctx context.Context, r CreateRequest) (Verification, error) {
	v, err := s.create(ctx, r)
	if err != nil {
		s.noteRefusal(ctx, r, err)
	}
	return v, err
}

func (s *Service) create(ctx context.Context, r CreateRequest) (Verification, error) {
	if _, ok := s.domains.Title(r.Domain); !ok {
		return Verification{}, ErrUnknownDomain
	}
	if !s.domains.Msg2Factor(r.Domain) {
		return Verification{}, ErrDisabled
	}
	if r.Purpose == Login && r.Binding == "" {
		return Verification{}, ErrBindingRequired
	}
	now := s.now()
	v := Verification{
		ID: delivery.NewID("ver"), Domain: r.Domain, User: r.User, Purpose: r.Purpose, Binding: binding(r.Binding),
		Locale: r.Locale, Status: Pending, Context: r.Context, Network: network(r.Context.IP),
		Created: now, Expires: now.Add(s.settings.Load().Lifetime),
	}
	err := s.store.UpdateVerifications(ctx, func(tx Tx) error {
		if !s.domains.Msg2Factor(r.Domain) { // it may have been turned off meanwhile, and what was pending canceled
			return ErrDisabled
		}
		f, err := s.usable(tx, r.Domain, r.User)
		if err != nil {
			return err
		}
		v.LinkID = f.LinkID
		if err := s.withinLimits(tx, v); err != nil {
			return err
		}
		if err := s.supersede(tx, v); err != nil {
			return err
		}
		msg, code := s.compose(&v, f)
		v.CodeMAC = s.codeMAC(v, code)
		if err := tx.InsertVerification(v); err != nil {
			return err
		}
		if err := tx.Enqueue(msg); err != nil {
			return err
		}
		return tx.Audit(s.entry(audit.VerificationCreated, v, string(v.Purpose)))
	})
	if err != nil {
		return Verification{}, err
	}
	return v, nil
}

// compose draws a fresh code and makes the message that carries it; v counts the send.
func (s *Service) compose(v *Verification, f Factor) (delivery.Message, string) {
	code := secret.Code(s.settings.Load().Digits)
	title, _ := s.domains.Title(v.Domain)
	msg := delivery.Message{
		ID: delivery.NewMessageID(s.now()), Domain: v.Domain, User: v.User, BotID: f.BotID, ChatID: f.ChatID,
		Lane: delivery.LaneCode, Body: codeText(s.domains.Words(v.Domain, v.Locale, f.Language), *v, f, title, code, v.Expires.Sub(s.now())),
		Created: s.now(), Expires: v.Expires,
	}
	v.Sends++
	v.MessageID, v.LastSent = msg.ID, s.now()
	v.Delivery = Delivery{Status: delivery.StatusQueued}
	return msg, code
}

// withinLimits answers a *WaitError while a limit forbids one more; of several the one that lasts longest, so that
// coming back after RetryAfter is not in vain.
func (s *Service) withinLimits(tx Tx, v Verification) error {
	var longest *WaitError
	for _, w := range perUser {
		n, oldest, err := tx.CreatedForUser(v.Domain, v.User, s.now().Add(-w.span))
		if err != nil {
			return err
		}
		longest = s.longer(longest, "user", w, n, oldest)
	}
	for _, w := range perNetwork {
		n, oldest, err := tx.CreatedFromNetwork(v.Domain, v.Network, s.now().Add(-w.span))
		if err != nil {
			return err
		}
		longest = s.longer(longest, "ip", w, n, oldest)
	}
	if longest != nil {
		return longest
	}
	return nil
}

// longer is the longer one of a wait and what a window that holds n asks for.
func (s *Service) longer(wait *WaitError, scope string, w window, n int, oldest time.Time) *WaitError {
	until := oldest.Add(w.span).Sub(s.now())
	if n < w.count || wait != nil && wait.RetryAfter >= until {
		return wait
	}
	return &WaitError{Kind: RateLimited, Scope: scope, Limit: w.count, RetryAfter: until}
}

// supersede cancels what is pending for the same session and purpose, and refuses a third session.
func (s *Service) supersede(tx Tx, v Verification) error {
	pending, err := tx.PendingVerifications(v.Domain, v.User)
	if err != nil {
		return err
	}
	var others []Verification
	for _, p := range pending {
		switch {
		case s.judged(p).Status == Expired:
			err = s.end(tx, &p, Expired, "")
		case p.Purpose == v.Purpose && bytes.Equal(p.Binding, v.Binding):
			err = s.end(tx, &p, Canceled, Superseded)
		default:
			others = append(others, p)
		}
		if err != nil {
			return err
		}
	}
	if len(others) >= MaxPending {
		return &InProgressError{ID: others[0].ID, ExpiresIn: others[0].Expires.Sub(s.now())}
	}
	return nil
}

// Resend voids the code and sends a fresh one; expiry and counters stay. Errors: ErrNotFound, ErrFinished, ErrDisabled,
// ErrSendsExhausted, *WaitError, *UnavailableError.
func (s *Service) Resend(ctx context.Context, id string) (Verification, error) {
	var v Verification
	err := s.store.UpdateVerifications(ctx, func(tx Tx) (err error) {
		if v, err = tx.Verification(id); err != nil {
			return err
		}
		if s.judged(v).Status != Pending {
			return ErrFinished
		}
		if !s.domains.Msg2Factor(v.Domain) {
			return ErrDisabled
		}
		f, err := s.usable(tx, v.Domain, v.User)
		if err != nil {
			return err
		}
		if f.LinkID != v.LinkID {
			return ErrFinished
		}
		if v.Sends >= MaxSends {
			return ErrSendsExhausted
		}
		if wait := v.LastSent.Add(cooldown(v.Sends)).Sub(s.now()); wait > 0 {
			return &WaitError{Kind: ResendTooSoon, RetryAfter: wait}
		}
		if err := tx.CancelMessage(v.MessageID, s.now()); err != nil {
			return err
		}
		msg, code := s.compose(&v, f)
		v.CodeMAC = s.codeMAC(v, code)
		if err := tx.UpdateVerification(v); err != nil {
			return err
		}
		if err := tx.Enqueue(msg); err != nil {
			return err
		}
		return tx.Audit(s.entry(audit.VerificationResent, v, ""))
	})
	if err != nil {
		return Verification{}, err
	}
	return v, nil
}

// ResendIn is how long until the code may be sent again; 0 when it may, or never will.
func (s *Service) ResendIn(v Verification) time.Duration {
	if v.Status != Pending || v.Sends >= MaxSends {
		return 0
	}
	return max(0, v.LastSent.Add(cooldown(v.Sends)).Sub(s.now()))
}

// Cancel ends a verification on the caller's word; canceling it twice is no error. Errors: ErrNotFound, ErrFinished.
func (s *Service) Cancel(ctx context.Context, id string) (Verification, error) {
	var v Verification
	err := s.store.UpdateVerifications(ctx, func(tx Tx) (err error) {
		if v, err = tx.Verification(id); err != nil || v.Status == Canceled {
			return err
		}
		if s.judged(v).Status != Pending {
			return ErrFinished
		}
		if err := s.end(tx, &v, Canceled, ByCaller); err != nil {
			return err
		}
		return tx.Audit(s.entry(audit.VerificationCanceled, v, ByCaller))
	})
	if err != nil {
		return Verification{}, err
	}
	return v, nil
}
