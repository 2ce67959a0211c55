package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"telegate/api"
)

type statusCmd struct {
	gatewayFlags
	Health bool `help:"Only ask whether it works, for a supervisor: needs no key, and fails only if nothing can be accepted."`
	JSON   bool `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (statusCmd) Help() string {
	return `The exit status is 1 unless all is well, so that scripts can watch it. Any key will do; it shows the domains of the key.

    telegate status
    telegate status --health --api unix:/run/telegate/api.sock`
}

// gatewayStatus is what telegate status prints as JSON.
type gatewayStatus struct {
	api.Health
	api.DomainList
}

// Run shows how the gateway is doing. The error says that it is not well.
func (c statusCmd) Run(ctx context.Context, con *console) error {
	if c.Health {
		return c.health(ctx, con)
	}
	client, err := newAPIClient(c.gatewayFlags)
	if err != nil {
		return usageError{err}
	}
	var s gatewayStatus
	if s.Health, err = healthOf(ctx, client); err != nil {
		return err
	}
	if err := client.call(ctx, "GET", "/v1/domains", nil, nil, &s.DomainList); err != nil {
		return err
	}
	if c.JSON {
		err = json.NewEncoder(con.stdout).Encode(s)
	} else {
		err = s.tell(con)
	}
	if err != nil {
		return err
	}
	if s.Status != api.HealthOK {
		return errors.New("the gateway is " + s.Status)
	}
	return nil
}

// health asks what a supervisor wants to know. A gateway whose bot is in trouble works: to start it anew would help nobody.
func (c statusCmd) health(ctx context.Context, con *console) error {
	c.Key = "" // nothing secret is sent, so the certificate may be for another name than this address
	client, err := c.client()
	if err != nil {
		return usageError{err}
	}
	if client.http.Transport == nil {
		client.http.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // see above
	}
	client.http.Timeout = patienceOfSupervisors
	h, err := healthOf(ctx, client)
	if err != nil {
		return err
	}
	if c.JSON {
		err = json.NewEncoder(con.stdout).Encode(h)
	} else {
		_, err = fmt.Fprintln(con.stdout, h.Status)
	}
	if err == nil && h.Status == api.HealthFailing {
		err = errors.New("the gateway is failing: telegate status says why")
	}
	return err
}

// patienceOfSupervisors is a little less than the 5 s that the Dockerfile gives a health check; the gateway takes 2 s at most.
const patienceOfSupervisors = 4 * time.Second

// healthOf asks /healthz, which answers 503 and as fully while the gateway is failing.
func healthOf(ctx context.Context, client *apiClient) (api.Health, error) {
	resp, err := client.send(ctx, "GET", "/healthz", nil, nil)
	if err != nil {
		return api.Health{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusServiceUnavailable {
		return api.Health{}, problemIn(resp)
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

func (s gatewayStatus) tell(con *console) error {
	if _, err := fmt.Fprintf(con.stdout, "telegate %s: %s\n\n", s.Version, s.Status); err != nil {
		return err
	}
	table := newTable(con.stdout)
	table.row("PART", "STATUS", "STATE", "SINCE", "WHAT TO DO")
	for _, p := range s.Components {
		table.row(p.Name, p.Status, p.State, timeOrNothing(p.Since), p.Detail)
	}
	if err := table.flush(); err != nil {
		return err
	}
	fmt.Fprintln(con.stdout)
	table = newTable(con.stdout)
	table.row("DOMAIN", "TITLE", "SECOND FACTOR", "BOT", "STATE")
	lacking := false
	for _, d := range s.Domains {
		name, factor, bot := d.ID, "on", d.Bot
		if name == "" {
			name = "(default)"
		}
		if !d.Msg2Factor {
			factor = "off"
		}
		if len(d.Unavailable) > 0 {
			lacking, bot = true, "none"
		}
		table.row(name, d.Title, factor, bot, d.State)
	}
	if err := table.flush(); err != nil || !lacking {
		return err
	}
	_, err := fmt.Fprintf(con.stdout, "\n%s\n", withoutBot)
	return err
}

// withoutBot says what a domain does not have that has no bot, and why.
const withoutBot = "Where there is no bot, a user session stands in for it. It gets no news of what people do in Telegram, so there are no links to open " +
	"(people link by handle), no buttons such as Not me, and no commands such as /mute. telegate setup bot sets up a bot."
