package delivery

import (
	"strings"
	"unicode"
)

// Displayable makes a foreign name safe inside a sentence: it removes control, formatting and direction characters, joins
// white space to single spaces, and cuts names longer than max characters with "…".
func Displayable(name string, max int) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == '\u200d': // joins emoji
			return r
		case r == unicode.ReplacementChar || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs):
			return -1
		}
		return r
	}, name)
	clean = strings.Join(strings.Fields(clean), " ")
	if runes := []rune(clean); len(runes) > max {
		return string(runes[:max-1]) + "…"
	}
	return clean
}
