package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"telegate/api"
	"telegate/internal/exit"
	"telegate/internal/terminal"
	"telegate/notify"
)

// broadcastCmd sends one text to many users.
type broadcastCmd struct {
	Send   broadcastSendCmd   `cmd:"" default:"withargs" help:"Send one text to many users; \"send\" may be left out."`
	Show   broadcastShowCmd   `cmd:"" help:"Show the progress of a broadcast."`
	List   broadcastListCmd   `cmd:"" help:"List the broadcasts of a domain, the newest first."`
	Cancel broadcastCancelCmd `cmd:"" help:"Cancel a broadcast: messages that are not sent yet are dropped."`
}

type broadcastSendCmd struct {
	gatewayFlags
	Domain    string        `placeholder:"ID" help:"The domain; empty for the default domain."`
	User      []string      `xor:"whom" sep:"none" placeholder:"USER" help:"A user at the server; repeat the flag for more users."`
	UsersFile string        `xor:"whom" type:"existingfile" placeholder:"FILE" help:"A file with one user per line."`
	Everyone  bool          `xor:"whom" help:"All users who are linked in the domain when it is sent."`
	SendAt    string        `placeholder:"TIME" help:"When to send it, with a time zone: YYYY-MM-DDTHH:MM:SSZ or YYYY-MM-DDTHH:MM:SS+01:00 (default now)."`
	TTL       time.Duration `placeholder:"SPAN" help:"Drop messages that are not sent within this time, such as 1h (default 24h)."`
	HTML      bool          `help:"The text is in Telegram's HTML."`
	Silent    bool          `help:"Send it without a sound."`
	DryRun    bool          `xor:"ask" help:"Only show how many users it would reach."`
	Yes       bool          `xor:"ask" short:"y" help:"Do not ask."`
	NoWait    bool          `help:"Return when the gateway has stored it, without watching it."`
	JSON      bool          `help:"Print JSON."`
	Text      []string      `arg:"" help:"The text; \"-\" reads it from standard input."`
}

// Help implements kong.HelpProvider.
func (broadcastSendCmd) Help() string {
	return `It shows how many users it will reach and asks; then it watches until every recipient has an outcome. Ctrl-C only stops the
watching. The exit status is 1 if a reachable user did not get it.

    telegate broadcast --everyone "Maintenance tonight at 20:00."
    telegate broadcast --users-file admins.txt --send-at "$(date -u -d '+2 hours' +%FT%TZ)" --yes - < notice.txt
    telegate broadcast show bc_...`
}

// Run sends a broadcast and prints its outcomes.
func (c broadcastSendCmd) Run(ctx context.Context, env *Env) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	fromStdin := len(c.Text) == 1 && c.Text[0] == "-"
	if !c.Yes && !c.DryRun && (!terminal.IsTerminal(env.Stdin) || fromStdin) {
		return exit.Usagef("no terminal: check it with --dry-run, then send it with --yes")
	}
	if body.Text, err = textOrStdin(strings.Join(c.Text, " "), env); err != nil {
		return err
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	preview, asked := api.AcceptedBroadcast{}, body
	asked.DryRun = true
	if err := client.call(ctx, "POST", "/v1/broadcasts", nil, asked, &preview); err != nil {
		return err
	}
	switch {
	case c.DryRun && c.JSON:
		return printJSON(env.Stdout, preview)
	case c.DryRun:
		_, err := fmt.Fprintln(env.Stdout, c.previewText(preview))
		return err
	}
	fmt.Fprintln(env.Stderr, c.previewText(preview))
	if !c.Yes {
		if err := confirm(ctx, env, "Send it?", "nothing was sent"); err != nil {
			return err
		}
	}
	var accepted api.AcceptedBroadcast
	if err := client.call(ctx, "POST", "/v1/broadcasts", nil, body, &accepted); err != nil {
		return err
	}
	if c.NoWait || accepted.SendAt.After(time.Now().Add(time.Minute)) {
		if c.JSON {
			return printJSON(env.Stdout, accepted)
		}
		_, err := fmt.Fprintf(env.Stdout, "%s %s\n", accepted.ID, accepted.Status)
		return err
	}
	b, err := watchBroadcast(ctx, env, client, accepted.ID)
	if err != nil {
		return err
	}
	if err := printBroadcast(env.Stdout, b, c.JSON); err != nil {
		return err
	}
	if b.Outcomes.Delivered < accepted.Counts.Reachable {
		return fmt.Errorf("%d of %d reachable users got it", b.Outcomes.Delivered, accepted.Counts.Reachable)
	}
	return nil
}

// parseSendAt reads a time with its zone. A time without one could be local or UTC, and a broadcast at the wrong hour cannot be taken back.
func parseSendAt(text string, here *time.Location) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04"} {
		if at, err := time.ParseInLocation(layout, text, here); err == nil {
			return time.Time{}, exit.Usagef("--send-at has no time zone: write %s for the time of this machine, or %sZ for UTC",
				at.Format("2006-01-02T15:04:05-07:00"), at.Format("2006-01-02T15:04:05"))
		}
	}
	return time.Time{}, exit.Usagef("--send-at must be a time with its zone, in the form YYYY-MM-DDTHH:MM:SSZ or YYYY-MM-DDTHH:MM:SS+01:00")
}

