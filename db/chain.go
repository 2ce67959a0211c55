package db

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"time"

	"telegate/internal/audit"
)

// The audit is a hash chain: each entry's MAC covers the entry, its number and the MAC before it, under a key outside the
// database. Nobody who can only write to the database can change, remove, insert or move an entry undetected.
//
// There are two strands, because refusals are pruned earlier than the rest and a strand is only pruned at its beginning.
// Both share one sequence of numbers without gaps. The beginning and end of each strand are sealed in audit_ends, so a cut
// at either end is detected too. The exception is an old copy of everything, seal included; a head noted elsewhere detects
// that. The ends are written once per commit.

// macSize is the size of a MAC in the chain in bytes: HMAC-SHA256 cut to 128 bits (NIST SP 800-107 §5.3.3 allows 32 and
// more).
const macSize = 16

type mac [macSize]byte

// strand is one of the two strands.
type strand int

const (
	strandMain strand = iota
	strandRefused
	strands
)

func strandOf(e audit.Event) strand {
	if e == audit.MessageRefused {
		return strandRefused
	}
	return strandMain
}

// mark is a position in a strand: an entry and its MAC.
type mark struct {
	seq int64
	mac mac
}

// ends is the state of the chain. It is copied before a job and restored if the job fails.
type ends struct {
	seq  int64 // of the newest entry
	head [strands]mark
}

// chain belongs to the writing goroutine.
type chain struct {
	ends
	saved ends // as stored
	h     hash.Hash
	buf   []byte
}

func newChain(k keys) *chain { return &chain{h: hmac.New(sha256.New, k.sub("audit chain"))} }

// text and number append to the input of the digest. A text has its length in front, so that no two entries look alike.
func (c *chain) text(parts ...string) {
	for _, p := range parts {
		c.buf = append(binary.AppendUvarint(c.buf, uint64(len(p))), p...)
	}
}

func (c *chain) number(n int64) { c.buf = binary.BigEndian.AppendUint64(c.buf, uint64(n)) } //nolint:gosec // only its bits matter

func (c *chain) sum() (m mac) {
	c.h.Reset()
	c.h.Write(c.buf)
	copy(m[:], c.h.Sum(c.buf[:0]))
	return m
}

// next is the MAC of an entry after another; actor is who caused it.
func (c *chain) next(before mac, seq int64, e audit.Entry, actor string) mac {
	c.buf = append(c.buf[:0], 'e')
	c.buf = append(c.buf, before[:]...)
	c.number(seq)
	c.number(millis(e.Time))
	c.text(string(e.Event), e.Domain, e.User, e.Subject, e.Outcome, e.Purpose, actor, e.Context.IP, e.Context.UserAgent, e.Context.Location)
	return c.sum()
}

// seal is the MAC of a row of audit_ends.
func (c *chain) seal(s strand, place string, m mark, at int64) mac {
	c.buf = append(c.buf[:0], 's')
	c.number(int64(s))
	c.text(place)
	c.number(m.seq)
	c.number(at)
	c.buf = append(c.buf, m.mac[:]...)
	return c.sum()
}

// The places of audit_ends.
const (
	placeStart = "start"
	placeHead  = "head"
)

const saveEnd = "INSERT OR REPLACE INTO audit_ends (strand, place, seq, mac, at, seal) VALUES (?, ?, ?, ?, ?, ?)"

// save stores the ends of the strands that have grown.
func (c *chain) save(q *stmtCache) error {
	for s := range strands {
		if c.head[s] == c.saved.head[s] {
			continue
		}
		if err := c.put(q, s, placeHead, c.head[s], 0); err != nil {
			return err
		}
	}
	return nil
}

func (c *chain) put(q *stmtCache, s strand, place string, m mark, at int64) error {
	seal := c.seal(s, place, m, at)
	if _, err := q.exec(saveEnd, s, place, m.seq, m.mac[:], at, seal[:]); err != nil {
		return fmt.Errorf("write the end of the audit: %w", err)
	}
	return nil
}

// end is a row of audit_ends.
type end struct {
	mark
	at   int64
	good bool // the seal is valid
}

// end reads such a row; sql.ErrNoRows if there is none.
func (c *chain) end(row scanner, s strand, place string) (end, error) {
	var e end
	var m, seal []byte
	if err := row.Scan(&e.seq, &m, &e.at, &seal); err != nil {
		return e, err
	}
	copy(e.mac[:], m)
	want := c.seal(s, place, e.mark, e.at)
	e.good = len(m) == macSize && hmac.Equal(seal, want[:])
	return e, nil
}

const selectEnd = "SELECT seq, mac, at, seal FROM audit_ends WHERE strand = ? AND place = ?"

