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
	Suppressed   int    `json:"suppressed,omitempty" doc:"with deduplicated: how many repeats were not sent so far, this one included"`
}

// accepted is the answer to whoever has sent a message, or sent one again.
type accepted = struct {
	Status   int
	Location string `header:"Location"`
	Body     AcceptedMessage
}

func (s *Server) sendMessage(ctx context.Context, in *struct {
	Follow
	Body SendMessage
}) (*accepted, error) {
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
	id, err := s.messageID(ctx)
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
	return s.answerAccepted(ctx, a, in.wait())
}

// answerAccepted waits for the end of a message, where the caller wants that, and says what became of it.
func (s *Server) answerAccepted(ctx context.Context, a notify.Accepted, wait time.Duration) (*accepted, error) {
	m := a.Message
	s.o.Logger.DebugContext(ctx, "message accepted", "request", requestID(ctx), "message", m.ID, "lane", m.Lane, "deduplicated", a.Deduplicated)
	if wait > 0 {
		var err error
		if m, err = s.followMessage(ctx, m.ID, wait); err != nil {
			return nil, err
		}
	}
	out := &accepted{Status: http.StatusAccepted, Location: "/v1/messages/" + m.ID, Body: AcceptedMessage{ID: m.ID, Status: string(m.Status)}}
	if a.Deduplicated {
		out.Status, out.Body.Deduplicated, out.Body.Suppressed = http.StatusOK, true, a.Message.Suppressed
	}
	return out, nil
}

// MessageSummary is a message in a list.
type MessageSummary struct {
	ID         string            `json:"id"`
	Domain     string            `json:"domain"`
	User       string            `json:"user,omitempty" doc:"absent where it went to a handle"`
	Lane       string            `json:"lane" enum:"code,direct,alert,broadcast"`
	Status     string            `json:"status" enum:"queued,sending,delivered,failed,expired,canceled,unknown"`
	Failure    *delivery.Failure `json:"failure"`
	Attempts   int               `json:"attempts" doc:"sends tried, over all parts"`
	CreatedAt  time.Time         `json:"created_at"`
	EndedAt    *time.Time        `json:"ended_at"`
	Suppressed int               `json:"suppressed" doc:"repeats of its dedupe_key that were not sent"`
	ResentAs   string            `json:"resent_as,omitempty" doc:"the message that was sent in its place"`
	Broadcast  string            `json:"broadcast,omitempty" doc:"the broadcast it is part of"`
	Resendable bool              `json:"resendable" doc:"it has not arrived, and can be sent again"`
}

func summaryOf(m delivery.Message) MessageSummary {
	v := MessageSummary{
		ID: m.ID, Domain: m.Domain, User: m.User, Lane: string(m.Lane), Status: string(m.Status), Attempts: m.Attempts,
		CreatedAt: m.Created, EndedAt: timeOrNil(m.Ended), Suppressed: m.Suppressed, ResentAs: m.ResentAs, Broadcast: m.Broadcast,
		Resendable: m.Resendable(),
	}
	if m.Status.Final() {
		v.Failure = m.Failure
	}
	return v
}

// messageID is the id for a message that is made by a request with an Idempotency-Key; empty without one.
func (s *Server) messageID(ctx context.Context) (string, error) {
	return s.derivedID(ctx, "msg", func(id string) (time.Time, error) {
		m, err := s.o.Messages.Get(ctx, id)
		return m.Created, err
	})
}

// Message is a message as callers see it, with all that has happened to it. Its text is never shown.
type Message struct {
	MessageSummary
	Transport   string         `json:"transport,omitempty" doc:"the way it took: bot, bot-mtproto or user"`
	Request     string         `json:"request,omitempty" doc:"the request that made it: its X-Request-Id, and what the log calls it"`
	ExpiresAt   time.Time      `json:"expires_at"`
	DeliveredAt *time.Time     `json:"delivered_at"`
	History     []MessageEvent `json:"history" doc:"from acceptance to the end, in order"`
}

// MessageEvent is one thing that has happened to a message.
type MessageEvent struct {
	Time      time.Time `json:"time"`
	Event     string    `json:"event" enum:"accepted,suppressed,attempt,ended"`
	Detail    string    `json:"detail" doc:"a sentence for people, with the next step where there is one"`
	N         int       `json:"n,omitempty" doc:"of an attempt: the how manieth, from 1"`
	Part      int       `json:"part,omitempty" doc:"of an attempt: which part of the message, from 1"`
	Transport string    `json:"transport,omitempty" doc:"of an attempt"`
	TookMS    *int64    `json:"took_ms,omitempty" doc:"of an attempt: milliseconds to the answer"`
	Outcome   string    `json:"outcome,omitempty" doc:"of an attempt: accepted, unknown, or the class of the error: transient, flood, unauthorized, recipient, message, markup, migrated; of the end: the status"`
	Reason    string    `json:"reason,omitempty" doc:"as in failure"`
	Repeats   int       `json:"repeats,omitempty" doc:"of suppressed: how many"`
}

func eventOf(m notify.HistoryEntry) MessageEvent {
	v := MessageEvent{Time: m.Time, Event: string(m.Step), Detail: m.Detail, Reason: string(m.Reason), Repeats: m.Repeats}
	switch m.Step {
	case notify.StepAttempt:
		took := m.Attempt.Took.Milliseconds()
		v.N, v.Part, v.Transport, v.TookMS, v.Outcome = m.Attempt.N, m.Attempt.Part+1, m.Attempt.Transport, &took, m.Attempt.Outcome
	case notify.StepEnded:
		v.Outcome = string(m.Status)
	}
	return v
}

func (s *Server) getMessage(ctx context.Context, in *struct {
	ByID
	Follow
}) (*struct{ Body Message }, error) {
	if _, err := s.followMessage(ctx, in.ID, in.wait()); err != nil {
		return nil, err
	}
	m, moments, err := s.o.Messages.History(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	view := Message{
		MessageSummary: summaryOf(m), Transport: m.Transport, Request: m.Request, ExpiresAt: m.Expires, History: make([]MessageEvent, len(moments)),
	}
	for i, moment := range moments {
		view.History[i] = eventOf(moment)
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
