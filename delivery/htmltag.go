package delivery

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"
)

// htmlTag is a tag that is open.
type htmlTag struct {
	name  string
	kind  string // the type of its entity
	at    int    // where it stands in src
	begin int    // bytes of text before it
	units int    // units of text before it
	value string // what its attribute says: address, language, emoji or format
	unix  int64
}

// htmlKind is the type of the entity which a tag makes, or "" for a tag that Telegram does not know.
func htmlKind(name string) string {
	switch name {
	case "b", "strong":
		return EntityBold
	case "i", "em":
		return EntityItalic
	case "u", "ins":
		return EntityUnderline
	case "s", "strike", "del":
		return EntityStrikethrough
	case "tg-spoiler", "span":
		return EntitySpoiler
	case "a":
		return EntityTextLink
	case "tg-emoji":
		return EntityCustomEmoji
	case "tg-time":
		return EntityDateTime
	case "blockquote":
		return EntityBlockquote
	case "code", "pre":
		return name
	}
	return ""
}

// set takes over an attribute that means something for the tag.
func (tag *htmlTag) set(attribute, value string) {
	switch tag.name + " " + attribute {
	case "a href", "tg-emoji emoji-id", "tg-time format":
		tag.value = value
	case "tg-time unix":
		tag.unix = 0
		if seconds, err := strconv.ParseInt(value, 10, 32); err == nil && seconds > 0 {
			tag.unix = seconds
		}
	case "code class":
		if language, ok := strings.CutPrefix(value, "language-"); ok {
			tag.value = language
		}
	case "span class":
		if class, ok := strings.CutPrefix(value, "tg-"); ok {
			tag.value = class
		}
	case "blockquote expandable":
		tag.kind = EntityExpandableBlockquote
	}
}

// maxBareURL bounds, in bytes, the text that is read as its own address (<a>example.org</a>), or nested links would cost too much.
const maxBareURL = 2048

// dateTimeFormat is what the Bot API documents (date-time entity formatting).
var dateTimeFormat = regexp.MustCompile(`^(r|w?[dD]?[tT]?)$`)

// close turns a tag with text in it into an entity.
func (p *htmlParser) close(tag htmlTag) error {
	e := Entity{Type: tag.kind, Offset: tag.units, Length: p.units - tag.units}
	switch tag.kind {
	case EntityTextLink:
		address := tag.value
		if address == "" && p.out.Len()-tag.begin <= maxBareURL {
			address = p.out.String()[tag.begin:]
		}
		var ok bool
		if e.URL, ok = linkURL(address); !ok {
			return nil
		}
	case EntityCustomEmoji:
		id, err := strconv.ParseInt(tag.value, 10, 64)
		if err != nil || id == 0 || strconv.FormatInt(id, 10) != tag.value {
			return &HTMLError{tag.at, "a tg-emoji needs emoji-id, the number of a custom emoji"}
		}
		e.CustomEmojiID = tag.value
	case EntityDateTime:
		if !dateTimeFormat.MatchString(tag.value) {
			return &HTMLError{tag.at, "the format of a tg-time is r, or some of w, d or D, t or T in this order"}
		}
		if tag.unix == 0 {
			return nil
		}
		e.UnixTime, e.DateTimeFormat = tag.unix, tag.value
	case EntityCode, EntityPre:
		e.Language = tag.value
		if p.joinCode(e) {
			return nil
		}
	}
	p.entities = append(p.entities, e)
	return nil
}

// joinCode makes one pre of pre and code around the same text: that is how HTML names the language of a pre.
func (p *htmlParser) joinCode(e Entity) bool {
	if len(p.entities) == 0 {
		return false
	}
	inner := &p.entities[len(p.entities)-1]
	pair := inner.Type == EntityCode && e.Type == EntityPre || inner.Type == EntityPre && e.Type == EntityCode
	if !pair || inner.Offset != e.Offset || inner.Length != e.Length {
		return false
	}
	inner.Type, inner.Language = EntityPre, cmp.Or(inner.Language, e.Language)
	return true
}
