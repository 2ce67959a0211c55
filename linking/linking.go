// Package linking decides which user owns which chat. A link says that (domain, user) owns a Telegram chat. It is proven by
// one secret that goes from the server's page into the chat and one that goes back. A username is a label, never an
// identity.
package linking

import (
	"context"
	"errors"
	"time"

	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/language"
)

// Limits of linking. NIST SP 800-63B-4 §4.1.2.2: a binding code is valid for at most 10 minutes and used once.
const (
	Lifetime        = 10 * time.Minute // of an unproven link
	ConfirmDigits   = 6
	ConfirmAttempts = 5
	MaxStarts       = 5  // links started per user within StartsWindow
	MaxHandleCodes  = 15 // codes sent to one chat by handle within StartsWindow, whoever asks
	StartsWindow    = 10 * time.Minute
	ClockSlack      = time.Minute // if the clock is set back further, an open link has expired: its age is unknown
)

// handleCodes limits the codes sent to one chat by handle: anybody may name a stranger's handle. Two users can use up their starts,
// and others still get a first code.
var handleCodes = delivery.CodeLimit{PerUser: MaxStarts, PerChat: MaxHandleCodes, Reserve: 5, Span: StartsWindow}

// Errors that the API and the bot distinguish.
var (
	ErrNotFound         = errors.New("no such link")
	ErrUnknownDomain    = errors.New("no such domain")
	ErrRecipientUnknown = errors.New("the bot does not know the holder of this handle")
	ErrBotUnknown       = errors.New("the bot's name is not known yet")
	ErrNeedsBot         = errors.New("a link to open needs a bot, and the domain works through a user session")
	ErrNobody           = errors.New("nobody in Telegram has this username")
	ErrStale            = errors.New("this button no longer works")
)

// RateError: too many links were started; the next is possible after RetryAfter.
type RateError struct {
	Scope      string // "user" or "chat"
	Limit      int
	RetryAfter time.Duration
}

func (e *RateError) Error() string { return "too many links started for this " + e.Scope }

// Status of a link: pending → claimed → verified ⇄ suspended → revoked, or an early end.
type Status string

const (
	Pending   Status = "pending"   // the start token was given out
	Claimed   Status = "claimed"   // opened in Telegram, or by handle: the code was sent
	Verified  Status = "verified"  // proven from both sides
	Suspended Status = "suspended" // bot blocked, or too many wrong codes
	Revoked   Status = "revoked"   // unlinked, or replaced by a newer link
	Expired   Status = "expired"
	Denied    Status = "denied"    // "Not me"
	Canceled  Status = "canceled"  // a newer link was started
	Exhausted Status = "exhausted" // too many wrong confirm codes
)

// Open reports whether the link can still be proven.
func (s Status) Open() bool { return s == Pending || s == Claimed }

// Current reports whether it is the user's current link.
func (s Status) Current() bool { return s == Verified || s == Suspended }

// Why a link is suspended or revoked.
const (
	ReasonBlocked         = "blocked"
	ReasonTooManyFailures = "too_many_failures"
	ReasonUnlinked        = "unlinked"
	ReasonReplaced        = "replaced" // by another chat
	ReasonRenewed         = "renewed"  // by a new link of the same chat
	ReasonNotMe           = "not_me"
)

// Method is how a link is proven.
type Method string

const (
	ByBot    Method = "bot"
	ByHandle Method = "handle"
	ByCaller Method = "caller" // the caller has checked a code of its own
)

// Link says, proven or not, that a user of a domain owns a chat.
type Link struct {
	ID          string
	Domain      string
	User        string
	DisplayName string // the server's name of the user; may be empty
	Locale      string // language that the caller asked for; may be empty
	Method      Method
	Status      Status
	Reason      string // why it is suspended or ended
	BotID       int64
	ChatID      int64  // 0 until claimed
	TokenHash   []byte // SHA-256 of the start token, or of the message id of the caller's code; nil by handle
	Binding     []byte // SHA-256 of the caller's session binding; nil without one
	ConfirmMAC  []byte // of the current confirm code; nil if none
	Attempts    int    // confirm codes tried
	Created     time.Time
	Expires     time.Time // of an open link
	Claimed     time.Time
	Verified    time.Time
	Ended       time.Time

	Authenticated time.Time // when the user signed in, as the server says; zero if it does not

	Chat Chat // label of the chat; set when read
}

// Chat is a Telegram chat as one bot knows it.
type Chat struct {
	BotID     int64
	ID        int64
	Type      string // "private", "group", …
	Username  string // as last seen, without "@"; can be empty
	FirstName string
	LastName  string
	Language  string // of the user's Telegram, an IETF tag; may be empty
	Blocked   bool   // the user has blocked the bot or deleted the account
}

