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
	maxWord   = 64 // of a list, a day, a place in a list
)

// validQuery tells whether a query decodes, to UTF-8.
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

// field reads a parameter of the query or of a form as it came, at most max characters of text in one line. An id may begin and end with
// white space, and is another user's without it.
func field(r *http.Request, name string, max int) (string, error) {
	return checkLine(name, r.FormValue(name), max)
}

// trimmedField is a field of what somebody types, without white space around.
func trimmedField(r *http.Request, name string, max int) (string, error) {
	return checkLine(name, strings.TrimSpace(r.FormValue(name)), max)
}

func checkLine(name, value string, max int) (string, error) {
	if !validLine(value, max) {
		return "", newPageError(http.StatusUnprocessableEntity, "This cannot be accepted", "The "+name+" is too long, or is not plain text.")
	}
	return value, nil
}

// validLine tells whether a text is at most max characters in one line, by the API's rule of what a control character is.
func validLine(text string, max int) bool {
	control := func(c rune) bool { return c < 0x20 || c == 0x7f }
	return utf8.ValidString(text) && utf8.RuneCountInString(text) <= max && !strings.ContainsFunc(text, control)
}

// domain reads the parameter of that name. Without one it is the first that the key may see. A key without the domain is told
// no more than in the API: not whether it exists.
func (c *Console) domain(r *http.Request, admin adminSession) (Domain, error) {
	if !r.Form.Has("domain") && !r.URL.Query().Has("domain") {
		if list := c.domains(admin); len(list) > 0 {
			return list[0], nil
		}
		return Domain{}, newPageError(http.StatusForbidden, "This key may see no domain", "Add one to the key's domains in telegate.toml.")
	}
	id, err := field(r, "domain", maxDomain)
	if err != nil {
		return Domain{}, err
	}
	if !admin.key.allows(id) {
		return Domain{}, newPageError(http.StatusForbidden, "This key may not act for that domain", "Add the domain to the key's domains in telegate.toml.")
	}
	d, ok := c.o.Domains.Domain(id)
	if !ok {
		return Domain{}, newPageError(http.StatusNotFound, "There is no such domain", "Add its table [domains.ID] to telegate.toml.")
	}
	return d, nil
}

// domainByID is the domain that something stored belongs to. Its table may be gone from the configuration.
func (c *Console) domainByID(id string) Domain {
	if d, ok := c.o.Domains.Domain(id); ok {
		return d
	}
	return Domain{ID: id, Title: id}
}

// domains are those that the key may see.
func (c *Console) domains(admin adminSession) []Domain {
	var list []Domain
	for _, d := range c.o.Domains.Domains() {
		if admin.key.allows(d.ID) {
			list = append(list, d)
		}
	}
	return list
}
