package twofa

import (
	"context"
	"time"

	"telegate/internal/audit"
	"telegate/internal/secret"
)

// Result is the result of a check. Only ResultApproved approves the sign-in.
type Result string

const (
	ResultApproved        Result = "approved"
	ResultIncorrect       Result = "incorrect"
	ResultDenied          Result = "denied"
	ResultExhausted       Result = "exhausted"
	ResultExpired         Result = "expired"
	ResultCanceled        Result = "canceled"
	ResultAlreadyUsed     Result = "already_used"
	ResultBindingMismatch Result = "binding_mismatch"
	ResultFailed          Result = "failed"
)

// Outcome is the result of a check, with the verification after it.
type Outcome struct {
	Result       Result
	Verification Verification
}

// Approved reports whether the second factor is proven. It is true exactly once per verification.
func (o Outcome) Approved() bool { return o.Result == ResultApproved }

// AttemptsRemaining is how many attempts are left.
func (v Verification) AttemptsRemaining() int {
	if v.Status != Pending {
		return 0
	}
	return max(0, MaxAttempts-v.Attempts)
}

// Check checks a code. It first counts the attempt in one guarded statement, then compares in constant time. A wrong code
// is an outcome, not an error. Errors: ErrNotFound; *WaitError: Throttled while the link has to wait after failures, which costs no
// attempt; RateLimited after ChecksPerMinute checks of the verification. An error never approves anything.
func (s *Service) Check(ctx context.Context, id, code, session string) (Outcome, error) {
	var (
		o         Outcome
		throttled *WaitError
	)
	if err := s.checks.allow(id); err != nil {
		return Outcome{}, err
	}
	err := s.store.UpdateVerifications(ctx, func(tx Tx) error {
		v, err := tx.Verification(id)
		if err != nil {
			return err
		}
		ended := v.Status != Pending
		o.Result, throttled, err = s.tryCode(ctx, tx, &v, code, session)
		if err != nil {
			return err
		}
		if err := s.setNextSend(tx, &v); err != nil {
			return err
		}
		o.Verification = v
		if throttled != nil {
			if !s.checks.isNew(id, string(throttled.Kind)) {
				return nil
			}
			return tx.Audit(s.entry(audit.FactorThrottled, v, "check"))
		}
		if ended && !s.checks.isNew(id, string(o.Result)) {
			return nil
		}
		return tx.Audit(s.entry(audit.VerificationChecked, v, string(o.Result)))
	})
	switch {
	case err != nil:
		return Outcome{}, err
	case throttled != nil:
		return Outcome{}, throttled
	}
	return o, nil
}

func (s *Service) tryCode(ctx context.Context, tx Tx, v *Verification, code, session string) (Result, *WaitError, error) {
	if r, over := s.finalResult(*v); over {
		if r == ResultExpired && v.Status == Pending {
			return r, nil, s.end(tx, v, Expired, "")
		}
		return r, nil, nil
	}
	if !s.domains.Msg2Factor(v.Domain) {
		return ResultCanceled, nil, s.end(tx, v, Canceled, PolicyDisabled)
	}
	f, err := tx.FactorOfLink(v.LinkID)
	if err != nil {
		return "", nil, err
	}
	if f.Suspended {
		return ResultCanceled, nil, s.end(tx, v, Canceled, string(ReasonSuspended))
	}
	if f.closedTo(v.Purpose) {
		return ResultCanceled, nil, s.end(tx, v, Canceled, string(ReasonFailures))
	}
	if wait := s.failureWait(f, v.Purpose); wait > 0 {
		return "", &WaitError{Kind: Throttled, RetryAfter: wait}, nil
	}
	counted, err := tx.CountAttempt(v.ID, MaxAttempts, s.now())
	if err != nil {
		return "", nil, err
	}
	if !counted {
		return ResultExhausted, nil, s.end(tx, v, Exhausted, "")
	}
	v.Attempts++

	if !sameSession(v.Binding, bindingHash(session)) {
		s.log.WarnContext(ctx, "code from another session refused", "verification", v.ID)
		if err := tx.Audit(s.entry(audit.VerificationRefused, *v, string(ResultBindingMismatch))); err != nil {
			return "", nil, err
		}
		r, err := s.failAttempt(tx, v, f, ResultBindingMismatch)
		return r, nil, err
	}
	if !secret.Equal(v.CodeMAC, s.codeMAC(*v, code)) {
		r, err := s.failAttempt(tx, v, f, ResultIncorrect)
		return r, nil, err
	}
	f.Failures, f.WaitUntil = 0, time.Time{}
	if err := tx.SaveFactor(f); err != nil {
		return "", nil, err
	}
	return ResultApproved, nil, s.end(tx, v, Approved, "")
}

// sameSession compares session bindings: a verification created without one is checked without one.
func sameSession(want, got []byte) bool { return want == nil && got == nil || secret.Equal(want, got) }

// finalResult returns the result of a verification that can no longer be checked.
func (s *Service) finalResult(v Verification) (Result, bool) {
	switch s.withExpiry(v).Status {
	case Pending:
		return "", false
	case Approved:
		return ResultAlreadyUsed, true
	case Denied:
		return ResultDenied, true
	case Exhausted:
		return ResultExhausted, true
	case Expired:
		return ResultExpired, true
	case Failed:
		return ResultFailed, true
	default:
		return ResultCanceled, true
	}
}

// endOthers ends the user's other pending verifications.
func (s *Service) endOthers(tx Tx, v Verification, status Status, reason string) error {
	pending, err := tx.PendingVerifications(v.Domain, v.User)
	if err != nil {
		return err
	}
	for _, p := range pending {
		switch {
		case p.ID == v.ID:
		case s.withExpiry(p).Status == Expired:
			err = s.end(tx, &p, Expired, "")
		default:
			err = s.end(tx, &p, status, reason)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
