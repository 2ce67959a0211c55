package config

import (
	"strings"

	"telegate/language"
)

// texts reads the operator's own texts, written as in the catalogues: [NAME.de.code] or, in [NAME.de], code.login = "…".
func (t *table) texts(name string) map[string]map[string]string {
	if _, there := t.lookup(name); !there {
		return nil
	}
	own := map[string]map[string]string{}
	standard := language.New()
	keys := standard.Keys()
	all := t.table(name)
	defer all.close()
	for _, code := range language.Codes() {
		if _, there := all.lookup(code); !there {
			continue
		}
		own[code] = map[string]string{}
		groups := map[string]*table{}
		inLanguage := all.table(code)
		for _, key := range keys {
			group, last, _ := strings.Cut(key, ".")
			if groups[group] == nil {
				groups[group] = inLanguage.table(group)
			}
			in := groups[group]
			text, ok := in.string(last)
			if !ok {
				continue
			}
			if err := standard.Check(key, text); err != nil {
				in.fault(last, "%v", err)
				continue
			}
			own[code][key] = text
		}
		for _, in := range groups {
			in.close()
		}
		inLanguage.close()
	}
	return own
}
