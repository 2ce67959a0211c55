package main

import (
	"context"
	"fmt"
	"runtime/debug"

	"telegate/config"
)

type configFlag struct {
	Config string `short:"c" default:"telegate.toml" getenv:"TELEGATE_CONFIG" placeholder:"FILE" help:"The configuration file (default $$TELEGATE_CONFIG, or ${default})."`
}

// load reads the configuration.
func (f configFlag) load(con *console) (*config.Config, error) {
	cfg, err := config.Load(f.Config, con.getenv)
	if err != nil {
		return nil, usageError{err}
	}
	return cfg, nil
}

// loadDatabase reads no more of the configuration than where the database is.
func (f configFlag) loadDatabase() (config.Database, error) {
	d, err := config.LoadDatabase(f.Config)
	if err != nil {
		return d, usageError{err}
	}
	return d, nil
}

type serveCmd struct{ configFlag }

// Help implements kong.HelpProvider.
func (serveCmd) Help() string {
	return `A configuration needs no more than a bot token:

    [messaging.telegram]
    bottoken = "123456789:AA..."

Trouble with Telegram does not end the gateway: GET /healthz says how it is doing. The first Ctrl-C lets it finish what it has begun. SIGHUP has it read the configuration again, as telegate reload does.

    telegate serve --config /etc/telegate/telegate.toml`
}

// Run serves until the context ends.
func (c serveCmd) Run(ctx context.Context, con *console) error {
	cfg, err := c.load(con)
	if err != nil {
		return err
	}
	if con.getenv("GOGC") == "" {
		debug.SetGCPercent(40) // memory that stays small is worth more here than the last message a second
	}
	log := newLogger(con.stderr, cfg)
	for _, w := range cfg.Warnings {
		log.Warn(w)
	}
	g, err := openGateway(ctx, cfg, log, con.servers...)
	if err != nil && ctx.Err() != nil { // a stop in order; what was under way goes on at the next start
		log.Info("telegate was stopped while it started", "at", err)
		return nil
	}
	if err != nil {
		return err
	}
	log.Info("telegate is listening", "version", version, "api", g.address(), "domains", len(cfg.Domains))
	debug.FreeOSMemory() // what the start has used up is not needed again
	g.source = func() (*config.Config, error) { return config.Load(c.Config, con.getenv) }
	return supervised(ctx, g)
}

type configCheckCmd struct{ configFlag }

// Help implements kong.HelpProvider.
func (configCheckCmd) Help() string {
	return `Faults are told with their lines, and the exit status is then 2. Secrets are not shown.

    telegate config check --config /etc/telegate/telegate.toml`
}

// Run prints the configuration as it is understood, without its secrets.
func (c configCheckCmd) Run(con *console) error {
	cfg, err := c.load(con)
	if err != nil {
		return err
	}
	for _, w := range cfg.Warnings {
		fmt.Fprintln(con.stderr, "warning:", w)
	}
	return cfg.Render(con.stdout)
}
