package cli

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"telegate/api"
	"telegate/delivery"
	"telegate/internal/exit"
)

type statusCmd struct {
	gatewayFlags
	Health bool `help:"Only ask whether it works, for a supervisor: needs no key, and fails only if nothing can be accepted."`
	JSON   bool `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (statusCmd) Help() string {
	return `The exit status is 1 unless all is well, so that scripts can watch it. Any key will do; it shows the domains of the key.
With the scope admin also what waits in each lane, the quiet that Telegram has asked for, the last failures, and the limits.

    telegate status
    telegate status --health --api unix:/run/telegate/api.sock`
}

// gatewayStatus is what telegate status prints as JSON.
type gatewayStatus struct {
	api.Health
	api.DomainList
	*api.Queue // nil where the key lacks the scope admin, or where it cannot be told
}

// Run shows how the gateway is doing. The error says that it is not well.
func (c statusCmd) Run(ctx context.Context, env *Env) error {
	if c.Health {
		return c.health(ctx, env)
	}
	client, err := newAPIClient(c.gatewayFlags)
	if err != nil {
		return exit.AsUsage(err)
	}
	var s gatewayStatus
	if s.Health, err = getHealth(ctx, client); err != nil {
		return err
	}
	if err := client.call(ctx, "GET", "/v1/domains", nil, nil, &s.DomainList); err != nil {
		return err
	}
	var queueErr error // the rest is told all the same
	s.Queue, queueErr = getQueue(ctx, client)
	if c.JSON {
		err = json.NewEncoder(env.Stdout).Encode(s)
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

// queueOf asks what waits; nil where the key may not know.
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

// health asks what a supervisor wants to know. A gateway whose bot is in trouble works: to start it anew would help nobody.
func (c statusCmd) health(ctx context.Context, env *Env) error {
	c.Key = "" // nothing secret is sent, so the certificate may be for another name than this address
	client, err := c.client()
	if err != nil {
		return exit.AsUsage(err)
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
		err = json.NewEncoder(env.Stdout).Encode(h)
	} else {
		_, err = fmt.Fprintln(env.Stdout, h.Status)
	}
	if err == nil && h.Status == api.HealthFailing && !ready(ctx, client) {
		err = errors.New("the gateway is failing: telegate status says why")
	}
	return err
}

// ready tells whether a gateway accepts and stores. One that does is failing for a reason that a fresh start would not mend: Telegram out
// of reach, a refused token.
func ready(ctx context.Context, client *apiClient) bool {
	resp, err := client.send(ctx, "GET", "/readyz", nil, nil)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// patienceOfSupervisors is a little less than the 5 s that the Dockerfile gives a health check; the gateway takes 2 s at most.
const healthTimeout = 4 * time.Second

// healthOf asks /healthz, which answers 503 and as fully while the gateway is failing.
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
		return api.Health{}, errors.New("what answers there is no telegate: look at --api")
	}
	return h, nil
}

func (s gatewayStatus) print(env *Env) error {
	if _, err := fmt.Fprintf(env.Stdout, "telegate %s: %s\n\n", s.Version, s.Status); err != nil {
		return err
	}
	table := newTable(env.Stdout)
	table.row("PART", "STATUS", "STATE", "SINCE", "WHAT TO DO")
	for _, p := range s.Components {
		table.row(p.Name, p.Status, p.State, formatTime(p.Since), p.Detail)
	}
	if err := table.flush(); err != nil {
		return err
	}
	fmt.Fprintln(env.Stdout)
	table = newTable(env.Stdout)
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
		table.row(formatTime(m.EndedAt), m.ID, cmp.Or(m.Domain, "(default)"), m.User, m.Lane, m.Status, failureHint(m))
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
