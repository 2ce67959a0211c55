package db

import (
	"fmt"
	"math"

	"telegate/twofa"
)

// The login report. Each of these walks its index from the end and stops at the limit; without INDEXED BY, SQLite, which has no
// statistics, looks through all of a domain for the few sign-ins with one outcome.
const (
	selectSignIn = "SELECT seq, at, domain, user, outcome, ip, user_agent FROM audit INDEXED BY "
	whereSignIn  = ` WHERE event = 'verification.checked' AND purpose = 'login'
		AND domain = ?1 AND at >= ?2 AND (at, seq) < (?3, ?4) `
	newestFirst     = "ORDER BY at DESC, seq DESC LIMIT ?5"
	signInsOfDomain = selectSignIn + "audit_logins" + whereSignIn + newestFirst
	signInsAlike    = selectSignIn + "audit_outcomes" + whereSignIn + "AND outcome = ?6 " + newestFirst
	signInsOfUser   = selectSignIn + "audit_user" + whereSignIn + "AND user = ?6 AND user <> '' " + newestFirst
	signInsOfKind   = selectSignIn + "audit_tries" + whereSignIn + "AND user = ?6 AND outcome = ?7 " + newestFirst
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
