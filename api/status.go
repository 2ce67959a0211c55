package api

import (
	"context"
	"slices"
	"time"
)

// How much of a list GET /v1/status shows: a mass of chats can be paused, and of messages can fail.
const (
	maxPauses   = 20
	maxFailures = 10
)

// Queue is what waits, what holds it up, and what did not arrive.
type Queue struct {
	Lanes    []LaneView       `json:"lanes" doc:"the most urgent first; of all domains together"`
	Pauses   []PauseView      `json:"pauses" doc:"times of quiet that Telegram has asked for, those of whole bots first, 20 at most"`
	Failures []MessageSummary `json:"failures" doc:"the last 10 messages that have failed, expired, or are unknown, in the domains of the key"`
	Limits   []LimitView      `json:"limits" doc:"how fast messages leave, as [limits] of telegate.toml has it"`
}

// LaneView is what waits in one lane.
type LaneView struct {
	Lane     string     `json:"lane" enum:"code,direct,alert,broadcast"`
	Waiting  int        `json:"waiting"`
	OldestAt *time.Time `json:"oldest_at" doc:"when the one that has waited longest was accepted; null where none waits"`
}

// PauseView is a time of quiet.
type PauseView struct {
	Bot   string    `json:"bot" doc:"username with @, or the user session"`
	Chat  int64     `json:"chat,omitempty" doc:"the one chat it is about, for keys of all domains alone; absent: the bot as a whole"`
	Until time.Time `json:"until"`
}

// LimitView is a setting.
type LimitView struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	Meaning string `json:"meaning"`
}

// getStatus tells of the queue. How the parts are doing is /healthz's, which answers while nothing can be read.
func (s *Server) getStatus(ctx context.Context, _ *struct{}) (*struct{ Body Queue }, error) {
	q, err := s.o.Queue(ctx)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(caller(ctx).Domains, "*") { // a chat's id is a person's, and nothing tells of which domain
		q.Pauses = slices.DeleteFunc(q.Pauses, func(p PauseView) bool { return p.Chat != 0 })
	}
	q.Pauses = append([]PauseView{}, q.Pauses[:min(len(q.Pauses), maxPauses)]...)
	var domains []string
	for _, d := range s.o.Domains.Domains() {
		if caller(ctx).allowsDomain(d.ID) {
			domains = append(domains, d.ID)
		}
	}
	dead, err := s.o.Messages.Failures(ctx, domains, maxFailures)
	if err != nil {
		return nil, err
	}
	q.Failures = []MessageSummary{}
	for _, m := range dead {
		q.Failures = append(q.Failures, summaryOf(m))
	}
	return &struct{ Body Queue }{q}, nil
}
