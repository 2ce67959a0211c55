package twofa

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// SignIn is one check of a sign-in code: a line of the login report. A code that is never tried makes no line. Its origin
// is as reported by the caller.
type SignIn struct {
	Position
	Domain, User string
	IP           string
	Browser      string // "Firefox"; empty if unknown
	System       string // "Windows"; empty if unknown
	Result       Result
}

// Position is the position of a line in the report. Time alone is not unique: several lines can share a millisecond.
type Position struct {
	Time time.Time
	Seq  int64
}

// Text formats the position for ParsePosition.
func (p Position) Text() string { return fmt.Sprintf("%d-%d", p.Time.UnixMilli(), p.Seq) }

// ParsePosition reads a position; false if it is invalid.
func ParsePosition(s string) (Position, bool) {
	var at int64
	var p Position
	if n, err := fmt.Sscanf(s, "%d-%d", &at, &p.Seq); n != 2 || err != nil || p.Seq < 1 {
		return Position{}, false
	}
	p.Time = time.UnixMilli(at)
	return p, p.Text() == s
}

// SignInQuery asks for a page of the login report of one domain.
type SignInQuery struct {
	Domain string
	User   string    // empty: all users
	Result Result    // empty: all
	From   time.Time // zero: no limit
	Before Position  // only lines before this position: that of the last line of a page asks for the next page. Zero: from the newest
	Limit  int
}

// Results are all results of a check.
var Results = []Result{
	ResultApproved, ResultIncorrect, ResultDenied, ResultExhausted, ResultExpired, ResultCanceled, ResultAlreadyUsed,
	ResultBindingMismatch, ResultFailed,
}

// SignIns lists the sign-ins of a domain, newest first.
func (s *Service) SignIns(ctx context.Context, q SignInQuery) ([]SignIn, error) {
	var list []SignIn
	err := s.store.ViewVerifications(ctx, func(tx Tx) (err error) {
		list, err = tx.SignIns(q)
		return err
	})
	return list, err
}

// maxCounted limits how many sign-ins of a single user are counted, which takes some hundredths of a second.
const maxCounted = 50_000

// ErrTooManyToCount: the user has too many sign-ins in these days.
var ErrTooManyToCount = errors.New("too many sign-ins to count")

// DaysQuery asks for the sign-ins per day of one domain.
type DaysQuery struct {
	Domain      string
	User        string    // empty: all users
	Result      Result    // empty: all
	From, Until time.Time // days, UTC; Until is exclusive
}

// DayCount counts the sign-ins of one day with one result.
type DayCount struct {
	Day    time.Time // its start, UTC
	Result Result
	Count  int
}

// SignInDays counts sign-ins per day and result, ordered by day; it leaves out days without any. For a whole domain it
// reads stored counts, so a million sign-ins cost nothing extra. ErrTooManyToCount.
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
