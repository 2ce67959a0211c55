package sandbox

import (
	"encoding/json"
	"strconv"
)

// fields is a JSON object within a parameter. The texts of its errors are those
// of tdlib's JSON reader; the caller says of which object they are.
type fields map[string]json.RawMessage

// decodeObject reads a JSON object.
func decodeObject(raw json.RawMessage) (fields, bool) {
	var f fields
	if json.Unmarshal(raw, &f) != nil || f == nil {
		return nil, false
	}
	return f, true
}

// has reports whether a field exists and is not null.
func (f fields) has(name string) bool {
	return len(f[name]) > 0 && string(f[name]) != "null"
}

// text reads a string; a number counts as one. What is not there is "" unless
// it is required. The error is the end of a description; "" means none.
func (f fields) text(name string, required bool) (value, problem string) {
	if !f.has(name) {
		return "", missing(name, required)
	}
	if json.Unmarshal(f[name], &value) == nil {
		return value, ""
	}
	var number json.Number
	if json.Unmarshal(f[name], &number) == nil {
		return number.String(), ""
	}
	return "", `Field "` + name + `" must be of type String`
}

// number reads a required integer; a string of digits counts as one.
func (f fields) number(name string) (value int64, problem string) {
	if !f.has(name) {
		return 0, missing(name, true)
	}
	digits := string(f[name])
	if unquoted := ""; json.Unmarshal(f[name], &unquoted) == nil {
		digits = unquoted
	} else if digits[0] == '{' || digits[0] == '[' || digits[0] == 't' || digits[0] == 'f' {
		return 0, `Field "` + name + `" must be of type Number`
	}
	value, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0, `Field "` + name + `" must be a valid Number`
	}
	return value, ""
}

// object reads a required object within the object.
func (f fields) object(name string) (value fields, problem string) {
	if !f.has(name) {
		return nil, missing(name, true)
	}
	value, ok := decodeObject(f[name])
	if !ok {
		return nil, `Field "` + name + `" must be of type Object`
	}
	return value, ""
}

func missing(name string, required bool) string {
	if required {
		return `Can't find field "` + name + `"`
	}
	return ""
}
