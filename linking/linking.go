// Package linking decides who owns which chat. A link is (domain, user) owning a Telegram chat, proven by a secret that
// travels from the server's page into the chat and another that travels back; a username is a label, never an identity.
package linking

import (
	"context"
	"errors"
	"time"

	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/language"
)

// The numbers of linking. NIST SP 800-63B-4 §4.1.2.2: a binding code lives at most 10 minutes and is used once.
const (
	Lifetime        = 10 * time.Minute // of an unproven link
	ConfirmDigits   = 6
	ConfirmAttempts = 5
	MaxStarts       = 5 // links started for one user, and codes sent to one chat by handle, within StartsWindow
	StartsWindow    = 10 * time.Minute
	ClockSlack      = time.Minute // set back further, the clock does not tell any more how long a link has been open: it is over
)

// What the API and the bot have to tell apart.
var (
	ErrNotFound         = errors.New("no such link")
	ErrUnknownDomain    = errors.New("no such domain")
	ErrRecipientUnknown = errors.New("the bot has not met the holder of this handle")
	ErrBotUnknown       = errors.New("the bot's name is not known yet")
	ErrNeedsBot         = errors.New("a link to open needs a bot, and the domain works through a user session")
	ErrNobody           = errors.New("nobody in Telegram has this username")
	ErrStale            = errors.New("this button has lost its meaning")
)

// RateError says that too many links were started; RetryAfter is when the next one may be.
type RateError struct {
	Scope      string // "user" or "chat"
	Limit      int
	RetryAfter time.Duration
}

func (e *RateError) Error() string { return "too many links started for this " + e.Scope }

// Status of a link: pending → claimed → verified ⇄ suspended → revoked, or an early end.
type Status string

const (
	Pending   Status = "pending"   // the start token is out
	Claimed   Status = "claimed"   // somebody opened it in Telegram (or, by handle, was sent the code)
	Verified  Status = "verified"  // proven from both sides
	Suspended Status = "suspended" // blocked by the person, or too many wrong codes
	Revoked   Status = "revoked"   // unlinked, or replaced by a newer link
	Expired   Status = "expired"
	Denied    Status = "denied"    // "Not me"
	Canceled  Status = "canceled"  // a newer one was started
	Exhausted Status = "exhausted" // too many wrong confirm codes
)

// Open tells that the link can still be proven.
func (s Status) Open() bool { return s == Pending || s == Claimed }

// Current tells that the link is the one the user has.
func (s Status) Current() bool { return s == Verified || s == Suspended }

// Why a link is suspended or revoked.
const (
	ReasonBlocked         = "blocked"
	ReasonTooManyFailures = "too_many_failures"
	ReasonUnlinked        = "unlinked"
	ReasonReplaced        = "replaced" // by another chat
	ReasonRenewed         = "renewed"  // by the same chat, linked anew
	ReasonNotMe           = "not_me"
)

// Method is how a link is proven.
type Method string

const (
	ByBot    Method = "bot"
	ByHandle Method = "handle"
	ByCaller Method = "caller" // on the word of a caller that has checked a code of its own
)

// Link is the claim, proven or not, that a user of a domain owns a chat.
type Link struct {
	ID          string
	Domain      string
	User        string
	DisplayName string // what the server calls the user; can be empty
	Locale      string // in which the caller asked to write to the person; can be empty
	Method      Method
	Status      Status
	Reason      string // why it is suspended or ended
	BotID       int64
	ChatID      int64  // 0 until claimed
	TokenHash   []byte // SHA-256 of the start token, or of the id of the code a caller vouches for; nil by handle
	Binding     []byte // SHA-256 of the caller's session binding; nil where the caller gave none
	ConfirmMAC  []byte // of the confirm code that was shown last; nil before and after
	Attempts    int    // confirm codes tried
	Created     time.Time
	Expires     time.Time // of the proof, not of a proven link
	Claimed     time.Time
	Verified    time.Time
	Ended       time.Time

	Chat Chat // label of the chat; filled in when read
}

