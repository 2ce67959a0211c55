package console_test

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"telegate/internal/audit"
	"telegate/twofa"
)

// signIns writes checks of codes down, as the second factor does.
func (w *world) signIns(entries ...audit.Entry) {
	w.T.Helper()
	err := w.DB.UpdateVerifications(w.T.Context(), func(tx twofa.Tx) error {
		for _, e := range entries {
			e.Event, e.Purpose = audit.VerificationChecked, "login"
			if e.Time.IsZero() {
				e.Time = w.Clock.Now()
			}
			if err := tx.Audit(e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.T.Fatal(err)
	}
}

const firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:142.0) Gecko/20100101 Firefox/142.0"

func TestSignInsShowUserAddressAndOutcome(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	yesterday := w.Clock.Now().AddDate(0, 0, -1)
	w.signIns(
		audit.Entry{User: "alice", Outcome: "approved", Context: audit.Context{IP: "203.0.113.7", UserAgent: firefox}},
		audit.Entry{User: "bob", Outcome: "incorrect", Time: yesterday},
		audit.Entry{Domain: "corp", User: "carol", Outcome: "denied"},
	)
	c := w.signedIn(keyAdmin)
	a := c.get("/console/logins").want(t, http.StatusOK,
		"alice", "203.0.113.7", "Firefox", "Windows", "Messaging", "Signed in", "bob", "Wrong code", "1 signed in, 1 did not")
	if strings.Contains(a.body, "carol") {
		t.Error("a user of another domain")
	}
	for filter, want := range map[string]string{
		"user=alice":                    "alice",
		"outcome=incorrect":             "bob",
		"from=2026-11-02&to=2026-11-02": "alice",
		"to=2026-11-01":                 "bob",
		"domain=corp":                   "carol",
		"domain=corp&outcome=denied":    "carol",
	} {
		a := c.get("/console/logins?"+filter).want(t, http.StatusOK, want)
		if n := strings.Count(a.body, `data-testid="login"`); n != 1 {
			t.Errorf("%s: %d sign-ins", filter, n)
		}
	}
	c.get("/console/logins?user=nobody").want(t, http.StatusOK, "No sign-ins match.")
	c.get("/console/logins?domain=corp&user=alice&from=2026-01-01").want(t, http.StatusOK, "There were no sign-ins in these days.")
}

func TestSignInsArePagedToTheLastWithoutGapOrRepeat(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var entries []audit.Entry
	for i := range 120 {
		entries = append(entries, audit.Entry{User: fmt.Sprintf("user%03d", i), Outcome: "approved", Time: w.Clock.Now().Add(time.Duration(i/3) * time.Millisecond)})
	}
	w.signIns(entries...)
	c := w.signedIn(keyAdmin)
	seen, pages := map[string]bool{}, 0
	for path := "/console/logins"; path != ""; pages++ {
		a := c.get(path).want(t, http.StatusOK)
		for _, part := range strings.Split(a.body, `data-testid="login"`)[1:] {
			user := part[strings.Index(part, "<bdi>")+5 : strings.Index(part, "</bdi>")]
			if seen[user] {
				t.Errorf("%s comes twice", user)
			}
			seen[user] = true
		}
		_, next, more := strings.Cut(a.body, `data-testid="next" href="`)
		path = ""
		if more {
			path, _, _ = strings.Cut(next, `"`)
			path = strings.ReplaceAll(path, "&amp;", "&")
		}
	}
	if len(seen) != 120 || pages != 3 {
		t.Errorf("%d sign-ins on %d pages", len(seen), pages)
	}
}

func TestInvalidFilterIsExplainedAndInputKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.signedIn(keyAdmin)
	for query, words := range map[string]string{
		"from=2026-11-05&to=2026-11-01": "The last day is before the first.",
		"from=yesterday":                "A day is written as YYYY-MM-DD.",
		"to=2026-02-30":                 "A day is written as YYYY-MM-DD.",
		"from=0001-01-01":               "A day is written as YYYY-MM-DD.",
		"outcome=excellent":             "This outcome does not exist",
		"after=1-0":                     "This page of the report does not exist.",
		"after=x":                       "This page of the report does not exist.",
		"after=99999999999999999999-1":  "This page of the report does not exist.",
	} {
		a := c.get("/console/logins?user=alice&"+query).want(t, http.StatusUnprocessableEntity, words, `value="alice"`)
		if strings.Contains(a.body, `data-testid="csv"`) {
			t.Errorf("%s: there is a download", query)
		}
		if a := c.get("/console/logins.csv?" + query); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, words) {
			t.Errorf("csv, %s: %d", query, a.status)
		}
	}
	for _, query := range []string{
		"user=" + strings.Repeat("a", 257), "user=a%00b", "outcome=" + strings.Repeat("a", 65), "from=" + strings.Repeat("2", 1000),
		"after=" + strings.Repeat("1", 100), "domain=" + strings.Repeat("d", 65),
	} {
		for _, path := range []string{"/console/logins?", "/console/logins.csv?"} {
			if a := c.get(path + query); a.status != http.StatusUnprocessableEntity {
				t.Errorf("%s%.40s: %d", path, query, a.status)
			}
		}
	}
	c.get("/console/logins?domain=nowhere").want(t, http.StatusNotFound, "This domain does not exist")
	w.signedIn(keyCorp).get("/console/logins?domain=").want(t, http.StatusForbidden, "may not use this domain")
	w.signedIn(keyCorp).get("/console/logins.csv?domain=").want(t, http.StatusForbidden, "may not use this domain")
}

