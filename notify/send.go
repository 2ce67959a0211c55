package notify

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"time"
	"unicode/utf8"

	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/internal/secret"
)

// Service accepts messages.
type Service struct {
	store   Store
	domains Domains
	outbox  Outbox
	now     func() time.Time
	log     *slog.Logger
}

// New makes the service.
func New(store Store, domains Domains, outbox Outbox, now func() time.Time, log *slog.Logger) *Service {
	return &Service{store: store, domains: domains, outbox: outbox, now: now, log: log}
}

// Request asks for one message to a user, or to a handle.
type Request struct {
	ID           string // its id; empty for a new one. The same id twice is the same message
	Domain, User string
	To           string // instead of User: "@alice", or a numeric chat id that the bot knows
	AskedFor     string // with To, of a code: the user who asked for it; empty if not known
	Text         string
	HTML         bool // Text is Telegram's HTML subset
	Lane         delivery.Lane
	Purpose      Purpose       // in the code lane only, and required there
	TTL          time.Duration // 0: the lane's default
	Silent       bool
	DedupeKey    string
	Caller       string // the name of the API key; a dedupe key belongs to it; those of codes are apart
	Invite       bool   // the caller's key has the scope invite: a direct message may go to an unproven username
	Admin        bool   // the caller's key has the scope admin: a direct message may go to any chat that the bot knows
	ByHand       bool   // written by an administrator; the audit records it
}

// Accepted is a message on disk; if Deduplicated, the earlier one with the same dedupe key, which has counted the repeat.
type Accepted struct {
	Message      delivery.Message
	Deduplicated bool
}

// Send stores a message for delivery. Errors: ErrUnknownDomain, *InvalidError, *delivery.HTMLError, ErrDisabled,
// ErrSuspended, *CoolingOffError, ErrNotLinked, ErrBlocked, ErrRecipientUnknown (*WaitingError if the code waits for the
// user), ErrRecipientChanged, ErrUnproven, *RateError. Those from ErrDisabled on concern the recipient and are audited.
func (s *Service) Send(ctx context.Context, r Request) (Accepted, error) {
	a, err := s.send(ctx, r)
	if err != nil {
		s.auditRefusal(ctx, r, err)
	}
	return a, err
}

func (s *Service) send(ctx context.Context, r Request) (Accepted, error) {
	if _, ok := s.domains.Title(r.Domain); !ok {
		return Accepted{}, ErrUnknownDomain
	}
	if r.Purpose == Login && !s.domains.Msg2Factor(r.Domain) {
		return Accepted{}, ErrDisabled
	}
	msg, err := s.message(r)
	if err != nil {
		return Accepted{}, err
	}
	if err := s.lookUpHandle(ctx, r); err != nil {
		return Accepted{}, err
	}
	var a Accepted
	var kept *WaitingError
	err = s.store.UpdateMessages(ctx, func(tx Tx) error {
		var again bool
		if a.Message, again, err = earlier(tx, r.ID); again || err != nil {
			return err
		}
		to, err := s.recipient(tx, r)
		if errors.Is(err, ErrRecipientUnknown) && !errors.Is(err, ErrNobody) {
			kept, err = s.keepCode(tx, r, msg)
			return err
		}
		if err != nil {
			return err
		}
		msg.BotID, msg.ChatID, msg.User = to.BotID, to.ChatID, to.User
		msg.Body = withFileNote(msg.Body, s.domains, r.Domain, to)
		if a, err = s.accept(tx, msg, to); err != nil || !r.ByHand {
			return err
		}
		return tx.Audit(audit.Entry{
			Time: s.now(), Event: audit.MessageByHand, Domain: msg.Domain, User: msg.User, Subject: msg.ID, Outcome: string(msg.Lane),
		})
	})
	switch {
	case err != nil:
		return Accepted{}, err
	case kept != nil:
		return Accepted{}, kept
	}
	return a, nil
}

// earlier finds the message of the same call, made before a crash between commit and answer. id is empty for calls that
// cannot be repeated.
func earlier(tx Tx, id string) (m delivery.Message, found bool, err error) {
	if id == "" {
		return m, false, nil
	}
	m, err = tx.Message(id)
	if errors.Is(err, ErrNotFound) {
		return m, false, nil
	}
	return m, err == nil, err
}

// message checks what it can without the database and renders the text.
func (s *Service) message(r Request) (delivery.Message, error) {
	ttl, err := lifetime(r)
	if err != nil {
		return delivery.Message{}, err
	}
	body, err := compose(r.Text, r.HTML)
	if err != nil {
		return delivery.Message{}, err
	}
	if r.Purpose == Link {
		if err := checkLinkCode(body); err != nil {
			return delivery.Message{}, err
		}
	}
	now := s.now()
	msg := delivery.Message{
		ID: r.ID, Domain: r.Domain, Lane: r.Lane, Purpose: string(r.Purpose), AskedFor: r.AskedFor, Silent: r.Silent,
		Body: body, Created: now, Expires: now.Add(ttl),
	}
	if msg.ID == "" {
		msg.ID = delivery.NewMessageID(now)
	}
	if r.DedupeKey != "" {
		msg.Dedupe = hex.EncodeToString(secret.Hash(fmt.Sprintf("%q %v %q", r.Caller, r.Lane == delivery.LaneCode, r.DedupeKey)))
	}
	return msg, nil
}

// compose renders a text. Errors: *InvalidError, *delivery.HTMLError.
func compose(typed string, html bool) (delivery.Body, error) {
	text := delivery.Plain(typed)
	if html {
		var err error
		if text, err = delivery.ParseHTML(typed); err != nil {
			return delivery.Body{}, err
		}
	}
	if err := delivery.CheckText(text); err != nil {
		return delivery.Body{}, &InvalidError{"text", err.Error()}
	}
	return delivery.Compose(text), nil
}

