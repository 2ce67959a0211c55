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

// Account names a user of a server to people: "Alice" (user//alice), in typographic quotes. The server chooses both, and
// strangers read them in messages of the bot, so the name is quoted, as what the server says, and never without the id. Texts
// show it in monospace, because Telegram makes no links there.
func Account(user, name string) string {
	user = Displayable(user, 64)
	name = Displayable(strings.Map(unquoted, name), 64)
	if name == "" || name == user {
		return user
	}
	return "“" + name + "” (" + user + ")"
}

// unquoted replaces what could end the quotes around a name.
func unquoted(r rune) rune {
	if unicode.Is(unicode.Quotation_Mark, r) {
		return '\''
	}
	return r
}
