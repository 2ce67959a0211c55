package cli

import (
	"context"
	"runtime/debug"

	"telegate/config"
	"telegate/gateway"
	"telegate/internal/logging"
	"telegate/internal/version"
)

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
func (c serveCmd) Run(ctx context.Context, env *Env) error {
	cfg, err := c.load(env)
	if err != nil {
		return err
	}
	if env.Getenv("GOGC") == "" {
		debug.SetGCPercent(40) // memory that stays small is worth more here than the last message a second
	}
	log := logging.New(env.Stderr, cfg)
	for _, w := range cfg.Warnings {
		log.Warn(w)
	}
	g, err := gateway.Open(ctx, gateway.Options{
		Config: cfg, Source: func() (*config.Config, error) { return config.Load(c.Config, env.Getenv) }, Logger: log, DataCentres: env.DataCentres,
	})
	if err != nil && ctx.Err() != nil { // a stop in order; what was under way goes on at the next start
		log.Info("telegate was stopped while it started", "at", err)
		return nil
	}
	if err != nil {
		return err
	}
	log.Info("telegate is listening", "version", version.Version, "api", g.Address(), "domains", len(cfg.Domains))
	debug.FreeOSMemory() // what the start has used up is not needed again
	return gateway.RunSupervised(ctx, g)
}