// Chat is a Telegram chat as one bot knows it.
type Chat struct {
	BotID     int64
	ID        int64
	Type      string // "private", "group", …
	Username  string // as last seen, without "@"; can be empty
	FirstName string
	LastName  string
	Language  string // of the person's Telegram, an IETF tag; can be empty
	Blocked   bool   // the person has blocked the bot, or is gone
}

// Label is how people are shown a chat: "Alice (@alice)".
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

// Name is the person's first and last name, made safe to show.
func (c Chat) Name() string {
	name := c.FirstName
	if c.LastName != "" {
		name += " " + c.LastName
	}
	return delivery.Displayable(name, 64)
}

// Invitation is a handle an administrator has set for a user: a wish until the holder proves himself.
type Invitation struct {
	Domain, User string
	Handle       string // without "@"
	Created      time.Time
}

// Domains answers what linking has to know about the configured domains.
type Domains interface {
	// Title is the domain's title for people; false where there is no such domain.
	Title(domain string) (string, bool)
	// Words are what people are told about a domain, in the language of a call, else of the person's Telegram, else of the domain.
	Words(domain, call, person string) *language.Words
	// BotWords are what a bot says where it speaks of no domain.
	BotWords(botID int64, person string) *language.Words
	// Bot is the domain's bot; the username is empty until Telegram has told it once.
	Bot(domain string) (id int64, username string)
	// Meet makes sure that whoever has a username now is known under it, where that can be asked: delivery.UserSession can,
	// a bot knows only those who have pressed Start. False where nobody has it. An error of Telegram's is a *delivery.SendError.
	Meet(ctx context.Context, botID int64, username string) (bool, error)
}

// Store keeps links and chats. Each function runs in one transaction.
type Store interface {
	UpdateLinks(ctx context.Context, fn func(Tx) error) error
	ViewLinks(ctx context.Context, fn func(Tx) error) error
}

// Tx is one transaction. Everything that finds nothing answers ErrNotFound.
type Tx interface {
	InsertLink(Link) error
	UpdateLink(Link) error
	Link(id string) (Link, error)
	LinkByToken(hash []byte) (Link, error)
	CurrentLink(domain, user string) (Link, error)
	OpenLinks(domain, user string) ([]Link, error)
	ChatLinks(botID, chatID int64) ([]Link, error) // verified and suspended, oldest first
	ListLinks(domain, query, after string, limit int) ([]Link, error)

	// CountConfirmAttempt counts one attempt, if the link is claimed and has attempts left, in one statement.
	CountConfirmAttempt(id string, max int) (counted bool, err error)
	// LinksStarted counts links of a user created since then, and tells when the oldest of them was.
	LinksStarted(domain, user string, since time.Time) (int, time.Time, error)
	// CodesToChat counts links by handle that sent a code to the chat since then, likewise.
	CodesToChat(botID, chatID int64, since time.Time) (int, time.Time, error)

	SaveChat(Chat) error
	Chat(botID, chatID int64) (Chat, error)
	ChatByUsername(botID int64, username string) (Chat, error)
	MigrateChat(botID, from, to int64) error

	// Code is a message with a purpose.
	Code(messageID string) (Code, error)
	// HandleChat is the chat that a domain means by a username, since it first sent something there.
	HandleChat(domain, name string) (chatID int64, err error)
	// NameChat lets a domain mean a chat by a username, unless the name means one there already.
	NameChat(domain, name string, botID, chatID int64) error

	SaveInvitation(Invitation) error
	Invitation(domain, user string) (Invitation, error)
	ListInvitations(domain, query, after string, limit int) ([]Invitation, error)
	DeleteInvitation(domain, user string) error

	// CancelVerifications ends what waits on the second factor of a link.
	CancelVerifications(linkID, reason string, now time.Time) error
	// CancelMessages ends what waits for a chat on behalf of a user, and codes that went to the chat by its handle.
	CancelMessages(domain, user string, botID, chatID int64) error
	Enqueue(delivery.Message) error
	Audit(audit.Entry) error
}
