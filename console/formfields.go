package console

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// The longest ids and filters in characters, as in the API.
const (
	maxDomain = 64
	maxUser   = 256
	maxQuery  = 256
	maxWord   = 64 // choices, dates, ids for the next page
)

// validQuery reports whether path and query are valid UTF-8.
func validQuery(u *url.URL) bool {
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return false
	}
	for name, list := range values {
		for _, value := range append(list, name) {
			if !utf8.ValidString(value) {
				return false
			}
		}
	}
	return utf8.ValidString(u.Path)
}

// field reads a form or query parameter unchanged: one line of at most max characters. White space around an id is part of it.
func field(r *http.Request, name string, max int) (string, error) {
	return checkLine(name, r.FormValue(name), max)
}

// trimmedField reads a field that people type, without white space around it.
func trimmedField(r *http.Request, name string, max int) (string, error) {
	return checkLine(name, strings.TrimSpace(r.FormValue(name)), max)
}

func checkLine(name, value string, max int) (string, error) {
	if !validLine(value, max) {
		return "", newPageError(http.StatusUnprocessableEntity, "This cannot be accepted", "The "+name+" is too long, or is not plain text.")
	}
	return value, nil
}

// validLine reports whether a text is one line of at most max characters. Control characters are defined as in the API.
func validLine(text string, max int) bool {
	control := func(c rune) bool { return c < 0x20 || c == 0x7f }
	return utf8.ValidString(text) && utf8.RuneCountInString(text) <= max && !strings.ContainsFunc(text, control)
}

// domain reads the parameter domain. The default is the first domain of the key. As in the API, a key does not learn whether a
// domain exists that it may not use.
func (c *Console) domain(r *http.Request, admin adminSession) (Domain, error) {
	if !r.Form.Has("domain") && !r.URL.Query().Has("domain") {
		if list := c.domains(admin); len(list) > 0 {
			return list[0], nil
		}
		return Domain{}, newPageError(http.StatusForbidden, "This key has no domain", "Add one to the key's domains in telegate.toml.")
	}
	id, err := field(r, "domain", maxDomain)
	if err != nil {
		return Domain{}, err
	}
	if !admin.key.allows(id) {
		return Domain{}, newPageError(http.StatusForbidden, "This key may not use this domain", "Add the domain to the key's domains in telegate.toml.")
	}
	d, ok := c.o.Domains.Domain(id)
	if !ok {
		return Domain{}, newPageError(http.StatusNotFound, "This domain does not exist", "Add a section [domains.ID] to telegate.toml.")
	}
	return d, nil
}

// domainByID is the domain of something stored. It may no longer be configured.
func (c *Console) domainByID(id string) Domain {
	if d, ok := c.o.Domains.Domain(id); ok {
		return d
	}
	return Domain{ID: id, Title: id}
}

// domains are the domains of the key.
func (c *Console) domains(admin adminSession) []Domain {
	var list []Domain
	for _, d := range c.o.Domains.Domains() {
		if admin.key.allows(d.ID) {
			list = append(list, d)
		}
	}
	return list
}
