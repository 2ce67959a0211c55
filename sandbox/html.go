package sandbox

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// htmlTags are the tags of parse_mode HTML and the kind of entity they make:
// https://core.telegram.org/bots/api#html-style and parse_html in
// MessageEntity.cpp of tdlib/td.
var htmlTags = map[string]string{
	"b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline", "ins": "underline",
	"s": "strikethrough", "strike": "strikethrough", "del": "strikethrough",
	"span": "spoiler", "tg-spoiler": "spoiler", "tg-emoji": "custom_emoji", "tg-time": "date_time",
	"a": "text_link", "pre": "pre", "code": "code", "blockquote": "blockquote",
}

// htmlTag is a tag that is open.
type htmlTag struct {
	name       string
	attributes map[string]string
	offset     int // UTF-16 units of text before it
	begin      int // … and bytes
}

// htmlParser turns HTML into text and entities. Errors say at which byte of the
// input they are, in the words of the real parser.
type htmlParser struct {
	in       string
	at       int // in in
	out      strings.Builder
	offset   int // UTF-16 length of out
	open     []htmlTag
	entities []Entity
}

// parseHTML parses a text of parse_mode HTML.
func parseHTML(in string) (string, []Entity, *apiError) {
	p := &htmlParser{in: in}
	for p.at < len(p.in) {
		problem := ""
		switch {
		case strings.HasPrefix(p.in[p.at:], "</"):
			problem = p.endTag()
		case p.in[p.at] == '<':
			problem = p.startTag()
		default:
			p.text()
		}
		if problem != "" {
			return "", nil, badRequest("can't parse entities: %s", problem)
		}
	}
	if len(p.open) > 0 {
		return "", nil, badRequest(`can't parse entities: Can't find end tag corresponding to start tag "%s"`, p.open[len(p.open)-1].name)
	}
	return p.out.String(), p.entities, nil
}

// text takes one character or one character reference.
func (p *htmlParser) text() {
	r, size := decodeReference(p.in[p.at:])
	if size == 0 {
		r, size = utf8.DecodeRuneInString(p.in[p.at:])
	}
	p.at += size
	p.out.WriteRune(r)
	p.offset++
	if r > 0xffff {
		p.offset++
	}
}

// decodeReference reads "&lt;", "&gt;", "&amp;", "&quot;", "&#NN;" or "&#xNN;"
// (the semicolon may be missing). Anything else is plain text: size 0.
func decodeReference(s string) (r rune, size int) {
	if !strings.HasPrefix(s, "&") {
		return 0, 0
	}
	digits, base := "", 0
	switch {
	case strings.HasPrefix(s, "&#x"):
		digits, base = leading(s[3:], "0123456789abcdefABCDEF"), 16
		size = 3 + len(digits)
	case strings.HasPrefix(s, "&#"):
		digits, base = leading(s[2:], "0123456789"), 10
		size = 2 + len(digits)
	default:
		name := leading(s[1:], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
		r = map[string]rune{"lt": '<', "gt": '>', "amp": '&', "quot": '"'}[name]
		size = 1 + len(name)
	}
	if base != 0 {
		n, err := strconv.ParseUint(digits, base, 32)
		if err != nil || size >= 10 || !utf8.ValidRune(rune(n)) {
			return 0, 0
		}
		r = rune(n)
	}
	if r == 0 {
		return 0, 0
	}
	if strings.HasPrefix(s[size:], ";") {
		size++
	}
	return r, size
}

// leading is the beginning of s that consists of these characters.
func leading(s, characters string) string {
	return s[:len(s)-len(strings.TrimLeft(s, characters))]
}

func isSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == 0
}

// skip moves on while ok holds and gives what was passed.
func (p *htmlParser) skip(ok func(c byte) bool) string {
	from := p.at
	for p.at < len(p.in) && ok(p.in[p.at]) {
		p.at++
	}
	return p.in[from:p.at]
}

// peek is the next byte; 0 at the end.
func (p *htmlParser) peek() byte {
	if p.at == len(p.in) {
		return 0
	}
	return p.in[p.at]
}

func (p *htmlParser) startTag() (problem string) {
	begin := strconv.Itoa(p.at)
	p.at++
	name := strings.ToLower(p.skip(func(c byte) bool { return !isSpace(c) && c != '>' }))
	if p.at == len(p.in) {
		return "Unclosed start tag at byte offset " + begin
	}
	if htmlTags[name] == "" {
		return `Unsupported start tag "` + name + `" at byte offset ` + begin
	}
	tag := htmlTag{name: name, attributes: map[string]string{}, offset: p.offset, begin: p.out.Len()}
	for {
		p.skip(isSpace)
		if p.peek() == '>' {
			p.at++
			break
		}
		if problem := p.attribute(&tag, begin); problem != "" {
			return problem
		}
	}
	if name == "span" && tag.attributes["class"] != "tg-spoiler" {
		return `Tag "span" must have class "tg-spoiler" at byte offset ` + begin
	}
	p.open = append(p.open, tag)
	return ""
}

