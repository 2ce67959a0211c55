package db

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// ListQueries are the statements that lists of messages and users, traces and the login report come from, and others that must not slow
// down as the tables grow, with the index each of them walks.
var ListQueries = map[string]struct{ Query, Index string }{
	"of a user":          {listOfUser, "messages_user"},
	"of a broadcast":     {listOfBroadcast, "messages_recipients"},
	"of a domain":        {listOfDomain, "messages_listed"},
	"between":            {listBetween, "messages_user"},
	"audit":              {auditBetween, "audit_user"},
	"refusals of all":    {refusalsOfDomain, "audit_refused"},
	"refusals of a kind": {refusalsAlike, "audit_user"},
	"sign-ins":           {signInsOfDomain, "audit_logins (domain=? AND at>? AND at<?)"},
	"sign-ins alike":     {signInsAlike, "audit_outcomes (domain=? AND outcome=? AND at>? AND at<?)"},
	"sign-ins of a user": {signInsOfUser, "audit_user (domain=? AND user=? AND at>? AND at<?)"},
	"sign-ins of a kind": {signInsOfKind, "audit_tries (domain=? AND user=? AND outcome=? AND at>? AND at<?)"},
	"days of a domain":   {daysOfDomain, "PRIMARY KEY (domain=? AND day>? AND day<?)"},
	"users":              {usersOfDomain, "links_current (domain=? AND user>?)"},
	"users who match":    {usersWalked, "SEARCH p USING PRIMARY KEY (invited=? AND domain=? AND user>?)"},
	"invited who match":  {invitationsWalked, "SEARCH p USING PRIMARY KEY (invited=? AND domain=? AND user>?)"},
	"invitations":        {invitationsOfDomain, "PRIMARY KEY (domain=? AND user>?)"},
	"a username's chat":  {clearUsername, "chats_username (bot_id=? AND username=?)"},
	"texts to wipe":      {wipeDead, "messages_kept"},
}

// DaysOfUser groups what it finds, which are few days; otherwise it is like ListQueries.
const (
	DaysOfUser      = daysOfUser
	DaysOfUserIndex = "COVERING INDEX audit_tries (domain=? AND user=? AND outcome=? AND at>? AND at<?)"
)

// PickQueries are the searches for what few have: they sort what people_grams has found.
var PickQueries = []string{usersPicked, invitationsPicked}

// MostPicked is how many they take from it.
const MostPicked = mostPicked

var parameter = regexp.MustCompile(`\?([0-9]*)`)

// Plan is how SQLite goes about a statement.
func (d *DB) Plan(t testing.TB, query string) string {
	t.Helper()
	var steps []string
	err := d.view(t.Context(), func(tx *Tx) (err error) {
		n := 0
		for _, m := range parameter.FindAllStringSubmatch(query, -1) {
			if k, err := strconv.Atoi(m[1]); err == nil {
				n = max(n, k)
			} else {
				n++
			}
		}
		steps, err = all(tx, func(row scanner) (detail string, err error) {
			var id, parent, unused int
			err = row.Scan(&id, &parent, &unused, &detail)
			return detail, err
		}, "EXPLAIN QUERY PLAN "+query, make([]any, n)...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(steps, "\n")
}

// Overflow runs a statement that fails, and over no constraint.
func (tx *Tx) Overflow() error {
	_, err := tx.q.exec("SELECT abs(-9223372036854775808)")
	return err
}

// Pragma reads a setting of the writing connection.
func (d *DB) Pragma(t testing.TB, name string) int64 {
	t.Helper()
	var v int64
	err := d.update(t.Context(), func(tx *Tx) error { return tx.q.row("PRAGMA " + name).Scan(&v) })
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// ReaderPragma reads a setting of one of the reading connections.
func (d *DB) ReaderPragma(t testing.TB, name string) int64 {
	t.Helper()
	var v int64
	err := d.view(t.Context(), func(tx *Tx) error { return tx.q.row("PRAGMA " + name).Scan(&v) })
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Fill lets the file grow no more, as a full disk does, and answers what gives the room back.
func (d *DB) Fill(t testing.TB) (free func()) {
	t.Helper()
	pages := d.Pragma(t, "page_count")
	d.Pragma(t, "max_page_count = "+strconv.FormatInt(pages, 10))
	return func() { d.Pragma(t, "max_page_count = 1000000") }
}

// Protect makes the file read-only, as a system does with a disk that fails, and answers what ends that. Nobody may write
// meanwhile but to be refused.
func (d *DB) Protect(t testing.TB) (release func()) {
	t.Helper()
	set := func(value string) {
		if _, err := d.conn.exec("PRAGMA query_only = " + value); err != nil {
			t.Fatal(err)
		}
	}
	set("1")
	return func() { set("0") }
}
