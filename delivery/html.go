package delivery

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// HTMLError is an error in a text in Telegram's HTML. It quotes nothing of the text: messages are confidential.
type HTMLError struct {
	Offset int    // byte offset of the faulty tag, reference or value
	Reason string // for the author of the text
}

func (e *HTMLError) Error() string {
	return fmt.Sprintf("read html: at byte %d: %s", e.Offset, e.Reason)
}

// ParseHTML checks and converts the HTML subset of the Bot API. What it accepts Telegram accepts, since the rules are those of
// Telegram's own parser (TDLib, td/telegram/MessageEntity.cpp, parse_html):
//   - the tags are b strong i em u ins s strike del tg-spoiler span(class="tg-spoiler") a tg-emoji tg-time code pre
//     blockquote(expandable); case does not matter, and </> closes whatever is open. Unknown attributes are passed over;
//   - the named references are &lt; &gt; &amp; &quot;; they and numeric ones may lack the semicolon. Any other & stands for itself;
//   - a link which Telegram would not take, and a tg-time without a time, become their text.
//
// Entities come back sorted and properly nested, as the Bot API asks: nothing lies in code or pre, which may lie in a blockquote
// alone; links, custom emoji and times do not lie in each other, nor quotes in quotes or links. Where tags say otherwise the outer
// one counts, but for code and pre, which interrupt bold, italics and the like. Whether the text may be sent is for CheckText.
//
// The error is always an *HTMLError. ParseHTML takes time linear in s, but for sorting the entities.
func ParseHTML(s string) (Text, error) {
	if err := checkHTMLBytes(s); err != nil {
		return Text{}, err
	}
	p := htmlParser{src: s}
	for p.pos < len(s) {
		if err := p.next(); err != nil {
			return Text{}, err
		}
	}
	if len(p.open) > 0 {
		tag := p.open[len(p.open)-1]
		return Text{}, &HTMLError{tag.at, fmt.Sprintf("this <%s> is never closed", tag.name)}
	}
	return Text{Text: p.out.String(), Entities: nestEntities(p.entities)}, nil
}

// checkHTMLBytes refuses what cannot be in any text.
func checkHTMLBytes(s string) error {
	for i, r := range s {
		if r == 0 {
			return &HTMLError{i, "a NUL character cannot be sent"}
		}
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				return &HTMLError{i, "this byte is not UTF-8"}
			}
		}
	}
	return nil
}

// htmlParser reads src from pos on. src holds no NUL, so that at can answer 0 behind its end.
type htmlParser struct {
	src      string
	pos      int
	out      strings.Builder
	units    int // of out
	open     []htmlTag
	entities []Entity // of closed tags, innermost first
}

func (p *htmlParser) at(i int) byte {
	if i < len(p.src) {
		return p.src[i]
	}
	return 0
}

// next reads one piece: a tag, a reference, or the text up to the next of them.
func (p *htmlParser) next() error {
	switch {
	case p.src[p.pos] == '<' && p.at(p.pos+1) == '/':
		return p.endTag()
	case p.src[p.pos] == '<':
		return p.startTag()
	case p.src[p.pos] == '&':
		r, size, err := p.reference(p.pos)
		if err != nil {
			return err
		}
		p.write(string(r))
		p.pos += size
		return nil
	}
	end := strings.IndexAny(p.src[p.pos:], "<&")
	if end < 0 {
		end = len(p.src) - p.pos
	}
	p.write(p.src[p.pos : p.pos+end])
	p.pos += end
	return nil
}

func (p *htmlParser) write(s string) {
	p.out.WriteString(s)
	p.units += countUnits(s)
}

// reference decodes the character reference at i and says how many bytes it takes. What Telegram does not know stands for itself:
// then the answer is the ampersand alone.
func (p *htmlParser) reference(i int) (r rune, size int, err error) {
	first, base := i+1, 0
	switch {
	case p.at(i+1) == '#' && p.at(i+2) == 'x':
		first, base = i+3, 16
	case p.at(i+1) == '#':
		first, base = i+2, 10
	}
	end := first
	for isReferenceByte(p.at(end), base) {
		end++
	}
	if base == 0 {
		r = namedReference(p.src[first:end])
	} else if n, err := strconv.ParseUint(p.src[first:end], base, 32); err == nil && n < 0x10ffff && end-i < 10 {
		r = rune(n)
	}
	if r == 0 {
		return '&', 1, nil
	}
	if !utf8.ValidRune(r) {
		return 0, 0, &HTMLError{i, "this reference is half of a surrogate pair, not a character"}
	}
	if p.at(end) == ';' {
		end++
	}
	return r, end - i, nil
}

// isReferenceByte reports whether c belongs to a reference in the given base, 0 being a name.
func isReferenceByte(c byte, base int) bool {
	letter := c | 0x20
	switch base {
	case 10:
		return '0' <= c && c <= '9'
	case 16:
		return '0' <= c && c <= '9' || 'a' <= letter && letter <= 'f'
	default:
		return 'a' <= letter && letter <= 'z'
	}
}

