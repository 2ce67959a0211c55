package db

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Retention is how long to keep rows that are no longer needed.
type Retention struct {
	Messages time.Duration // ended ones, with their attempts, and refusals in the audit
	Updates  time.Duration // ids of handled updates
	Audit    time.Duration // and ended broadcasts with their counts
}

// Retention of other rows.
const (
	keepAnswers       = 24 * time.Hour      // Idempotency-Key
	keepVerifications = 48 * time.Hour      // a result is readable for 24 h after the end, which comes within minutes
	keepDead          = 7 * 24 * time.Hour  // texts of dead letters
	keepReplies       = time.Hour           // strangers cause them
	keepUnproven      = 30 * 24 * time.Hour // links that were never proven, and their wrong codes
	keepStrangers     = 30 * 24 * time.Hour // chats that nothing needs
	keepCounts        = 7 * 24 * time.Hour  // messages per day of a user account
)

// pruneRows limits one delete to some milliseconds, because every sign-in waits for the same writer. pruneRest is the pause
// between two deletes.
const (
	pruneRows = 200
	pruneRest = 10 * time.Millisecond
)

const wipeDead = `UPDATE messages SET body = NULL WHERE seq IN
	(SELECT seq FROM messages WHERE ended_at <> 0 AND ended_at < ? AND body IS NOT NULL LIMIT ?)`

// Prune deletes or wipes expired rows in short transactions. Proven links stay: they record which user was bound when (NIST
// SP 800-63B-4 §4.1). An error with one kind of rows does not stop the others.
func (d *DB) Prune(ctx context.Context, now time.Time, keep Retention) error {
	var errs []error
	for _, p := range []struct {
		query string
		keep  time.Duration
	}{
		{"DELETE FROM answers WHERE key IN (SELECT key FROM answers WHERE created_at < ? LIMIT ?)", keepAnswers},
		{`DELETE FROM updates WHERE (bot_id, update_id) IN
			(SELECT bot_id, update_id FROM updates WHERE stored_at < ? AND raw IS NULL LIMIT ?)`, keep.Updates},
		{`DELETE FROM verifications WHERE id IN (SELECT id FROM verifications WHERE created_at < ? LIMIT ?)`, keepVerifications},
		{"DELETE FROM messages WHERE seq IN (SELECT seq FROM messages WHERE ended_at <> 0 AND ended_at < ? LIMIT ?)", keep.Messages},
		{`DELETE FROM messages WHERE seq IN
			(SELECT seq FROM messages WHERE ended_at <> 0 AND ended_at < ? AND purpose = 'reply' LIMIT ?)`, min(keepReplies, keep.Messages)},
		{wipeDead, keepDead},
		{`DELETE FROM waiting_codes WHERE (bot_id, name, domain) IN
			(SELECT bot_id, name, domain FROM waiting_codes WHERE expires_at < ? LIMIT ?)`, 0},
		{"DELETE FROM links WHERE id IN (SELECT id FROM links WHERE created_at < ? AND verified_at = 0 LIMIT ?)", keepUnproven},
		{`DELETE FROM confirm_failures WHERE (domain, user, bot_id, chat_id) IN
			(SELECT domain, user, bot_id, chat_id FROM confirm_failures WHERE failed_at < ? LIMIT ?)`, keepUnproven},
		{"DELETE FROM broadcasts WHERE id IN (SELECT id FROM broadcasts WHERE ended_at <> 0 AND ended_at < ? LIMIT ?)", keep.Audit},
		{`DELETE FROM pauses WHERE (bot_id, chat_id) IN (SELECT bot_id, chat_id FROM pauses WHERE until < ? LIMIT ?)`, 0},
		{`DELETE FROM flood_waits WHERE (account, method) IN (SELECT account, method FROM flood_waits WHERE until < ? LIMIT ?)`, 0},
		{`DELETE FROM daily_sends WHERE (account, day) IN (SELECT account, day FROM daily_sends WHERE last_at < ? LIMIT ?)`, keepCounts},
	} {
		errs = append(errs, d.pruneAll(ctx, func(tx *Tx) (bool, error) {
			res, err := tx.q.exec(p.query, millis(now.Add(-p.keep)), pruneRows)
			if err != nil {
				return false, err
			}
			n, err := res.RowsAffected()
			return n == pruneRows, err
		}))
	}
	errs = append(errs, d.pruneAll(ctx, func(tx *Tx) (bool, error) { return tx.pruneStrangers(now.Add(-keepStrangers), now, pruneRows) }))
	for s, keep := range map[strand]time.Duration{strandMain: keep.Audit, strandRefused: min(keep.Messages, keep.Audit)} {
		errs = append(errs, d.pruneAll(ctx, func(tx *Tx) (bool, error) { return tx.pruneAudit(s, now.Add(-keep), pruneRows) }))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("prune: %w", err)
	}
	return nil
}

// pruneAll repeats a step until nothing is left, with pauses for other writers.
func (d *DB) pruneAll(ctx context.Context, step func(*Tx) (more bool, err error)) error {
	for {
		var more bool
		err := d.update(ctx, func(tx *Tx) (err error) { more, err = step(tx); return err })
		if err != nil || !more {
			return err
		}
		select {
		case <-time.After(pruneRest):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
