package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"telegate/api"
)

// gatewayFlags say which running gateway to talk to.
type gatewayFlags struct {
	API string `default:"http://127.0.0.1:8080" env:"TELEGATE_API" placeholder:"URL" help:"The gateway: a URL, or unix:/path (default ${default})."`
	Key string `env:"TELEGATE_KEY" placeholder:"KEY" help:"The API key; better in the environment variable TELEGATE_KEY."`
}

type sendCmd struct {
	gatewayFlags
	Domain string        `placeholder:"ID" help:"The domain; empty for the default domain."`
	User   string        `xor:"to" placeholder:"USER" help:"The user at the server."`
	To     string        `xor:"to" placeholder:"HANDLE" help:"Instead of a user: a Telegram username such as @alice."`
	Lane   string        `default:"direct" enum:"direct,alert" help:"direct or alert (default ${default})."`
	HTML   bool          `help:"The text is in Telegram's HTML."`
	Silent bool          `help:"Arrive without a sound."`
	TTL    time.Duration `placeholder:"SPAN" help:"How long it is worth sending, such as 1h (default 24h)."`
	NoWait bool          `help:"Return once the gateway has it on disk, instead of waiting for Telegram to take it."`
	JSON   bool          `help:"Print JSON."`
	Text   []string      `arg:"" help:"The text; \"-\" reads it from standard input."`
}

// sendWait is how long to wait for Telegram to take a message; each call of the API waits 25 s at most.
const sendWait = time.Minute

// Run sends a message and tells what became of it.
func (c sendCmd) Run(ctx context.Context, con *console) error {
	if c.User == "" && c.To == "" {
		return errors.New("say whom to send it to: --user NAME, or --to @handle")
	}
	text := strings.Join(c.Text, " ")
	if text == "-" {
		read, err := io.ReadAll(io.LimitReader(con.stdin, 1<<20))
		if err != nil {
			return fmt.Errorf("read standard input: %w", err)
		}
		text = strings.TrimRight(string(read), "\n")
	}
	client, err := newAPIClient(c.gatewayFlags)
	if err != nil {
		return err
	}
	format := "text"
	if c.HTML {
		format = "html"
	}
	var accepted api.AcceptedMessage
	err = client.call(ctx, "POST", "/v1/messages", nil, api.SendMessage{
		Domain: c.Domain, User: c.User, To: c.To, Text: text, Format: format, Lane: c.Lane, Silent: c.Silent, TTL: int(c.TTL.Seconds()),
	}, &accepted)
	if err != nil {
		return err
	}
	m := api.Message{ID: accepted.ID, Status: accepted.Status}
	deadline := time.Now().Add(sendWait)
	for !c.NoWait && time.Now().Before(deadline) && (m.Status == "queued" || m.Status == "sending") {
		if err := client.call(ctx, "GET", "/v1/messages/"+m.ID, map[string]string{"Prefer": "wait=20"}, nil, &m); err != nil {
			return err
		}
	}
	if c.JSON {
		if err := json.NewEncoder(con.stdout).Encode(m); err != nil {
			return err
		}
	} else if _, err := fmt.Fprintf(con.stdout, "%s %s\n", m.ID, m.Status); err != nil {
		return err
	}
	if m.Failure != nil {
		return fmt.Errorf("the message did not arrive (%s): %s", m.Failure.Reason, m.Failure.Detail)
	}
	return nil
}
