package delivery

import (
	"strings"
	"unicode"
)

// Displayable makes a name from outside safe to put into a sentence: control, formatting and direction marks are taken
// out, white space becomes single spaces, and what is longer than max characters is cut with "…".
func Displayable(name string, max int) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == '\u200d': // holds emoji together
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
