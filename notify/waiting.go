package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"telegate/delivery"
	"telegate/internal/audit"
)

// WaitingCode is a code with purpose link for a username that the bot does not know. The user gets it when they press
// Start, if it has not expired by then. Nobody else ever gets it.
type WaitingCode struct {
	Domain   string
	BotID    int64
	Name     string // the username
	ID       string // of the later message
	AskedFor string // the user whom the caller named
	Body     delivery.Body
	Expires  time.Time
}

// WaitingError is ErrRecipientUnknown for a code that is kept until the user presses Start.
type WaitingError struct {
	ID        string // of the later message
	ExpiresIn time.Duration
}

func (e *WaitingError) Error() string { return fmt.Sprintf("the code waits for Start as %s", e.ID) }

// Unwrap makes it an ErrRecipientUnknown.
func (e *WaitingError) Unwrap() error { return ErrRecipientUnknown }

// keepCode stores a code for a user unknown to the bot. It replaces an earlier one for the same handle in the same domain.
// Only a code that proves a handle is kept, and only for a username: the account with this username at Start is the one
// that was asked for, as far as anybody can tell.
func (s *Service) keepCode(tx Tx, r Request, msg delivery.Message) (*WaitingError, error) {
	name, err := delivery.Username(r.To)
	botID, _ := s.domains.Bot(r.Domain)
	if err != nil || r.Purpose != Link || botID == delivery.UserSession {
		return nil, ErrRecipientUnknown
	}
	waiting, err := tx.CodesWaiting(r.Domain, name)
	if err != nil {
		return nil, err
	}
	if waiting >= MaxWaiting { // anybody can name handles; the person presses Start and asks for a new code
		return nil, ErrRecipientUnknown
	}
	err = tx.KeepCode(WaitingCode{Domain: r.Domain, BotID: botID, Name: name, ID: msg.ID, AskedFor: msg.AskedFor, Body: msg.Body, Expires: msg.Expires})
	return &WaitingError{ID: msg.ID, ExpiresIn: msg.Expires.Sub(msg.Created)}, err
}

// SendWaiting sends the codes that waited for a user to press Start, and reports whether there were any. username is the
// current one of the chat. The rules for handles apply again, so a username that meant another account before gets nothing.
func (s *Service) SendWaiting(ctx context.Context, botID int64, username string) (sent bool, err error) {
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
		return false, fmt.Errorf("send waiting codes: %w", err)
	}
	for domain, err := range refused {
		s.auditRefusal(ctx, Request{Domain: domain, To: username, Lane: delivery.LaneCode}, err)
	}
	return sent, nil
}

// release turns a waiting code into a message, unless it has expired or its domain has another bot by now.
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
		ID: c.ID, Domain: c.Domain, BotID: to.BotID, ChatID: to.ChatID, Lane: r.Lane, Purpose: string(Link), AskedFor: c.AskedFor, Body: c.Body,
		Created: now, Expires: c.Expires,
	}
	if _, err := s.accept(tx, msg, to); err != nil {
		return false, err
	}
	return true, tx.Audit(audit.Entry{
		Time: now, Event: audit.CodeReleased, Domain: c.Domain, User: auditHandle(c.Name), Subject: c.ID,
	})
}

// isWaiting reports whether an error is a *WaitingError.
func isWaiting(err error) bool {
	var w *WaitingError
	return errors.As(err, &w)
}
