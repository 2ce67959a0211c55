package sandbox

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	maxText    = 4096    // code points of a message after parsing (MessageContent.cpp of tdlib/td)
	maxCaption = 1024    // … of a caption
	maxRawText = 1 << 15 // bytes before parsing (Client.cpp of tdlib/telegram-bot-api)
	maxOffset  = 1000000 // of an entity (MessageEntity.cpp of tdlib/td)
)

// utf16Length is the length in UTF-16 units, in which entities are measured.
func utf16Length(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r > 0xffff {
			n++
		}
	}
	return n
}

// parseText makes the text that a phone shows out of what a bot sent: by parse
// mode or with entities of its own, cleaned, trimmed and checked. limit is in
// code points; an empty result is the caller's to judge.
func (t *Telegram) parseText(raw, parseMode, rawEntities string, limit int, tooLong *apiError) (string, []Entity, *apiError) {
	if len(raw) > maxRawText {
		return "", nil, errTextTooLong
	}
	if !utf8.ValidString(raw) {
		return "", nil, errNotUTF8
	}
	var entities []Entity
	var err *apiError
	switch strings.ToLower(parseMode) {
	case "", "none":
		entities, err = parseEntities(rawEntities)
	case "html":
		raw, entities, err = parseHTML(raw)
	default: // Markdown is not simulated
		err = errParseMode
	}
	if err == nil {
		err = t.checkEntities(raw, entities)
	}
	if err != nil {
		return "", nil, err
	}
	text, entities := cleanText(raw, entities)
	if utf8.RuneCountInString(text) > limit {
		return "", nil, tooLong
	}
	if entities, err = limitEntities(entities); err != nil {
		return "", nil, err
	}
	return text, entities, nil
}

// Limits of the entities of a message. Telegram ignores those after the first hundred, and refuses more bytes than about these.
const (
	maxEntities    = 100
	maxEntityBytes = 9500
)

var errEntitiesTooLong = badRequest("ENTITIES_TOO_LONG")

func limitEntities(entities []Entity) ([]Entity, *apiError) {
	size := 0
	for _, e := range entities {
		size += 16 + len(e.URL) + len(e.Language) + len(e.CustomEmojiID)
	}
	if size > maxEntityBytes {
		return nil, errEntitiesTooLong
	}
	return entities[:min(len(entities), maxEntities)], nil
}

// parseEntities reads the JSON of an array of MessageEntity. What is not an
// array counts as none, as on the real server, and so does an entity of a kind
// that Telegram finds by itself.
func parseEntities(raw string) ([]Entity, *apiError) {
	var list []json.RawMessage
	if raw == "" || json.Unmarshal([]byte(raw), &list) != nil {
		return nil, nil
	}
	var entities []Entity
	for _, item := range list {
		e, found, problem := parseEntity(item)
		if problem != "" {
			return nil, badRequest("can't parse MessageEntity: %s", problem)
		}
		if !found {
			entities = append(entities, e)
		}
	}
	return entities, nil
}

// parseEntity reads one MessageEntity. found: Telegram finds entities of this
// kind by itself and ignores the bot's.
func parseEntity(raw json.RawMessage) (e Entity, found bool, problem string) {
	f, ok := decodeObject(raw)
	if !ok {
		return e, false, "expected an Object"
	}
	offset, problem := f.number("offset")
	if problem != "" {
		return e, false, problem
	}
	length, problem := f.number("length")
	if problem != "" {
		return e, false, problem
	}
	if e.Type, problem = f.text("type", true); problem != "" {
		return e, false, problem
	}
	e.Offset, e.Length = int(offset), int(length)
	switch e.Type {
	case "bold", "italic", "underline", "strikethrough", "spoiler", "code", "blockquote", "expandable_blockquote":
	case "pre":
		e.Language, problem = f.text("language", false)
	case "text_link":
		e.URL, problem = f.text("url", true)
	case "text_mention":
		var user fields
		if user, problem = f.object("user"); problem == "" {
			e.UserID, problem = user.number("id")
		}
	case "custom_emoji":
		if _, problem = f.number("custom_emoji_id"); problem == "" {
			e.CustomEmojiID, problem = f.text("custom_emoji_id", true)
		}
	case "date_time":
		if e.UnixTime, problem = f.number("unix_time"); problem == "" {
			e.DateTimeFormat, problem = f.text("date_time_format", false)
		}
	case "mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number", "bank_card_number":
		found = true
	default:
		problem = "Unsupported type specified"
	}
	return e, found, problem
}

