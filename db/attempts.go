package db

import (
	"fmt"
	"time"

	"telegate/delivery"
)

// A message that is retried for days keeps its first and last attempts.
const (
	keepFirstAttempts = 20
	keepLastAttempts  = 20
)

// saveAttempt stores a send. A broadcast's is stored before it is made, and again with its outcome. For a deleted message
// it stores nothing.
func (tx *Tx) saveAttempt(messageID string, a delivery.Attempt) error {
	var failure delivery.Failure
	if a.Failure != nil {
		failure = *a.Failure
	}
	_, err := tx.q.exec(`
		INSERT OR REPLACE INTO attempts (message_id, n, at, took, part, transport, outcome, reason, detail)
		SELECT id, ?, ?, ?, ?, ?, ?, ?, ? FROM messages WHERE id = ?`,
		a.N, millis(a.At), a.Took.Milliseconds(), a.Part, a.Transport, a.Outcome, failure.Reason, failure.Detail, messageID)
	if err == nil && a.N > keepFirstAttempts+keepLastAttempts {
		_, err = tx.q.exec("DELETE FROM attempts WHERE message_id = ? AND n = ?", messageID, a.N-keepLastAttempts)
	}
	if err != nil {
		return fmt.Errorf("save attempt: %w", err)
	}
	return nil
}

// Attempts implements notify.Tx.
func (tx *Tx) Attempts(messageID string) ([]delivery.Attempt, error) {
	return all(tx, scanAttempt,
		"SELECT n, at, took, part, transport, outcome, reason, detail FROM attempts WHERE message_id = ? ORDER BY n", messageID)
}

func scanAttempt(row scanner) (delivery.Attempt, error) {
	var a delivery.Attempt
	var at, took int64
	var failure delivery.Failure
	if err := row.Scan(&a.N, &at, &took, &a.Part, &a.Transport, &a.Outcome, &failure.Reason, &failure.Detail); err != nil {
		return a, fmt.Errorf("read attempt: %w", err)
	}
	a.At, a.Took = fromMillis(at), time.Duration(took)*time.Millisecond
	if failure.Reason != "" {
		a.Failure = &failure
	}
	return a, nil
}
