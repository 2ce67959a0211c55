package console

import (
	"html/template"
	"net/url"
	"time"
)

// funcs are what all pages may call.
var funcs = template.FuncMap{
	"at":     func(name string) string { return Path + "/" + name },
	"query":  query,
	"entry":  func(name, title string, p page) navEntry { return navEntry{name, title, p} },
	"handle": handle,
	"time":   clock,
	"iso":    func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
}

// navEntry is a link of the navigation.
type navEntry struct {
	Name, Title string
	Page        page
}

// query makes the part of an address from names and values: {{query "domain" .ID "user" .User}}.
func query(pairs ...string) template.URL {
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return template.URL(values.Encode()) //nolint:gosec // encoded just now
}

func handle(username string) string {
	if username == "" {
		return ""
	}
	return "@" + username
}

// clock is a time as people without JavaScript see it; console.js shows the browser's own time zone instead.
func clock(t time.Time) string { return t.UTC().Format("2 Jan 2006 15:04 UTC") }
