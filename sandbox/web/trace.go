package web

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"sync"
	"time"
)

// keptExchanges is how many exchanges a session remembers.
const keptExchanges = 30

// trace remembers what the example server asked telegate for one session, so
// that an integrator can read along.
type trace struct {
	mu        sync.Mutex // guards exchanges
	exchanges []exchange // oldest first
}

// exchange is a request to the gateway and its answer, for display: codes
// and bindings are masked, long texts are cut.
type exchange struct {
	Method   string          `json:"method"`
	Path     string          `json:"path"`
	Request  json.RawMessage `json:"request,omitempty"`
	Status   int             `json:"status"`
	Answer   json.RawMessage `json:"answer,omitempty"`
	Duration int64           `json:"ms"`
}

type traceKey struct{}

// withTrace makes the gateway client record into t. Long polls are left out:
// they would drown what a person did.
func withTrace(ctx context.Context, t *trace) context.Context {
	return context.WithValue(ctx, traceKey{}, t)
}

// traceOf is the trace of a context; nil, which records nothing, if there is none.
func traceOf(ctx context.Context) *trace {
	t, _ := ctx.Value(traceKey{}).(*trace)
	return t
}

func (t *trace) record(method, path string, request []byte, status int, answer []byte, took time.Duration) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.exchanges) == keptExchanges {
		t.exchanges = slices.Delete(t.exchanges, 0, 1)
	}
	t.exchanges = append(t.exchanges, exchange{
		Method: method, Path: path, Request: presentable(request),
		Status: status, Answer: presentable(answer), Duration: took.Milliseconds(),
	})
}

// list is a copy, newest first; empty rather than nil, which JSON would call null.
func (t *trace) list() []exchange {
	t.mu.Lock()
	defer t.mu.Unlock()
	exchanges := append([]exchange{}, t.exchanges...)
	slices.Reverse(exchanges)
	return exchanges
}

var (
	secretField = regexp.MustCompile(`"(code|session_binding)"\s*:\s*"(?:[^"\\]|\\.)*"`)
	anyString   = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	// Cut between characters, never inside of an escape such as \u003c.
	longString = regexp.MustCompile(`^"((?:[^"\\]|\\u[0-9A-Fa-f]{4}|\\[^u]){96})(?:[^"\\]|\\.)+"$`)
)

// presentable is a JSON body without secrets and with long texts cut; nil if it
// is not JSON.
func presentable(body []byte) json.RawMessage {
	if !json.Valid(body) {
		return nil
	}
	body = secretField.ReplaceAll(body, []byte(`"$1":"•••"`))
	return anyString.ReplaceAllFunc(body, func(s []byte) []byte {
		return longString.ReplaceAll(s, []byte(`"$1…"`))
	})
}
