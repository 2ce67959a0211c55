package linking

import (
	"context"

	"telegate/internal/audit"
)

// ChatStarted stores a private chat after the user pressed Start, or an account has found the user, with its current username.
// It resumes links that were suspended because the bot was blocked.
func (s *Service) ChatStarted(ctx context.Context, chat Chat) error {
	return s.store.UpdateLinks(ctx, func(tx Tx) error { return s.resumeChat(tx, chat) })
}

// UpdateChat updates the label of a known chat. Unknown chats are not stored.
func (s *Service) UpdateChat(ctx context.Context, chat Chat) error {
	var known Chat
	err := s.store.ViewLinks(ctx, func(tx Tx) (err error) {
		known, err = tx.Chat(chat.BotID, chat.ID)
		return err
	})
	if _, found, err := ignoreNotFound(known, err); err != nil || !found || known == chat {
		return err
	}
	return s.ChatStarted(ctx, chat)
}

// SaveMoreUsernames stores the usernames that a known chat has besides its first one; others lead to it no more.
func (s *Service) SaveMoreUsernames(ctx context.Context, botID, chatID int64, names []string) error {
	return s.store.UpdateLinks(ctx, func(tx Tx) error {
		_, found, err := ignoreNotFound(tx.Chat(botID, chatID))
		if err != nil || !found {
			return err
		}
		return tx.SaveMoreUsernames(botID, chatID, names)
	})
}

// ChatKnown reports whether the bot knows the chat.
func (s *Service) ChatKnown(ctx context.Context, botID, chatID int64) (bool, error) {
	var known bool
	err := s.store.ViewLinks(ctx, func(tx Tx) (err error) {
		_, known, err = ignoreNotFound(tx.Chat(botID, chatID))
		return err
	})
	return known, err
}

// ChatBlocked records that the chat accepts nothing from the bot any more. It suspends its links, so that no sign-in relies
// on them.
func (s *Service) ChatBlocked(ctx context.Context, botID, chatID int64) error {
	return s.store.UpdateLinks(ctx, func(tx Tx) error {
		chat, found, err := ignoreNotFound(tx.Chat(botID, chatID))
		if err != nil || !found {
			return err
		}
		chat.Blocked = true
		if err := tx.SaveChat(chat); err != nil {
			return err
		}
		return s.suspend(tx, botID, chatID)
	})
}

func (s *Service) suspend(tx Tx, botID, chatID int64) error {
	links, err := tx.ChatLinks(botID, chatID)
	if err != nil {
		return err
	}
	for _, l := range links {
		if l.Status != Verified {
			continue
		}
		l.Status, l.Reason = Suspended, ReasonBlocked
		if err := tx.UpdateLink(l); err != nil {
			return err
		}
		if err := tx.CancelVerifications(l.ID, "link_suspended", s.now()); err != nil {
			return err
		}
		if err := tx.Audit(s.entry(audit.LinkSuspended, l, l.Reason)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) resumeChat(tx Tx, chat Chat) error {
	chat.Blocked = false
	if err := tx.SaveChat(chat); err != nil {
		return err
	}
	links, err := tx.ChatLinks(chat.BotID, chat.ID)
	if err != nil {
		return err
	}
	for _, l := range links {
		if l.Status != Suspended || l.Reason != ReasonBlocked {
			continue
		}
		l.Status, l.Reason = Verified, ""
		if err := tx.UpdateLink(l); err != nil {
			return err
		}
		if err := tx.Audit(s.entry(audit.LinkResumed, l, "")); err != nil {
			return err
		}
	}
	return nil
}

// ChatMigrated moves the data of a group to the supergroup it has become.
func (s *Service) ChatMigrated(ctx context.Context, botID, from, to int64) error {
	return s.store.UpdateLinks(ctx, func(tx Tx) error { return tx.MigrateChat(botID, from, to) })
}
