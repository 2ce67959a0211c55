package cli

import (
	"context"
	"fmt"
	"time"

	"telegate/doctor"
	"telegate/internal/asowner"
)

type supportCmd struct {
	configFlag
	Out string `placeholder:"FILE" help:"The file to create (default telegate-support-TIME.tar.gz in this folder)."`
	Log string `placeholder:"FILE" help:"Add the end of this log, without names and secrets; \"-\" reads it from standard input."`
}

// Help implements kong.HelpProvider.
func (supportCmd) Help() string {
	return `The file holds the version, the configuration without secrets, the findings of telegate doctor, health and metrics of a running gateway, the number of rows in the database, and the last failures. It holds no token, key, code, text or user name. Read it before you give it to others.

    telegate support
    journalctl -u telegate -n 5000 -o cat | telegate support --log -`
}

// Run writes the support file.
func (c supportCmd) Run(ctx context.Context, env *Env) error {
	now := time.Now().UTC()
	if c.Out == "" {
		c.Out = "telegate-support-" + now.Format("20060102-150405") + ".tar.gz"
	}
	if c.Log != "" && c.Log != "-" {
		f, err := asowner.Open(c.Log)
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		defer f.Close()
		withLog := *env
		withLog.Stdin, c.Log, env = f, "-", &withLog
	}
	done, err := c.leaveWritingToOwner(env, c.Out, []string{""}, func(file string) []string {
		return []string{"support", "--config=" + c.Config, "--log=" + c.Log, "--out=" + file}
	})
	if done {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*doctor.Timeout)
	defer cancel()
	log := ""
	if c.Log != "" {
		var err error
		if log, err = doctor.EndOfLog(env.Stdin); err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
	}
	files := newDoctor(c.Config, env).Bundle(ctx, log, now)
	if err := doctor.WriteBundle(c.Out, files, now); err != nil {
		return err
	}
	fmt.Fprintf(env.Stdout, "%s holds:\n", c.Out)
	for _, f := range files {
		fmt.Fprintf(env.Stdout, "  %-14s %6d bytes\n", f.Name, len(f.Text))
	}
	fmt.Fprintln(env.Stdout, "Secrets and user names are removed. Read it before you give it to others: tar xzf", c.Out)
	return nil
}