// checkEntities checks links, mentions and bounds.
func (t *Telegram) checkEntities(text string, entities []Entity) *apiError {
	if len(entities) == 0 {
		return nil
	}
	for i := range entities {
		e := &entities[i]
		if e.Type == "text_link" {
			checked, problem := checkURL(e.URL)
			if problem != "" {
				return badRequest("entity URL '%s' is invalid: %s", e.URL, problem)
			}
			e.URL = checked
		}
		if e.Type == "text_mention" && t.byID[e.UserID] == nil {
			return errUserNotFound
		}
		if e.Offset < 0 || e.Offset > maxOffset {
			return badRequest("receive an entity with incorrect offset %d", e.Offset)
		}
		if e.Length < 0 || e.Length > maxOffset {
			return badRequest("receive an entity with incorrect length %d", e.Length)
		}
	}
	at := symbols(text)
	end := len(at) - 1
	for _, e := range entities {
		switch {
		case e.Length == 0: // dropped later
		case e.Offset > end:
			return badRequest("entity begins after the end of the text at UTF-16 offset %d", e.Offset)
		case e.Offset+e.Length > end:
			return badRequest("entity beginning at UTF-16 offset %d ends after the end of the text at UTF-16 offset %d",
				e.Offset, e.Offset+e.Length)
		case at[e.Offset] < 0:
			return badRequest("entity begins in a middle of a UTF-16 symbol at byte offset %d", at[e.Offset+1])
		case at[e.Offset+e.Length] < 0:
			return badRequest("entity beginning at UTF-16 offset %d ends in a middle of a UTF-16 symbol at byte offset %d",
				e.Offset, at[e.Offset+e.Length+1])
		}
	}
	return nil
}

// symbols gives, for every UTF-16 offset of a text up to its length, the byte
// offset of the symbol that begins there; -1 in the middle of one.
func symbols(text string) []int {
	at := make([]int, 0, len(text)+1)
	for i, r := range text {
		at = append(at, i)
		if r > 0xffff {
			at = append(at, -1)
		}
	}
	return append(at, len(text))
}

// cleanText does what Telegram does to every text: control characters become
// spaces, carriage returns go, blanks and line breaks at both ends go. Checked
// entities move along; those that nothing is left of are dropped.
func cleanText(text string, entities []Entity) (string, []Entity) {
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' }) {
		text, entities = cleanControls(text, entities)
	}
	entities = slices.DeleteFunc(entities, func(e Entity) bool { return e.Length == 0 })
	slices.SortStableFunc(entities, func(a, b Entity) int {
		return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(b.Length, a.Length))
	})
	text = strings.TrimRight(text, " \n")
	end := utf16Length(text)
	for i := range entities {
		entities[i].Length = min(entities[i].Length, end-entities[i].Offset)
	}
	entities = slices.DeleteFunc(entities, func(e Entity) bool { return e.Length <= 0 })
	blank := len(text) - len(strings.TrimLeft(text, " \n"))
	if len(entities) > 0 {
		blank = min(blank, entities[0].Offset) // a blank that is formatted stays
	}
	for i := range entities {
		entities[i].Offset -= blank
	}
	return text[blank:], entities
}

// cleanControls replaces control characters and drops carriage returns.
func cleanControls(text string, entities []Entity) (string, []Entity) {
	var clean strings.Builder
	moved := make([]int, 0, len(text)+1) // the new offset of every old one
	offset := 0
	for _, r := range text {
		moved = append(moved, offset)
		switch {
		case r == '\r':
			continue
		case r < ' ' && r != '\n':
			r = ' '
		}
		clean.WriteRune(r)
		offset++
		if r > 0xffff {
			moved = append(moved, offset)
			offset++
		}
	}
	moved = append(moved, offset)
	for i, e := range entities {
		entities[i].Offset = moved[e.Offset]
		entities[i].Length = moved[e.Offset+e.Length] - moved[e.Offset]
	}
	return clean.String(), entities
}
