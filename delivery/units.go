package delivery

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
)

// countUnits is the length of s in UTF-16 code units; a byte that is not UTF-8 counts as one.
func countUnits(s string) int {
	units := 0
	for _, r := range s {
		units += utf16.RuneLen(r)
	}
	return units
}

// checkEntities makes sure that every entity begins and ends between two characters of the text, as Telegram demands.
func checkEntities(t Text) error {
	if len(t.Entities) == 0 {
		return nil
	}
	units := utf16.Encode([]rune(t.Text))
	between := func(i int) bool { return i == len(units) || units[i]&0xfc00 != 0xdc00 } // 0xdc00…0xdfff: second half of a pair
	for i, e := range t.Entities {
		if e.Offset < 0 || e.Length <= 0 || e.Length > len(units) || e.Offset > len(units)-e.Length {
			return fmt.Errorf("%w: entity %d lies outside of it", ErrTextInvalid, i)
		}
		if !between(e.Offset) || !between(e.Offset+e.Length) {
			return fmt.Errorf("%w: entity %d cuts a character in two", ErrTextInvalid, i)
		}
	}
	return nil
}

// isBlank reports whether Telegram would call s empty. The characters are those TDLib drops or takes for white space when it
// cleans a message and then looks for anything else (td/telegram/misc.cpp: clean_input_string, strip_empty_characters).
func isBlank(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return !isBlankRune(r) }) < 0
}

func isBlankRune(r rune) bool {
	switch {
	case r <= ' ', r == '\u00a0':
	case r == '\u030a', r == '\u0333', r == '\u033f': // rings and lines that would reach into other messages
	case r == '\u1680', r == '\u180e', '\u2000' <= r && r <= '\u200f', '\u2028' <= r && r <= '\u202f', r == '\u205f':
	case r == '\u2800', r == '\u3000', r == '\ufeff', r == '\ufffc', 0xe0000 <= r && r <= 0xe007f:
	default:
		return false
	}
	return true
}

// isBreakSpace reports whether a text may be cut at r and r be left out there: white space other than the no-break spaces.
func isBreakSpace(r rune) bool {
	return unicode.IsSpace(r) && r != '\u00a0' && r != '\u2007' && r != '\u202f'
}

// isGlued reports whether prev and r, which is no white space, are one character to the reader, so that no cut may fall between them.
// indicators is how many regional indicators precede r without a gap. This is the core of Unicode's rules for grapheme clusters
// (UAX #29).
func isGlued(prev, r rune, indicators int) bool {
	const zwj = '\u200d'
	return prev == zwj || r == zwj || extendsCharacter(r) ||
		isRegionalIndicator(r) && indicators%2 == 1 // two make a flag
}

// extendsCharacter reports whether r changes how the character before it looks.
func extendsCharacter(r rune) bool {
	switch {
	case r < 0x300: // the common case
		return false
	case '\u1160' <= r && r <= '\u11ff': // vowels and finals of decomposed Hangul
		return true
	case 0x1f3fb <= r && r <= 0x1f3ff: // skin tones
		return true
	}
	// Marks (variation selectors and enclosing keycaps are marks, too), tag characters and a few others.
	return unicode.In(r, unicode.M, unicode.Other_Grapheme_Extend)
}

func isRegionalIndicator(r rune) bool { return 0x1f1e6 <= r && r <= 0x1f1ff }
