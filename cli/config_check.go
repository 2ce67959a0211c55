package cli

import "fmt"

type configCheckCmd struct{ configFlag }

// Help implements kong.HelpProvider.
func (configCheckCmd) Help() string {
	return `Faults are told with their lines, and the exit status is then 2. Secrets are not shown.

    telegate config check --config /etc/telegate/telegate.toml`
}

// Run prints the configuration as it is understood, without its secrets.
func (c configCheckCmd) Run(env *Env) error {
	cfg, err := c.load(env)
	if err != nil {
		return err
	}
	for _, w := range cfg.Warnings {
		fmt.Fprintln(env.Stderr, "warning:", w)
	}
	return cfg.Render(env.Stdout)
}
