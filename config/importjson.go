package config

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/tailscale/hujson"
)

// meshFile reads MeshCentral's config.json: JSON with comments, trailing commas and numbers with leading zeros.
type meshFile struct {
	name  string
	data  []byte
	notes []Note
}

// member is one member of an object, under its name in lower case: MeshCentral's keys match in any case.
type member struct {
	name, original string
	line           int
	value          hujson.ValueTrimmed
}

// errorLine matches the position in the library's error; the rest of the error may contain a secret.
var errorLine = regexp.MustCompile(`line ([0-9]+), column ([0-9]+)`)

// root parses the file.
func (f *meshFile) root() (*hujson.Object, error) {
	f.data = bytes.TrimPrefix(f.data, []byte("\xef\xbb\xbf"))
	if len(f.data) > maxFile {
		return nil, fmt.Errorf("%s is larger than %d KiB", f.name, maxFile>>10)
	}
	if !utf8.Valid(f.data) {
		return nil, fmt.Errorf("%s is not UTF-8 text; save it as UTF-8", f.name)
	}
	v, err := hujson.Parse(blankLeadingZeros(f.data))
	if err != nil {
		at := errorLine.FindStringSubmatch(err.Error())
		if at == nil {
			return nil, fmt.Errorf("%s is not JSON", f.name)
		}
		return nil, fmt.Errorf("%s:%s: not JSON at column %s; look there and on the line before for a missing quote, comma or bracket", f.name, at[1], at[2])
	}
	root, ok := v.Value.(*hujson.Object)
	if !ok {
		return nil, errors.New(f.name + " is not MeshCentral's configuration, which is an object { … }")
	}
	return root, nil
}

// members lists an object's members in the order of the file. Like MeshCentral, it ignores keys that begin with "_", and of keys
// that are equal in any case it uses the last.
func (f *meshFile) members(in string, object *hujson.Object) []member {
	var list []member
	at := map[string]int{}
	for _, m := range object.Members {
		written := m.Name.Value.(hujson.Literal).String()
		one := member{name: strings.ToLower(written), original: written, line: f.line(m.Name.StartOffset), value: m.Value.Value}
		if strings.HasPrefix(written, "_") {
			f.note(one.line, Ignored, "%s is switched off by its underscore", qualifiedName(in, one.name))
			continue
		}
		if i, twice := at[one.name]; twice {
			f.note(one.line, Attention, "%s is here for the second time; this one was read, as MeshCentral does", qualifiedName(in, one.name))
			list[i] = one
			continue
		}
		at[one.name] = len(list)
		list = append(list, one)
	}
	return list
}

// object returns a member's value if it is an object; otherwise it adds a note.
func (f *meshFile) object(in string, m member) []member {
	object, ok := m.value.(*hujson.Object)
	if !ok {
		f.note(m.line, Attention, "%s is not an object { … }, so nothing was read from it", qualifiedName(in, m.name))
		return nil
	}
	return f.members(qualifiedName(in, m.name), object)
}

func (f *meshFile) line(offset int) int { return 1 + bytes.Count(f.data[:offset], []byte("\n")) }

func (f *meshFile) note(line int, kind NoteKind, format string, args ...any) {
	f.notes = append(f.notes, Note{Line: line, Kind: kind, Text: fmt.Sprintf(format, args...)})
}

// qualifiedName is a key with its parents, for messages. It hides names that could be a secret.
func qualifiedName(in, name string) string {
	shown := name
	if !plainName.MatchString(name) || name == "" || strings.Contains(name, ".") {
		shown = quoted(name)
	}
	if in == "" {
		return shown
	}
	return in + "." + shown
}

// text returns a trimmed string, or a number as written.
func text(v hujson.ValueTrimmed) (string, bool) {
	l, ok := v.(hujson.Literal)
	switch {
	case !ok:
		return "", false
	case l.Kind() == '"':
		return strings.TrimSpace(l.String()), true
	case l.Kind() == '0':
		return string(l), true
	default:
		return "", false
	}
}

// blankLeadingZeros replaces the leading zeros of numbers by spaces, as in the 00000000 that MeshCentral's documentation shows for an
// id. Lines and columns stay the same.
func blankLeadingZeros(data []byte) []byte {
	out := bytes.Clone(data)
	for i := 0; i < len(out); i++ {
		switch c := out[i]; {
		case c == '"':
			for i++; i < len(out) && out[i] != '"'; i++ {
				if out[i] == '\\' {
					i++
				}
			}
		case c == '/' && bytes.HasPrefix(out[i:], []byte("//")):
			for ; i < len(out) && out[i] != '\n'; i++ {
			}
		case c == '/' && bytes.HasPrefix(out[i:], []byte("/*")):
			end := bytes.Index(out[i+2:], []byte("*/"))
			if end < 0 {
				return out
			}
			i += 2 + end + 1
		case c >= '0' && c <= '9':
			for ; i+1 < len(out) && out[i] == '0' && out[i+1] >= '0' && out[i+1] <= '9'; i++ {
				out[i] = ' '
			}
			for i+1 < len(out) && strings.IndexByte("0123456789.eE+-", out[i+1]) >= 0 {
				i++
			}
		}
	}
	return out
}
