package delivery

import (
	"errors"
	"regexp"
	"strings"
)

// ErrUsername: the text cannot be a Telegram username.
var ErrUsername = errors.New("not a Telegram username")

// username is Telegram's rule: 5-32 letters, digits and underscores, starting with a letter. Names sold by Telegram may
// have 4.
var username = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{3,31}$`)

// Username normalizes what people type for a Telegram username, without "@": "@name", "@@name", "name", "t.me/name",
// "https://t.me/name". MeshCentral puts an "@" before the input, so any of these may follow one. It returns ErrUsername for
// anything else.
func Username(typed string) (string, error) {
	s := strings.TrimLeft(strings.TrimSpace(typed), "@")
	s = cutPrefixFold(s, "https://", "http://", "tg://resolve?domain=")
	s = cutPrefixFold(s, "www.")
	s = cutPrefixFold(s, "t.me/", "telegram.me/", "telegram.dog/")
	s = strings.TrimRight(strings.TrimLeft(s, "@"), "/")
	if !username.MatchString(s) {
		return "", ErrUsername
	}
	return s, nil
}

func cutPrefixFold(s string, prefixes ...string) string {
	for _, p := range prefixes {
		if len(s) >= len(p) && strings.EqualFold(s[:len(p)], p) {
			return s[len(p):]
		}
	}
	return s
}
