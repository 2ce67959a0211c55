package notify

import (
	"context"
	"errors"
	"time"

	"telegate/delivery"
)

// recipient finds the chat of a request and checks whether telegate may write to it.
func (s *Service) recipient(tx Tx, r Request) (Recipient, error) {
	if r.User != "" {
		to, err := tx.Recipient(r.Domain, r.User)
		switch {
		case errors.Is(err, ErrNotFound):
			return to, ErrNotLinked
		case err == nil && to.Blocked:
			return to, ErrBlocked
		case err != nil:
			return to, err
		}
		return to, s.checkSignInAllowed(tx, r, to)
	}
	to, err := s.byHandle(tx, r)
	if err != nil {
		return to, err
	}
	return to, s.mayWrite(tx, r, to)
}

// mayWrite checks whether telegate may write to a chat that was addressed by handle.
func (s *Service) mayWrite(tx Tx, r Request, to Recipient) error {
	if to.Blocked && to.BotID == delivery.UserSession {
		return ErrBlocked
	}
	if to.Blocked {
		return ErrRecipientUnknown // as if they had never pressed Start; pressing it helps
	}
	proven, err := tx.Proven(r.Domain, to.BotID, to.ChatID, time.Time{})
	if err != nil {
		return err
	}
	// A username is typed by its owner; a number only says that the bot has met the chat, maybe for another tenant.
	_, byNumber := delivery.ChatID(r.To)
	direct := r.Lane == delivery.LaneDirect && (r.Admin || r.Invite && !byNumber)
	if !proven && !direct && (r.Purpose != Link || byNumber) {
		return ErrUnproven
	}
	return s.checkSignInAllowed(tx, r, to)
}

// checkSignInAllowed: what stops telegate's own codes also stops a caller's sign-in codes (OWASP ASVS 6.3.4: no weaker
// path).
func (s *Service) checkSignInAllowed(tx Tx, r Request, to Recipient) error {
	if r.Purpose != Login {
		return nil
	}
	block, err := tx.SignInBlock(r.Domain, to.BotID, to.ChatID)
	if err != nil {
		return err
	}
	if block.Suspended {
		return ErrSuspended
	}
	if wait := block.CoolingUntil.Sub(s.now()); wait > 0 {
		return &CoolingOffError{wait}
	}
	return nil
}

// lookUpHandle asks Telegram who has the handle of a message.
func (s *Service) lookUpHandle(ctx context.Context, r Request) error {
	name, err := delivery.Username(r.To)
	if r.To == "" || err != nil { // reported later
		return nil
	}
	botID, _ := s.domains.Bot(r.Domain)
	found, err := s.domains.ResolveUsername(ctx, botID, name)
	if err == nil && !found {
		err = ErrNobody
	}
	return err
}

// byHandle returns the chat that the handle meant when the domain first used it. If the username now belongs to another
// account, it means that account only after it has proven itself in this domain.
func (s *Service) byHandle(tx Tx, r Request) (Recipient, error) {
	botID, _ := s.domains.Bot(r.Domain)
	if id, ok := delivery.ChatID(r.To); ok {
		to, err := unknownIfNotFound(tx.RecipientByChat(botID, id))
		switch {
		case botID == delivery.UserSession && id < 0:
			err = ErrNeedsBot
		case botID == delivery.UserSession && errors.Is(err, ErrRecipientUnknown):
			err = ErrNobody
		}
		return to, err
	}
	name, err := delivery.Username(r.To)
	if err != nil {
		return Recipient{}, &InvalidError{"to", "not a Telegram username: 4 to 32 letters, digits and underscores, as in @alice"}
	}
	holder, err := tx.RecipientByUsername(botID, name)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Recipient{}, err
	}
	held := err == nil

	first, err := tx.Handle(r.Domain, name)
	switch {
	case errors.Is(err, ErrNotFound):
		if !held {
			return Recipient{}, ErrRecipientUnknown
		}
	case err != nil:
		return Recipient{}, err
	case !held || holder.ChatID == first.ChatID: // a private chat has the same id with every bot
		return unknownIfNotFound(tx.RecipientByChat(botID, first.ChatID))
	default:
		if err := s.checkNewHolder(tx, r, first, holder); err != nil {
			return Recipient{}, err
		}
	}
	return holder, tx.SaveHandle(Handle{
		Domain: r.Domain, Name: name, BotID: holder.BotID, ChatID: holder.ChatID, Created: s.now(),
	})
}

// checkNewHolder checks whether a username may mean its new holder: they must have proven themselves since they got it. A
// sign-in code never follows a username while the account it first meant is linked in the domain.
func (s *Service) checkNewHolder(tx Tx, r Request, first Handle, holder Recipient) error {
	proven, err := tx.Proven(r.Domain, holder.BotID, holder.ChatID, holder.NamedAt)
	if err != nil {
		return err
	}
	if proven && r.Purpose == Login {
		stays, err := tx.Proven(r.Domain, first.BotID, first.ChatID, time.Time{})
		if err != nil {
			return err
		}
		proven = !stays
	}
	if !proven {
		return ErrRecipientChanged
	}
	return nil
}

func unknownIfNotFound(to Recipient, err error) (Recipient, error) {
	if errors.Is(err, ErrNotFound) {
		return to, ErrRecipientUnknown
	}
	return to, err
}

// Mute stops all messages but sign-in codes for a chat until a time, LongestMute ahead at most. A time that is not in the
// future ends the mute.
func (s *Service) Mute(ctx context.Context, botID, chatID int64, until time.Time) error {
	if latest := s.now().Add(LongestMute); until.After(latest) {
		until = latest
	}
	return s.store.UpdateMessages(ctx, func(tx Tx) error { return tx.SetMute(botID, chatID, until) })
}

// MutedUntil is when the mute of a chat ends; zero if there is none.
func (s *Service) MutedUntil(ctx context.Context, botID, chatID int64) (time.Time, error) {
	var to Recipient
	err := s.store.ViewMessages(ctx, func(tx Tx) (err error) {
		to, err = tx.RecipientByChat(botID, chatID)
		return err
	})
	if errors.Is(err, ErrNotFound) || err == nil && !s.now().Before(to.MutedUntil) {
		return time.Time{}, nil
	}
	return to.MutedUntil, err
}