// body makes the request from the flags, without the text.
func (c broadcastSendCmd) body() (api.CreateBroadcast, error) {
	b := api.CreateBroadcast{
		Domain: c.Domain, Silent: c.Silent, TTL: int(math.Ceil(c.TTL.Seconds())),
	}
	if c.SendAt != "" {
		at, err := parseSendAt(c.SendAt, time.Local)
		if err != nil {
			return b, err
		}
		b.SendAt = &at
	}
	if c.HTML {
		b.Format = "html"
	}
	switch {
	case c.UsersFile != "":
		users, err := readUsers(c.UsersFile)
		if err != nil {
			return b, err
		}
		b.Users = users
	case len(c.User) > 0:
		b.Users = c.User
	case !c.Everyone:
		return b, exit.Usagef("name the recipients: --user NAME (repeat it for more), --users-file FILE, or --everyone")
	}
	return b, nil
}

// readUsers reads a user from each line that is not empty.
func readUsers(path string) ([]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read users: %w", err)
	}
	text, err := utf8Text(path, data)
	if err != nil {
		return nil, err
	}
	var users []string
	for line := range strings.Lines(text) {
		if user := strings.TrimRight(line, "\r\n"); user != "" {
			users = append(users, user)
		}
	}
	if len(users) == 0 { // an empty list must not mean everybody
		return nil, exit.Usagef("%s names no user", path)
	}
	return users, nil
}

// previewText says how many users a broadcast reaches, and how long that takes.
func (c broadcastSendCmd) previewText(p api.AcceptedBroadcast) string {
	who := "linked users"
	if !c.Everyone {
		who = "users"
	}
	s := fmt.Sprintf("It reaches %d of %d %s", p.Counts.Reachable, p.Counts.Total(), who)
	var not []string
	if n := p.Counts.Unlinked; n > 0 {
		not = append(not, fmt.Sprintf("%d not linked", n))
	}
	if n := p.Counts.Blocked; n > 0 {
		not = append(not, fmt.Sprintf("%d blocked the bot", n))
	}
	if len(not) > 0 {
		s += " (" + strings.Join(not, ", ") + ")"
	}
	if p.SendAt.After(time.Now().Add(time.Minute)) {
		s += " at " + p.SendAt.Format(time.RFC3339)
	}
	takes := time.Duration(p.EstimatedSeconds) * time.Second
	s += fmt.Sprintf(" and takes about %v.", takes)
	if ttl := cmp.Or(c.TTL, notify.DefaultTTL); takes > ttl {
		s += fmt.Sprintf(" Messages that are not sent within %v are dropped; --ttl gives them more time.", ttl)
	}
	return s
}

// confirm asks. If the answer is not yes, it returns an error with the text otherwise.
func confirm(ctx context.Context, env *Env, question, otherwise string) error {
	fmt.Fprintf(env.Stderr, "%s [y/N] ", question)
	answer := make(chan string, 1)
	go func() { // a read from a terminal cannot be canceled
		line, _ := bufio.NewReader(env.Stdin).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		return errors.New(otherwise)
	case a := <-answer:
		if a != "y" && a != "yes" {
			return errors.New(otherwise)
		}
		return nil
	}
}

type broadcastShowCmd struct {
	gatewayFlags
	Watch bool   `help:"Watch it until every recipient has an outcome."`
	JSON  bool   `help:"Print JSON."`
	ID    string `arg:"" help:"The broadcast's id, as printed by telegate broadcast."`
}

// Help implements kong.HelpProvider.
func (broadcastShowCmd) Help() string {
	return `It shows the number of recipients for each outcome; --watch follows until each has one. It needs a key with the scope send.

    telegate broadcast show --watch bc_...`
}

// Run shows a broadcast.
func (c broadcastShowCmd) Run(ctx context.Context, env *Env) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var b api.Broadcast
	if c.Watch {
		b, err = watchBroadcast(ctx, env, client, c.ID)
	} else {
		err = client.call(ctx, "GET", broadcastPath(c.ID), nil, nil, &b)
	}
	if err != nil {
		return err
	}
	return printBroadcast(env.Stdout, b, c.JSON)
}

type broadcastListCmd struct {
	gatewayFlags
	Domain string `placeholder:"ID" help:"The domain; empty for the default domain."`
	Limit  int    `default:"20" help:"At most this many, up to 100 (default ${default})."`
	JSON   bool   `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (broadcastListCmd) Help() string {
	return `It lists running broadcasts and those that have ended, 400 days back. It needs a key with the scope send.

    telegate broadcast list --domain corp`
}

// Run lists broadcasts.
func (c broadcastListCmd) Run(ctx context.Context, env *Env) error {
	var list api.BroadcastList
	query := url.Values{"domain": {c.Domain}, "limit": {strconv.Itoa(c.Limit)}}
	if err := c.call(ctx, "GET", "/v1/broadcasts?"+query.Encode(), nil, &list); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(env.Stdout, list.Broadcasts)
	}
	return printBroadcasts(env.Stdout, list.Broadcasts)
}

type broadcastCancelCmd struct {
	gatewayFlags
	JSON bool   `help:"Print JSON."`
	ID   string `arg:"" help:"The broadcast's id."`
}

// Help implements kong.HelpProvider.
func (broadcastCancelCmd) Help() string {
	return `A message that is being sent at that moment may still arrive; its outcome then says so. It needs a key with the scope send.

    telegate broadcast cancel bc_...`
}

// Run cancels a broadcast and prints its outcomes.
func (c broadcastCancelCmd) Run(ctx context.Context, env *Env) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	var b api.Broadcast
	if err := client.call(ctx, "POST", broadcastPath(c.ID)+"/cancel", nil, nil, &b); err != nil {
		return err
	}
	// The outcomes of running sends are known soon.
	if err := client.call(ctx, "GET", broadcastPath(c.ID), map[string]string{"Prefer": "wait=5"}, nil, &b); err != nil {
		return err
	}
	return printBroadcast(env.Stdout, b, c.JSON)
}
