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

// ErrEnded: the message has ended meanwhile (it was canceled), so nothing changes it any more.
var ErrEnded = errors.New("the message has ended")

// Lane is a message's place in the strict order of sending: nothing of a lower lane leaves while something of a higher
// one could.
type Lane string

// The lanes, the most urgent first.
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

// sendsOnce tells whether a send whose answer was lost must not be repeated: a second copy of a broadcast is worse than
// a missing one, while a code or an alert has to arrive (demand F9).
func (l Lane) sendsOnce() bool { return l == LaneBroadcast }

// UserSession stands for the user session wherever a bot's id does, in domains without a bot. Telegram gives bots numbers of six
// digits and more, so it is no bot's. It is not the account's own id, so that links outlive a change of the account, and can be
// used before Telegram has told whose the session is.
const UserSession int64 = 1

// PurposeReply marks the bot's own answers to what people write: nobody asks for them later.
const PurposeReply = "reply"

// Status is where a message stands. Everything but queued and sending is final.
type Status string

const (
	StatusQueued    Status = "queued"
	StatusSending   Status = "sending" // a transport has it right now; kept in memory, except in the broadcast lane
	StatusDelivered Status = "delivered"
	StatusFailed    Status = "failed"
	StatusExpired   Status = "expired"
	StatusCanceled  Status = "canceled"
	StatusUnknown   Status = "unknown" // sent at most once, and the answer was lost
)

// Final tells that the status never changes again.
func (s Status) Final() bool { return s != StatusQueued && s != StatusSending }

// Dead tells that the message has ended and nobody can say that it has arrived.
func (s Status) Dead() bool { return s == StatusFailed || s == StatusExpired || s == StatusUnknown }

// Reason is the closed list of why a message did not arrive.
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
	ReasonUnreadable     Reason = "unreadable" // the outbox was damaged

	ReasonAnswerLost Reason = "answer_lost" // of unknown ones: nobody can tell whether it has arrived
)

// Reasons are those of messages that have failed or expired.
var Reasons = []Reason{ReasonNeverStarted, ReasonBlockedByUser, ReasonDeactivated, ReasonChatNotFound, ReasonKicked, ReasonNoRights, ReasonRejected,
	ReasonUnauthorized, ReasonUnreachable, ReasonLimited, ReasonMuted, ReasonMessageExpired, ReasonUnreadable}

// Failure says why a message did not arrive, in a word for programs and a sentence with the next step for people.
type Failure struct {
	Reason Reason `json:"reason"`
	Detail string `json:"detail"`
}

// Message is anything to deliver to one chat. It ends with exactly one final status; its body is wiped then, unless
// KeepsBody.
type Message struct {
	ID        string
	Domain    string
	User      string // empty where the message is an answer of the bot, or addressed by handle
	BotID     int64
	ChatID    int64
	Lane      Lane
	Purpose   string // "login" or "link" of a code that the caller made itself; PurposeReply; else empty
	Silent    bool   // arrives without a sound
	Body      Body   // empty once it has been wiped
	BodyErr   error  // why Body is empty before that: what the outbox holds cannot be opened, now or ever
	Dedupe    string // digest of the caller's dedupe key; empty without one
	Broadcast string // the broadcast it is part of; empty for all others
	Created   time.Time
	Expires   time.Time // never sent at or after this time

	Status    Status
	SentParts int      // parts of the body that Telegram has taken; sending resumes behind them
	Attempts  int      // sends tried, over all parts
	Transport string   // the transport that took the last part
	Failure   *Failure // as stored: nil unless it failed or expired
	Ended     time.Time

	Suppressed   int       // repeats of its dedupe key that were not sent
	SuppressedAt time.Time // when the last of them came
	ResentAs     string    // the message that was sent in its place; empty for nearly all

	Request string // the request that made it, as in the log; empty for what telegate makes by itself
}

// KeepsBody tells that the body is kept after the end, sealed and for some days, so that the message can be sent again. Codes are
// worth nothing by then, and neither is what the bot has said in a conversation.
func (m Message) KeepsBody() bool {
	return m.Status.Dead() && m.Lane != LaneCode && m.Purpose != PurposeReply
}

