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

// proveTimeout is how long Telegram may take to say whose a fresh token is.
const verifyTimeout = 15 * time.Second

// needsRestart matches what is read once, at the start. A bot's token is another matter: a fresh one of the same bot is taken up.
var needsRestart = regexp.MustCompile(`^(api\.(listen|tls_cert|tls_key)|database\.path|log\.format|limits\.user_\w+|` +
	`messaging\.telegram\.(apiid|apihash|session|baseurl|proxy|fallback\..*)|domains\..*\.messaging\.telegram\.(baseurl|proxy))$`)

// Reload reads the configuration again and puts in force what can be without a restart: all of it, or after any error nothing. The error
// is an *api.ReloadError, or says why the audit could not be written.
func (g *Gateway) Reload(ctx context.Context) (api.Reloaded, error) {
	g.reloading.Lock()
	defer g.reloading.Unlock()
	done, err := g.tryReload(ctx)
	g.metrics.reloaded(err)
	if err != nil {
		g.log.ErrorContext(ctx, "the configuration was not read again; the old one stays in force", "error", err)
		return done, err
	}
	g.log.InfoContext(ctx, "the configuration was read again", "changed", shortList(done.Changed),
		"needs_restart", shortList(done.NeedsRestart), "canceled", done.Canceled)
	return done, nil
}

func (g *Gateway) tryReload(ctx context.Context) (api.Reloaded, error) {
	if g.source == nil {
		return api.Reloaded{}, &api.ReloadError{Detail: "This gateway was started without a configuration file, so there is nothing to read again."}
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
		return api.Reloaded{}, &api.ReloadError{Detail: err.Error() + ". The old configuration stays in force."}
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

// faultsOf tells an error of the configuration line by line.
func reloadError(err error) error {
	e := &api.ReloadError{Detail: "The configuration cannot be read. The old one stays in force.", Err: err}
	var faults *config.Error
	if !errors.As(err, &faults) {
		e.Faults = []api.Fault{{Pointer: "configuration", Detail: err.Error()}}
		return e
	}
	e.Detail = "The configuration has faults. The old one stays in force; mend them and reload again."
	for _, f := range faults.Faults {
		where, what, _ := strings.Cut(f.String(), ": ")
		e.Faults = append(e.Faults, api.Fault{Pointer: where, Detail: what})
	}
	return e
}

// settle answers what of a fresh configuration can be in force now, and names what has changed.
func (g *Gateway) merge(old, fresh *config.Config) (*config.Config, api.Reloaded) {
	cfg := *fresh
	done := api.Reloaded{Changed: []string{}, NeedsRestart: []string{}, Warnings: append([]string{}, fresh.Warnings...)}
	restart := map[string]bool{} // what has to do with a bot that is not running yet, or is reached in another way
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
	renewed := cmp.Compare(old.API.TLSCert, "") == cmp.Compare(fresh.API.TLSCert, "") // renewed, not begun or ended
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

// inUse is the table by which the bot of another table is reached now; runs is false where it is not running. A domain without a bot has
// the user session, if that stands in for bots.
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

// prove asks Telegram about each token that has changed.
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
			return nil, &api.ReloadError{Detail: fmt.Sprintf("Telegram was asked whose the new token of bot %d is, and it cannot be used (%v). The old configuration, "+
				"with the old token, stays in force; look at the token, or reload again once Telegram can be reached.", id, err), Err: err}
		}
		verified[id] = token
	}
	return verified, nil
}

// tokens are those of a configuration by the id of the bot.
func tokens(cfg *config.Config) map[int64]config.Secret {
	all := map[int64]config.Secret{}
	for _, d := range cfg.Domains {
		if d.Telegram.BotToken != "" {
			all[config.BotID(d.Telegram.BotToken)] = d.Telegram.BotToken
		}
	}
	return all
}

// changeDomains puts the domains of a configuration in force, ends what is pending where msg2factor is off now, and writes that down. If
// it cannot be written, the old ones are in force again.
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

// inShort are the first of many names.
func shortList(names []string) string {
	const most = 20
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], " "), len(names)-most)
	}
	return strings.Join(names, " ")
}

// adopt puts the rest of a configuration in force; nothing here can fail.
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
	g.codes.Set(codeSettings(cfg))
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
