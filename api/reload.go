package api

import (
	"context"
	"net/http"
	"slices"
)

// Reloaded is the result of a configuration reload.
type Reloaded struct {
	Changed      []string `json:"changed" doc:"what has changed, by name in the file, such as limits.code_ttl"`
	NeedsRestart []string `json:"needs_restart" doc:"what has changed in the file but needs a restart"`
	Warnings     []string `json:"warnings" doc:"what works but should be checked, in sentences"`
	Canceled     int      `json:"canceled" doc:"pending verifications canceled because msg2factor was turned off"`
}

// ReloadError means that the new configuration has errors and the old one is kept.
type ReloadError struct {
	Detail string // with the next step
	Faults []Fault
	Err    error // for the log; may be nil
}

func (e *ReloadError) Error() string {
	text := e.Detail
	for _, f := range e.Faults {
		text += "\n" + f.Pointer + ": " + f.Detail
	}
	return text
}

func (e *ReloadError) Unwrap() error { return e.Err }

// reload reloads the configuration. That concerns every domain, so the key must be for all of them.
func (s *Server) reload(ctx context.Context, _ *struct{}) (*struct{ Body Reloaded }, error) {
	if !slices.Contains(caller(ctx).Domains, "*") {
		return nil, newProblem("domain-not-allowed", "A reload concerns every domain, and this key may not use all of them (domains = [\"*\"]).")
	}
	r, err := s.o.Reload(ctx)
	if err != nil {
		return nil, err
	}
	return &struct{ Body Reloaded }{r}, nil
}

// SetKeys replaces the API keys.
func (s *Server) SetKeys(keys []Key) {
	ring := newKeyring(keys)
	s.keys.Store(&ring)
}

// requestKey is the key of a request; nil if it has none or an unknown one.
func (s *Server) requestKey(r *http.Request) *Key { return s.keys.Load().fromRequest(r) }
