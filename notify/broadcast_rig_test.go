package notify_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"telegate/db"
	"telegate/db/dbtest"
	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/linking"
	"telegate/notify"
)

// station is a broadcaster and a dispatcher over a real database, with a simulated Telegram, in a bubble where time passes
// only while everybody waits. A restart opens the same database anew.
type station struct {
	*testing.T
	path    string
	domains *domains
	tg      *telegram
	bots    map[int64]delivery.Transport

	db          *db.DB
	dispatcher  *delivery.Dispatcher
	broadcaster *notify.Broadcaster
	links       *linking.Service
	stop        func()
}

// telegram takes whatever is sent, after a while; fault may have another mind.
type telegram struct {
	latency time.Duration
	fault   func(chat int64, n int) *delivery.SendError // n: the how manieth send to the chat, from 1

	mu    sync.Mutex
	begun map[int64]int // sends by chat
	taken map[int64]int // those that Telegram took
}

func (*telegram) Name() string { return "bot" }

func (tg *telegram) Send(ctx context.Context, to delivery.Recipient, _ delivery.Part) error {
	tg.mu.Lock()
	tg.begun[to.ChatID]++
	n := tg.begun[to.ChatID]
	tg.mu.Unlock()
	select {
	case <-time.After(tg.latency):
	case <-ctx.Done():
		return &delivery.SendError{Class: delivery.Transient, Unknown: true, Err: ctx.Err()}
	}
	if tg.fault != nil {
		if err := tg.fault(to.ChatID, n); err != nil {
			return err
		}
	}
	tg.mu.Lock()
	defer tg.mu.Unlock()
	tg.taken[to.ChatID]++
	return nil
}

// sends answers the sends by chat that have begun and that were taken.
func (tg *telegram) sends() (begun, taken int, twice []int64) {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	for chat, n := range tg.begun {
		if begun += n; n > 1 {
			twice = append(twice, chat)
		}
	}
	for _, n := range tg.taken {
		taken += n
	}
	return begun, taken, twice
}

// inBubble runs a test with a station that works.
func inBubble(t *testing.T, test func(s *station)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tg := &telegram{latency: 50 * time.Millisecond, begun: map[int64]int{}, taken: map[int64]int{}}
		s := &station{
			T: t, path: filepath.Join(t.TempDir(), "telegate.db"), tg: tg, bots: map[int64]delivery.Transport{botID: tg},
			domains: &domains{
				titles: map[string]string{"": "My Server", "corp": "Corp"},
				bots:   map[string]int64{"": botID, "corp": botID}, off: map[string]bool{},
			},
		}
		s.start()
		test(s)
		s.stop()
	})
}

// start makes everything over the database and runs it, as a start of the program does.
func (s *station) start() {
	s.Helper()
	var dispatcher *delivery.Dispatcher
	s.db = dbtest.OpenAt(s, s.path, time.Now, func(queued []delivery.Queued) { dispatcher.Wake(queued) })
	log := slog.New(slog.DiscardHandler)
	dispatcher = delivery.NewDispatcher(delivery.Options{
		Store: s.db, Transports: s.bots, Limits: delivery.Limits{BotPerSecond: 30, ChatPerSecond: 1, GroupPerMinute: 20},
		Now: time.Now, Logger: log,
	})
	s.dispatcher = dispatcher
	s.broadcaster = notify.NewBroadcaster(notify.BroadcasterOptions{
		Store: s.db, Domains: s.domains, Outbox: dispatcher, Watcher: s.db, Now: time.Now, Logger: log,
		Pace:    notify.Pace{PerSecond: 30},
		OwnPace: map[int64]notify.Pace{delivery.UserSession: {PerSecond: 0.1, PerDay: 200}},
	})
	s.links = linking.New(s.db, s.domains, s.db.MACKey("confirm code"), time.Now, log)
	ctx, cancel := context.WithCancel(s.Context())
	var done sync.WaitGroup
	done.Go(func() {
		if err := dispatcher.Run(ctx); err != nil {
			s.Errorf("the dispatcher ended with %v", err)
		}
	})
	done.Go(func() {
		if err := s.broadcaster.Run(ctx); err != nil {
			s.Errorf("the broadcaster ended with %v", err)
		}
	})
	s.stop = sync.OnceFunc(func() {
		cancel()
		done.Wait()
		if err := s.db.Close(); err != nil {
			s.Errorf("close database: %v", err)
		}
	})
	synctest.Wait()
}

// crash does what kill -9 does: from now on nothing is written down, whatever goes on in memory.
func (s *station) crash() {
	if err := s.db.Close(); err != nil {
		s.Errorf("close database: %v", err)
	}
	s.stop()
}

// user is the n-th of many.
func user(n int) string { return fmt.Sprintf("user//%06d", n) }

// chatOf is the chat of the n-th user.
func chatOf(n int) int64 { return int64(1_000_000 + n) }

// populate links users from one number up to another, each to a chat of his own.
func populate(t testing.TB, d *db.DB, domain string, from, to int) {
	t.Helper()
	now := time.Now()
	for at := from; at < to; at += 5000 {
		err := d.UpdateLinks(t.Context(), func(tx linking.Tx) error {
			for n := at; n < min(to, at+5000); n++ {
				err := tx.InsertLink(linking.Link{
					ID: fmt.Sprintf("lnk_%s_%d", domain, n), Domain: domain, User: user(n), Method: linking.ByBot, Status: linking.Verified,
					BotID: botID, ChatID: chatOf(n), Created: now, Expires: now, Verified: now,
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// announce accepts a broadcast.
func (s *station) announce(a notify.BroadcastRequest) string {
	s.Helper()
	if a.Text == "" {
		a.Text = "Maintenance at 20:00."
	}
	done, err := s.broadcaster.Create(s.Context(), a)
	if err != nil {
		s.Fatalf("announce: %v", err)
	}
	return done.Broadcast.ID
}

func (s *station) get(id string) notify.BroadcastReport {
	s.Helper()
	r, err := s.broadcaster.Get(s.Context(), id)
	if err != nil {
		s.Fatalf("get %s: %v", id, err)
	}
	return r
}

// ends waits until a broadcast has ended, and answers how.
func (s *station) ends(id string, within time.Duration) notify.BroadcastReport {
	s.Helper()
	changed, stop := s.db.Watch(id)
	defer stop()
	deadline := time.After(within)
	for {
		if r := s.get(id); !r.Ended.IsZero() {
			return r
		}
		select {
		case <-changed:
		case <-deadline:
			s.Fatalf("%s has not ended within %v: %+v", id, within, s.get(id))
		}
	}
}

// pass lets time pass.
func (s *station) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// open counts the messages of the outbox that have not ended.
func (s *station) open() int {
	s.Helper()
	list, err := s.db.Waiting(s.Context(), 0, 100_000)
	if err != nil {
		s.Fatal(err)
	}
	return len(list)
}

// audited lists what the audit says of broadcasts.
func (s *station) audited(domain string) []audit.Entry {
	s.Helper()
	list, err := s.db.AuditTrail(s.Context(), domain, "", time.Time{})
	if err != nil {
		s.Fatal(err)
	}
	return list
}
