package twofa

import (
	"context"
	"errors"
	"fmt"
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

// Text is the place as ParsePlace reads it.
func (p Place) Text() string { return fmt.Sprintf("%d-%d", p.Time.UnixMilli(), p.Seq) }

// ParsePlace reads a place of the report; false where it is none.
func ParsePlace(s string) (Place, bool) {
	var at int64
	var p Place
	if n, err := fmt.Sscanf(s, "%d-%d", &at, &p.Seq); n != 2 || err != nil || p.Seq < 1 {
		return Place{}, false
	}
	p.Time = time.UnixMilli(at)
	return p, p.Text() == s
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

// maxCounted bounds what is counted of a single user's sign-ins, which takes some hundredths of a second.
const maxCounted = 50_000

// ErrTooManyToCount: a user has more sign-ins in these days than are counted.
var ErrTooManyToCount = errors.New("too many sign-ins to count")

// DaysQuery asks how many sign-ins there were on each day of one domain.
type DaysQuery struct {
	Domain      string
	User        string    // empty: everybody
	Result      Result    // empty: all
	From, Until time.Time // days, UTC; the last is the one before Until
}

// DayCount is how many sign-ins of a day ended alike.
type DayCount struct {
	Day    time.Time // its start, UTC
	Result Result
	Count  int
}

// SignInDays counts sign-ins per day and result, in the order of the days; days without any are left out. It looks at no single
// sign-in of a domain, so it costs the same at a million. ErrTooManyToCount.
func (s *Service) SignInDays(ctx context.Context, q DaysQuery) ([]DayCount, error) {
	var list []DayCount
	err := s.store.ViewVerifications(ctx, func(tx Tx) (err error) {
		list, err = tx.SignInDays(q, maxCounted+1)
		return err
	})
	total := 0
	for _, c := range list {
		total += c.Count
	}
	if err == nil && q.User != "" && total > maxCounted {
		return nil, ErrTooManyToCount
	}
	return list, err
}
