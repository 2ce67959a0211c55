package config

import (
	"fmt"
	"regexp"
	"strings"
)

// Formats of Telegram's secrets. A session contains a 2048-bit authorization key: 342 characters of base64.
var (
	botTokenPattern = regexp.MustCompile(`^[0-9]{6,12}:[A-Za-z0-9_-]{30,}$`)
	apiHashPattern  = regexp.MustCompile(`^[0-9A-Fa-f]{32}$`)

	hexDigits    = regexp.MustCompile(`^[0-9A-Fa-f]+$`)
	base64Digits = regexp.MustCompile(`^[A-Za-z0-9+/_-]+={0,2}$`)
)

// looksLikeSession reports whether a text has the length and the characters of a session.
func looksLikeSession(text string) bool {
	return len(strings.TrimRight(text, "=")) >= 342 && base64Digits.MatchString(text)
}

// BotTokenFault says why a text is not a bot token, as the end of a sentence ("is a user session; …"); "" if it is one. Like the two
// functions below it never repeats the text.
func BotTokenFault(text string) string {
	switch {
	case botTokenPattern.MatchString(text):
		return ""
	case looksLikeSession(text):
		return "is a user session, not a bot token; it belongs in session"
	case apiHashPattern.MatchString(text):
		return "is an API hash, not a bot token; it belongs in apihash"
	case strings.HasPrefix(text, keyPrefix):
		return "is an API key of telegate, not a bot token; tokens are from @BotFather"
	default:
		return `is not a bot token; @BotFather prints one as 6 to 12 digits, a colon and at least 30 letters, digits, "-" or "_"`
	}
}

// APIHashFault says why a text is not an API hash, "" if it is one.
func APIHashFault(text string) string {
	const isNot = "is not an API hash, which is 32 hexadecimal digits%s; see https://my.telegram.org/apps"
	switch {
	case apiHashPattern.MatchString(text):
		return ""
	case botTokenPattern.MatchString(text):
		return "is a bot token, not an API hash; it belongs in bottoken"
	case looksLikeSession(text):
		return "is a user session, not an API hash; it belongs in session"
	case hexDigits.MatchString(text):
		return fmt.Sprintf(isNot, fmt.Sprintf(" and not %d", len(text)))
	default:
		return fmt.Sprintf(isNot, "")
	}
}

// SessionFault says why a text is not a user session, "" if it may be one. Only Telegram knows whether the session is still valid.
func SessionFault(text string) string {
	const isNot = "is not a session, which is one line of at least 342 base64 characters"
	switch {
	case looksLikeSession(text):
		return ""
	case botTokenPattern.MatchString(text):
		return "is a bot token, not a user session; it belongs in bottoken"
	case apiHashPattern.MatchString(text):
		return "is an API hash, not a user session; it belongs in apihash"
	case base64Digits.MatchString(text) && len(text) > 40:
		return fmt.Sprintf("%s; this one has %d and seems cut off", isNot, len(text))
	default:
		return isNot
	}
}
