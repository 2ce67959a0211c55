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

// longestText bounds what an error repeats of somebody else's words, in characters.
const longestText = 300

// quoted finds what Telegram repeats of a message in an error, such as a button's address, up to the last quote there is.
// The blank before it spares the apostrophe of "can't".
var quoted = regexp.MustCompile(`(?s)(\s)['"].*['"]`)

// scrubber takes the secrets of one client out of texts: those of every token it has had.
type scrubber struct {
	patterns atomic.Pointer[[]string] // compiled when there is a text: compiled they take 100 kB, and a process may have thousands of bots
}

// newScrubber knows the token by its secret half, which is what must not be seen: alone or behind the bot's id, cut off
// after the colon or whole, and however URLs, JSON or HTML escape its characters. The proxy's password may be empty.
func newScrubber(token, proxyPassword string) *scrubber {
	id, key, _ := strings.Cut(token, ":")
	patterns := []string{id + escaped(":") + `[\w%&#;\\-]+`, escaped(key)}
	if proxyPassword != "" {
		patterns = append(patterns, escaped(proxyPassword))
	}
	s := &scrubber{}
	s.patterns.Store(&patterns)
	return s
}

// add makes it know another token of the same bot. It is for one goroutine at a time.
func (s *scrubber) add(token string) {
	_, key, _ := strings.Cut(token, ":")
	patterns := append(slices.Clone(*s.patterns.Load()), escaped(key))
	s.patterns.Store(&patterns)
}

// escaped is a pattern for the text as it is and with any of its bytes escaped as in a URL (%3A, %253A), in JSON or Go
// (\u003a, \x3a) or in HTML (&#58;, &#x3a;).
func escaped(text string) string {
	var p strings.Builder
	for _, c := range []byte(text) {
		fmt.Fprintf(&p, `(?:%s|(?i:%%(?:25)*%02x|\\(?:u00|x)%02x|&#0*%d;|&#x0*%x;))`, regexp.QuoteMeta(string(rune(c))), c, c, c, c)
	}
	return p.String()
}

// text is t without the secrets, and no longer than longestText.
func (s *scrubber) text(t string) string {
	for _, p := range *s.patterns.Load() {
		t = regexp.MustCompile(p).ReplaceAllString(t, "***")
	}
	if runes := []rune(t); len(runes) > longestText {
		t = string(runes[:longestText]) + "…"
	}
	return t
}

// description is an error text of Telegram without what it quotes of the message.
func (s *scrubber) description(t string) string {
	return s.text(quoted.ReplaceAllString(t, `$1"…"`))
}

// err is an error of net/http or of the library in scrubbed words. The original is not reachable through it, because
// its fields may hold the URL; only how a context ended stays visible to errors.Is.
func (s *scrubber) err(err error) error {
	var at *url.Error
	for errors.As(err, &at) {
		err = at.Err // the rest of it is the URL
	}
	clean := scrubbedError{text: s.text(err.Error())}
	for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, end) {
			clean.end = end
		}
	}
	return clean
}

// scrubbedError is an error that has lost its secrets.
type scrubbedError struct {
	text string
	end  error // how the context ended; nil where it has not
}

func (e scrubbedError) Error() string { return e.text }

func (e scrubbedError) Unwrap() error { return e.end }
