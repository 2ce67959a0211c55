package config

import (
	"errors"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// Change sets one key of a table. A nil Value removes the key.
type Change struct {
	Key   string
	Value any // a string, an integer or a boolean
}

// ErrNotEdited: Edit cannot change the file without changing other parts of it.
var ErrNotEdited = errors.New("the file is written in a way that telegate cannot change without touching other parts of it; put the lines in by hand")

// Edit returns the content of a configuration with changed keys of one table, such as "messaging", "telegram". All other bytes stay:
// comments, order, line ends, spelling of keys. An existing key keeps its upper and lower case; a new key replaces the line of its
// table that shows it as a comment (# bottoken = "…"), or else goes after the others; a new table goes to the end.
//
// name is used in the *Error for invalid TOML. Edit reads its result again: if anything else has changed, the error is ErrNotEdited.
func Edit(name string, content []byte, table []string, changes []Change) ([]byte, error) {
	before, err := decodeFile(name, content)
	if err != nil {
		return nil, err
	}
	source, bom := strings.CutPrefix(string(content), "\ufeff")
	for _, c := range changes {
		source = editor{scanTOML(source), source, lineEndOf(source)}.change(table, c)
	}
	if bom {
		source = "\ufeff" + source
	}
	after, err := decodeFile(name, []byte(source))
	if err != nil || !reflect.DeepEqual(withoutChanges(before, table, changes), withoutChanges(after, table, changes)) {
		return nil, ErrNotEdited
	}
	for _, c := range changes {
		if !hasValue(after, table, c) {
			return nil, ErrNotEdited
		}
	}
	return []byte(source), nil
}

// HasKey reports whether a valid configuration sets a key of a table.
func HasKey(content []byte, table []string, key string) bool {
	values, err := decodeFile("", content)
	return err == nil && !hasValue(values, table, Change{Key: key}) // a change without a value means that the key is missing
}

func decodeFile(name string, content []byte) (map[string]any, error) {
	p := &parser{cfg: &Config{file: name}}
	values, ok := p.decode(content)
	if !ok {
		return nil, &Error{Faults: p.faults}
	}
	return values, nil
}

// editor makes one change.
type editor struct {
	*tomlScanner
	source  string
	lineEnd string // the line ends of the file
}

func lineEndOf(source string) string {
	if i := strings.IndexByte(source, '\n'); i > 0 && source[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

func (e editor) change(names []string, c Change) string {
	table := path("")
	for _, name := range names {
		table = table.key(name)
	}
	for _, p := range e.pairs {
		if lowerPath(p.at) != lowerPath(table.key(c.Key)) {
			continue
		}
		if c.Value == nil {
			return e.remove(p)
		}
		return e.source[:p.value] + tomlValue(c.Value) + e.source[p.end:]
	}
	if c.Value == nil {
		return e.source
	}
	return e.insert(names, lowerPath(table), c)
}

// insert adds a new key to its table.
func (e editor) insert(names []string, table path, c Change) string {
	for _, h := range e.headers {
		if lowerPath(h.at) != table {
			continue
		}
		if edited, ok := e.replaceComment(h, c); ok {
			return edited
		}
		last := h
		for _, p := range e.pairs {
			if p.in == h.at && !p.inline {
				last = p
			}
		}
		return e.insertLine(last, pairText([]string{c.Key}, c.Value))
	}
	// {…} with the pairs of the table or of a parent, or dotted keys of the table. The nearest counts, and of those the last.
	var found *sourceSpan
	depth := -1
	for i, p := range e.pairs {
		at, in := lowerPath(p.at), lowerPath(p.in)
		var reach int
		switch {
		case strings.HasPrefix(string(table), string(at)) && e.source[p.value] == '{': // the braces themselves
			reach = 2 * len(at)
		case strings.HasPrefix(string(at), string(table)) && strings.HasPrefix(string(table), string(in)): // a key beside the new one
			reach = 2*len(table) + 1
		default:
			continue
		}
		if reach >= depth {
			found, depth = &e.pairs[i], reach
		}
	}
	if found == nil {
		return e.insertTable(names, table, c)
	}
	if isBraces := strings.HasPrefix(string(table), string(lowerPath(found.at))); isBraces {
		key := append(slices.Clone(names[len(found.at.parts()):]), c.Key)
		return e.insertInBraces(*found, pairText(key, c.Value))
	}
	key := append(slices.Clone(found.at.parts()[len(found.in.parts()):len(names)]), c.Key)
	if found.inline {
		return e.source[:found.end] + ", " + pairText(key, c.Value) + e.source[found.end:]
	}
	return e.insertLine(*found, pairText(key, c.Value))
}

// replaceComment replaces the first comment line of a table that shows the key, as a sample does: # bottoken = "…". A remark behind
// its value stays.
func (e editor) replaceComment(header sourceSpan, c Change) (edited string, ok bool) {
	end := len(e.source)
	for _, h := range e.headers {
		if h.start > header.start {
			end = min(end, h.start)
		}
	}
	shown := regexp.MustCompile(`(?im)^[ \t]*#[ \t]*` + regexp.QuoteMeta(c.Key) + `[ \t]*=[^\r\n]*`)
	for _, at := range shown.FindAllStringIndex(e.source[header.end:end], -1) {
		start, stop := header.end+at[0], header.end+at[1]
		if slices.ContainsFunc(e.pairs, func(p sourceSpan) bool { return p.start < start && start < p.end }) {
			continue // inside a text or an array
		}
		indent, line, _ := strings.Cut(e.source[start:stop], "#")
		remark := ""
		if pairs := scanTOML(line).pairs; len(pairs) == 1 {
			remark = strings.TrimRight(line[pairs[0].end:], " \t")
		}
		return e.source[:start] + indent + pairText([]string{c.Key}, c.Value) + remark + e.source[stop:], true
	}
	return "", false
}

// insertLine adds a line after the end of a header or pair, with the same indentation.
func (e editor) insertLine(after sourceSpan, text string) string {
	begin := strings.LastIndexByte(e.source[:after.start], '\n') + 1
	indent := e.source[begin:after.start]
	if strings.TrimLeft(indent, " \t") != "" {
		indent = ""
	}
	length := strings.IndexByte(e.source[after.end:], '\n')
	if length < 0 {
		return e.source + e.lineEnd + indent + text + e.lineEnd
	}
	end := after.end + length + 1
	return e.source[:end] + indent + text + e.lineEnd + e.source[end:]
}

// insertInBraces adds a pair at the end of {…}.
func (e editor) insertInBraces(braces sourceSpan, text string) string {
	inside := strings.TrimRight(e.source[braces.value:braces.end-1], " \t\r\n")
	switch {
	case inside == "{":
		text = inside + text
	case strings.HasSuffix(inside, ","):
		text = inside + " " + text
	default:
		text = inside + ", " + text
	}
	return e.source[:braces.value] + text + e.source[braces.value+len(inside):]
}

// insertTable adds the table, with the existing spelling of its parent tables.
func (e editor) insertTable(names []string, table path, c Change) string {
	names = slices.Clone(names)
	for _, s := range slices.Concat(e.headers, e.pairs) {
		for i, part := range s.at.parts() {
			if i == len(names) || !strings.EqualFold(part, names[i]) {
				break
			}
			names[i] = part
		}
	}
	text := e.source
	if text != "" {
		if !strings.HasSuffix(text, "\n") {
			text += e.lineEnd
		}
		text += e.lineEnd
	}
	return text + "[" + toml.Key(names).String() + "]" + e.lineEnd + pairText([]string{c.Key}, c.Value) + e.lineEnd
}

// remove removes a pair. A comment after it stays.
func (e editor) remove(p sourceSpan) string {
	before, after := e.source[:p.start], e.source[p.end:]
	if p.inline {
		if rest := strings.TrimLeft(after, " \t\r\n"); strings.HasPrefix(rest, ",") {
			return before + strings.TrimLeft(rest[1:], " \t")
		}
		return strings.TrimSuffix(strings.TrimRight(before, " \t\r\n"), ",") + after
	}
	rest, tail, _ := strings.Cut(after, "\n")
	if comment := strings.TrimLeft(rest, " \t"); strings.HasPrefix(comment, "#") {
		return before + strings.TrimLeft(after, " \t")
	}
	return strings.TrimRight(before, " \t") + tail
}

func pairText(key []string, value any) string {
	return toml.Key(key).String() + " = " + tomlValue(value)
}

// lowerPath is a path in lower case: keys match in any case.
func lowerPath(p path) path { return path(strings.ToLower(string(p))) }

// withoutChanges returns decoded TOML without the changed keys, and without parent tables that become empty.
func withoutChanges(values map[string]any, table []string, changes []Change) map[string]any {
	rest := maps.Clone(values)
	for key, value := range values {
		switch inner, isTable := value.(map[string]any); {
		case len(table) == 0 && slices.ContainsFunc(changes, func(c Change) bool { return strings.EqualFold(c.Key, key) }):
			delete(rest, key)
		case len(table) > 0 && isTable && strings.EqualFold(key, table[0]):
			left := withoutChanges(inner, table[1:], changes)
			if rest[key] = left; len(left) == 0 {
				delete(rest, key)
			}
		}
	}
	return rest
}

// hasValue reports whether decoded TOML has the key of a change exactly once, with its value.
func hasValue(values map[string]any, table []string, c Change) bool {
	name, last := c.Key, len(table) == 0
	if !last {
		name = table[0]
	}
	var found []any
	for key, value := range values {
		if strings.EqualFold(key, name) {
			found = append(found, value)
		}
	}
	switch {
	case len(found) == 0:
		return c.Value == nil
	case len(found) > 1:
		return false
	case last:
		return c.Value != nil && tomlValue(found[0]) == tomlValue(c.Value)
	}
	inner, isTable := found[0].(map[string]any)
	return isTable && hasValue(inner, table[1:], c)
}
