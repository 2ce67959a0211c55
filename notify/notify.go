// Package notify accepts messages to people: whom they go to, whether that is allowed, and what they say. Accepted means
// on disk; delivery does the rest.
package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/language"
)

// The numbers of accepting messages.
const (
	MinTTL         = 10 * time.Second
	MaxTTL         = 7 * 24 * time.Hour
	MaxCodeTTL     = 10 * time.Minute
	DefaultTTL     = 24 * time.Hour
	DefaultCodeTTL = 5 * time.Minute
	DedupeWindow   = time.Hour
	MaxLinkCodes   = 5  // codes with purpose link to one chat within CodeWindow: anybody may name a stranger's handle
	MaxLoginCodes  = 10 // codes with purpose login to one chat within CodeWindow
	CodeWindow     = 10 * time.Minute
	LongestMute    = 7 * 24 * time.Hour
	replyTTL       = 10 * time.Minute
)

// What the API has to tell apart.
var (
	ErrNotFound         = delivery.ErrNotFound
	ErrUnknownDomain    = errors.New("no such domain")
	ErrNotLinked        = errors.New("the user has no linked chat")
	ErrBlocked          = errors.New("the user's chat takes nothing from the bot")
	ErrRecipientUnknown = errors.New("the bot has not met the holder of this handle")
	ErrRecipientChanged = errors.New("the handle has passed to another Telegram account")
	ErrUnproven         = errors.New("a handle nobody has proven gets only codes with purpose link")
	ErrSuspended        = errors.New("the link is suspended after too many wrong codes")
	ErrDisabled         = errors.New("msg2factor is off in this domain")
)

// InvalidError is a request that contradicts itself or the rules; Field names the member at fault.
type InvalidError struct{ Field, Detail string }

func (e *InvalidError) Error() string { return e.Field + ": " + e.Detail }

// RateError says that a chat has been sent as many codes as it may be.
type RateError struct {
	Limit      int
	RetryAfter time.Duration
}

func (e *RateError) Error() string { return fmt.Sprintf("more than %d codes for one chat", e.Limit) }

// CoolingOffError says that the person has just denied a sign-in.
type CoolingOffError struct{ RetryAfter time.Duration }

func (e *CoolingOffError) Error() string { return "the user has said that a sign-in was not theirs" }

// Purpose of a code that the caller has made itself.
type Purpose string

const (
	Login Purpose = "login" // refused where msg2factor is off
	Link  Purpose = "link"  // proves a handle; always allowed
)

// Recipient is a chat somebody can be reached in.
type Recipient struct {
	BotID, ChatID int64
	User          string // empty where the chat is addressed by handle
	Blocked       bool
	MutedUntil    time.Time
	NamedAt       time.Time // since when the chat has its username
	Language      string    // of the person's Telegram, an IETF tag; can be empty
}

// Standing is what speaks against sending sign-in codes to a chat in a domain.
type Standing struct {
	Suspended    bool // too many wrong codes
	CoolingUntil time.Time
}

// Handle is what a domain means by a username: the chat it reached when the domain first used it (F19).
type Handle struct {
	Domain, Name  string
	BotID, ChatID int64
	Created       time.Time
}

// Domains answers what has to be known about the configured domains.
type Domains interface {
	Title(domain string) (string, bool)
	Bot(domain string) (id int64, username string)
	Msg2Factor(domain string) bool
	// Words are what people are told about a domain, in the language of a call, else of the person's Telegram, else of the domain.
	Words(domain, call, person string) *language.Words
	// Meet makes sure that whoever has a username now is known under it, where that can be asked: delivery.UserSession can,
	// a bot knows only those who have pressed Start. False where nobody has it. An error of Telegram's is a *delivery.SendError.
	Meet(ctx context.Context, botID int64, username string) (bool, error)
}

// Outbox tells what is on its way right now.
type Outbox interface {
	InFlight(messageID string) bool
}

// Store keeps messages and mutes. Each function runs in one transaction.
type Store interface {
	UpdateMessages(ctx context.Context, fn func(Tx) error) error
	ViewMessages(ctx context.Context, fn func(Tx) error) error
}

// Tx is one transaction. Everything that finds nothing answers ErrNotFound.
type Tx interface {
	Recipient(domain, user string) (Recipient, error)
	RecipientByUsername(botID int64, username string) (Recipient, error)
	RecipientByChat(botID, chatID int64) (Recipient, error)
	// Proven tells whether some user of the domain owns the chat, by a proof that is not older than since.
	Proven(domain string, botID, chatID int64, since time.Time) (bool, error)
	Standing(domain string, botID, chatID int64) (Standing, error)
	Handle(domain, name string) (Handle, error)
	SaveHandle(Handle) error
	// KeepCode stores a code in place of the one that waits under the same name in the same domain, if any.
	KeepCode(WaitingCode) error
	// TakeCodes deletes what waits under a username, and answers it.
	TakeCodes(botID int64, username string) ([]WaitingCode, error)
	SetMute(botID, chatID int64, until time.Time) error

	Message(id string) (delivery.Message, error)
	Messages(Query) ([]delivery.Message, error)
	// MessagesBetween lists messages to a user that were under way at some time from since to until, the newest first, if
	// they were accepted after oldest.
	MessagesBetween(domain, user string, oldest, since, until time.Time, limit int) ([]delivery.Message, error)
	// Attempts lists the sends that were tried, in order; of very many the first and the last.
	Attempts(messageID string) ([]delivery.Attempt, error)
	DuplicateOf(domain string, botID, chatID int64, dedupe string, since time.Time) (delivery.Message, error)
	// CodesSent counts codes of a purpose to a chat since then, and tells when the oldest of them was.
	CodesSent(botID, chatID int64, purpose string, since time.Time) (int, time.Time, error)
	// CountSuppressed counts a repeat of a message that is not sent.
	CountSuppressed(id string, now time.Time) error
	Enqueue(delivery.Message) error
	// DeadLetter is Message with the body, as far as it has not been wiped.
	DeadLetter(id string) (delivery.Message, error)
	// SetResent notes which message was sent in place of another.
	SetResent(id, resentAs string) error

	// AuditBetween lists what has been written down about a user, the newest first.
	AuditBetween(domain, user string, since, until time.Time, limit int) ([]audit.Entry, error)
	audit.Refusals
}
