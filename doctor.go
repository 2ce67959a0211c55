package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"telegate/config"
	"telegate/userclient"
)

type doctorCmd struct {
	configFlag
	JSON bool `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (doctorCmd) Help() string {
	return `It looks at the files, at each rung of the way to Telegram and at a running gateway, changes nothing, and says what to do. It takes at most 20 seconds. The exit status is 1 if something is broken.

    telegate doctor --config /etc/telegate/telegate.toml`
}

// How long it all takes at most, and a single rung.
const (
	doctorTimeout = 18 * time.Second
	rungTimeout   = 8 * time.Second
)

// How a rung is.
const (
	rungOK   = "ok"
	rungWarn = "warn" // it works, but should be looked at
	rungFail = "fail"
	rungSkip = "skip" // not needed here, or not to be found out
)

// finding is what came of one rung.
type finding struct {
	Rung   string `json:"rung"`
	Status string `json:"status"`
	Detail string `json:"detail"`
	Next   string `json:"next,omitempty"` // what to do
}

// doctor examines one configuration.
type doctor struct {
	path string
	cfg  *config.Config // defaults alone where the file cannot be used
	bad  error          // why the file cannot be used
	net  network

	servers []userclient.Server // take the place of Telegram's data centres in tests
}

func newDoctor(path string, getenv func(string) string, net network, servers []userclient.Server) *doctor {
	d := &doctor{path: path, net: net, servers: servers}
	if d.cfg, d.bad = config.Load(path, getenv); d.bad != nil {
		d.cfg = &config.Config{}
		d.cfg.Database, _ = config.LoadDatabase(path) // empty where that cannot be used either
	}
	return d
}

// Run examines and prints.
func (c doctorCmd) Run(ctx context.Context, con *console) error {
	d := newDoctor(c.Config, con.getenv, con.network, con.servers)
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	findings := d.examine(ctx)
	if errors.Is(ctx.Err(), context.Canceled) {
		return errors.New("interrupted")
	}
	if c.JSON {
		if err := json.NewEncoder(con.stdout).Encode(map[string]any{"status": worst(findings), "findings": findings}); err != nil {
			return err
		}
	} else {
		printFindings(con, findings)
	}
	broken := 0
	for _, f := range findings {
		if f.Status == rungFail {
			broken++
		}
	}
	if broken > 0 {
		return fmt.Errorf("%d of %d checks failed", broken, len(findings))
	}
	return nil
}

// examine climbs all rungs, side by side, and returns what it found in the order of the ladder.
func (d *doctor) examine(ctx context.Context) []finding {
	looked := make(chan struct{}) // both this and the session keep the database for themselves meanwhile
	files := func(ctx context.Context) []finding {
		defer close(looked)
		return d.files(ctx)
	}
	session := func(ctx context.Context) []finding {
		<-looked
		return d.session(ctx)
	}
	rungs := []func(context.Context) []finding{d.configuration, files}
	for _, w := range d.ways() {
		rungs = append(rungs, w.examine)
	}
	rungs = append(rungs, d.bots, d.mtproto, session, d.gateway)
	results := make([][]finding, len(rungs))
	var all sync.WaitGroup
	for i, rung := range rungs {
		all.Go(func() { results[i] = rung(ctx) })
	}
	all.Wait()
	findings := slices.Concat(results...)
	secrets := d.secrets()
	for i := range findings {
		findings[i].Detail, findings[i].Next = secrets.Replace(findings[i].Detail), secrets.Replace(findings[i].Next)
	}
	return findings
}

// secrets takes out what must not be seen. Nothing here means to print any of it; errors of the network and of files might.
func (d *doctor) secrets() *strings.Replacer {
	var pairs []string
	for _, s := range secretsOf(d.cfg) {
		if s == "" {
			continue
		}
		pairs = append(pairs, s.Reveal(), "[secret]")
		if u, err := url.Parse(s.Reveal()); err == nil {
			if password, ok := u.User.Password(); ok && password != "" {
				pairs = append(pairs, u.User.String(), "[secret]", password, "[secret]")
			}
		}
	}
	return strings.NewReplacer(pairs...)
}

// ways are the different ways to the Bot API that the configuration has; the one of the file's head comes first, and is the only one
// as a rule.
func (d *doctor) ways() []way {
	tables := []config.Telegram{d.cfg.Messaging.Telegram}
	for _, id := range slices.Sorted(maps.Keys(d.cfg.Domains)) {
		tables = append(tables, d.cfg.Domains[id].Telegram)
	}
	var ways []way
	for _, t := range tables {
		w := way{net: d.net, needsMTProto: d.needsMTProto()}
		base := t.BaseURL
		if base == "" {
			base = "https://api.telegram.org"
		}
		var err error
		if w.base, err = url.Parse(base); err != nil {
			continue // config has checked it
		}
		if t.Proxy != "" {
			if w.proxy, err = url.Parse(t.Proxy.Reveal()); err != nil {
				continue
			}
		}
		if !slices.ContainsFunc(ways, w.equal) {
			ways = append(ways, w)
		}
	}
	return ways
}

// needsMTProto tells that something is configured that speaks it.
func (d *doctor) needsMTProto() bool {
	t := d.cfg.Messaging.Telegram
	return t.Session != "" || t.APIID != 0 && t.APIHash != ""
}

// configuration looks at the file and at what it says.
func (d *doctor) configuration(context.Context) []finding {
	if d.bad != nil {
		next := "Mend these lines; telegate config check says when all is well."
		var faults *config.Error
		switch {
		case errors.Is(d.bad, fs.ErrPermission):
			next = "Run it as the user telegate runs as."
		case !errors.As(d.bad, &faults):
			next = "Run telegate setup, or name the right file with --config."
		}
		return []finding{{"config", rungFail, d.bad.Error(), next}}
	}
	f := finding{"config", rungOK, d.path + " is valid.", ""}
	if info, err := os.Stat(d.path); err == nil && info.Mode().Perm()&0o007 != 0 && d.cfg.HoldsSecret() {
		f.Status, f.Detail = rungFail, d.path+" holds secrets, and everybody on this machine can get at it."
		f.Next = "Run: chmod 600 " + d.path
	}
	findings := []finding{f}
	for _, w := range d.cfg.Warnings {
		if f.Status == rungFail && strings.HasPrefix(w, d.path+" holds a secret") {
			continue // said already
		}
		findings = append(findings, finding{"config", rungWarn, w + ".", ""})
	}
	return findings
}

// worst is the status of the whole.
func worst(findings []finding) string {
	status := rungOK
	for _, f := range findings {
		if f.Status == rungFail {
			return rungFail
		}
		if f.Status == rungWarn {
			status = rungWarn
		}
	}
	return status
}

// printFindings prints a line for each finding, coloured at a terminal unless NO_COLOR is set (https://no-color.org).
func printFindings(con *console, findings []finding) {
	colours := map[string]string{}
	if f, ok := con.stdout.(*os.File); ok && term.IsTerminal(int(f.Fd())) && con.getenv("NO_COLOR") == "" {
		colours = map[string]string{rungOK: "\x1b[32m", rungWarn: "\x1b[33m", rungFail: "\x1b[31m", rungSkip: "\x1b[2m"}
	}
	width := 0
	for _, f := range findings {
		width = max(width, len(f.Rung))
	}
	for _, f := range findings {
		mark := fmt.Sprintf("%-4s", f.Status)
		if colour, ok := colours[f.Status]; ok {
			mark = colour + mark + "\x1b[0m"
		}
		indent := "\n" + strings.Repeat(" ", width+8)
		fmt.Fprintf(con.stdout, "%s  %-*s  %s\n", mark, width, f.Rung, strings.ReplaceAll(f.Detail, "\n", indent))
		if f.Next != "" {
			_, _ = io.WriteString(con.stdout, indent[1:]+"→ "+f.Next+"\n")
		}
	}
}
