package db

import (
	"database/sql"
	"errors"
	"fmt"

	"telegate/linking"
)

// ConfirmFailures implements linking.Tx.
func (tx *Tx) ConfirmFailures(c linking.Confirmer) (linking.Failures, error) {
	var f linking.Failures
	var wait, last int64
	err := tx.q.row("SELECT failures, wait_until, failed_at FROM confirm_failures WHERE domain = ? AND user = ? AND bot_id = ? AND chat_id = ?",
		c.Domain, c.User, c.BotID, c.ChatID).Scan(&f.InARow, &wait, &last)
	if errors.Is(err, sql.ErrNoRows) {
		return f, nil
	}
	if err != nil {
		return f, fmt.Errorf("read confirm failures: %w", err)
	}
	f.WaitUntil, f.Last = tx.waitUntil(wait, linking.LongestWait), fromMillis(last)
	return f, nil
}

// SaveConfirmFailures implements linking.Tx.
func (tx *Tx) SaveConfirmFailures(c linking.Confirmer, f linking.Failures) error {
	_, err := tx.q.exec(`
		INSERT INTO confirm_failures (domain, user, bot_id, chat_id, failures, wait_until, failed_at) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET failures = excluded.failures, wait_until = excluded.wait_until, failed_at = excluded.failed_at`,
		c.Domain, c.User, c.BotID, c.ChatID, f.InARow, millis(f.WaitUntil), millis(f.Last))
	if err != nil {
		return fmt.Errorf("save confirm failures: %w", err)
	}
	return nil
}

// ForgetConfirmFailures implements linking.Tx.
func (tx *Tx) ForgetConfirmFailures(c linking.Confirmer) error {
	_, err := tx.q.exec("DELETE FROM confirm_failures WHERE domain = ? AND user = ? AND bot_id = ? AND chat_id = ?",
		c.Domain, c.User, c.BotID, c.ChatID)
	if err != nil {
		return fmt.Errorf("forget confirm failures: %w", err)
	}
	return nil
}
