package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// encoding/json takes the last of two members with one name, net/url drops a parameter it cannot decode, and both mend
// broken text. Two programs could then read one request in two ways, and two user ids become one. So whatever is not
// I-JSON (RFC 7493) is refused, and a query likewise.

// checkJSON tells what is wrong with the form of a body; nil when nothing is.
func checkJSON(body []byte) *Problem {
	switch {
	case !json.Valid(body):
		return newProblem("malformed-request", "The body is not one JSON value.")
	case !utf8.Valid(body) || hasLoneSurrogate(body):
		return newProblem("malformed-request", `The body holds text that is not Unicode: bytes that are not UTF-8, or half of a pair of escapes such as \ud83d.`)
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	return checkMembers(d, "#")
}

// hasLoneSurrogate finds an escape that is half of a UTF-16 pair without the other half. In valid JSON a backslash
// stands in strings only, and four digits follow each \u.
func hasLoneSurrogate(body []byte) bool {
	unit := func(i int) rune {
		if i+6 > len(body) || body[i] != '\\' || body[i+1] != 'u' {
			return 0
		}
		n, _ := strconv.ParseUint(string(body[i+2:i+6]), 16, 16)
		return rune(n)
	}
	for i := 0; i < len(body); i++ {
		if body[i] != '\\' {
			continue
		}
		if utf16.IsSurrogate(unit(i)) {
			if utf16.DecodeRune(unit(i), unit(i+6)) == utf8.RuneError {
				return true
			}
			i += 6
		}
		i++ // what the backslash escapes may be a backslash
	}
	return false
}

// checkMembers reads one value of valid JSON, which is nested 10,000 deep at most, and tells what is wrong with it: an object
// that has two members with one name, or a list that is longer than any call takes, so that nothing is spent on its items. at points to the value, or the member of the body that it is in.
func checkMembers(d *json.Decoder, at string) *Problem {
	token, err := d.Token()
	if err != nil {
		return nil
	}
	open, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	seen := map[json.Token]bool{}
	for n := 0; d.More(); n++ {
		member := at
		if open == '{' {
			name, err := d.Token()
			if err != nil || seen[name] {
				return newProblem("malformed-request", "An object in the body names a member twice, so it is not known which one counts.")
			}
			seen[name] = true
			if text, ok := name.(string); ok && at == "#" && plainName.MatchString(text) {
				member += "/" + text
			}
		} else if n == maxItems {
			return invalidField(at, fmt.Sprintf("has more than %d items; split it over several calls", maxItems))
		}
		if p := checkMembers(d, member); p != nil {
			return p
		}
	}
	_, _ = d.Token() // the closing bracket: the value is valid
	return nil
}

// checkQuery tells what is wrong with the form of a query; nil when nothing is.
func checkQuery(raw string) *Problem {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return newProblem("malformed-request", "The query of the address cannot be decoded; percent-encode its values.")
	}
	for name, values := range query {
		switch {
		case len(values) > 1:
			return invalidField(pointer("query."+name), "may be given once")
		case !utf8.ValidString(name + values[0]):
			return newProblem("malformed-request", "The query of the address holds text that is not UTF-8.")
		}
	}
	return nil
}

// plainName is what the name of a member or parameter looks like. A name that a caller has made up can be anything, a
// code in the wrong place included, so no answer repeats one that looks different.
var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,31}(\[[0-9]{1,6}\])?$`)
