package api

import (
	"context"
	"fmt"
	"strings"
	"time"

	"telegate/delivery"
	"telegate/notify"
	"telegate/twofa"
)

const traceWindow = 24 * time.Hour // default length of a trace

// Trace shows why a user did or did not get something.
type Trace struct {
	Domain     string       `json:"domain"`
	User       string       `json:"user"`
	Summary    []string     `json:"summary" doc:"the current state, in sentences"`
	Messaging  Messaging    `json:"messaging" doc:"as in GET /v1/messaging"`
	MutedUntil *time.Time   `json:"muted_until" doc:"null if the chat is not muted"`
	Since      time.Time    `json:"since"`
	Until      time.Time    `json:"until"`
	Events     []TraceEvent `json:"events" doc:"what happened, oldest first"`
	More       bool         `json:"more" doc:"older events were left out; to get them, set until to the time of the first event"`
}

// TraceEvent is one event of a trace.
type TraceEvent struct {
	Time    time.Time `json:"time"`
	Event   string    `json:"event" doc:"link.…, verification.…, factor.throttled, message.refused, message.resent, message.by_hand, message.accepted, message.attempt, message.suppressed, message.ended"`
	ID      string    `json:"id,omitempty" doc:"id of the message, link or verification"`
	Lane    string    `json:"lane,omitempty" doc:"lane of the message"`
	Outcome string    `json:"outcome,omitempty"`
	Detail  string    `json:"detail" doc:"a sentence for people"`
}

func (s *Server) getTrace(ctx context.Context, in *struct {
	UserRef
	Since time.Time `query:"since" doc:"absent: a day before until"`
	Until time.Time `query:"until" doc:"absent: now"`
	Limit int       `query:"limit" minimum:"1" maximum:"500" default:"200" doc:"number of events; the newest are returned"`
}) (*struct{ Body Trace }, error) {
	if _, err := s.authorizeDomain(ctx, in.Domain); err != nil {
		return nil, err
	}
	until := in.Until
	if until.IsZero() {
		until = s.o.Now()
	}
	since := in.Since
	if since.IsZero() {
		since = until.Add(-traceWindow)
	}
	if !since.Before(until) {
		return nil, invalidField("query/since", "must be before until")
	}
	q := notify.TraceQuery{Domain: in.Domain, User: in.User, Since: since, Until: until, Limit: in.Limit}
	whose, isHandle := in.User, strings.HasPrefix(in.User, "@")
	if name, err := delivery.Username(in.User); isHandle && err == nil {
		q.User = "@" + strings.ToLower(name)
		if q.Holders, err = s.o.Links.Holders(ctx, in.Domain, name); err != nil {
			return nil, err
		}
		if len(q.Holders) > 0 {
			whose = q.Holders[0]
		}
	}
	m, err := s.messaging(ctx, in.Domain, whose)
	if err != nil {
		return nil, err
	}
	t, err := s.o.Messages.Trace(ctx, q)
	if err != nil {
		return nil, err
	}
	view := Trace{
		Domain: in.Domain, User: in.User, Messaging: m, MutedUntil: timeOrNil(t.MutedUntil), Since: since.UTC(), Until: until.UTC(),
		Events: make([]TraceEvent, len(t.Events)), More: t.More,
	}
	for i, e := range t.Events {
		view.Events[i] = TraceEvent{e.Time, e.Event, e.ID, string(e.Lane), e.Outcome, e.Detail}
	}
	switch {
	case len(q.Holders) > 0:
		view.Summary = append([]string{notify.HolderSentence(q)}, stateSentences(m, t.MutedUntil)...)
	case isHandle:
		view.Summary = []string{notify.HolderSentence(q)}
	default:
		view.Summary = stateSentences(m, t.MutedUntil)
	}
	view.Summary = append(view.Summary, t.Last())
	return &struct{ Body Trace }{view}, nil
}

// reasonTexts say why Telegram cannot be used, and what to do.
var reasonTexts = map[twofa.Reason]string{
	twofa.ReasonDisabled:      "msg2factor is off in this domain, so no sign-in codes are sent.",
	twofa.ReasonNotLinked:     "The user has no linked chat, so nothing can be sent until the user links one.",
	twofa.ReasonSuspended:     "The link is suspended after too many wrong codes, so no sign-in codes are sent; messages are. The user must link again.",
	twofa.ReasonBlocked:       "The person has blocked the bot. They must open the bot in Telegram and press Unblock or Start.",
	twofa.ReasonCoolingOff:    "The person tapped Not me, so no sign-in codes are sent for up to 20 minutes; messages are.",
	twofa.ReasonTransportDown: "Telegram cannot be reached right now; messages wait in the queue. telegate status says what is wrong.",
}

// stateSentences describe the current state of a user.
func stateSentences(m Messaging, mutedUntil time.Time) []string {
	var list []string
	if m.Linked {
		who := m.Link.Name
		if m.Link.Handle != "" {
			who += " (" + m.Link.Handle + ")"
		}
		list = append(list, fmt.Sprintf("The user is linked to the chat of %s.", who))
	}
	for _, r := range m.Reasons {
		list = append(list, reasonTexts[twofa.Reason(r)])
	}
	if m.Invitation != nil {
		list = append(list, fmt.Sprintf("%s has been invited and has not proven to be the user yet.", m.Invitation.Handle))
	}
	if m.ExpectedAt != nil {
		list = append(list, fmt.Sprintf("A code that is asked for now must wait: it is sent at %s at the latest.", m.ExpectedAt.Format(time.RFC3339)))
	}
	if !mutedUntil.IsZero() {
		list = append(list, "The person has muted messages until "+mutedUntil.UTC().Format(time.RFC3339)+
			"; /unmute in the chat ends that. Sign-in codes still arrive.")
	}
	return list
}
