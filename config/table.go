package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// table is one TOML table of the file. Its keys match in any case. Each accessor makes its key a known one; close reports the others.
type table struct {
	p      *parser
	name   string           // as written: "messaging.telegram"; "" for the top level
	title  string           // the place of a key in messages: "in [messaging.telegram]"
	at     path             // its position, for lines
	values map[string]entry // by lower-case key; empty if the file has no such table
	known  []string         // the keys that accessors asked for
}

// entry is a key as written, with its value.
type entry struct {
	key   string
	value any
}

// table wraps a decoded table. Two keys that differ only in case are a fault.
func (p *parser) table(name, title string, at path, values map[string]any) *table {
	t := &table{p: p, name: name, title: title, at: at, values: map[string]entry{}}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		lower := strings.ToLower(key)
		if twin, taken := t.values[lower]; taken {
			line := max(p.lines[at.key(twin.key)], p.lines[at.key(key)])
			p.faultAt(line, t.dotted(quoted(key)), "%s and %s %s are the same key; keep one", quoted(twin.key), quoted(key), title)
			continue
		}
		t.values[lower] = entry{key, values[key]}
	}
	return t
}

// close reports unknown keys, with the nearest known name.
func (t *table) close() {
	for lower, e := range t.values {
		if slices.ContainsFunc(t.known, func(name string) bool { return strings.ToLower(name) == lower }) {
			continue
		}
		hint := "known keys are " + strings.Join(t.known, ", ")
		if name := nearest(lower, t.known); name != "" {
			hint = fmt.Sprintf("did you mean %q?", name)
		}
		t.p.faultAt(t.p.lines[t.at.key(e.key)], t.dotted(quoted(e.key)), "unknown key %s %s; %s", quoted(e.key), t.title, hint)
	}
}

// dotted returns the name of a key with its tables.
func (t *table) dotted(name string) string {
	if t.name == "" {
		return name
	}
	return t.name + "." + name
}

// line returns the line of a key, or else of its table.
func (t *table) line(name string) int {
	if e, ok := t.values[strings.ToLower(name)]; ok {
		return t.p.lines[t.at.key(e.key)]
	}
	return t.p.lines[t.at]
}

// fault reports a fault of a key. The message begins with the key's full name.
func (t *table) fault(name, format string, args ...any) {
	t.p.faultAt(t.line(name), t.dotted(name), "%s %s", t.dotted(name), fmt.Sprintf(format, args...))
}

// warn adds a warning about a key. The message begins with the key's full name.
func (t *table) warn(name, message string) {
	t.p.warn("%s %s", t.dotted(name), message)
}

// lookup returns the value of a key, and makes the key known.
func (t *table) lookup(name string) (any, bool) {
	if !slices.Contains(t.known, name) {
		t.known = append(t.known, name)
	}
	e, ok := t.values[strings.ToLower(name)]
	return e.value, ok
}

// value returns the value of a key; ok: it is present and of type T. want describes the type in messages.
func value[T any](t *table, name, want string) (v T, ok bool) {
	found, there := t.lookup(name)
	if !there {
		return v, false
	}
	v, ok = found.(T)
	if !ok {
		t.fault(name, "must be %s, not %s", want, kind(found))
	}
	return v, ok
}

// kind describes the type of a decoded value.
func kind(value any) string {
	switch value.(type) {
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case int64:
		return "an integer"
	case float64:
		return "a decimal number"
	case time.Time:
		return "a date or time"
	case map[string]any:
		return "a table"
	default:
		return "an array"
	}
}

// string returns a trimmed string. An empty one is a fault.
func (t *table) string(name string) (string, bool) {
	text, ok := value[string](t, name, "a string in quotes")
	if !ok {
		return "", false
	}
	if text = strings.TrimSpace(text); text == "" {
		t.fault(name, "is empty; give it a value or remove the key")
		return "", false
	}
	return text, true
}

// choice returns one of the words, in lower case.
func (t *table) choice(name, fallback string, words ...string) string {
	text, ok := t.string(name)
	if !ok {
		return fallback
	}
	text = strings.ToLower(text)
	if !slices.Contains(words, text) {
		t.fault(name, "must be one of %s", strings.Join(words, ", "))
		return fallback
	}
	return text
}

