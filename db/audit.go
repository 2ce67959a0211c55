package db

import (
	"context"
	"errors"
	"fmt"
	"time"

	"telegate/internal/audit"
)

// Audit writes an entry in the transaction of its act; it implements the Tx of linking and twofa.
func (tx *Tx) Audit(e audit.Entry) error {
	if tx.chain == nil {
		return errors.New("write audit: this transaction only reads")
	}
	s, seq := strandOf(e.Event), tx.chain.seq+1
	m := tx.chain.next(tx.chain.head[s].mac, seq, e, tx.actor)
	_, err := tx.q.exec(`
		INSERT INTO audit (seq, at, event, domain, user, subject, outcome, purpose, actor, ip, user_agent, location, mac)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		seq, millis(e.Time), e.Event, e.Domain, e.User, e.Subject, e.Outcome, e.Purpose, tx.actor, e.Context.IP, e.Context.UserAgent, e.Context.Location, m[:])
	if err != nil {
		return fmt.Errorf("write audit: %w", err)
	}
	tx.chain.seq, tx.chain.head[s] = seq, mark{seq, m}
	tx.audited = append(tx.audited, e)
	return nil
}

// AuditTrail lists the entries of a user since a time, oldest first.
func (d *DB) AuditTrail(ctx context.Context, domain, user string, since time.Time) ([]audit.Entry, error) {
	var list []audit.Entry
	err := d.view(ctx, func(tx *Tx) (err error) {
		list, err = all(tx, scanEntry, `
			SELECT at, event, domain, user, subject, outcome, purpose, actor, ip, user_agent, location FROM audit
			WHERE domain = ? AND user = ? AND at >= ? ORDER BY seq`, domain, user, millis(since))
		return err
	})
	return list, err
}

const (
	auditBetween = `
		SELECT at, event, domain, user, subject, outcome, purpose, actor, ip, user_agent, location FROM audit
		WHERE domain = ? AND user = ? AND user <> '' AND at BETWEEN ? AND ? ORDER BY at DESC, seq DESC LIMIT ?`
	refusalsOfDomain = "SELECT count(*) FROM audit WHERE event = 'message.refused' AND at > ? AND domain = ?"
	refusalsAlike    = `SELECT count(*) FROM audit
		WHERE domain = ? AND user = ? AND user <> '' AND at > ? AND event = 'message.refused' AND subject = ? AND outcome = ?`
)

// AuditBetween implements notify.Tx.
func (tx *Tx) AuditBetween(domain, user string, since, until time.Time, limit int) ([]audit.Entry, error) {
	return all(tx, scanEntry, auditBetween, domain, user, millis(since), millis(until), limit)
}

// RefusalsSince implements notify.Tx.
func (tx *Tx) RefusalsSince(e audit.Entry, since time.Time) (all, same int, err error) {
	err = tx.q.row(refusalsOfDomain, millis(since), e.Domain).Scan(&all)
	if err == nil {
		err = tx.q.row(refusalsAlike, e.Domain, e.User, millis(since), e.Subject, e.Outcome).Scan(&same)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("count refusals: %w", err)
	}
	return all, same, nil
}

func scanEntry(row scanner) (audit.Entry, error) {
	var e audit.Entry
	var at int64
	err := row.Scan(&at, &e.Event, &e.Domain, &e.User, &e.Subject, &e.Outcome, &e.Purpose, &e.Actor,
		&e.Context.IP, &e.Context.UserAgent, &e.Context.Location)
	if err != nil {
		return e, fmt.Errorf("read audit: %w", err)
	}
	e.Time = fromMillis(at)
	return e, nil
}

// WriteAudit writes an entry in a transaction of its own.
func (d *DB) WriteAudit(ctx context.Context, e audit.Entry) error {
	return d.update(ctx, func(tx *Tx) error { return tx.Audit(e) })
}
