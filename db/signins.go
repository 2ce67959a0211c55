package db

import (
	"fmt"
	"math"
	"slices"
	"time"

	"telegate/twofa"
)

// Statements of the login report. Each walks its index from the end and stops at the limit. Without INDEXED BY, SQLite,
// which has no statistics here, scans a whole domain for the few sign-ins with one outcome.
const (
	selectSignIn = "SELECT seq, at, domain, user, outcome, ip, user_agent FROM audit INDEXED BY "
	whereSignIn  = ` WHERE event = 'verification.checked' AND purpose = 'login'
		AND domain = ?1 AND at >= ?2 AND (at, seq) < (?3, ?4) `
	newestFirst     = "ORDER BY at DESC, seq DESC LIMIT ?5"
	signInsOfDomain = selectSignIn + "audit_logins" + whereSignIn + newestFirst
	signInsAlike    = selectSignIn + "audit_outcomes" + whereSignIn + "AND outcome = ?6 " + newestFirst
	signInsOfUser   = selectSignIn + "audit_user" + whereSignIn + "AND user = ?6 AND user <> '' " + newestFirst
	signInsOfKind   = selectSignIn + "audit_tries" + whereSignIn + "AND user = ?6 AND outcome = ?7 " + newestFirst

	daysOfDomain = `SELECT day, outcome, count FROM login_days
		WHERE domain = ?1 AND day >= ?2 AND day < ?3 AND (?4 = '' OR outcome = ?4) ORDER BY day, outcome`
	// A user's sign-ins are counted from the index alone.
	daysOfUser = `SELECT at / 86400000 AS day, outcome, count(*) FROM (
			SELECT at, outcome FROM audit INDEXED BY audit_tries
			WHERE event = 'verification.checked' AND purpose = 'login' AND domain = ?1 AND user = ?2 AND outcome = ?3
				AND at >= ?4 * 86400000 AND at < ?5 * 86400000 LIMIT ?6)
		GROUP BY day`
)

// SignIns implements twofa.Tx.
func (tx *Tx) SignIns(q twofa.SignInQuery) ([]twofa.SignIn, error) {
	before := int64(math.MaxInt64)
	if !q.Before.Time.IsZero() {
		before = q.Before.Time.UnixMilli()
	}
	args := []any{q.Domain, millis(q.From), before, q.Before.Seq, q.Limit}
	switch {
	case q.User != "" && q.Result != "":
		return all(tx, scanSignIn, signInsOfKind, append(args, q.User, q.Result)...)
	case q.User != "":
		return all(tx, scanSignIn, signInsOfUser, append(args, q.User)...)
	case q.Result != "":
		return all(tx, scanSignIn, signInsAlike, append(args, q.Result)...)
	default:
		return all(tx, scanSignIn, signInsOfDomain, args...)
	}
}

// SignInDays implements twofa.Tx.
func (tx *Tx) SignInDays(q twofa.DaysQuery, limit int) ([]twofa.DayCount, error) {
	if q.User == "" {
		return all(tx, scanDayCount, daysOfDomain, q.Domain, dayOf(q.From), dayOf(q.Until), q.Result)
	}
	results := twofa.Results
	if q.Result != "" {
		results = []twofa.Result{q.Result}
	}
	var list []twofa.DayCount
	for _, result := range results {
		some, err := all(tx, scanDayCount, daysOfUser, q.Domain, q.User, result, dayOf(q.From), dayOf(q.Until), limit)
		if err != nil {
			return nil, err
		}
		list = append(list, some...)
	}
	slices.SortStableFunc(list, func(a, b twofa.DayCount) int { return a.Day.Compare(b.Day) })
	return list, nil
}

// dayOf counts days since 1970-01-01, UTC.
func dayOf(t time.Time) int64 { return t.Unix() / int64(24*time.Hour/time.Second) }

func scanDayCount(row scanner) (twofa.DayCount, error) {
	var c twofa.DayCount
	var day int64
	if err := row.Scan(&day, &c.Result, &c.Count); err != nil {
		return c, fmt.Errorf("count sign-ins: %w", err)
	}
	c.Day = time.Unix(day*int64(24*time.Hour/time.Second), 0).UTC()
	return c, nil
}

func scanSignIn(row scanner) (twofa.SignIn, error) {
	var l twofa.SignIn
	var at int64
	var userAgent string
	if err := row.Scan(&l.Seq, &at, &l.Domain, &l.User, &l.Result, &l.IP, &userAgent); err != nil {
		return l, fmt.Errorf("read sign-ins: %w", err)
	}
	l.Time = fromMillis(at)
	l.Browser, l.System = twofa.Client(userAgent)
	return l, nil
}
