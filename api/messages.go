package api

import (
	"context"
	"net/http"
	"time"

	"telegate/delivery"
	"telegate/notify"
)

// SendMessage is the body of POST /v1/messages: to a user, or to a handle.
type SendMessage struct {
	Domain    string `json:"domain,omitempty" maxLength:"64"`
	User      string `json:"user,omitempty" minLength:"1" maxLength:"256" pattern:"^[^\\x00-\\x1f\\x7f]*$" patternDescription:"text without control characters"`
	To        string `json:"to,omitempty" minLength:"1" maxLength:"256" doc:"instead of user: @handle, t.me/handle or a numeric chat id the bot has met"`
	Text      string `json:"text" minLength:"1" doc:"up to 100,000 UTF-16 units, within the 256 KiB of the body; long ones are split, or sent as a file with a preview"`
	Format    string `json:"format,omitempty" enum:"text,html" default:"text" doc:"html: Telegram's subset"`
	Lane      string `json:"lane,omitempty" enum:"code,direct,alert" default:"direct"`
	Purpose   string `json:"purpose,omitempty" enum:"login,link" doc:"of a code, in the code lane only"`
	TTL       int    `json:"ttl,omitempty" minimum:"10" maximum:"604800" doc:"seconds until it is not worth sending any more; at most 600 in the code lane"`
	Silent    bool   `json:"silent,omitempty" doc:"arrives without a sound"`
	DedupeKey string `json:"dedupe_key,omitempty" maxLength:"256" doc:"the same key to the same recipient within an hour is one message"`
}

// AcceptedMessage is the answer of POST /v1/messages: on disk and on its way.
type AcceptedMessage struct {
	ID           string `json:"id"`
	Status       string `json:"status" enum:"queued,sending,delivered,failed,expired,canceled,unknown"`
	Deduplicated bool   `json:"deduplicated,omitempty"`
}

func (s *Server) sendMessage(ctx context.Context, in *struct {
	Follow
	Body SendMessage
}) (*struct {
	Status   int
	Location string `header:"Location"`
	Body     AcceptedMessage
}, error) {
	b := in.Body
	domain, err := s.inDomain(ctx, b.Domain)
	if err != nil {
		return nil, err
	}
	switch {
	case b.User != "" && b.To != "":
		return nil, invalid("#/to", "user and to exclude each other; give one of them")
	case b.User == "" && b.To == "":
		return nil, invalid("#/user", "user or to is required")
	}
	id, err := s.derivedID(ctx, "msg", func(id string) (time.Time, error) {
		earlier, err := s.o.Messages.Get(ctx, id)
		return earlier.Created, err
	})
	if err != nil {
		return nil, err
	}
	a, err := s.o.Messages.Send(ctx, notify.Request{
		ID: id, Domain: b.Domain, User: b.User, To: b.To, Text: b.Text, HTML: b.Format == "html",
		Lane: delivery.Lane(b.Lane), Purpose: notify.Purpose(b.Purpose), TTL: time.Duration(b.TTL) * time.Second,
		Silent: b.Silent, DedupeKey: b.DedupeKey, Admin: caller(ctx).may(scopeAdmin),
	})
	if err != nil {
		return nil, withStartURL(err, domain)
	}
	m := a.Message
	if wait := in.wait(); wait > 0 {
		if m, err = s.followMessage(ctx, m.ID, wait); err != nil {
			return nil, err
		}
	}
	status := http.StatusAccepted
	if a.Deduplicated {
		status = http.StatusOK
	}
	return &struct {
		Status   int
		Location string `header:"Location"`
		Body     AcceptedMessage
	}{status, "/v1/messages/" + m.ID, AcceptedMessage{m.ID, string(m.Status), a.Deduplicated}}, nil
}

// Message is a message as callers see it; the text is not kept.
type Message struct {
	ID          string            `json:"id"`
	Domain      string            `json:"domain"`
	User        string            `json:"user,omitempty"`
	Lane        string            `json:"lane"`
	Status      string            `json:"status" enum:"queued,sending,delivered,failed,expired,canceled,unknown"`
	Transport   string            `json:"transport,omitempty" doc:"the way it took: bot"`
	Attempts    int               `json:"attempts"`
	Failure     *delivery.Failure `json:"failure"`
	CreatedAt   time.Time         `json:"created_at"`
	ExpiresAt   time.Time         `json:"expires_at"`
	DeliveredAt *time.Time        `json:"delivered_at"`
}

func (s *Server) getMessage(ctx context.Context, in *struct {
	ByID
	Follow
}) (*struct{ Body Message }, error) {
	m, err := s.followMessage(ctx, in.ID, in.wait())
	if err != nil {
		return nil, err
	}
	view := Message{
		ID: m.ID, Domain: m.Domain, User: m.User, Lane: string(m.Lane), Status: string(m.Status), Transport: m.Transport,
		Attempts: m.Attempts, CreatedAt: m.Created, ExpiresAt: m.Expires,
	}
	if m.Status.Final() {
		view.Failure = m.Failure
	}
	if m.Status == delivery.StatusDelivered {
		view.DeliveredAt = timeOrNil(m.Ended)
	}
	return &struct{ Body Message }{view}, nil
}

// followMessage reads a message that the caller may see, waiting for its end.
func (s *Server) followMessage(ctx context.Context, id string, wait time.Duration) (delivery.Message, error) {
	read := func(ctx context.Context) (delivery.Message, error) {
		m, err := s.o.Messages.Get(ctx, id)
		if err != nil {
			return m, err
		}
		return m, sees(ctx, m.Domain, notify.ErrNotFound)
	}
	return follow(ctx, s, id, wait, read, func(m delivery.Message) bool { return !m.Status.Final() })
}
