package db_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"telegate/db"
	"telegate/db/dbtest"
	"telegate/internal/audit"
	"telegate/twofa"
)

func signIns(t testing.TB, d *db.DB, q twofa.SignInQuery) (list []twofa.SignIn) {
	t.Helper()
	err := d.ViewVerifications(t.Context(), func(tx twofa.Tx) (err error) { list, err = tx.SignIns(q); return err })
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func writeAudit(t testing.TB, d *db.DB, entries ...audit.Entry) {
	t.Helper()
	err := d.UpdateVerifications(t.Context(), func(tx twofa.Tx) error {
		for _, e := range entries {
			if err := tx.Audit(e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Whatever is asked for, the report is what a look at each entry would give, page by page, though many share a millisecond and
// the clock is set back now and then.
func TestReportIsWhatALookAtEachEntryGives(t *testing.T) {
	d := dbtest.Open(t, time.Now)
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	start := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	var every []audit.Entry
	for i := range 400 {
		every = append(every, audit.Entry{
			Time: start.Add(time.Duration(r.IntN(50)) * time.Millisecond), Domain: pick("", "corp"), User: pick("alice", "bob"),
			Event: audit.Event(pick("verification.checked", "verification.checked", "verification.checked", "verification.refused")),
			// The id tells one from the other.
			Outcome: pick("approved", "approved", "incorrect", "expired"), Purpose: pick("login", "login", "recovery", "confirm", ""),
			Context: audit.Context{IP: fmt.Sprint(i)},
		})
	}
	writeAudit(t, d, every...)
	slices.Reverse(every)
	slices.SortStableFunc(every, func(a, b audit.Entry) int { return b.Time.Compare(a.Time) })
	pages := 0
	for range 300 {
		q := twofa.SignInQuery{Domain: pick("", "corp"), User: pick("", "alice"), Result: twofa.Result(pick("", "incorrect", "approved")), Limit: 1 + r.IntN(20)}
		var to time.Time
		if r.IntN(2) == 0 {
			q.From = start.Add(time.Duration(r.IntN(30)) * time.Millisecond)
			to = q.From.Add(time.Duration(r.IntN(30)) * time.Millisecond)
			q.Before.Time = to
		}
		var want, got []string
		for _, e := range every {
			if e.Event == audit.VerificationChecked && e.Purpose == "login" && e.Domain == q.Domain && (q.User == "" || e.User == q.User) &&
				(q.Result == "" || e.Outcome == string(q.Result)) && !e.Time.Before(q.From) && (to.IsZero() || e.Time.Before(to)) {
				want = append(want, e.Context.IP)
			}
		}
		asked := q
		for more := true; more; pages++ {
			page := signIns(t, d, q)
			for _, i := range page {
				got = append(got, i.IP)
				q.Before = i.Position
			}
			more = len(page) == q.Limit
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v: %v, want %v", asked, got, want)
		}
	}
	if pages < 600 {
		t.Errorf("only %d pages", pages)
	}
}

// The counts per day are what a look at each entry would give, whoever is asked for, also after some were pruned.
func TestDaysAreWhatALookAtEachEntryGives(t *testing.T) {
	d := dbtest.Open(t, time.Now)
	r := rand.New(rand.NewPCG(3, 4))
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	var every []audit.Entry
	for range 600 {
		every = append(every, audit.Entry{
			Time: now.Add(-time.Duration(r.IntN(500*24)) * time.Hour), Domain: pick("", "corp"), User: pick("alice", "bob"),
			Event:   audit.Event(pick("verification.checked", "verification.checked", "verification.refused")),
			Outcome: pick("approved", "approved", "incorrect", "expired"), Purpose: pick("login", "login", "recovery"),
		})
	}
	// The audit is written as time goes by, and pruned from its beginning.
	slices.SortStableFunc(every, func(a, b audit.Entry) int { return a.Time.Compare(b.Time) })
	writeAudit(t, d, every...)
	check := func(kept time.Time) {
		t.Helper()
		for range 100 {
			q := twofa.DaysQuery{Domain: pick("", "corp"), User: pick("", "alice"), Result: twofa.Result(pick("", "incorrect"))}
			q.Until = now.Truncate(24*time.Hour).AddDate(0, 0, 1-r.IntN(300))
			q.From = q.Until.AddDate(0, 0, -1-r.IntN(400))
			want := map[twofa.DayCount]int{}
			for _, e := range every {
				if e.Event == audit.VerificationChecked && e.Purpose == "login" && e.Domain == q.Domain && !e.Time.Before(kept) &&
					(q.User == "" || e.User == q.User) && (q.Result == "" || e.Outcome == string(q.Result)) &&
					!e.Time.Before(q.From) && e.Time.Before(q.Until) {
					want[twofa.DayCount{Day: e.Time.Truncate(24 * time.Hour), Result: twofa.Result(e.Outcome)}]++
				}
			}
			got := map[twofa.DayCount]int{}
			var last time.Time
			for _, c := range signInDays(t, d, q) {
				got[twofa.DayCount{Day: c.Day, Result: c.Result}] = c.Count
				if c.Day.Before(last) {
					t.Errorf("%+v: %s comes after %s", q, c.Day, last)
				}
				last = c.Day
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%+v: %s", q, diff)
			}
		}
	}
	check(time.Time{})
	if err := d.Prune(t.Context(), now, dbtest.Retention); err != nil {
		t.Fatal(err)
	}
	check(now.AddDate(0, 0, -400))
}

func TestDaysOfAUserAreCountedOutOfTheIndex(t *testing.T) {
	d := dbtest.Open(t, time.Now)
	if plan := d.Plan(t, db.DaysOfUser); !strings.Contains(plan, db.DaysOfUserIndex) {
		t.Error(plan)
	}
}

func signInDays(t testing.TB, d *db.DB, q twofa.DaysQuery) (list []twofa.DayCount) {
	t.Helper()
	err := d.ViewVerifications(t.Context(), func(tx twofa.Tx) (err error) { list, err = tx.SignInDays(q, 10_000); return err })
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestReportNamesBrowserAndSystem(t *testing.T) {
	d := dbtest.Open(t, time.Now)
	at := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	for agent, want := range map[string][2]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:142.0) Gecko/20100101 Firefox/142.0":                                                        {"Firefox", "Windows"},
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1": {"Safari", "iOS"},
		"":                                 {"", ""},
		"=HYPERLINK(\"https://evil\")/1.0": {"", ""},
	} {
		writeAudit(t, d, audit.Entry{
			Time: at, Event: audit.VerificationChecked, Domain: "corp", User: "alice", Outcome: "approved", Purpose: "login",
			Context: audit.Context{IP: "203.0.113.7", UserAgent: agent},
		})
		got := signIns(t, d, twofa.SignInQuery{Domain: "corp", Limit: 1})[0]
		if got.Browser != want[0] || got.System != want[1] || got.User != "alice" || got.IP != "203.0.113.7" ||
			got.Result != twofa.ResultApproved || !got.Time.Equal(at) || got.Domain != "corp" {
			t.Errorf("%q: %+v", agent, got)
		}
	}
}
