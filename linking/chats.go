package linking

import (
	"context"

	"telegate/internal/audit"
)

// Met keeps a private chat whose person has pressed Start, under the username it has now, and takes links back that
// were suspended because the bot was blocked (F18).
func (s *Service) Met(ctx context.Context, chat Chat) error {
	return s.store.UpdateLinks(ctx, func(tx Tx) error { return s.meet(tx, chat) })
}

// Seen refreshes the label of a chat that is known already; strangers leave no row behind (D30).
func (s *Service) Seen(ctx context.Context, chat Chat) error {
	var known Chat
	err := s.store.ViewLinks(ctx, func(tx Tx) (err error) {
		known, err = tx.Chat(chat.BotID, chat.ID)
		return err
	})
	if _, found, err := absent(known, err); err != nil || !found || known == chat {
		return err
	}
	return s.Met(ctx, chat)
}

// Known tells whether the bot has met the chat.
func (s *Service) Known(ctx context.Context, botID, chatID int64) (bool, error) {
	var known bool
	err := s.store.ViewLinks(ctx, func(tx Tx) (err error) {
		_, known, err = absent(tx.Chat(botID, chatID))
		return err
	})
	return known, err
}

// Blocked notes that the chat takes nothing from the bot any more: its links are suspended, so that no sign-in counts
// on them.
func (s *Service) Blocked(ctx context.Context, botID, chatID int64) error {
	return s.store.UpdateLinks(ctx, func(tx Tx) error {
		chat, found, err := absent(tx.Chat(botID, chatID))
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

func (s *Service) meet(tx Tx, chat Chat) error {
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

// Migrated follows a group that has become a supergroup.
func (s *Service) Migrated(ctx context.Context, botID, from, to int64) error {
	return s.store.UpdateLinks(ctx, func(tx Tx) error { return tx.MigrateChat(botID, from, to) })
}
