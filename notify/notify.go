// Package notify accepts messages to users: to which chat, whether that is allowed, and with what text. Accepted means
// stored on disk; package delivery sends them.
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

// Limits of messages.
const (
	MinTTL         = 10 * time.Second
	MaxTTL         = 7 * 24 * time.Hour
	MaxCodeTTL     = 10 * time.Minute
	DefaultTTL     = 24 * time.Hour
	DefaultCodeTTL = 5 * time.Minute
	DedupeWindow   = time.Hour
	MaxLinkCodes   = 5   // codes with purpose link that a user may ask for, to one chat within CodeWindow
	MaxLinkText    = 500 // characters of a code with purpose link
	MaxWaiting     = 200 // codes of a domain that wait for Start
	MaxLoginCodes  = 10  // codes with purpose login, in the same way
	CodeWindow     = 10 * time.Minute
	LongestMute    = 7 * 24 * time.Hour
	replyTTL       = 10 * time.Minute
)

// codeLimits limit the codes of callers to one chat. With purpose link anybody may name a stranger's handle, so there are fewer.
// Two users can use up their shares, and others still get a first code.
var codeLimits = map[Purpose]delivery.CodeLimit{
	Login: {PerUser: MaxLoginCodes, PerChat: 25, Reserve: 5, Span: CodeWindow},
	Link:  {PerUser: MaxLinkCodes, PerChat: 15, Reserve: 5, Span: CodeWindow},
}

// Errors that the API distinguishes.
var (
	ErrNotFound         = delivery.ErrNotFound
	ErrUnknownDomain    = errors.New("no such domain")
	ErrNotLinked        = errors.New("the user has no linked chat")
	ErrBlocked          = errors.New("the user's chat accepts nothing from the bot")
	ErrRecipientUnknown = errors.New("the bot has not met the holder of this handle")
	ErrNobody           = fmt.Errorf("no account has this handle or number: %w", ErrRecipientUnknown) // in user mode, where nobody presses Start
	ErrNeedsBot         = errors.New("a user session does not write to groups")
	ErrRecipientChanged = errors.New("the handle has passed to another Telegram account")
	ErrUnproven         = errors.New("a handle that no user has proven gets only codes with purpose link, and a chat id not even those")
	ErrSuspended        = errors.New("the link is suspended after too many wrong codes")
	ErrDisabled         = errors.New("msg2factor is off in this domain")
)

// InvalidError: the request is invalid or contradicts itself; Field is the faulty member.
type InvalidError struct{ Field, Detail string }

func (e *InvalidError) Error() string { return e.Field + ": " + e.Detail }

// RateError: the user has asked for as many codes to the chat as allowed, or the chat has got as many.
type RateError struct {
	Limit      int
	RetryAfter time.Duration
}

func (e *RateError) Error() string { return fmt.Sprintf("more than %d codes for one chat", e.Limit) }

// CoolingOffError: the user has just denied a sign-in.
type CoolingOffError struct{ RetryAfter time.Duration }

func (e *CoolingOffError) Error() string { return "the user has said that a sign-in was not theirs" }

// Purpose of a code that the caller made.
type Purpose string

const (
	Login Purpose = "login" // refused where msg2factor is off
	Link  Purpose = "link"  // proves a handle; always allowed
)

// Recipient is a chat that a message can go to.
type Recipient struct {
	BotID, ChatID int64
	User          string // empty if the chat is addressed by handle
	Blocked       bool
	MutedUntil    time.Time
	NamedAt       time.Time // when the chat got its username
	Language      string    // of the user's Telegram, an IETF tag; may be empty
}

// SignInBlock is what blocks sign-in codes to a chat in a domain.
type SignInBlock struct {
	Suspended    bool // too many wrong codes
	CoolingUntil time.Time
}

// Handle is the chat that a username reached when the domain first used it.
type Handle struct {
	Domain, Name  string
	BotID, ChatID int64
	Created       time.Time
}

// Domains gives access to the configured domains.
type Domains interface {
	Title(domain string) (string, bool)
	Bot(domain string) (id int64, username string)
	Msg2Factor(domain string) bool
	// Words returns the texts of a domain in the language of the call, else of the user's Telegram, else of the domain.
	Words(domain, call, person string) *language.Words
	// ResolveUsername looks up who has a username now, where possible: delivery.UserSession can ask Telegram; a bot knows only users
	// who have pressed Start. False if nobody has it. An error from Telegram is a *delivery.SendError.
	ResolveUsername(ctx context.Context, botID int64, username string) (bool, error)
}

// Outbox reports whether a message is being sent right now.
type Outbox interface {
	InFlight(messageID string) bool
}

// Store keeps messages and mutes. Each function runs in one transaction.
type Store interface {
	UpdateMessages(ctx context.Context, fn func(Tx) error) error
	ViewMessages(ctx context.Context, fn func(Tx) error) error
}

// Tx is one transaction. A method that finds nothing returns ErrNotFound.
type Tx interface {
	Recipient(domain, user string) (Recipient, error)
	// RecipientByUsername finds a chat by any of its usernames.
	RecipientByUsername(botID int64, username string) (Recipient, error)
	RecipientByChat(botID, chatID int64) (Recipient, error)
	// Proven reports whether a user of the domain owns the chat, by a proof not older than since.
	Proven(domain string, botID, chatID int64, since time.Time) (bool, error)
	SignInBlock(domain string, botID, chatID int64) (SignInBlock, error)
	Handle(domain, name string) (Handle, error)
	SaveHandle(Handle) error
	// KeepCode stores a code; it replaces one that waits for the same username in the same domain.
	KeepCode(WaitingCode) error
	// CodesWaiting counts the codes of a domain that wait for other usernames than this one.
	CodesWaiting(domain, except string) (int, error)
	// TakeCodes deletes and returns the codes that wait for a username.
	TakeCodes(botID int64, username string) ([]WaitingCode, error)
	SetMute(botID, chatID int64, until time.Time) error

	Message(id string) (delivery.Message, error)
	Messages(Query) ([]delivery.Message, error)
	// MessagesBetween lists messages to a user that were open at some time from since to until and accepted after oldest,
	// newest first.
	MessagesBetween(domain, user string, oldest, since, until time.Time, limit int) ([]delivery.Message, error)
	// Attempts lists the sends in order; of very many, the first and the last.
	Attempts(messageID string) ([]delivery.Attempt, error)
	DuplicateOf(domain string, botID, chatID int64, dedupe string, since time.Time) (delivery.Message, error)
	// CodesSent lists the codes of a purpose to a chat since a time, oldest first.
	CodesSent(botID, chatID int64, purpose string, since time.Time) ([]delivery.SentCode, error)
	// CountSuppressed counts a repeat that was not sent.
	CountSuppressed(id string, now time.Time) error
	Enqueue(delivery.Message) error
	// DeadLetter is Message with its body, unless that was wiped.
	DeadLetter(id string) (delivery.Message, error)
	// SetResent stores which message replaced another.
	SetResent(id, resentAs string) error

	// AuditBetween lists the audit entries of a user, newest first.
	AuditBetween(domain, user string, since, until time.Time, limit int) ([]audit.Entry, error)
	audit.Refusals
}
