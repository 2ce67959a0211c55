package db

import (
	"context"
	"crypto/hmac"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// AuditReport is the result of a check of the audit.
type AuditReport struct {
	Entries   int64     `json:"entries"`   // valid entries
	Unchained int64     `json:"unchained"` // written before the chain existed: cannot be checked
	Begun     time.Time `json:"begun"`     // start of the chain
	Head      string    `json:"head"`      // the newest entry; noted elsewhere, it proves later that nothing was cut off after it
	FirstBad  int64     `json:"first_bad"` // number of the first invalid entry; 0 if none
	Fault     string    `json:"fault"`     // what is wrong there; empty if nothing
}

// ErrHead: the given head is malformed.
var ErrHead = errors.New("a head is what telegate audit verify prints, such as 1234:0123456789abcdef0123456789abcdef")

// VerifyAudit checks the audit from its beginning up to the first invalid entry. noted is a head from an earlier run, or
// empty; it must still be in the chain, unless it was pruned. Call Unlock first.
func (i *Inspection) VerifyAudit(ctx context.Context, noted string) (AuditReport, error) {
	var remembered mark
	if noted != "" {
		var err error
		if remembered, err = parseHead(noted); err != nil {
			return AuditReport{}, err
		}
	}
	if _, err := i.conn.exec("BEGIN"); err != nil {
		return AuditReport{}, fmt.Errorf("read audit: %w", err)
	}
	defer func() { _, _ = i.conn.exec("ROLLBACK") }() // a reader changes nothing
	w := auditWalk{c: newChain(i.keys), noted: remembered}
	if w.readEnds(i.conn); w.report.Fault != "" {
		return w.report, nil
	}
	rows, err := i.conn.query(selectChained + "ORDER BY seq")
	if err != nil {
		return w.report, fmt.Errorf("read audit: %w", damaged(err))
	}
	defer rows.Close()
	for rows.Next() && w.report.Fault == "" {
		e, err := scanChained(rows)
		if err != nil {
			return w.report, damaged(err)
		}
		if err := ctx.Err(); err != nil {
			return w.report, err
		}
		w.take(e)
	}
	if err := rows.Err(); err != nil {
		return w.report, fmt.Errorf("read audit: %w", damaged(err))
	}
	if w.report.Fault == "" {
		w.finish()
	}
	return w.report, nil
}

// parseHead parses AuditReport.Head.
func parseHead(s string) (mark, error) {
	number, digits, _ := strings.Cut(s, ":")
	seq, err := strconv.ParseInt(number, 10, 64)
	m, hexErr := hex.DecodeString(digits)
	if err != nil || hexErr != nil || len(m) != macSize {
		return mark{}, ErrHead
	}
	return mark{seq, mac(m)}, nil
}

// auditWalk is the state of a check.
type auditWalk struct {
	c           *chain
	start, head [strands]end
	at          [strands]mark // last valid entry of each strand
	seen        int64         // number of the last entry of all
	noted       mark
	found       bool // noted was found
	report      AuditReport
}

func (w *auditWalk) bad(seq int64, format string, args ...any) {
	w.report.FirstBad, w.report.Fault = seq, fmt.Sprintf(format, args...)
}

// readEnds reads the ends of the chain.
func (w *auditWalk) readEnds(q *stmtCache) {
	for s := range strands {
		for _, place := range []string{placeStart, placeHead} {
			e, err := w.c.end(q.row(selectEnd, s, place), s, place)
			switch {
			case errors.Is(err, sql.ErrNoRows):
				w.bad(1, "The record of where the audit begins and ends is missing: it was removed, or no telegate with a chain has opened this database yet.")
				return
			case err != nil || !e.good:
				w.bad(max(1, e.seq), "The record of where the audit begins and ends was changed.")
				return
			}
			if place == placeStart {
				w.start[s] = e
			} else {
				w.head[s] = e
			}
		}
		w.at[s] = w.start[s].mark
	}
	w.report.Begun = fromMillis(w.start[strandMain].at)
}

// take checks the next entry.
func (w *auditWalk) take(e chainedEntry) {
	s := strandOf(e.Event)
	start := w.start[s]
	if e.mac == nil && e.seq <= start.seq {
		w.report.Unchained++
		w.seen = e.seq
		return
	}
	// After both beginnings the numbers have no gaps; before, the other strand was pruned further.
	first := max(w.start[strandMain].seq, w.start[strandRefused].seq)
	if from := max(w.seen, first); e.seq > from+1 && e.seq > first {
		w.bad(from+1, "%s removed: number %d follows on %d.", pluralEntries(from+1, e.seq-1), e.seq, from)
		return
	}
	want := w.c.next(w.at[s].mac, e.seq, e.Entry, e.actor)
	if e.seq <= start.seq || !hmac.Equal(e.mac, want[:]) {
		w.bad(e.seq, "Entry %d of %s does not fit: it was changed, put in or moved, or the one before it is gone.", e.seq, e.Time.UTC().Format(time.RFC3339))
		return
	}
	w.at[s] = mark{e.seq, want}
	w.seen = e.seq
	w.report.Entries++
	w.found = w.found || w.at[s] == w.noted
}

// finish compares the last entries with the stored ends of the chain.
func (w *auditWalk) finish() {
	newest := w.at[strandMain]
	for s := range strands {
		if w.at[s].seq > newest.seq {
			newest = w.at[s]
		}
		if w.at[s] != w.head[s].mark {
			w.bad(w.at[s].seq+1, "Entries were removed from the end: the last one was number %d, and now %d is.", w.head[s].seq, w.at[s].seq)
			return
		}
	}
	w.report.Head = fmt.Sprintf("%d:%x", newest.seq, newest.mac)
	pruned := false // before the beginning of a strand, unless the chain began there: then it has no MAC
	for _, e := range w.start {
		pruned = pruned || w.noted == e.mark || w.noted.seq <= e.seq && e.mac != (mac{})
	}
	if w.noted != (mark{}) && !w.found && !pruned {
		w.bad(w.noted.seq, "The head that was noted is not in the audit: somebody replaced what was there, for example with an older database, or the audit was started again.")
	}
}

func pluralEntries(from, to int64) string {
	if from == to {
		return fmt.Sprintf("Entry %d was", from)
	}
	return fmt.Sprintf("Entries %d to %d were", from, to)
}
