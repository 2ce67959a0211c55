package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"telegate/delivery"
	"telegate/notify"
)

var (
	_ notify.BroadcastStore = (*DB)(nil)
	_ notify.BroadcastTx    = (*Tx)(nil)
)

// UpdateBroadcasts runs fn in a writing transaction.
func (d *DB) UpdateBroadcasts(ctx context.Context, fn func(notify.BroadcastTx) error) error {
	return d.update(ctx, func(tx *Tx) error { return fn(tx) })
}

// ViewBroadcasts runs fn in a reading transaction.
func (d *DB) ViewBroadcasts(ctx context.Context, fn func(notify.BroadcastTx) error) error {
	return d.view(ctx, func(tx *Tx) error { return fn(tx) })
}

// touchBroadcast tells the broadcaster that a message of a broadcast has changed; an empty id does nothing.
func (tx *Tx) touchBroadcast(id string) {
	if id != "" {
		tx.touch(notify.BroadcastNews)
	}
}

// CountAudience implements notify.BroadcastTx.
func (tx *Tx) CountAudience(domain string, users []string) (notify.Audience, error) {
	var linked, blocked int
	if users == nil {
		err := tx.q.row(`
			SELECT count(*), coalesce(sum(coalesce(c.blocked, 0)), 0)
			FROM links l LEFT JOIN chats c ON c.bot_id = l.bot_id AND c.chat_id = l.chat_id
			WHERE l.domain = ? AND l.status IN ('verified', 'suspended')`, domain).Scan(&linked, &blocked)
		if err != nil {
			return notify.Audience{}, fmt.Errorf("count audience: %w", err)
		}
		return notify.Audience{Reachable: linked - blocked, Blocked: blocked}, nil
	}
	list, err := json.Marshal(users)
	if err != nil {
		return notify.Audience{}, fmt.Errorf("encode audience: %w", err)
	}
	err = tx.q.row(`
		SELECT count(*), coalesce(sum(coalesce(c.blocked, 0)), 0)
		FROM json_each(?) u CROSS JOIN links l ON l.domain = ? AND l.user = u.value AND l.status IN ('verified', 'suspended')
		LEFT JOIN chats c ON c.bot_id = l.bot_id AND c.chat_id = l.chat_id`, string(list), domain).Scan(&linked, &blocked)
	if err != nil {
		return notify.Audience{}, fmt.Errorf("count audience: %w", err)
	}
	return notify.Audience{Reachable: linked - blocked, Unlinked: len(users) - linked, Blocked: blocked}, nil
}

