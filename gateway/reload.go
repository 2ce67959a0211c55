package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"telegate/api"
	"telegate/bot"
	"telegate/config"
	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/internal/logging"
	"telegate/notify"
	"telegate/twofa"
)

// verifyTimeout limits the check of a new token at Telegram.
const verifyTimeout = 15 * time.Second

// needsRestart matches keys that are read only at the start. A new token of the same bot needs no restart.
var needsRestart = regexp.MustCompile(`^(api\.(listen|tls_cert|tls_key)|database\.path|log\.format|limits\.user_\w+|` +
	`messaging\.telegram\.(apiid|apihash|session|baseurl|proxy|fallback\..*)|domains\..*\.messaging\.telegram\.(baseurl|proxy))$`)

// Reload reads the configuration again and applies what needs no restart: all of it, or nothing after any error. The error is an
// *api.ReloadError, or says why the audit could not be written.
func (g *Gateway) Reload(ctx context.Context) (api.Reloaded, error) {
	g.reloading.Lock()
	defer g.reloading.Unlock()
	done, err := g.tryReload(ctx)
	g.metrics.reloaded(err)
	if err != nil {
		g.log.ErrorContext(ctx, "configuration not reloaded; the old one is kept", "error", err)
		return done, err
	}
	g.log.InfoContext(ctx, "configuration reloaded", "changed", shortList(done.Changed),
		"needs_restart", shortList(done.NeedsRestart), "canceled", done.Canceled)
	return done, nil
}

func (g *Gateway) tryReload(ctx context.Context) (api.Reloaded, error) {
	if g.source == nil {
		return api.Reloaded{}, &api.ReloadError{Detail: "This gateway was started without a configuration file, so there is nothing to reload."}
	}
	fresh, err := g.source()
	if err != nil {
		return api.Reloaded{}, reloadError(err)
	}
	old := g.cfg.Load()
	cfg, done := g.merge(old, fresh)
	verified, err := g.verifyTokens(ctx, old, cfg)
	if err != nil {
		return api.Reloaded{}, err
	}
	showCertificate, err := api.Renew(g.listener, cfg.API.TLSCert, cfg.API.TLSKey)
	if err != nil {
		return api.Reloaded{}, &api.ReloadError{Detail: err.Error() + ". The old configuration is kept."}
	}
	if len(done.Changed) > 0 || !reflect.DeepEqual(old.Domains, cfg.Domains) {
		if done.Canceled, err = g.applyDomains(ctx, old, cfg, done.Changed); err != nil {
			return api.Reloaded{}, err
		}
	}
	showCertificate()
	g.apply(cfg, verified)
	return done, nil
}

// reloadError turns an error of the configuration into one with its lines.
func reloadError(err error) error {
	e := &api.ReloadError{Detail: "The configuration cannot be read. The old one is kept.", Err: err}
	var faults *config.Error
	if !errors.As(err, &faults) {
		e.Faults = []api.Fault{{Pointer: "configuration", Detail: err.Error()}}
		return e
	}
	e.Detail = "The configuration has errors. The old one is kept; correct the errors and reload again."
	for _, f := range faults.Faults {
		where, what, _ := strings.Cut(f.String(), ": ")
		e.Faults = append(e.Faults, api.Fault{Pointer: where, Detail: what})
	}
	return e
}

// merge returns the new configuration without the changes that need a restart, and the names of all changes.
func (g *Gateway) merge(old, fresh *config.Config) (*config.Config, api.Reloaded) {
	cfg := *fresh
	done := api.Reloaded{Changed: []string{}, NeedsRestart: []string{}, Warnings: append([]string{}, fresh.Warnings...)}
	restart := map[string]bool{} // keys of bots that are not running yet, or whose address or proxy changes
	cfg.Domains = map[string]config.Domain{}
	for id, d := range fresh.Domains {
		before, known := old.Domains[id]
		domainSection := config.DomainTable(id)
		current, running := g.currentSection(old, d.Telegram)
		switch {
		case running:
			section := d.Telegram
			restart[domainSection+".messaging"] = section.BaseURL != current.BaseURL || section.Proxy != current.Proxy || section.MTProxy != current.MTProxy
			current.BotToken = d.Telegram.BotToken
			d.Telegram = current
		case known:
			d.Telegram = before.Telegram
			restart[domainSection+".messaging"], restart[domainSection+".messaging.telegram.bottoken"], restart["messaging.telegram.bottoken"] = true, true, true
		default:
			restart[domainSection] = true
			continue
		}
		cfg.Domains[id] = d
	}
	token := fresh.Messaging.Telegram.BotToken
	cfg.Messaging.Telegram = old.Messaging.Telegram
	if config.BotID(token) == config.BotID(old.Messaging.Telegram.BotToken) {
		cfg.Messaging.Telegram.BotToken = token
	} else {
		restart["messaging.telegram.bottoken"] = true
	}
	renewed := cmp.Compare(old.API.TLSCert, "") == cmp.Compare(fresh.API.TLSCert, "") // a new certificate, but TLS is not switched on or off
	cfg.API.Listen = old.API.Listen
	if !renewed {
		cfg.API.TLSCert, cfg.API.TLSKey = old.API.TLSCert, old.API.TLSKey
	}
	cfg.Database, cfg.Log.Format = old.Database, old.Log.Format
	cfg.Limits.UserPerDay, cfg.Limits.UserBroadcastsPerMinute = old.Limits.UserPerDay, old.Limits.UserBroadcastsPerMinute
	for _, name := range fresh.Changes(old) {
		later := needsRestart.MatchString(name) || restart[name]
		if strings.HasPrefix(name, "api.tls_") && renewed {
			later = false
		}
		if later {
			done.NeedsRestart = append(done.NeedsRestart, name)
		} else {
			done.Changed = append(done.Changed, name)
		}
	}
	return &cfg, done
}

