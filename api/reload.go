package api

import (
	"context"
	"net/http"
	"slices"
)

// Reloaded is what came of reading the configuration again.
type Reloaded struct {
	Changed      []string `json:"changed" doc:"what is in force now, by its names in the file, such as limits.code_ttl"`
	NeedsRestart []string `json:"needs_restart" doc:"what has changed in the file and is not in force before a restart"`
	Warnings     []string `json:"warnings" doc:"what works but should be looked at, in sentences"`
	Canceled     int      `json:"canceled" doc:"verifications that were pending where msg2factor has been turned off"`
}

// ReloadError: the new configuration is not used, and the old one stays in force.
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

// reload has the configuration read again. It concerns every domain, so the key must be for all of them.
func (s *Server) reload(ctx context.Context, _ *struct{}) (*struct{ Body Reloaded }, error) {
	if !slices.Contains(caller(ctx).Domains, "*") {
		return nil, newProblem("domain-not-allowed", "A reload concerns every domain, and this key may not act for all of them (domains = [\"*\"]).")
	}
	r, err := s.o.Reload(ctx)
	if err != nil {
		return nil, err
	}
	return &struct{ Body Reloaded }{r}, nil
}

// SetKeys changes who may call from here on.
func (s *Server) SetKeys(keys []Key) {
	ring := newKeyring(keys)
	s.keys.Store(&ring)
}

// requestKey is the key of a request; nil where it has none that is known.
func (s *Server) requestKey(r *http.Request) *Key { return s.keys.Load().fromRequest(r) }
