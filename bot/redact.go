package bot

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
)

// longestText limits foreign text in an error, in characters.
const longestText = 300

// quoted matches the part of a message that Telegram repeats in an error, such as a button's URL, up to the last quote. The
// space before it excludes the apostrophe of "can't".
var quoted = regexp.MustCompile(`(?s)(\s)['"].*['"]`)

// redactor removes the secrets of one client from texts: all its tokens and the proxy's password.
type redactor struct {
	patterns atomic.Pointer[[]string] // compiled only when needed: compiled they take 100 kB, and a process may have thousands of bots
}

// newRedactor makes a redactor that finds the token's secret half: alone or after the bot's id, whole or cut off, and escaped
// for URLs, JSON or HTML. The proxy's password may be empty.
func newRedactor(token, proxyPassword string) *redactor {
	id, key, _ := strings.Cut(token, ":")
	patterns := []string{id + escaped(":") + `[\w%&#;\\-]+`, escaped(key)}
	if proxyPassword != "" {
		patterns = append(patterns, escaped(proxyPassword))
	}
	s := &redactor{}
	s.patterns.Store(&patterns)
	return s
}

// add adds another token of the same bot. It must not run concurrently with itself.
func (s *redactor) add(token string) {
	_, key, _ := strings.Cut(token, ":")
	patterns := append(slices.Clone(*s.patterns.Load()), escaped(key))
	s.patterns.Store(&patterns)
}

// escaped is a pattern for the text, with each byte plain or escaped as in a URL (%3A, %253A), in JSON or Go (\u003a, \x3a)
// or in HTML (&#58;, &#x3a;).
func escaped(text string) string {
	var p strings.Builder
	for _, c := range []byte(text) {
		fmt.Fprintf(&p, `(?:%s|(?i:%%(?:25)*%02x|\\(?:u00|x)%02x|&#0*%d;|&#x0*%x;))`, regexp.QuoteMeta(string(rune(c))), c, c, c, c)
	}
	return p.String()
}

// text removes the secrets from t and cuts it to longestText.
func (s *redactor) text(t string) string {
	for _, p := range *s.patterns.Load() {
		t = regexp.MustCompile(p).ReplaceAllString(t, "***")
	}
	if runes := []rune(t); len(runes) > longestText {
		t = string(runes[:longestText]) + "…"
	}
	return t
}

// description is text for an error of Telegram; it also removes quoted parts of the message.
func (s *redactor) description(t string) string {
	return s.text(quoted.ReplaceAllString(t, `$1"…"`))
}

// err redacts an error of net/http or of the library. The original cannot be unwrapped, because its fields may contain the
// URL; errors.Is still finds context.Canceled and context.DeadlineExceeded.
func (s *redactor) err(err error) error {
	var at *url.Error
	for errors.As(err, &at) {
		err = at.Err // the rest is the URL
	}
	clean := redactedError{text: s.text(err.Error())}
	for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, end) {
			clean.end = end
		}
	}
	return clean
}

// redactedError is an error without secrets.
type redactedError struct {
	text string
	end  error // how the context ended; nil if it has not
}

func (e redactedError) Error() string { return e.text }

func (e redactedError) Unwrap() error { return e.end }
