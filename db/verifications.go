package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"telegate/delivery"
	"telegate/twofa"
)

var (
	_ twofa.Store = (*DB)(nil)
	_ twofa.Tx    = (*Tx)(nil)
)

// UpdateVerifications runs fn in a writing transaction.
func (d *DB) UpdateVerifications(ctx context.Context, fn func(twofa.Tx) error) error {
	return d.update(ctx, func(tx *Tx) error { return fn(tx) })
}

// ViewVerifications runs fn in a reading transaction.
func (d *DB) ViewVerifications(ctx context.Context, fn func(twofa.Tx) error) error {
	return d.view(ctx, func(tx *Tx) error { return fn(tx) })
}

const selectVerification = `
	SELECT v.id, v.domain, v.user, v.link_id, v.purpose, v.binding, v.locale, v.status, v.reason, v.reported, v.code_mac,
	       v.attempts, v.sends, v.message_id, v.ip, v.user_agent, v.location, v.network,
	       v.created_at, v.expires_at, v.sent_at, v.ended_at,
	       coalesce(m.status, 'queued'), coalesce(m.failure, ''), coalesce(m.detail, '')
	FROM verifications v LEFT JOIN messages m ON m.id = v.message_id `

func scanVerification(row scanner) (twofa.Verification, error) {
	var v twofa.Verification
	var created, expires, sent, ended int64
	var failure delivery.Failure
	err := row.Scan(&v.ID, &v.Domain, &v.User, &v.LinkID, &v.Purpose, &v.Binding, &v.Locale, &v.Status, &v.Reason,
		&v.Reported, &v.CodeMAC, &v.Attempts, &v.Sends, &v.MessageID, &v.Context.IP, &v.Context.UserAgent,
		&v.Context.Location, &v.Network, &created, &expires, &sent, &ended,
		&v.Delivery.Status, &failure.Reason, &failure.Detail)
	if errors.Is(err, sql.ErrNoRows) {
		return v, twofa.ErrNotFound
	}
	if err != nil {
		return v, fmt.Errorf("read verification: %w", err)
	}
	v.Created, v.Expires, v.LastSent, v.Ended = fromMillis(created), fromMillis(expires), fromMillis(sent), fromMillis(ended)
	if failure.Reason != "" {
		v.Delivery.Failure = &failure
	}
	return v, nil
}

