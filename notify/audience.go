package notify

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"

	"telegate/delivery"
)

// chatID is a numeric chat id; a username never begins with a digit or a minus.
var chatID = regexp.MustCompile(`^@*(-?[0-9]{1,15})$`)

// recipient finds the chat of a request and whether it may be written to.
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
		return to, s.inGoodStanding(tx, r, to)
	}
	to, err := s.byHandle(tx, r)
	if err != nil {
		return to, err
	}
	return to, s.mayWrite(tx, r, to)
}

// mayWrite tells whether a chat that is not addressed by its user may be written to.
func (s *Service) mayWrite(tx Tx, r Request, to Recipient) error {
	if to.Blocked {
		return ErrRecipientUnknown // pressing Start again heals it, as for somebody who never has
	}
	proven, err := tx.Proven(r.Domain, to.BotID, to.ChatID, time.Time{})
	if err != nil {
		return err
	}
	if !proven && r.Purpose != Link && (r.Lane != delivery.LaneDirect || !r.Admin) {
		return ErrUnproven
	}
	return s.inGoodStanding(tx, r, to)
}

// inGoodStanding: what stops telegate's own codes stops a caller's sign-in codes too (OWASP ASVS 6.3.4: no weaker way).
func (s *Service) inGoodStanding(tx Tx, r Request, to Recipient) error {
	if r.Purpose != Login {
		return nil
	}
	standing, err := tx.Standing(r.Domain, to.BotID, to.ChatID)
	if err != nil {
		return err
	}
	if standing.Suspended {
		return ErrSuspended
	}
	if wait := standing.CoolingUntil.Sub(s.now()); wait > 0 {
		return &CoolingOffError{wait}
	}
	return nil
}

// reach asks who has a handle that a message goes to.
func (s *Service) reach(ctx context.Context, r Request) error {
	name, err := delivery.Username(r.To)
	if r.To == "" || err != nil { // told further on
		return nil
	}
	botID, _ := s.domains.Bot(r.Domain)
	found, err := s.domains.Meet(ctx, botID, name)
	if err == nil && !found {
		err = ErrRecipientUnknown
	}
	return err
}

// byHandle keeps to the chat that the handle meant when the domain first used it. When the name has passed to somebody
// else, it means the new holder only once he has proven himself in this domain.
func (s *Service) byHandle(tx Tx, r Request) (Recipient, error) {
	botID, _ := s.domains.Bot(r.Domain)
	if m := chatID.FindStringSubmatch(strings.TrimSpace(r.To)); m != nil {
		id, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil {
			return Recipient{}, &InvalidError{"to", "not a chat id"}
		}
		return known(tx.RecipientByChat(botID, id))
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
	case !held || holder.ChatID == first.ChatID: // a person's chat has the same id with every bot
		return known(tx.RecipientByChat(botID, first.ChatID))
	default:
		if err := s.handedOver(tx, r, first, holder); err != nil {
			return Recipient{}, err
		}
	}
	return holder, tx.SaveHandle(Handle{
		Domain: r.Domain, Name: name, BotID: holder.BotID, ChatID: holder.ChatID, Created: s.now(),
	})
}

// handedOver tells whether a name may mean its new holder: he must have proven himself since it is his. A sign-in code
// does not follow a name at all while the account it first meant is linked in the domain.
func (s *Service) handedOver(tx Tx, r Request, first Handle, holder Recipient) error {
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

func known(to Recipient, err error) (Recipient, error) {
	if errors.Is(err, ErrNotFound) {
		return to, ErrRecipientUnknown
	}
	return to, err
}

// Mute stops everything but sign-in codes for a chat until then; a time that is not in the future ends the mute. It
// lasts LongestMute at most.
func (s *Service) Mute(ctx context.Context, botID, chatID int64, until time.Time) error {
	if latest := s.now().Add(LongestMute); until.After(latest) {
		until = latest
	}
	return s.store.UpdateMessages(ctx, func(tx Tx) error { return tx.SetMute(botID, chatID, until) })
}

// MutedUntil tells until when a chat is muted; the zero time when it is not.
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
