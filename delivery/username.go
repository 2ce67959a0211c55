package delivery

import (
	"errors"
	"net/url"
	"regexp"
	"strconv"
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
		if err != nil || toBot.MatchString(link) || !username.MatchString(query.Get("domain")) {
			return "", ErrUsername
		}
		return query.Get("domain"), nil
	}
	s, isURL := cutPrefixFold(s, "https://", "http://")
	s, _ = cutPrefixFold(s, "www.")
	s, query, _ := strings.Cut(s, "?")
	s = strings.TrimRight(s, "/")
	name, isLink := cutPrefixFold(s, "t.me/", "telegram.me/", "telegram.dog/")
	if before, ok := cutSuffixFold(s, ".t.me"); ok {
		name, isLink = before, true
	}
	name = strings.TrimLeft(name, "@")
	if isURL && !isLink || query != "" && (!isLink || toBot.MatchString(query)) || !username.MatchString(name) {
		return "", ErrUsername
	}
	return name, nil
}

// toBot matches the query of a link to a bot, such as start=TOKEN or startgroup=x.
var toBot = regexp.MustCompile(`(?i)(^|&)start`)

// chatID is a numeric chat id; a username never begins with a digit or a minus.
var chatID = regexp.MustCompile(`^-?[0-9]{1,15}$`)

// ChatID reads a numeric chat id as people type or paste it, also behind an "@"; ok is false for anything else.
func ChatID(pasted string) (id int64, ok bool) {
	s := strings.TrimLeft(typed.ASCIIDigits(typed.Clean(pasted)), "@")
	if !chatID.MatchString(s) {
		return 0, false
	}
	id, err := strconv.ParseInt(s, 10, 64)
	return id, err == nil
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

// cutSuffixFold removes a suffix that s has in any case, and reports whether it has one. The case of other letters stays: in some
// scripts it changes their length.
func cutSuffixFold(s, suffix string) (rest string, found bool) {
	end := len(s) - len(suffix)
	if end < 0 || !strings.EqualFold(s[end:], suffix) {
		return s, false
	}
	return s[:end], true
}
