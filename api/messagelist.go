package api

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"telegate/delivery"
	"telegate/notify"
)

// MessageList is a page of messages, the newest first.
type MessageList struct {
	Messages []MessageSummary `json:"messages"`
	Next     string           `json:"next" doc:"pass this as after to get the next page; empty on the last page"`
}

func (s *Server) listMessages(ctx context.Context, in *struct {
	Domain    string `query:"domain" maxLength:"64" doc:"absent: the default domain"`
	User      string `query:"user" maxLength:"256" doc:"only messages to this user"`
	Status    string `query:"status" maxLength:"64" doc:"comma-separated list of queued, sending (here the same as queued), delivered, failed, expired, canceled, unknown, and dead (failed, expired or unknown)"`
	Lane      string `query:"lane" enum:"code,direct,alert,broadcast"`
	Broadcast string `query:"broadcast" maxLength:"64" doc:"only messages of this broadcast"`
	After     string `query:"after" maxLength:"64" doc:"next of the previous page"`
	Limit     int    `query:"limit" minimum:"1" maximum:"500" default:"100"`
}) (*struct{ Body MessageList }, error) {
	if _, err := s.authorizeDomain(ctx, in.Domain); err != nil {
		return nil, err
	}
	q := notify.Query{Domain: in.Domain, User: in.User, Broadcast: in.Broadcast, After: in.After, Limit: in.Limit + 1}
	if in.Status != "" {
		for word := range strings.SplitSeq(in.Status, ",") {
			statuses, ok := notify.StatusesOf(word)
			if !ok {
				return nil, invalidField("query/status", "must be a list with commas of queued, sending, delivered, failed, expired, canceled, unknown, dead")
			}
			q.Statuses = append(q.Statuses, statuses...)
		}
		slices.Sort(q.Statuses)
		q.Statuses = slices.Compact(q.Statuses)
	}
	if in.Lane != "" {
		q.Lanes = []delivery.Lane{delivery.Lane(in.Lane)}
	}
	messages, err := s.o.Messages.List(ctx, q)
	if errors.Is(err, notify.ErrNotFound) {
		return nil, invalidField("query/after", "is not the next of a page of this domain, or that message is not kept any more; begin without it")
	}
	if err != nil {
		return nil, err
	}
	list := MessageList{Messages: []MessageSummary{}}
	if len(messages) > in.Limit {
		messages = messages[:in.Limit]
		list.Next = messages[in.Limit-1].ID
	}
	for _, m := range messages {
		list.Messages = append(list.Messages, summaryOf(m))
	}
	return &struct{ Body MessageList }{list}, nil
}

// ResendMessage is the body of POST /v1/messages/{id}/resend. {} resends the message unchanged.
type ResendMessage struct {
	Text   string `json:"text,omitempty" minLength:"1" doc:"replaces the original text"`
	Format string `json:"format,omitempty" enum:"text,html" doc:"format of text; html: the tags that Telegram supports"`
	TTL    int    `json:"ttl,omitempty" minimum:"10" maximum:"604800" doc:"seconds; absent: as in the original"`
	Silent *bool  `json:"silent,omitempty" doc:"absent: as in the original"`
}

func (s *Server) resendMessage(ctx context.Context, in *struct {
	ByID
	PreferWait
	Body ResendMessage
}) (*accepted, error) {
	dead, err := s.waitForMessage(ctx, in.ID, 0)
	if err != nil {
		return nil, err
	}
	b := in.Body
	if b.Format != "" && b.Text == "" {
		return nil, invalidField("#/format", "says how text is written; give the text too")
	}
	id, err := s.messageID(ctx)
	if err != nil {
		return nil, err
	}
	a, err := s.o.Messages.Resend(ctx, notify.Resend{
		ID: in.ID, NewID: id, Text: b.Text, HTML: b.Format == "html", TTL: time.Duration(b.TTL) * time.Second, Silent: b.Silent,
	})
	if err != nil {
		domain, _ := s.o.Domains.Domain(dead.Domain)
		return nil, withStartURL(err, domain)
	}
	return s.acceptedResponse(ctx, a, in.wait())
}
