package config

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// path is where a value stands in a file: every key as it is written, quoted, and [i] for the element of an array.
type path string

func (p path) key(name string) path { return p.join(strconv.Quote(name)) }
func (p path) index(i int) path     { return p.join("[" + strconv.Itoa(i) + "]") }

// parts returns the keys of a path without elements of arrays.
func (p path) parts() []string {
	var parts []string
	for rest := string(p); rest != ""; {
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return parts
		}
		part, err := strconv.Unquote(quoted)
		if err != nil {
			return parts
		}
		parts, rest = append(parts, part), rest[len(quoted):]
	}
	return parts
}

// join ends a path at a length that nothing telegate knows has, lest a thousand nested brackets make a thousand long paths.
func (p path) join(part string) path {
	if len(p) > maxPath {
		return p
	}
	return p + path(part)
}

const maxPath = 512

// locate returns the line of every key, table and array element of TOML that the library has accepted. The library keeps the lines to
// itself, and of an array of tables it keeps those of the last element only.
//
// It reads the structure (headers, keys, brackets) and leaves values and quoted keys to the library.
func locate(source string) map[path]int { return read(source).lines }

// read is locate with all it notes on the way.
func read(source string) *locator {
	l := &locator{lines: map[path]int{}, elements: map[path]int{}}
	line := 1
	for _, at := range lexeme.FindAllStringIndex(source, -1) {
		text := source[at[0]:at[1]]
		if strings.Trim(text, " \t\r") != "" && text[0] != '#' {
			l.tokens = append(l.tokens, token{text, line, at[0]})
		}
		line += strings.Count(text, "\n")
	}
	var table path
	for len(l.tokens) > 0 {
		switch l.tokens[0].text {
		case "\n":
			l.next()
		case "[":
			table = l.header()
		default:
			l.pair(table, false)
		}
	}
	return l
}

// lexeme matches a comment, the four kinds of strings (a multi-line one may end in up to two quotes of its own), a mark of structure, a
// run of anything else, or one blank.
var lexeme = regexp.MustCompile(`(?s)#[^\n]*` +
	`|"""(?:\\.|[^\\])*?"{3,5}|'''.*?'{3,5}` +
	`|"(?:\\.|[^"\\])*"|'[^']*'` +
	`|[\[\]{}=,\n]|[^\s\[\]{}=,#"']+|.`)

type token struct {
	text  string
	line  int
	start int // its first byte
}

// stretch is a header or a pair, by bytes of the file.
type stretch struct {
	at     path // the table or the key
	in     path // the table a pair stands in
	inline bool // that table is written {…}
	start  int  // the first byte
	value  int  // of a pair: the first byte of its value
	end    int  // the byte behind the last
}

type locator struct {
	tokens   []token // not read yet; without blanks and comments
	end      int     // the byte behind the last token that was read
	lines    map[path]int
	elements map[path]int // [[tables]] seen so far
	headers  []stretch    // in the order of the file
	pairs    []stretch    // in the order of their ends
}

func (l *locator) next() token {
	if len(l.tokens) == 0 {
		return token{}
	}
	t := l.tokens[0]
	l.tokens = l.tokens[1:]
	l.end = t.start + len(t.text)
	return t
}

// peek returns the text of the next token, "" at the end.
func (l *locator) peek() string {
	if len(l.tokens) == 0 {
		return ""
	}
	return l.tokens[0].text
}

// header reads [a.b] or [[a.b]] and returns the path of the table it opens.
func (l *locator) header() path {
	opening := l.next()
	line := opening.line
	isElement := l.peek() == "["
	if isElement {
		l.next()
	}
	table := l.descend("", l.key("]"), line)
	if isElement {
		l.next()
		l.elements[table]++
		table = table.index(l.elements[table] - 1)
		l.lines[table] = line
	}
	l.headers = append(l.headers, stretch{at: table, start: opening.start, end: l.end})
	return table
}

// pair reads key = value.
func (l *locator) pair(table path, inline bool) {
	p := stretch{in: table, inline: inline, start: l.tokens[0].start}
	line := l.tokens[0].line
	p.at = l.descend(table, l.key("="), line)
	if len(l.tokens) > 0 {
		p.value = l.tokens[0].start
	}
	l.value(p.at)
	p.end = l.end
	l.pairs = append(l.pairs, p)
}

// value reads a value with the keys and elements inside it.
func (l *locator) value(at path) {
	switch l.peek() {
	case "[":
		l.next()
		for i := 0; l.more("]"); i++ {
			l.lines[at.index(i)] = l.tokens[0].line
			l.value(at.index(i))
		}
	case "{":
		l.next()
		for l.more("}") {
			l.pair(at, true)
		}
	default:
		l.next()
		for !slices.Contains([]string{"\n", ",", "]", "}", ""}, l.peek()) {
			l.next() // a date and its time are two tokens
		}
	}
}

// more skips to the next element of an array or inline table; it is false once it has read the closing bracket.
func (l *locator) more(closing string) bool {
	for l.peek() == "\n" || l.peek() == "," {
		l.next()
	}
	if l.peek() != closing {
		return l.peek() != ""
	}
	l.next()
	return false
}

// key reads a dotted key and the mark that ends it.
func (l *locator) key(end string) []string {
	var text strings.Builder
	for l.peek() != "" && l.peek() != end {
		text.WriteString(l.next().text)
	}
	l.next()
	md, err := toml.Decode(text.String()+"=0", &map[string]any{})
	if err != nil || len(md.Keys()) == 0 {
		return nil
	}
	return md.Keys()[len(md.Keys())-1]
}

// descend walks a dotted key down from a table and notes the line of each part that has none yet. A part that is an array of tables stands
// for its last element, as TOML has it, unless it is the last part.
func (l *locator) descend(at path, key []string, line int) path {
	for i, part := range key {
		at = at.key(part)
		if _, known := l.lines[at]; !known || i == len(key)-1 {
			l.lines[at] = line
		}
		if n := l.elements[at]; n > 0 && i < len(key)-1 {
			at = at.index(n - 1)
		}
	}
	return at
}
