package delivery

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of texts, all but MaxParts in UTF-16 code units.
const (
	// MaxUnits is the longest message. Telegram accepts 4,096 characters after entities were parsed and does not say whether it
	// counts code points or UTF-16 units; a text never has fewer units than code points, so units are safe under both readings.
	MaxUnits = 4096
	// MaxEntities is how many entities a message may have; Telegram ignores the others (core.telegram.org/api/entities, and
	// message_entities_count_max of its apps' configuration).
	MaxEntities = 100
	// MaxEntityBytes is how much the entities of a message may take together. Telegram refuses more than about 9,500 bytes with
	// ENTITIES_TOO_LONG.
	MaxEntityBytes = 9000
	// MaxParts is how many messages a text may take; a longer text is sent as a file.
	MaxParts = 4
	// MaxCaptionUnits is the longest caption of a file.
	MaxCaptionUnits = 1024
	// MaxNoteUnits is the longest note below a caption (Body.WithNote).
	MaxNoteUnits = 100
	// MaxTextUnits is the longest text that telegate accepts.
	MaxTextUnits = 100_000
)

// Why a text cannot be sent. CheckText wraps them with an explanation.
var (
	ErrTextEmpty   = errors.New("the text is empty")
	ErrTextTooLong = errors.New("the text is too long")
	ErrTextInvalid = errors.New("the text is not valid")
)

// Text is plain text plus entities. Offsets and lengths are UTF-16 code units, as in Telegram.
//
// Build a sentence from pieces; no piece is ever parsed as markup:
//
//	Plain("Your code is ").Code(code).Plain(".")
//
// Each method leaves its receiver unchanged and returns the longer text.
type Text struct {
	Text     string   `json:"text"`
	Entities []Entity `json:"entities,omitempty"`
}

// Entity formats Length units of a text, from unit Offset on. Its JSON form is MessageEntity of the Bot API.
type Entity struct {
	Type           string `json:"type"` // one of the Entity… constants
	Offset         int    `json:"offset"`
	Length         int    `json:"length"`
	URL            string `json:"url,omitempty"`              // text_link
	Language       string `json:"language,omitempty"`         // pre, optional
	CustomEmojiID  string `json:"custom_emoji_id,omitempty"`  // custom_emoji
	UnixTime       int64  `json:"unix_time,omitempty"`        // date_time, seconds
	DateTimeFormat string `json:"date_time_format,omitempty"` // date_time, optional: r, or some of w, d or D, t or T
}

// Entity types that a caller can use, by their Bot API names.
const (
	EntityBold                 = "bold"
	EntityItalic               = "italic"
	EntityUnderline            = "underline"
	EntityStrikethrough        = "strikethrough"
	EntitySpoiler              = "spoiler"
	EntityBlockquote           = "blockquote"
	EntityExpandableBlockquote = "expandable_blockquote"
	EntityCode                 = "code"
	EntityPre                  = "pre"
	EntityTextLink             = "text_link"
	EntityCustomEmoji          = "custom_emoji"
	EntityDateTime             = "date_time"
)

// Plain starts a text.
func Plain(s string) Text { return Text{Text: s} }

// Plain appends s without formatting.
func (t Text) Plain(s string) Text { return t.Append(Plain(s)) }

// Bold appends s in bold.
func (t Text) Bold(s string) Text { return t.format(s, Entity{Type: EntityBold}) }

// Italic appends s in italics.
func (t Text) Italic(s string) Text { return t.format(s, Entity{Type: EntityItalic}) }

// Code appends s in monospace; a tap copies it.
func (t Text) Code(s string) Text { return t.format(s, Entity{Type: EntityCode}) }

// Pre appends s as a block of code; language names the syntax to highlight and may be empty.
func (t Text) Pre(s, language string) Text {
	return t.format(s, Entity{Type: EntityPre, Language: language})
}

// Link appends label as a link to url. Telegram refuses the whole message if it does not accept the address (http://nas,
// mailto:). Such an address is shown in brackets after the label instead.
func (t Text) Link(label, url string) Text {
	if label == "" {
		label = url
	}
	if address, ok := linkURL(url); ok {
		return t.format(label, Entity{Type: EntityTextLink, URL: address})
	}
	if url == "" || url == label {
		return t.Plain(label)
	}
	return t.Plain(label + " (" + url + ")")
}

// Append appends u with its formatting.
func (t Text) Append(u Text) Text {
	units := t.Units()
	t.Text += u.Text
	if len(u.Entities) == 0 {
		return t
	}
	t.Entities = slices.Clip(t.Entities) // texts with a common beginning must not share memory
	for _, e := range u.Entities {
		e.Offset += units
		t.Entities = append(t.Entities, e)
	}
	return t
}

// Units is the length of the text in UTF-16 code units.
func (t Text) Units() int { return countUnits(t.Text) }

// format appends s with the formatting of e.
func (t Text) format(s string, e Entity) Text {
	e.Length = countUnits(s)
	if e.Length == 0 {
		return t
	}
	return t.Append(Text{Text: s, Entities: []Entity{e}})
}

// slice is the text between two byte offsets; unit is the first one in units. Entities are cut to it. Entities that only
// make sense as a whole are dropped if they would be cut; their text stays.
func (t Text) slice(from, to, unit int) Text {
	part := Text{Text: t.Text[from:to]}
	end := unit + part.Units()
	for _, e := range t.Entities {
		first, last := max(e.Offset, unit), min(e.Offset+e.Length, end)
		whole := last-first == e.Length
		if first >= last || !whole && (e.Type == EntityCustomEmoji || e.Type == EntityDateTime) {
			continue
		}
		e.Offset, e.Length = first-unit, last-first
		part.Entities = append(part.Entities, e)
	}
	return part
}

// CheckText returns why a text cannot be sent, or nil:
//
//   - ErrTextInvalid: not UTF-8, a NUL, or an entity outside the text or within a surrogate pair;
//   - ErrTextTooLong: more than MaxTextUnits units;
//   - ErrTextEmpty: nothing visible. Telegram refuses such messages too ("message text is empty").
//
// Other control characters are fine: Telegram shows a space for each and drops carriage returns.
func CheckText(t Text) error {
	if !utf8.ValidString(t.Text) {
		return fmt.Errorf("%w: it is not UTF-8", ErrTextInvalid)
	}
	if strings.ContainsRune(t.Text, 0) {
		return fmt.Errorf("%w: it holds a NUL character", ErrTextInvalid)
	}
	if units := t.Units(); units > MaxTextUnits {
		return fmt.Errorf("%w: it has %d UTF-16 units, at most %d are accepted", ErrTextTooLong, units, MaxTextUnits)
	}
	if isBlank(t.Text) {
		return fmt.Errorf("%w: it has nothing that can be seen", ErrTextEmpty)
	}
	return checkEntities(t)
}
