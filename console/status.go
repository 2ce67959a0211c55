package console

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"telegate/delivery"
)

// How old the oldest message of a lane may be before somebody should look: a code is of no use after minutes; the rest waits for its turn.
const (
	maxCodeAge  = 10 * time.Second
	maxQueueAge = time.Minute
)

const (
	recentFailures = 10
	shownPauses    = 10 // a mass of chats can be paused
)

// Status is how telegate is doing, for the page of that name.
type Status struct {
	Parts  []Part
	Lanes  []Lane
	Pauses []Pause // the most important first
	Limits []Limit
}

// Part is one part of telegate: the database, a bot, the user session.
type Part struct {
	Name   string
	Tone   string // good, warn, bad
	State  string // in the part's own words
	Detail string // what is wrong and what to do; empty where nothing is
	Since  time.Time
}

// Lane is what waits in one lane.
type Lane struct {
	Lane    delivery.Lane
	Waiting int
	Oldest  time.Time // when the one that has waited longest was accepted; zero where none waits
}

// Pause is a time of quiet that Telegram has asked for.
type Pause struct {
	Bot    string
	ChatID int64 // 0: the bot as a whole; else a person's Telegram id, of whichever domain
	Until  time.Time
}

// Limit is a setting for how fast messages leave.
type Limit struct{ Name, Value, Words string }

// statusData is the page Status.
type statusData struct {
	Status
	Wrong    int // how many parts and lanes somebody should look at
	Failures []delivery.Message
}

func (c *Console) showStatus(w http.ResponseWriter, r *http.Request, admin adminSession) error {
	var data statusData
	var err error
	if data.Status, err = c.o.Status(r.Context()); err != nil {
		return err
	}
	slices.SortStableFunc(data.Parts, func(a, b Part) int { return cmp.Compare(toneRank[b.Tone], toneRank[a.Tone]) })
	if !admin.key.allows(everyDomain) { // nothing tells whose domain a chat belongs to
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
	if data.Failures, err = c.recentFailed(r.Context(), admin); err != nil {
		return err
	}
	if isAutoRefresh(r) {
		return c.renderPartial(w, admin, "status.html", "now", "status", Domain{}, data)
	}
	return c.show(w, r, admin, "status.html", "status", Domain{}, data)
}

// recentFailed are the last messages that ended without having arrived for certain, in the domains that the key may see.
func (c *Console) recentFailed(ctx context.Context, admin adminSession) ([]delivery.Message, error) {
	var domains []string
	for _, d := range c.domains(admin) {
		domains = append(domains, d.ID)
	}
	return c.o.Messages.Failures(ctx, domains, recentFailures)
}

// toneRank orders what somebody should look at first.
var toneRank = map[string]int{"good": 0, "warn": 1, "bad": 2}

// laneState says whether a lane keeps up.
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
