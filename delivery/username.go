package delivery

import (
	"errors"
	"net/url"
	"regexp"
	"strings"

	"golang.org/x/text/width"

	"telegate/internal/typed"
)

// ErrUsername: the text cannot be a Telegram username.
var ErrUsername = errors.New("not a Telegram username")

// username is Telegram's rule: 5-32 letters, digits and underscores, starting with a letter. Names sold by Telegram may
// have 4.
var username = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{3,31}$`)

// Username normalizes what people type or paste for a Telegram username, and returns it without "@": "@name", "name", "t.me/name",
// "https://t.me/name?text=hi", "name.t.me", "tg://resolve?domain=name". MeshCentral puts an "@" before the input, so any of these may
// follow one. It returns ErrUsername for anything else.
func Username(pasted string) (string, error) {
	s := strings.TrimLeft(width.Fold.String(typed.Clean(pasted)), "@") // full width: from Japanese keyboards
	if link, ok := cutPrefixFold(s, "tg://resolve?", "tg:resolve?"); ok {
		query, err := url.ParseQuery(link)
		if err != nil || !username.MatchString(query.Get("domain")) {
			return "", ErrUsername
		}
		return query.Get("domain"), nil
	}
	s, isURL := cutPrefixFold(s, "https://", "http://")
	s, _ = cutPrefixFold(s, "www.")
	s, query, _ := strings.Cut(s, "?")
	s = strings.TrimRight(s, "/")
	name, isLink := cutPrefixFold(s, "t.me/", "telegram.me/", "telegram.dog/")
	if before, ok := strings.CutSuffix(strings.ToLower(s), ".t.me"); ok {
		name, isLink = s[:len(before)], true
	}
	name = strings.TrimLeft(name, "@")
	if isURL && !isLink || query != "" && (!isLink || strings.Contains(query, "start")) || !username.MatchString(name) { // start: a link to a bot
		return "", ErrUsername
	}
	return name, nil
}

// cutPrefixFold removes the first prefix that s has in any case, and reports whether it has one.
func cutPrefixFold(s string, prefixes ...string) (rest string, found bool) {
	for _, p := range prefixes {
		if len(s) >= len(p) && strings.EqualFold(s[:len(p)], p) {
			return s[len(p):], true
		}
	}
	return s, false
}