// boolean returns true or false.
func (t *table) boolean(name string, fallback bool) bool {
	if b, ok := value[bool](t, name, "true or false, without quotes"); ok {
		return b
	}
	return fallback
}

// integer returns an integer from low to high.
func (t *table) integer(name string, fallback, low, high int64) int64 {
	n, ok := value[int64](t, name, "an integer")
	if !ok {
		return fallback
	}
	if n < low || n > high {
		t.fault(name, "must be from %d to %d", low, high)
		return fallback
	}
	return n
}

// number returns a whole or decimal number from low to high. unit completes the sentence about the range.
func (t *table) number(name string, fallback, low, high float64, unit string) float64 {
	found, ok := t.lookup(name)
	if !ok {
		return fallback
	}
	var n float64
	switch found := found.(type) {
	case int64:
		n = float64(found)
	case float64:
		n = found
	default:
		t.fault(name, "must be a number, not %s", kind(found))
		return fallback
	}
	if !(n >= low && n <= high) { // also true for NaN
		t.fault(name, "must be from %g to %g %s", low, high, unit)
		return fallback
	}
	return n
}

// duration returns a duration: a string such as "5m", or an integer of seconds.
func (t *table) duration(name string, fallback time.Duration) time.Duration {
	found, ok := t.lookup(name)
	if !ok {
		return fallback
	}
	switch found := found.(type) {
	case int64:
		const most = int64(1<<63-1) / int64(time.Second)
		return time.Duration(min(max(found, -most), most)) * time.Second
	case string:
		if d, err := time.ParseDuration(strings.TrimSpace(found)); err == nil {
			return d
		}
	}
	t.fault(name, `must be a duration such as "5m" or "90s", or a number of seconds`)
	return fallback
}

// strings returns an array of at least one string. A fault makes it empty.
func (t *table) strings(name string) []string {
	list, ok := value[[]any](t, name, `an array of strings, such as ["a", "b"]`)
	if !ok {
		return nil
	}
	var all []string
	for _, element := range list {
		text, isText := element.(string)
		if !isText {
			t.fault(name, "must hold strings only, not %s", kind(element))
			return nil
		}
		all = append(all, strings.TrimSpace(text))
	}
	if len(all) == 0 {
		t.fault(name, "must not be empty")
	}
	return all
}

// table returns the table under a key, an empty one if it is missing.
func (t *table) table(name string) *table {
	values, _ := value[map[string]any](t, name, "a table")
	at := t.at.key(name)
	if e, ok := t.values[strings.ToLower(name)]; ok {
		at = t.at.key(e.key)
	}
	dotted := t.dotted(name)
	return t.p.table(dotted, "in ["+dotted+"]", at, values)
}

// tables returns an array of tables, written as [[name]] or as name = [{…}, {…}].
func (t *table) tables(name string) []*table {
	found, ok := t.lookup(name)
	if !ok {
		return nil
	}
	var elements []map[string]any
	switch found := found.(type) {
	case []map[string]any:
		elements = found
	case []any:
		for _, element := range found {
			values, isTable := element.(map[string]any)
			if !isTable {
				t.fault(name, "must hold tables only, not %s", kind(element))
				return nil
			}
			elements = append(elements, values)
		}
	default:
		t.fault(name, "must be an array of tables, each under [[%s]], not %s", t.dotted(name), kind(found))
		return nil
	}
	tables := make([]*table, len(elements))
	dotted := t.dotted(name)
	at := t.at.key(t.values[strings.ToLower(name)].key)
	for i, values := range elements {
		tables[i] = t.p.table(dotted, "in [["+dotted+"]]", at.index(i), values)
	}
	return tables
}

// nearest returns the most similar known name, "" if none is similar: at most one edit in three letters.
func nearest(name string, known []string) string {
	best, least := "", max(1, (len(name)+1)/3)+1
	for _, candidate := range known {
		if d := editDistance(name, strings.ToLower(candidate)); d < least {
			best, least = candidate, d
		}
	}
	return best
}

// editDistance is the Levenshtein distance in bytes.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
