package delivery

import (
	"context"
	"fmt"
	"time"
)

// Transport sends to Telegram for one bot.
type Transport interface {
	// Name is what a message's "transport" shows, for example "bot".
	Name() string
	// Send sends one part and returns once Telegram has accepted it. Every error is a *SendError. The context ends when the
	// message expires or the timeout is over.
	Send(ctx context.Context, to Recipient, part Part) error
}

// Deduplicator is a Transport that may know repeated sends.
type Deduplicator interface {
	// Deduplicates reports whether the same part of the same message arrives once, however often it is sent.
	Deduplicates() bool
}

// deduplicates reports whether repeating a send over t does no harm.
func deduplicates(t Transport) bool {
	d, ok := t.(Deduplicator)
	return ok && d.Deduplicates()
}

// Recipient is the chat of a part, and what a transport needs to know about the message.
type Recipient struct {
	BotID     int64 // the bot of the message, whatever sends it; UserSession if there is no bot
	ChatID    int64
	Thread    int // the topic of a forum; 0: none
	Silent    bool
	Lane      Lane   // decides how long a transport may wait before it returns; some refuse lanes
	MessageID string // with Part, identifies a repeated send; empty if there is no message
	Part      int    // index in the message, from 0
}

// Class groups send errors by what to do about them.
type Class int

const (
	// Transient: the network or Telegram has a problem; the message is fine.
	Transient Class = iota
	// Flood: Telegram asks to wait RetryAfter (429).
	Flood
	// Unauthorized: Telegram refuses the token (401); the bot cannot send anything.
	Unauthorized
	// RecipientPermanent: this chat accepts nothing from this bot (403, chat not found).
	RecipientPermanent
	// MessagePermanent: Telegram will never accept this message.
	MessagePermanent
	// Markup: Telegram cannot parse the formatting; plain text may still work.
	Markup
	// Migrated: the group has become the supergroup MigrateTo.
	Migrated
)

func (c Class) String() string {
	return [...]string{"transient", "flood", "unauthorized", "recipient", "message", "markup", "migrated"}[c]
}

// SendError is why a part was not, or perhaps not, delivered.
type SendError struct {
	Class      Class
	Unknown    bool          // the request was written and no answer came: Telegram may have accepted it
	Network    bool          // Telegram was not reached; every message of the bot would fail the same way
	RetryAfter time.Duration // Class Flood: how long to wait
	Final      bool          // Class Unauthorized: it cannot pass while the process runs
	Broadcasts bool          // Class Flood: only broadcasts have to wait
	MigrateTo  int64         // Class Migrated: the supergroup's id
	Failure    Failure       // for people, if this is final
	Err        error         // for the log; free of secrets
}

func (e *SendError) Error() string { return fmt.Sprintf("send to Telegram (%s): %v", e.Class, e.Err) }

func (e *SendError) Unwrap() error { return e.Err }
