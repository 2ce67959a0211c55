package cli

import (
	"context"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"telegate/api"
	"telegate/delivery"
	"telegate/internal/exit"
)

// pageSize is the number of messages, users or sign-ins per call of the API.
const pageSize = 500

type messagesListCmd struct {
	gatewayFlags
	Domain    string   `placeholder:"ID" help:"The domain; empty for the default domain."`
	User      string   `placeholder:"USER" help:"Only messages to this user at the server."`
	Status    []string `placeholder:"STATUS" help:"Only messages with this status: queued, sending, delivered, failed, expired, canceled, unknown; dead means failed,expired,unknown."`
	Lane      string   `default:"" enum:",code,direct,alert,broadcast" placeholder:"LANE" help:"Only messages of this lane: code, direct, alert or broadcast."`
	Broadcast string   `placeholder:"ID" help:"Only messages of this broadcast."`
	Limit     int      `default:"50" help:"At most this many (default ${default})."`
	JSON      bool     `help:"Print JSON, one message per line."`
}

// Help implements kong.HelpProvider.
func (messagesListCmd) Help() string {
	return `It needs a key with the scope admin.

    telegate messages list --status dead
    telegate messages list --user alice --limit 10`
}

// Run lists messages, page by page.
func (c messagesListCmd) Run(ctx context.Context, env *Env) error {
	if c.Limit < 1 {
		return exit.Usagef("--limit must be 1 or more")
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	query := url.Values{"domain": {c.Domain}}
	setParam(query, "user", c.User)
	setParam(query, "status", strings.Join(c.Status, ","))
	setParam(query, "lane", c.Lane)
	setParam(query, "broadcast", c.Broadcast)
	list := newList(env.Stdout, c.JSON, "ACCEPTED", "ID", "USER", "LANE", "STATUS", "TRIES", "WHY, AND WHAT TO DO")
	for left := c.Limit; left > 0; {
		query.Set("limit", strconv.Itoa(min(left, pageSize)))
		var page api.MessageList
		if err := client.call(ctx, "GET", "/v1/messages?"+query.Encode(), nil, nil, &page); err != nil {
			return err
		}
		for _, m := range page.Messages {
			if err := list.add(m, LocalTime(m.CreatedAt), m.ID, m.User, laneLabel(m), m.Status, strconv.Itoa(m.Attempts), failureHint(m)); err != nil {
				return err
			}
		}
		left -= len(page.Messages)
		if page.Next == "" {
			break
		}
		query.Set("after", page.Next)
	}
	return list.flush()
}

// failureHint says why a message did not arrive and what to do. It is empty if the message has arrived or is still waiting.
func failureHint(m api.MessageSummary) string {
	var words []string
	if m.Failure != nil {
		words = append(words, string(m.Failure.Reason)+": "+m.Failure.Detail)
		if m.Failure.Reason == delivery.ReasonNeverStarted && m.User != "" {
			words = append(words, "To link the user: "+linkCommand(m.Domain, m.User)+".")
		}
	}
	switch {
	case m.ResentAs != "":
		words = append(words, "Sent again as "+m.ResentAs+".")
	case m.Resendable:
		words = append(words, "Then: telegate messages resend "+m.ID)
	}
	return strings.Join(words, " ")
}

type messagesShowCmd struct {
	gatewayFlags
	JSON bool   `help:"Print JSON."`
	ID   string `arg:"" help:"The message's id, msg_…"`
}

// Help implements kong.HelpProvider.
func (messagesShowCmd) Help() string {
	return `It shows when the message was accepted, each attempt to send it, and how it ended; never its text. It needs a key with the scope send.

    telegate messages show msg_...`
}

// Run shows one message.
func (c messagesShowCmd) Run(ctx context.Context, env *Env) error {
	var m api.Message
	if err := c.call(ctx, "GET", "/v1/messages/"+url.PathEscape(c.ID), nil, &m); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(env.Stdout, m)
	}
	fmt.Fprintf(env.Stdout, "%s to %s in the lane %s: %s\n", m.ID, recipient(m.MessageSummary), laneLabel(m.MessageSummary), m.Status)
	if m.Broadcast != "" {
		fmt.Fprintf(env.Stdout, "part of the broadcast %s\n", m.Broadcast)
	}
	if m.Request != "" {
		fmt.Fprintf(env.Stdout, "created by the request %s (request= in the log)\n", m.Request)
	}
	if m.ExpectedAt != nil {
		fmt.Fprintf(env.Stdout, "it must wait, and is sent at %s at the latest\n", LocalTime(*m.ExpectedAt))
	}
	fmt.Fprintln(env.Stdout)
	table := newTable(env.Stdout)
	table.row("TIME", "EVENT", "OUTCOME", "WHAT HAPPENED")
	for _, e := range m.History {
		table.row(LocalTime(e.Time), e.Event, outcome(e.Outcome, e.Reason), e.Detail)
	}
	if err := table.flush(); err != nil {
		return err
	}
	if m.Resendable {
		fmt.Fprintf(env.Stdout, "\nTo send it again: telegate messages resend %s\n", m.ID)
	}
	return nil
}

