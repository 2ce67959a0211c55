package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"telegate/sandbox"
)

const (
	// gatherFor is how long changes are gathered before they are sent, so that
	// a busy simulation cannot flood the page.
	gatherFor = 40 * time.Millisecond
	// refreshEvery is how often the whole world is sent. It keeps the
	// connection alive and heals what a slow reader has missed.
	refreshEvery = 15 * time.Second
	// writeWithin is how long a write may take before the reader is given up.
	writeWithin = 10 * time.Second
)

// world is everything that the page shows of the simulation.
type world struct {
	Bot        botView         `json:"bot"`
	GatewayURL string          `json:"gateway_url"`
	Phones     []phone         `json:"phones"`
	Faults     map[string]bool `json:"faults"`
	Calls      []call          `json:"calls"`
}

type botView struct {
	Username string `json:"username"`
	Name     string `json:"name"`
}

// toast is the short text that answers a tap on a button.
type toast struct {
	Person int64  `json:"person"`
	Text   string `json:"text"`
}

func (s *Server) world() world {
	bot := botView{Username: s.bot, Name: s.bot}
	for _, b := range s.telegram.Bots() {
		if b.Username == s.bot {
			bot.Name = b.Name
		}
	}
	return world{Bot: bot, GatewayURL: s.gatewayURL, Phones: s.phones(), Faults: s.faultsNow(), Calls: s.lastCalls()}
}

// handleEvents streams what changes, as server-sent events: "world" first and
// every refreshEvery, then "phone", "faults", "calls" and "toast" as they happen.
func (s *Server) handleEvents(w http.ResponseWriter, r *http.Request) error {
	changes, cancel := s.telegram.Subscribe()
	defer cancel()
	w.Header().Set("Content-Type", "text/event-stream")
	out := &stream{w: w, control: http.NewResponseController(w)}
	out.send("world", s.world())

	refresh := time.NewTicker(refreshEvery)
	defer refresh.Stop()
	for out.err == nil {
		select {
		case change, open := <-changes:
			if !open {
				return nil
			}
			s.sendChanges(out, gather(change, changes))
		case <-refresh.C:
			out.send("world", s.world())
		case <-r.Context().Done():
			return nil
		}
	}
	return nil // the client has disconnected
}

// gather collects the first change and those that follow within gatherFor.
func gather(first sandbox.Event, changes <-chan sandbox.Event) []sandbox.Event {
	gathered := []sandbox.Event{first}
	enough := time.NewTimer(gatherFor)
	defer enough.Stop()
	for {
		select {
		case change, open := <-changes:
			if !open {
				return gathered
			}
			gathered = append(gathered, change)
		case <-enough.C:
			return gathered
		}
	}
}

// sendChanges sends the present state of whatever changed, each thing once.
// Toasts go last: their phone is then up to date.
func (s *Server) sendChanges(out *stream, changes []sandbox.Event) {
	var callsChanged, faultsChanged bool
	toasted := map[int64]bool{}
	changed := map[int64]bool{}
	for _, c := range changes {
		switch c.Kind {
		case "call":
			callsChanged = true
		case "faults":
			faultsChanged = true
		case "toast":
			toasted[c.Person] = true
		default:
			changed[c.Person] = true
		}
	}
	if len(changed) > 0 {
		for _, p := range s.phones() {
			if changed[p.ID] {
				out.send("phone", p)
			}
		}
	}
	for person := range toasted {
		out.send("toast", toast{Person: person, Text: s.telegram.Toast(person, s.bot)})
	}
	if faultsChanged {
		out.send("faults", s.faultsNow())
	}
	if callsChanged {
		out.send("calls", s.lastCalls())
	}
}

// stream writes server-sent events. After the first error it writes no more.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	err     error
}

func (s *stream) send(event string, data any) {
	if s.err != nil {
		return
	}
	body, err := json.Marshal(data)
	if err != nil {
		s.err = fmt.Errorf("encode event: %w", err)
		return
	}
	// The deadline takes the place of the server's, which is meant for short
	// answers. A writer without deadlines (a test's recorder) may refuse it.
	_ = s.control.SetWriteDeadline(time.Now().Add(writeWithin))
	if _, s.err = fmt.Fprintf(s.w, "event: %s\ndata: %s\n\n", event, body); s.err == nil {
		s.err = s.control.Flush()
	}
}
