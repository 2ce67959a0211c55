package api

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
)

// configureHuma makes huma's own errors problems and its checks strict. huma has package variables for that.
var configureHuma = sync.OnceFunc(func() {
	huma.ValidateStrictCasing = true
	huma.DefaultArrayNullable = false // no list in an answer is null
	huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
		return humaProblem(status, errs)
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, _ string, errs ...error) huma.StatusError {
		p := humaProblem(status, errs)
		if ctx != nil {
			p.Instance = requestID(ctx.Context())
		}
		return p
	}
})

// maxFaults limits the invalid members that one answer lists: a long list can have very many.
const maxFaults = 20

// humaProblem copies where and why, but never the invalid value: it may be a code.
func humaProblem(status int, errs []error) *Problem {
	switch status {
	case http.StatusUnprocessableEntity:
	case http.StatusBadRequest:
		return newProblem("malformed-request", "The body is not the JSON object this call takes.")
	case http.StatusRequestEntityTooLarge:
		return tooLarge(maxBody)
	case http.StatusUnsupportedMediaType:
		return newProblem("unsupported-media-type", "Send the body as application/json.")
	case http.StatusRequestTimeout:
		return newProblem("malformed-request", "The body did not arrive in time.")
	default:
		return newProblem("internal-error", "Internal error in telegate. Search its log for this instance.")
	}
	p := newProblem("validation-failed", "Some values of the request are invalid.")
	for _, err := range errs[:min(len(errs), maxFaults)] {
		var d *huma.ErrorDetail
		if errors.As(err, &d) {
			at, detail := pointer(d.Location), d.Message
			if name, ok := missingMember(detail); ok {
				at, detail = at+"/"+name, "is required"
			}
			if strings.HasPrefix(detail, "json: ") { // it quotes the value
				detail = "a number is not an integer, or too large"
			}
			p.Errors = append(p.Errors, Fault{at, detail})
		}
	}
	return p
}

// missingMember finds the member in huma's "expected required property NAME to be present".
func missingMember(message string) (name string, ok bool) {
	rest, ok := strings.CutPrefix(message, "expected required property ")
	name, _, _ = strings.Cut(rest, " ")
	return name, ok
}

// pointer turns huma's "body.context.ip" into "#/context/ip" and "query.user" into "query/user". If a name on the path is
// not plain, it points to the whole.
func pointer(location string) string {
	where, rest, _ := strings.Cut(location, ".")
	if where == "body" {
		where = "#"
	}
	names := strings.Split(rest, ".")
	if slices.ContainsFunc(names, func(name string) bool { return !plainName.MatchString(name) }) {
		return where
	}
	return where + "/" + strings.NewReplacer("[", "/", "]", "").Replace(strings.Join(names, "/"))
}
