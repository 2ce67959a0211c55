package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"telegate/delivery"
	"telegate/notify"
)

var (
	_ notify.Store   = (*DB)(nil)
	_ notify.Tx      = (*Tx)(nil)
	_ delivery.Store = (*DB)(nil)
)

// UpdateMessages runs fn in a writing transaction.
func (d *DB) UpdateMessages(ctx context.Context, fn func(notify.Tx) error) error {
	return d.update(ctx, func(tx *Tx) error { return fn(tx) })
}

// ViewMessages runs fn in a reading transaction.
func (d *DB) ViewMessages(ctx context.Context, fn func(notify.Tx) error) error {
	return d.view(ctx, func(tx *Tx) error { return fn(tx) })
}

// Enqueue stores a message. The dispatcher learns of it after the commit, unless it has already ended.
func (tx *Tx) Enqueue(m delivery.Message) error {
	if m.Status == "" {
		m.Status = delivery.StatusQueued
	}
	var body []byte
	if !m.Status.Final() || m.KeepsBody() {
		plain, err := json.Marshal(m.Body)
		if err != nil {
			return fmt.Errorf("encode message body: %w", err)
		}
		body = tx.keys.seal(plain, m.ID)
	}
	var failure delivery.Failure
	if m.Failure != nil {
		failure = *m.Failure
	}
	res, err := tx.q.exec(`
		INSERT INTO messages (id, domain, user, bot_id, chat_id, lane, purpose, silent, body, dedupe, broadcast, status, failure, detail,
			created_at, expires_at, ended_at, request, asked_for)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		m.ID, m.Domain, m.User, m.BotID, m.ChatID, m.Lane, m.Purpose, m.Silent, body, m.Dedupe, m.Broadcast, m.Status,
		failure.Reason, failure.Detail, millis(m.Created), millis(m.Expires), millis(m.Ended), tx.request, m.AskedFor)
	if err != nil {
		return fmt.Errorf("insert message: %w", err)
	}
	if m.Status.Final() {
		tx.ended = append(tx.ended, delivery.Message{ID: m.ID, Lane: m.Lane, Status: m.Status, Failure: m.Failure})
		return nil
	}
	seq, err := res.LastInsertId()
	if err != nil {
		return fmt.Errorf("insert message: %w", err)
	}
	tx.queued = append(tx.queued, delivery.Queued{
		Seq: seq, ID: m.ID, BotID: m.BotID, ChatID: m.ChatID, Lane: m.Lane, Created: m.Created, Expires: m.Expires,
		Domain: m.Domain, Broadcast: m.Broadcast,
	})
	return nil
}

const selectMessage = `
	SELECT id, domain, user, bot_id, chat_id, lane, purpose, silent, body, sent_parts, attempts, dedupe, status, transport,
	       failure, detail, created_at, expires_at, ended_at, broadcast, suppressed, suppressed_at, resent_as, request
	FROM messages `

// scanMessage reads a message, and decrypts its body if withBody.
func (tx *Tx) scanMessage(row scanner, withBody bool) (delivery.Message, error) {
	var m delivery.Message
	var body []byte
	var failure delivery.Failure
	var created, expires, ended, suppressed int64
	err := row.Scan(&m.ID, &m.Domain, &m.User, &m.BotID, &m.ChatID, &m.Lane, &m.Purpose, &m.Silent, &body, &m.SentParts,
		&m.Attempts, &m.Dedupe, &m.Status, &m.Transport, &failure.Reason, &failure.Detail, &created, &expires, &ended,
		&m.Broadcast, &m.Suppressed, &suppressed, &m.ResentAs, &m.Request)
	if errors.Is(err, sql.ErrNoRows) {
		return m, delivery.ErrNotFound
	}
	if err != nil {
		return m, fmt.Errorf("read message: %w", err)
	}
	m.Created, m.Expires, m.Ended = fromMillis(created), fromMillis(expires), fromMillis(ended)
	m.SuppressedAt = fromMillis(suppressed)
	if failure.Reason != "" {
		m.Failure = &failure
	}
	if !withBody || body == nil {
		return m, nil
	}
	plain, err := tx.keys.open(body, m.ID)
	if err == nil {
		err = json.Unmarshal(plain, &m.Body)
	}
	if err != nil { // a damaged or exchanged body: the message must still be able to end
		m.Body, m.BodyErr = delivery.Body{}, fmt.Errorf("open message body: %w", err)
	}
	return m, nil
}

// Message implements notify.Tx; the body is left out.
func (tx *Tx) Message(id string) (delivery.Message, error) {
	return tx.scanMessage(tx.q.row(selectMessage+"WHERE id = ?", id), false)
}

// DeadLetter implements notify.Tx.
func (tx *Tx) DeadLetter(id string) (delivery.Message, error) {
	return tx.scanMessage(tx.q.row(selectMessage+"WHERE id = ?", id), true)
}

// SetResent implements notify.Tx.
func (tx *Tx) SetResent(id, resentAs string) error {
	if _, err := tx.q.exec("UPDATE messages SET resent_as = ? WHERE id = ?", resentAs, id); err != nil {
		return fmt.Errorf("note what was sent again: %w", err)
	}
	tx.touch(id)
	return nil
}

// CountSuppressed implements notify.Tx.
func (tx *Tx) CountSuppressed(id string, now time.Time) error {
	_, err := tx.q.exec("UPDATE messages SET suppressed = suppressed + 1, suppressed_at = ? WHERE id = ?", millis(now), id)
	if err != nil {
		return fmt.Errorf("count a repeat: %w", err)
	}
	tx.touch(id)
	return nil
}

// DuplicateOf implements notify.Tx. A message that did not arrive suppresses no repeat.
func (tx *Tx) DuplicateOf(domain string, botID, chatID int64, dedupe string, since time.Time) (delivery.Message, error) {
	return tx.scanMessage(tx.q.row(selectMessage+`
		WHERE domain = ? AND chat_id = ? AND dedupe = ? AND dedupe <> '' AND created_at > ? AND created_at <= ? AND bot_id = ?
			AND status NOT IN ('failed', 'expired', 'canceled')
		ORDER BY created_at LIMIT 1`, domain, chatID, dedupe, millis(since), tx.latest(), botID), false)
}

// CodesSent implements notify.Tx.
func (tx *Tx) CodesSent(botID, chatID int64, purpose string, since time.Time) ([]delivery.SentCode, error) {
	return all(tx, scanSentCode, `SELECT domain, CASE user WHEN '' THEN asked_for ELSE user END, created_at FROM messages
		WHERE bot_id = ? AND chat_id = ? AND purpose = ? AND purpose <> '' AND created_at > ? AND created_at <= ? ORDER BY created_at`,
		botID, chatID, purpose, millis(since), tx.latest())
}

func scanSentCode(row scanner) (delivery.SentCode, error) {
	var c delivery.SentCode
	var sent int64
	err := row.Scan(&c.Domain, &c.User, &sent)
	c.Sent = fromMillis(sent)
	return c, err
}

// CancelMessage implements twofa.Tx; an ended message stays unchanged.
func (tx *Tx) CancelMessage(id string, now time.Time) error {
	m := delivery.Message{ID: id, Status: delivery.StatusCanceled}
	err := tx.q.row(`UPDATE messages SET status = 'canceled', body = NULL, ended_at = ?
		WHERE id = ? AND status IN ('queued', 'sending') RETURNING lane, broadcast`, millis(now), id).Scan(&m.Lane, &m.Broadcast)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cancel message: %w", err)
	}
	tx.ended = append(tx.ended, m)
	tx.touch(id)
	tx.touchBroadcast(m.Broadcast)
	return nil
}

// CancelMessages implements linking.Tx.
func (tx *Tx) CancelMessages(domain, user string, botID, chatID int64) error {
	ids, err := all(tx, func(row scanner) (id string, err error) { err = row.Scan(&id); return id, err }, `
		SELECT id FROM messages
		WHERE bot_id = ? AND chat_id = ? AND domain = ? AND status IN ('queued', 'sending')
		  AND (user = ? AND user <> '' OR user = '' AND purpose IN ('login', 'link'))`, botID, chatID, domain, user)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := tx.CancelMessage(id, tx.now); err != nil {
			return err
		}
	}
	return nil
}

// Waiting implements delivery.Store.
func (d *DB) Waiting(ctx context.Context, after int64, limit int) ([]delivery.Queued, error) {
	var list []delivery.Queued
	err := d.view(ctx, func(tx *Tx) (err error) {
		list, err = all(tx, scanQueued, `
			SELECT seq, id, bot_id, chat_id, lane, created_at, expires_at, domain, broadcast FROM messages
			WHERE status IN ('queued', 'sending') AND seq > ? ORDER BY seq LIMIT ?`, after, limit)
		return err
	})
	return list, err
}

// OldestWaiting is when the oldest queued message of some lanes was accepted; zero if there is none.
func (d *DB) OldestWaiting(ctx context.Context, lanes ...delivery.Lane) (time.Time, error) {
	var oldest time.Time
	err := d.view(ctx, func(tx *Tx) error {
		for _, lane := range lanes {
			var created int64
			err := tx.q.row(`SELECT created_at FROM messages
				WHERE status IN ('queued', 'sending') AND lane = ? ORDER BY seq LIMIT 1`, lane).Scan(&created)
			if errors.Is(err, sql.ErrNoRows) {
				continue
			}
			if err != nil {
				return fmt.Errorf("read queue: %w", err)
			}
			if at := fromMillis(created); oldest.IsZero() || at.Before(oldest) {
				oldest = at
			}
		}
		return nil
	})
	return oldest, err
}

func scanQueued(row scanner) (delivery.Queued, error) {
	var q delivery.Queued
	var created, expires int64
	if err := row.Scan(&q.Seq, &q.ID, &q.BotID, &q.ChatID, &q.Lane, &created, &expires, &q.Domain, &q.Broadcast); err != nil {
		return q, fmt.Errorf("read queue: %w", err)
	}
	q.Created, q.Expires = fromMillis(created), fromMillis(expires)
	return q, nil
}

// Load implements delivery.Store.
func (d *DB) Load(ctx context.Context, id string) (delivery.Message, error) {
	var m delivery.Message
	err := d.view(ctx, func(tx *Tx) (err error) {
		m, err = tx.scanMessage(tx.q.row(selectMessage+"WHERE id = ?", id), true)
		if err != nil || m.Broadcast == "" || m.Status != delivery.StatusQueued {
			return err
		}
		canceled, err := tx.canceled(m.Broadcast)
		if canceled {
			m.Status = delivery.StatusCanceled // its row follows soon; no send may begin
		}
		return err
	})
	return m, err
}

// SaveProgress implements delivery.Store. delivery.Message.KeepsBody decides whether the body stays after the end.
func (d *DB) SaveProgress(ctx context.Context, p delivery.Progress) error {
	var failure delivery.Failure
	if p.Failure != nil {
		failure = *p.Failure
	}
	gone := false
	err := d.update(ctx, func(tx *Tx) error {
		var broadcast string
		err := tx.q.row(`
			UPDATE messages SET status = ?1, sent_parts = ?2, attempts = ?3, transport = ?4, failure = ?5, detail = ?6, ended_at = ?7,
				body = CASE WHEN ?7 = 0 OR ?1 IN ('failed', 'expired', 'unknown') AND lane <> 'code' AND purpose <> 'reply' THEN body END
			WHERE id = ?8 AND status IN ('queued', 'sending') RETURNING broadcast`,
			p.Status, p.SentParts, p.Attempts, p.Transport, failure.Reason, failure.Detail, millis(p.Ended), p.ID).Scan(&broadcast)
		if gone = errors.Is(err, sql.ErrNoRows); gone {
			return tx.saveLateAttempt(p)
		}
		if err != nil {
			return fmt.Errorf("save progress: %w", err)
		}
		tx.touch(p.ID)
		if p.Status != delivery.StatusSending {
			tx.touchBroadcast(broadcast)
		}
		if p.Attempt == nil {
			return nil
		}
		return tx.saveAttempt(p.ID, *p.Attempt)
	})
	if err == nil && gone {
		err = delivery.ErrEnded
	}
	return err
}

// saveLateAttempt stores the send of a message that was canceled while it was being sent.
func (tx *Tx) saveLateAttempt(p delivery.Progress) error {
	if p.Attempt == nil || p.Status == delivery.StatusSending { // not sent, and never will be
		return nil
	}
	_, err := tx.q.exec("UPDATE messages SET sent_parts = ?, attempts = ? WHERE id = ?", p.SentParts, p.Attempts, p.ID)
	if err != nil {
		return fmt.Errorf("save progress: %w", err)
	}
	tx.touch(p.ID)
	return tx.saveAttempt(p.ID, *p.Attempt)
}

// Pauses implements delivery.Store.
func (d *DB) Pauses(ctx context.Context) ([]delivery.Pause, error) {
	var list []delivery.Pause
	err := d.view(ctx, func(tx *Tx) (err error) {
		list, err = all(tx, func(row scanner) (delivery.Pause, error) {
			var p delivery.Pause
			var asked, until int64
			err := row.Scan(&p.BotID, &p.ChatID, &asked, &until)
			p.Asked, p.Until = fromMillis(asked), fromMillis(until)
			return p, err
		}, "SELECT bot_id, chat_id, asked_at, until FROM pauses")
		return err
	})
	return list, err
}

// SavePause implements delivery.Store. The longer of two waits counts.
func (d *DB) SavePause(ctx context.Context, p delivery.Pause) error {
	return d.update(ctx, func(tx *Tx) error {
		_, err := tx.q.exec(`INSERT INTO pauses (bot_id, chat_id, asked_at, until) VALUES (?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET asked_at = excluded.asked_at, until = excluded.until WHERE excluded.until > until`,
			p.BotID, p.ChatID, millis(p.Asked), millis(p.Until.Add(time.Millisecond-1))) // rounded up: never too early
		if err != nil {
			return fmt.Errorf("save pause: %w", err)
		}
		return nil
	})
}

// Migrate implements delivery.Store.
func (d *DB) Migrate(ctx context.Context, botID, from, to int64) error {
	return d.update(ctx, func(tx *Tx) error { return tx.MigrateChat(botID, from, to) })
}
