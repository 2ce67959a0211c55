package config

import (
	"fmt"
	"regexp"
	"strings"
)

// The shapes of Telegram's secrets. A session holds a 2048-bit authorization key, which is 342 characters of base64.
var (
	tokenShape   = regexp.MustCompile(`^[0-9]{6,12}:[A-Za-z0-9_-]{30,}$`)
	apiHashShape = regexp.MustCompile(`^[0-9A-Fa-f]{32}$`)

	hexDigits    = regexp.MustCompile(`^[0-9A-Fa-f]+$`)
	base64Digits = regexp.MustCompile(`^[A-Za-z0-9+/_-]+={0,2}$`)
)

// isSession tells whether a text has the length and the characters of a session.
func isSession(text string) bool {
	return len(strings.TrimRight(text, "=")) >= 342 && base64Digits.MatchString(text)
}

// BotTokenFault says why a text is no bot token, as the end of a sentence that names it ("is a user session; …"); "" if it is one.
// Like the two below it never repeats the text.
func BotTokenFault(text string) string {
	switch {
	case tokenShape.MatchString(text):
		return ""
	case isSession(text):
		return "is a user session, not a bot token; it belongs in session"
	case apiHashShape.MatchString(text):
		return "is an API hash, not a bot token; it belongs in apihash"
	case strings.HasPrefix(text, keyPrefix):
		return "is an API key of telegate, not a bot token; @BotFather gives out tokens"
	default:
		return `is not a bot token; @BotFather prints one as 6 to 12 digits, a colon and at least 30 letters, digits, "-" or "_"`
	}
}

// APIHashFault says why a text is no API hash, "" if it is one.
func APIHashFault(text string) string {
	const isNot = "is not an API hash, which is 32 hexadecimal digits%s; see https://my.telegram.org/apps"
	switch {
	case apiHashShape.MatchString(text):
		return ""
	case tokenShape.MatchString(text):
		return "is a bot token, not an API hash; it belongs in bottoken"
	case isSession(text):
		return "is a user session, not an API hash; it belongs in session"
	case hexDigits.MatchString(text):
		return fmt.Sprintf(isNot, fmt.Sprintf(" and not %d", len(text)))
	default:
		return fmt.Sprintf(isNot, "")
	}
}

// SessionFault says why a text is no user session, "" if it may be one. Whether Telegram still takes it is another question.
func SessionFault(text string) string {
	const isNot = "is not a session, which is one line of at least 342 base64 characters"
	switch {
	case isSession(text):
		return ""
	case tokenShape.MatchString(text):
		return "is a bot token, not a user session; it belongs in bottoken"
	case apiHashShape.MatchString(text):
		return "is an API hash, not a user session; it belongs in apihash"
	case base64Digits.MatchString(text) && len(text) > 40:
		return fmt.Sprintf("%s; this one has %d and seems cut off", isNot, len(text))
	default:
		return isNot
	}
}