// currentSection is the section that t's bot runs with now; running is false if the bot does not run. A domain without a bot has the user
// session, if that replaces bots.
func (g *Gateway) currentSection(old *config.Config, t config.Telegram) (section config.Telegram, running bool) {
	id := config.BotID(t.BotToken)
	if id == 0 {
		section = old.Messaging.Telegram
		section.BotToken = ""
		return section, g.mtproto.replacesBot || old.Messaging.Telegram.Session == "" && t.Session == ""
	}
	if g.clients[id] == nil {
		return config.Telegram{}, false
	}
	return g.botSections[id], true
}

// verifyTokens checks each new token at Telegram.
func (g *Gateway) verifyTokens(ctx context.Context, old, cfg *config.Config) (map[int64]*bot.VerifiedToken, error) {
	before, now := tokens(old), tokens(cfg)
	verified := map[int64]*bot.VerifiedToken{}
	for id, token := range now {
		if before[id] == token || g.clients[id] == nil {
			continue
		}
		asking, cancel := context.WithTimeout(ctx, verifyTimeout)
		token, err := g.clients[id].VerifyToken(asking, token.Reveal())
		cancel()
		if err != nil {
			return nil, &api.ReloadError{Detail: fmt.Sprintf("The new token of bot %d could not be verified at Telegram (%v). The old configuration "+
				"with the old token is kept; check the token, or reload again when Telegram can be reached.", id, err), Err: err}
		}
		verified[id] = token
	}
	return verified, nil
}

// tokens are the tokens of a configuration, by bot id.
func tokens(cfg *config.Config) map[int64]config.Secret {
	all := map[int64]config.Secret{}
	for _, d := range cfg.Domains {
		if d.Telegram.BotToken != "" {
			all[config.BotID(d.Telegram.BotToken)] = d.Telegram.BotToken
		}
	}
	return all
}

// applyDomains applies the domains of a configuration, cancels pending verifications where msg2factor is now off, and writes an audit entry. If
// that fails, it restores the old domains.
func (g *Gateway) applyDomains(ctx context.Context, old, cfg *config.Config, changed []string) (canceled int, err error) {
	domains := slices.Collect(maps.Keys(cfg.Domains))
	for id := range old.Domains {
		if _, stays := cfg.Domains[id]; !stays {
			domains = append(domains, id)
		}
	}
	slices.Sort(domains)
	g.domains.set(cfg.Domains)
	canceled, err = g.codes.ApplyPolicy(ctx, domains, audit.Entry{
		Time: time.Now(), Event: audit.ConfigReloaded, Outcome: shortList(changed),
	})
	if err != nil {
		g.domains.set(old.Domains)
	}
	return canceled, err
}

// shortList joins names, at most the first 20.
func shortList(names []string) string {
	const most = 20
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], " "), len(names)-most)
	}
	return strings.Join(names, " ")
}

// apply applies the rest of a configuration. It cannot fail.
func (g *Gateway) apply(cfg *config.Config, verified map[int64]*bot.VerifiedToken) {
	logging.Reconfigure(g.log, cfg)
	for id, token := range verified {
		g.clients[id].UseToken(token)
		g.domains.bots[id].RetryNow()
	}
	g.server.SetKeys(apiKeys(cfg))
	g.console.SetKeys(consoleKeys(cfg))
	g.dispatcher.SetLimits(sendingLimits(cfg))
	g.broadcasts.SetPace(notify.Pace{PerSecond: cfg.Limits.BotPerSecond})
	g.codes.SetSettings(codeSettings(cfg))
	g.cfg.Store(cfg)
}

func sendingLimits(cfg *config.Config) delivery.Limits {
	return delivery.Limits{
		BotPerSecond: cfg.Limits.BotPerSecond, ChatPerSecond: cfg.Limits.ChatPerSecond, GroupPerMinute: cfg.Limits.GroupPerMinute,
	}
}

func codeSettings(cfg *config.Config) twofa.Settings {
	return twofa.Settings{Digits: cfg.Limits.CodeDigits, Lifetime: cfg.Limits.CodeTTL}
}
