package cli

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"telegate/api"
	"telegate/delivery"
)

type statusCmd struct {
	gatewayFlags
	Health bool `help:"Only check whether it works, for a supervisor: needs no key, and fails only if the gateway can accept nothing."`
	JSON   bool `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (statusCmd) Help() string {
	return `The exit status is 0 only if everything works, so scripts can check it. Without a key it shows each part of the gateway, on the
gateway's machine. With a key it also shows the domains of the key. With the scope admin it also shows the waiting messages of each lane, Telegram's flood waits, the last failures, and the limits.

    telegate status
    telegate status --health --api unix:/run/telegate/api.sock`
}

// gatewayStatus is what telegate status prints as JSON.
type gatewayStatus struct {
	api.Health
	api.DomainList
	*api.Queue // nil if the key lacks the scope admin, or on an error
}

// Run prints the state of the gateway. If it is not ok, it returns an error.
func (c statusCmd) Run(ctx context.Context, env *Env) error {
	if c.Health {
		return c.health(ctx, env)
	}
	client, err := c.clientWithoutKey()
	if err != nil {
		return err
	}
	var s gatewayStatus
	if s.Health, err = getHealth(ctx, client); err != nil {
		return err
	}
	if c.Key == "" {
		return c.withoutKey(env, s.Health)
	}
	if err := client.call(ctx, "GET", "/v1/domains", nil, nil, &s.DomainList); err != nil {
		return err
	}
	var queueErr error // the rest is printed anyway
	s.Queue, queueErr = getQueue(ctx, client)
	if c.JSON {
		err = printJSON(env.Stdout, s)
	} else {
		err = s.print(env)
	}
	if err != nil {
		return err
	}
	if s.Status != api.HealthOK {
		return errors.Join(errors.New("the gateway is "+s.Status), queueErr)
	}
	return queueErr
}

// withoutKey prints what the gateway tells without a key: when something is broken, the key may not be at hand.
func (c statusCmd) withoutKey(env *Env, h api.Health) error {
	var err error
	if c.JSON {
		err = printJSON(env.Stdout, h)
	} else if err = printHealth(env, h); err == nil {
		_, err = fmt.Fprintln(env.Stdout, "\nTo see the domains too, set TELEGATE_KEY to a key of the configuration; with the scope admin also what waits and what did not arrive.")
	}
	if err == nil && h.Status != api.HealthOK {
		err = errors.New("the gateway is " + h.Status)
	}
	return err
}

// getQueue asks for the queue; nil if the key has no right to it.
func getQueue(ctx context.Context, client *apiClient) (*api.Queue, error) {
	resp, err := client.send(ctx, "GET", "/v1/status", nil, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		q := &api.Queue{}
		return q, decodeAnswer(resp, q)
	case http.StatusForbidden:
		return nil, nil
	default:
		return nil, problemError(resp)
	}
}

// health checks what a supervisor wants to know. A gateway whose bot is in trouble counts as working, because a restart would not help.
func (c statusCmd) health(ctx context.Context, env *Env) error {
	c.Key = "" // nothing secret is sent, so the certificate may have another name than this address
	client, err := c.clientWithoutKey()
	if err != nil {
		return err
	}
	if client.http.Transport == nil {
		client.http.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // see above
	}
	client.http.Timeout = healthTimeout
	h, err := getHealth(ctx, client)
	if err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(env.Stdout, h)
	} else {
		_, err = fmt.Fprintln(env.Stdout, h.Status)
	}
	if err == nil && h.Status == api.HealthFailing && !ready(ctx, client) {
		err = errors.New("the gateway is failing: telegate status says why")
	}
	return err
}

// ready reports whether a gateway accepts and stores messages. If it does, a restart would not repair what fails: Telegram is unreachable, or
// refuses the token.
func ready(ctx context.Context, client *apiClient) bool {
	resp, err := client.send(ctx, "GET", "/readyz", nil, nil)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// healthTimeout is less than the 5 s that the Dockerfile gives a health check. The gateway needs 2 s at most.
const healthTimeout = 4 * time.Second

// getHealth asks /healthz. While the gateway is failing, it answers 503 with the same content.
func getHealth(ctx context.Context, client *apiClient) (api.Health, error) {
	resp, err := client.send(ctx, "GET", "/healthz", nil, nil)
	if err != nil {
		return api.Health{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusServiceUnavailable {
		return api.Health{}, problemError(resp)
	}
	var h api.Health
	if err := decodeAnswer(resp, &h); err != nil {
		return api.Health{}, err
	}
	if h.Status == "" {
		return api.Health{}, errors.New("the answer is not from telegate: check --api")
	}
	return h, nil
}

// printHealth prints the parts of the gateway. Without a key other machines are told of none.
func printHealth(env *Env, h api.Health) error {
	version := ""
	if h.Version != "" {
		version = " " + h.Version
	}
	if _, err := fmt.Fprintf(env.Stdout, "telegate%s: %s\n", version, h.Status); err != nil || len(h.Components) == 0 {
		return err
	}
	fmt.Fprintln(env.Stdout)
	table := newTable(env.Stdout)
	table.row("PART", "STATUS", "STATE", "SINCE", "WHAT TO DO")
	for _, p := range h.Components {
		table.row(p.Name, p.Status, p.State, formatTime(p.Since), p.Detail)
	}
	return table.flush()
}

func (s gatewayStatus) print(env *Env) error {
	if err := printHealth(env, s.Health); err != nil {
		return err
	}
	fmt.Fprintln(env.Stdout)
	table := newTable(env.Stdout)
	table.row("DOMAIN", "TITLE", "SECOND FACTOR", "BOT", "STATE")
	noBotDetail := ""
	for _, d := range s.Domains {
		name, factor, bot := d.ID, "on", d.Bot
		if name == "" {
			name = "(default)"
		}
		if !d.Msg2Factor {
			factor = "off"
		}
		if len(d.Unavailable) > 0 {
			noBotDetail, bot = d.UnavailableDetail, "none"
		}
		table.row(name, d.Title, factor, bot, d.State)
	}
	if err := table.flush(); err != nil {
		return err
	}
	if noBotDetail != "" {
		fmt.Fprintf(env.Stdout, "\n%s\n", noBotDetail)
	}
	if s.Queue == nil {
		return nil
	}
	return s.printQueue(env)
}

func (s gatewayStatus) printQueue(env *Env) error {
	fmt.Fprintln(env.Stdout)
	table := newTable(env.Stdout)
	table.row("LANE", "WAITING", "OLDEST SINCE")
	for _, l := range s.Lanes {
		table.row(l.Lane, strconv.Itoa(l.Waiting), formatTime(l.OldestAt))
	}
	if err := table.flush(); err != nil {
		return err
	}
	for _, p := range s.Pauses {
		where := ""
		if p.Chat != 0 {
			where = fmt.Sprintf(" in one chat (%d)", p.Chat)
		}
		fmt.Fprintf(env.Stdout, "Telegram has asked %s for quiet%s until %s. Nothing to do: telegate waits, and goes on by itself.\n",
			delivery.Displayable(p.Bot, 100), where, LocalTime(p.Until))
	}
	fmt.Fprintln(env.Stdout)
	table = newTable(env.Stdout)
	if len(s.Failures) == 0 {
		table.row("No message has failed, expired or been lost in the last 30 days.")
	} else {
		table.row("LAST FAILURES", "ID", "DOMAIN", "USER", "LANE", "STATUS", "WHY, AND WHAT TO DO")
	}
	for _, m := range s.Failures {
		table.row(formatTime(m.EndedAt), m.ID, cmp.Or(m.Domain, "(default)"), m.User, laneLabel(m), m.Status, failureHint(m))
	}
	if err := table.flush(); err != nil {
		return err
	}
	fmt.Fprintln(env.Stdout)
	table = newTable(env.Stdout)
	table.row("LIMIT", "VALUE", "MEANING")
	for _, l := range s.Limits {
		table.row(l.Name, l.Value, l.Meaning)
	}
	return table.flush()
}
