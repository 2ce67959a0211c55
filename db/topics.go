package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"telegate/notify"
)

var (
	_ notify.TopicStore = (*DB)(nil)
	_ notify.TopicTx    = (*Tx)(nil)
)

// UpdateTopics runs fn in a writing transaction.
func (d *DB) UpdateTopics(ctx context.Context, fn func(notify.TopicTx) error) error {
	return d.update(ctx, func(tx *Tx) error { return fn(tx) })
}

// ViewTopics runs fn in a reading transaction.
func (d *DB) ViewTopics(ctx context.Context, fn func(notify.TopicTx) error) error {
	return d.view(ctx, func(tx *Tx) error { return fn(tx) })
}

// Topic implements notify.TopicTx.
func (tx *Tx) Topic(linkID string) (notify.TopicRecord, error) {
	r := notify.TopicRecord{LinkID: linkID}
	var created int64
	err := tx.q.row("SELECT generation, digest, created_at FROM topics WHERE link_id = ?", linkID).Scan(&r.Generation, &r.Digest, &created)
	r.Created = fromMillis(created)
	return r, topicError(err)
}

// SaveTopic implements notify.TopicTx.
func (tx *Tx) SaveTopic(r notify.TopicRecord) error {
	_, err := tx.q.exec(`
		INSERT INTO topics (link_id, generation, digest, created_at) VALUES (?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET generation = excluded.generation, digest = excluded.digest, created_at = excluded.created_at`,
		r.LinkID, r.Generation, r.Digest, millis(r.Created))
	if err != nil {
		return fmt.Errorf("save topic: %w", err)
	}
	return nil
}

// TopicOwner implements notify.TopicTx.
func (tx *Tx) TopicOwner(digest []byte) (domain, user string, err error) {
	err = tx.q.row(`
		SELECT l.domain, l.user FROM topics t JOIN links l ON l.id = t.link_id
		WHERE t.digest = ? AND l.status IN ('verified', 'suspended')`, digest).Scan(&domain, &user)
	return domain, user, topicError(err)
}

// LinkOwner implements notify.TopicTx.
func (tx *Tx) LinkOwner(linkID string) (domain, user string, err error) {
	err = tx.q.row("SELECT domain, user FROM links WHERE id = ? AND status IN ('verified', 'suspended')", linkID).Scan(&domain, &user)
	return domain, user, topicError(err)
}

func topicError(err error) error {
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return notify.ErrNoTopic
	case err != nil:
		return fmt.Errorf("read topic: %w", err)
	}
	return nil
}
