package db

import (
	"context"
	"fmt"
	"time"
)

// How long rows are kept after they have lost their use.
const (
	keepAnswers       = 24 * time.Hour // Idempotency-Key
	keepUpdates       = 7 * 24 * time.Hour
	keepVerifications = 48 * time.Hour // the answer stays readable for 24 h after an end that comes within minutes
	keepMessages      = 30 * 24 * time.Hour
	keepDead          = 7 * 24 * time.Hour  // texts of messages that did not arrive
	keepReplies       = time.Hour           // strangers cause them
	keepUnproven      = 30 * 24 * time.Hour // links that never were
	keepRefused       = 30 * 24 * time.Hour // in the audit: as long as messages
	keepAudit         = 400 * 24 * time.Hour
	keepCounts        = 7 * 24 * time.Hour // messages of a day through a person's account
)

// pruneRows bounds one delete, so that no sign-in waits behind a long one.
const pruneRows = 1000

const (
	wipeDead = `UPDATE messages SET body = NULL WHERE seq IN
		(SELECT seq FROM messages WHERE ended_at <> 0 AND ended_at < ? AND body IS NOT NULL LIMIT ?)`
	pruneRefused = "DELETE FROM audit WHERE seq IN (SELECT seq FROM audit WHERE event = 'message.refused' AND at < ? LIMIT ?)"
)

// Prune deletes, or wipes, what is past its time, in short transactions. Proven links stay: they are the record of who was bound when
// (NIST SP 800-63B-4 §4.1).
func (d *DB) Prune(ctx context.Context, now time.Time) error {
	for _, p := range []struct {
		query string
		keep  time.Duration
	}{
		{"DELETE FROM answers WHERE key IN (SELECT key FROM answers WHERE created_at < ? LIMIT ?)", keepAnswers},
		{`DELETE FROM updates WHERE (bot_id, update_id) IN
			(SELECT bot_id, update_id FROM updates WHERE stored_at < ? AND raw IS NULL LIMIT ?)`, keepUpdates},
		{`DELETE FROM verifications WHERE id IN (SELECT id FROM verifications WHERE created_at < ? LIMIT ?)`, keepVerifications},
		{"DELETE FROM messages WHERE seq IN (SELECT seq FROM messages WHERE ended_at <> 0 AND ended_at < ? LIMIT ?)", keepMessages},
		{`DELETE FROM messages WHERE seq IN
			(SELECT seq FROM messages WHERE ended_at <> 0 AND ended_at < ? AND purpose = 'reply' LIMIT ?)`, keepReplies},
		{wipeDead, keepDead},
		{`DELETE FROM waiting_codes WHERE (bot_id, name, domain) IN
			(SELECT bot_id, name, domain FROM waiting_codes WHERE expires_at < ? LIMIT ?)`, 0},
		{"DELETE FROM links WHERE id IN (SELECT id FROM links WHERE created_at < ? AND verified_at = 0 LIMIT ?)", keepUnproven},
		{pruneRefused, keepRefused},
		{"DELETE FROM audit WHERE seq IN (SELECT seq FROM audit WHERE at < ? LIMIT ?)", keepAudit},
		{"DELETE FROM broadcasts WHERE id IN (SELECT id FROM broadcasts WHERE ended_at <> 0 AND ended_at < ? LIMIT ?)", keepAudit},
		{`DELETE FROM pauses WHERE (bot_id, chat_id) IN (SELECT bot_id, chat_id FROM pauses WHERE until < ? LIMIT ?)`, 0},
		{`DELETE FROM flood_waits WHERE (account, method) IN (SELECT account, method FROM flood_waits WHERE until < ? LIMIT ?)`, 0},
		{`DELETE FROM daily_sends WHERE (account, day) IN (SELECT account, day FROM daily_sends WHERE last_at < ? LIMIT ?)`, keepCounts},
	} {
		for more := true; more; {
			err := d.update(ctx, func(tx *Tx) error {
				res, err := tx.q.exec(p.query, millis(now.Add(-p.keep)), pruneRows)
				if err != nil {
					return err
				}
				n, err := res.RowsAffected()
				more = n == pruneRows
				return err
			})
			if err != nil {
				return fmt.Errorf("prune: %w", err)
			}
		}
	}
	return nil
}
