package api_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"telegate/api"
	"telegate/db"
	"telegate/db/dbtest"
	"telegate/delivery"
	"telegate/language"
	"telegate/linking"
	"telegate/notify"
	"telegate/twofa"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The keys of the tests, by what they may do. Their hashes stand in the server's options.
const (
	keyAll    = "key-all"    // every domain, every scope
	keyCorp   = "key-corp"   // every scope in the domain corp
	keyLink   = "key-link"   // one scope each, in every domain
	keyVerify = "key-verify" //
	keySend   = "key-send"   //
	keyAdmin  = "key-admin"  //
)

const botID = 1000

// gateway is the API over the real rooms on a real database; Telegram is played by the test.
type gateway struct {
	t          testing.TB
	clock      *dbtest.Clock
	db         *db.DB
	store      *store
	path       string // of the database
	domains    *domains
	outbox     *outbox
	links      *linking.Service
	codes      *twofa.Service
	messages   *notify.Service
	broadcasts *notify.Broadcaster
	topics     *notify.Topics
	server     *api.Server
	log        *safeBuffer
	contract   contract
}

// newGateway makes a gateway; the functions may change the server's options before it is made.
func newGateway(t testing.TB, change ...func(*api.Options)) *gateway {
	t.Helper()
	g := &gateway{
		t: t, clock: dbtest.NewClock(), path: filepath.Join(t.TempDir(), "telegate.db"), log: &safeBuffer{},
		domains: newDomains(), outbox: &outbox{},
	}
	g.db = dbtest.OpenAt(t, g.path, g.clock.Now, nil)
	g.store = &store{DB: g.db}
	logger := slog.New(slog.NewTextHandler(g.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	g.links = linking.New(g.store, g.domains, g.db.MACKey("confirm code"), g.clock.Now, logger)
	g.codes = twofa.New(g.store, g.domains, g.db.MACKey("code"), twofa.Settings{Digits: 6, Lifetime: 5 * time.Minute}, g.clock.Now, logger)
	g.messages = notify.New(g.store, g.domains, g.outbox, g.clock.Now, logger)
	g.broadcasts = notify.NewBroadcaster(notify.BroadcasterOptions{
		Store: g.store, Domains: g.domains, Outbox: g.outbox, Watcher: g.db, Pace: notify.Pace{PerSecond: 30}, Now: g.clock.Now, Logger: logger,
	})
	g.topics = notify.NewTopics(g.store, g.db.MACKey("topic"), g.clock.Now)
	every := []api.Scope{"link", "verify", "send", "admin"}
	o := api.Options{
		Links: g.links, Verifications: g.codes, Messages: g.messages, Broadcasts: g.broadcasts, Topics: g.topics, Domains: g.domains,
		Keys: []api.Key{
			{Name: "all", Hash: hash(keyAll), Domains: []string{"*"}, Scopes: every},
			{Name: "corp", Hash: hash(keyCorp), Domains: []string{"corp"}, Scopes: every},
			{Name: "link", Hash: hash(keyLink), Domains: []string{"*"}, Scopes: every[0:1]},
			{Name: "verify", Hash: hash(keyVerify), Domains: []string{"*"}, Scopes: every[1:2]},
			{Name: "send", Hash: hash(keySend), Domains: []string{"*"}, Scopes: every[2:3]},
			{Name: "admin", Hash: hash(keyAdmin), Domains: []string{"*"}, Scopes: every[3:4]},
		},
		Answers: g.db, AnswerKey: g.db.MACKey("idempotency"), Watcher: g.db,
		Health: func(context.Context) []api.Component {
			return []api.Component{{Name: "database", Status: api.HealthOK}}
		},
		Queue: func(context.Context) (api.Queue, error) { return queue(), nil },
		Ready: g.store.Ready,
		Reload: func(ctx context.Context) (api.Reloaded, error) {
			canceled, err := g.codes.ApplyPolicy(ctx, []string{""})
			return api.Reloaded{Changed: []string{"log.level"}, NeedsRestart: []string{}, Warnings: []string{}, Canceled: canceled}, err
		},
		Metrics: prometheus.NewRegistry(), Private: true, Version: "1.2.3", Now: g.clock.Now, Logger: logger,
	}
	for _, f := range change {
		f(&o)
	}
	g.server = api.New(o)
	g.contract = readContract(t, g.server)
	return g
}

func hash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// domains is a configuration that a test can change: "" and corp, and off, where msg2factor is off.
type domains struct {
	mu      sync.Mutex
	list    map[string]api.Domain
	offline bool // the bot has no way to Telegram
	another bool // another bot is configured than the one the links were made with
}

func newDomains() *domains {
	return &domains{list: map[string]api.Domain{
		"":     {ID: "", Title: "My Server", Msg2Factor: true, Bot: "SomeBot", BotState: "connected"},
		"corp": {ID: "corp", Title: "Corp", Msg2Factor: true, Bot: "SomeBot", BotState: "connected"},
		"off":  {ID: "off", Title: "Off", Msg2Factor: false, Bot: "SomeBot", BotState: "connected"},
	}}
}

func (d *domains) set(domain api.Domain) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list[domain.ID] = domain
}

func (d *domains) setOffline(offline bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.offline = offline
}

func (d *domains) changeBot() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.offline, d.another = true, true
}

