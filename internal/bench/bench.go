// Package bench measures telegate: each scenario starts the real program on its own database, against a simulated Telegram with Telegram's
// limits, and checks what arrives there.
//
// Nothing here fails by time: the table shows figures that miss their target. An accepted message that does not arrive is a failure (ErrLost).
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// ErrLost means that an accepted message did not arrive.
var ErrLost = errors.New("accepted messages were lost")

// Options are the input of Run.
type Options struct {
	// Command runs telegate itself with these arguments.
	Command func(ctx context.Context, args ...string) *exec.Cmd
	Runs    int       // of each scenario; at least 1
	Only    []string  // names of scenarios, as in Names; empty: all
	Quick   bool      // small sizes, to see that it works; times are not judged
	Log     io.Writer // one line per step
}

// scenario is a benchmark. One run gives a value for each of its figures.
type scenario struct {
	name    string
	figures []figure
	run     func(context.Context, *suite) (outcome, error)
}

// outcome is the result of one run: values by the keys of the figures. A figure without a value was not available.
type outcome struct {
	values map[string]float64
	trace  *trace // for the chart; nil: no chart
}

// Names are the names of the scenarios, in the order of running.
func Names() []string {
	var names []string
	for _, s := range scenarios() {
		names = append(names, s.name)
	}
	return names
}

// Check returns an error if a name is not that of a scenario.
func Check(names []string) error {
	for _, name := range names {
		if !slices.Contains(Names(), name) {
			return fmt.Errorf("there is no benchmark %q; there are %s", name, strings.Join(Names(), ", "))
		}
	}
	return nil
}

// Run runs the scenarios. After a failed run it continues with the others: the report holds what was measured, and the error says what failed. The
// error includes ErrLost if a message was lost.
func Run(ctx context.Context, o Options) (*Report, error) {
	if err := Check(o.Only); err != nil {
		return nil, err
	}
	chosen := scenarios()
	if len(o.Only) > 0 {
		chosen = slices.DeleteFunc(chosen, func(s scenario) bool { return !slices.Contains(o.Only, s.name) })
	}
	return run(ctx, o, chosen)
}

func run(ctx context.Context, o Options, chosen []scenario) (_ *Report, err error) {
	dir, err := os.MkdirTemp("", "telegate-bench-")
	if err != nil {
		return nil, fmt.Errorf("make a temporary folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	su := &suite{dir: dir, size: full, command: o.Command, log: o.Log, databases: map[string]string{}}
	if o.Quick {
		su.size = quick
	}
	report := newReport(o)
	var failed []error
	for _, s := range chosen {
		if ctx.Err() != nil {
			break
		}
		outcomes, err := su.measure(ctx, s, o)
		failed = append(failed, err)
		report.add(s, outcomes)
	}
	if ctx.Err() != nil {
		failed = append(failed, fmt.Errorf("ended before everything was measured: %w", context.Cause(ctx)))
	}
	if report.lost() {
		failed = append(failed, ErrLost)
	}
	return report, errors.Join(failed...)
}

// measure runs a scenario o.Runs times.
func (su *suite) measure(ctx context.Context, s scenario, o Options) (outcomes []outcome, failed error) {
	for n := range o.Runs {
		name := fmt.Sprintf("%-7s run %d of %d", s.name, n+1, o.Runs)
		fmt.Fprintf(o.Log, "%s …\n", name)
		began := time.Now()
		one, err := s.run(ctx, su)
		if ctx.Err() != nil { // err is only a consequence
			return outcomes, failed
		}
		if err != nil {
			fmt.Fprintf(o.Log, "%s: %v\n", name, err)
			failed = errors.Join(failed, fmt.Errorf("%s, run %d: %w", s.name, n+1, err))
			continue
		}
		fmt.Fprintf(o.Log, "%s: %s (took %s)\n", name, s.brief(one), time.Since(began).Round(time.Second))
		outcomes = append(outcomes, one)
	}
	return outcomes, failed
}

// brief is a run in one line.
func (s scenario) brief(o outcome) string {
	var parts []string
	for _, f := range s.figures {
		if v, ok := o.values[f.key]; ok {
			parts = append(parts, f.key+" "+f.format(v))
		}
	}
	return strings.Join(parts, ", ")
}

// suite runs scenarios in a folder, which is deleted at the end, and keeps the databases made so far.
type suite struct {
	dir       string
	size      size
	command   func(ctx context.Context, args ...string) *exec.Cmd
	log       io.Writer
	databases map[string]string // folders of databases to copy, by name
}

// size is the size of each scenario.
type size struct {
	messages, chats int           // of A, U, K and F; of B
	perChat         int           // messages to each chat of B
	hot             int           // messages to the one chat of H
	otherAfter      time.Duration // of H: when the message to another chat is sent
	killAfter       time.Duration // of K
	acceptFor       time.Duration // for each number of callers
	codes           int           // of wire
	checks          int           // of check, at 1,000 a second
	idleFor         time.Duration
	fewLinks, links int // of scale
	queued          int // of scale
	calls           int // of scale, for each comparison; of report, in all
	bots            int
	signIns         int // of report
}

var (
	full = size{
		messages: 600, chats: 6, perChat: 10, hot: 30, otherAfter: 3 * time.Second, killAfter: 8 * time.Second,
		acceptFor: 4 * time.Second, codes: 200, checks: 5000, idleFor: 5 * time.Second,
		fewLinks: 1000, links: 1_000_000, queued: 100_000, calls: 1000, bots: 1000, signIns: 1_000_000,
	}
	quick = size{
		messages: 60, chats: 3, perChat: 4, hot: 5, otherAfter: 500 * time.Millisecond, killAfter: 300 * time.Millisecond,
		acceptFor: 300 * time.Millisecond, codes: 10, checks: 200, idleFor: 200 * time.Millisecond,
		fewLinks: 100, links: 5000, queued: 1000, calls: 100, bots: 20, signIns: 3000,
	}
)

// copyDatabase makes a new folder with a copy of the named database.
func (su *suite) copyDatabase(ctx context.Context, name string, content seedFunc) (string, error) {
	seeded, err := su.seedDatabase(ctx, name, content)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(su.dir, "run-")
	if err != nil {
		return "", err
	}
	return dir, os.CopyFS(dir, os.DirFS(seeded))
}

// seedDatabase is the folder of the named database. The first call creates the database with that content.
func (su *suite) seedDatabase(ctx context.Context, name string, content seedFunc) (string, error) {
	if dir, ok := su.databases[name]; ok {
		return dir, nil
	}
	dir, err := os.MkdirTemp(su.dir, "seed-")
	if err != nil {
		return "", err
	}
	began := time.Now()
	if err := createDatabase(ctx, filepath.Join(dir, "telegate.db"), content); err != nil {
		return "", err
	}
	if took := time.Since(began); took > time.Second {
		fmt.Fprintf(su.log, "        made a database of %s in %s\n", name, took.Round(time.Second))
	}
	su.databases[name] = dir
	return dir, nil
}
