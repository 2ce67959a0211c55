package cli

import (
	"telegate/config"
	"telegate/internal/exit"
	"telegate/userclient"
)

type configFlag struct {
	Config string `short:"c" default:"telegate.toml" getenv:"TELEGATE_CONFIG" placeholder:"FILE" help:"The configuration file (default $$TELEGATE_CONFIG, or ${default})."`
}

// load reads the configuration.
func (f configFlag) load(env *Env) (*config.Config, error) {
	cfg, err := config.Load(f.Config, env.Getenv)
	if err != nil {
		return nil, exit.AsUsage(err)
	}
	if t := cfg.Messaging.Telegram; !userclient.InBuild && (t.Session != "" || t.Fallback.Enabled) {
		cfg.Warnings = append(cfg.Warnings, userclient.ErrNotInBuild.Error())
	}
	return cfg, nil
}

// loadDatabase reads only the section [database].
func (f configFlag) loadDatabase() (config.Database, error) {
	d, err := config.LoadDatabase(f.Config)
	if err != nil {
		return d, exit.AsUsage(err)
	}
	return d, nil
}
