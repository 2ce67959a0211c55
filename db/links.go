package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"telegate/delivery"
	"telegate/linking"
)

var (
	_ linking.Store = (*DB)(nil)
	_ linking.Tx    = (*Tx)(nil)
)

// UpdateLinks runs fn in a writing transaction.
func (d *DB) UpdateLinks(ctx context.Context, fn func(linking.Tx) error) error {
	return d.update(ctx, func(tx *Tx) error { return fn(tx) })
}

// ViewLinks runs fn in a reading transaction.
func (d *DB) ViewLinks(ctx context.Context, fn func(linking.Tx) error) error {
	return d.view(ctx, func(tx *Tx) error { return fn(tx) })
}

const selectLink = selectOf + "FROM links l LEFT JOIN chats c ON c.bot_id = l.bot_id AND c.chat_id = l.chat_id "

const selectOf = `
	SELECT l.id, l.domain, l.user, l.display_name, l.locale, l.method, l.status, l.reason, l.bot_id, l.chat_id,
	       l.token_hash, l.binding, l.confirm_mac, l.attempts,
	       l.created_at, l.expires_at, l.claimed_at, l.verified_at, l.ended_at, l.authenticated_at,
	       coalesce(c.type, ''), coalesce(c.username, ''), coalesce(c.first_name, ''), coalesce(c.last_name, ''),
	       coalesce(c.language, ''), coalesce(c.blocked, 0) `

// scanner is a *sql.Row or *sql.Rows.
type scanner interface{ Scan(dest ...any) error }

func scanLink(row scanner) (linking.Link, error) {
	var l linking.Link
	var created, expires, claimed, verified, ended, authenticated int64
	err := row.Scan(&l.ID, &l.Domain, &l.User, &l.DisplayName, &l.Locale, &l.Method, &l.Status, &l.Reason, &l.BotID,
		&l.ChatID, &l.TokenHash, &l.Binding, &l.ConfirmMAC, &l.Attempts, &created, &expires, &claimed, &verified, &ended, &authenticated,
		&l.Chat.Type, &l.Chat.Username, &l.Chat.FirstName, &l.Chat.LastName, &l.Chat.Language, &l.Chat.Blocked)
	if errors.Is(err, sql.ErrNoRows) {
		return l, linking.ErrNotFound
	}
	if err != nil {
		return l, fmt.Errorf("read link: %w", err)
	}
	l.Created, l.Expires = fromMillis(created), fromMillis(expires)
	l.Claimed, l.Verified, l.Ended = fromMillis(claimed), fromMillis(verified), fromMillis(ended)
	l.Authenticated = fromMillis(authenticated)
	l.Chat.BotID, l.Chat.ID = l.BotID, l.ChatID
	return l, nil
}

// all collects the rows of a query.
func all[T any](tx *Tx, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := tx.q.query(query, args...)
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	defer rows.Close()
	var list []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	return list, nil
}

