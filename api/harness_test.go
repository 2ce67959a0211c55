package api_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"telegate/api"
	"telegate/db"
	"telegate/delivery"
	"telegate/internal/gatewaytest"
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
	keyInvite = "key-invite" //
	keyAdmin  = "key-admin"  //
	keyAlice  = "key-alice"  // alice's own, for the console; every scope
)

// gateway is the API over real services; the test plays Telegram.
type gateway struct {
	*gatewaytest.Gateway
	store    *store
	server   *api.Server
	contract contract
	expected map[delivery.Waiting]time.Time // what the queue says of what waits
	badFile  bool                           // the configuration of the examples has an error
}

// newGateway sets up a gateway; the functions may change the server's options first.
func newGateway(t testing.TB, change ...func(*api.Options)) *gateway {
	t.Helper()
	g := &gateway{}
	g.Gateway = gatewaytest.New(t, func(d *db.DB) gatewaytest.Store { g.store = &store{DB: d}; return g.store },
		api.Domain{ID: "", Title: "My Server", Msg2Factor: true, Bot: "SomeBot", BotState: "connected"},
		api.Domain{ID: "corp", Title: "Corp", Msg2Factor: true, Bot: "SomeBot", BotState: "connected"},
		api.Domain{ID: "off", Title: "Off", Msg2Factor: false, Bot: "SomeBot", BotState: "connected"})
	every := []api.Scope{"link", "verify", "send", "admin", "invite"}
	o := api.Options{
		Links: g.Links, Verifications: g.Codes, Messages: g.Messages, Broadcasts: g.Broadcasts, Topics: g.Topics, Domains: g.Domains,
		Keys: []api.Key{
			{Name: "all", Hash: gatewaytest.Hash(keyAll), Domains: []string{"*"}, Scopes: every},
			{Name: "corp", Hash: gatewaytest.Hash(keyCorp), Domains: []string{"corp"}, Scopes: every},
			{Name: "link", Hash: gatewaytest.Hash(keyLink), Domains: []string{"*"}, Scopes: every[0:1]},
			{Name: "verify", Hash: gatewaytest.Hash(keyVerify), Domains: []string{"*"}, Scopes: every[1:2]},
			{Name: "send", Hash: gatewaytest.Hash(keySend), Domains: []string{"*"}, Scopes: every[2:3]},
			{Name: "admin", Hash: gatewaytest.Hash(keyAdmin), Domains: []string{"*"}, Scopes: every[3:4]},
			{Name: "invite", Hash: gatewaytest.Hash(keyInvite), Domains: []string{"*"}, Scopes: every[4:5]},
			{Name: "alice", Hash: gatewaytest.Hash(keyAlice), Domains: []string{"*"}, Scopes: every, ConsoleOnly: true},
		},
		Answers: g.DB, AnswerKey: g.DB.MACKey("idempotency"), Watcher: g.DB,
		Health: func(context.Context) []api.Component {
			return []api.Component{{Name: "database", Status: api.HealthOK}}
		},
		Queue:    func(context.Context) (api.Queue, error) { return queue(), nil },
		Expected: func(_ context.Context, about delivery.Waiting) time.Time { return g.expected[about] },
		Ready:    g.store.Ready,
		Reload: func(ctx context.Context) (api.Reloaded, error) {
			canceled, err := g.Codes.ApplyPolicy(ctx, []string{""})
			return api.Reloaded{Changed: []string{"log.level"}, NeedsRestart: []string{}, Warnings: []string{}, Canceled: canceled}, err
		},
		Metrics: prometheus.NewRegistry(), Private: true, Version: "1.2.3", Now: g.Clock.Now, Logger: g.Logger,
	}
	for _, f := range change {
		f(&o)
	}
	g.server = api.New(o)
	g.contract = readContract(t, g.server)
	return g
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

// leavesNothing checks that what f does commits nothing.
func (g *gateway) leavesNothing(f func()) {
	g.T.Helper()
	before := g.Footprint()
	f()
	if g.Footprint() != before {
		g.T.Error("something was written to the database")
	}
}
