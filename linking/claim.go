package linking

import (
	"context"

	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/internal/secret"
)

// Claim is what "/start TOKEN" in a private chat means. The person always gets an answer; the same person opening the
// same link again gets the question again (F22), anybody else learns nothing and harms nothing.
func (s *Service) Claim(ctx context.Context, chat Chat, token string) error {
	return s.store.UpdateLinks(ctx, func(tx Tx) error {
		if err := s.meet(tx, chat); err != nil {
			return err
		}
		l, found, err := absent(tx.LinkByToken(secret.Hash(token)))
		if err != nil {
			return err
		}
		if !found || l.BotID != chat.BotID {
			return s.answer(tx, chat, s.invalidToken(chat))
		}
		owner := l.ChatID == chat.ID
		l.Chat = chat // who is spoken to
		switch status := s.judged(l).Status; {
		case status == Expired && l.Status.Open():
			if err := s.end(tx, &l, Expired, ""); err != nil {
				return err
			}
			return s.answer(tx, chat, s.voice(l).expired())
		case status == Pending:
			l.Status, l.ChatID, l.Claimed = Claimed, chat.ID, s.now()
			if err := tx.UpdateLink(l); err != nil {
				return err
			}
			if err := tx.Audit(s.entry(audit.LinkClaimed, l, "")); err != nil {
				return err
			}
			return s.tell(tx, l, delivery.LaneCode, l.Expires.Sub(s.now()), s.voice(l).question())
		case status == Claimed && owner && l.ConfirmMAC == nil:
			return s.tell(tx, l, delivery.LaneCode, l.Expires.Sub(s.now()), s.voice(l).question())
		case status == Claimed && owner:
			return s.answer(tx, chat, s.voice(l).codeShown())
		case status.Current() && owner:
			return s.answer(tx, chat, s.voice(l).already())
		case status == Claimed || status.Current():
			s.log.WarnContext(ctx, "start token of another chat refused", "link", l.ID)
			if err := tx.Audit(s.entry(audit.LinkRefused, l, "token of another chat")); err != nil {
				return err
			}
			return s.answer(tx, chat, s.invalidToken(chat))
		default:
			return s.answer(tx, chat, s.invalidToken(chat))
		}
	})
}

// Accept is the tap on "Link": the chat is shown the confirm code. ErrStale when there is nothing to accept any more.
func (s *Service) Accept(ctx context.Context, botID, chatID int64, linkID string) error {
	return s.store.UpdateLinks(ctx, func(tx Tx) error {
		l, err := s.ofChat(ctx, tx, botID, chatID, linkID)
		if err != nil {
			return err
		}
		if s.judged(l).Status != Claimed || l.Method != ByBot || l.ConfirmMAC != nil {
			return ErrStale
		}
		code := secret.Code(ConfirmDigits)
		l.ConfirmMAC = s.confirmMAC(l, code)
		if err := tx.UpdateLink(l); err != nil {
			return err
		}
		return s.tell(tx, l, delivery.LaneCode, l.Expires.Sub(s.now()), s.voice(l).confirmCode(code))
	})
}

// NotMe is the tap on "Not me": it denies a link that is not proven yet and takes a proven one away. ErrStale when
// there is neither.
func (s *Service) NotMe(ctx context.Context, botID, chatID int64, linkID string) error {
	return s.store.UpdateLinks(ctx, func(tx Tx) error {
		l, err := s.ofChat(ctx, tx, botID, chatID, linkID)
		if err != nil {
			return err
		}
		switch status := s.judged(l).Status; {
		case status.Open():
			if err := s.end(tx, &l, Denied, ReasonNotMe); err != nil {
				return err
			}
			return s.tell(tx, l, delivery.LaneDirect, noticeTTL, s.voice(l).denied())
		case status.Current():
			if err := s.revoke(tx, &l, ReasonNotMe); err != nil {
				return err
			}
			return s.tell(tx, l, delivery.LaneDirect, noticeTTL, s.voice(l).ended())
		default:
			return ErrStale
		}
	})
}

// ofChat finds the link a button names. Never trust a button: a changed client sends any bytes it likes, so the link
// must belong to the chat the tap came from.
func (s *Service) ofChat(ctx context.Context, tx Tx, botID, chatID int64, linkID string) (Link, error) {
	l, found, err := absent(tx.Link(linkID))
	switch {
	case err != nil:
		return l, err
	case !found:
		return l, ErrStale
	case l.BotID != botID || l.ChatID != chatID:
		s.log.WarnContext(ctx, "button of another chat refused", "link", l.ID)
		return l, ErrStale
	}
	return l, nil
}

// answer queues a reply to a chat which concerns no link of its own.
func (s *Service) answer(tx Tx, chat Chat, body delivery.Body) error {
	now := s.now()
	return tx.Enqueue(delivery.Message{
		ID: delivery.NewMessageID(now), BotID: chat.BotID, ChatID: chat.ID, Lane: delivery.LaneAlert, Purpose: delivery.PurposeReply,
		Body: body, Created: now, Expires: now.Add(Lifetime),
	})
}
