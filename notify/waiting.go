package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"telegate/delivery"
	"telegate/internal/audit"
)

// WaitingCode is a code with purpose link for the holder of a username whom the bot has not met: he gets it when he presses Start, if
// it is not too old by then. Nobody else ever does.
type WaitingCode struct {
	Domain  string
	BotID   int64
	Name    string // the username
	ID      string // the message will have it
	Body    delivery.Body
	Expires time.Time
}

// WaitingError is ErrRecipientUnknown for a code that is kept until its addressee presses Start.
type WaitingError struct {
	ID        string // of the message that the code becomes then
	ExpiresIn time.Duration
}

func (e *WaitingError) Error() string { return fmt.Sprintf("the code waits for Start as %s", e.ID) }

// Unwrap lets it be what it is besides.
func (e *WaitingError) Unwrap() error { return ErrRecipientUnknown }

// keep stores a code whose addressee the bot has not met, in place of one that was kept for the same handle in the same domain. Only
// a code that proves a handle is kept, and only under a username: whoever has it when he presses Start is who was asked for, as
// far as anybody can tell.
func (s *Service) keep(tx Tx, r Request, msg delivery.Message) (*WaitingError, error) {
	name, err := delivery.Username(r.To)
	botID, _ := s.domains.Bot(r.Domain)
	if err != nil || r.Purpose != Link || botID == delivery.UserSession {
		return nil, ErrRecipientUnknown
	}
	err = tx.KeepCode(WaitingCode{Domain: r.Domain, BotID: botID, Name: name, ID: msg.ID, Body: msg.Body, Expires: msg.Expires})
	return &WaitingError{ID: msg.ID, ExpiresIn: msg.Expires.Sub(msg.Created)}, err
}

// Started sends what was waiting for somebody to press Start, and tells whether there was anything. username is the one that his chat has
// at this moment. The rules for a message to a handle hold once more, so a name that meant somebody else before gets nothing.
func (s *Service) Started(ctx context.Context, botID int64, username string) (sent bool, err error) {
	if username == "" {
		return false, nil
	}
	refused := map[string]error{} // by domain
	err = s.store.UpdateMessages(ctx, func(tx Tx) error {
		codes, err := tx.TakeCodes(botID, username)
		if err != nil {
			return err
		}
		for _, c := range codes {
			released, err := s.release(tx, c)
			if _, ok := refusalReason(err); ok {
				refused[c.Domain] = err
				continue
			}
			if err != nil {
				return err
			}
			sent = sent || released
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("send what waited for Start: %w", err)
	}
	for domain, err := range refused {
		s.noteRefusal(ctx, Request{Domain: domain, To: username, Lane: delivery.LaneCode}, err)
	}
	return sent, nil
}

// release makes the message of a code that has waited, unless its time is over or its domain has another bot by now.
func (s *Service) release(tx Tx, c WaitingCode) (bool, error) {
	now := s.now()
	botID, _ := s.domains.Bot(c.Domain)
	if _, ok := s.domains.Title(c.Domain); !ok || botID != c.BotID || !now.Before(c.Expires) {
		return false, nil
	}
	r := Request{Domain: c.Domain, To: c.Name, Lane: delivery.LaneCode, Purpose: Link}
	to, err := s.recipient(tx, r)
	if err != nil {
		return false, err
	}
	msg := delivery.Message{
		ID: c.ID, Domain: c.Domain, BotID: to.BotID, ChatID: to.ChatID, Lane: r.Lane, Purpose: string(Link), Body: c.Body,
		Created: now, Expires: c.Expires,
	}
	if _, err := s.accept(tx, msg, to); err != nil {
		return false, err
	}
	return true, tx.Audit(audit.Entry{
		Time: now, Event: audit.CodeReleased, Domain: c.Domain, User: writtenHandle(c.Name), Subject: c.ID,
	})
}

// waiting tells whether an error says that the code waits.
func waiting(err error) bool {
	var w *WaitingError
	return errors.As(err, &w)
}
