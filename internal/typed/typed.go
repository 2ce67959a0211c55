// Package typed reads what people type or paste: codes, handles, commands. Keyboards, web pages and chats add marks that nobody sees,
// and write digits in the script of their language.
package typed

import (
	"strings"
	"unicode"
)

// Clean removes the marks that nobody sees and the white space around the text.
func Clean(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if invisible(r) {
			return -1
		}
		return r
	}, s))
}

// Digits is s with every decimal digit of any script as 0 to 9, and without invisible marks, white space and dashes, which people type
// between the groups of a code. Everything else stays.
func Digits(s string) string {
	return strings.Map(func(r rune) rune {
		if invisible(r) || unicode.IsSpace(r) || unicode.In(r, unicode.Zs, unicode.Pd) || r == '\u2212' { // MINUS SIGN is no dash for Unicode
			return -1
		}
		return digit(r)
	}, s)
}

// ASCIIDigits is s with every decimal digit of any script as 0 to 9. Everything else stays.
func ASCIIDigits(s string) string { return strings.Map(digit, s) }

// invisible reports whether a character has no width: a format mark such as U+200B, U+200E or the BOM, or a variation selector.
func invisible(r rune) bool {
	return unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// digit maps a decimal digit of any script to 0 to 9. Unicode encodes the ten digits of a script in order and without a gap (The Unicode
// Standard, 4.6), so a range of digits begins with a zero.
func digit(r rune) rune {
	if r <= unicode.MaxASCII || !unicode.Is(unicode.Nd, r) {
		return r
	}
	for _, t := range unicode.Nd.R16 {
		if rune(t.Lo) <= r && r <= rune(t.Hi) {
			return '0' + (r-rune(t.Lo))%10
		}
	}
	for _, t := range unicode.Nd.R32 {
		if rune(t.Lo) <= r && r <= rune(t.Hi) {
			return '0' + (r-rune(t.Lo))%10
		}
	}
	return r
}
