package twofa

import (
	"time"

	"telegate/internal/audit"
)

// One count of consecutive failures serves all purposes (NIST SP 800-63B-4 §3.1.3.2). A sign-in code takes a password;
// whether a recovery code takes anything is up to the caller. So the failures of other purposes stop those purposes while
// the count is still too low to make a sign-in wait: nobody can lock a user out without the password.

// closedTo reports whether codes of a purpose are refused until a right sign-in code or a new link resets the count.
func (f Factor) closedTo(p Purpose) bool { return p != Login && f.Failures >= OthersCloseAt }

// failureWait is how long codes of a purpose have to wait after failures; 0 if not at all.
func (s *Service) failureWait(f Factor, p Purpose) time.Duration {
	if p == Login && f.Failures < ThrottleFrom {
		return 0
	}
	return max(0, f.WaitUntil.Sub(s.now()))
}

// doubled is the first wait, doubled so many times, up to the longest.
func doubled(first, longest time.Duration, times int) time.Duration {
	for range times {
		if first *= 2; first >= longest {
			return longest
		}
	}
	return first
}

// failAttempt counts a failure of the link, which no new code resets, and ends the verification after its last attempt.
func (s *Service) failAttempt(tx Tx, v *Verification, f Factor, r Result) (Result, error) {
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
		f.WaitUntil = s.now().Add(doubled(FirstWait, LongestWait, f.Failures-ThrottleFrom))
	case v.Purpose != Login && f.Failures >= OthersThrottleFrom:
		f.WaitUntil = s.now().Add(doubled(FirstWait, LongestWait, f.Failures-OthersThrottleFrom))
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
