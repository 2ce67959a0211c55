package config

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// path is the position of a value in a file: the keys as written, quoted, and [i] for an element of an array.
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

// join limits the length of a path, so that a thousand nested brackets do not make a thousand long paths.
func (p path) join(part string) path {
	if len(p) > maxPath {
		return p
	}
	return p + path(part)
}

const maxPath = 512

// linesOf returns the line of every key, table and array element of valid TOML. The library does not export lines, and for an array
// of tables it only knows those of the last element.
//
// It reads only the structure (headers, keys, brackets). Values and quoted keys are left to the library.
func linesOf(source string) map[path]int { return scanTOML(source).lines }

// scanTOML scans TOML for linesOf and Edit.
func scanTOML(source string) *tomlScanner {
	s := &tomlScanner{lines: map[path]int{}, elements: map[path]int{}}
	line := 1
	for _, at := range tokenPattern.FindAllStringIndex(source, -1) {
		text := source[at[0]:at[1]]
		if strings.Trim(text, " \t\r") != "" && text[0] != '#' {
			s.tokens = append(s.tokens, token{text, line, at[0]})
		}
		line += strings.Count(text, "\n")
	}
	var table path
	for len(s.tokens) > 0 {
		switch s.tokens[0].text {
		case "\n":
			s.take()
		case "[":
			table = s.header()
		default:
			s.pair(table, false)
		}
	}
	return s
}

// tokenPattern matches a comment, one of the four kinds of strings (a multi-line one may contain up to two quotes before its end), a
// structural character, a run of other characters, or one space.
var tokenPattern = regexp.MustCompile(`(?s)#[^\n]*` +
	`|"""(?:\\.|[^\\])*?"{3,5}|'''.*?'{3,5}` +
	`|"(?:\\.|[^"\\])*"|'[^']*'` +
	`|[\[\]{}=,\n]|[^\s\[\]{}=,#"']+|.`)

type token struct {
	text  string
	line  int
	start int // its first byte
}

// sourceSpan is the position of a header or a pair, in bytes of the file.
type sourceSpan struct {
	at     path // the table or the key
	in     path // the table of a pair
	inline bool // that table is written {…}
	start  int  // the first byte
	value  int  // of a pair: the first byte of its value
	end    int  // the byte after the last
}

type tomlScanner struct {
	tokens   []token // the remaining ones, without spaces and comments
	end      int     // the byte after the last token that was read
	lines    map[path]int
	elements map[path]int // [[tables]] seen so far
	headers  []sourceSpan // in the order of the file
	pairs    []sourceSpan // in the order of their ends
}

func (s *tomlScanner) take() token {
	if len(s.tokens) == 0 {
		return token{}
	}
	t := s.tokens[0]
	s.tokens = s.tokens[1:]
	s.end = t.start + len(t.text)
	return t
}

// peek returns the text of the next token, "" at the end.
func (s *tomlScanner) peek() string {
	if len(s.tokens) == 0 {
		return ""
	}
	return s.tokens[0].text
}

// header reads [a.b] or [[a.b]] and returns the path of the table it opens.
func (s *tomlScanner) header() path {
	opening := s.take()
	line := opening.line
	isElement := s.peek() == "["
	if isElement {
		s.take()
	}
	table := s.descend("", s.key("]"), line)
	if isElement {
		s.take()
		s.elements[table]++
		table = table.index(s.elements[table] - 1)
		s.lines[table] = line
	}
	s.headers = append(s.headers, sourceSpan{at: table, start: opening.start, end: s.end})
	return table
}

// pair reads key = value.
func (s *tomlScanner) pair(table path, inline bool) {
	p := sourceSpan{in: table, inline: inline, start: s.tokens[0].start}
	line := s.tokens[0].line
	p.at = s.descend(table, s.key("="), line)
	if len(s.tokens) > 0 {
		p.value = s.tokens[0].start
	}
	s.value(p.at)
	p.end = s.end
	s.pairs = append(s.pairs, p)
}

// value reads a value, with its keys and elements.
func (s *tomlScanner) value(at path) {
	switch s.peek() {
	case "[":
		s.take()
		for i := 0; s.more("]"); i++ {
			s.lines[at.index(i)] = s.tokens[0].line
			s.value(at.index(i))
		}
	case "{":
		s.take()
		for s.more("}") {
			s.pair(at, true)
		}
	default:
		s.take()
		for !slices.Contains([]string{"\n", ",", "]", "}", ""}, s.peek()) {
			s.take() // a date and its time are two tokens
		}
	}
}

// more skips to the next element of an array or inline table; it is false once it has read the closing bracket.
func (s *tomlScanner) more(closing string) bool {
	for s.peek() == "\n" || s.peek() == "," {
		s.take()
	}
	if s.peek() != closing {
		return s.peek() != ""
	}
	s.take()
	return false
}

// key reads a dotted key and the token that ends it.
func (s *tomlScanner) key(end string) []string {
	var text strings.Builder
	for s.peek() != "" && s.peek() != end {
		text.WriteString(s.take().text)
	}
	s.take()
	md, err := toml.Decode(text.String()+"=0", &map[string]any{})
	if err != nil || len(md.Keys()) == 0 {
		return nil
	}
	return md.Keys()[len(md.Keys())-1]
}

// descend follows a dotted key from a table and sets the line of each new part. As in TOML, a part that is an array of tables means
// its last element, unless it is the last part.
func (s *tomlScanner) descend(at path, key []string, line int) path {
	for i, part := range key {
		at = at.key(part)
		if _, known := s.lines[at]; !known || i == len(key)-1 {
			s.lines[at] = line
		}
		if n := s.elements[at]; n > 0 && i < len(key)-1 {
			at = at.index(n - 1)
		}
	}
	return at
}
