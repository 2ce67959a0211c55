package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"telegate/doctor"
	"telegate/internal/terminal"
)

type doctorCmd struct {
	configFlag
	JSON bool `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (doctorCmd) Help() string {
	return `It checks the files, each step on the way to Telegram and a running gateway, and says what to do. It changes nothing and takes at most 20 seconds. The exit status is 1 if a check fails.

    telegate doctor --config /etc/telegate/telegate.toml`
}

// Run runs the checks and prints the findings.
func (c doctorCmd) Run(ctx context.Context, env *Env) error {
	if done, err := c.leaveToOwner(env); done {
		return err
	}
	d := newDoctor(c.Config, env)
	ctx, cancel := context.WithTimeout(ctx, doctor.Timeout)
	defer cancel()
	findings := d.Run(ctx, d.Checks())
	if errors.Is(ctx.Err(), context.Canceled) {
		return errors.New("interrupted")
	}
	if c.JSON {
		if err := printJSON(env.Stdout, map[string]any{"status": doctor.Worst(findings), "findings": findings}); err != nil {
			return err
		}
	} else {
		printFindings(env, findings)
	}
	broken := 0
	for _, f := range findings {
		if f.Status == doctor.Fail {
			broken++
		}
	}
	if broken > 0 {
		return fmt.Errorf("%d of %d checks failed", broken, len(findings))
	}
	return nil
}

// printFindings prints one line per finding, with colours on a terminal unless NO_COLOR is set (https://no-color.org).
func printFindings(env *Env, findings []doctor.Finding) {
	colours := map[string]string{}
	if terminal.IsTerminal(env.Stdout) && env.Getenv("NO_COLOR") == "" {
		colours = map[string]string{doctor.OK: "\x1b[32m", doctor.Warn: "\x1b[33m", doctor.Fail: "\x1b[31m", doctor.Skip: "\x1b[2m"}
	}
	width := 0
	for _, f := range findings {
		width = max(width, len(f.Check))
	}
	for _, f := range findings {
		mark := fmt.Sprintf("%-4s", f.Status)
		if colour, ok := colours[f.Status]; ok {
			mark = colour + mark + "\x1b[0m"
		}
		indent := "\n" + strings.Repeat(" ", width+8)
		fmt.Fprintf(env.Stdout, "%s  %-*s  %s\n", mark, width, f.Check, strings.ReplaceAll(f.Detail, "\n", indent))
		if f.Next != "" {
			_, _ = io.WriteString(env.Stdout, indent[1:]+"→ "+f.Next+"\n")
		}
	}
}

func newDoctor(path string, env *Env) *doctor.Doctor {
	return doctor.New(doctor.Options{Path: path, Getenv: env.Getenv, Network: env.Network, DataCentres: env.DataCentres})
}
