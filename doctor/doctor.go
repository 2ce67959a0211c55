// Package doctor finds out why telegate does not work. Its checks, one file each, change nothing. The command telegate doctor prints their
// findings, telegate support packs them, and the console shows them on its page Status.
package doctor

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"telegate/config"
	"telegate/internal/logging"
	"telegate/userclient"
)

// The longest time of all checks together, and of one check.
const (
	Timeout      = 18 * time.Second
	CheckTimeout = 8 * time.Second
)

// The status of a finding.
const (
	OK   = "ok"
	Warn = "warn" // it works, but somebody should look at it
	Fail = "fail"
	Skip = "skip" // not needed here, or not known
)

// Finding is one result of a check.
type Finding struct {
	Check  string `json:"rung"` // the name of the check
	Status string `json:"status"`
	Detail string `json:"detail"`
	Next   string `json:"next,omitempty"` // what to do
}

// Check checks one thing.
type Check interface {
	Name() string
	// Run returns its findings: none if there is nothing to check. It ends within CheckTimeout, or soon after ctx.
	Run(ctx context.Context) []Finding
}

// check is a Check made of a name and a function.
type check struct {
	name string
	run  func(context.Context) []Finding
}

func (c check) Name() string                      { return c.name }
func (c check) Run(ctx context.Context) []Finding { return c.run(ctx) }

// Options are the input of New.
type Options struct {
	Path        string // of the configuration
	Getenv      func(string) string
	Network     Network
	DataCentres []userclient.Server // replace Telegram's data centres in tests
}

// Doctor checks one configuration.
type Doctor struct {
	path    string
	cfg     *config.Config // defaults if the file cannot be used
	loadErr error          // why the file cannot be used
	net     Network
	servers []userclient.Server
}

// New reads the configuration. If that fails, a finding says why, and the other checks use what is known.
func New(o Options) *Doctor {
	d := &Doctor{path: o.Path, net: o.Network, servers: o.DataCentres}
	if d.cfg, d.loadErr = config.Load(o.Path, o.Getenv); d.loadErr != nil {
		d.cfg = &config.Config{}
		d.cfg.Database, _ = config.LoadDatabase(o.Path) // empty on an error
	}
	return d
}

// Checks are all checks, in the order of the output.
func (d *Doctor) Checks() []Check {
	integrityDone := make(chan struct{}) // integrity and session must not use the database at the same time
	finish := sync.OnceFunc(func() { close(integrityDone) })
	integrity := func(ctx context.Context) []Finding {
		defer finish()
		return d.checkIntegrity(ctx)
	}
	session := func(ctx context.Context) []Finding {
		<-integrityDone
		return d.checkSession(ctx)
	}
	checks := []Check{
		check{"config", d.checkConfig}, check{"database", d.checkDatabase}, check{"key file", d.checkKey},
		check{"integrity", integrity}, check{"disk", d.checkDisk},
	}
	if d.unknownNetwork() {
		checks = append(checks, check{"network", func(context.Context) []Finding {
			return []Finding{{"network", Skip, "Not tested: baseurl and proxy are not known while the configuration has errors.", ""}}
		}})
	} else {
		for _, e := range d.endpoints() {
			checks = append(checks, check{"network", e.check})
		}
	}
	checks = append(checks, check{"bots", d.checkBots})
	if !d.unknownNetwork() {
		checks = append(checks, check{"mtproto", d.checkMTProto})
	}
	return append(checks, check{"session", session}, check{"gateway", d.checkGateway})
}

// unknownNetwork reports whether the configuration exists and cannot be used. It may name another server or a proxy, so that a
// conversation with Telegram itself would say nothing about it, and would not be wanted.
func (d *Doctor) unknownNetwork() bool {
	return d.loadErr != nil && !errors.Is(d.loadErr, fs.ErrNotExist)
}

// LiveChecks are the checks that a running gateway can run on itself. The others need exclusive use of the database or of the session.
func (d *Doctor) LiveChecks() []Check {
	return slices.DeleteFunc(d.Checks(), func(c Check) bool {
		return c.Name() == "integrity" || c.Name() == "session" || c.Name() == "gateway"
	})
}

// Run runs checks in parallel and returns their findings in the order of the checks. No finding shows a secret of the configuration.
func (d *Doctor) Run(ctx context.Context, checks []Check) []Finding {
	results := make([][]Finding, len(checks))
	var all sync.WaitGroup
	for i, c := range checks {
		all.Go(func() { results[i] = c.Run(ctx) })
	}
	all.Wait()
	findings := slices.Concat(results...)
	secrets := d.secrets()
	for i := range findings {
		findings[i].Detail, findings[i].Next = secrets.Replace(findings[i].Detail), secrets.Replace(findings[i].Next)
	}
	return findings
}

// secrets removes the secrets of the configuration. No check prints one, but an error of the network or of a file could.
func (d *Doctor) secrets() *strings.Replacer {
	var pairs []string
	for _, s := range logging.SecretsOf(d.cfg) {
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

// Worst is the worst status of all findings.
func Worst(findings []Finding) string {
	status := OK
	for _, f := range findings {
		if f.Status == Fail {
			return Fail
		}
		if f.Status == Warn {
			status = Warn
		}
	}
	return status
}