// InsertBroadcast implements notify.BroadcastTx.
func (tx *Tx) InsertBroadcast(b notify.Broadcast) error {
	body, err := json.Marshal(b.Body)
	if err != nil {
		return fmt.Errorf("encode broadcast: %w", err)
	}
	_, err = tx.q.exec(`
		INSERT INTO broadcasts (id, domain, body, silent, everybody, status, reachable, unlinked, blocked, lifetime, created_at, send_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		b.ID, b.Domain, tx.keys.seal(body, b.ID), b.Silent, b.Everybody, b.Status, b.Audience.Reachable, b.Audience.Unlinked,
		b.Audience.Blocked, b.Lifetime.Milliseconds(), millis(b.Created), millis(b.SendAt))
	if err != nil {
		return fmt.Errorf("insert broadcast: %w", err)
	}
	piece := 0
	for users := range slices.Chunk(b.Users, notify.ListPiece) {
		list, err := json.Marshal(users)
		if err != nil {
			return fmt.Errorf("encode audience: %w", err)
		}
		_, err = tx.q.exec("INSERT INTO audience (broadcast, piece, size, users) VALUES (?, ?, ?, ?)", b.ID, piece, len(users), string(list))
		if err != nil {
			return fmt.Errorf("insert audience: %w", err)
		}
		piece++
	}
	tx.touchBroadcast(b.ID)
	return nil
}

const broadcastColumns = `b.id, b.domain, b.silent, b.everybody, b.status, b.reachable, b.unlinked, b.blocked, b.cursor, b.body IS NULL,
	b.counts, b.lifetime, b.created_at, b.send_at, b.ended_at`

// scanBroadcast reads the columns of a broadcast, and the further columns of the query.
func scanBroadcast(row scanner, more ...any) (notify.Broadcast, error) {
	var b notify.Broadcast
	var counts string
	var lifetime, created, sendAt, ended int64
	err := row.Scan(append([]any{&b.ID, &b.Domain, &b.Silent, &b.Everybody, &b.Status, &b.Audience.Reachable, &b.Audience.Unlinked,
		&b.Audience.Blocked, &b.Cursor, &b.Expanded, &counts, &lifetime, &created, &sendAt, &ended}, more...)...)
	if errors.Is(err, sql.ErrNoRows) {
		return b, notify.ErrBroadcastNotFound
	}
	if err != nil {
		return b, fmt.Errorf("read broadcast: %w", err)
	}
	b.Lifetime = time.Duration(lifetime) * time.Millisecond
	b.Created, b.SendAt, b.Ended = fromMillis(created), fromMillis(sendAt), fromMillis(ended)
	if counts != "" {
		if err := json.Unmarshal([]byte(counts), &b.Counts); err != nil {
			return b, fmt.Errorf("decode counts of broadcast: %w", err)
		}
	}
	return b, nil
}

// Broadcast implements notify.BroadcastTx.
func (tx *Tx) Broadcast(id string) (notify.Broadcast, error) {
	return scanBroadcast(tx.q.row("SELECT "+broadcastColumns+" FROM broadcasts b WHERE id = ?", id))
}

// Broadcasts implements notify.BroadcastTx.
func (tx *Tx) Broadcasts(domain, after string, limit int) ([]notify.Broadcast, error) {
	return all(tx, func(row scanner) (notify.Broadcast, error) { return scanBroadcast(row) }, "SELECT "+broadcastColumns+`
		FROM broadcasts b
		WHERE domain = ?1 AND (?2 = '' OR (created_at, id) < (SELECT created_at, id FROM broadcasts WHERE domain = ?1 AND id = ?2))
		ORDER BY created_at DESC, id DESC LIMIT ?3`, domain, after, limit)
}

// ActiveBroadcasts implements notify.BroadcastTx.
func (tx *Tx) ActiveBroadcasts(now time.Time) ([]notify.ActiveBroadcast, time.Time, error) {
	list, err := all(tx, func(row scanner) (a notify.ActiveBroadcast, err error) {
		a.Broadcast, err = scanBroadcast(row, &a.BodySize, &a.Open)
		return a, err
	}, "SELECT "+broadcastColumns+`, coalesce(length(b.body), 0),
		(SELECT count(*) FROM messages m WHERE m.broadcast = b.id AND m.broadcast <> '' AND m.status IN ('queued', 'sending'))
		FROM broadcasts b WHERE ended_at = 0 AND (send_at <= ? OR status = 'canceled') ORDER BY send_at`, millis(now))
	if err != nil {
		return nil, time.Time{}, err
	}
	var next int64
	err = tx.q.row("SELECT coalesce(min(send_at), 0) FROM broadcasts WHERE ended_at = 0 AND send_at > ? AND status = 'scheduled'",
		millis(now)).Scan(&next)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("read broadcasts: %w", err)
	}
	return list, fromMillis(next), nil
}

// BroadcastBody implements notify.BroadcastTx.
func (tx *Tx) BroadcastBody(id string) (delivery.Body, error) {
	var body delivery.Body
	var sealed []byte
	if err := tx.q.row("SELECT body FROM broadcasts WHERE id = ?", id).Scan(&sealed); err != nil {
		return body, fmt.Errorf("read broadcast: %w", err)
	}
	plain, err := tx.keys.open(sealed, id)
	if err != nil {
		return body, err
	}
	if err := json.Unmarshal(plain, &body); err != nil {
		return body, fmt.Errorf("decode broadcast: %w", err)
	}
	return body, nil
}

// canceled reports whether a broadcast was canceled.
func (tx *Tx) canceled(id string) (bool, error) {
	var n int
	err := tx.q.row("SELECT count(*) FROM broadcasts WHERE id = ? AND status = 'canceled'", id).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("read broadcast: %w", err)
	}
	return n > 0, nil
}

// SaveBroadcast implements notify.BroadcastTx.
func (tx *Tx) SaveBroadcast(b notify.Broadcast) error {
	_, err := tx.q.exec("UPDATE broadcasts SET status = ?, cursor = ?, body = CASE WHEN ? THEN NULL ELSE body END WHERE id = ?",
		b.Status, b.Cursor, b.Expanded, b.ID)
	if err != nil {
		return fmt.Errorf("save broadcast: %w", err)
	}
	if b.Status == notify.BroadcastCanceled {
		tx.touch(b.ID)
		tx.touchBroadcast(b.ID)
	}
	return nil
}

// FinishBroadcast implements notify.BroadcastTx.
func (tx *Tx) FinishBroadcast(b notify.Broadcast) error {
	counts, err := json.Marshal(b.Counts)
	if err != nil {
		return fmt.Errorf("encode counts of broadcast: %w", err)
	}
	_, err = tx.q.exec("UPDATE broadcasts SET status = ?, counts = ?, body = NULL, ended_at = ? WHERE id = ?",
		b.Status, string(counts), millis(b.Ended), b.ID)
	if err != nil {
		return fmt.Errorf("finish broadcast: %w", err)
	}
	if _, err := tx.q.exec("DELETE FROM audience WHERE broadcast = ?", b.ID); err != nil {
		return fmt.Errorf("delete audience: %w", err)
	}
	tx.touch(b.ID)
	return nil
}

// TakeUsers implements notify.BroadcastTx.
func (tx *Tx) TakeUsers(id string) ([]string, error) {
	var piece int
	var list string
	err := tx.q.row("SELECT piece, users FROM audience WHERE broadcast = ? ORDER BY piece LIMIT 1", id).Scan(&piece, &list)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read audience: %w", err)
	}
	var users []string
	if err := json.Unmarshal([]byte(list), &users); err != nil {
		return nil, fmt.Errorf("decode audience: %w", err)
	}
	if _, err := tx.q.exec("DELETE FROM audience WHERE broadcast = ? AND piece = ?", id, piece); err != nil {
		return nil, fmt.Errorf("take audience: %w", err)
	}
	return users, nil
}

// LinkedAfter implements notify.BroadcastTx.
func (tx *Tx) LinkedAfter(domain, user string, limit int) ([]notify.Recipient, error) {
	return all(tx, scanRecipient, selectLinked+"WHERE l.domain = ? AND l.user > ? AND l.status IN ('verified', 'suspended') ORDER BY l.user LIMIT ?",
		domain, user, limit)
}

// Tally implements notify.BroadcastTx.
func (tx *Tx) Tally(id string) (notify.Tally, error) {
	var t notify.Tally
	_, err := all(tx, func(row scanner) (struct{}, error) {
		var status delivery.Status
		var reason delivery.Reason
		var n int
		err := row.Scan(&status, &reason, &n)
		t.Add(status, reason, n)
		return struct{}{}, err
	}, "SELECT status, failure, count(*) FROM messages WHERE broadcast = ? AND broadcast <> '' GROUP BY status, failure", id)
	return t, err
}

// Waiting implements notify.BroadcastTx.
func (tx *Tx) Waiting(b notify.Broadcast) (int, error) {
	query, args := "SELECT coalesce(sum(size), 0) FROM audience WHERE broadcast = ?", []any{b.ID}
	if b.Everybody {
		query = "SELECT count(*) FROM links WHERE domain = ? AND user > ? AND status IN ('verified', 'suspended')"
		args = []any{b.Domain, b.Cursor}
	}
	var n int
	if err := tx.q.row(query, args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("count recipients: %w", err)
	}
	return n, nil
}

// CancelQueued implements notify.BroadcastTx.
func (tx *Tx) CancelQueued(id string, limit int, skip func(string) bool) (canceled, skipped int, err error) {
	ids, err := all(tx, func(row scanner) (id string, err error) { err = row.Scan(&id); return id, err },
		"SELECT id FROM messages WHERE broadcast = ? AND broadcast <> '' AND status = 'queued'", id)
	if err != nil {
		return 0, 0, err
	}
	for _, message := range ids {
		switch {
		case skip(message):
			skipped++
		case canceled < limit:
			if err := tx.CancelMessage(message, tx.now); err != nil {
				return canceled, skipped, err
			}
			canceled++
		}
	}
	return canceled, skipped, nil
}