// InsertVerification implements twofa.Tx.
func (tx *Tx) InsertVerification(v twofa.Verification) error {
	_, err := tx.q.exec(`
		INSERT INTO verifications (id, domain, user, link_id, purpose, binding, locale, status, reason, reported, code_mac,
			attempts, sends, message_id, ip, user_agent, location, network, created_at, expires_at, sent_at, ended_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		v.ID, v.Domain, v.User, v.LinkID, v.Purpose, v.Binding, v.Locale, v.Status, v.Reason, v.Reported, v.CodeMAC,
		v.Attempts, v.Sends, v.MessageID, v.Context.IP, v.Context.UserAgent, v.Context.Location, v.Network,
		millis(v.Created), millis(v.Expires), millis(v.LastSent), millis(v.Ended))
	if err != nil {
		return fmt.Errorf("insert verification: %w", err)
	}
	return nil
}

// UpdateVerification implements twofa.Tx: a compare-and-set on "pending". Attempts have their own statement.
func (tx *Tx) UpdateVerification(v twofa.Verification) error {
	pending, err := tx.changed(`
		UPDATE verifications SET status = ?, reason = ?, reported = ?, code_mac = ?, sends = ?, message_id = ?, sent_at = ?,
			ended_at = ?
		WHERE id = ? AND status = 'pending'`,
		v.Status, v.Reason, v.Reported, v.CodeMAC, v.Sends, v.MessageID, millis(v.LastSent), millis(v.Ended), v.ID)
	if err != nil {
		return fmt.Errorf("update verification: %w", err)
	}
	if !pending {
		return twofa.ErrFinished
	}
	tx.touch(v.ID)
	return nil
}

// MarkReported implements twofa.Tx.
func (tx *Tx) MarkReported(id string) error {
	if _, err := tx.q.exec("UPDATE verifications SET reported = 1 WHERE id = ?", id); err != nil {
		return fmt.Errorf("report verification: %w", err)
	}
	tx.touch(id)
	return nil
}

// Verification implements twofa.Tx.
func (tx *Tx) Verification(id string) (twofa.Verification, error) {
	return scanVerification(tx.q.row(selectVerification+"WHERE v.id = ?", id))
}

// VerificationByMessage implements twofa.Tx.
func (tx *Tx) VerificationByMessage(messageID string) (twofa.Verification, error) {
	return scanVerification(tx.q.row(selectVerification+"WHERE v.message_id = ?", messageID))
}

// PendingVerifications implements twofa.Tx.
func (tx *Tx) PendingVerifications(domain, user string) ([]twofa.Verification, error) {
	return all(tx, scanVerification, selectVerification+
		"WHERE v.domain = ? AND v.user = ? AND v.status = 'pending' ORDER BY v.created_at", domain, user)
}

// CancelPending implements twofa.Tx.
func (tx *Tx) CancelPending(domain, reason string, now time.Time) (int, error) {
	return tx.cancelVerifications(reason, now, "domain = ?", domain)
}

// CancelVerifications implements linking.Tx.
func (tx *Tx) CancelVerifications(linkID, reason string, now time.Time) error {
	_, err := tx.cancelVerifications(reason, now, "link_id = ?", linkID)
	return err
}

// cancelVerifications cancels the pending verifications of a condition and their messages.
func (tx *Tx) cancelVerifications(reason string, now time.Time, condition, arg string) (int, error) {
	pending, err := all(tx, scanVerification, selectVerification+"WHERE v.status = 'pending' AND v."+condition, arg)
	if err != nil {
		return 0, err
	}
	for _, v := range pending {
		v.Status, v.Reason, v.Ended, v.CodeMAC = twofa.Canceled, reason, now, nil
		if !now.Before(v.Expires) { // it already reads as expired
			v.Status, v.Reason = twofa.Expired, ""
		}
		if err := tx.UpdateVerification(v); err != nil {
			return 0, err
		}
		if err := tx.CancelMessage(v.MessageID, now); err != nil {
			return 0, err
		}
	}
	return len(pending), nil
}

// CountAttempt implements twofa.Tx.
func (tx *Tx) CountAttempt(id string, max int, now time.Time) (bool, error) {
	return tx.changed(`
		UPDATE verifications SET attempts = attempts + 1
		WHERE id = ? AND status = 'pending' AND attempts < ? AND expires_at > ?`, id, max, millis(now))
}

// CreatedForUser implements twofa.Tx.
func (tx *Tx) CreatedForUser(domain, user string, p twofa.Purpose, since time.Time) (int, time.Time, error) {
	return tx.countSince("FROM verifications WHERE domain = ? AND user = ? AND purpose = ? AND created_at > ?",
		domain, user, p, millis(since))
}

// CreatedFromNetwork implements twofa.Tx.
func (tx *Tx) CreatedFromNetwork(domain, network string, p twofa.Purpose, since time.Time) (int, time.Time, error) {
	return tx.countSince("FROM verifications WHERE domain = ? AND network = ? AND network <> '' AND purpose = ? AND created_at > ?",
		domain, network, p, millis(since))
}

// UnansweredCodes implements twofa.Tx. It knows the verifications that are kept (keepVerifications). Whether a code arrived is known of the
// last one of a verification.
func (tx *Tx) UnansweredCodes(domain, user, linkID string, p twofa.Purpose) (int, time.Time, error) {
	var n int
	var last int64
	err := tx.q.row(`
		SELECT coalesce(sum(sends), 0), coalesce(max(sent_at), 0) FROM verifications
		WHERE domain = ?1 AND user = ?2 AND link_id = ?3 AND purpose = ?4 AND attempts = 0 AND status <> 'failed' AND created_at <= ?5
			AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.id = message_id AND m.status IN ('expired', 'canceled') AND m.sent_parts = 0)
			AND created_at >
			(SELECT coalesce(max(ended_at), 0) FROM verifications
			 WHERE domain = ?1 AND user = ?2 AND link_id = ?3 AND status = 'approved' AND ended_at <= ?5)`,
		domain, user, linkID, p, tx.latest()).Scan(&n, &last)
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("count unanswered codes: %w", err)
	}
	return n, fromMillis(last), nil
}

// SupersededAfterWrongCodes implements twofa.Tx.
func (tx *Tx) SupersededAfterWrongCodes(domain, user, linkID string, since time.Time) (found bool, err error) {
	err = tx.q.row(`SELECT EXISTS (SELECT 1 FROM verifications WHERE domain = ? AND user = ? AND link_id = ? AND purpose = ?
		AND attempts > 0 AND status = 'canceled' AND reason = ? AND ended_at > ?)`,
		domain, user, linkID, twofa.Login, twofa.Superseded, millis(since)).Scan(&found)
	if err != nil {
		return false, fmt.Errorf("look for wrong codes: %w", err)
	}
	return found, nil
}

// ExpiredVerifications implements twofa.Tx.
func (tx *Tx) ExpiredVerifications(now time.Time, limit int) ([]twofa.Verification, error) {
	return all(tx, scanVerification, selectVerification+"WHERE v.status = 'pending' AND v.expires_at <= ? LIMIT ?", millis(now), limit)
}

const selectFactor = `
	SELECT l.id, l.status <> 'verified', l.status = 'suspended' AND l.reason = 'blocked', l.bot_id, l.chat_id, l.failures, l.wait_until,
	       l.cooling_until, l.warned_at, coalesce(c.language, ''), l.display_name,
	       EXISTS (SELECT 1 FROM links o WHERE o.bot_id = l.bot_id AND o.chat_id = l.chat_id AND o.chat_id <> 0
	               AND o.status IN ('verified', 'suspended') AND o.id <> l.id)
	FROM links l LEFT JOIN chats c ON c.bot_id = l.bot_id AND c.chat_id = l.chat_id `

func (tx *Tx) scanFactor(row scanner) (twofa.Factor, error) {
	var f twofa.Factor
	var wait, cooling, warned int64
	err := row.Scan(&f.LinkID, &f.Suspended, &f.Blocked, &f.BotID, &f.ChatID, &f.Failures, &wait, &cooling, &warned, &f.Language,
		&f.DisplayName, &f.Shared)
	if errors.Is(err, sql.ErrNoRows) {
		return f, twofa.ErrNotFound
	}
	if err != nil {
		return f, fmt.Errorf("read factor: %w", err)
	}
	f.WaitUntil, f.CoolingUntil, f.Warned = tx.waitUntil(wait, twofa.LongestWait), tx.waitUntil(cooling, twofa.CoolingOff), fromMillis(warned)
	return f, nil
}

// Factor implements twofa.Tx.
func (tx *Tx) Factor(domain, user string) (twofa.Factor, error) {
	return tx.scanFactor(tx.q.row(selectFactor+
		"WHERE l.domain = ? AND l.user = ? AND l.status IN ('verified', 'suspended')", domain, user))
}

// FactorOfLink implements twofa.Tx.
func (tx *Tx) FactorOfLink(linkID string) (twofa.Factor, error) {
	return tx.scanFactor(tx.q.row(selectFactor+"WHERE l.id = ?", linkID))
}

// SaveFactor implements twofa.Tx.
func (tx *Tx) SaveFactor(f twofa.Factor) error {
	_, err := tx.q.exec("UPDATE links SET failures = ?, wait_until = ?, cooling_until = ?, warned_at = ? WHERE id = ?",
		f.Failures, millis(f.WaitUntil), millis(f.CoolingUntil), millis(f.Warned), f.LinkID)
	if err == nil && f.Suspended {
		_, err = tx.q.exec(
			"UPDATE links SET status = 'suspended', reason = 'too_many_failures' WHERE id = ? AND status = 'verified'", f.LinkID)
	}
	if err != nil {
		return fmt.Errorf("save factor: %w", err)
	}
	tx.touch(f.LinkID)
	return nil
}
