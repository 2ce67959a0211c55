package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"telegate/delivery"
	"telegate/notify"
)

// CreateBroadcast is the body of POST /v1/broadcasts: to a list of users, or to everyone linked in the domain.
type CreateBroadcast struct {
	Domain string     `json:"domain,omitempty" maxLength:"64"`
	Users  UserIDs    `json:"users,omitzero" minLength:"1" maxLength:"256" pattern:"^[^\\x00-\\x1f\\x7f]*$" patternDescription:"text without control characters" doc:"1 to 100,000 users; absent: everyone linked in the domain when it is sent"`
	Text   string     `json:"text" minLength:"1" doc:"up to 100,000 UTF-16 units; a long text is split, or sent as a file with a preview"`
	Format string     `json:"format,omitempty" enum:"text,html" default:"text" doc:"html: the tags that Telegram supports"`
	Silent bool       `json:"silent,omitempty" doc:"no notification sound"`
	SendAt *time.Time `json:"send_at,omitempty" doc:"when to send it, at most 366 days ahead; absent: now"`
	TTL    int        `json:"ttl,omitempty" minimum:"10" maximum:"604800" doc:"seconds after send_at; what is not sent by then expires; absent: one day"`
	DryRun bool       `json:"dry_run,omitempty" doc:"only count the recipients; nothing is stored"`
}

// UserIDs is a list of users. In other members null means absent. Here absent means everyone, so null must not mean the
// same: it would be too easy to write to everyone by mistake.
type UserIDs []string

// UnmarshalJSON implements json.Unmarshaler. null is the empty list.
func (l *UserIDs) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*l = UserIDs{}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(l))
}

// AcceptedBroadcast is the answer of POST /v1/broadcasts: what was stored, or after a dry run what would be.
type AcceptedBroadcast struct {
	ID               string          `json:"id,omitempty" doc:"absent after a dry run"`
	Status           string          `json:"status,omitempty" enum:"scheduled,sending,done,canceled" doc:"absent after a dry run"`
	SendAt           time.Time       `json:"send_at"`
	Counts           notify.Audience `json:"counts"`
	EstimatedSeconds int             `json:"estimated_seconds" doc:"how long sending takes if the bot has no other messages to send"`
}

type acceptedBroadcast = struct {
	Status   int
	Location string `header:"Location"`
	Body     AcceptedBroadcast
}

func (s *Server) createBroadcast(ctx context.Context, in *struct{ Body CreateBroadcast }) (*acceptedBroadcast, error) {
	b := in.Body
	if _, err := s.authorizeDomain(ctx, b.Domain); err != nil {
		return nil, err
	}
	id, err := s.derivedID(ctx, "bc", func(id string) (time.Time, error) {
		earlier, err := s.o.Broadcasts.Get(ctx, id)
		return earlier.Created, err
	})
	if err != nil {
		return nil, err
	}
	a := notify.BroadcastRequest{
		ID: id, Domain: b.Domain, Users: b.Users, Text: b.Text, HTML: b.Format == "html", Silent: b.Silent,
		TTL: time.Duration(b.TTL) * time.Second, DryRun: b.DryRun,
	}
	if b.SendAt != nil {
		if a.SendAt = *b.SendAt; a.SendAt.IsZero() {
			return nil, invalidField("#/send_at", "is in the past; leave it out to send now")
		}
	}
	announced, err := s.o.Broadcasts.Create(ctx, a)
	if err != nil {
		return nil, err
	}
	bc := announced.Broadcast
	out := &acceptedBroadcast{Status: http.StatusOK, Body: AcceptedBroadcast{
		SendAt: bc.SendAt.UTC(), Counts: bc.Audience, EstimatedSeconds: seconds(announced.Duration),
	}}
	if !b.DryRun {
		out.Status, out.Location = http.StatusAccepted, "/v1/broadcasts/"+bc.ID
		out.Body.ID, out.Body.Status = bc.ID, string(bc.Status)
	}
	return out, nil
}