// laneLabel is the lane of a message, with a mark if it is about a link and is no code to sign in with.
func laneLabel(m api.MessageSummary) string {
	if m.AboutLink {
		return m.Lane + " (link)"
	}
	return m.Lane
}

func recipient(m api.MessageSummary) string {
	switch {
	case m.User == "":
		return "a handle"
	case m.Domain == "":
		return m.User
	default:
		return m.User + " of the domain " + m.Domain
	}
}

// outcome adds the reason of a failure to the outcome.
func outcome(outcome, reason string) string {
	if reason == "" || reason == outcome {
		return outcome
	}
	return outcome + " (" + reason + ")"
}

type messagesResendCmd struct {
	gatewayFlags
	Text   string        `placeholder:"TEXT" help:"Send this text instead; \"-\" reads it from standard input."`
	HTML   bool          `help:"The text is in Telegram's HTML."`
	TTL    time.Duration `placeholder:"SPAN" help:"Drop the message if it is not sent within this time, such as 1h (default: as before)."`
	NoWait bool          `help:"Return when the gateway has stored the message, without waiting for Telegram."`
	JSON   bool          `help:"Print JSON."`
	ID     string        `arg:"" help:"The id of the message that did not arrive, msg_…"`
}

// Help implements kong.HelpProvider.
func (messagesResendCmd) Help() string {
	return `It makes a new message to the chat that the user has now, and waits for it as telegate send does. The text of a message that
did not arrive is kept for 7 days. The key needs the scopes send and admin.

    telegate messages list --status dead
    telegate messages resend msg_...
    telegate messages resend msg_... --text "Maintenance moved to 21:00."`
}

// Run sends a dead letter again.
func (c messagesResendCmd) Run(ctx context.Context, env *Env) error {
	if c.HTML && c.Text == "" {
		return exit.Usagef("--html is about --text; give --text too")
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	body := api.ResendMessage{TTL: int(math.Ceil(c.TTL.Seconds()))}
	if c.Text != "" {
		if body.Text, err = textOrStdin(c.Text, env); err != nil {
			return err
		}
		if body.Text == "" {
			return exit.Usagef("standard input holds no text")
		}
	}
	if c.HTML {
		body.Format = "html"
	}
	var accepted api.AcceptedMessage
	if err := client.call(ctx, "POST", "/v1/messages/"+url.PathEscape(c.ID)+"/resend", nil, body, &accepted); err != nil {
		return err
	}
	return waitForOutcome(ctx, client, env, accepted, c.NoWait, c.JSON)
}

type messagesTraceCmd struct {
	gatewayFlags
	Domain string        `placeholder:"ID" help:"The domain; empty for the default domain."`
	Since  time.Duration `default:"24h" placeholder:"SPAN" help:"How far back to look (default ${default})."`
	JSON   bool          `help:"Print JSON."`
	User   string        `arg:"" help:"The user at the server, or a handle such as @alice."`
}

// Help implements kong.HelpProvider.
func (messagesTraceCmd) Help() string {
	return `It shows the state of the user's link and everything that happened in that time: links, codes, refused messages, and messages with
each attempt to send them. It needs a key with the scope admin.

    telegate messages trace alice --since 48h`
}

// Run traces a user.
func (c messagesTraceCmd) Run(ctx context.Context, env *Env) error {
	if c.Since <= 0 {
		return exit.Usagef("--since must be a span such as 24h")
	}
	query := url.Values{
		"domain": {c.Domain}, "user": {c.User}, "since": {time.Now().Add(-c.Since).UTC().Format(time.RFC3339)}, "limit": {strconv.Itoa(pageSize)},
	}
	var t api.Trace
	if err := c.call(ctx, "GET", "/v1/trace?"+query.Encode(), nil, &t); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(env.Stdout, t)
	}
	for _, line := range t.Summary {
		fmt.Fprintln(env.Stdout, line)
	}
	if !t.Messaging.Linked && !strings.HasPrefix(t.User, "@") {
		fmt.Fprintln(env.Stdout, "To link the user: "+linkCommand(t.Domain, t.User))
	}
	fmt.Fprintln(env.Stdout)
	if t.More {
		fmt.Fprintf(env.Stdout, "(only the newest %d events; to see all events of a shorter time, use --since)\n", len(t.Events))
	}
	table := newTable(env.Stdout)
	table.row("TIME", "EVENT", "ID", "OUTCOME", "WHAT HAPPENED")
	for _, e := range t.Events {
		table.row(LocalTime(e.Time), e.Event, e.ID, e.Outcome, e.Detail)
	}
	return table.flush()
}

// setParam sets a parameter, unless the value is empty.
func setParam(query url.Values, name, value string) {
	if value != "" {
		query.Set(name, value)
	}
}
