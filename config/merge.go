package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// Merged is what Merge made of two configurations.
type Merged struct {
	Content     []byte
	Added, Kept []string // keys of the second configuration, such as "messaging.telegram.bottoken"
}

// Merge adds the settings of a configuration, from, that another one lacks. Settings that both have stay as they are; a secret also
// counts as set by its file, and a proxy is one setting. All other bytes stay, as with Edit. name is used in an *Error for invalid TOML.
func Merge(name string, content, from []byte) (Merged, error) {
	m := Merged{Content: content}
	values, err := decodeFile(name, content)
	if err != nil {
		return m, err
	}
	more, err := decodeFile("", from)
	if err != nil {
		return m, err
	}
	return m, m.merge(name, nil, values, more)
}

// merge adds what a table lacks, and then its tables.
func (m *Merged) merge(name string, at []string, values, more map[string]any) error {
	var changes []Change
	for _, key := range slices.Sorted(maps.Keys(more)) {
		if _, isTable := more[key].(map[string]any); isTable {
			continue
		}
		shown := toml.Key(append(slices.Clone(at), key)).String()
		if valueOf(values, key) != nil || valueOf(values, key+"_file") != nil {
			m.Kept = append(m.Kept, shown)
			continue
		}
		m.Added = append(m.Added, shown)
		changes = append(changes, Change{Key: key, Value: more[key]})
	}
	var err error
	if len(changes) > 0 {
		if m.Content, err = Edit(name, m.Content, at, changes); err != nil {
			return fmt.Errorf("%s: %w", toml.Key(at).String(), err)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(more)) {
		inner, isTable := more[key].(map[string]any)
		if !isTable {
			continue
		}
		below := append(slices.Clone(at), key)
		there := valueOf(values, key)
		old, _ := there.(map[string]any)
		switch {
		case there != nil && (old == nil || strings.EqualFold(key, "proxy")):
			m.Kept = append(m.Kept, toml.Key(below).String())
			continue
		case there == nil && len(inner) == 0 && len(at) == 1: // [domains.ID] without a key: its title is its id
			inner = map[string]any{"title": key}
		}
		if err := m.merge(name, below, old, inner); err != nil {
			return err
		}
	}
	return nil
}
