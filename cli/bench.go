package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"telegate/internal/bench"
	"telegate/internal/exit"
)

type benchCmd struct {
	Runs  int      `default:"3" placeholder:"N" help:"How often to run each benchmark (default ${default})."`
	Only  []string `placeholder:"NAME" help:"Only these, separated by commas: A, B, H, U, K, F, accept, wire, check, idle, fallback, scale, bots, report."`
	Quick bool     `help:"Small sizes and one run, to see that it works. Times are not judged."`
	JSON  bool     `help:"Print JSON instead of a table."`
	Out   string   `type:"path" placeholder:"DIR" help:"Also write results.json, table.md and the charts there."`
}

// Help implements kong.HelpProvider.
func (benchCmd) Help() string {
	return `It runs the gateway on this machine against a simulated Telegram with Telegram's limits, without any other network. Its databases are in the folder for temporary files: if that is in memory, set TMPDIR to a folder on a disk. Everything takes about half an hour; do not use the machine meanwhile. docs/benchmarks.md explains the rows. The exit status is 1 if a benchmark failed or an accepted message was lost, never because something was slow.

    telegate bench
    telegate bench --only A,U --runs 1
    telegate bench --quick`
}

// Run measures and prints the table.
func (c benchCmd) Run(ctx context.Context, env *Env) error {
	if err := bench.Check(c.Only); err != nil {
		return exit.AsUsage(err)
	}
	if c.Runs < 1 {
		return exit.Usagef("--runs must be at least 1")
	}
	if c.Quick {
		c.Runs = 1
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the program itself: %w", err)
	}
	report, err := bench.Run(ctx, bench.Options{
		Command: func(ctx context.Context, args ...string) *exec.Cmd {
			cmd := exec.CommandContext(ctx, self, args...)
			cmd.Args[0] = os.Args[0] // the test program becomes telegate by this name
			return cmd
		},
		Runs: c.Runs, Only: c.Only, Quick: c.Quick, Log: env.Stderr,
	})
	if report == nil {
		return err
	}
	show := report.Table
	if c.JSON {
		show = report.JSON
	}
	err = errors.Join(err, show(env.Stdout)) // print what was measured, also after an error
	if c.Out != "" {
		err = errors.Join(err, report.Save(c.Out))
	}
	return err
}

type benchServeCmd struct {
	serveCmd
	Server []string `required:"" sep:"none"`
}

// Run serves with simulated data centres.
func (c benchServeCmd) Run(ctx context.Context, env *Env) error {
	for _, text := range c.Server {
		s, err := bench.ParseServer(text)
		if err != nil {
			return exit.AsUsage(err)
		}
		env.DataCentres = append(env.DataCentres, s)
	}
	return c.serveCmd.Run(ctx, env)
}

type benchNoopCmd struct{}

// Run serves the handler that the benchmark compares telegate with.
func (benchNoopCmd) Run(ctx context.Context, env *Env) error {
	return bench.ServeNoop(ctx, env.Stdout)
}
