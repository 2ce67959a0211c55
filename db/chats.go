package db

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"telegate/linking"
	"telegate/notify"
	"telegate/twofa"
)

// clearUsername removes a username from the chat that had it. The condition on an empty username lets SQLite use the index.
const clearUsername = "UPDATE chats SET username = '' WHERE bot_id = ? AND username = ? AND username <> '' AND chat_id <> ?"

// SaveChat implements linking.Tx. A username belongs to one chat of a bot; any other chat loses it.
func (tx *Tx) SaveChat(c linking.Chat) error {
	if c.Username != "" {
		_, err := tx.q.exec(clearUsername,
			c.BotID, c.Username, c.ID)
		if err != nil {
			return fmt.Errorf("pass username on: %w", err)
		}
		if _, err := tx.q.exec("DELETE FROM more_usernames WHERE bot_id = ? AND username = ? AND chat_id <> ?", c.BotID, c.Username, c.ID); err != nil {
			return fmt.Errorf("pass username on: %w", err)
		}
	}
	_, err := tx.q.exec(`
		INSERT INTO chats (bot_id, chat_id, type, username, first_name, last_name, language, blocked, named_at, seen_at)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9)
		ON CONFLICT DO UPDATE SET type = excluded.type,
			named_at = CASE WHEN username = excluded.username THEN named_at ELSE excluded.named_at END, username = excluded.username, first_name = excluded.first_name,
			last_name = excluded.last_name, language = excluded.language, blocked = excluded.blocked, seen_at = excluded.seen_at`,
		c.BotID, c.ID, c.Type, c.Username, c.FirstName, c.LastName, c.Language, c.Blocked, millis(tx.now))
	if err != nil {
		return fmt.Errorf("save chat: %w", err)
	}
	return nil
}

// SaveMoreUsernames implements linking.Tx.
func (tx *Tx) SaveMoreUsernames(botID, chatID int64, names []string) error {
	list, err := json.Marshal(names)
	if err != nil {
		return err
	}
	_, err = tx.q.exec(`DELETE FROM more_usernames WHERE bot_id = ? AND chat_id = ?
		AND NOT EXISTS (SELECT 1 FROM json_each(?) WHERE value = username COLLATE NOCASE)`, botID, chatID, string(list))
	for _, name := range names {
		if err == nil {
			_, err = tx.q.exec(clearUsername, botID, name, chatID)
		}
		if err == nil {
			_, err = tx.q.exec(`
				INSERT INTO more_usernames (bot_id, username, chat_id, named_at) VALUES (?, ?, ?, ?)
				ON CONFLICT DO UPDATE SET chat_id = excluded.chat_id, named_at = excluded.named_at WHERE chat_id <> excluded.chat_id`,
				botID, name, chatID, millis(tx.now))
		}
	}
	if err != nil {
		return fmt.Errorf("save further usernames: %w", err)
	}
	return nil
}

// Usernames implements linking.Tx.
func (tx *Tx) Usernames(botID, chatID int64) ([]string, error) {
	return all(tx, func(row scanner) (name string, err error) {
		err = row.Scan(&name)
		return name, err
	}, `SELECT username FROM chats WHERE bot_id = ?1 AND chat_id = ?2 AND username <> ''
		UNION ALL SELECT username FROM more_usernames WHERE bot_id = ?1 AND chat_id = ?2`, botID, chatID)
}

const selectChat = "SELECT bot_id, chat_id, type, username, first_name, last_name, language, blocked FROM chats "

func scanChat(row scanner) (linking.Chat, error) {
	var c linking.Chat
	err := row.Scan(&c.BotID, &c.ID, &c.Type, &c.Username, &c.FirstName, &c.LastName, &c.Language, &c.Blocked)
	if errors.Is(err, sql.ErrNoRows) {
		return c, linking.ErrNotFound
	}
	if err != nil {
		return c, fmt.Errorf("read chat: %w", err)
	}
	return c, nil
}

// Chat implements linking.Tx.
func (tx *Tx) Chat(botID, chatID int64) (linking.Chat, error) {
	return scanChat(tx.q.row(selectChat+"WHERE bot_id = ? AND chat_id = ?", botID, chatID))
}

// ChatByUsername implements linking.Tx; letter case does not matter.
func (tx *Tx) ChatByUsername(botID int64, username string) (linking.Chat, error) {
	c, err := scanChat(tx.q.row(selectChat+"WHERE bot_id = ? AND username = ? AND username <> ''", botID, username))
	if errors.Is(err, linking.ErrNotFound) {
		c, err = scanChat(tx.q.row(selectChat+
			"WHERE (bot_id, chat_id) = (SELECT bot_id, chat_id FROM more_usernames WHERE bot_id = ? AND username = ?)", botID, username))
	}
	return c, err
}

// MigrateChat implements linking.Tx: it replaces the chat id everywhere.
func (tx *Tx) MigrateChat(botID, from, to int64) error {
	if from == to {
		return nil
	}
	for _, q := range []string{
		"DELETE FROM chats WHERE bot_id = ?2 AND chat_id = ?1 AND EXISTS (SELECT 1 FROM chats WHERE bot_id = ?2 AND chat_id = ?3)",
		"UPDATE chats SET chat_id = ?3 WHERE bot_id = ?2 AND chat_id = ?1",
		"UPDATE links SET chat_id = ?3 WHERE bot_id = ?2 AND chat_id = ?1",
		"UPDATE handles SET chat_id = ?3 WHERE bot_id = ?2 AND chat_id = ?1",
		"UPDATE messages SET chat_id = ?3 WHERE bot_id = ?2 AND chat_id = ?1 AND status IN ('queued', 'sending')",
	} {
		if _, err := tx.q.exec(q, from, botID, to); err != nil {
			return fmt.Errorf("migrate chat: %w", err)
		}
	}
	return nil
}

