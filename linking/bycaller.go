package linking

import (
	"context"
	"errors"
	"fmt"
	"time"

	"telegate/delivery"
	"telegate/internal/secret"
)

// CallerCodeMaxAge is how old the caller's code may be: it is valid for 10 minutes at most, and the call may be late
// because telegate was down.
const CallerCodeMaxAge = 15 * time.Minute

// CallerLinkRequest links a user for a caller that makes and checks its own codes: it has sent a code to a handle, and the
// signed-in user has typed it on the caller's page.
type CallerLinkRequest struct {
	Domain, User string
	DisplayName  string
	Locale       string
	Handle       string // as in the message with the code: a username, or a numeric chat id
	MessageID    string // of the code

	AuthenticatedAt time.Time // when the user last signed in at the server; zero: not known
}

// Code is a code that a caller has sent, as in the outbox.
type Code struct {
	Domain        string
	BotID, ChatID int64
	Purpose       string // "login" or "link"
	Delivered     bool
	Created       time.Time
}

// ProofReason is why a caller's code is rejected.
type ProofReason string

const (
	ProofUnknown      ProofReason = "unknown_message" // no such message in this domain
	ProofNotALinkCode ProofReason = "not_a_link_code"
	ProofNotDelivered ProofReason = "not_delivered" // perhaps not yet
	ProofTooOld       ProofReason = "too_old"
	ProofOtherHandle  ProofReason = "other_handle" // the code went to another chat
	ProofNotPrivate   ProofReason = "not_private"  // a group belongs to no single user
	ProofUsed         ProofReason = "used"         // it has linked another user
)

// ProofError: the caller's code is rejected.
type ProofError struct{ Reason ProofReason }

func (e *ProofError) Error() string { return "the code proves nothing: " + string(e.Reason) }

// LinkByCaller links the user to the chat that the code reached. The link keeps the numeric chat id, so a later change of
// the username does not matter. Each code links once; the same call again returns the same link. The chat is told and can
// undo it. Errors: ErrUnknownDomain, *AuthenticatedAtError, ErrAuthenticationRequired,
// delivery.ErrUsername, *ProofError.
//
// NIST SP 800-63B-4 §4.1.2.2 wants more than the 20 bits of a 6-digit code if the code alone identifies the account. Here
// it does not: the user is signed in at the caller, and the message identifies the chat.
func (s *Service) LinkByCaller(ctx context.Context, r CallerLinkRequest) (Link, error) {
	if _, ok := s.domains.Title(r.Domain); !ok {
		return Link{}, ErrUnknownDomain
	}
	if err := s.checkAuthenticatedAt(r.AuthenticatedAt); err != nil {
		return Link{}, err
	}
	l := s.newLink(StartRequest{
		Domain: r.Domain, User: r.User, DisplayName: r.DisplayName, Locale: r.Locale, AuthenticatedAt: r.AuthenticatedAt,
	}, ByCaller)
	l.Expires = l.Created
	l.TokenHash = secret.Hash("message:" + r.MessageID) // unique, so that one code links once; no start token begins like this
	err := s.store.UpdateLinks(ctx, func(tx Tx) error {
		earlier, used, err := ignoreNotFound(tx.LinkByToken(l.TokenHash))
		switch {
		case err != nil:
			return err
		case used && earlier.Domain == r.Domain && earlier.User == r.User:
			l = earlier
			return nil
		case used && earlier.Domain == r.Domain:
			return &ProofError{ProofUsed}
		}
		if err := s.mayBind(l); err != nil {
			return err
		}
		if l.ChatID, err = s.codeChat(tx, r, l.BotID); err != nil {
			return err
		}
		if l.Chat, err = tx.Chat(l.BotID, l.ChatID); err != nil {
			return err
		}
		if l.Chat.Type != "private" {
			return &ProofError{ProofNotPrivate}
		}
		if _, err := s.cancelOpen(tx, r.Domain, r.User, ""); err != nil {
			return err
		}
		l.Status, l.Claimed = Claimed, l.Created
		if err := tx.InsertLink(l); err != nil {
			return err
		}
		if err := tx.Audit(s.startedEntry(l)); err != nil {
			return err
		}
		return s.verify(tx, &l)
	})
	var refused *ProofError
	if errors.As(err, &refused) {
		s.log.WarnContext(ctx, "a caller's code was rejected", "domain", r.Domain, "reason", refused.Reason)
	}
	if err != nil {
		return Link{}, fmt.Errorf("link on the caller's word: %w", err)
	}
	return l, nil
}

// codeChat finds the chat that the code reached, if it is the chat of the handle.
func (s *Service) codeChat(tx Tx, r CallerLinkRequest, botID int64) (chatID int64, err error) {
	code, found, err := ignoreNotFound(tx.Code(r.MessageID))
	switch {
	case err != nil:
		return 0, err
	case !found || code.Domain != r.Domain || code.BotID != botID:
		return 0, &ProofError{ProofUnknown}
	case code.Purpose != "link":
		return 0, &ProofError{ProofNotALinkCode}
	case s.now().Sub(code.Created).Abs() > CallerCodeMaxAge: // the clock may have been ahead
		return 0, &ProofError{ProofTooOld}
	case !code.Delivered:
		return 0, &ProofError{ProofNotDelivered}
	}
	if id, ok := delivery.ChatID(r.Handle); ok {
		chatID = id
	} else {
		name, err := delivery.Username(r.Handle)
		if err != nil {
			return 0, err
		}
		if chatID, _, err = ignoreNotFound(tx.HandleChat(r.Domain, name)); err != nil {
			return 0, err
		}
	}
	if chatID != code.ChatID {
		return 0, &ProofError{ProofOtherHandle}
	}
	return chatID, nil
}
