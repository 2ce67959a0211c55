package main

import (
	"context"
	"log/slog"

	"telegate/config"
)

type configFlag struct {
	Config string `short:"c" default:"telegate.toml" env:"TELEGATE_CONFIG" placeholder:"FILE" help:"The configuration file (default ${default})."`
}

type serveCmd struct{ configFlag }

// Run serves until the context ends.
func (c serveCmd) Run(ctx context.Context, con *console) error {
	cfg, err := config.Load(c.Config, con.getenv)
	if err != nil {
		return err
	}
	log := newLogger(con.stderr, cfg)
	for _, w := range cfg.Warnings {
		log.Warn(w)
	}
	g, err := openGateway(ctx, cfg, log)
	if err != nil {
		return err
	}
	log.Info("telegate is listening", "version", version, "api", g.address(), slog.Int("domains", len(cfg.Domains)))
	return g.run(ctx)
}

type configCheckCmd struct{ configFlag }

// Run prints the configuration as it is understood, without its secrets.
func (c configCheckCmd) Run(con *console) error {
	cfg, err := config.Load(c.Config, con.getenv)
	if err != nil {
		return err
	}
	return cfg.Render(con.stdout)
}
