package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"telegate/bot"
)

var _ bot.Store = (*DB)(nil)

// Record implements bot.Store.
func (d *DB) Record(ctx context.Context, botID int64) (bot.Record, error) {
	r := bot.Record{ID: botID}
	var notBefore, asked int64
	err := d.view(ctx, func(tx *Tx) error {
		return tx.q.row("SELECT username, name, next_update, not_before, asked_at FROM bots WHERE bot_id = ?", botID).
			Scan(&r.Username, &r.Name, &r.Offset, &notBefore, &asked)
	})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return r, fmt.Errorf("read bot: %w", err)
	}
	r.NotBefore, r.Asked = fromMillis(notBefore), fromMillis(asked)
	return r, nil
}

// SaveRecord implements bot.Store.
func (d *DB) SaveRecord(ctx context.Context, r bot.Record) error {
	return d.update(ctx, func(tx *Tx) error {
		_, err := tx.q.exec(`
			INSERT INTO bots (bot_id, username, name, not_before, asked_at) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET username = excluded.username, name = excluded.name, not_before = excluded.not_before,
				asked_at = excluded.asked_at`,
			r.ID, r.Username, r.Name, millis(r.NotBefore), millis(r.Asked))
		if err != nil {
			return fmt.Errorf("save bot: %w", err)
		}
		return nil
	})
}

// SaveUpdates implements bot.Store.
func (d *DB) SaveUpdates(ctx context.Context, botID int64, updates []bot.Update, offset int64) error {
	now := millis(d.now())
	return d.update(ctx, func(tx *Tx) error {
		for _, u := range updates {
			_, err := tx.q.exec("INSERT INTO updates (bot_id, update_id, raw, stored_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
				botID, u.ID, tx.keys.seal(u.Raw, updateName(botID, u.ID)), now)
			if err != nil {
				return fmt.Errorf("save update: %w", err)
			}
		}
		_, err := tx.q.exec(`INSERT INTO bots (bot_id, next_update) VALUES (?, ?)
			ON CONFLICT DO UPDATE SET next_update = excluded.next_update`, botID, offset)
		if err != nil {
			return fmt.Errorf("save offset: %w", err)
		}
		return nil
	})
}

// UnhandledUpdates implements bot.Store.
func (d *DB) UnhandledUpdates(ctx context.Context, botID int64, limit int) ([]bot.Update, error) {
	var list []bot.Update
	err := d.view(ctx, func(tx *Tx) (err error) {
		list, err = all(tx, func(row scanner) (bot.Update, error) {
			var u bot.Update
			var sealed []byte
			if err := row.Scan(&u.ID, &sealed); err != nil {
				return u, fmt.Errorf("read update: %w", err)
			}
			u.Raw, _ = tx.keys.open(sealed, updateName(botID, u.ID)) // one that cannot be decrypted is skipped as unreadable
			return u, nil
		}, "SELECT update_id, raw FROM updates WHERE bot_id = ? AND raw IS NOT NULL ORDER BY update_id LIMIT ?", botID, limit)
		return err
	})
	return list, err
}

// FinishUpdate implements bot.Store. It keeps the id, to recognize the same update if it comes again.
func (d *DB) FinishUpdate(ctx context.Context, botID, updateID int64, fault string) error {
	return d.update(ctx, func(tx *Tx) error {
		_, err := tx.q.exec("UPDATE updates SET raw = NULL, fault = ? WHERE bot_id = ? AND update_id = ?", fault, botID, updateID)
		if err != nil {
			return fmt.Errorf("finish update: %w", err)
		}
		return nil
	})
}

func updateName(botID, updateID int64) string {
	return "update " + strconv.FormatInt(botID, 10) + " " + strconv.FormatInt(updateID, 10)
}
