package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"regexp"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// If an object has a name twice, encoding/json uses the last one. net/url drops a parameter it cannot decode. Both replace
// invalid text. So two programs could read one request differently, and two user ids could become one. Therefore a body that
// is not I-JSON (RFC 7493) is refused, and so is such a query.

// checkJSON returns what is wrong with the syntax of a body; nil if nothing is.
func checkJSON(body []byte) *Problem {
	switch {
	case !json.Valid(body):
		return newProblem("malformed-request", "The body is not a JSON value.")
	case !utf8.Valid(body) || hasLoneSurrogate(body):
		return newProblem("malformed-request", `The body holds text that is not Unicode: bytes that are not UTF-8, or half of a pair of escapes such as \ud83d.`)
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	return checkMembers(d, "#", false)
}

// hasLoneSurrogate finds an escaped half of a UTF-16 pair without its other half. In valid JSON, backslashes are only in
// strings, and \u is followed by four digits.
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
		i++ // the escaped character may itself be a backslash
	}
	return false
}

// checkMembers reads one value of valid JSON, which is nested at most 10,000 deep. It refuses an object with a name twice, and,
// before decoding its items, a list longer than any call accepts. at points to the value, or to the member of the body that
// contains it.
func checkMembers(d *json.Decoder, at string, member bool) *Problem {
	token, err := d.Token()
	switch {
	case err != nil:
		return nil
	case token == nil && member: // null would count as if it were left out
		return invalidField(at, "must not be null; leave it out instead")
	}
	open, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	seen := map[json.Token]bool{}
	for n := 0; d.More(); n++ {
		below := at
		if open == '{' {
			name, err := d.Token()
			if err != nil || seen[name] {
				return newProblem("malformed-request", "An object in the body has a member twice.")
			}
			seen[name] = true
			if text, ok := name.(string); ok && at == "#" && plainName.MatchString(text) {
				below += "/" + text
			}
		} else if n == maxItems {
			return invalidField(at, fmt.Sprintf("has more than %d items; split it over several calls", maxItems))
		}
		if p := checkMembers(d, below, open == '{'); p != nil {
			return p
		}
	}
	_, _ = d.Token() // the closing bracket: the value is valid
	return nil
}

// withIntegers writes whole numbers such as 60.0 and 6e1 as integers: for JSON Schema they are integers, for encoding/json they are not.
// body is valid JSON without a name twice.
func withIntegers(body []byte) []byte {
	if !maybeFloat.Match(body) {
		return body
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var value any
	if d.Decode(&value) != nil {
		return body
	}
	value, changed := integers(value)
	if !changed {
		return body
	}
	body, _ = json.Marshal(value) // what was decoded can be encoded
	return body
}

// maybeFloat matches bodies that may hold a number such as 60.0 or 6e1, and some others.
var maybeFloat = regexp.MustCompile(`[0-9](\.0|[eE])`)

// integers is withIntegers for a decoded value; changed reports whether there was such a number.
func integers(value any) (_ any, changed bool) {
	switch v := value.(type) {
	case json.Number:
		if _, err := v.Int64(); err == nil {
			return v, false
		}
		if f, err := v.Float64(); err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			return json.Number(strconv.FormatInt(int64(f), 10)), true
		}
	case []any:
		for i := range v {
			item, c := integers(v[i])
			v[i], changed = item, changed || c
		}
	case map[string]any:
		for name := range v {
			member, c := integers(v[name])
			v[name], changed = member, changed || c
		}
	}
	return value, changed
}

// checkQuery returns what is wrong with the syntax of a query; nil if nothing is.
func checkQuery(raw string) *Problem {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return newProblem("malformed-request", "The query of the URL cannot be decoded. Percent-encode its values.")
	}
	for name, values := range query {
		switch {
		case len(values) > 1:
			return invalidField(pointer("query."+name), "may be given once")
		case !utf8.ValidString(name + values[0]):
			return newProblem("malformed-request", "The query of the URL contains text that is not UTF-8.")
		}
	}
	return nil
}

// plainName matches plausible names of members and parameters. A name sent by a caller can be anything, even a code in the
// wrong place, so answers never repeat other names.
var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,31}(\[[0-9]{1,6}\])?$`)
