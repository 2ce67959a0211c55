package console

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"telegate/delivery"
)

// How old the oldest message of a lane may be before it becomes a warning: codes are useless after minutes, the rest can wait.
const (
	maxCodeAge  = 10 * time.Second
	maxQueueAge = time.Minute
)

const (
	recentFailures = 10
	shownPauses    = 10 // very many chats can be paused
)

// Status is the state of telegate for the page Status.
type Status struct {
	Parts  []Part
	Lanes  []Lane
	Pauses []Pause // most important first
	Limits []Limit
}

// Part is one part of telegate: the database, a bot, the user session.
type Part struct {
	Name   string
	Tone   string // good, warn, bad
	State  string // component-specific, such as "connected"
	Detail string // what is wrong and what to do; empty if all is well
	Since  time.Time
}

// Lane is the queue of one lane.
type Lane struct {
	Lane    delivery.Lane
	Waiting int
	Oldest  time.Time // when the oldest waiting message was accepted; zero if none waits
}

// Pause is a flood wait of Telegram.
type Pause struct {
	Bot    string
	ChatID int64 // 0: the whole bot; else a person's Telegram id, in any domain
	Until  time.Time
}

// Limit is one limit on sending.
type Limit struct{ Name, Value, Words string }

// Check is one finding of telegate doctor.
type Check struct {
	Name   string
	Tone   string // good, warn, bad; empty if the check was not needed
	Detail string
	Next   string // what to do; empty if nothing is
}

// statusData is the data of the page Status.
type statusData struct {
	Status
	Wrong    int // number of parts and lanes that need attention
	Failures []delivery.Message
	CanCheck bool
	Checks   []Check // empty until the administrator runs them
}

func (c *Console) showStatus(w http.ResponseWriter, r *http.Request, admin adminSession) error {
	data, err := c.statusData(r, admin)
	if err != nil {
		return err
	}
	if isAutoRefresh(r) {
		return c.renderPartial(w, admin, "status.html", "now", "status", Domain{}, data)
	}
	return c.show(w, r, admin, "status.html", "status", Domain{}, data)
}

// runChecks shows the page Status with the findings of telegate doctor. They name files and addresses of the server, so they are for
// keys of all domains.
func (c *Console) runChecks(w http.ResponseWriter, r *http.Request, admin adminSession) error {
	data, err := c.statusData(r, admin)
	if err != nil {
		return err
	}
	if !data.CanCheck {
		return newPageError(http.StatusForbidden, "This key may not run the checks", "Sign in with a key for all domains, or run telegate doctor on the server.")
	}
	data.Checks = c.o.Checks(r.Context())
	return c.show(w, r, admin, "status.html", "status", Domain{}, data)
}

func (c *Console) statusData(r *http.Request, admin adminSession) (data statusData, err error) {
	if data.Status, err = c.o.Status(r.Context()); err != nil {
		return data, err
	}
	data.CanCheck = c.o.Checks != nil && admin.key.allows(everyDomain)
	slices.SortStableFunc(data.Parts, func(a, b Part) int { return cmp.Compare(toneRank[b.Tone], toneRank[a.Tone]) })
	if !admin.key.allows(everyDomain) { // the domain of a chat is not known
		data.Pauses = slices.DeleteFunc(data.Pauses, func(p Pause) bool { return p.ChatID != 0 })
	}
	data.Pauses = data.Pauses[:min(len(data.Pauses), shownPauses)]
	for _, p := range data.Parts {
		if p.Tone != "good" {
			data.Wrong++
		}
	}
	for _, l := range data.Lanes {
		if laneState(l, c.o.Now()).Tone != "good" {
			data.Wrong++
		}
	}
	data.Failures, err = c.recentFailed(r.Context(), admin)
	return data, err
}

// recentFailed are the last messages that did not, or may not, have arrived, in the domains of the key.
func (c *Console) recentFailed(ctx context.Context, admin adminSession) ([]delivery.Message, error) {
	var domains []string
	for _, d := range c.domains(admin) {
		domains = append(domains, d.ID)
	}
	return c.o.Messages.Failures(ctx, domains, recentFailures)
}

// toneRank sorts what needs attention first.
var toneRank = map[string]int{"good": 0, "warn": 1, "bad": 2}

// laneState reports whether a lane keeps up.
func laneState(l Lane, now time.Time) state {
	limit := maxQueueAge
	if l.Lane == delivery.LaneCode {
		limit = maxCodeAge
	}
	switch {
	case l.Waiting == 0:
		return state{"Empty", "good"}
	case l.Lane == delivery.LaneBroadcast || l.Oldest.IsZero() || now.Sub(l.Oldest) <= limit:
		return state{"Flowing", "good"}
	default:
		return state{"Waiting", "warn"}
	}
}
