package delivery

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Split cuts a text into parts of at most MaxUnits units, with at most MaxEntities entities of at most MaxEntityBytes: between paragraphs if it can, else between lines, else between words,
// else between characters, and never inside what the reader sees as one (a surrogate pair, a ZWJ sequence, a letter with its
// marks, a flag, CRLF), unless that one character is itself longer than a part. Formatting survives: entities are cut and go on
// in the next part, but for custom_emoji and date_time, which fall back to their text if they are cut.
//
// White space at a cut is left out, since Telegram trims messages; so is a part in which nothing can be seen, since Telegram
// refuses it. Nothing else is lost, nothing is added. A text that keeps to the limits comes back as it is.
//
// ok is false when more than MaxParts parts would be needed: then send Preview(t) with the full text as a file. Split takes time
// linear in the text, whatever is in it.
func Split(t Text) (parts []Text, ok bool) {
	if isBlank(t.Text) {
		return nil, true
	}
	if t.Units() <= MaxUnits && t.roomAt(0) >= MaxUnits {
		return []Text{t}, true
	}
	// A pleasant cut may leave a part half empty. Where that costs one part too many, cut closer and closer to the limit.
	for _, reach := range []int{MaxUnits / 2, MaxUnits / 8, MaxUnits / 64, 0} {
		if parts, ok = splitWithin(t, reach); ok {
			return parts, true
		}
	}
	return nil, false
}

// splitWithin is Split with one reach for cutPoint.
func splitWithin(t Text, reach int) (parts []Text, ok bool) {
	unit := 0
	for from := 0; ; {
		skipped := leadingSpace(t.Text[from:])
		unit += countUnits(t.Text[from : from+skipped])
		from += skipped
		if from == len(t.Text) {
			return parts, true
		}
		room := t.roomAt(unit)
		next := from + cutPoint(t.Text[from:], room, min(reach, room/2))
		to := from + len(strings.TrimRightFunc(t.Text[from:next], isBreakSpace))
		if !isBlank(t.Text[from:to]) {
			if len(parts) == MaxParts {
				return nil, false
			}
			parts = append(parts, t.slice(from, to, unit))
		}
		unit += countUnits(t.Text[from:next])
		from = next
	}
}

// Preview is the beginning of a text that is too long for MaxParts messages, followed by "…": the caption of a file with the whole
// text, with room for a note that says so (Body.WithNote). A text that short comes back as it is.
func Preview(t Text) Text {
	const room = MaxCaptionUnits - MaxNoteUnits - 3 // for "…" and an empty line
	if t.Units() <= room && t.roomAt(0) >= MaxUnits {
		return t
	}
	from := leadingSpace(t.Text)
	next := from + cutPoint(t.Text[from:], min(room, t.roomAt(countUnits(t.Text[:from]))), room/2)
	to := from + len(strings.TrimRightFunc(t.Text[from:next], isBreakSpace))
	return t.slice(from, to, countUnits(t.Text[:from])).Plain("…")
}

// roomAt is how many units a part that begins at a unit can have so that its entities keep to the limits; MaxUnits at most.
// Where more entities than a part can have begin at one place, it is MaxUnits, and Telegram shows the first ones.
func (t Text) roomAt(unit int) int {
	if len(t.Entities) <= MaxEntities && t.entityBytes() <= MaxEntityBytes { // the usual case
		return MaxUnits
	}
	var inPart []Entity
	for _, e := range t.Entities {
		if e.Offset+e.Length > unit && e.Offset < unit+MaxUnits {
			inPart = append(inPart, e)
		}
	}
	slices.SortStableFunc(inPart, func(a, b Entity) int { return cmp.Compare(a.Offset, b.Offset) })
	size := 0
	for i, e := range inPart {
		size += e.size()
		if (i >= MaxEntities || size > MaxEntityBytes) && e.Offset > unit {
			return e.Offset - unit
		}
	}
	return MaxUnits
}

func (t Text) entityBytes() int {
	size := 0
	for _, e := range t.Entities {
		size += e.size()
	}
	return size
}

// size is about how many bytes an entity takes in Telegram's own protocol: type, offset and length, and its text.
func (e Entity) size() int { return 16 + len(e.URL) + len(e.Language) + len(e.CustomEmojiID) }

// cut is a place in a text where it may be cut.
type cut struct{ bytes, units int }

// cutPoint finds where to cut s so that what precedes the cut, white space at its end aside, has at most limit units, and returns
// its byte offset: len(s) if all of s is that short. The last end of a paragraph among the last reach units wins, then the last end
// of a line among them, then the last end of a word among twice as many, then the last end of a character. s must not begin with
// white space.
//
// One pass forward over limit units and the white space behind them decides, so that no text makes the search slow.
func cutPoint(s string, limit, reach int) int {
	var (
		paragraph, line, word, character, codePoint cut

		here       cut  // just before r
		space      cut  // where the white space around here begins
		inSpace    bool // whether there is any
		newlines   int  // in that white space
		indicators int  // regional indicators just before r
		prev       rune
	)
	for i, r := range s {
		here.bytes = i
		if isBreakSpace(r) {
			if !inSpace {
				inSpace, newlines, space = true, 0, here
				word, character = here, here
			}
			if r == '\n' {
				newlines++
				line = space
			}
			if newlines > 1 {
				paragraph = space
			}
		} else {
			inSpace = false
			if here.units <= limit {
				codePoint = here
				if !isGlued(prev, r, indicators) {
					character = here
				}
			}
			if here.units+utf16.RuneLen(r) > limit {
				return bestCut(limit, reach, paragraph, line, word, character, codePoint)
			}
		}
		here.units += utf16.RuneLen(r)
		if isRegionalIndicator(r) {
			indicators++
		} else {
			indicators = 0
		}
		prev = r
	}
	return len(s)
}

// bestCut chooses for cutPoint among the last places of each kind. There is no last character if one alone exceeds the limit; then
// the cut falls into it, between the last two code points.
func bestCut(limit, reach int, paragraph, line, word, character, codePoint cut) int {
	switch {
	case paragraph.bytes > 0 && paragraph.units >= limit-reach:
		return paragraph.bytes
	case line.bytes > 0 && line.units >= limit-reach:
		return line.bytes
	case word.bytes > 0 && word.units >= limit-2*reach:
		return word.bytes
	case character.bytes > 0:
		return character.bytes
	default:
		return codePoint.bytes
	}
}

// leadingSpace is the length in bytes of the white space which s begins with.
func leadingSpace(s string) int {
	for i, r := range s {
		if !isBreakSpace(r) || carriesMark(s[i:]) {
			return i
		}
	}
	return len(s)
}

// carriesMark reports whether the space which s begins with bears a combining mark and therefore is a character to be seen.
func carriesMark(s string) bool {
	space, size := utf8.DecodeRuneInString(s)
	mark, _ := utf8.DecodeRuneInString(s[size:])
	return !unicode.IsControl(space) && extendsCharacter(mark)
}
