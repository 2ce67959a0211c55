package twofa

import (
	"bytes"
	"context"
	"time"

	"telegate/internal/audit"
	"telegate/internal/secret"
)

// Result is the answer to a check. Only ResultApproved lets anybody in.
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

// Outcome is a check's result with the verification as it stands after it.
type Outcome struct {
	Result       Result
	Verification Verification
}

// Approved tells that the second factor is proven. It is true exactly once for a verification.
func (o Outcome) Approved() bool { return o.Result == ResultApproved }

// AttemptsRemaining is how many codes may still be tried.
func (v Verification) AttemptsRemaining() int {
	if v.Status != Pending {
		return 0
	}
	return max(0, MaxAttempts-v.Attempts)
}

// Check tries a code. The attempt is counted first, in one guarded statement, and compared second, in constant time. A
// wrong code is an outcome, not an error. Errors: ErrNotFound; *WaitError (Throttled) while the link waits off its
// failures, which costs no attempt. On any error nothing is approved.
func (s *Service) Check(ctx context.Context, id, code, session string) (Outcome, error) {
	var (
		o         Outcome
		throttled *WaitError
	)
	err := s.store.UpdateVerifications(ctx, func(tx Tx) error {
		v, err := tx.Verification(id)
		if err != nil {
			return err
		}
		o.Result, throttled, err = s.try(ctx, tx, &v, code, session)
		if err != nil {
			return err
		}
		o.Verification = v
		if throttled != nil {
			return tx.Audit(s.entry(audit.FactorThrottled, v, "check"))
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

func (s *Service) try(ctx context.Context, tx Tx, v *Verification, code, session string) (Result, *WaitError, error) {
	if r, over := s.over(*v); over {
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
	if wait := f.WaitUntil.Sub(s.now()); wait > 0 {
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

	if !sameSession(v.Binding, binding(session)) {
		s.log.WarnContext(ctx, "code from another session refused", "verification", v.ID)
		if err := tx.Audit(s.entry(audit.VerificationRefused, *v, string(ResultBindingMismatch))); err != nil {
			return "", nil, err
		}
		r, err := s.wrong(tx, v, f, ResultBindingMismatch)
		return r, nil, err
	}
	if !secret.Equal(v.CodeMAC, s.codeMAC(*v, code)) {
		r, err := s.wrong(tx, v, f, ResultIncorrect)
		return r, nil, err
	}
	f.Failures, f.WaitUntil = 0, time.Time{}
	if err := tx.SaveFactor(f); err != nil {
		return "", nil, err
	}
	return ResultApproved, nil, s.end(tx, v, Approved, "")
}

// sameSession: one that was created without a binding is checked without one.
func sameSession(want, got []byte) bool {
	if want == nil || got == nil {
		return bytes.Equal(want, got)
	}
	return secret.Equal(want, got)
}

// over tells how a verification that cannot be checked any more has ended.
func (s *Service) over(v Verification) (Result, bool) {
	switch s.judged(v).Status {
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

// wrong counts a failure against the link, which no new code resets, and ends the verification with its last attempt.
func (s *Service) wrong(tx Tx, v *Verification, f Factor, r Result) (Result, error) {
	f.Failures++
	switch {
	case f.Failures >= SuspendAt:
		f.Suspended = true
		suspended := s.entry(audit.LinkSuspended, *v, "too_many_failures")
		suspended.Subject = v.LinkID
		if err := tx.Audit(suspended); err != nil {
			return "", err
		}
	case f.Failures >= ThrottleFrom:
		f.WaitUntil = s.now().Add(failureWait(f.Failures))
	}
	if err := tx.SaveFactor(f); err != nil {
		return "", err
	}
	if f.Suspended {
		if err := s.endOthers(tx, *v, Canceled, string(ReasonSuspended)); err != nil {
			return "", err
		}
		return ResultCanceled, s.end(tx, v, Canceled, string(ReasonSuspended))
	}
	if v.Attempts >= MaxAttempts {
		return ResultExhausted, s.end(tx, v, Exhausted, "")
	}
	return r, nil
}

// failureWait is how long a link waits after that many consecutive failures: 30 s, doubling to an hour.
func failureWait(failures int) time.Duration {
	wait := FirstWait
	for range failures - ThrottleFrom {
		if wait *= 2; wait >= LongestWait {
			return LongestWait
		}
	}
	return wait
}

// endOthers ends whatever else is pending for the user of a verification.
func (s *Service) endOthers(tx Tx, v Verification, status Status, reason string) error {
	pending, err := tx.PendingVerifications(v.Domain, v.User)
	if err != nil {
		return err
	}
	for _, p := range pending {
		switch {
		case p.ID == v.ID:
		case s.judged(p).Status == Expired:
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
