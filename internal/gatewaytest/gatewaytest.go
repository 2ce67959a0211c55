// Package gatewaytest sets up the services of a gateway on a real database, for the tests of the API and the console. The tests
// play Telegram.
package gatewaytest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"telegate/api"
	"telegate/db"
	"telegate/db/dbtest"
	"telegate/delivery"
	"telegate/language"
	"telegate/linking"
	"telegate/notify"
	"telegate/twofa"
)

// BotID is the id of the bot of all domains.
const BotID = 1000

// Store is what the services store in.
type Store interface {
	linking.Store
	twofa.Store
	notify.Store
	notify.BroadcastStore
	notify.TopicStore
}

// Gateway is the services on a database.
type Gateway struct {
	T          testing.TB
	Clock      *dbtest.Clock
	DB         *db.DB
	Path       string // of the database
	Domains    *Domains
	Outbox     *Outbox
	Links      *linking.Service
	Codes      *twofa.Service
	Messages   *notify.Service
	Broadcasts *notify.Broadcaster
	Topics     *notify.Topics
	Log        *Buffer
	Logger     *slog.Logger
}

// New sets up a gateway. store wraps the database for the services; nil: it is used as it is.
func New(t testing.TB, store func(*db.DB) Store, domains ...api.Domain) *Gateway {
	t.Helper()
	g := &Gateway{
		T: t, Clock: dbtest.NewClock(), Path: filepath.Join(t.TempDir(), "telegate.db"), Log: &Buffer{}, Domains: &Domains{}, Outbox: &Outbox{},
	}
	for _, d := range domains {
		g.Domains.Set(d)
	}
	g.DB = dbtest.OpenAt(t, g.Path, g.Clock.Now, nil)
	var s Store = g.DB
	if store != nil {
		s = store(g.DB)
	}
	g.Logger = slog.New(slog.NewTextHandler(g.Log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	g.Links = linking.New(s, g.Domains, g.DB.MACKey("confirm code"), g.Clock.Now, g.Logger)
	g.Codes = twofa.New(s, g.Domains, g.DB.MACKey("code"), twofa.Settings{Digits: 6, Lifetime: 5 * time.Minute}, g.Clock.Now, g.Logger)
	g.Messages = notify.New(s, g.Domains, g.Outbox, g.Clock.Now, g.Logger)
	g.Broadcasts = notify.NewBroadcaster(notify.BroadcasterOptions{
		Store: s, Domains: g.Domains, Outbox: g.Outbox, Watcher: g.DB, Pace: notify.Pace{PerSecond: 30}, Now: g.Clock.Now, Logger: g.Logger,
	})
	g.Topics = notify.NewTopics(s, g.DB.MACKey("topic"), g.Clock.Now)
	return g
}

// RunBroadcasts runs the broadcaster until the test ends.
func (g *Gateway) RunBroadcasts() {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		if err := g.Broadcasts.Run(ctx); err != nil {
			g.T.Errorf("the broadcaster ended with %v", err)
		}
	})
	g.T.Cleanup(func() { cancel(); done.Wait() })
}

// Footprint changes with every byte that is committed to the database.
func (g *Gateway) Footprint() string {
	g.T.Helper()
	h := sha256.New()
	for _, path := range []string{g.Path, g.Path + "-wal"} {
		data, err := os.ReadFile(path)
		if err != nil {
			g.T.Fatal(err)
		}
		h.Write(data)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Hash is the digest of an API key, as in api.Key.
func Hash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Domains is a configuration that a test can change.
type Domains struct {
	mu       sync.Mutex
	list     map[string]api.Domain
	offline  bool
	otherBot bool
}

// Set adds or replaces a domain.
func (d *Domains) Set(domain api.Domain) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.list == nil {
		d.list = map[string]api.Domain{}
	}
	d.list[domain.ID] = domain
}

// SetOffline cuts the bot off from Telegram, or ends that.
func (d *Domains) SetOffline(offline bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.offline = offline
}

// ChangeBot configures another bot than the one that the links were made with.
func (d *Domains) ChangeBot() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.offline, d.otherBot = true, true
}

// HasBot implements api.Domains.
func (d *Domains) HasBot(int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.otherBot
}

// Domain implements api.Domains.
func (d *Domains) Domain(id string) (api.Domain, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	domain, ok := d.list[id]
	return domain, ok
}

// Domains implements api.Domains.
func (d *Domains) Domains() []api.Domain {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []api.Domain
	for _, domain := range d.list {
		list = append(list, domain)
	}
	slices.SortFunc(list, func(a, b api.Domain) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// ResolveUsername implements linking.Domains. These domains have bots.
func (d *Domains) ResolveUsername(context.Context, int64, string) (bool, error) { return true, nil }

// Title implements linking.Domains.
func (d *Domains) Title(id string) (string, bool) {
	domain, ok := d.Domain(id)
	return domain.Title, ok
}

var catalogues = language.New()

// Words implements linking.Domains, in the requested language.
func (d *Domains) Words(_, call, person string) *language.Words {
	return catalogues[language.Pick(call, person, "")]()
}

// BotWords implements linking.Domains.
func (d *Domains) BotWords(_ int64, person string) *language.Words { return d.Words("", "", person) }

// Bot implements linking.Domains.
func (d *Domains) Bot(id string) (int64, string) {
	domain, _ := d.Domain(id)
	if len(domain.Unavailable) > 0 {
		return delivery.UserSession, ""
	}
	return BotID, domain.Bot
}

// Msg2Factor implements twofa.Domains.
func (d *Domains) Msg2Factor(id string) bool {
	domain, _ := d.Domain(id)
	return domain.Msg2Factor
}

// RequiresAuthentication implements linking.Domains.
func (d *Domains) RequiresAuthentication(id string) bool {
	domain, _ := d.Domain(id)
	return domain.RequireAuthenticatedAt
}

// CanSend implements twofa.Domains.
func (d *Domains) CanSend(int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.offline
}

// Outbox reports one message as being sent.
type Outbox struct {
	mu       sync.Mutex
	inFlight string
}

// InFlight implements notify.Outbox.
func (o *Outbox) InFlight(id string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return id == o.inFlight
}

// Take starts sending a message.
func (o *Outbox) Take(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.inFlight = id
}
