package config

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// Change is one key of a table that is to have another value. A nil Value removes the key.
type Change struct {
	Key   string
	Value any // a string, an integer or a boolean
}

// ErrNotEdited says that a file is written in a way that Edit cannot change without touching more than it was asked to.
var ErrNotEdited = errors.New("the file is written in a way that telegate cannot change without touching other parts of it; put the lines in by hand")

// Edit returns the content of a configuration with keys of one table changed, such as "messaging", "telegram". Every byte that has nothing
// to do with them stays: comments, order, line ends, spelling of keys. A key that is there in another case keeps its spelling; a new one
// goes behind the others of its table, and a new table to the end.
//
// name stands in the error for what is not TOML, which is an *Error. The result is read again before it is returned: if anything else
// came out different, the error is ErrNotEdited.
func Edit(name string, content []byte, table []string, changes []Change) ([]byte, error) {
	before, err := decodeFile(name, content)
	if err != nil {
		return nil, err
	}
	source, bom := strings.CutPrefix(string(content), "\ufeff")
	for _, c := range changes {
		source = editor{read(source), source, newline(source)}.change(table, c)
	}
	if bom {
		source = "\ufeff" + source
	}
	after, err := decodeFile(name, []byte(source))
	if err != nil || !reflect.DeepEqual(without(before, table, changes), without(after, table, changes)) {
		return nil, ErrNotEdited
	}
	for _, c := range changes {
		if !holds(after, table, c) {
			return nil, ErrNotEdited
		}
	}
	return []byte(source), nil
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
	*locator
	source string
	nl     string // the line ends of the file
}

func newline(source string) string {
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
		if fold(p.at) != fold(table.key(c.Key)) {
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
	return e.insert(names, fold(table), c)
}

// insert adds a key that is not there yet, wherever its table is written.
func (e editor) insert(names []string, table path, c Change) string {
	for _, h := range e.headers {
		if fold(h.at) != table {
			continue
		}
		last := h
		for _, p := range e.pairs {
			if p.in == h.at && !p.inline {
				last = p
			}
		}
		return e.insertLine(last, pairText([]string{c.Key}, c.Value))
	}
	// {…} with the pairs of the table, or of one above it; or dotted keys that name the table. The nearest counts, and of those the last.
	var found *stretch
	depth := -1
	for i, p := range e.pairs {
		at, in := fold(p.at), fold(p.in)
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
	if isBraces := strings.HasPrefix(string(table), string(fold(found.at))); isBraces {
		key := append(slices.Clone(names[len(found.at.parts()):]), c.Key)
		return e.insertInBraces(*found, pairText(key, c.Value))
	}
	key := append(slices.Clone(found.at.parts()[len(found.in.parts()):len(names)]), c.Key)
	if found.inline {
		return e.source[:found.end] + ", " + pairText(key, c.Value) + e.source[found.end:]
	}
	return e.insertLine(*found, pairText(key, c.Value))
}

// insertLine adds a line behind the one that a header or pair ends on, as far to the right.
func (e editor) insertLine(after stretch, text string) string {
	begin := strings.LastIndexByte(e.source[:after.start], '\n') + 1
	indent := e.source[begin:after.start]
	if strings.TrimLeft(indent, " \t") != "" {
		indent = ""
	}
	length := strings.IndexByte(e.source[after.end:], '\n')
	if length < 0 {
		return e.source + e.nl + indent + text + e.nl
	}
	end := after.end + length + 1
	return e.source[:end] + indent + text + e.nl + e.source[end:]
}

// insertInBraces adds a pair at the end of {…}.
func (e editor) insertInBraces(braces stretch, text string) string {
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

// insertTable adds the table itself, with the spelling that those above it have already.
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
			text += e.nl
		}
		text += e.nl
	}
	return text + "[" + toml.Key(names).String() + "]" + e.nl + pairText([]string{c.Key}, c.Value) + e.nl
}

// remove takes a pair out. A comment behind it stays.
func (e editor) remove(p stretch) string {
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

// fold is a path in lower case: keys match in any case.
func fold(p path) path { return path(strings.ToLower(string(p))) }

// without returns decoded TOML without the changed keys, and without tables above them that are empty then.
func without(values map[string]any, table []string, changes []Change) map[string]any {
	rest := maps.Clone(values)
	for key, value := range values {
		switch inner, isTable := value.(map[string]any); {
		case len(table) == 0 && slices.ContainsFunc(changes, func(c Change) bool { return strings.EqualFold(c.Key, key) }):
			delete(rest, key)
		case len(table) > 0 && isTable && strings.EqualFold(key, table[0]):
			left := without(inner, table[1:], changes)
			if rest[key] = left; len(left) == 0 {
				delete(rest, key)
			}
		}
	}
	return rest
}

// holds reports whether decoded TOML has a key as a change wants it, once.
func holds(values map[string]any, table []string, c Change) bool {
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
	return isTable && holds(inner, table[1:], c)
}
