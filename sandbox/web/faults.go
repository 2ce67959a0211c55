package web

import (
	"net/http"
	"time"

	"telegate/sandbox"
)

// floodWait is the retry_after of the flood switch: long enough to be watched.
const floodWait = 5 * time.Second

// fault is one switch of the page. What each does is said in index.html.
type fault struct {
	name string
	on   func(sandbox.Faults) bool
	set  func(*sandbox.Faults, bool)
}

var faults = []fault{
	{"flood",
		func(f sandbox.Faults) bool { return f.FloodWait > 0 },
		func(f *sandbox.Faults, on bool) {
			f.FloodWait = 0
			if on {
				f.FloodWait = floodWait
			}
		}},
	{"server-error",
		func(f sandbox.Faults) bool { return f.ServerError },
		func(f *sandbox.Faults, on bool) { f.ServerError = on }},
	{"bad-gateway",
		func(f sandbox.Faults) bool { return f.BadGateway },
		func(f *sandbox.Faults, on bool) { f.BadGateway = on }},
	{"lose-answer",
		func(f sandbox.Faults) bool { return f.LoseAnswer },
		func(f *sandbox.Faults, on bool) { f.LoseAnswer = on }},
	{"hang",
		func(f sandbox.Faults) bool { return f.Hang },
		func(f *sandbox.Faults, on bool) { f.Hang = on }},
	{"down",
		func(f sandbox.Faults) bool { return f.Down },
		func(f *sandbox.Faults, on bool) { f.Down = on }},
	{"reset",
		func(f sandbox.Faults) bool { return f.Reset },
		func(f *sandbox.Faults, on bool) { f.Reset = on }},
	{"unauthorized",
		func(f sandbox.Faults) bool { return f.Unauthorized },
		func(f *sandbox.Faults, on bool) { f.Unauthorized = on }},
	{"conflict",
		func(f sandbox.Faults) bool { return f.Conflict },
		func(f *sandbox.Faults, on bool) { f.Conflict = on }},
	{"webhook",
		func(f sandbox.Faults) bool { return f.WebhookSet },
		func(f *sandbox.Faults, on bool) { f.WebhookSet = on }},
}

// faultsNow says of each switch whether it is on.
func (s *Server) faultsNow() map[string]bool {
	current := s.telegram.Faults()
	on := make(map[string]bool, len(faults))
	for _, f := range faults {
		on[f.name] = f.on(current)
	}
	return on
}

// handleFault turns one switch and leaves the others as they are.
func (s *Server) handleFault(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		On *bool `json:"on"`
	}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	if in.On == nil {
		return missing("on")
	}
	for _, f := range faults {
		if f.name != r.PathValue("fault") {
			continue
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		current := s.telegram.Faults()
		f.set(&current, *in.On)
		s.telegram.SetFaults(current)
		return writeJSON(w, s.faultsNow())
	}
	return newProblem(http.StatusNotFound, "No such switch", "There is no failure of that name.")
}

// handleClearFaults turns everything off, also what has no switch on the page.
func (s *Server) handleClearFaults(w http.ResponseWriter, _ *http.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.telegram.SetFaults(sandbox.Faults{})
	return writeJSON(w, s.faultsNow())
}

// shownCalls is how many Bot API calls the page lists.
const shownCalls = 80

// call is one Bot API call, as the page lists it.
type call struct {
	Time        time.Time `json:"time"`
	Method      string    `json:"method"`
	Chat        string    `json:"chat,omitempty"` // the person's name, or the number of another chat
	Code        int       `json:"code"`           // 0 if the connection was cut
	Description string    `json:"description,omitempty"`
	Delivered   bool      `json:"delivered"`
}

// lastCalls lists the newest calls, newest first.
func (s *Server) lastCalls() []call {
	all := s.telegram.Calls()
	shown := make([]call, 0, shownCalls)
	for i := len(all) - 1; i >= 0 && len(shown) < shownCalls; i-- {
		c := all[i]
		shown = append(shown, call{
			Time: c.Time, Method: c.Method, Chat: s.chatName(c.ChatID),
			Code: c.Code, Description: c.Description, Delivered: c.Delivered,
		})
	}
	return shown
}
