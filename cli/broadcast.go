package cli

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"telegate/api"
	"telegate/internal/exit"
	"telegate/internal/terminal"
	"telegate/notify"
)

// broadcastCmd is one text to many users, and what becomes of it.
type broadcastCmd struct {
	Send   broadcastSendCmd   `cmd:"" default:"withargs" help:"Send one text to many users; \"send\" may be left out."`
	Show   broadcastShowCmd   `cmd:"" help:"Show how far a broadcast has come."`
	List   broadcastListCmd   `cmd:"" help:"List the broadcasts of a domain, the newest first."`
	Cancel broadcastCancelCmd `cmd:"" help:"Cancel a broadcast: what has not been sent never is."`
}

type broadcastSendCmd struct {
	gatewayFlags
	Domain    string        `placeholder:"ID" help:"The domain; empty for the default domain."`
	User      []string      `xor:"whom" sep:"none" placeholder:"USER" help:"A user at the server; again for each further one."`
	UsersFile string        `xor:"whom" type:"existingfile" placeholder:"FILE" help:"A file with a user in each line."`
	Everyone  bool          `xor:"whom" help:"Whoever is linked in the domain when it is sent."`
	SendAt    *time.Time    `placeholder:"TIME" help:"When to send it, such as 2026-11-02T20:00:00Z (default now)."`
	TTL       time.Duration `placeholder:"SPAN" help:"How long it is worth sending, such as 1h (default 24h)."`
	HTML      bool          `help:"The text is in Telegram's HTML."`
	Silent    bool          `help:"Arrive without a sound."`
	DryRun    bool          `xor:"ask" help:"Only tell whom it would reach."`
	Yes       bool          `xor:"ask" short:"y" help:"Do not ask."`
	NoWait    bool          `help:"Return once the gateway has it on disk, instead of watching it."`
	JSON      bool          `help:"Print JSON."`
	Text      []string      `arg:"" help:"The text; \"-\" reads it from standard input."`
}

// Help implements kong.HelpProvider.
func (broadcastSendCmd) Help() string {
	return `It shows whom it will reach and asks; then it watches until every recipient has an outcome. Ctrl-C only ends the
watching. The exit status is 1 if not everybody who was counted as reachable got it.

    telegate broadcast --everyone "Maintenance tonight at 20:00."
    telegate broadcast --users-file admins.txt --send-at 2026-11-02T20:00:00Z --yes - < notice.txt
    telegate broadcast show bc_...`
}

// Run sends a broadcast and tells what became of it.
func (c broadcastSendCmd) Run(ctx context.Context, env *Env) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	fromStdin := len(c.Text) == 1 && c.Text[0] == "-"
	if !c.Yes && !c.DryRun && (!terminal.IsTerminal(env.Stdin) || fromStdin) {
		return exit.AsUsage(errors.New("nobody can be asked here whether to send it: look with --dry-run, then send with --yes"))
	}
	if body.Text, err = textOrStdin(strings.Join(c.Text, " "), env); err != nil {
		return err
	}
	client, err := newAPIClient(c.gatewayFlags)
	if err != nil {
		return exit.AsUsage(err)
	}
	preview, asked := api.AcceptedBroadcast{}, body
	asked.DryRun = true
	if err := client.call(ctx, "POST", "/v1/broadcasts", nil, asked, &preview); err != nil {
		return err
	}
	switch {
	case c.DryRun && c.JSON:
		return json.NewEncoder(env.Stdout).Encode(preview)
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
			return json.NewEncoder(env.Stdout).Encode(accepted)
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

// body is the request that the flags ask for, without its text.
func (c broadcastSendCmd) body() (api.CreateBroadcast, error) {
	b := api.CreateBroadcast{
		Domain: c.Domain, Silent: c.Silent, SendAt: c.SendAt, TTL: int(math.Ceil(c.TTL.Seconds())),
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
		return b, exit.AsUsage(errors.New("say whom to send it to: --user NAME (again for more), --users-file FILE, or --everyone"))
	}
	return b, nil
}

// readUsers reads a user from each line that is not empty.
func readUsers(path string) ([]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read users: %w", err)
	}
	var users []string
	for line := range strings.Lines(strings.TrimPrefix(string(data), "\ufeff")) {
		if user := strings.TrimRight(line, "\r\n"); user != "" {
			users = append(users, user)
		}
	}
	if len(users) == 0 { // never to be taken for everybody
		return nil, exit.AsUsage(fmt.Errorf("%s names no user", path))
	}
	return users, nil
}

// reach says whom a broadcast reaches, and how long that takes.
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
		s += fmt.Sprintf(" It is worth sending for %v only: whoever is not reached by then never gets it. --ttl gives it more time.", ttl)
	}
	return s
}

// confirm asks; an error, in the words for it, unless the answer is yes.
func confirm(ctx context.Context, env *Env, question, otherwise string) error {
	fmt.Fprintf(env.Stderr, "%s [y/N] ", question)
	answer := make(chan string, 1)
	go func() { // a terminal cannot be made to stop reading
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
	ID    string `arg:"" help:"The broadcast's id, as telegate broadcast has printed it."`
}

// Help implements kong.HelpProvider.
func (broadcastShowCmd) Help() string {
	return `It shows how many recipients there are for each outcome; --watch goes on until each has one. It needs a key with the scope send.

    telegate broadcast show --watch bc_...`
}

// Run shows a broadcast.
func (c broadcastShowCmd) Run(ctx context.Context, env *Env) error {
	client, err := newAPIClient(c.gatewayFlags)
	if err != nil {
		return exit.AsUsage(err)
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
	Limit  int    `default:"20" help:"How many at most, up to 100 (default ${default})."`
	JSON   bool   `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (broadcastListCmd) Help() string {
	return `Those that are still going on and those that have ended, 400 days back. It needs a key with the scope send.

    telegate broadcast list --domain corp`
}

// Run lists broadcasts.
func (c broadcastListCmd) Run(ctx context.Context, env *Env) error {
	client, err := newAPIClient(c.gatewayFlags)
	if err != nil {
		return exit.AsUsage(err)
	}
	var list api.BroadcastList
	if err := client.call(ctx, "GET", broadcastListPath(c.Domain, c.Limit), nil, nil, &list); err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(env.Stdout).Encode(list.Broadcasts)
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
	return `What is on its way to Telegram at that moment may still arrive; it keeps its true outcome. It needs a key with the scope send.

    telegate broadcast cancel bc_...`
}

// Run cancels a broadcast and shows how far it had come.
func (c broadcastCancelCmd) Run(ctx context.Context, env *Env) error {
	client, err := newAPIClient(c.gatewayFlags)
	if err != nil {
		return exit.AsUsage(err)
	}
	var b api.Broadcast
	if err := client.call(ctx, "POST", broadcastPath(c.ID)+"/cancel", nil, nil, &b); err != nil {
		return err
	}
	// What was on its way is known in a moment.
	if err := client.call(ctx, "GET", broadcastPath(c.ID), map[string]string{"Prefer": "wait=5"}, nil, &b); err != nil {
		return err
	}
	return printBroadcast(env.Stdout, b, c.JSON)
}
