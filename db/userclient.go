package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"telegate/userclient/account"
)

var _ account.Store = (*DB)(nil)

// Lock implements account.Store. It locks a small file beside the database with SQLite's lock, which ends with the process.
func (d *DB) Lock(ctx context.Context, name string) (release func() error, err error) {
	path := d.path + ".lock-" + strings.ReplaceAll(name, " ", "-")
	if err := createPrivate(path); err != nil {
		return nil, err
	}
	u := url.URL{Scheme: "file", Path: path, OmitHost: true, RawQuery: "_txlock=exclusive&_pragma=busy_timeout(0)"}
	lock, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	tx, err := lock.BeginTx(context.WithoutCancel(ctx), nil)
	if err == nil {
		return func() error { return errors.Join(tx.Rollback(), lock.Close()) }, nil
	}
	var fault *sqlite.Error
	if errors.As(err, &fault) && fault.Code()&0xff == sqlite3.SQLITE_BUSY {
		err = account.ErrInUse
	}
	return nil, errors.Join(err, lock.Close())
}

// Session implements account.Store.
func (d *DB) Session(ctx context.Context, name string) ([]byte, error) {
	var data []byte
	err := d.view(ctx, func(tx *Tx) (err error) {
		data, err = readSession(tx.keys, tx.q.row(selectSession, name), name)
		return err
	})
	return data, err
}

const selectSession = "SELECT data FROM sessions WHERE account = ?"

func readSession(k keys, row scanner, name string) ([]byte, error) {
	var sealed []byte
	err := row.Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read session: %w", err)
	}
	return k.open(sealed, sessionName(name))
}

// SaveSession implements account.Store.
func (d *DB) SaveSession(ctx context.Context, name string, data []byte) error {
	return d.update(ctx, func(tx *Tx) error { return tx.saveSession(name, data) })
}

// ReplaceSession implements account.Store.
func (d *DB) ReplaceSession(ctx context.Context, name string, data []byte) error {
	return d.update(ctx, func(tx *Tx) error {
		if err := tx.forget(name); err != nil {
			return err
		}
		return tx.saveSession(name, data)
	})
}

func (tx *Tx) saveSession(name string, data []byte) error {
	_, err := tx.q.exec(`INSERT INTO sessions (account, data, saved_at) VALUES (?, ?, ?)
		ON CONFLICT DO UPDATE SET data = excluded.data, saved_at = excluded.saved_at`,
		name, tx.keys.seal(data, sessionName(name)), millis(tx.now))
	if err != nil {
		return fmt.Errorf("save session: %w", err)
	}
	return nil
}

func sessionName(name string) string { return "session " + name }

// Forget implements account.Store.
func (d *DB) DeleteSession(ctx context.Context, name string) error {
	return d.update(ctx, func(tx *Tx) error { return tx.forget(name) })
}

func (tx *Tx) forget(name string) error {
	for _, q := range []string{"DELETE FROM sessions WHERE account = ?", "DELETE FROM peers WHERE account = ?"} {
		if _, err := tx.q.exec(q, name); err != nil {
			return fmt.Errorf("forget account: %w", err)
		}
	}
	return nil
}

// Peer implements account.Store.
func (d *DB) Peer(ctx context.Context, name string, id int64) (account.Peer, error) {
	p := account.Peer{ID: id}
	err := d.view(ctx, func(tx *Tx) error {
		var hash sql.NullInt64
		var asked int64
		err := tx.q.row("SELECT access_hash, asked, asked_at FROM peers WHERE account = ? AND chat_id = ?", name, id).
			Scan(&hash, &p.AskedName, &asked)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("read peer: %w", err)
		}
		p.AccessHash, p.HasAccessHash, p.AskedAt = hash.Int64, hash.Valid, fromMillis(asked)
		err = tx.q.row("SELECT username FROM chats WHERE chat_id = ? AND username <> '' ORDER BY named_at DESC LIMIT 1", id).
			Scan(&p.Username)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("read username: %w", err)
		}
		return nil
	})
	return p, err
}

// SavePeer implements account.Store.
func (d *DB) SavePeer(ctx context.Context, name string, p account.Peer) error {
	return d.update(ctx, func(tx *Tx) error {
		_, err := tx.q.exec(`INSERT INTO peers (account, chat_id, access_hash, asked, asked_at) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET access_hash = excluded.access_hash, asked = excluded.asked, asked_at = excluded.asked_at`,
			name, p.ID, sql.NullInt64{Int64: p.AccessHash, Valid: p.HasAccessHash}, p.AskedName, millis(p.AskedAt))
		if err != nil {
			return fmt.Errorf("save peer: %w", err)
		}
		return nil
	})
}

// Waits implements account.Store.
func (d *DB) Waits(ctx context.Context, name string) ([]account.Wait, error) {
	var list []account.Wait
	err := d.view(ctx, func(tx *Tx) (err error) {
		list, err = all(tx, func(row scanner) (account.Wait, error) {
			var w account.Wait
			var asked, until int64
			err := row.Scan(&w.Method, &asked, &until)
			w.Asked, w.Until = fromMillis(asked), fromMillis(until)
			return w, err
		}, "SELECT method, asked_at, until FROM flood_waits WHERE account = ? AND until > ?", name, millis(tx.now))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read flood waits: %w", err)
	}
	return list, nil
}

// SaveWait implements account.Store.
func (d *DB) SaveWait(ctx context.Context, name string, w account.Wait) error {
	return d.update(ctx, func(tx *Tx) error {
		_, err := tx.q.exec(`INSERT INTO flood_waits (account, method, asked_at, until) VALUES (?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET asked_at = excluded.asked_at, until = excluded.until`,
			name, w.Method, millis(w.Asked), millis(w.Until))
		if err != nil {
			return fmt.Errorf("save flood wait: %w", err)
		}
		return nil
	})
}

// CountSend implements account.Store.
func (d *DB) CountSend(ctx context.Context, name, day string, limit int) (left int, counted bool, err error) {
	if limit <= 0 {
		return 0, false, nil
	}
	err = d.update(ctx, func(tx *Tx) error {
		var sent int
		err := tx.q.row(`INSERT INTO daily_sends (account, day, sent, last_at) VALUES (?, ?, 1, ?)
			ON CONFLICT DO UPDATE SET sent = sent + 1, last_at = excluded.last_at WHERE sent < ? RETURNING sent`,
			name, day, millis(tx.now), limit).Scan(&sent)
		if errors.Is(err, sql.ErrNoRows) {
			left, counted = 0, false
			return nil
		}
		if err != nil {
			return fmt.Errorf("count send: %w", err)
		}
		left, counted = limit-sent, true
		return nil
	})
	return left, counted, err
}

// UncountSend implements account.Store.
func (d *DB) UncountSend(ctx context.Context, name, day string) error {
	return d.update(ctx, func(tx *Tx) error {
		if _, err := tx.q.exec("UPDATE daily_sends SET sent = sent - 1 WHERE account = ? AND day = ? AND sent > 0", name, day); err != nil {
			return fmt.Errorf("uncount send: %w", err)
		}
		return nil
	})
}

// Sends implements account.Store.
func (d *DB) Sends(ctx context.Context, name, day string) (int, error) {
	var sent int
	err := d.view(ctx, func(tx *Tx) error {
		return tx.q.row("SELECT coalesce(sum(sent), 0) FROM daily_sends WHERE account = ? AND day = ?", name, day).Scan(&sent)
	})
	if err != nil {
		return 0, fmt.Errorf("read sends: %w", err)
	}
	return sent, nil
}