// Label shows a chat to people: "Alice (@alice)".
func (c Chat) Label() string {
	switch name := c.Name(); {
	case name != "" && c.Username != "":
		return name + " (@" + c.Username + ")"
	case c.Username != "":
		return "@" + c.Username
	default:
		return name
	}
}

// Name is the user's first and last name, safe to show.
func (c Chat) Name() string {
	name := c.FirstName
	if c.LastName != "" {
		name += " " + c.LastName
	}
	return delivery.Displayable(name, 64)
}

// Invitation is a handle that an administrator has set for a user; unproven until its holder links.
type Invitation struct {
	Domain, User string
	Handle       string // without "@"
	Created      time.Time
}

// Domains gives access to the configured domains.
type Domains interface {
	// Title is the domain's title for people; false if there is no such domain.
	Title(domain string) (string, bool)
	// Words returns the texts of a domain in the language of the call, else of the user's Telegram, else of the domain.
	Words(domain, call, person string) *language.Words
	// BotWords returns the texts of a bot outside any domain.
	BotWords(botID int64, person string) *language.Words
	// Bot is the domain's bot; the username is empty until Telegram has told it once.
	Bot(domain string) (id int64, username string)
	// RequiresAuthentication reports whether a link needs the time at which the user has authenticated.
	RequiresAuthentication(domain string) bool
	// ResolveUsername looks up who has a username now, where possible: delivery.UserSession can ask Telegram; a bot knows
	// only users who have pressed Start. False if nobody has it. An error from Telegram is a *delivery.SendError.
	ResolveUsername(ctx context.Context, botID int64, username string) (bool, error)
}

// Store keeps links and chats. Each function runs in one transaction.
type Store interface {
	UpdateLinks(ctx context.Context, fn func(Tx) error) error
	ViewLinks(ctx context.Context, fn func(Tx) error) error
}

// Tx is one transaction. A method that finds nothing returns ErrNotFound.
type Tx interface {
	InsertLink(Link) error
	UpdateLink(Link) error
	Link(id string) (Link, error)
	LinkByToken(hash []byte) (Link, error)
	CurrentLink(domain, user string) (Link, error)
	OpenLinks(domain, user string) ([]Link, error)
	ChatLinks(botID, chatID int64) ([]Link, error) // verified and suspended, oldest first
	ListLinks(domain, query, after string, limit int) ([]Link, error)

	// CountConfirmAttempt counts one attempt in one statement, if the link is claimed and has attempts left.
	CountConfirmAttempt(id string, max int) (counted bool, err error)
	// ConfirmFailures are zero if there are none.
	ConfirmFailures(Confirmer) (Failures, error)
	SaveConfirmFailures(Confirmer, Failures) error
	ForgetConfirmFailures(Confirmer) error
	// CarryFailures copies the count of wrong sign-in codes, its wait and the pause after "Not me" to another link.
	CarryFailures(fromID, toID string) error
	// LinksStarted counts the links of a user created since a time, and returns when the oldest was.
	LinksStarted(domain, user string, since time.Time) (int, time.Time, error)
	// CodesToChat lists the codes sent to a chat by handle since a time, oldest first.
	CodesToChat(botID, chatID int64, since time.Time) ([]delivery.SentCode, error)

	SaveChat(Chat) error
	Chat(botID, chatID int64) (Chat, error)
	// ChatByUsername finds a chat by any of its usernames.
	ChatByUsername(botID int64, username string) (Chat, error)
	// SaveMoreUsernames replaces the usernames that a chat has besides its first one. Any other chat loses them.
	SaveMoreUsernames(botID, chatID int64, names []string) error
	// Usernames are all usernames of a chat, the first one first.
	Usernames(botID, chatID int64) ([]string, error)
	MigrateChat(botID, from, to int64) error

	// Code is a message with a purpose.
	Code(messageID string) (Code, error)
	// HandleChat is the chat that a domain means by a username since its first message there.
	HandleChat(domain, name string) (chatID int64, err error)
	// NameChat makes a username mean a chat in a domain, unless it already means one.
	NameChat(domain, name string, botID, chatID int64) error

	SaveInvitation(Invitation) error
	Invitation(domain, user string) (Invitation, error)
	ListInvitations(domain, query, after string, limit int) ([]Invitation, error)
	DeleteInvitation(domain, user string) error

	// CancelVerifications cancels the pending verifications of a link.
	CancelVerifications(linkID, reason string, now time.Time) error
	// CancelMessages cancels the waiting messages of a user to a chat, and codes sent to the chat by its handle.
	CancelMessages(domain, user string, botID, chatID int64) error
	Enqueue(delivery.Message) error
	Audit(audit.Entry) error
}
