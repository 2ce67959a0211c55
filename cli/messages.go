package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"telegate/api"
	"telegate/internal/exit"
)

// listPage is how many messages, users or sign-ins one call of the API is asked for at a time.
const pageSize = 500

type messagesListCmd struct {
	gatewayFlags
	Domain    string   `placeholder:"ID" help:"The domain; empty for the default domain."`
	User      string   `placeholder:"USER" help:"Only messages to this user at the server."`
	Status    []string `placeholder:"STATUS" help:"Only these: queued, sending, delivered, failed, expired, canceled, unknown; dead for failed,expired,unknown."`
	Lane      string   `default:"" enum:",code,direct,alert,broadcast" placeholder:"LANE" help:"Only messages of this lane: code, direct, alert or broadcast."`
	Broadcast string   `placeholder:"ID" help:"Only messages of this broadcast."`
	Limit     int      `default:"50" help:"How many at most (default ${default})."`
	JSON      bool     `help:"Print JSON, one message a line."`
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
		return exit.AsUsage(errors.New("--limit must be 1 or more"))
	}
	client, err := newAPIClient(c.gatewayFlags)
	if err != nil {
		return exit.AsUsage(err)
	}
	query := url.Values{"domain": {c.Domain}}
	setParam(query, "user", c.User)
	setParam(query, "status", strings.Join(c.Status, ","))
	setParam(query, "lane", c.Lane)
	setParam(query, "broadcast", c.Broadcast)
	table := newTable(env.Stdout)
	if !c.JSON {
		table.row("ACCEPTED", "ID", "USER", "LANE", "STATUS", "TRIES", "WHY, AND WHAT TO DO")
	}
	for left := c.Limit; left > 0; {
		query.Set("limit", strconv.Itoa(min(left, pageSize)))
		var page api.MessageList
		if err := client.call(ctx, "GET", "/v1/messages?"+query.Encode(), nil, nil, &page); err != nil {
			return err
		}
		for _, m := range page.Messages {
			if c.JSON {
				if err := json.NewEncoder(env.Stdout).Encode(m); err != nil {
					return err
				}
				continue
			}
			table.row(LocalTime(m.CreatedAt), m.ID, m.User, m.Lane, m.Status, strconv.Itoa(m.Attempts), failureHint(m))
		}
		left -= len(page.Messages)
		if page.Next == "" {
			break
		}
		query.Set("after", page.Next)
	}
	return table.flush()
}

// fate is why a message did not arrive and what to do about it; empty for one that has arrived or is on its way.
func failureHint(m api.MessageSummary) string {
	var words []string
	if m.Failure != nil {
		words = append(words, string(m.Failure.Reason)+": "+m.Failure.Detail)
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
	return `It shows when it was accepted, each attempt to send it, and how it ended; never its text. It needs a key with the scope send.

    telegate messages show msg_...`
}

// Run shows one message.
func (c messagesShowCmd) Run(ctx context.Context, env *Env) error {
	client, err := newAPIClient(c.gatewayFlags)
	if err != nil {
		return exit.AsUsage(err)
	}
	var m api.Message
	if err := client.call(ctx, "GET", "/v1/messages/"+url.PathEscape(c.ID), nil, nil, &m); err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(env.Stdout).Encode(m)
	}
	fmt.Fprintf(env.Stdout, "%s to %s in the lane %s: %s\n", m.ID, recipient(m.MessageSummary), m.Lane, m.Status)
	if m.Broadcast != "" {
		fmt.Fprintf(env.Stdout, "part of the broadcast %s\n", m.Broadcast)
	}
	if m.Request != "" {
		fmt.Fprintf(env.Stdout, "made by the request %s, as the log calls it\n", m.Request)
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

// outcome shows the reason of a failure beside the outcome.
func outcome(outcome, reason string) string {
	if reason == "" || reason == outcome {
		return outcome
	}
	return outcome + " (" + reason + ")"
}

type messagesResendCmd struct {
	gatewayFlags
	Text   string        `placeholder:"TEXT" help:"Send this in its place; \"-\" reads it from standard input."`
	HTML   bool          `help:"The text is in Telegram's HTML."`
	TTL    time.Duration `placeholder:"SPAN" help:"How long it is worth sending, such as 1h (default: as long as it had)."`
	NoWait bool          `help:"Return once the gateway has it on disk, instead of waiting for Telegram to take it."`
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
		return exit.AsUsage(errors.New("--html says how --text is written; give --text too"))
	}
	client, err := newAPIClient(c.gatewayFlags)
	if err != nil {
		return exit.AsUsage(err)
	}
	body := api.ResendMessage{TTL: int(math.Ceil(c.TTL.Seconds()))}
	if c.Text != "" {
		if body.Text, err = textOrStdin(c.Text, env); err != nil {
			return err
		}
		if body.Text == "" {
			return exit.AsUsage(errors.New("standard input holds no text"))
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
	Since  time.Duration `default:"24h" placeholder:"SPAN" help:"How far back (default ${default})."`
	JSON   bool          `help:"Print JSON."`
	User   string        `arg:"" help:"The user at the server, or a handle such as @alice for messages that were refused."`
}

// Help implements kong.HelpProvider.
func (messagesTraceCmd) Help() string {
	return `It tells how the user's link stands, and everything that has happened since then: links, codes, messages that were refused,
and messages with each attempt to send them. It needs a key with the scope admin.

    telegate messages trace alice --since 48h`
}

// Run traces a user.
func (c messagesTraceCmd) Run(ctx context.Context, env *Env) error {
	if c.Since <= 0 {
		return exit.AsUsage(errors.New("--since must be a span such as 24h"))
	}
	client, err := newAPIClient(c.gatewayFlags)
	if err != nil {
		return exit.AsUsage(err)
	}
	query := url.Values{
		"domain": {c.Domain}, "user": {c.User}, "since": {time.Now().Add(-c.Since).UTC().Format(time.RFC3339)}, "limit": {strconv.Itoa(pageSize)},
	}
	var t api.Trace
	if err := client.call(ctx, "GET", "/v1/trace?"+query.Encode(), nil, nil, &t); err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(env.Stdout).Encode(t)
	}
	for _, line := range t.Summary {
		fmt.Fprintln(env.Stdout, line)
	}
	fmt.Fprintln(env.Stdout)
	if t.More {
		fmt.Fprintf(env.Stdout, "(only the newest %d events; --since with a shorter span shows all of it)\n", len(t.Events))
	}
	table := newTable(env.Stdout)
	table.row("TIME", "EVENT", "ID", "OUTCOME", "WHAT HAPPENED")
	for _, e := range t.Events {
		table.row(LocalTime(e.Time), e.Event, e.ID, e.Outcome, e.Detail)
	}
	return table.flush()
}

// set adds a parameter that has a value.
func setParam(query url.Values, name, value string) {
	if value != "" {
		query.Set(name, value)
	}
}