func namedReference(name string) rune {
	switch name {
	case "lt":
		return '<'
	case "gt":
		return '>'
	case "amp":
		return '&'
	case "quot":
		return '"'
	}
	return 0
}

// startTag reads "<name attributes>".
func (p *htmlParser) startTag() error {
	begin := p.pos
	unclosed := &HTMLError{begin, "a tag begins here and does not end; write &lt; for the character <"}
	end := p.skipName(begin + 1)
	if end == len(p.src) {
		return unclosed
	}
	name := strings.ToLower(p.src[begin+1 : end])
	tag := htmlTag{name: name, kind: htmlKind(name), at: begin, begin: p.out.Len(), units: p.units}
	if tag.kind == "" {
		return &HTMLError{begin, "Telegram does not know this tag; write &lt; for the character <"}
	}
	p.pos = end
	for {
		p.skipSpace()
		switch p.at(p.pos) {
		case 0:
			return unclosed
		case '>':
			p.pos++
			if name == "span" && tag.value != "spoiler" {
				return &HTMLError{begin, `a span must have class="tg-spoiler"`}
			}
			p.open = append(p.open, tag)
			return nil
		}
		attribute, value, err := p.attribute(unclosed)
		if err != nil {
			return err
		}
		tag.set(attribute, value)
	}
}

// attribute reads "name", "name=token", `name="value"` or "name='value'".
func (p *htmlParser) attribute(unclosed *HTMLError) (name, value string, err error) {
	begin := p.pos
	for !isHTMLSpace(p.at(p.pos)) && !strings.ContainsRune(`=>/"'`, rune(p.at(p.pos))) {
		p.pos++
	}
	if name = p.src[begin:p.pos]; name == "" {
		return "", "", &HTMLError{begin, "the name of an attribute is expected here"}
	}
	p.skipSpace()
	if p.at(p.pos) != '=' {
		return name, "", nil
	}
	p.pos++
	p.skipSpace()
	switch quote := p.at(p.pos); quote {
	case 0:
		return "", "", unclosed
	case '"', '\'':
		value, err = p.quoted(quote, unclosed)
	default:
		value, err = p.token()
	}
	return name, value, err
}

// token reads a value without quotes.
func (p *htmlParser) token() (string, error) {
	begin := p.pos
	for c := p.at(p.pos); isASCIIAlnum(rune(c)) || c == '.' || c == '-'; c = p.at(p.pos) {
		p.pos++
	}
	if c := p.at(p.pos); !isHTMLSpace(c) && c != '>' {
		return "", &HTMLError{begin, "a value without quotes may hold letters, digits, dots and hyphens only"}
	}
	return strings.ToLower(p.src[begin:p.pos]), nil
}

// quoted reads a value up to the quote that ends it.
func (p *htmlParser) quoted(quote byte, unclosed *HTMLError) (string, error) {
	var value strings.Builder
	for p.pos++; p.at(p.pos) != quote; {
		switch p.at(p.pos) {
		case 0:
			return "", unclosed
		case '&':
			r, size, err := p.reference(p.pos)
			if err != nil {
				return "", err
			}
			value.WriteRune(r)
			p.pos += size
		default:
			value.WriteByte(p.src[p.pos])
			p.pos++
		}
	}
	p.pos++
	return value.String(), nil
}

// endTag reads "</name>".
func (p *htmlParser) endTag() error {
	begin := p.pos
	if len(p.open) == 0 {
		return &HTMLError{begin, "this tag closes nothing"}
	}
	end := p.skipName(begin + 2)
	name := strings.ToLower(p.src[begin+2 : end])
	p.pos = end
	p.skipSpace()
	if p.at(p.pos) != '>' {
		return &HTMLError{begin, "this closing tag does not end"}
	}
	p.pos++
	tag := p.open[len(p.open)-1]
	if name != "" && name != tag.name {
		return &HTMLError{begin, fmt.Sprintf("</%s> must come first", tag.name)}
	}
	p.open = p.open[:len(p.open)-1]
	if p.units == tag.units {
		return nil
	}
	return p.close(tag)
}

// skipName finds the end of a tag's name that begins at i.
func (p *htmlParser) skipName(i int) int {
	for !isHTMLSpace(p.at(i)) && p.at(i) != '>' {
		i++
	}
	return i
}

func (p *htmlParser) skipSpace() {
	for p.at(p.pos) != 0 && isHTMLSpace(p.at(p.pos)) {
		p.pos++
	}
}

// isHTMLSpace is TDLib's is_space; the end of the text, 0, counts.
func isHTMLSpace(c byte) bool { return c == 0 || strings.IndexByte(" \t\r\n\v", c) >= 0 }