// linkCode is what a code with purpose link looks like. Other digits may be near it, for example in the server's title.
var linkCode = regexp.MustCompile(`(^|[^0-9])[0-9]{4,8}($|[^0-9])`)

// checkLinkCode refuses a text that is no code: one with purpose link reaches chats that have proven nothing.
func checkLinkCode(b delivery.Body) error {
	if b.IsFile() || len(b.Parts) != 1 || utf8.RuneCountInString(b.Parts[0].Text.Text) > MaxLinkText || !linkCode.MatchString(b.Parts[0].Text.Text) {
		return &InvalidError{"text", fmt.Sprintf("a code with purpose link has a code of 4 to 8 digits and at most %d characters in all", MaxLinkText)}
	}
	return nil
}

// withFileNote adds a note about the attached file to a text that is too long for messages.
func withFileNote(b delivery.Body, domains Domains, domain string, to Recipient) delivery.Body {
	if !b.IsFile() {
		return b
	}
	return b.WithNote(domains.Words(domain, "", to.Language).Short("message.attached", nil))
}

func lifetime(r Request) (time.Duration, error) {
	longest, standard := MaxTTL, DefaultTTL
	switch r.Lane {
	case delivery.LaneCode:
		longest, standard = MaxCodeTTL, DefaultCodeTTL
		if r.Purpose != Login && r.Purpose != Link {
			return 0, &InvalidError{"purpose", `a code needs its purpose: "login" or "link"`}
		}
	case delivery.LaneDirect, delivery.LaneAlert:
		if r.Purpose != "" {
			return 0, &InvalidError{"purpose", "only a message in the code lane has a purpose"}
		}
	default:
		return 0, &InvalidError{"lane", `must be "code", "direct" or "alert"`}
	}
	switch {
	case r.TTL == 0:
		return standard, nil
	case r.TTL < MinTTL || r.TTL > longest:
		return 0, &InvalidError{"ttl", fmt.Sprintf("must be from %.0f to %.0f seconds in this lane", MinTTL.Seconds(), longest.Seconds())}
	}
	return r.TTL, nil
}

// accept applies the limits that depend on earlier messages, and stores the message.
func (s *Service) accept(tx Tx, msg delivery.Message, to Recipient) (Accepted, error) {
	now := s.now()
	if msg.Dedupe != "" {
		earlier, err := tx.DuplicateOf(msg.Domain, to.BotID, to.ChatID, msg.Dedupe, now.Add(-DedupeWindow))
		if err == nil {
			earlier.Suppressed, earlier.SuppressedAt = earlier.Suppressed+1, now
			return Accepted{Message: earlier, Deduplicated: true}, tx.CountSuppressed(earlier.ID, now)
		}
		if !errors.Is(err, ErrNotFound) {
			return Accepted{}, err
		}
	}
	if msg.Lane == delivery.LaneCode {
		limit := codeLimits[Purpose(msg.Purpose)]
		sent, err := tx.CodesSent(to.BotID, to.ChatID, msg.Purpose, now.Add(-limit.Span))
		if err != nil {
			return Accepted{}, err
		}
		if wait, reached := limit.Wait(sent, msg.Domain, cmp.Or(msg.User, msg.AskedFor), now); wait > 0 {
			return Accepted{}, &RateError{Limit: reached, RetryAfter: wait}
		}
	} else if now.Before(to.MutedUntil) {
		msg.Status, msg.Ended, msg.Failure = delivery.StatusFailed, now, mutedFailure(to)
	}
	if msg.Status == "" {
		msg.Status = delivery.StatusQueued
	}
	return Accepted{Message: msg}, tx.Enqueue(msg)
}

func mutedFailure(to Recipient) *delivery.Failure {
	return &delivery.Failure{
		Reason: delivery.ReasonMuted,
		Detail: "The person has muted messages until " + to.MutedUntil.UTC().Format(time.RFC3339) +
			"; /unmute in the chat ends that. Sign-in codes still arrive.",
	}
}

// Get returns a message with its live status. ErrNotFound.
func (s *Service) Get(ctx context.Context, id string) (delivery.Message, error) {
	var msg delivery.Message
	err := s.store.ViewMessages(ctx, func(tx Tx) (err error) {
		msg, err = tx.Message(id)
		return err
	})
	return s.withLiveStatus(msg), err
}

// withLiveStatus shows a message that is being sent as sending, and explains an unknown outcome.
func (s *Service) withLiveStatus(m delivery.Message) delivery.Message {
	if m.Status == delivery.StatusQueued && s.outbox.InFlight(m.ID) {
		m.Status = delivery.StatusSending
	}
	if m.Status == delivery.StatusUnknown {
		m.Failure = &delivery.Failure{
			Reason: delivery.ReasonAnswerLost,
			Detail: "It was sent and Telegram's answer was lost, so it may have arrived; telegate does not repeat it. " +
				"Ask the user before you send it again.",
		}
	}
	return m
}

// Reply queues the bot's own answer in a chat.
func (s *Service) Reply(ctx context.Context, botID, chatID int64, lane delivery.Lane, body delivery.Body) error {
	now := s.now()
	return s.store.UpdateMessages(ctx, func(tx Tx) error {
		return tx.Enqueue(delivery.Message{
			ID: delivery.NewMessageID(now), BotID: botID, ChatID: chatID, Lane: lane, Purpose: delivery.PurposeReply, Body: body,
			Status: delivery.StatusQueued, Created: now, Expires: now.Add(replyTTL),
		})
	})
}
