package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"telegate/api"
	"telegate/internal/exit"
)

type reloadCmd struct {
	gatewayFlags
	JSON bool `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (reloadCmd) Help() string {
	return `The running gateway checks its configuration file first. If there is a fault the old configuration stays in force, and the lines at fault are shown. It needs a key with the scope admin for all domains; systemctl reload, or SIGHUP, does the same without one and tells the log.

    telegate reload`
}

// Run has the gateway read its configuration again, and tells what came of it.
func (c reloadCmd) Run(ctx context.Context, env *Env) error {
	client, err := newAPIClient(c.gatewayFlags)
	if err != nil {
		return exit.AsUsage(err)
	}
	var done api.Reloaded
	if err := client.call(ctx, "POST", "/v1/reload", nil, nil, &done); err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(env.Stdout).Encode(done)
	}
	for _, w := range done.Warnings {
		fmt.Fprintln(env.Stderr, "warning:", w)
	}
	if len(done.Changed) == 0 {
		fmt.Fprintln(env.Stdout, "The configuration was read again; nothing that can change while telegate runs has changed.")
	} else {
		fmt.Fprintln(env.Stdout, "The configuration was read again. In force now:", strings.Join(done.Changed, ", "))
	}
	if done.Canceled > 0 {
		fmt.Fprintf(env.Stdout, "Pending verifications canceled, since msg2factor is off: %d\n", done.Canceled)
	}
	if len(done.NeedsRestart) > 0 {
		fmt.Fprintln(env.Stdout, "In force after a restart only:", strings.Join(done.NeedsRestart, ", "))
	}
	return nil
}
