package delivery

import (
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ErrNotFound: there is no such message, or it belongs to another domain.
var ErrNotFound = errors.New("no such message")

// ErrEnded: the message has already ended (it was canceled), so it cannot change.
var ErrEnded = errors.New("the message has ended")

// Lane is the priority class of a message: nothing of a lower lane is sent while a higher lane could send.
type Lane string

// The lanes, most urgent first.
const (
	LaneCode      Lane = "code"
	LaneDirect    Lane = "direct"
	LaneAlert     Lane = "alert"
	LaneBroadcast Lane = "broadcast"
)

// rank orders lanes; 0 is the most urgent.
func (l Lane) rank() int {
	switch l {
	case LaneCode:
		return 0
	case LaneDirect:
		return 1
	case LaneAlert:
		return 2
	default:
		return 3
	}
}

// sendsOnce reports whether a second copy is worse than none: a broadcast may be missed, but a code or an alert has to arrive.
func (l Lane) sendsOnce() bool { return l == LaneBroadcast }

// UserSession is the bot id of the user session, in domains without a bot. Telegram's bot ids have six digits or more, so
// no bot has it. It is not the account's id, so links survive a change of the account and work before Telegram has said
// whose session it is.
const UserSession int64 = 1

// Purposes of messages, besides those of codes that callers make.
const (
	PurposeReply    = "reply"    // the bot's answer to what a user wrote. Nobody asks for it later
	PurposeQuestion = "question" // telegate's own question or code about a link, in the code lane
)

// Status is the state of a message. All but queued and sending are final.
type Status string

const (
	StatusQueued    Status = "queued"
	StatusSending   Status = "sending" // being sent; kept in memory, except in the broadcast lane
	StatusDelivered Status = "delivered"
	StatusFailed    Status = "failed"
	StatusExpired   Status = "expired"
	StatusCanceled  Status = "canceled"
	StatusUnknown   Status = "unknown" // sent at most once; the answer was lost
)

// Final reports whether the status can no longer change.
func (s Status) Final() bool { return s != StatusQueued && s != StatusSending }

// Dead reports whether the message ended without known delivery.
func (s Status) Dead() bool { return s == StatusFailed || s == StatusExpired || s == StatusUnknown }

// Reason is why a message did not arrive (a closed list).
type Reason string

const (
	ReasonNeverStarted   Reason = "never_started"
	ReasonBlockedByUser  Reason = "blocked_by_user"
	ReasonDeactivated    Reason = "user_deactivated"
	ReasonChatNotFound   Reason = "chat_not_found"
	ReasonKicked         Reason = "kicked"
	ReasonNoRights       Reason = "no_rights"
	ReasonRejected       Reason = "rejected_by_telegram"
	ReasonUnauthorized   Reason = "bot_unauthorized"
	ReasonUnreachable    Reason = "unreachable"
	ReasonLimited        Reason = "limited"
	ReasonMuted          Reason = "muted"
	ReasonMessageExpired Reason = "expired"
	ReasonUnreadable     Reason = "unreadable" // the outbox is damaged

	ReasonAnswerLost Reason = "answer_lost" // of unknown ones: it may have arrived
)

// Reasons lists the reasons of failed and expired messages.
var Reasons = []Reason{ReasonNeverStarted, ReasonBlockedByUser, ReasonDeactivated, ReasonChatNotFound, ReasonKicked, ReasonNoRights, ReasonRejected,
	ReasonUnauthorized, ReasonUnreachable, ReasonLimited, ReasonMuted, ReasonMessageExpired, ReasonUnreadable}

// Failure is why a message did not arrive: a word for programs, and a sentence with the next step for people.
type Failure struct {
	Reason Reason `json:"reason"`
	Detail string `json:"detail"`
}

// Message is one message to one chat. It ends with exactly one final status, which wipes its body unless KeepsBody.
type Message struct {
	ID        string
	Domain    string
	User      string // empty for an answer of the bot, or if addressed by handle
	BotID     int64
	ChatID    int64
	Lane      Lane
	Purpose   string // "login" or "link" for a code that the caller made; PurposeReply or PurposeQuestion; else empty
	AskedFor  string // the user whom the caller named beside a handle; codes only, else empty
	Silent    bool   // no notification sound
	Body      Body   // empty once it has been wiped
	BodyErr   error  // why Body cannot be decrypted, now or ever
	Dedupe    string // digest of the caller's dedupe key; empty if none
	Broadcast string // its broadcast; empty for all others
	Created   time.Time
	Expires   time.Time // not sent at or after this time

	Status    Status
	SentParts int      // parts that Telegram accepted; sending resumes after them
	Attempts  int      // sends tried, over all parts
	Transport string   // transport of the last accepted part
	Failure   *Failure // stored: nil unless failed or expired
	Ended     time.Time

	Suppressed   int       // repeats of its dedupe key, which were not sent
	SuppressedAt time.Time // time of the last repeat
	ResentAs     string    // the message sent in its place; usually empty

	Request string // the request that made it, as in the log; empty if telegate made it by itself
}

// AboutLink reports whether a message of the code lane is about a link, and not a code to sign in with.
func (m Message) AboutLink() bool {
	return m.Lane == LaneCode && (m.Purpose == PurposeQuestion || m.Purpose == "link")
}

// KeepsBody reports whether the body stays after the end, encrypted and for some days, so that the message can be sent
// again. Codes and the bot's answers are useless by then.
func (m Message) KeepsBody() bool {
	return m.Status.Dead() && m.Lane != LaneCode && m.Purpose != PurposeReply
}

// Resendable reports whether the message can be sent again, perhaps with a new text: a dead letter that has no replacement
// yet.
func (m Message) Resendable() bool { return m.KeepsBody() && m.ResentAs == "" }

// Body holds the parts in order; each is one Telegram message.
type Body struct {
	Parts  []Part `json:"parts"`
	Thread int    `json:"thread,omitempty"` // the topic of a forum to write to; 0: none
}

// Part is one Telegram message.
type Part struct {
	Text    Text       `json:"text"`
	Buttons [][]Button `json:"buttons,omitempty"`
	File    *File      `json:"file,omitempty"` // then the text is the file's caption
}

// File is a document sent with a part.
type File struct {
	Name    string `json:"name"`
	Content []byte `json:"content"`
}

// Button is one inline button. Exactly one of Callback, Copy and URL is set.
type Button struct {
	Label    string `json:"label"`
	Callback string `json:"callback,omitempty"` // 1-64 bytes, returned when tapped
	Copy     string `json:"copy,omitempty"`     // 1-256 characters, copied when tapped
	URL      string `json:"url,omitempty"`
	Style    string `json:"style,omitempty"` // "danger", "success", "primary" (Bot API 9.4)
}

// tapPrefix starts the payload of a tap.
const tapPrefix = "tap_"

// StartPayload is the tap of the button as payload of a bot link (t.me/BOT?start=PAYLOAD), for where buttons cannot be
// shown. Empty if the button does not reach the bot.
func (b Button) StartPayload() string {
	action, of, ok := strings.Cut(b.Callback, ":")
	if !ok {
		return ""
	}
	return tapPrefix + action + "_" + of
}

// TapCallback reads such a payload and returns the button's Callback; false if the payload has another form. The caller
// knows which actions exist.
func TapCallback(payload string) (callback string, ok bool) {
	rest, found := strings.CutPrefix(payload, tapPrefix)
	action, of, ok := strings.Cut(rest, "_")
	return action + ":" + of, found && ok
}

// Compose makes the body of a text. It splits a long text into parts. A text that needs more than MaxParts becomes a
// preview with the whole text as a file; WithNote adds a note about the file. The buttons go under the last part.
func Compose(t Text, buttons ...[]Button) Body {
	texts, ok := Split(t)
	if !ok {
		file := &File{Name: "message.txt", Content: []byte(t.Unformatted().Text)}
		return Body{Parts: []Part{{Text: Preview(t), Buttons: buttons, File: file}}}
	}
	parts := make([]Part, len(texts))
	for i, text := range texts {
		parts[i].Text = text
	}
	parts[len(parts)-1].Buttons = buttons
	return Body{Parts: parts}
}

// IsFile reports whether the text goes out as a file below a preview.
func (b Body) IsFile() bool { return len(b.Parts) == 1 && b.Parts[0].File != nil }

// WithNote adds a note below the preview of a text that goes out as a file: a sentence in the reader's language of at most
// MaxNoteUnits units. It returns any other body unchanged.
func (b Body) WithNote(note string) Body {
	if !b.IsFile() {
		return b
	}
	part := b.Parts[0]
	part.Text = part.Text.Plain("\n\n").Italic(note)
	return Body{Parts: []Part{part}}
}

// NewID makes an identifier: the prefix, "_" and 128 random bits in lower-case base32 (OWASP ASVS 11.5.1: at least 128
// bits, so it cannot be guessed).
func NewID(prefix string) string {
	var b [16]byte
	rand.Read(b[:]) // never fails (crypto/rand since Go 1.24)
	return FormatID(prefix, b)
}

// NewMessageID is NewID with the time in front, so that messages accepted together are stored together and a commit writes
// few pages.
func NewMessageID(now time.Time) string {
	return NewID("msg_" + strconv.FormatInt(now.UnixMilli(), 32))
}

// FormatID formats 128 bits as an identifier with a prefix.
func FormatID(prefix string, b [16]byte) string {
	enc := base32.StdEncoding.WithPadding(base32.NoPadding)
	return fmt.Sprintf("%s_%s", prefix, strings.ToLower(enc.EncodeToString(b[:])))
}
