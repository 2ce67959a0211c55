package db

import (
	"encoding/json"
	"fmt"

	"telegate/notify"
)

// KeepCode implements notify.Tx. It also deletes expired codes, so that they do not pile up.
func (tx *Tx) KeepCode(c notify.WaitingCode) error {
	body, err := json.Marshal(c.Body)
	if err != nil {
		return fmt.Errorf("encode a code's body: %w", err)
	}
	if _, err := tx.q.exec("DELETE FROM waiting_codes WHERE expires_at <= ?", millis(tx.now)); err != nil {
		return fmt.Errorf("delete old codes: %w", err)
	}
	_, err = tx.q.exec(`
		INSERT INTO waiting_codes (bot_id, name, domain, message_id, body, expires_at, asked_for) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET message_id = excluded.message_id, body = excluded.body, expires_at = excluded.expires_at,
			asked_for = excluded.asked_for`,
		c.BotID, c.Name, c.Domain, c.ID, tx.keys.seal(body, c.ID), millis(c.Expires), c.AskedFor)
	if err != nil {
		return fmt.Errorf("keep a code: %w", err)
	}
	return nil
}

// CodesWaiting implements notify.Tx.
func (tx *Tx) CodesWaiting(domain, except string) (int, error) {
	var n int
	err := tx.q.row("SELECT count(*) FROM waiting_codes WHERE domain = ? AND name <> ? AND expires_at > ?", domain, except, millis(tx.now)).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count waiting codes: %w", err)
	}
	return n, nil
}

// TakeCodes implements notify.Tx. A code that cannot be decrypted is lost: the user requests another.
func (tx *Tx) TakeCodes(botID int64, username string) ([]notify.WaitingCode, error) {
	type sealed struct {
		notify.WaitingCode
		body []byte
	}
	found, err := all(tx, func(row scanner) (sealed, error) {
		c := sealed{WaitingCode: notify.WaitingCode{BotID: botID}}
		var expires int64
		err := row.Scan(&c.Domain, &c.Name, &c.ID, &c.body, &expires, &c.AskedFor)
		c.Expires = fromMillis(expires)
		return c, err
	}, "DELETE FROM waiting_codes WHERE bot_id = ? AND name = ? RETURNING domain, name, message_id, body, expires_at, asked_for", botID, username)
	if err != nil {
		return nil, fmt.Errorf("take codes: %w", err)
	}
	var codes []notify.WaitingCode
	for _, c := range found {
		plain, err := tx.keys.open(c.body, c.ID)
		if err == nil && json.Unmarshal(plain, &c.Body) == nil {
			codes = append(codes, c.WaitingCode)
		}
	}
	return codes, nil
}
