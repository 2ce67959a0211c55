// Package doctor finds out why a telegate does not work. It runs checks, one file each, that change nothing. The command telegate
// doctor prints what they find, telegate support packs it, and the console shows it on its Status page.
package doctor

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"telegate/config"
	"telegate/internal/logging"
	"telegate/userclient"
)

// How long everything takes at most, and one check.
const (
	Timeout      = 18 * time.Second
	CheckTimeout = 8 * time.Second
)

// The status of a finding.
const (
	OK   = "ok"
	Warn = "warn" // it works, but somebody should look at it
	Fail = "fail"
	Skip = "skip" // not needed here, or it could not be found out
)

// Finding is one result of a check.
type Finding struct {
	Check  string `json:"rung"` // what was looked at
	Status string `json:"status"`
	Detail string `json:"detail"`
	Next   string `json:"next,omitempty"` // what to do
}

// Check looks at one thing.
type Check interface {
	Name() string
	// Run answers what it found: nothing where there is nothing to look at. It ends by CheckTimeout, or soon after ctx.
	Run(ctx context.Context) []Finding
}

// check is a Check made of a name and a function.
type check struct {
	name string
	run  func(context.Context) []Finding
}

func (c check) Name() string                      { return c.name }
func (c check) Run(ctx context.Context) []Finding { return c.run(ctx) }

// Options say what to examine.
type Options struct {
	Path        string // of the configuration
	Getenv      func(string) string
	Network     Network
	DataCentres []userclient.Server // replace Telegram's data centres in tests
}

// Doctor examines one configuration.
type Doctor struct {
	path    string
	cfg     *config.Config // defaults alone where the file cannot be used
	loadErr error          // why the file cannot be used
	net     Network
	servers []userclient.Server
}

// New reads the configuration. If that fails, the doctor examines what it can and says why.
func New(o Options) *Doctor {
	d := &Doctor{path: o.Path, net: o.Network, servers: o.DataCentres}
	if d.cfg, d.loadErr = config.Load(o.Path, o.Getenv); d.loadErr != nil {
		d.cfg = &config.Config{}
		d.cfg.Database, _ = config.LoadDatabase(o.Path) // empty where that cannot be used either
	}
	return d
}

// Checks are all checks, in the order in which people read their findings.
func (d *Doctor) Checks() []Check {
	integrityDone := make(chan struct{}) // integrity and session each need the database for themselves
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
	for _, e := range d.endpoints() {
		checks = append(checks, check{"network", e.check})
	}
	return append(checks, check{"bots", d.checkBots}, check{"mtproto", d.checkMTProto}, check{"session", session}, check{"gateway", d.checkGateway})
}

// LiveChecks are those that a running gateway can make of itself: the others need the database, or the session, for themselves.
func (d *Doctor) LiveChecks() []Check {
	return slices.DeleteFunc(d.Checks(), func(c Check) bool {
		return c.Name() == "integrity" || c.Name() == "session" || c.Name() == "gateway"
	})
}

// Run runs checks side by side and answers their findings in the order of the checks. No finding shows a secret of the configuration.
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

// secrets removes the secrets of the configuration. No check prints one, but an error of the network or of a file might.
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

// Worst is the status of the whole.
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
