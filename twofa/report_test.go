package twofa_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"strings"
	"testing"

	"telegate/internal/audit"
	"telegate/twofa"
)

// signIns writes n checks of sign-in codes into the audit.
func (w *world) signIns(n int, user string) {
	w.T.Helper()
	w.NoError("write sign-ins", w.DB.UpdateVerifications(w.T.Context(), func(tx twofa.Tx) error {
		for range n {
			err := tx.Audit(audit.Entry{
				Time: w.Clock.Now(), Event: audit.VerificationChecked, User: user, Outcome: "approved", Purpose: "login",
			})
			if err != nil {
				return err
			}
		}
		return nil
	}))
}

// report writes the login report; pages is how often it was told that a page comes.
func (w *world) report(limit int) (rows [][]string, pages int) {
	w.T.Helper()
	report, err := w.codes.Report(w.T.Context(), twofa.SignInQuery{}, limit)
	w.NoError("begin report", err)
	var out bytes.Buffer
	w.NoError("write report", report.CSV(w.T.Context(), &out, func() { pages++ }))
	if text := out.String(); strings.Count(text, "\n") != strings.Count(text, "\r\n") { // RFC 4180
		w.T.Error("a line does not end in CR LF")
	}
	rows, err = csv.NewReader(&out).ReadAll()
	w.NoError("read report", err)
	return rows[1:], pages
}

func TestALoginReportHasEveryLineOnceOverAllItsPages(t *testing.T) {
	for n, wantPages := range map[int]int{0: 1, 999: 1, 1000: 2, 2001: 3} {
		w := newWorld(t)
		w.signIns(n, "alice")
		rows, pages := w.report(0)
		if len(rows) != n || pages != wantPages {
			t.Errorf("%d sign-ins make %d lines in %d pages, want %d pages", n, len(rows), pages, wantPages)
		}
	}
}

func TestALoginReportKeepsToItsLimit(t *testing.T) {
	w := newWorld(t)
	w.signIns(5, "alice")
	for limit, want := range map[int]int{1: 1, 4: 4, 5: 5, 6: 5} {
		if rows, pages := w.report(limit); len(rows) != want || pages != 1 {
			t.Errorf("limit %d: %d lines in %d pages, want %d in one", limit, len(rows), pages, want)
		}
	}
}

// OWASP, CSV injection: users choose their names, and a spreadsheet runs what begins like a formula.
func TestNoCellOfALoginReportIsAFormula(t *testing.T) {
	w := newWorld(t)
	for _, user := range []string{"=1+1", "+1", "-1", "@sum", "\t=1", "＝1", "alice", "a=1"} {
		w.signIns(1, user)
	}
	want := []string{"a=1", "alice", "'＝1", "'\t=1", "'@sum", "'-1", "'+1", "'=1+1"} // newest first
	rows, _ := w.report(0)
	for i, row := range rows {
		if row[2] != want[i] {
			t.Errorf("user %q, want %q", row[2], want[i])
		}
	}
}

func TestALoginReportEndsWithItsReader(t *testing.T) {
	w := newWorld(t)
	w.signIns(2001, "alice")
	report, err := w.codes.Report(t.Context(), twofa.SignInQuery{}, 0)
	w.NoError("begin report", err)
	gone, pages := errors.New("the reader is gone"), 0
	if err := report.CSV(t.Context(), failingWriter{gone}, func() { pages++ }); !errors.Is(err, gone) || pages != 1 {
		t.Errorf("report: %v after %d pages, want the error of the writer after one", err, pages)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }
