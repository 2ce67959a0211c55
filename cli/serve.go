package cli

import (
	"context"
	"os/signal"
	"runtime/debug"
	"syscall"

	"telegate/config"
	"telegate/doctor"
	"telegate/gateway"
	"telegate/internal/logging"
	"telegate/internal/version"
)

type serveCmd struct {
	configFlag
	NewDatabase bool `help:"Start with an empty database although there is the key file of an earlier one. Everybody links again."`
}

// Help implements kong.HelpProvider.
func (serveCmd) Help() string {
	return `A configuration needs only a bot token:

    [messaging.telegram]
    bottoken = "123456789:AA..."

The gateway keeps running when Telegram is in trouble; telegate status shows the state. After the first Ctrl-C it finishes running requests and sends. SIGHUP reloads the configuration, as telegate reload does.

    telegate serve --config /etc/telegate/telegate.toml`
}

// Run serves until the context ends.
func (c serveCmd) Run(ctx context.Context, env *Env) error {
	cfg, err := c.load(env)
	if err != nil {
		return err
	}
	signal.Ignore(syscall.SIGPIPE) // messages go on when nobody reads the log any more
	if env.Getenv("GOGC") == "" {
		debug.SetGCPercent(40) // less memory is worth more here than the last message per second
	}
	log := logging.New(env.Stderr, cfg)
	for _, w := range cfg.Warnings {
		log.Warn(w)
	}
	g, err := gateway.Open(ctx, gateway.Options{
		Config: cfg, Source: func() (*config.Config, error) { return config.Load(c.Config, env.Getenv) }, Logger: log, DataCentres: env.DataCentres, NewDatabase: c.NewDatabase,
		Check: func(ctx context.Context) []doctor.Finding {
			d := newDoctor(c.Config, env)
			return d.Run(ctx, d.LiveChecks())
		},
	})
	if err != nil && ctx.Err() != nil { // stopped on purpose; the next start continues
		log.Info("stopped during the start", "at", err)
		return nil
	}
	if err != nil {
		return err
	}
	log.Info("telegate is listening", "version", version.Version, "api", g.Address(), "domains", len(cfg.Domains))
	debug.FreeOSMemory() // the start needed more memory than serving does
	return gateway.RunSupervised(ctx, g)
}
