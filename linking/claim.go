package linking

import (
	"context"

	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/internal/secret"
)

// TokenStatus is the status of the link that a start token opens; empty if it opens none in this bot. Only the owner of the link can know
// the token, so it says whether "/start TOKEN" deserves an answer.
func (s *Service) TokenStatus(ctx context.Context, botID int64, token string) (Status, error) {
	var status Status
	err := s.store.ViewLinks(ctx, func(tx Tx) error {
		l, found, err := ignoreNotFound(tx.LinkByToken(secret.Hash(token)))
		if found && l.BotID == botID {
			status = s.withExpiry(l).Status
		}
		return err
	})
	return status, err
}

// Claim handles "/start TOKEN" in a private chat. The user always gets an answer. If they open the same link again, they
// see the question again. Another user learns and changes nothing.
func (s *Service) Claim(ctx context.Context, chat Chat, token string) error {
	return s.store.UpdateLinks(ctx, func(tx Tx) error {
		if err := s.resumeChat(tx, chat); err != nil {
			return err
		}
		l, found, err := ignoreNotFound(tx.LinkByToken(secret.Hash(token)))
		if err != nil {
			return err
		}
		if !found || l.BotID != chat.BotID {
			return s.reply(tx, chat, s.invalidToken(chat))
		}
		owner := l.ChatID == chat.ID
		l.Chat = chat // the chat to answer
		switch status := s.withExpiry(l).Status; {
		case status == Expired && l.Status.Open():
			if err := s.end(tx, &l, Expired, ""); err != nil {
				return err
			}
			return s.reply(tx, chat, s.texts(l).expired())
		case status == Pending:
			l.Status, l.ChatID, l.Claimed = Claimed, chat.ID, s.now()
			if err := tx.UpdateLink(l); err != nil {
				return err
			}
			if err := tx.Audit(s.entry(audit.LinkClaimed, l, "")); err != nil {
				return err
			}
			return s.sendTo(tx, l, delivery.LaneCode, l.Expires.Sub(s.now()), s.texts(l).question())
		case status == Claimed && owner && l.ConfirmMAC == nil:
			return s.sendTo(tx, l, delivery.LaneCode, l.Expires.Sub(s.now()), s.texts(l).question())
		case status == Claimed && owner:
			return s.reply(tx, chat, s.texts(l).codeShown())
		case status.Current() && owner:
			return s.reply(tx, chat, s.texts(l).already())
		case status == Claimed || status.Current():
			s.log.WarnContext(ctx, "start token of another chat refused", "link", l.ID)
			if err := tx.Audit(s.entry(audit.LinkRefused, l, "token of another chat")); err != nil {
				return err
			}
			return s.reply(tx, chat, s.invalidToken(chat))
		default:
			return s.reply(tx, chat, s.invalidToken(chat))
		}
	})
}

// Accept handles a tap on "Connect": the chat shows the confirm code. ErrStale if there is nothing to accept any more.
func (s *Service) Accept(ctx context.Context, botID, chatID int64, linkID string) error {
	return s.store.UpdateLinks(ctx, func(tx Tx) error {
		l, err := s.linkOfChat(ctx, tx, botID, chatID, linkID)
		if err != nil {
			return err
		}
		if s.withExpiry(l).Status != Claimed || l.Method != ByBot || l.ConfirmMAC != nil {
			return ErrStale
		}
		code := secret.Code(ConfirmDigits)
		l.ConfirmMAC = s.confirmMAC(l, code)
		if err := tx.UpdateLink(l); err != nil {
			return err
		}
		return s.sendTo(tx, l, delivery.LaneCode, l.Expires.Sub(s.now()), s.texts(l).confirmCode(code))
	})
}

// NotMe handles a tap on "Not me": it denies an open link and revokes a proven one. ErrStale if there is neither.
func (s *Service) NotMe(ctx context.Context, botID, chatID int64, linkID string) error {
	return s.store.UpdateLinks(ctx, func(tx Tx) error {
		l, err := s.linkOfChat(ctx, tx, botID, chatID, linkID)
		if err != nil {
			return err
		}
		switch status := s.withExpiry(l).Status; {
		case status.Open():
			if err := s.end(tx, &l, Denied, ReasonNotMe); err != nil {
				return err
			}
			return s.sendTo(tx, l, delivery.LaneDirect, noticeTTL, s.texts(l).denied())
		case status.Current():
			if err := s.revoke(tx, &l, ReasonNotMe); err != nil {
				return err
			}
			return s.sendTo(tx, l, delivery.LaneDirect, noticeTTL, s.texts(l).ended())
		default:
			return ErrStale
		}
	})
}

// linkOfChat finds the link of a button. Never trust a button: a modified client sends any bytes, so the link must belong
// to the chat of the tap.
func (s *Service) linkOfChat(ctx context.Context, tx Tx, botID, chatID int64, linkID string) (Link, error) {
	l, found, err := ignoreNotFound(tx.Link(linkID))
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

// reply queues an answer to a chat about no link of its own.
func (s *Service) reply(tx Tx, chat Chat, body delivery.Body) error {
	now := s.now()
	return tx.Enqueue(delivery.Message{
		ID: delivery.NewMessageID(now), BotID: chat.BotID, ChatID: chat.ID, Lane: delivery.LaneAlert, Purpose: delivery.PurposeReply,
		Body: body, Created: now, Expires: now.Add(Lifetime),
	})
}
