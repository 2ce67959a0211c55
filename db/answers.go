package db

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"telegate/api"
	"telegate/delivery"
)

var (
	_ api.AnswerStore = (*DB)(nil)
	_ api.Watcher     = (*DB)(nil)
)

// SaveAnswer implements api.AnswerStore. It overwrites an expired answer.
func (d *DB) SaveAnswer(ctx context.Context, a api.Answer) error {
	return d.update(ctx, func(tx *Tx) error {
		_, err := tx.q.exec("INSERT OR REPLACE INTO answers (key, fingerprint, status, header, body, created_at) VALUES (?, ?, ?, ?, ?, ?)",
			a.Key, a.Fingerprint, a.Status, a.Header, tx.keys.seal(a.Body, answerName(a.Key)), millis(a.Created))
		if err != nil {
			return fmt.Errorf("keep answer: %w", err)
		}
		return nil
	})
}

// Answer implements api.AnswerStore.
func (d *DB) Answer(ctx context.Context, key []byte, since time.Time) (api.Answer, error) {
	a := api.Answer{Key: key}
	err := d.view(ctx, func(tx *Tx) error {
		var sealed []byte
		var created int64
		err := tx.q.row("SELECT fingerprint, status, header, body, created_at FROM answers WHERE key = ? AND created_at > ?",
			key, millis(since)).Scan(&a.Fingerprint, &a.Status, &a.Header, &sealed, &created)
		if errors.Is(err, sql.ErrNoRows) {
			return api.ErrNoAnswer
		}
		if err != nil {
			return fmt.Errorf("read answer: %w", err)
		}
		a.Created = fromMillis(created)
		a.Body, err = tx.keys.open(sealed, answerName(key))
		return err
	})
	return a, err
}

func answerName(key []byte) string { return "answer " + hex.EncodeToString(key) }

// Alive returns once the writing goroutine has answered, even if it cannot write.
func (d *DB) Alive(ctx context.Context) { _ = d.update(ctx, func(*Tx) error { return nil }) }

// Ready checks that the database can store something, by writing a row large enough to need disk space. It waits no longer
// than the context. It returns ErrStorageFull or ErrStorageBusy of delivery.
func (d *DB) Ready(ctx context.Context) error {
	done := make(chan error, 1)
	go func() {
		done <- d.update(ctx, func(tx *Tx) error {
			_, err := tx.q.exec("INSERT OR REPLACE INTO meta (name, value) VALUES ('ready', zeroblob(16384))")
			return err
		})
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", delivery.ErrStorageBusy, ctx.Err())
	}
}
