package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"telegate/api"
	"telegate/bot"
	"telegate/config"
	pages "telegate/console"
	"telegate/db"
	"telegate/delivery"
	"telegate/doctor"
	"telegate/integrations/meshcentral"
	"telegate/internal/audit"
	"telegate/internal/telegram"
	"telegate/internal/version"
	"telegate/language"
	"telegate/linking"
	"telegate/notify"
	"telegate/twofa"
	"telegate/userclient"
)

// Gateway holds all parts of a running gateway.
type Gateway struct {
	cfg         atomic.Pointer[config.Config]
	source      func() (*config.Config, error) // reads the configuration again; nil if there is no file
	reloading   sync.Mutex                     // one reload at a time
	check       func(ctx context.Context) []doctor.Finding
	checking    sync.Mutex // one run of the checks at a time
	log         *slog.Logger
	started     time.Time
	db          *db.DB
	ready       readiness
	domains     *domains
	clients     map[int64]*bot.Client
	botSections map[int64]config.Telegram // by bot: the section that its client was made from
	mtproto     *mtproto
	handlers    []*bot.UpdateHandler
	dispatcher  *delivery.Dispatcher
	broadcasts  *notify.Broadcaster
	codes       *twofa.Service
	metrics     *metrics
	server      *api.Server
	console     *pages.Console
	listener    net.Listener
}

// Options are the input of Open.
type Options struct {
	Config *config.Config
	Source func() (*config.Config, error) // reads the configuration again; nil if there is no file
	// Check runs the checks of telegate doctor for the console; nil without them.
	Check  func(ctx context.Context) []doctor.Finding
	Logger *slog.Logger
	// NewDatabase allows a new database beside the key file of an earlier one.
	NewDatabase bool
	// DataCentres replace Telegram's data centres in tests.
	DataCentres []userclient.Server
}

// Open builds the gateway of a configuration and opens its database and its address. It does not call Telegram: trouble there is a state of
// the running gateway, not a failure to start. If the configuration is wrong, the error is a usage error (exit.Status).
func Open(ctx context.Context, o Options) (*Gateway, error) {
	g := &Gateway{
		source: o.Source, check: o.Check, log: o.Logger, started: time.Now(), clients: map[int64]*bot.Client{}, botSections: map[int64]config.Telegram{},
		mtproto: &mtproto{servers: o.DataCentres},
	}
	g.cfg.Store(o.Config)
	g.domains = newDomains(o.Config, g.mtproto)
	if err := g.open(ctx, o.NewDatabase); err != nil {
		return nil, errors.Join(err, g.close())
	}
	return g, nil
}

// DB is the gateway's open database.
func (g *Gateway) DB() *db.DB { return g.db }

// Bot is the bot with an id; nil if no domain has it.
func (g *Gateway) Bot(id int64) *bot.Poller { return g.domains.bots[id] }

// UserSession is the client of the user session; nil if there is none.
func (g *Gateway) UserSession() *userclient.Client { return g.mtproto.user }

// OverMTProto is a bot's client for MTProto; nil without the fallback.
func (g *Gateway) OverMTProto(botID int64) *userclient.Client { return g.mtproto.bots[botID] }

