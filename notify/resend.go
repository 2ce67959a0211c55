package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"telegate/delivery"
	"telegate/internal/audit"
)

// ErrTextGone: the text of a dead letter has been wiped, and no other was given.
var ErrTextGone = errors.New("the text of the message is not kept any more")

// ResentError says that something has been sent in place of a message already.
type ResentError struct{ ID string }

func (e *ResentError) Error() string { return "the message has been sent again as " + e.ID }

// NotResendableError says that a message is no dead letter: it has arrived, was canceled, may still arrive, or has lost its
// worth (a code, an answer of the bot).
type NotResendableError struct{ Status delivery.Status }

func (e *NotResendableError) Error() string {
	return fmt.Sprintf("a message that is %s is not sent again", e.Status)
}

// Resend is the wish to send a dead letter again.
type Resend struct {
	ID     string        // of the dead letter
	NewID  string        // the id to give what is sent; empty for a fresh one. The same id twice is the same message
	Text   string        // in place of what was to be sent; empty: as it was
	HTML   bool          // Text is Telegram's HTML subset
	TTL    time.Duration // 0: as long as the dead letter had
	Silent *bool         // nil: as it was
}

// Resend sends a dead letter again: a new message with an outcome of its own, in the same lane, to the chat the user has now,
// or to the same chat where it was addressed by handle. What stops other messages stops it too; a broadcast's does not
// become part of the broadcast again. Errors: ErrNotFound, *NotResendableError, *ResentError, ErrTextGone and those of Send.
func (s *Service) Resend(ctx context.Context, r Resend) (Accepted, error) {
	var a Accepted
	var asked Request // for the record, should it be refused
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
		msg, err := s.letter(dead, r)
		if err != nil {
			return err
		}
		to, err := s.recipientAgain(tx, dead, asked)
		if err != nil {
			return err
		}
		msg.BotID, msg.ChatID = to.BotID, to.ChatID
		if r.Text != "" { // else it has been noted already
			msg.Body = noted(msg.Body, s.domains, dead.Domain, to)
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
			s.noteRefusal(ctx, asked, err)
		}
		return Accepted{}, err
	}
	return a, nil
}

// letter is what goes out in place of a dead letter.
func (s *Service) letter(dead delivery.Message, r Resend) (delivery.Message, error) {
	if _, ok := s.domains.Title(dead.Domain); !ok {
		return delivery.Message{}, ErrUnknownDomain
	}
	if dead.ResentAs != "" {
		return delivery.Message{}, &ResentError{dead.ResentAs}
	}
	if !dead.Resendable() {
		return delivery.Message{}, &NotResendableError{s.judged(dead).Status}
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
	to, err := known(tx.RecipientByChat(dead.BotID, dead.ChatID))
	if err != nil {
		return to, err
	}
	return to, s.mayWrite(tx, asked, to)
}
