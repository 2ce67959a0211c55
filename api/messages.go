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
	User      string `json:"user,omitempty" minLength:"1" maxLength:"256" pattern:"^[^\\x00-\\x1f\\x7f]*$" patternDescription:"text without control characters" doc:"whom to write to; or, of a code beside to, the user who asked for it: each user has a share of the codes that a chat gets"`
	To        string `json:"to,omitempty" minLength:"1" maxLength:"256" doc:"instead of user: @handle, t.me/handle or a numeric chat id that the bot knows"`
	Text      string `json:"text" minLength:"1" doc:"up to 100,000 UTF-16 units (the body may have 256 KiB); a long text is split, or sent as a file with a preview"`
	Format    string `json:"format,omitempty" enum:"text,html" default:"text" doc:"html: the tags that Telegram supports"`
	Lane      string `json:"lane,omitempty" enum:"code,direct,alert" default:"direct"`
	Purpose   string `json:"purpose,omitempty" enum:"login,link" doc:"purpose of a code; only with lane code"`
	TTL       int    `json:"ttl,omitempty" minimum:"10" maximum:"604800" doc:"seconds; a message not sent by then expires; at most 600 with lane code"`
	Silent    bool   `json:"silent,omitempty" doc:"no notification sound"`
	DedupeKey string `json:"dedupe_key,omitempty" maxLength:"256" doc:"messages of one API key with the same key to the same recipient within an hour are sent once"`
}

// AcceptedMessage is the answer of POST /v1/messages: the message is stored and queued.
type AcceptedMessage struct {
	ID           string `json:"id"`
	Status       string `json:"status" enum:"queued,sending,delivered,failed,expired,canceled,unknown"`
	Deduplicated bool   `json:"deduplicated,omitempty"`
	Suppressed   int    `json:"suppressed,omitempty" doc:"with deduplicated: number of repeats not sent so far, including this one"`
}

// accepted is the answer to a message that was sent or resent.
type accepted = struct {
	Status   int
	Location string `header:"Location"`
	Body     AcceptedMessage
}

func (s *Server) sendMessage(ctx context.Context, in *struct {
	PreferWait
	Body SendMessage
}) (*accepted, error) {
	b := in.Body
	domain, err := s.authorizeDomain(ctx, b.Domain)
	if err != nil {
		return nil, err
	}
	switch {
	case b.User != "" && b.To != "" && b.Lane != string(delivery.LaneCode):
		return nil, invalidField("#/to", "user and to exclude each other, except of a code; give one of them")
	case b.User == "" && b.To == "":
		return nil, invalidField("#/user", "user or to is required")
	}
	user, askedFor := b.User, ""
	if b.To != "" {
		user, askedFor = "", b.User
	}
	id, err := s.messageID(ctx)
	if err != nil {
		return nil, err
	}
	a, err := s.o.Messages.Send(ctx, notify.Request{
		ID: id, Domain: b.Domain, User: user, To: b.To, AskedFor: askedFor, Text: b.Text, HTML: b.Format == "html",
		Lane: delivery.Lane(b.Lane), Purpose: notify.Purpose(b.Purpose), TTL: time.Duration(b.TTL) * time.Second,
		Silent: b.Silent, DedupeKey: b.DedupeKey, Caller: caller(ctx).Name,
		Invite: caller(ctx).hasScope(scopeInvite), Admin: caller(ctx).hasScope(scopeAdmin),
	})
	if err != nil {
		return nil, withStartURL(err, domain)
	}
	return s.acceptedResponse(ctx, a, in.wait())
}

