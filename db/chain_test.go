package db_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"telegate/db"
	"telegate/db/dbtest"
	"telegate/internal/audit"
	"telegate/twofa"
)

// verify walks the audit of the database at a path, as telegate audit verify does.
func verify(t testing.TB, path, noted string) db.AuditReport {
	t.Helper()
	i, err := db.Inspect(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	if err := i.Unlock(path + ".key"); err != nil {
		t.Fatal(err)
	}
	r, err := i.VerifyAudit(t.Context(), noted)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func tamper(t testing.TB, path string, statements ...string) {
	t.Helper()
	if err := dbtest.Tamper(t.Context(), path, statements...); err != nil {
		t.Fatal(err)
	}
}

// entries are n entries, every third of them a refusal.
func entries(n int, at time.Time) []audit.Entry {
	list := make([]audit.Entry, n)
	for i := range list {
		list[i] = audit.Entry{Time: at.Add(time.Duration(i) * time.Second), Event: audit.VerificationChecked, User: "alice",
			Subject: fmt.Sprintf("ver_%d", i+1), Outcome: "approved", Purpose: "login", Context: audit.Context{IP: "203.0.113.7"}}
		if i%3 == 2 {
			list[i].Event, list[i].Outcome = audit.MessageRefused, "not_linked"
		}
	}
	return list
}

// chained is a database with 30 entries, closed, and its clock.
func chainedEntry(t testing.TB) (path string, clock *dbtest.Clock) {
	t.Helper()
	clock = dbtest.NewClock()
	path = filepath.Join(t.TempDir(), "telegate.db")
	d := dbtest.OpenAt(t, path, clock.Now, nil)
	for _, e := range entries(30, clock.Now()) {
		writeAudit(t, d, e)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	return path, clock
}

func TestAWholeAuditVerifies(t *testing.T) {
	path, clock := chainedEntry(t)
	r := verify(t, path, "")
	if r.Fault != "" || r.Entries != 30 || r.Unchained != 0 || !strings.HasPrefix(r.Head, "30:") {
		t.Errorf("%+v", r)
	}
	noted := r.Head
	d := dbtest.OpenAt(t, path, clock.Now, nil) // a restart takes the chain up where it ends
	if err := d.AuditBroken(); err != nil {
		t.Error(err)
	}
	writeAudit(t, d, entries(10, clock.Now())...)
	if r := verify(t, path, noted); r.Fault != "" || r.Entries != 40 { // while it is open
		t.Errorf("after a restart: %+v", r)
	}
}

// Whoever can write to the file, but has not the key, can do nothing to the audit that does not show, and it is said where.
func TestTamperingWithTheAuditShows(t *testing.T) {
	const columns = "at, event, domain, user, subject, outcome, purpose, ip, user_agent, location, mac"
	for name, c := range map[string]struct {
		statements []string
		first      int64
		says       string
	}{
		"changed":           {[]string{"UPDATE audit SET outcome = 'incorrect' WHERE seq = 10"}, 10, "changed"},
		"time changed":      {[]string{"UPDATE audit SET at = at - 1 WHERE seq = 11"}, 11, "changed"},
		"refusal changed":   {[]string{"UPDATE audit SET user = 'bob' WHERE seq = 12"}, 12, "changed"},
		"moved to a column": {[]string{"UPDATE audit SET user = user || domain, domain = '', subject = outcome, outcome = subject WHERE seq = 10"}, 10, "changed"},
		"removed":           {[]string{"DELETE FROM audit WHERE seq = 10"}, 10, "Entry 10 was removed"},
		"several removed":   {[]string{"DELETE FROM audit WHERE seq BETWEEN 10 AND 14"}, 10, "Entries 10 to 14 were removed"},
		"first removed":     {[]string{"DELETE FROM audit WHERE seq = 1"}, 1, "removed"},
		"last removed":      {[]string{"DELETE FROM audit WHERE seq >= 29"}, 29, "removed from the end"},
		"all removed":       {[]string{"DELETE FROM audit"}, 1, "removed from the end"},
		"removed and renumbered": {[]string{"DELETE FROM audit WHERE seq = 10", "UPDATE audit SET seq = seq - 1 WHERE seq > 10",
			"UPDATE audit_ends SET seq = seq - 1 WHERE place = 'head'"}, 28, "record"},
		"inserted":       {[]string{"UPDATE audit SET seq = -seq - 1 WHERE seq > 10", "UPDATE audit SET seq = -seq WHERE seq < 0", "INSERT INTO audit (seq, " + columns + ") SELECT 11, " + columns + " FROM audit WHERE seq = 10"}, 11, "put in"},
		"put at the end": {[]string{"INSERT INTO audit (seq, " + columns + ") SELECT 31, " + columns + " FROM audit WHERE seq = 30"}, 31, "put in"},
		"put in without a mac": {[]string{"INSERT INTO audit (seq, " + columns + ") SELECT 31, " + columns + " FROM audit WHERE seq = 30",
			"UPDATE audit SET mac = NULL WHERE seq = 31"}, 31, "put in"},
		"reordered":      {[]string{"UPDATE audit SET seq = 100 WHERE seq = 10", "UPDATE audit SET seq = 10 WHERE seq = 11", "UPDATE audit SET seq = 11 WHERE seq = 100"}, 10, "moved"},
		"strand swapped": {[]string{"UPDATE audit SET event = 'message.refused' WHERE seq = 10"}, 10, "changed"},
		"cut to look old": {[]string{"DELETE FROM audit WHERE seq < 10",
			"UPDATE audit_ends SET seq = 9, mac = (SELECT mac FROM audit WHERE seq = 10) WHERE place = 'start'"}, 9, "record"},
		"the ends removed": {[]string{"DELETE FROM audit_ends"}, 1, "missing"},
		"macs removed":     {[]string{"UPDATE audit SET mac = NULL"}, 1, "does not fit"},
	} {
		t.Run(name, func(t *testing.T) {
			path, _ := chainedEntry(t)
			tamper(t, path, c.statements...)
			r := verify(t, path, "")
			if r.FirstBad != c.first || !strings.Contains(r.Fault, c.says) {
				t.Errorf("%+v, want %d and %q", r, c.first, c.says)
			}
		})
	}
}

// An older copy of the whole database fits in itself; a head that was noted elsewhere tells it from the one there was.
func TestANotedHeadShowsThatTheDatabaseWasSetBack(t *testing.T) {
	path, clock := chainedEntry(t)
	d := dbtest.OpenAt(t, path, clock.Now, nil)
	backup := filepath.Join(t.TempDir(), "old.db")
	backUp(t, path, backup)
	writeAudit(t, d, entries(5, clock.Now())...)
	noted := verify(t, path, "").Head
	if r := verify(t, backup, ""); r.Fault != "" || r.Entries != 30 {
		t.Errorf("the old one by itself: %+v", r)
	}
	if r := verify(t, backup, noted); r.FirstBad != 35 || !strings.Contains(r.Fault, "noted") {
		t.Errorf("the old one, with the head of the new: %+v", r)
	}
	i, err := db.Inspect(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	for _, nonsense := range []string{"35", "x:00", "35:00", noted + "0", ":"} {
		if _, err := i.VerifyAudit(t.Context(), nonsense); !errors.Is(err, db.ErrHead) {
			t.Errorf("%s: %v", nonsense, err)
		}
	}
}

// Pruning takes entries off the beginning; what is left still verifies, also where refusals go sooner.
func TestTheAuditVerifiesAfterPruning(t *testing.T) {
	path, clock := chainedEntry(t)
	d := dbtest.OpenAt(t, path, clock.Now, nil)
	keep := db.Retention{Messages: 24 * time.Hour, Updates: time.Hour, Audit: 48 * time.Hour}
	clock.Advance(25 * time.Hour)
	writeAudit(t, d, entries(12, clock.Now())...)
	for _, step := range []struct {
		wait time.Duration
		left int64
	}{{0, 20 + 12}, {24 * time.Hour, 12}, {time.Hour, 8}, {24 * time.Hour, 0}} { // the 10 old refusals, all that is old, the new refusals, all
		clock.Advance(step.wait)
		if err := d.Prune(t.Context(), clock.Now(), keep); err != nil {
			t.Fatal(err)
		}
		if r := verify(t, path, ""); r.Fault != "" || r.Entries != step.left {
			t.Errorf("after %v: %+v, want %d", step.wait, r, step.left)
		}
	}
	writeAudit(t, d, entries(3, clock.Now())...)
	if r := verify(t, path, ""); r.Fault != "" || r.Entries != 3 || !strings.HasPrefix(r.Head, "45:") {
		t.Errorf("behind all that was pruned: %+v", r)
	}
	tamper(t, path, "DELETE FROM audit WHERE seq = 43")
	if r := verify(t, path, ""); r.FirstBad != 43 {
		t.Errorf("the first entry behind what was pruned is gone, and the report is %+v", r)
	}
}

// Nobody gets rid of an entry by dating it back, so that telegate prunes it.
func TestPruningRemovesNoEntryThatWasTamperedWith(t *testing.T) {
	path, clock := chainedEntry(t)
	tamper(t, path, "UPDATE audit SET at = 1 WHERE seq <= 10")
	d := dbtest.OpenAt(t, path, clock.Now, nil)
	err := d.Prune(t.Context(), clock.Now(), dbtest.Retention)
	if err == nil || !strings.Contains(err.Error(), "audit verify") {
		t.Errorf("pruned with %v", err)
	}
	if r := verify(t, path, ""); r.FirstBad != 1 {
		t.Errorf("%+v", r)
	}
}

// What a failing function has told the audit is not in the chain; its neighbours' entries are.
func TestAFailedActLeavesNoGapInTheChain(t *testing.T) {
	clock := dbtest.NewClock()
	path := filepath.Join(t.TempDir(), "telegate.db")
	d := dbtest.OpenAt(t, path, clock.Now, nil)
	boom := errors.New("boom")
	results := make(chan error)
	for i := range 60 {
		go func() {
			results <- d.UpdateVerifications(t.Context(), func(tx twofa.Tx) error {
				for _, e := range entries(3, clock.Now()) {
					if err := tx.Audit(e); err != nil {
						return err
					}
				}
				if i%2 == 0 {
					return boom
				}
				return nil
			})
		}()
	}
	for range 60 {
		if err := <-results; err != nil && !errors.Is(err, boom) {
			t.Error(err)
		}
	}
	writeAudit(t, d, entries(2, clock.Now())...)
	if r := verify(t, path, ""); r.Fault != "" || r.Entries != 92 || !strings.HasPrefix(r.Head, "92:") {
		t.Errorf("%+v", r)
	}
}

// A commit that fails whole, as on a full disk, leaves the chain where it was.
func TestAFullDiskLeavesTheChainWhole(t *testing.T) {
	d, dir := openFiles(t)
	writeAudit(t, d, entries(3, time.Now())...)
	free := d.Fill(t)
	for range 200 {
		if err := d.UpdateVerifications(t.Context(), func(tx twofa.Tx) error {
			for _, e := range entries(50, time.Now()) {
				if err := tx.Audit(e); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			break
		}
	}
	free()
	writeAudit(t, d, entries(3, time.Now())...)
	if r := verify(t, filepath.Join(dir, "telegate.db"), ""); r.Fault != "" || r.Entries < 6 {
		t.Errorf("%+v", r)
	}
}

// Entries from before there was a chain are told apart, and the chain begins behind them.
func TestTheChainBeginsBehindWhatAnOlderVersionWrote(t *testing.T) {
	path := restore(t, "testdata/schema_v1.sql")
	clock := dbtest.NewClock()
	d := dbtest.OpenAt(t, path, clock.Now, nil)
	writeAudit(t, d, entries(3, clock.Now())...)
	r := verify(t, path, "")
	if r.Fault != "" || r.Unchained != 1 || r.Entries != 3 || !r.Begun.Equal(clock.Now()) {
		t.Errorf("%+v", r)
	}
	clock.Advance(500 * 24 * time.Hour)
	if err := d.Prune(t.Context(), clock.Now(), dbtest.Retention); err != nil {
		t.Fatal(err)
	}
	if r := verify(t, path, ""); r.Fault != "" || r.Unchained != 0 || r.Entries != 0 {
		t.Errorf("pruned: %+v", r)
	}
}

// A chain that was tampered with does not keep telegate from starting, which then says so; and what telegate writes behind it does
// not make it fit.
func TestATamperedChainIsToldAtTheStart(t *testing.T) {
	const cutHeads = "UPDATE audit_ends SET (seq, mac) = (SELECT seq, mac FROM audit WHERE (event = 'message.refused') = strand ORDER BY seq DESC LIMIT 1) WHERE place = 'head'"
	for name, statements := range map[string][]string{
		"heads moved": {"UPDATE audit_ends SET seq = 20 WHERE place = 'head'"},
		"cut off":     {"DELETE FROM audit WHERE seq > 4", cutHeads, "UPDATE sqlite_sequence SET seq = 4 WHERE name = 'audit'"},
		"begun anew in one strand": {"DELETE FROM audit", "UPDATE sqlite_sequence SET seq = 0 WHERE name = 'audit'",
			"DELETE FROM audit_ends WHERE place = 'head' AND strand = 0", "UPDATE audit_ends SET seq = 0, mac = zeroblob(16) WHERE place = 'head'"},
	} {
		t.Run(name, func(t *testing.T) {
			path, clock := chainedEntry(t)
			tamper(t, path, statements...)
			if r := verify(t, path, ""); r.Fault == "" {
				t.Error("the damage does not show")
			}
			d := dbtest.OpenAt(t, path, clock.Now, nil)
			if err := d.AuditBroken(); err == nil || !strings.Contains(err.Error(), "audit verify") {
				t.Errorf("started with %v", err)
			}
			writeAudit(t, d, entries(3, clock.Now())...) // acts go on, in both strands
			if r := verify(t, path, ""); r.Fault == "" {
				t.Error("the damage is not to be seen any more")
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			again := dbtest.OpenAt(t, path, clock.Now, nil)
			writeAudit(t, again, entries(3, clock.Now())...)
			if r := verify(t, path, ""); r.Fault == "" {
				t.Error("the damage is not to be seen after another start")
			}
		})
	}
}

// A chain that somebody had telegate begin anew fits in itself; a head that was noted before is not in it, whatever it was.
func TestANotedHeadShowsThatTheChainWasBegunAnew(t *testing.T) {
	path, clock := chainedEntry(t)
	noted := verify(t, path, "").Head
	tamper(t, path, "UPDATE audit SET mac = NULL", "UPDATE audit SET outcome = 'incorrect' WHERE seq = 10", "DELETE FROM audit_ends")
	d := dbtest.OpenAt(t, path, clock.Now, nil)
	empty := verify(t, path, "").Head
	writeAudit(t, d, entries(5, clock.Now())...)
	if r := verify(t, path, ""); r.Fault != "" || r.Unchained != 30 || r.Entries != 5 {
		t.Errorf("by itself: %+v", r)
	}
	for head, first := range map[string]int64{noted: 30, "3:" + strings.Repeat("ab", 16): 3, "30:" + strings.Repeat("ab", 16): 30} {
		if r := verify(t, path, head); r.FirstBad != first || !strings.Contains(r.Fault, "started again") {
			t.Errorf("with %s: %+v", head, r)
		}
	}
	if r := verify(t, path, empty); r.Fault != "" {
		t.Errorf("with the head of the new one when it was empty: %+v", r)
	}
}
