package sandbox

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
)

// maxBody is how large a request may be: a document of 50 MB, the limit of the
// Bot API for files, and something for the rest.
const maxBody = 51 << 20

// request is a decoded Bot API request.
type request struct {
	token   string
	method  string            // as it came
	params  map[string]string // scalars as text, objects and arrays as JSON
	files   map[string]upload // by field name
	refused *apiError         // why it could not be decoded; nil: it could
}

// upload is a file of a multipart request.
type upload struct {
	name     string
	mimeType string
	content  []byte
}

// decodeRequest reads a request to the end of its body: only then does
// net/http notice that the client goes away.
func decodeRequest(w http.ResponseWriter, r *http.Request) *request {
	req := &request{params: map[string]string{}, files: map[string]upload{}}
	body := http.MaxBytesReader(w, r.Body, maxBody)
	err := req.readBody(r.Header.Get("Content-Type"), body)
	if _, rest := io.Copy(io.Discard, body); err == nil {
		err = rest
	}
	var tooLarge *http.MaxBytesError
	var refused *apiError
	switch {
	case errors.As(err, &tooLarge):
		req.refused = errTooLarge
	case errors.As(err, &refused):
		req.refused = refused
	case err != nil:
		req.refused = badRequest("can't read the request body")
	}
	for name, values := range r.URL.Query() {
		req.params[name] = values[0] // the query string comes first, as on the real server
	}
	if rest, ok := strings.CutPrefix(r.URL.Path, "/bot"); ok {
		var method string
		if req.token, method, ok = strings.Cut(rest, "/"); ok {
			req.method = strings.TrimPrefix(method, "test/")
		} else {
			req.token = ""
		}
	}
	if req.method == "" {
		req.method = req.params["method"]
	}
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		req.refused = errNotImplemented
	}
	return req
}

// readBody takes the parameters out of a body of any of the three kinds that
// the Bot API knows; a body of another kind is ignored.
func (req *request) readBody(contentType string, body io.Reader) error {
	kind, attributes, err := mime.ParseMediaType(contentType)
	switch {
	case strings.HasPrefix(strings.ToLower(contentType), "multipart/form-data"):
		if err != nil || attributes["boundary"] == "" {
			return badRequest("boundary not found")
		}
		return req.readMultipart(multipart.NewReader(body, attributes["boundary"]))
	case kind == "application/json":
		return req.readJSON(body)
	case kind == "application/x-www-form-urlencoded":
		raw, err := io.ReadAll(body)
		if err != nil {
			return err
		}
		values, _ := url.ParseQuery(string(raw)) // what is malformed is left out, as on the real server
		for name := range values {
			req.params[name] = values.Get(name)
		}
	}
	return nil
}

func (req *request) readMultipart(parts *multipart.Reader) error {
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return orBadRequest(err, "can't parse multipart/form-data")
		}
		name := part.FormName()
		if name == "" {
			return badRequest("field name in multipart/form-data not found")
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return orBadRequest(err, "can't parse multipart/form-data")
		}
		if part.FileName() != "" {
			req.files[name] = upload{name: part.FileName(), mimeType: part.Header.Get("Content-Type"), content: content}
		} else {
			req.params[name] = string(content)
		}
	}
}

// orBadRequest keeps the error of a body that is too large and turns any other
// into a 400.
func orBadRequest(err error, text string) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return err
	}
	return badRequest("%s", text)
}

// readJSON takes the fields of a JSON object: strings decoded, everything else
// as it is written, so that null is the text "null". A body that is not an
// object gives no parameters and no error. Both are what the real server does.
func (req *request) readJSON(body io.Reader) error {
	raw, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return nil
	}
	for name, value := range fields {
		var s string
		if value[0] != '"' || json.Unmarshal(value, &s) != nil {
			s = string(value)
		}
		req.params[name] = s
	}
	return nil
}

// transcript is the parameters with the names of the files among them.
func (req *request) transcript() map[string]string {
	if len(req.files) == 0 {
		return req.params
	}
	params := maps.Clone(req.params)
	for name, file := range req.files {
		params[name] = file.name
	}
	return params
}

// flag reads a boolean parameter as the real server does: "true", "yes" and
// "1" in any case are true, all else is false.
func (req *request) flag(name string) bool {
	switch strings.ToLower(strings.TrimSpace(req.params[name])) {
	case "true", "yes", "1":
		return true
	}
	return false
}

// integer reads the digits that a text begins with, after an optional sign.
// Whatever follows is ignored, no digits at all are 0, and what is too large
// wraps around: td::to_integer of tdlib/td.
func integer(s string) int64 {
	s, negative := strings.CutPrefix(s, "-")
	var n int64
	for i := 0; i < len(s) && '0' <= s[i] && s[i] <= '9'; i++ {
		n = n*10 + int64(s[i]-'0')
	}
	if negative {
		return -n
	}
	return n
}