// Broadcast is a broadcast as callers see it. The text is not kept.
type Broadcast struct {
	ID        string                  `json:"id"`
	Domain    string                  `json:"domain"`
	Status    string                  `json:"status" enum:"scheduled,sending,done,canceled"`
	CreatedAt time.Time               `json:"created_at"`
	SendAt    time.Time               `json:"send_at"`
	ExpiresAt time.Time               `json:"expires_at"`
	EndedAt   *time.Time              `json:"ended_at" doc:"when its last message got its outcome"`
	Counts    notify.Audience         `json:"counts" doc:"as counted when it was accepted"`
	Total     int                     `json:"total" doc:"recipients; the sum of outcomes"`
	Outcomes  notify.Outcomes         `json:"outcomes" doc:"number of recipients by outcome"`
	Reasons   map[delivery.Reason]int `json:"reasons" doc:"why messages failed or expired"`
}

func broadcastView(r notify.BroadcastReport) Broadcast {
	reasons := r.Tally.Reasons
	if reasons == nil {
		reasons = map[delivery.Reason]int{}
	}
	return Broadcast{
		ID: r.ID, Domain: r.Domain, Status: string(r.Status), CreatedAt: r.Created, SendAt: r.SendAt, ExpiresAt: r.Deadline(),
		EndedAt: timeOrNil(r.Ended), Counts: r.Audience, Total: r.Tally.Total(), Outcomes: r.Tally.Outcomes, Reasons: reasons,
	}
}

func (s *Server) getBroadcast(ctx context.Context, in *struct {
	ByID
	PreferWait
}) (*struct{ Body Broadcast }, error) {
	read := func(ctx context.Context) (notify.BroadcastReport, error) { return s.visibleBroadcast(ctx, in.ID) }
	r, err := waitWhile(ctx, s, in.ID, in.wait(), read, func(r notify.BroadcastReport) bool { return r.Ended.IsZero() })
	if err != nil {
		return nil, err
	}
	return &struct{ Body Broadcast }{broadcastView(r)}, nil
}

// visibleBroadcast reads a broadcast that the caller may see.
func (s *Server) visibleBroadcast(ctx context.Context, id string) (notify.BroadcastReport, error) {
	r, err := s.o.Broadcasts.Get(ctx, id)
	if err != nil {
		return r, err
	}
	return r, requireVisible(ctx, r.Domain, notify.ErrBroadcastNotFound)
}

func (s *Server) cancelBroadcast(ctx context.Context, in *ByID) (*struct{ Body Broadcast }, error) {
	if _, err := s.visibleBroadcast(ctx, in.ID); err != nil {
		return nil, err
	}
	r, err := s.o.Broadcasts.Cancel(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &struct{ Body Broadcast }{broadcastView(r)}, nil
}

// BroadcastList is a page of broadcasts, the newest first.
type BroadcastList struct {
	Broadcasts []Broadcast `json:"broadcasts"`
	Next       string      `json:"next" doc:"pass this as after to get the next page; empty on the last page"`
}

func (s *Server) listBroadcasts(ctx context.Context, in *struct {
	Domain string `query:"domain" maxLength:"64"`
	After  string `query:"after" maxLength:"256" doc:"the id of a broadcast: return those before it"`
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"20"`
}) (*struct{ Body BroadcastList }, error) {
	if _, err := s.authorizeDomain(ctx, in.Domain); err != nil {
		return nil, err
	}
	found, err := s.o.Broadcasts.List(ctx, in.Domain, in.After, in.Limit+1)
	if err != nil {
		return nil, err
	}
	list := BroadcastList{Broadcasts: []Broadcast{}}
	if len(found) > in.Limit {
		found = found[:in.Limit]
		list.Next = found[in.Limit-1].ID
	}
	for _, r := range found {
		list.Broadcasts = append(list.Broadcasts, broadcastView(r))
	}
	return &struct{ Body BroadcastList }{list}, nil
}
