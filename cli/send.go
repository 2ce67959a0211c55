package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"telegate/api"
	"telegate/delivery"
	"telegate/internal/exit"
)

type sendCmd struct {
	gatewayFlags
	Domain string        `placeholder:"ID" help:"The domain; empty for the default domain."`
	User   string        `xor:"to" placeholder:"USER" help:"The user at the server."`
	To     string        `xor:"to" placeholder:"HANDLE" help:"Instead of a user: a Telegram username such as @alice."`
	Lane   string        `default:"direct" enum:"direct,alert" help:"direct or alert (default ${default})."`
	HTML   bool          `help:"The text is in Telegram's HTML."`
	Silent bool          `help:"Send it without a sound."`
	TTL    time.Duration `placeholder:"SPAN" help:"Drop the message if it is not sent within this time, such as 1h (default 24h)."`
	NoWait bool          `help:"Return when the gateway has stored the message, without waiting for Telegram."`
	JSON   bool          `help:"Print JSON."`
	Text   []string      `arg:"" help:"The text; \"-\" reads it from standard input."`
}

// sendWait is how long to wait until Telegram accepts a message. One call of the API waits 25 s at most.
const sendWait = time.Minute

// Help implements kong.HelpProvider.
func (sendCmd) Help() string {
	return `It waits up to a minute until Telegram accepts the message. The exit status is 1 if the message cannot arrive.

    export TELEGATE_KEY=tgk_...
    telegate send --user alice "The backup is done."
    df -h | telegate send --user alice --lane alert -`
}

// Run sends a message and prints its outcome.
func (c sendCmd) Run(ctx context.Context, env *Env) error {
	if c.User == "" && c.To == "" {
		return exit.Usagef("name the recipient: --user NAME, or --to @handle")
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	text, err := textOrStdin(strings.Join(c.Text, " "), env)
	if err != nil {
		return err
	}
	body := api.SendMessage{
		Domain: c.Domain, User: c.User, To: c.To, Text: text, Lane: c.Lane, Silent: c.Silent, TTL: int(math.Ceil(c.TTL.Seconds())),
	}
	if c.HTML {
		body.Format = "html"
	}
	var accepted api.AcceptedMessage
	if err := client.call(ctx, "POST", "/v1/messages", nil, body, &accepted); err != nil {
		return withLinkCommand(err, c.Domain, c.User)
	}
	return waitForOutcome(ctx, client, env, accepted, c.NoWait, c.JSON)
}

// waitForOutcome waits until Telegram has accepted a message, for a minute at most, and prints the outcome. The error says why the message
// cannot arrive.
func waitForOutcome(ctx context.Context, client *apiClient, env *Env, accepted api.AcceptedMessage, noWait, asJSON bool) error {
	m := api.Message{MessageSummary: api.MessageSummary{ID: accepted.ID, Status: accepted.Status}}
	deadline := time.Now().Add(sendWait)
	for ask := !noWait || !pending(m); ask; ask = pending(m) && time.Now().Before(deadline) {
		if err := client.call(ctx, "GET", "/v1/messages/"+m.ID, map[string]string{"Prefer": "wait=20"}, nil, &m); err != nil {
			return err
		}
	}
	var err error
	if asJSON {
		err = printJSON(env.Stdout, m)
	} else {
		_, err = fmt.Fprintf(env.Stdout, "%s %s\n", m.ID, m.Status)
	}
	switch {
	case err != nil:
		return err
	case m.Status == string(delivery.StatusUnknown) && m.Failure != nil: // it may have arrived
		return errors.New(m.Failure.Detail)
	case m.Failure != nil:
		return fmt.Errorf("the message did not arrive (%s): %s", m.Failure.Reason, m.Failure.Detail)
	case m.Status != string(delivery.StatusDelivered) && !pending(m):
		return fmt.Errorf("the message did not arrive: it is %s", m.Status)
	}
	return nil
}

// textOrStdin is the text, or all of standard input if the text is "-".
func textOrStdin(text string, env *Env) (string, error) {
	if text != "-" {
		return text, nil
	}
	read, err := io.ReadAll(io.LimitReader(env.Stdin, 1<<20)) // more than the API accepts
	if err != nil {
		return "", fmt.Errorf("read standard input: %w", err)
	}
	text, err = utf8Text("the text on standard input", read)
	return strings.TrimRight(text, "\n"), err
}

// pending reports whether a message has no outcome yet.
func pending(m api.Message) bool { return !delivery.Status(m.Status).Final() }
