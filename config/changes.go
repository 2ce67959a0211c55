package config

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// Changes returns the keys that differ between two configurations, such as "limits.code_ttl" or "domains.corp.title". A table that
// only one of them has is named as a whole: "domains.corp". The result contains no values.
func (c *Config) Changes(old *Config) []string {
	var names []string
	diffTables(&names, nil, old.rendered(), c.rendered())
	// The rendering only shows that a secret is set, so secrets are compared below.
	names = slices.DeleteFunc(names, func(name string) bool {
		for _, secret := range []string{"bottoken", "apihash", "session", "proxy"} {
			if strings.HasSuffix(name, ".messaging.telegram."+secret) || name == "messaging.telegram."+secret {
				return true
			}
		}
		return false
	})
	names = append(names, secretChanges("messaging.telegram.", old.Messaging.Telegram, c.Messaging.Telegram)...)
	for id, d := range c.Domains {
		before, ok := old.Domains[id]
		if ok && (d.Telegram != c.Messaging.Telegram || before.Telegram != old.Messaging.Telegram) {
			names = append(names, secretChanges(DomainTable(id)+".messaging.telegram.", before.Telegram, d.Telegram)...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// DomainTable is the name of a domain's table in the file: domains.corp, or domains."".
func DomainTable(id string) string { return toml.Key{"domains", id}.String() }

func secretChanges(prefix string, old, now Telegram) []string {
	var names []string
	for name, changed := range map[string]bool{
		"bottoken": old.BotToken != now.BotToken, "apihash": old.APIHash != now.APIHash, "session": old.Session != now.Session,
		"proxy": old.Proxy != now.Proxy || old.MTProxy != now.MTProxy,
	} {
		if changed {
			names = append(names, prefix+name)
		}
	}
	return names
}

// rendered decodes the output of Render.
func (c *Config) rendered() map[string]any {
	var text strings.Builder
	var values map[string]any
	if err := c.Render(&text); err != nil {
		panic(err) // a strings.Builder takes everything
	}
	if _, err := toml.Decode(text.String(), &values); err != nil {
		panic("config cannot read its own rendering: " + err.Error())
	}
	return values
}

// diffTables appends the names of the keys that differ below a key.
func diffTables(names *[]string, at toml.Key, old, now map[string]any) {
	keys := slices.Collect(maps.Keys(old))
	for key := range now {
		if _, ok := old[key]; !ok {
			keys = append(keys, key)
		}
	}
	for _, key := range keys {
		name := append(slices.Clone(at), key)
		before, isTable := old[key].(map[string]any)
		after, stays := now[key].(map[string]any)
		switch {
		case isTable && stays:
			diffTables(names, name, before, after)
		case !reflect.DeepEqual(old[key], now[key]):
			*names = append(*names, name.String())
		}
	}
}