func (g *Gateway) open(ctx context.Context, newDatabase bool) error {
	cfg, log := g.cfg.Load(), g.log
	transports := map[int64]delivery.Transport{}
	if err := g.newClients(transports); err != nil {
		return err
	}
	var err error
	g.db, err = db.Open(ctx, db.Options{
		Path: cfg.Database.Path, KeyFile: cfg.Database.KeyFile, NewDatabase: newDatabase, Now: time.Now,
		OnQueued:  func(queued []delivery.Queued) { g.dispatcher.Wake(queued) },
		OnAudited: func(entries []audit.Entry) { g.metrics.audited(entries) },
		OnEnded: func(ended []delivery.Message) {
			for _, m := range ended {
				g.metrics.messageEnded(m)
			}
		},
	})
	if err != nil {
		return err
	}
	if err := g.db.AuditBroken(); err != nil {
		log.Error("the audit was changed from outside, or is damaged", "error", err)
	}
	if g.db.Unchecked() {
		log.Info("the database is too large to check completely at the start; telegate doctor checks it while telegate runs")
	}
	if err := g.mtproto.open(ctx, g); err != nil {
		return err
	}
	fallbacks := map[int64][]delivery.Fallback{}
	g.mtproto.connect(transports, fallbacks)
	g.ready.ask = g.db.Ready
	links := linking.New(g.db, g.domains, g.db.MACKey("confirm code"), now, log)
	g.domains.links = links
	g.codes = twofa.New(g.db, g.domains, g.db.MACKey("code"),
		codeSettings(cfg), now, log)
	g.metrics = newMetrics(g)
	userBroadcasts := notify.Pace{PerSecond: cfg.Limits.UserBroadcastsPerMinute / 60, PerDay: userclient.BroadcastsPerDay(cfg.Limits.UserPerDay)}
	g.dispatcher = delivery.NewDispatcher(delivery.Options{
		Store: g.db, Transports: transports, Fallbacks: fallbacks,
		Limits: sendingLimits(cfg),
		OwnLimits: map[int64]delivery.Limits{delivery.UserSession: { // slow, as a person sends (userclient)
			BotPerSecond: 1, ChatPerSecond: 1, GroupPerMinute: 1, BroadcastPerSecond: userBroadcasts.PerSecond,
		}},
		Listener: delivery.Listener{
			Failed: func(ctx context.Context, m delivery.Message, f delivery.Failure, gone bool) error {
				if m.BotID == delivery.UserSession && f.Reason != delivery.ReasonDeactivated {
					gone = false // an account cannot see that a refusal has passed, except by the next message
				}
				if err := g.codes.FailUndeliverable(ctx, m.ID); err != nil || !gone {
					return err
				}
				return links.ChatBlocked(ctx, m.BotID, m.ChatID)
			},
			Ended: g.metrics.messageEnded,
			Tried: g.metrics.sendTried,
		},
		Now: now, Logger: log,
	})
	messages := notify.New(g.db, g.domains, g.dispatcher, now, log)
	g.broadcasts = notify.NewBroadcaster(notify.BroadcasterOptions{
		Store: g.db, Domains: g.domains, Outbox: g.dispatcher, Watcher: g.db, Now: now, Logger: log,
		Pace:    notify.Pace{PerSecond: cfg.Limits.BotPerSecond},
		OwnPace: map[int64]notify.Pace{delivery.UserSession: userBroadcasts},
	})
	topics := notify.NewTopics(g.db, g.db.MACKey("topic"), now)
	g.newBots(links, messages, topics)

	g.console = pages.New(pages.Options{
		Links: links, Verifications: g.codes, Messages: messages, Broadcasts: g.broadcasts, Domains: consoleDomains{g.domains}, Store: g.db,
		Keys: consoleKeys(cfg), Status: g.Status, Checks: g.consoleChecks(), QR: api.QRSVG, Explain: api.Explain, Version: version.Version, Now: now, Logger: log,
	})
	g.server = api.New(api.Options{
		Links: links, Verifications: g.codes, Messages: messages, Broadcasts: g.broadcasts, Topics: topics, Domains: g.domains,
		Keys: apiKeys(cfg), Answers: g.db, AnswerKey: g.db.MACKey("idempotency"), Watcher: g.db, Health: g.Health, Queue: g.queue, Expected: g.dispatcher.Expected, Reload: g.Reload, Ready: g.ready.check,
		Pages: meshcentral.Pages(version.Version), Console: g.console,
		Metrics: g.metrics.registry, Private: !cfg.API.Public(), Unix: strings.HasPrefix(cfg.API.Listen, "unix:"), Version: version.Version, Now: now, Logger: log,
	})
	g.listener, err = api.Listen(ctx, cfg.API.Listen, cfg.API.TLSCert, cfg.API.TLSKey)
	return err
}

// newClients makes one client per bot. Domains may share a bot.
func (g *Gateway) newClients(transports map[int64]delivery.Transport) error {
	tokens := map[int64]config.Secret{}
	for id, d := range g.cfg.Load().Domains {
		t := d.Telegram
		if t.BotToken == "" {
			continue
		}
		c, err := telegram.NewBotClient(t, g.log)
		if err != nil {
			return fmt.Errorf("domain %q: %w", id, err)
		}
		if known, ok := tokens[c.ID()]; ok {
			if known != t.BotToken {
				return fmt.Errorf("domain %q has another token for a bot that is already configured; one of the two is out of date", id)
			}
			c.Close()
			continue
		}
		tokens[c.ID()], g.botSections[c.ID()], g.clients[c.ID()], transports[c.ID()] = t.BotToken, t, c, c
	}
	return nil
}