// openChain continues the chain at its end, or starts one after the existing entries. A damaged chain does not stop the
// start and stays detectable: fault says that telegate audit verify will find something. No entry ever fits after a head
// that telegate has not sealed, because the next seal would make it valid.
func openChain(ctx context.Context, q *stmtCache, k keys, now time.Time) (c *chain, fault error, err error) {
	c = newChain(k)
	err = q.row(`SELECT max(coalesce((SELECT max(seq) FROM audit), 0), coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'audit'), 0))`).Scan(&c.seq)
	if err != nil {
		return nil, nil, fmt.Errorf("read audit: %w", err)
	}
	found := 0
	for s := range strands {
		head, err := c.end(q.row(selectEnd, s, placeHead), s, placeHead)
		if errors.Is(err, sql.ErrNoRows) {
			rand.Read(c.head[s].mac[:]) // kept only if the other strand has one
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("read the end of the audit: %w", err)
		}
		found++
		if !head.good {
			fault = errAuditEnds
			rand.Read(head.mac[:])
		}
		c.head[s] = head.mark
		c.seq = max(c.seq, head.seq)
	}
	c.saved = c.ends
	switch {
	case found == int(strands):
		return c, fault, nil
	case found > 0:
		return c, errAuditEnds, nil
	}
	if _, err := q.exec("BEGIN IMMEDIATE"); err != nil {
		return nil, nil, fmt.Errorf("begin the audit's chain: %w", err)
	}
	for s := range strands {
		c.head[s] = mark{seq: c.seq}
		err = errors.Join(err, c.put(q, s, placeStart, c.head[s], millis(now)), c.put(q, s, placeHead, c.head[s], 0))
	}
	if err == nil {
		_, err = q.exec("COMMIT")
	}
	if err != nil {
		_, rollback := q.exec("ROLLBACK")
		return nil, nil, errors.Join(fmt.Errorf("begin the audit's chain: %w", err), rollback)
	}
	c.saved = c.ends
	return c, nil, ctx.Err()
}

// errAuditEnds: the stored ends of the chain are not those that telegate has written.
var errAuditEnds = errors.New("the stored ends of the audit were changed; telegate audit verify says more")

// chainedEntry is an entry as stored.
type chainedEntry struct {
	audit.Entry
	seq   int64
	actor string
	mac   []byte // nil: written before the chain existed
}

const selectChained = "SELECT seq, mac, at, event, domain, user, subject, outcome, purpose, actor, ip, user_agent, location FROM audit "

func scanChained(row scanner) (c chainedEntry, err error) {
	var at int64
	err = row.Scan(&c.seq, &c.mac, &at, &c.Event, &c.Domain, &c.User, &c.Subject, &c.Outcome, &c.Purpose, &c.actor,
		&c.Context.IP, &c.Context.UserAgent, &c.Context.Location)
	if err != nil {
		return c, fmt.Errorf("read audit: %w", err)
	}
	c.Time = fromMillis(at)
	return c, nil
}

const (
	oldestMain    = selectChained + "WHERE event <> 'message.refused' ORDER BY seq LIMIT ?"
	oldestRefused = selectChained + "INDEXED BY audit_refusals WHERE event = 'message.refused' ORDER BY seq LIMIT ?"
)

// pruneAudit deletes entries of a strand older than a time, at most limit, from its beginning up to the first newer one,
// and stores the new beginning. more: there may be further ones. It keeps entries that do not fit and all after them:
// otherwise an attacker could date entries back and have telegate delete them.
func (tx *Tx) pruneAudit(s strand, before time.Time, limit int) (more bool, err error) {
	oldest, remove := oldestMain, "DELETE FROM audit WHERE seq <= ? AND event <> 'message.refused'"
	if s == strandRefused {
		oldest, remove = oldestRefused, "DELETE FROM audit WHERE seq <= ? AND event = 'message.refused'"
	}
	rows, err := all(tx, scanChained, oldest, limit)
	if err != nil || len(rows) == 0 || !rows[0].Time.Before(before) {
		return false, err
	}
	start, err := tx.chain.end(tx.q.row(selectEnd, s, placeStart), s, placeStart)
	if errors.Is(err, sql.ErrNoRows) || err == nil && !start.good {
		return false, errAuditEnds
	}
	if err != nil {
		return false, fmt.Errorf("read the beginning of the audit: %w", err)
	}
	n, last := 0, start.mark
	for ; n < len(rows) && rows[n].Time.Before(before); n++ {
		e := rows[n]
		if e.seq <= start.seq && e.mac == nil {
			continue // from before the chain
		}
		want := tx.chain.next(last.mac, e.seq, e.Entry, e.actor)
		if !hmac.Equal(e.mac, want[:]) {
			return false, fmt.Errorf("entry %d of the audit does not fit, so it and what follows are not pruned; telegate audit verify says more", e.seq)
		}
		last = mark{seq: e.seq, mac: want}
	}
	if _, err := tx.q.exec(remove, rows[n-1].seq); err != nil {
		return false, fmt.Errorf("prune audit: %w", err)
	}
	if last != start.mark {
		err = tx.chain.put(tx.q, s, placeStart, last, start.at)
	}
	return n == limit, err
}
