package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"telegate/delivery"
	"telegate/notify"
)

// CreateBroadcast is the body of POST /v1/broadcasts: to a list of users, or to everybody who is linked in the domain.
type CreateBroadcast struct {
	Domain string     `json:"domain,omitempty" maxLength:"64"`
	Users  UserIDs    `json:"users,omitzero" minLength:"1" maxLength:"256" pattern:"^[^\\x00-\\x1f\\x7f]*$" patternDescription:"text without control characters" doc:"1 to 100,000 users; absent: whoever is linked in the domain when it is sent"`
	Text   string     `json:"text" minLength:"1" doc:"up to 100,000 UTF-16 units; long ones are split, or sent as a file with a preview"`
	Format string     `json:"format,omitempty" enum:"text,html" default:"text" doc:"html: Telegram's subset"`
	Silent bool       `json:"silent,omitempty" doc:"arrives without a sound"`
	SendAt *time.Time `json:"send_at,omitempty" doc:"when to send it, at most 366 days ahead; absent: now"`
	TTL    int        `json:"ttl,omitempty" minimum:"10" maximum:"604800" doc:"seconds from send_at until it is not worth sending any more; a day if absent"`
	DryRun bool       `json:"dry_run,omitempty" doc:"only tell whom it would reach; nothing is stored"`
}

// UserIDs is a list of users. Elsewhere null is as good as absent; here absent means everybody, and nobody should write to
// everybody by a slip.
type UserIDs []string

// UnmarshalJSON implements json.Unmarshaler: null is the empty list.
func (l *UserIDs) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*l = UserIDs{}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(l))
}

// AcceptedBroadcast is the answer of POST /v1/broadcasts: on disk, or after a dry run what would be.
type AcceptedBroadcast struct {
	ID               string          `json:"id,omitempty" doc:"absent after a dry run"`
	Status           string          `json:"status,omitempty" enum:"scheduled,sending,done,canceled" doc:"absent after a dry run"`
	SendAt           time.Time       `json:"send_at"`
	Counts           notify.Audience `json:"counts"`
	EstimatedSeconds int             `json:"estimated_seconds" doc:"how long sending takes, if the bot has nothing else to do"`
}

func (s *Server) createBroadcast(ctx context.Context, in *struct{ Body CreateBroadcast }) (*struct {
	Status   int
	Location string `header:"Location"`
	Body     AcceptedBroadcast
}, error) {
	b := in.Body
	if _, err := s.inDomain(ctx, b.Domain); err != nil {
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
			return nil, invalid("#/send_at", "is in the past; leave it out to send now")
		}
	}
	announced, err := s.o.Broadcasts.Create(ctx, a)
	if err != nil {
		return nil, err
	}
	bc := announced.Broadcast
	out := &struct {
		Status   int
		Location string `header:"Location"`
		Body     AcceptedBroadcast
	}{Status: http.StatusOK, Body: AcceptedBroadcast{
		SendAt: bc.SendAt.UTC(), Counts: bc.Audience, EstimatedSeconds: seconds(announced.Duration),
	}}
	if !b.DryRun {
		out.Status, out.Location = http.StatusAccepted, "/v1/broadcasts/"+bc.ID
		out.Body.ID, out.Body.Status = bc.ID, string(bc.Status)
	}
	return out, nil
}

// Broadcast is a broadcast as callers see it; the text is not kept.
type Broadcast struct {
	ID        string                  `json:"id"`
	Domain    string                  `json:"domain"`
	Status    string                  `json:"status" enum:"scheduled,sending,done,canceled"`
	CreatedAt time.Time               `json:"created_at"`
	SendAt    time.Time               `json:"send_at"`
	ExpiresAt time.Time               `json:"expires_at"`
	EndedAt   *time.Time              `json:"ended_at" doc:"when its last message had ended"`
	Counts    notify.Audience         `json:"counts" doc:"as counted when it was accepted"`
	Total     int                     `json:"total" doc:"recipients; the sum of outcomes"`
	Outcomes  notify.Outcomes         `json:"outcomes" doc:"its recipients by what has become of their messages"`
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
	Follow
}) (*struct{ Body Broadcast }, error) {
	read := func(ctx context.Context) (notify.BroadcastReport, error) { return s.seenBroadcast(ctx, in.ID) }
	r, err := follow(ctx, s, in.ID, in.wait(), read, func(r notify.BroadcastReport) bool { return r.Ended.IsZero() })
	if err != nil {
		return nil, err
	}
	return &struct{ Body Broadcast }{broadcastView(r)}, nil
}

// seenBroadcast reads a broadcast that the caller may see.
func (s *Server) seenBroadcast(ctx context.Context, id string) (notify.BroadcastReport, error) {
	r, err := s.o.Broadcasts.Get(ctx, id)
	if err != nil {
		return r, err
	}
	return r, sees(ctx, r.Domain, notify.ErrBroadcastNotFound)
}

func (s *Server) cancelBroadcast(ctx context.Context, in *ByID) (*struct{ Body Broadcast }, error) {
	if _, err := s.seenBroadcast(ctx, in.ID); err != nil {
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
	Next       string      `json:"next" doc:"pass it as after for the next page; empty on the last"`
}

func (s *Server) listBroadcasts(ctx context.Context, in *struct {
	Domain string `query:"domain" maxLength:"64"`
	After  string `query:"after" maxLength:"256" doc:"the id of a broadcast: those before it"`
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"20"`
}) (*struct{ Body BroadcastList }, error) {
	if _, err := s.inDomain(ctx, in.Domain); err != nil {
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