// attribute reads name="value", name='value', name=value or, as in
// <blockquote expandable>, a name alone.
func (p *htmlParser) attribute(tag *htmlTag, begin string) (problem string) {
	name := p.skip(func(c byte) bool { return !isSpace(c) && c != '=' && c != '>' })
	if name == "" {
		if p.at == len(p.in) {
			return "Unclosed start tag at byte offset " + begin
		}
		return `Empty attribute name in the tag "` + tag.name + `" at byte offset ` + begin
	}
	p.skip(isSpace)
	if p.peek() != '=' {
		if p.at == len(p.in) {
			return "Unclosed start tag at byte offset " + begin
		}
		if tag.name == "blockquote" && name == "expandable" {
			tag.attributes[name] = ""
			return ""
		}
		return `Expected equal sign in declaration of an attribute of the tag "` + tag.name + `" at byte offset ` + begin
	}
	p.at++
	p.skip(isSpace)
	value := ""
	if quote := p.peek(); quote == '"' || quote == '\'' {
		p.at++
		value = unescape(p.skip(func(c byte) bool { return c != quote }))
		p.at = min(p.at+1, len(p.in))
	} else {
		from := strconv.Itoa(p.at)
		value = strings.ToLower(p.skip(func(c byte) bool {
			return c == '.' || c == '-' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
		}))
		if p.at < len(p.in) && !isSpace(p.peek()) && p.peek() != '>' {
			return "Unexpected end of name token at byte offset " + from
		}
	}
	if p.at == len(p.in) {
		return "Unclosed start tag at byte offset " + begin
	}
	tag.attributes[name] = value
	return ""
}

// unescape resolves the character references of an attribute.
func unescape(s string) string {
	inner := &htmlParser{in: s}
	for inner.at < len(s) {
		inner.text()
	}
	return inner.out.String()
}

func (p *htmlParser) endTag() (problem string) {
	begin := strconv.Itoa(p.at)
	if len(p.open) == 0 {
		return "Unexpected end tag at byte offset " + begin
	}
	p.at += len("</")
	name := strings.ToLower(p.skip(func(c byte) bool { return !isSpace(c) && c != '>' }))
	p.skip(isSpace)
	if p.peek() != '>' {
		return "Unclosed end tag at byte offset " + begin
	}
	p.at++
	tag := p.open[len(p.open)-1]
	if name != "" && name != tag.name {
		return "Unmatched end tag at byte offset " + begin + `, expected "</` + tag.name + `>", found "</` + name + `>"`
	}
	p.open = p.open[:len(p.open)-1]
	if p.offset == tag.offset {
		return ""
	}
	return p.entity(tag)
}

// entity makes the entity of a tag that was closed.
func (p *htmlParser) entity(tag htmlTag) (problem string) {
	e := Entity{Type: htmlTags[tag.name], Offset: tag.offset, Length: p.offset - tag.offset}
	switch tag.name {
	case "a":
		link := tag.attributes["href"]
		if link == "" {
			link = p.out.String()[tag.begin:]
		}
		if id, ok := strings.CutPrefix(link, "tg://user?id="); ok {
			e.Type, e.UserID = "text_mention", integer(id)
			break
		}
		checked, wrong := checkURL(link)
		if wrong != "" {
			return "" // a wrong link is left out, the text stays
		}
		e.URL = checked
	case "tg-emoji":
		id, err := strconv.ParseInt(tag.attributes["emoji-id"], 10, 64)
		if err != nil || id == 0 {
			return "Invalid custom emoji identifier specified"
		}
		e.CustomEmojiID = tag.attributes["emoji-id"]
	case "tg-time":
		e.UnixTime, e.DateTimeFormat = integer(tag.attributes["unix"]), tag.attributes["format"]
	case "blockquote":
		if _, expandable := tag.attributes["expandable"]; expandable {
			e.Type = "expandable_blockquote"
		}
	case "code":
		// <pre><code class="language-go"> is one entity; the language waits
		// here for the end of <pre>.
		e.Language = strings.TrimPrefix(tag.attributes["class"], "language-")
		if len(p.open) == 0 || p.open[len(p.open)-1].name != "pre" {
			e.Language = ""
		}
	case "pre":
		if last := len(p.entities) - 1; last >= 0 && p.entities[last].Type == "code" &&
			p.entities[last].Offset == e.Offset && p.entities[last].Length == e.Length && p.entities[last].Language != "" {
			p.entities[last].Type = "pre"
			return ""
		}
	}
	p.entities = append(p.entities, e)
	return ""
}
