package cli

import (
	"context"
	"fmt"
	"strings"

	"telegate/api"
)

type reloadCmd struct {
	gatewayFlags
	JSON bool `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (reloadCmd) Help() string {
	return `The running gateway checks its configuration file first. If there is an error, it keeps the old configuration and the command shows the lines. It needs a key with the scope admin for all domains. systemctl reload, or SIGHUP, does the same without a key and writes the result to the log.

    telegate reload`
}

// Run reloads the gateway's configuration and prints the result.
func (c reloadCmd) Run(ctx context.Context, env *Env) error {
	var done api.Reloaded
	if err := c.call(ctx, "POST", "/v1/reload", nil, &done); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(env.Stdout, done)
	}
	for _, w := range done.Warnings {
		fmt.Fprintln(env.Stderr, "warning:", w)
	}
	if len(done.Changed) == 0 {
		fmt.Fprintln(env.Stdout, "Configuration reloaded. Nothing that telegate can change while it runs has changed.")
	} else {
		fmt.Fprintln(env.Stdout, "Configuration reloaded. Changed:", strings.Join(done.Changed, ", "))
	}
	if done.Canceled > 0 {
		fmt.Fprintf(env.Stdout, "Pending verifications canceled, because msg2factor is off: %d\n", done.Canceled)
	}
	if len(done.NeedsRestart) > 0 {
		fmt.Fprintln(env.Stdout, "These changes need a restart:", strings.Join(done.NeedsRestart, ", "))
	}
	return nil
}
