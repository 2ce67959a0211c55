package twofa

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"telegate/internal/audit"
	"telegate/internal/secret"
)

// Settings are the configurable values of codes.
type Settings struct {
	Digits   int           // 6-8
	Lifetime time.Duration // at most MaxLifetime
}

// Service issues and checks second-factor codes.
type Service struct {
	store    Store
	domains  Domains
	key      secret.Key
	settings atomic.Pointer[Settings]
	now      func() time.Time
	log      *slog.Logger
	checks   checkLimiter
}

// New makes the service; key protects the stored codes. A lifetime over MaxLifetime and fewer than 6 digits are corrected,
// whatever the configuration says.
func New(store Store, domains Domains, key secret.Key, settings Settings, now func() time.Time, log *slog.Logger) *Service {
	s := &Service{store: store, domains: domains, key: key, now: now, log: log, checks: checkLimiter{now: now, checks: map[string]*verificationChecks{}}}
	s.SetSettings(settings)
	return s
}

// SetSettings changes the settings for new codes, within the same bounds.
func (s *Service) SetSettings(settings Settings) {
	settings.Lifetime = min(settings.Lifetime, MaxLifetime)
	settings.Digits = max(settings.Digits, 6)
	s.settings.Store(&settings)
}

// Get returns a verification with its live status. ErrNotFound.
func (s *Service) Get(ctx context.Context, id string) (Verification, error) {
	var v Verification
	err := s.store.ViewVerifications(ctx, func(tx Tx) (err error) {
		if v, err = tx.Verification(id); err != nil {
			return err
		}
		return s.setNextSend(tx, &v)
	})
	return s.withExpiry(v), err
}

// Reasons returns why the second factor cannot be used for a user now; empty if it can. ErrUnknownDomain.
func (s *Service) Reasons(ctx context.Context, domain, user string) ([]Reason, error) {
	if _, ok := s.domains.Title(domain); !ok {
		return nil, ErrUnknownDomain
	}
	var reasons []Reason
	if !s.domains.Msg2Factor(domain) {
		reasons = append(reasons, ReasonDisabled)
	}
	var f Factor
	err := s.store.ViewVerifications(ctx, func(tx Tx) (err error) {
		f, err = tx.Factor(domain, user)
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return append(reasons, ReasonNotLinked), nil
	}
	if err != nil {
		return nil, err
	}
	switch {
	case f.Blocked:
		reasons = append(reasons, ReasonBlocked)
	case f.Suspended:
		reasons = append(reasons, ReasonSuspended)
	}
	if s.now().Before(f.CoolingUntil) {
		reasons = append(reasons, ReasonCoolingOff)
	}
	if !s.domains.CanSend(f.BotID) {
		reasons = append(reasons, ReasonTransportDown)
	}
	return reasons, nil
}

// ApplyPolicy cancels the pending verifications of domains with msg2factor off, and audits each changed switch, also over
// restarts, all in one transaction with the entries also. It returns how many verifications were canceled.
func (s *Service) ApplyPolicy(ctx context.Context, domains []string, also ...audit.Entry) (canceled int, err error) {
	err = s.store.UpdateVerifications(ctx, func(tx Tx) error {
		canceled = 0
		for _, domain := range domains {
			n, err := s.applyPolicy(tx, domain)
			if err != nil {
				return err
			}
			canceled += n
		}
		for _, e := range also {
			if err := tx.Audit(e); err != nil {
				return err
			}
		}
		return nil
	})
	return canceled, err
}

func (s *Service) applyPolicy(tx Tx, domain string) (canceled int, err error) {
	policy, word := s.domains.Msg2Factor(domain), "msg2factor off"
	if policy {
		word = "msg2factor on"
	} else if canceled, err = tx.CancelPending(domain, PolicyDisabled, s.now()); err != nil {
		return 0, err
	}
	before, known, err := tx.Policy(domain)
	if err != nil {
		return 0, err
	}
	if !known || before != policy {
		if err := tx.SavePolicy(domain, policy); err != nil {
			return 0, err
		}
	}
	if known && before != policy || canceled > 0 {
		err = tx.Audit(audit.Entry{Time: s.now(), Event: audit.PolicyChanged, Domain: domain, Outcome: word})
	}
	return canceled, err
}

// usableFactor returns the user's factor if a code with this purpose may be sent to it now.
func (s *Service) usableFactor(tx Tx, domain, user string, p Purpose) (Factor, error) {
	f, err := tx.Factor(domain, user)
	if errors.Is(err, ErrNotFound) {
		return f, &UnavailableError{ReasonNotLinked}
	}
	if err != nil {
		return f, err
	}
	now := s.now()
	switch {
	case f.Blocked:
		return f, &UnavailableError{ReasonBlocked}
	case f.Suspended:
		return f, &UnavailableError{ReasonSuspended}
	case now.Before(f.CoolingUntil):
		return f, &WaitError{Kind: AfterNotMe, RetryAfter: f.CoolingUntil.Sub(now)}
	case f.closedTo(p):
		return f, &UnavailableError{ReasonFailures}
	case s.failureWait(f, p) > 0:
		return f, &WaitError{Kind: Throttled, RetryAfter: s.failureWait(f, p)}
	case !s.domains.CanSend(f.BotID):
		return f, &UnavailableError{ReasonTransportDown}
	}
	return f, nil
}

// withExpiry shows a pending verification past its time as expired. The row changes at the next write.
func (s *Service) withExpiry(v Verification) Verification {
	now := s.now()
	if v.Status == Pending && (!now.Before(v.Expires) || now.Before(v.Created.Add(-ClockSlack))) {
		v.Status = Expired
	}
	return v
}

// end is the only transition out of pending. It deletes the code.
func (s *Service) end(tx Tx, v *Verification, status Status, reason string) error {
	v.Status, v.Reason, v.Ended, v.CodeMAC = status, reason, s.now(), nil
	if err := tx.UpdateVerification(*v); err != nil {
		return err
	}
	if err := tx.CancelMessage(v.MessageID, s.now()); err != nil {
		return err
	}
	return s.warnOfWrongCodes(tx, *v)
}

func (s *Service) entry(e audit.Event, v Verification, outcome string) audit.Entry {
	return audit.Entry{
		Time: s.now(), Event: e, Domain: v.Domain, User: v.User, Subject: v.ID, Outcome: outcome, Purpose: string(v.Purpose),
		Context: v.Context,
	}
}

func (s *Service) codeMAC(v Verification, code string) []byte {
	return s.key.MAC("code", v.ID, v.Domain, v.User, string(v.Purpose), string(v.Binding), code)
}

// bindingHash is the digest of a caller's session binding; nil for none.
func bindingHash(s string) []byte {
	if s == "" {
		return nil
	}
	return secret.Hash(s)
}

// rateLimitNetwork is what an address counts as in rate limits: itself for IPv4, its /64 for IPv6, where one household has
// any number of addresses. Empty if it is no address.
func rateLimitNetwork(ip string) string {
	addr, err := parseAddress(ip)
	if err != nil {
		return ""
	}
	if addr.Is4() {
		return addr.String()
	}
	return netip.PrefixFrom(addr, 64).Masked().String()
}

// parseAddress normalizes an address: IPv4 as such, and without a zone, which may be any text.
func parseAddress(ip string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(ip)
	return addr.Unmap().WithZone(""), err
}