func (d *domains) HasBot(int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.another
}

func (d *domains) Domain(id string) (api.Domain, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	domain, ok := d.list[id]
	return domain, ok
}

func (d *domains) Domains() []api.Domain {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []api.Domain
	for _, domain := range d.list {
		list = append(list, domain)
	}
	slices.SortFunc(list, func(a, b api.Domain) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// ResolveUsername implements linking.Domains: these domains have bots.
func (d *domains) ResolveUsername(context.Context, int64, string) (bool, error) { return true, nil }

func (d *domains) Title(id string) (string, bool) {
	domain, ok := d.Domain(id)
	return domain.Title, ok
}

// Words implements linking.Domains: in the language that is asked for.
func (d *domains) Words(_, call, person string) *language.Words {
	return catalogues[language.Pick(call, person, "")]()
}

func (d *domains) BotWords(_ int64, person string) *language.Words { return d.Words("", "", person) }

var catalogues = language.New()

func (d *domains) Bot(id string) (int64, string) {
	domain, _ := d.Domain(id)
	if len(domain.Unavailable) > 0 {
		return delivery.UserSession, ""
	}
	return botID, domain.Bot
}

func (d *domains) Msg2Factor(id string) bool {
	domain, _ := d.Domain(id)
	return domain.Msg2Factor
}

func (d *domains) CanSend(int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.offline
}

// store is the database as the rooms have it, with a fault that can be switched on.
type store struct {
	*db.DB
	broken atomic.Bool
	writes atomic.Pointer[error] // what writes, and writes only, are answered; nil: nothing
}

var errDisk = errors.New("disk I/O error in /var/lib/inside.db")

func (s *store) try(do func() error) error {
	if s.broken.Load() {
		return errDisk
	}
	return do()
}

// refuse lets writes fail from now on, so that err says why; nil ends it.
func (s *store) refuse(err error) { s.writes.Store(&err) }

func (s *store) write(do func() error) error {
	if err := s.writes.Load(); err != nil && *err != nil {
		return fmt.Errorf("write to database: %w", *err)
	}
	return s.try(do)
}

func (s *store) Ready(ctx context.Context) error {
	return s.write(func() error { return s.DB.Ready(ctx) })
}

func (s *store) UpdateLinks(ctx context.Context, fn func(linking.Tx) error) error {
	return s.write(func() error { return s.DB.UpdateLinks(ctx, fn) })
}

func (s *store) ViewLinks(ctx context.Context, fn func(linking.Tx) error) error {
	return s.try(func() error { return s.DB.ViewLinks(ctx, fn) })
}

func (s *store) UpdateVerifications(ctx context.Context, fn func(twofa.Tx) error) error {
	return s.write(func() error { return s.DB.UpdateVerifications(ctx, fn) })
}

func (s *store) ViewVerifications(ctx context.Context, fn func(twofa.Tx) error) error {
	return s.try(func() error { return s.DB.ViewVerifications(ctx, fn) })
}

func (s *store) UpdateBroadcasts(ctx context.Context, fn func(notify.BroadcastTx) error) error {
	return s.write(func() error { return s.DB.UpdateBroadcasts(ctx, fn) })
}

func (s *store) ViewBroadcasts(ctx context.Context, fn func(notify.BroadcastTx) error) error {
	return s.try(func() error { return s.DB.ViewBroadcasts(ctx, fn) })
}

func (s *store) UpdateMessages(ctx context.Context, fn func(notify.Tx) error) error {
	return s.write(func() error { return s.DB.UpdateMessages(ctx, fn) })
}

func (s *store) ViewMessages(ctx context.Context, fn func(notify.Tx) error) error {
	return s.try(func() error { return s.DB.ViewMessages(ctx, fn) })
}

// outbox says of one message that it is on its way right now.
type outbox struct {
	mu       sync.Mutex
	inFlight string
}

func (o *outbox) InFlight(id string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return id == o.inFlight
}

func (o *outbox) take(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.inFlight = id
}

// safeBuffer is a buffer that many may write to.
type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// footprint changes with every byte that is committed to the database.
func (g *gateway) footprint() string {
	g.t.Helper()
	h := sha256.New()
	for _, path := range []string{g.path, g.path + "-wal"} {
		data, err := os.ReadFile(path)
		if err != nil {
			g.t.Fatal(err)
		}
		h.Write(data)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// leavesNothing checks that what f does commits nothing.
func (g *gateway) leavesNothing(f func()) {
	g.t.Helper()
	before := g.footprint()
	f()
	if g.footprint() != before {
		g.t.Error("something was written to the database")
	}
}