// SetMute implements notify.Tx.
func (tx *Tx) SetMute(botID, chatID int64, until time.Time) error {
	_, err := tx.q.exec("UPDATE chats SET muted_until = ? WHERE bot_id = ? AND chat_id = ?", millis(until), botID, chatID)
	if err != nil {
		return fmt.Errorf("mute: %w", err)
	}
	return nil
}

func scanRecipient(row scanner) (notify.Recipient, error) {
	var r notify.Recipient
	var muted, named int64
	err := row.Scan(&r.User, &r.BotID, &r.ChatID, &r.Blocked, &muted, &named, &r.Language)
	if errors.Is(err, sql.ErrNoRows) {
		return r, notify.ErrNotFound
	}
	if err != nil {
		return r, fmt.Errorf("read recipient: %w", err)
	}
	r.MutedUntil, r.NamedAt = fromMillis(muted), fromMillis(named)
	return r, nil
}

const selectLinked = `
	SELECT l.user, l.bot_id, l.chat_id, coalesce(c.blocked, 0), coalesce(c.muted_until, 0), coalesce(c.named_at, 0),
	       coalesce(c.language, '')
	FROM links l LEFT JOIN chats c ON c.bot_id = l.bot_id AND c.chat_id = l.chat_id `

// Recipient implements notify.Tx.
func (tx *Tx) Recipient(domain, user string) (notify.Recipient, error) {
	return scanRecipient(tx.q.row(selectLinked+
		"WHERE l.domain = ? AND l.user = ? AND l.status IN ('verified', 'suspended')", domain, user))
}

// RecipientByChat implements notify.Tx.
func (tx *Tx) RecipientByChat(botID, chatID int64) (notify.Recipient, error) {
	return scanRecipient(tx.q.row(
		"SELECT '', bot_id, chat_id, blocked, muted_until, named_at, language FROM chats WHERE bot_id = ? AND chat_id = ?", botID, chatID))
}

// RecipientByUsername implements notify.Tx.
func (tx *Tx) RecipientByUsername(botID int64, username string) (notify.Recipient, error) {
	r, err := scanRecipient(tx.q.row(
		"SELECT '', bot_id, chat_id, blocked, muted_until, named_at, language FROM chats WHERE bot_id = ? AND username = ? AND username <> ''",
		botID, username))
	if errors.Is(err, notify.ErrNotFound) {
		r, err = scanRecipient(tx.q.row(`
			SELECT '', c.bot_id, c.chat_id, c.blocked, c.muted_until, u.named_at, c.language
			FROM more_usernames u JOIN chats c ON c.bot_id = u.bot_id AND c.chat_id = u.chat_id WHERE u.bot_id = ? AND u.username = ?`,
			botID, username))
	}
	return r, err
}

// Proven implements notify.Tx.
func (tx *Tx) Proven(domain string, botID, chatID int64, since time.Time) (bool, error) {
	var n int
	err := tx.q.row(`
		SELECT count(*) FROM links
		WHERE bot_id = ? AND chat_id = ? AND chat_id <> 0 AND domain = ? AND status IN ('verified', 'suspended')
			AND verified_at >= ?`,
		botID, chatID, domain, millis(since)).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("read proof: %w", err)
	}
	return n > 0, nil
}

// SignInBlock implements notify.Tx.
func (tx *Tx) SignInBlock(domain string, botID, chatID int64) (notify.SignInBlock, error) {
	var s notify.SignInBlock
	var cooling int64
	err := tx.q.row(`
		SELECT coalesce(max(status = 'suspended' AND reason = 'too_many_failures'), 0), coalesce(max(cooling_until), 0) FROM links
		WHERE bot_id = ? AND chat_id = ? AND chat_id <> 0 AND domain = ? AND status IN ('verified', 'suspended')`,
		botID, chatID, domain).Scan(&s.Suspended, &cooling)
	if err != nil {
		return s, fmt.Errorf("read sign-in block: %w", err)
	}
	s.CoolingUntil = tx.waitUntil(cooling, twofa.CoolingOff)
	return s, nil
}

// Handle implements notify.Tx.
func (tx *Tx) Handle(domain, name string) (notify.Handle, error) {
	h := notify.Handle{Domain: domain, Name: name}
	var created int64
	err := tx.q.row("SELECT bot_id, chat_id, created_at FROM handles WHERE domain = ? AND name = ?", domain, name).
		Scan(&h.BotID, &h.ChatID, &created)
	if errors.Is(err, sql.ErrNoRows) {
		return h, notify.ErrNotFound
	}
	if err != nil {
		return h, fmt.Errorf("read handle: %w", err)
	}
	h.Created = fromMillis(created)
	return h, nil
}

// SaveHandle implements notify.Tx.
func (tx *Tx) SaveHandle(h notify.Handle) error {
	_, err := tx.q.exec(`
		INSERT INTO handles (domain, name, bot_id, chat_id, created_at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET bot_id = excluded.bot_id, chat_id = excluded.chat_id, created_at = excluded.created_at`,
		h.Domain, h.Name, h.BotID, h.ChatID, millis(h.Created))
	if err != nil {
		return fmt.Errorf("save handle: %w", err)
	}
	return nil
}
