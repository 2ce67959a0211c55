package twofa

import (
	"context"
	"time"
)

// SignIn is one check of a code with which somebody wanted to sign in: a line of the login report. A code that is never tried
// makes none. Where it comes from is as the caller told it.
type SignIn struct {
	Place
	Domain, User string
	IP           string
	Browser      string // "Firefox"; empty where the user agent names none that is known
	System       string // "Windows"; the same
	Result       Result
}

// Place is where a line stands in the report. The time alone does not say: several can share a millisecond.
type Place struct {
	Time time.Time
	Seq  int64
}

// SignInQuery asks for a page of the login report of one domain.
type SignInQuery struct {
	Domain string
	User   string    // empty: everybody
	Result Result    // empty: all
	From   time.Time // zero: since the beginning
	Before Place     // only what stands before this place; the last line of a page asks so for the next. Zero: to the end
	Limit  int
}

// Results are all that a check can answer.
var Results = []Result{
	ResultApproved, ResultIncorrect, ResultDenied, ResultExhausted, ResultExpired, ResultCanceled, ResultAlreadyUsed,
	ResultBindingMismatch, ResultFailed,
}

// SignIns lists the sign-ins of a domain, the newest first.
func (s *Service) SignIns(ctx context.Context, q SignInQuery) ([]SignIn, error) {
	var list []SignIn
	err := s.store.ViewVerifications(ctx, func(tx Tx) (err error) {
		list, err = tx.SignIns(q)
		return err
	})
	return list, err
}