func (g *Gateway) newBots(links *linking.Service, messages *notify.Service, topics *notify.Topics) {
	for id, c := range g.clients {
		handler := bot.NewUpdateHandler(bot.UpdateHandlerOptions{
			Client: c, Links: links, Codes: g.codes, Messages: messages, Topics: topics, Now: time.Now, Logger: g.log, OnIgnored: g.metrics.updateIgnored,
			Username:  func() string { return g.domains.bots[id].Status().Username },
			PublicURL: func() string { return g.cfg.Load().API.PublicURL },
			Title:     func(domain string) string { title, _ := g.domains.Title(domain); return title },
			Words:     func(person string) *language.Words { return g.domains.BotWords(id, person) },
		})
		g.handlers = append(g.handlers, handler)
		g.domains.bots[id] = bot.NewPoller(bot.PollerOptions{
			Client: c, Store: g.db, Handler: handler, Logger: g.log, Now: time.Now, OnIgnored: g.metrics.updateIgnored,
			OnConnected: func() { g.dispatcher.Resume(id); handler.PublishCommands() },
		})
	}
}

// now is the clock of the services, in the precision that the database stores: so a time in the answer to a call is the same later.
func now() time.Time { return time.Now().Truncate(time.Millisecond) }

func (g *Gateway) Address() string {
	if g.listener.Addr().Network() == "unix" {
		return "unix:" + g.listener.Addr().String()
	}
	scheme := "http://"
	if g.cfg.Load().API.TLSCert != "" {
		scheme = "https://"
	}
	return scheme + g.listener.Addr().String()
}

// Run runs the gateway until the context ends. Then it finishes requests and sends, and closes the database.
func (g *Gateway) Run(ctx context.Context) error {
	if n, err := g.codes.ApplyPolicy(ctx, slices.Sorted(maps.Keys(g.cfg.Load().Domains))); ctx.Err() != nil {
		return g.close() // stopped before the start
	} else if err != nil {
		return errors.Join(err, g.close())
	} else if n > 0 {
		g.log.Info("pending verifications canceled: msg2factor is off", "canceled", n)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return g.dispatcher.Run(ctx) })
	group.Go(func() error { return g.broadcasts.Run(ctx) })
	for _, b := range g.domains.bots {
		group.Go(func() error { return b.Run(ctx) })
	}
	for _, c := range g.mtproto.clients() {
		group.Go(func() error { return c.Run(ctx) })
	}
	group.Go(func() error { return g.server.Run(ctx, g.listener) })
	group.Go(func() error { return g.prune(ctx) })
	group.Go(func() error { return g.endExpired(ctx) })
	err := group.Wait()
	for _, d := range g.handlers {
		d.Close()
	}
	return errors.Join(err, g.close())
}

func (g *Gateway) close() error {
	for _, c := range g.clients {
		c.Close()
	}
	var errs []error
	if g.listener != nil { // the server has closed it, if it has run
		if err := g.listener.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if g.db != nil {
		errs = append(errs, g.db.Close())
	}
	return errors.Join(errs...)
}

// endExpired ends verifications that have expired, every minute.
func (g *Gateway) endExpired(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		if err := g.codes.EndExpired(ctx); err != nil && ctx.Err() == nil {
			g.log.Error("ending expired sign-in codes failed; retrying in a minute", "error", err)
		}
	}
}

// prune deletes old rows, now and every hour.
func (g *Gateway) prune(ctx context.Context) error {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if err := g.db.Prune(ctx, time.Now(), retention(g.cfg.Load())); err != nil && ctx.Err() == nil {
			g.log.Error("deleting old rows failed; retrying in an hour", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func retention(cfg *config.Config) db.Retention {
	const day = 24 * time.Hour
	r := cfg.Retention
	return db.Retention{
		Messages: time.Duration(r.MessagesDays) * day, Updates: time.Duration(r.UpdatesDays) * day, Audit: time.Duration(r.AuditDays) * day,
	}
}

func apiKeys(cfg *config.Config) []api.Key {
	keys := make([]api.Key, len(cfg.API.Keys))
	for i, k := range cfg.API.Keys {
		keys[i] = api.Key{Name: k.Name, Hash: k.Hash, Domains: k.Domains, ConsoleOnly: k.User != ""}
		for _, scope := range k.Scopes {
			keys[i].Scopes = append(keys[i].Scopes, api.Scope(scope))
		}
	}
	return keys
}
