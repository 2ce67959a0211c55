package api

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"

	_ "embed"

	"golang.org/x/text/encoding/htmlindex"
)

// publishRequest is what a client of ntfy sends. The names are those of ntfy's JSON.
type publishRequest struct {
	Topic    string   `json:"topic"`
	Message  string   `json:"message"`
	Title    string   `json:"title"`
	Priority int      `json:"priority"` // 1 to 5; 0 means 3
	Tags     []string `json:"tags"`
	Click    string   `json:"click"`
	Attach   string   `json:"attach"`
	Filename string   `json:"filename"`
	Delay    string   `json:"delay"`
	Email    string   `json:"email"`
	Call     string   `json:"call"`

	binary bool // the body is not text
}

// readPublish reads the two forms: topic in the path and the rest in headers or query, or everything in JSON. It ignores
// decoration (icons, actions, Markdown) and refuses what the sender relies on but would not get. limit is for the body, in bytes.
func readPublish(w http.ResponseWriter, r *http.Request, limit int) (publishRequest, error) {
	if headersSize(r) > maxHeaders {
		p := newProblem("headers-too-large", "Path, query and headers together are larger than 32 KiB.")
		p.LimitBytes = maxHeaders
		return publishRequest{}, p
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(limit)))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return publishRequest{}, tooLarge(limit)
	case err != nil:
		return publishRequest{}, newProblem("malformed-request", "The body could not be read completely.")
	}
	p := publishRequest{}
	if topic, _ := topicOf(r.URL.Path); topic == "" {
		p, err = publishFromJSON(body)
	} else {
		p, err = publishFromHeaders(r, body)
		p.Topic = topic
	}
	if err != nil {
		return p, err
	}
	return p, p.validate()
}

func publishFromJSON(body []byte) (publishRequest, error) {
	var p publishRequest
	if !utf8.Valid(body) || json.Unmarshal(body, &p) != nil {
		return p, newProblem("malformed-request", `The body must be JSON as in {"topic":"…","message":"…","title":"…","priority":4,"tags":["…"],"click":"https://…"}. `+
			"A plain text goes to the path of its topic.")
	}
	if p.Topic == "" {
		return p, invalidField("#/topic", "is required")
	}
	return p, nil
}

// priorities are the names that ntfy accepts.
var priorities = map[string]int{
	"": 0, "1": 1, "min": 1, "2": 2, "low": 2, "3": 3, "default": 3, "4": 4, "high": 4, "5": 5, "max": 5, "urgent": 5,
}

// prioritySetting matches a setting of the Priority header of HTTP (RFC 9218) with a meaning there: an urgency, or "incremental".
var prioritySetting = regexp.MustCompile(`^(u=[0-7]|i(=\?[01])?)$`)

// isHTTPPriority reports whether a value is the Priority header of HTTP, which browsers and proxies send: a list of settings with
// parameters. It says nothing about the message.
func isHTTPPriority(value string) bool {
	for setting := range strings.SplitSeq(value, ",") {
		setting, _, _ = strings.Cut(setting, ";")
		if prioritySetting.MatchString(strings.TrimSpace(setting)) {
			return true
		}
	}
	return false
}

func publishFromHeaders(r *http.Request, body []byte) (publishRequest, error) {
	p := publishRequest{
		Message: strings.ReplaceAll(param(r, "message", "m"), `\n`, "\n"), Title: param(r, "title", "ti", "t"), Click: param(r, "click"),
		Attach: param(r, "attach", "a"), Filename: param(r, "filename", "file", "f"), Delay: param(r, "delay", "at", "in"),
		Email: param(r, "email", "e-mail", "mail", "e"), Call: param(r, "call"),
	}
	if p.binary = !utf8.Valid(body); p.binary {
		return p, nil
	}
	p.Message = cmp.Or(strings.TrimSpace(string(body)), p.Message)
	for tag := range strings.SplitSeq(param(r, "tags", "tag", "ta"), ",") {
		if tag = strings.TrimSpace(tag); tag != "" {
			p.Tags = append(p.Tags, tag)
		}
	}
	var ok bool
	if p.Priority, ok = priorities[strings.ToLower(paramUnless(r, isHTTPPriority, "priority", "prio", "p"))]; !ok {
		return p, invalidField("header/Priority", "must be 1 to 5, or min, low, default, high, max")
	}
	return p, nil
}

// param reads the first of the headers X-NAME and NAME, or query parameters, that is set.
func param(r *http.Request, names ...string) string {
	return paramUnless(r, func(string) bool { return false }, names...)
}

