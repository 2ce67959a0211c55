package cli

import (
	"fmt"

	"telegate/internal/exit"
	"telegate/userclient"
)

type configCheckCmd struct {
	configFlag
	File string `arg:"" optional:"" placeholder:"FILE" help:"The configuration file, as with --config."`
}

// Help implements kong.HelpProvider.
func (configCheckCmd) Help() string {
	return `It shows errors with their lines; the exit status is then 2. It shows no secrets.

    telegate config check --config /etc/telegate/telegate.toml
    telegate config check new.toml`
}

// Run prints the configuration as telegate understands it, without secrets.
func (c configCheckCmd) Run(env *Env) error {
	if c.File != "" {
		c.Config = c.File
	}
	cfg, err := c.load(env)
	if err != nil {
		return err
	}
	if session := cfg.Messaging.Telegram.Session; session != "" { // whether Telegram still accepts it, telegate doctor says
		if _, err := userclient.Decode(session.Reveal()); err != nil {
			return exit.Usagef("messaging.telegram.session: %w", err)
		}
	}
	for _, w := range cfg.Warnings {
		fmt.Fprintln(env.Stderr, "warning:", w)
	}
	return cfg.Render(env.Stdout)
}
