package config

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// Changes names what differs between two configurations, as the file names it: "limits.code_ttl", "domains.corp.title"; a table that only
// one of them has by its own name, "domains.corp". It never holds a value.
func (c *Config) Changes(old *Config) []string {
	var names []string
	differ(&names, nil, old.rendered(), c.rendered())
	// Of secrets the rendering shows no more than that they are set.
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

// DomainTable is what a domain's table is called in the file: domains.corp, or domains."".
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

// rendered is what Render writes, read again.
func (c *Config) rendered() map[string]any {
	var text strings.Builder
	var values map[string]any
	if err := c.Render(&text); err != nil {
		panic(err) // a strings.Builder takes everything
	}
	if _, err := toml.Decode(text.String(), &values); err != nil {
		panic("config renders what it cannot read: " + err.Error())
	}
	return values
}

// differ appends the names of what differs below a key.
func differ(names *[]string, at toml.Key, old, now map[string]any) {
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
			differ(names, name, before, after)
		case !reflect.DeepEqual(old[key], now[key]):
			*names = append(*names, name.String())
		}
	}
}