// headerWords decodes the words of RFC 2047, =?UTF-8?B?…?=, in any character set.
var headerWords = mime.WordDecoder{CharsetReader: func(label string, text io.Reader) (io.Reader, error) {
	set, err := htmlindex.Get(label)
	if err != nil {
		return nil, fmt.Errorf("character set %q: %w", label, err)
	}
	return set.NewDecoder().Reader(text), nil
}}

// paramUnless is param without the values that are to be skipped.
func paramUnless(r *http.Request, skip func(value string) bool, names ...string) string {
	for _, name := range names {
		for _, header := range []string{"X-" + name, name} {
			for _, value := range r.Header.Values(header) { // a proxy may add a line of its own
				if value = strings.TrimSpace(value); value == "" || skip(value) {
					continue
				}
				if decoded, err := headerWords.DecodeHeader(value); err == nil {
					value = decoded
				}
				return decodeLatin1(value)
			}
		}
	}
	query := r.URL.Query()
	for _, name := range names {
		for _, parameter := range []string{"x-" + name, name} {
			if value := strings.TrimSpace(query.Get(parameter)); value != "" {
				return decodeLatin1(value)
			}
		}
	}
	return ""
}

// decodeLatin1 reads text that is not UTF-8 as Latin-1, which some clients send in headers.
func decodeLatin1(value string) string {
	if utf8.ValidString(value) {
		return value
	}
	letters := make([]rune, len(value))
	for i := range len(value) {
		letters[i] = rune(value[i])
	}
	return string(letters)
}

// validate refuses what telegate cannot do, and gives an empty message a text.
func (p *publishRequest) validate() error {
	switch {
	case p.binary || p.Filename != "" && p.Attach == "": // with Attach, Filename is only the name of the attached URL
		return newProblem("unsupported-publication", "telegate takes text, no files. Send the text as UTF-8, or give the address of the file in Attach.")
	case p.Delay != "":
		return newProblem("unsupported-publication", "telegate sends at once; leave out Delay, At and In.")
	case p.Email != "" || p.Call != "":
		return newProblem("unsupported-publication", "telegate writes to Telegram, and sends neither mail nor calls; leave out Email and Call.")
	case p.Priority < 0 || p.Priority > 5:
		return invalidField("#/priority", "must be from 1 to 5")
	}
	p.Message = cmp.Or(p.Message, emptyMessage)
	return nil
}

//go:embed ntfytags.txt
var tagList string

// tagSymbols are the tags that ntfy's apps show as emoji: the short codes of GitHub's gemoji (MIT licence), as in the npm package gemoji
// 8.1.0. Each line of the file has a code and its emoji.
var tagSymbols = sync.OnceValue(func() map[string]string {
	symbols := map[string]string{}
	for line := range strings.Lines(tagList) {
		code, emoji, _ := strings.Cut(strings.TrimSpace(line), " ")
		symbols[code] = emoji
	}
	return symbols
})

// text is what the person reads: emoji and title in bold, the message, its URLs, and the other tags.
func (p *publishRequest) text() (text string, isHTML bool) {
	var symbols, names []string
	for _, tag := range p.Tags {
		if symbol, ok := tagSymbols()[tag]; ok {
			symbols = append(symbols, symbol)
		} else {
			names = append(names, tag)
		}
	}
	head := strings.TrimSpace(strings.Join(symbols, "") + " " + p.Title)
	parts := []string{p.Message}
	switch {
	case p.Title != "":
		parts[0] = "<b>" + html.EscapeString(head) + "</b>\n" + html.EscapeString(p.Message)
		isHTML = true
	case head != "":
		parts[0] = head + " " + p.Message
	}
	for _, more := range []string{p.Click, p.Attach, strings.Join(names, ", ")} {
		if isHTML {
			more = html.EscapeString(more)
		}
		if more != "" {
			parts = append(parts, more)
		}
	}
	return strings.Join(parts, "\n\n"), isHTML
}

// publishKey is the API key of a publish request, in any form that ntfy's clients use: bearer token, password of Basic, or
// either of them in the query.
func publishKey(r *http.Request) (token string, given bool) {
	header := r.Header.Get("Authorization")
	if auth := param(r, "authorization", "auth"); header == "" && auth != "" {
		decoded, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(auth, "="))
		if err != nil {
			return "", true
		}
		header = string(decoded)
	}
	if header == "" {
		return "", false
	}
	scheme, value, _ := strings.Cut(header, " ")
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		return strings.TrimSpace(value), true
	case strings.EqualFold(scheme, "Basic"):
		decoded, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(value))
		_, password, _ := strings.Cut(string(decoded), ":")
		return password, true
	}
	return "", true
}