// InsertLink implements linking.Tx.
func (tx *Tx) InsertLink(l linking.Link) error {
	_, err := tx.q.exec(`
		INSERT INTO links (id, domain, user, display_name, locale, method, status, reason, bot_id, chat_id, token_hash,
		                   binding, confirm_mac, attempts, created_at, expires_at, claimed_at, verified_at, ended_at,
		                   authenticated_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		l.ID, l.Domain, l.User, l.DisplayName, l.Locale, l.Method, l.Status, l.Reason, l.BotID, l.ChatID, l.TokenHash,
		l.Binding, l.ConfirmMAC, l.Attempts,
		millis(l.Created), millis(l.Expires), millis(l.Claimed), millis(l.Verified), millis(l.Ended), millis(l.Authenticated))
	if err != nil {
		return fmt.Errorf("insert link: %w", err)
	}
	return nil
}

// UpdateLink implements linking.Tx. Attempts and failures have their own statements.
func (tx *Tx) UpdateLink(l linking.Link) error {
	_, err := tx.q.exec(`
		UPDATE links SET status = ?, reason = ?, chat_id = ?, confirm_mac = ?, claimed_at = ?, verified_at = ?, ended_at = ?
		WHERE id = ?`,
		l.Status, l.Reason, l.ChatID, l.ConfirmMAC, millis(l.Claimed), millis(l.Verified), millis(l.Ended), l.ID)
	if err != nil {
		return fmt.Errorf("update link: %w", err)
	}
	tx.touch(l.ID)
	return nil
}

// Link implements linking.Tx.
func (tx *Tx) Link(id string) (linking.Link, error) {
	return scanLink(tx.q.row(selectLink+"WHERE l.id = ?", id))
}

// LinkByToken implements linking.Tx.
func (tx *Tx) LinkByToken(hash []byte) (linking.Link, error) {
	return scanLink(tx.q.row(selectLink+"WHERE l.token_hash = ?", hash))
}

// CurrentLink implements linking.Tx.
func (tx *Tx) CurrentLink(domain, user string) (linking.Link, error) {
	return scanLink(tx.q.row(selectLink+
		"WHERE l.domain = ? AND l.user = ? AND l.status IN ('verified', 'suspended')", domain, user))
}

// OpenLinks implements linking.Tx.
func (tx *Tx) OpenLinks(domain, user string) ([]linking.Link, error) {
	return all(tx, scanLink, selectLink+
		"WHERE l.domain = ? AND l.user = ? AND l.status IN ('pending', 'claimed')", domain, user)
}

// ChatLinks implements linking.Tx.
func (tx *Tx) ChatLinks(botID, chatID int64) ([]linking.Link, error) {
	return all(tx, scanLink, selectLink+`
		WHERE l.bot_id = ? AND l.chat_id = ? AND l.chat_id <> 0 AND l.status IN ('verified', 'suspended')
		ORDER BY l.created_at`, botID, chatID)
}

// CountConfirmAttempt implements linking.Tx.
func (tx *Tx) CountConfirmAttempt(id string, max int) (bool, error) {
	return tx.changed(
		"UPDATE links SET attempts = attempts + 1 WHERE id = ? AND status = 'claimed' AND attempts < ?", id, max)
}

// CarryFailures implements linking.Tx.
func (tx *Tx) CarryFailures(fromID, toID string) error {
	_, err := tx.q.exec(`
		UPDATE links SET (failures, wait_until, cooling_until) = (SELECT failures, wait_until, cooling_until FROM links WHERE id = ?)
		WHERE id = ?`, fromID, toID)
	if err != nil {
		return fmt.Errorf("carry failures over: %w", err)
	}
	return nil
}

// changed runs a guarded statement and reports whether it changed a row.
func (tx *Tx) changed(query string, args ...any) (bool, error) {
	res, err := tx.q.exec(query, args...)
	if err != nil {
		return false, fmt.Errorf("guarded update: %w", err)
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// LinksStarted implements linking.Tx.
func (tx *Tx) LinksStarted(domain, user string, since time.Time) (int, time.Time, error) {
	return tx.countSince("FROM links WHERE domain = ? AND user = ? AND created_at > ?", domain, user, millis(since))
}

// CodesToChat implements linking.Tx.
func (tx *Tx) CodesToChat(botID, chatID int64, since time.Time) ([]delivery.SentCode, error) {
	return all(tx, scanSentCode, `SELECT domain, user, created_at FROM links
		WHERE bot_id = ? AND chat_id = ? AND chat_id <> 0 AND created_at > ? AND created_at <= ? AND method = 'handle' ORDER BY created_at`,
		botID, chatID, millis(since), tx.latest())
}

// countSince counts the rows of "FROM …", which ends with its conditions, and returns when the oldest was created. Rows from a time when
// the clock was ahead do not count: they would for as long as it was.
func (tx *Tx) countSince(from string, args ...any) (int, time.Time, error) {
	var n int
	var oldest int64
	if err := tx.q.row("SELECT count(*), coalesce(min(created_at), 0) "+from+" AND created_at <= ?", append(args, tx.latest())...).Scan(&n, &oldest); err != nil {
		return 0, time.Time{}, fmt.Errorf("count: %w", err)
	}
	return n, fromMillis(oldest), nil
}

// SaveInvitation implements linking.Tx.
func (tx *Tx) SaveInvitation(inv linking.Invitation) error {
	_, err := tx.q.exec(`
		INSERT INTO invitations (domain, user, handle, created_at) VALUES (?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET handle = excluded.handle, created_at = excluded.created_at`,
		inv.Domain, inv.User, inv.Handle, millis(inv.Created))
	if err != nil {
		return fmt.Errorf("save invitation: %w", err)
	}
	return nil
}

// Invitation implements linking.Tx.
func (tx *Tx) Invitation(domain, user string) (linking.Invitation, error) {
	return scanInvitation(tx.q.row(selectInvitation+"FROM invitations i WHERE i.domain = ? AND i.user = ?", domain, user))
}

const selectInvitation = "SELECT i.domain, i.user, i.handle, i.created_at "

func scanInvitation(row scanner) (linking.Invitation, error) {
	var inv linking.Invitation
	var created int64
	err := row.Scan(&inv.Domain, &inv.User, &inv.Handle, &created)
	if errors.Is(err, sql.ErrNoRows) {
		return inv, linking.ErrNotFound
	}
	if err != nil {
		return inv, fmt.Errorf("read invitation: %w", err)
	}
	inv.Created = fromMillis(created)
	return inv, nil
}

// DeleteInvitation implements linking.Tx.
func (tx *Tx) DeleteInvitation(domain, user string) error {
	if _, err := tx.q.exec("DELETE FROM invitations WHERE domain = ? AND user = ?", domain, user); err != nil {
		return fmt.Errorf("delete invitation: %w", err)
	}
	return nil
}