// Resendable tells that the message can be sent again, perhaps with a new text: it is a dead letter in whose place nothing
// has been sent.
func (m Message) Resendable() bool { return m.KeepsBody() && m.ResentAs == "" }

// Body is what Telegram is to show: the parts in order, each one Telegram message.
type Body struct {
	Parts []Part `json:"parts"`
}

// Part is one Telegram message.
type Part struct {
	Text    Text       `json:"text"`
	Buttons [][]Button `json:"buttons,omitempty"`
	File    *File      `json:"file,omitempty"` // the text is then the file's caption
}

// File is a document sent along with a part.
type File struct {
	Name    string `json:"name"`
	Content []byte `json:"content"`
}

// Button is one inline button; exactly one of Callback, Copy and URL is set.
type Button struct {
	Label    string `json:"label"`
	Callback string `json:"callback,omitempty"` // 1-64 bytes, comes back when tapped
	Copy     string `json:"copy,omitempty"`     // 1-256 characters, put on the clipboard when tapped
	URL      string `json:"url,omitempty"`
	Style    string `json:"style,omitempty"` // "danger", "success", "primary" (Bot API 9.4)
}

// tapPrefix begins what opens the bot with a tap.
const tapPrefix = "tap_"

// StartPayload is what a tap of the button becomes in a link that opens the bot (t.me/BOT?start=PAYLOAD), for where buttons
// cannot be shown. It is empty for a button that the bot hears nothing of.
func (b Button) StartPayload() string {
	action, of, ok := strings.Cut(b.Callback, ":")
	if !ok {
		return ""
	}
	return tapPrefix + action + "_" + of
}

// Tapped reads such a payload: it is the Callback of the button. False for a payload of another shape; which actions there are, the
// caller knows.
func TapCallback(payload string) (callback string, ok bool) {
	rest, found := strings.CutPrefix(payload, tapPrefix)
	action, of, ok := strings.Cut(rest, "_")
	return action + ":" + of, found && ok
}

// Compose makes the body of a text: split into parts where it is long, and beyond MaxParts a preview with the whole text
// as a file, which Noted points to. The buttons go under the last part.
func Compose(t Text, buttons ...[]Button) Body {
	texts, ok := Split(t)
	if !ok {
		file := &File{Name: "message.txt", Content: []byte(t.Text)}
		return Body{Parts: []Part{{Text: Preview(t), Buttons: buttons, File: file}}}
	}
	parts := make([]Part, len(texts))
	for i, text := range texts {
		parts[i].Text = text
	}
	parts[len(parts)-1].Buttons = buttons
	return Body{Parts: parts}
}

// IsFile tells that the text goes out as a file, below a preview.
func (b Body) IsFile() bool { return len(b.Parts) == 1 && b.Parts[0].File != nil }

// Noted is the body with a note below the preview of a text that goes out as a file: a sentence in the reader's language of at
// most MaxNoteUnits units. All other bodies come back as they are.
func (b Body) WithNote(note string) Body {
	if !b.IsFile() {
		return b
	}
	part := b.Parts[0]
	part.Text = part.Text.Plain("\n\n").Italic(note)
	return Body{Parts: []Part{part}}
}

// NewID makes an identifier: the prefix, "_" and 128 random bits in lower-case base32 (OWASP ASVS 11.5.1: at least
// 128 bits, so nobody finds one by guessing).
func NewID(prefix string) string {
	var b [16]byte
	rand.Read(b[:]) // never fails (crypto/rand since Go 1.24)
	return FormatID(prefix, b)
}

// NewMessageID makes the id of a message: as NewID, with the time in front, so that what is accepted together lies together
// on disk and a commit of many messages writes few pages.
func NewMessageID(now time.Time) string {
	return NewID("msg_" + strconv.FormatInt(now.UnixMilli(), 32))
}

// FormatID writes 128 bits as an identifier with a prefix.
func FormatID(prefix string, b [16]byte) string {
	enc := base32.StdEncoding.WithPadding(base32.NoPadding)
	return fmt.Sprintf("%s_%s", prefix, strings.ToLower(enc.EncodeToString(b[:])))
}