// acceptedResponse waits until the message has ended, if the caller asked for that, and builds the answer.
func (s *Server) acceptedResponse(ctx context.Context, a notify.Accepted, wait time.Duration) (*accepted, error) {
	m := a.Message
	s.o.Logger.DebugContext(ctx, "message accepted", "request", requestID(ctx), "message", m.ID, "lane", m.Lane, "deduplicated", a.Deduplicated)
	if wait > 0 {
		var err error
		if m, err = s.waitForMessage(ctx, m.ID, wait); err != nil {
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
	User       string            `json:"user,omitempty" doc:"absent if it was sent to a handle"`
	Lane       string            `json:"lane" enum:"code,direct,alert,broadcast"`
	AboutLink  bool              `json:"about_link,omitempty" doc:"in the lane code: a question or code about a link, and no code to sign in with"`
	Status     string            `json:"status" enum:"queued,sending,delivered,failed,expired,canceled,unknown"`
	Failure    *delivery.Failure `json:"failure"`
	Attempts   int               `json:"attempts" doc:"attempts to send, over all parts"`
	CreatedAt  time.Time         `json:"created_at"`
	EndedAt    *time.Time        `json:"ended_at"`
	Suppressed int               `json:"suppressed" doc:"number of repeats of its dedupe_key that were not sent"`
	ResentAs   string            `json:"resent_as,omitempty" doc:"the id of the message that was sent in its place"`
	Broadcast  string            `json:"broadcast,omitempty" doc:"the broadcast it is part of"`
	Resendable bool              `json:"resendable" doc:"it did not arrive and can be sent again"`
}

func summaryOf(m delivery.Message) MessageSummary {
	v := MessageSummary{
		ID: m.ID, Domain: m.Domain, User: m.User, Lane: string(m.Lane), AboutLink: m.AboutLink(), Status: string(m.Status), Attempts: m.Attempts,
		CreatedAt: m.Created, EndedAt: timeOrNil(m.Ended), Suppressed: m.Suppressed, ResentAs: m.ResentAs, Broadcast: m.Broadcast,
		Resendable: m.Resendable(),
	}
	if m.Status.Final() {
		v.Failure = m.Failure
	}
	return v
}

// messageID is the id of a message created by a request with an Idempotency-Key; empty without a key.
func (s *Server) messageID(ctx context.Context) (string, error) {
	return s.derivedID(ctx, "msg", func(id string) (time.Time, error) {
		m, err := s.o.Messages.Get(ctx, id)
		return m.Created, err
	})
}

// Message is a message with its whole history. Its text is never shown.
type Message struct {
	MessageSummary
	Transport   string         `json:"transport,omitempty" doc:"how it was sent: bot, bot-mtproto or user"`
	Request     string         `json:"request,omitempty" doc:"the X-Request-Id of the request that created it, as in the log"`
	ExpiresAt   time.Time      `json:"expires_at"`
	DeliveredAt *time.Time     `json:"delivered_at"`
	History     []MessageEvent `json:"history" doc:"what happened, oldest first"`
	Expected
}

// MessageEvent is one step in the history of a message.
type MessageEvent struct {
	Time      time.Time `json:"time"`
	Event     string    `json:"event" enum:"accepted,suppressed,attempt,ended"`
	Detail    string    `json:"detail" doc:"a sentence for people, with the next step if there is one"`
	N         int       `json:"n,omitempty" doc:"attempt: its number, from 1"`
	Part      int       `json:"part,omitempty" doc:"attempt: which part of the message, from 1"`
	Transport string    `json:"transport,omitempty" doc:"attempt: how it was sent"`
	TookMS    *int64    `json:"took_ms,omitempty" doc:"attempt: milliseconds until the answer"`
	Outcome   string    `json:"outcome,omitempty" doc:"attempt: accepted, unknown, or the class of the error: transient, flood, unauthorized, recipient, message, markup, migrated; ended: the status"`
	Reason    string    `json:"reason,omitempty" doc:"as in failure"`
	Repeats   int       `json:"repeats,omitempty" doc:"suppressed: number of repeats"`
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
	PreferWait
}) (*struct{ Body Message }, error) {
	if _, err := s.waitForMessage(ctx, in.ID, in.wait()); err != nil {
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
	if !m.Status.Final() {
		view.Expected = s.expected(ctx, delivery.Waiting{MessageID: m.ID})
	}
	if m.Status == delivery.StatusDelivered {
		view.DeliveredAt = timeOrNil(m.Ended)
	}
	return &struct{ Body Message }{view}, nil
}

// waitForMessage reads a message that the caller may see, and waits until it has ended.
func (s *Server) waitForMessage(ctx context.Context, id string, wait time.Duration) (delivery.Message, error) {
	read := func(ctx context.Context) (delivery.Message, error) {
		m, err := s.o.Messages.Get(ctx, id)
		if err != nil {
			return m, err
		}
		return m, requireVisible(ctx, m.Domain, notify.ErrNotFound)
	}
	return waitWhile(ctx, s, id, wait, read, func(m delivery.Message) bool { return !m.Status.Final() })
}
