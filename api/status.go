package api

import (
	"context"
	"slices"
	"time"
)

// Limits of the lists in GET /v1/status: very many chats can be paused, and very many messages can fail.
const (
	maxPauses   = 20
	maxFailures = 10
)

// Queue is what waits, what delays it, and what did not arrive.
type Queue struct {
	Lanes    []LaneView       `json:"lanes" doc:"most urgent first; all domains together"`
	Pauses   []PauseView      `json:"pauses" doc:"pauses that Telegram asked for (flood waits), whole bots first, at most 20"`
	Failures []MessageSummary `json:"failures" doc:"the last 10 messages with status failed, expired or unknown in the domains of the key"`
	Limits   []LimitView      `json:"limits" doc:"the sending limits, from [limits] in telegate.toml"`
}

// LaneView is the queue of one lane.
type LaneView struct {
	Lane     string     `json:"lane" enum:"code,direct,alert,broadcast"`
	Waiting  int        `json:"waiting"`
	OldestAt *time.Time `json:"oldest_at" doc:"when the oldest waiting message was accepted; null if none waits"`
}

// PauseView is a flood wait.
type PauseView struct {
	Bot   string    `json:"bot" doc:"username with @, or the user session"`
	Chat  int64     `json:"chat,omitempty" doc:"the paused chat, shown only to keys for all domains; absent: the whole bot"`
	Until time.Time `json:"until"`
}

// LimitView is one limit.
type LimitView struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	Meaning string `json:"meaning"`
}

// getStatus returns the queue. Health is in /healthz, which also answers when the database cannot be read.
func (s *Server) getStatus(ctx context.Context, _ *struct{}) (*struct{ Body Queue }, error) {
	q, err := s.o.Queue(ctx)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(caller(ctx).Domains, "*") { // a chat id is personal data, and its domain is not known
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
