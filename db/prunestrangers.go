package db

import (
	"fmt"
	"time"
)

// oldChats lists chats that were not written about for some time, and whether something needs them: a link, even an ended one; a
// handle that has led to the account, by whichever bot; a message, a code or a mute that waits. Groups stay: nobody knows what they are for.
const oldChats = `
	SELECT c.bot_id, c.chat_id, c.type <> 'private' OR c.muted_until > ?2
		OR EXISTS (SELECT 1 FROM links l WHERE l.bot_id = c.bot_id AND l.chat_id = c.chat_id AND l.chat_id <> 0)
		OR EXISTS (SELECT 1 FROM handles h WHERE h.chat_id = c.chat_id)
		OR EXISTS (SELECT 1 FROM messages m WHERE m.bot_id = c.bot_id AND m.chat_id = c.chat_id AND m.status IN ('queued', 'sending'))
		OR EXISTS (SELECT 1 FROM waiting_codes w WHERE w.bot_id = c.bot_id AND w.expires_at > ?2 AND (w.name = c.username
			OR w.name IN (SELECT u.username FROM more_usernames u WHERE u.bot_id = c.bot_id AND u.chat_id = c.chat_id)))
	FROM chats c WHERE c.seen_at < ?1 ORDER BY c.seen_at LIMIT ?3`

type oldChat struct {
	botID, chatID int64
	needed        bool
}

// pruneStrangers deletes some chats of people who pressed Start and never linked. A chat that is needed counts as seen now, so it is
// not looked at again before its time, however many there are.
func (tx *Tx) pruneStrangers(before, now time.Time, limit int) (more bool, err error) {
	chats, err := all(tx, func(row scanner) (c oldChat, err error) {
		err = row.Scan(&c.botID, &c.chatID, &c.needed)
		return c, err
	}, oldChats, millis(before), millis(now), limit)
	if err != nil {
		return false, fmt.Errorf("list old chats: %w", err)
	}
	for _, c := range chats {
		if c.needed {
			_, err = tx.q.exec("UPDATE chats SET seen_at = ? WHERE bot_id = ? AND chat_id = ?", millis(now), c.botID, c.chatID)
		} else {
			_, err = tx.q.exec("DELETE FROM chats WHERE bot_id = ? AND chat_id = ?", c.botID, c.chatID)
			if err == nil {
				_, err = tx.q.exec("DELETE FROM more_usernames WHERE bot_id = ? AND chat_id = ?", c.botID, c.chatID)
			}
		}
		if err != nil {
			return false, fmt.Errorf("delete old chats: %w", err)
		}
	}
	return len(chats) == limit, nil
}
