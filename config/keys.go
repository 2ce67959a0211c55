package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// LoadKeys reads only [[api.keys]] and the ids of the domains of the configuration at path. Like LoadDatabase it works if the rest
// has faults, or names secrets that only exist for a running telegate. The error is like Load's, with the faults of the keys.
func LoadKeys(path string) (keys []Key, domains []string, err error) {
	data, _, err := readConfig(path)
	if err != nil {
		return nil, nil, err
	}
	p := newParser(path)
	if values, ok := p.decode(data); ok {
		top := p.table("", "at the top level", "", values)
		known := map[string]Domain{"": {}}
		for id := range top.table("domains").values {
			known[id] = Domain{ID: id}
		}
		for id := range known {
			domains = append(domains, id)
		}
		keys = top.table("api").keys(known)
	}
	if len(p.faults) > 0 {
		sortFaults(p.faults)
		return nil, nil, &Error{Faults: p.faults}
	}
	slices.Sort(domains)
	return keys, domains, nil
}

// RemoveKey returns the content of a configuration without the [[api.keys]] section of a name, with the comments inside that section.
// All other bytes stay, except for an empty line before it. file is used in the *Error for invalid TOML; the error is ErrNotEdited
// if the key is not in a section of its own.
func RemoveKey(file string, content []byte, name string) ([]byte, error) {
	before, err := decodeFile(file, content)
	if err != nil {
		return nil, err
	}
	source, bom := strings.CutPrefix(string(content), "\ufeff")
	api, _ := valueOf(before, "api").(map[string]any)
	keys, _ := valueOf(api, "keys").([]map[string]any)
	i := slices.IndexFunc(keys, func(k map[string]any) bool {
		text, _ := valueOf(k, "name").(string)
		return strings.TrimSpace(text) == name
	})
	if i < 0 {
		return nil, fmt.Errorf("%w: it has no [[api.keys]] section for the key %s", ErrNotEdited, quoted(name))
	}
	source = cutSection(source, path("").key("api").key("keys").index(i))
	if bom {
		source = "\ufeff" + source
	}
	after, err := decodeFile(file, []byte(source))
	if err != nil || !reflect.DeepEqual(withoutKey(before, i), withoutKey(after, -1)) {
		return nil, ErrNotEdited
	}
	return []byte(source), nil
}

// cutSection removes the lines of a section, from its header to its last key, and an empty line before it.
func cutSection(source string, section path) string {
	scanned := scanTOML(source)
	i := slices.IndexFunc(scanned.headers, func(h sourceSpan) bool { return lowerPath(h.at) == lowerPath(section) })
	if i < 0 {
		return source
	}
	header := scanned.headers[i]
	end := header.end
	for _, p := range scanned.pairs {
		if p.in == header.at && !p.inline {
			end = p.end
		}
	}
	before := source[:strings.LastIndexByte(source[:header.start], '\n')+1]
	_, after, _ := strings.Cut(source[end:], "\n")
	for _, lineEnd := range []string{"\r\n", "\n"} {
		if shorter, ok := strings.CutSuffix(before, lineEnd+lineEnd); ok {
			before = shorter + lineEnd
			break
		}
	}
	return before + after
}

// valueOf returns the value of a key in any case, nil if there is none.
func valueOf(values map[string]any, name string) any {
	for key, value := range values {
		if strings.EqualFold(key, name) {
			return value
		}
	}
	return nil
}

// withoutKey copies decoded TOML without one element of api.keys, and without api and api.keys if they are empty then.
func withoutKey(values map[string]any, i int) map[string]any {
	rest := map[string]any{}
	for name, value := range values {
		api, isTable := value.(map[string]any)
		if !isTable || !strings.EqualFold(name, "api") {
			rest[name] = value
			continue
		}
		left := map[string]any{}
		for key, value := range api {
			if list, isList := value.([]map[string]any); isList && strings.EqualFold(key, "keys") {
				if list = slices.Clone(list); i >= 0 && i < len(list) {
					list = slices.Delete(list, i, i+1)
				}
				if value = list; len(list) == 0 {
					continue
				}
			}
			left[key] = value
		}
		if len(left) > 0 {
			rest[name] = left
		}
	}
	return rest
}
