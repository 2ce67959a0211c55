package delivery

import (
	"context"
	"fmt"
	"time"
)

// Transport is a way out to Telegram, bound to one bot.
type Transport interface {
	// Name is what a message's "transport" shows, for example "bot".
	Name() string
	// Send hands one part to Telegram and returns once Telegram has taken it. Every error is a *SendError. The context
	// ends when the message has lost its worth.
	Send(ctx context.Context, to Recipient, part Part) error
}

// Recipient is the chat a part goes to, and what a transport may have to know of the message.
type Recipient struct {
	BotID     int64 // whose message it is, whoever brings it; UserSession where there is no bot
	ChatID    int64
	Silent    bool
	Lane      Lane   // says how long a transport may wait before it gives the part back; some refuse lanes
	MessageID string // with Part, tells a repeated send from a new one; empty where there is no message
	Part      int    // which part of the message, from 0
}

// Class sorts what can go wrong with a send by what has to be done about it (the error table: facts §B).
type Class int

const (
	// Transient: the network or Telegram is in trouble; nothing is wrong with the message.
	Transient Class = iota
	// Flood: Telegram asks to wait RetryAfter (429).
	Flood
	// Unauthorized: Telegram refuses the token (401); nothing of this bot can leave.
	Unauthorized
	// RecipientPermanent: this chat takes nothing from this bot (403, chat not found).
	RecipientPermanent
	// MessagePermanent: Telegram refuses this very message for ever.
	MessagePermanent
	// Markup: Telegram cannot read the formatting; the plain text may still go.
	Markup
	// Migrated: the group has become a supergroup with the id MigrateTo.
	Migrated
)

func (c Class) String() string {
	return [...]string{"transient", "flood", "unauthorized", "recipient", "message", "markup", "migrated"}[c]
}

// SendError is why a part was not (or perhaps not) delivered.
type SendError struct {
	Class      Class
	Unknown    bool          // the request was written and no answer came: Telegram may have taken it
	Network    bool          // Telegram was not reached at all; every message of the bot would fare the same
	RetryAfter time.Duration // Class Flood: how long Telegram wants quiet
	Broadcasts bool          // Class Flood: only broadcasts have to wait; everything else may go on
	MigrateTo  int64         // Class Migrated: the supergroup's id
	Failure    Failure       // in words, should this be the end
	Err        error         // for the log; free of secrets
}

func (e *SendError) Error() string { return fmt.Sprintf("send to Telegram (%s): %v", e.Class, e.Err) }

func (e *SendError) Unwrap() error { return e.Err }
