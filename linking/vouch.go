package linking

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/internal/secret"
)

// VouchWindow is how old a code may be that a caller vouches for: it lives 10 minutes at most, and the caller's word may be late
// because telegate was not there to take it.
const VouchWindow = 15 * time.Minute

// VouchRequest links a user on the word of a caller that makes and checks its codes itself: it has sent one to a handle, and the
// person who is signed in as the user has typed it on the caller's page.
type VouchRequest struct {
	Domain, User string
	DisplayName  string
	Locale       string
	Handle       string // as the code was sent to it: a username, or a numeric chat id
	MessageID    string // of the code
}

// Code is a code that a caller has sent with a purpose, as it stands in the outbox.
type Code struct {
	Domain        string
	BotID, ChatID int64
	Purpose       string // "login" or "link"
	Delivered     bool
	Created       time.Time
}

// ProofReason is why a caller's word is not taken.
type ProofReason string

const (
	ProofUnknown      ProofReason = "unknown_message" // no such message in this domain
	ProofNotALinkCode ProofReason = "not_a_link_code"
	ProofNotDelivered ProofReason = "not_delivered" // yet, perhaps
	ProofTooOld       ProofReason = "too_old"
	ProofOtherHandle  ProofReason = "other_handle" // the code went to another chat than the handle's
	ProofNotPrivate   ProofReason = "not_private"  // a group belongs to nobody
	ProofUsed         ProofReason = "used"         // it has linked somebody else
)

// ProofError says that a caller's word is not taken.
type ProofError struct{ Reason ProofReason }

func (e *ProofError) Error() string { return "the code proves nothing: " + string(e.Reason) }

// Vouch links the user to the chat which the code reached. A name that passes to somebody else later changes nothing about that: what is
// kept is the number. Each code links once; the same call again answers the link it has made. The chat is told and can undo it.
// Errors: ErrUnknownDomain, delivery.ErrUsername, *ProofError.
//
// NIST SP 800-63B-4 §4.1.2.2 wants more than the 20 bits of a 6-digit code where the code alone names the account. Here it names
// nothing: the user is signed in at the caller, and the chat is found by the message.
func (s *Service) Vouch(ctx context.Context, r VouchRequest) (Link, error) {
	if _, ok := s.domains.Title(r.Domain); !ok {
		return Link{}, ErrUnknownDomain
	}
	l := s.newLink(StartRequest{Domain: r.Domain, User: r.User, DisplayName: r.DisplayName, Locale: r.Locale}, ByCaller)
	l.Expires = l.Created
	l.TokenHash = secret.Hash("message:" + r.MessageID) // unique, so that one code links once; no start token begins like that
	err := s.store.UpdateLinks(ctx, func(tx Tx) error {
		earlier, used, err := absent(tx.LinkByToken(l.TokenHash))
		switch {
		case err != nil:
			return err
		case used && earlier.Domain == r.Domain && earlier.User == r.User:
			l = earlier
			return nil
		case used && earlier.Domain == r.Domain:
			return &ProofError{ProofUsed}
		}
		if l.ChatID, err = s.reached(tx, r, l.BotID); err != nil {
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
		if err := tx.Audit(s.entry(audit.LinkStarted, l, string(l.Method))); err != nil {
			return err
		}
		return s.verify(tx, &l)
	})
	var refused *ProofError
	if errors.As(err, &refused) {
		s.log.WarnContext(ctx, "a caller vouched for a code that proves nothing", "domain", r.Domain, "reason", refused.Reason)
	}
	if err != nil {
		return Link{}, fmt.Errorf("link on the caller's word: %w", err)
	}
	return l, nil
}

// reached finds the chat that the code has reached, if the code proves it to be the handle's.
func (s *Service) reached(tx Tx, r VouchRequest, botID int64) (chatID int64, err error) {
	code, found, err := absent(tx.Code(r.MessageID))
	switch {
	case err != nil:
		return 0, err
	case !found || code.Domain != r.Domain || code.BotID != botID:
		return 0, &ProofError{ProofUnknown}
	case code.Purpose != "link":
		return 0, &ProofError{ProofNotALinkCode}
	case s.now().Sub(code.Created) > VouchWindow:
		return 0, &ProofError{ProofTooOld}
	case !code.Delivered:
		return 0, &ProofError{ProofNotDelivered}
	}
	if id, err := strconv.ParseInt(strings.TrimLeft(strings.TrimSpace(r.Handle), "@"), 10, 64); err == nil {
		chatID = id
	} else {
		name, err := delivery.Username(r.Handle)
		if err != nil {
			return 0, err
		}
		if chatID, _, err = absent(tx.HandleChat(r.Domain, name)); err != nil {
			return 0, err
		}
	}
	if chatID != code.ChatID {
		return 0, &ProofError{ProofOtherHandle}
	}
	return chatID, nil
}
