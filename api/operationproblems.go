package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// ownProblems are the problems of single operations, beside those that follow from method, path and scope (problemsOf). The
// tests' requests compare every answer with the list.
var ownProblems = map[string][]string{
	"PUT /v1/messaging":      {"recipient-unknown", "recipient-changed", "telegram-unavailable"},
	"POST /v1/links":         {"authentication-required", "rate-limited", "factor-throttled", "recipient-unknown", "recipient-blocked", "recipient-changed", "proof-refused", "needs-bot", "telegram-unavailable"},
	"POST /v1/verifications": {"msg2factor-disabled", "factor-unavailable", "verification-in-progress", "rate-limited", "factor-throttled", "cooling-off"},
	"POST /v1/messages":      {"msg2factor-disabled", "factor-unavailable", "recipient-unknown", "recipient-blocked", "recipient-changed", "recipient-unproven", "rate-limited", "cooling-off", "telegram-unavailable"},
	"POST " + broadcastsPath: {"no-recipients"},
	"POST /v1/reload":        {"configuration-refused"},
	"POST /v1/messages/{id}/resend": {"already-resent", "not-resendable", "text-gone", "recipient-unknown", "recipient-blocked", "recipient-changed",
		"recipient-unproven", "rate-limited", "telegram-unavailable"},
	"POST /v1/links/{id}/confirm":       {"factor-throttled"},
	"POST /v1/verifications/{id}/check": {"factor-throttled", "rate-limited"},
	"POST /v1/verifications/{id}/resend": {"verification-finished", "sends-exhausted", "resend-too-soon", "msg2factor-disabled", "factor-unavailable",
		"rate-limited", "factor-throttled", "cooling-off"},
	"POST /v1/verifications/{id}/cancel": {"verification-finished"},
	"POST /v1/broadcasts/{id}/cancel":    {"broadcast-finished"},
}

// problemsOf lists the problem types with which an operation can answer.
func problemsOf(method, path string, scope Scope) []string {
	slugs := []string{
		"invalid-credentials", "console-only-key", "domain-not-allowed", "validation-failed", "not-found", "body-too-large", "headers-too-large",
		"malformed-request", "storage-full", "storage-unavailable", "internal-error",
	}
	if scope != anyScope {
		slugs = append(slugs, "insufficient-scope")
	}
	if method == http.MethodPost || method == http.MethodPut {
		slugs = append(slugs, "unsupported-media-type")
	}
	if method == http.MethodPost {
		slugs = append(slugs, "idempotency-in-flight", "idempotency-mismatch")
	}
	return append(slugs, ownProblems[method+" "+path]...)
}

// describeProblems adds a response for each status of the operation's problems. The description names the types and what to do;
// x-problem-types has the types for programs.
func describeProblems(op *huma.Operation, scope Scope) {
	byStatus := map[string][]string{}
	for _, slug := range problemsOf(op.Method, op.Path, scope) {
		status := strconv.Itoa(problemTypes[slug].status)
		byStatus[status] = append(byStatus[status], slug)
	}
	for status, slugs := range byStatus {
		slices.Sort(slugs)
		var lines, types []string
		for _, slug := range slugs {
			lines = append(lines, "`"+slug+"`: "+problemTypes[slug].advice)
			types = append(types, "/problems/"+slug)
		}
		op.Responses[status] = &huma.Response{
			Description: strings.Join(lines, "\n\n"), Content: op.Responses["default"].Content,
			Extensions: map[string]any{"x-problem-types": types},
		}
	}
}