func TestTheChartIsBoundedHoweverManyDaysAreAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIns(audit.Entry{User: "alice", Outcome: "approved"}, audit.Entry{User: "alice", Outcome: "approved", Time: w.Clock.Now().AddDate(-2, 0, 0)})
	c := w.signedIn(keyAdmin)
	a := c.get("/console/logins?from=2000-01-01").want(t, http.StatusOK, "Only the last 400 of these days are shown.", "1 signed in, 0 did not")
	if !strings.Contains(a.body, `viewBox="0 0 4000 100"`) {
		t.Error("not 400 days")
	}
	c.get("/console/logins?to=9999-12-31").want(t, http.StatusOK, "There were no sign-ins in these days.")
	c.get("/console/logins?from=9999-12-31").want(t, http.StatusOK, "No sign-ins match.")
}

// A small number beside a large one is still to be seen, and no bar leaves the drawing.
func TestOneFailureBesideAThousandSignInsIsDrawn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	entries := []audit.Entry{{User: "alice", Outcome: "incorrect"}}
	for range 1000 {
		entries = append(entries, audit.Entry{User: "alice", Outcome: "approved"})
	}
	w.signIns(entries...)
	w.signedIn(keyAdmin).get("/console/logins").want(t, http.StatusOK,
		`<path class="approved" d="M290 1h8v99h-8z"/><path class="others" d="M290 0h8v1h-8z"/>`, `<td data-name="Signed in">1000</td><td data-name="Did not">1</td>`)
}

func TestDownloadIsFilteredAndHasNoFormulas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	entries := []audit.Entry{{User: `=HYPERLINK("https://evil")`, Outcome: "approved", Context: audit.Context{IP: "@SUM(1)"}}}
	for range 1500 {
		entries = append(entries, audit.Entry{User: "bob", Outcome: "incorrect"})
	}
	w.signIns(entries...)
	c := w.signedIn(keyAdmin)
	lines := func(query string) [][]string {
		t.Helper()
		a := c.get("/console/logins.csv?"+query).want(t, http.StatusOK)
		if a.header.Get("Content-Type") != "text/csv; charset=utf-8" || !strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment;") {
			t.Errorf("headers %v", a.header)
		}
		list, err := csv.NewReader(strings.NewReader(a.body)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	if n := len(lines("")); n != 1502 {
		t.Errorf("%d lines", n)
	}
	got := lines(url.Values{"outcome": {"approved"}}.Encode())
	if len(got) != 2 || got[1][2] != `'=HYPERLINK("https://evil")` || got[1][3] != "'@SUM(1)" {
		t.Errorf("%q", got)
	}
	if a := w.client().get("/console/logins.csv"); a.status != http.StatusSeeOther {
		t.Errorf("signed out: %d", a.status)
	}
}
