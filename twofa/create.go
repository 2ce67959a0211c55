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

// createLimit limits how often something may be created.
type createLimit struct {
	count int
	span  time.Duration
}

// Limits on new verifications of one purpose: per user as in Authelia's one-time-code buckets, per network more. Each purpose
// has its own, so that nobody stops a sign-in by asking for recovery codes, which take no password.
var (
	perUser    = []createLimit{{3, 5 * time.Minute}, {5, 10 * time.Minute}, {15, time.Hour}, {30, 24 * time.Hour}}
	perNetwork = []createLimit{{10, 10 * time.Minute}, {30, time.Hour}}
)

// Create creates a verification and queues its code. It supersedes a pending one for the same session and purpose. Errors:
// ErrUnknownDomain, ErrDisabled, ErrBindingRequired, *UnavailableError, *WaitError, *InProgressError. A refusal that
// concerns the user is audited.
func (s *Service) Create(ctx context.Context, r CreateRequest) (Verification, error) {
	v, err := s.create(ctx, r)
	if err != nil {
		s.auditRefusal(ctx, r, err)
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
		ID: delivery.NewID("ver"), Domain: r.Domain, User: r.User, Purpose: r.Purpose, Binding: bindingHash(r.Binding),
		Locale: r.Locale, Status: Pending, Context: r.Context, Network: rateLimitNetwork(r.Context.IP),
		Created: now, Expires: now.Add(s.settings.Load().Lifetime),
	}
	err := s.store.UpdateVerifications(ctx, func(tx Tx) error {
		if !s.domains.Msg2Factor(r.Domain) { // it may have been turned off since, with pending ones canceled
			return ErrDisabled
		}
		f, err := s.usableFactor(tx, r.Domain, r.User, r.Purpose)
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
		if err := s.setNextSend(tx, &v); err != nil {
			return err
		}
		return tx.Audit(s.entry(audit.VerificationCreated, v, string(v.Purpose)))
	})
	if err != nil {
		return Verification{}, err
	}
	return v, nil
}

// compose makes a new code and its message, and counts the send in v.
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

// withinLimits returns a *WaitError if a limit is reached; of several, the longest, so that a retry after RetryAfter
// succeeds.
func (s *Service) withinLimits(tx Tx, v Verification) error {
	var longest *WaitError
	for _, w := range perUser {
		n, oldest, err := tx.CreatedForUser(v.Domain, v.User, v.Purpose, s.now().Add(-w.span))
		if err != nil {
			return err
		}
		longest = s.longerWait(longest, "user", w, n, oldest)
	}
	for _, w := range perNetwork {
		n, oldest, err := tx.CreatedFromNetwork(v.Domain, v.Network, v.Purpose, s.now().Add(-w.span))
		if err != nil {
			return err
		}
		longest = s.longerWait(longest, "ip", w, n, oldest)
	}
	if err := s.setNextSend(tx, &v); err != nil {
		return err
	}
	if pause := v.NextSend.Sub(s.now()); pause > 0 && (longest == nil || pause > longest.RetryAfter) {
		longest = unanswered(pause)
	}
	if longest != nil {
		return longest
	}
	return nil
}

// longerWait is the longer of wait and what a limit with n entries requires.
func (s *Service) longerWait(wait *WaitError, scope string, w createLimit, n int, oldest time.Time) *WaitError {
	until := oldest.Add(w.span).Sub(s.now())
	if n < w.count || wait != nil && wait.RetryAfter >= until {
		return wait
	}
	return &WaitError{Kind: RateLimited, Scope: scope, Limit: w.count, RetryAfter: until}
}

// supersede cancels a pending verification of the same session and purpose, and refuses a third session of the purpose.
func (s *Service) supersede(tx Tx, v Verification) error {
	pending, err := tx.PendingVerifications(v.Domain, v.User)
	if err != nil {
		return err
	}
	var others []Verification
	for _, p := range pending {
		switch {
		case s.withExpiry(p).Status == Expired:
			err = s.end(tx, &p, Expired, "")
		case p.Purpose != v.Purpose: // it has slots of its own
		case bytes.Equal(p.Binding, v.Binding):
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

// Resend replaces the code and sends the new one; expiry and counters stay. Errors: ErrNotFound, ErrFinished, ErrDisabled,
// ErrSendsExhausted, *WaitError, *UnavailableError.
func (s *Service) Resend(ctx context.Context, id string) (Verification, error) {
	var v Verification
	err := s.store.UpdateVerifications(ctx, func(tx Tx) (err error) {
		if v, err = tx.Verification(id); err != nil {
			return err
		}
		if s.withExpiry(v).Status != Pending {
			return ErrFinished
		}
		if !s.domains.Msg2Factor(v.Domain) {
			return ErrDisabled
		}
		f, err := s.usableFactor(tx, v.Domain, v.User, v.Purpose)
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
		if err := s.setNextSend(tx, &v); err != nil {
			return err
		}
		if pause := v.NextSend.Sub(s.now()); pause > 0 {
			return unanswered(pause)
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
		if err := s.setNextSend(tx, &v); err != nil {
			return err
		}
		return tx.Audit(s.entry(audit.VerificationResent, v, ""))
	})
	if err != nil {
		return Verification{}, err
	}
	return v, nil
}

// ResendIn is the time until the code may be sent again; 0 if now or never.
func (s *Service) ResendIn(v Verification) time.Duration {
	if v.Status != Pending || v.Sends >= MaxSends {
		return 0
	}
	return max(0, v.LastSent.Add(cooldown(v.Sends)).Sub(s.now()), v.NextSend.Sub(s.now()))
}

// Cancel cancels a verification for the caller; a second cancel is no error. Errors: ErrNotFound, ErrFinished.
func (s *Service) Cancel(ctx context.Context, id string) (Verification, error) {
	var v Verification
	err := s.store.UpdateVerifications(ctx, func(tx Tx) (err error) {
		if v, err = tx.Verification(id); err != nil || v.Status == Canceled {
			return err
		}
		if s.withExpiry(v).Status != Pending {
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
