package db

import (
	"database/sql"
	"errors"
	"fmt"

	"telegate/delivery"
	"telegate/linking"
)

// Code implements linking.Tx.
func (tx *Tx) Code(messageID string) (linking.Code, error) {
	var c linking.Code
	var status delivery.Status
	var created int64
	err := tx.q.row("SELECT domain, bot_id, chat_id, purpose, status, created_at FROM messages WHERE id = ? AND purpose IN ('login', 'link')", messageID).
		Scan(&c.Domain, &c.BotID, &c.ChatID, &c.Purpose, &status, &created)
	if errors.Is(err, sql.ErrNoRows) {
		return c, linking.ErrNotFound
	}
	if err != nil {
		return c, fmt.Errorf("read code: %w", err)
	}
	c.Delivered, c.Created = status == delivery.StatusDelivered, fromMillis(created)
	return c, nil
}

// HandleChat implements linking.Tx.
func (tx *Tx) HandleChat(domain, name string) (int64, error) {
	var chatID int64
	err := tx.q.row("SELECT chat_id FROM handles WHERE domain = ? AND name = ?", domain, name).Scan(&chatID)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, linking.ErrNotFound
	}
	if err != nil {
		return 0, fmt.Errorf("read handle: %w", err)
	}
	return chatID, nil
}

// NameChat implements linking.Tx.
func (tx *Tx) NameChat(domain, name string, botID, chatID int64) error {
	_, err := tx.q.exec("INSERT INTO handles (domain, name, bot_id, chat_id, created_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
		domain, name, botID, chatID, millis(tx.now))
	if err != nil {
		return fmt.Errorf("name chat: %w", err)
	}
	return nil
}
