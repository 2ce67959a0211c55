package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"telegate/delivery"
	"telegate/internal/audit"
)

// ErrTextGone: the text of the dead letter was wiped, and no new text was given.
var ErrTextGone = errors.New("the text of the message is no longer stored")

// ResentError: the message has already been sent again.
type ResentError struct{ ID string }

func (e *ResentError) Error() string { return "the message has been sent again as " + e.ID }

// NotResendableError: the message is no dead letter: it was delivered or canceled, may still arrive, or is useless by now
// (a code, an answer of the bot).
type NotResendableError struct{ Status delivery.Status }

func (e *NotResendableError) Error() string {
	return fmt.Sprintf("a message that is %s is not sent again", e.Status)
}

// Resend asks to send a dead letter again.
type Resend struct {
	ID     string        // of the dead letter
	NewID  string        // id of the new message; empty for a new id. The same id twice is the same message
	Text   string        // new text; empty: the old one
	HTML   bool          // Text is Telegram's HTML subset
	TTL    time.Duration // 0: as the dead letter had
	Silent *bool         // nil: as before
}

// Resend sends a dead letter again as a new message with its own outcome, in the same lane: to the current chat of the
// user, or to the same chat if it was addressed by handle. All checks of Send apply. A message of a broadcast does not
// rejoin the broadcast. Errors: ErrNotFound, *NotResendableError, *ResentError, ErrTextGone and those of Send.
func (s *Service) Resend(ctx context.Context, r Resend) (Accepted, error) {
	var a Accepted
	var asked Request // for the audit, if it is refused
	err := s.store.UpdateMessages(ctx, func(tx Tx) (err error) {
		var again bool
		if a.Message, again, err = earlier(tx, r.NewID); again || err != nil {
			return err
		}
		dead, err := tx.DeadLetter(r.ID)
		if err != nil {
			return err
		}
		asked = Request{Domain: dead.Domain, User: dead.User, Lane: dead.Lane, Admin: true}
		msg, err := s.replacement(dead, r)
		if err != nil {
			return err
		}
		to, err := s.recipientAgain(tx, dead, asked)
		if err != nil {
			return err
		}
		msg.BotID, msg.ChatID = to.BotID, to.ChatID
		if r.Text != "" { // else it has its note already
			msg.Body = withFileNote(msg.Body, s.domains, dead.Domain, to)
		}
		if a, err = s.accept(tx, msg, to); err != nil {
			return err
		}
		if err := tx.SetResent(dead.ID, msg.ID); err != nil {
			return err
		}
		return tx.Audit(audit.Entry{
			Time: s.now(), Event: audit.MessageResent, Domain: msg.Domain, User: msg.User, Subject: msg.ID, Outcome: dead.ID,
		})
	})
	if err != nil {
		if asked.User != "" {
			s.auditRefusal(ctx, asked, err)
		}
		return Accepted{}, err
	}
	return a, nil
}

// replacement makes the message that replaces a dead letter.
func (s *Service) replacement(dead delivery.Message, r Resend) (delivery.Message, error) {
	if _, ok := s.domains.Title(dead.Domain); !ok {
		return delivery.Message{}, ErrUnknownDomain
	}
	if dead.ResentAs != "" {
		return delivery.Message{}, &ResentError{dead.ResentAs}
	}
	if !dead.Resendable() {
		return delivery.Message{}, &NotResendableError{s.withLiveStatus(dead).Status}
	}
	body := dead.Body
	if r.Text != "" {
		var err error
		if body, err = compose(r.Text, r.HTML); err != nil {
			return delivery.Message{}, err
		}
	}
	if len(body.Parts) == 0 {
		return delivery.Message{}, ErrTextGone
	}
	ttl := r.TTL
	switch {
	case ttl == 0:
		ttl = min(max(dead.Expires.Sub(dead.Created), MinTTL), MaxTTL)
	case ttl < MinTTL || ttl > MaxTTL:
		return delivery.Message{}, &InvalidError{"ttl", fmt.Sprintf("must be from %.0f to %.0f seconds", MinTTL.Seconds(), MaxTTL.Seconds())}
	}
	now := s.now()
	msg := delivery.Message{
		ID: r.NewID, Domain: dead.Domain, User: dead.User, Lane: dead.Lane, Silent: dead.Silent, Body: body,
		Created: now, Expires: now.Add(ttl),
	}
	if msg.ID == "" {
		msg.ID = delivery.NewID("msg")
	}
	if r.Silent != nil {
		msg.Silent = *r.Silent
	}
	return msg, nil
}

// recipientAgain finds the chat that a dead letter goes to now.
func (s *Service) recipientAgain(tx Tx, dead delivery.Message, asked Request) (Recipient, error) {
	if dead.User != "" {
		return s.recipient(tx, asked)
	}
	to, err := unknownIfNotFound(tx.RecipientByChat(dead.BotID, dead.ChatID))
	if err != nil {
		return to, err
	}
	return to, s.mayWrite(tx, asked, to)
}
