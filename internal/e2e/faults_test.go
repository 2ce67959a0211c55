package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-telegram/bot/models"

	"telegate/bot"
	"telegate/db"
	"telegate/db/dbtest"
	"telegate/delivery"
	"telegate/notify"
	"telegate/sandbox"
)

// end is what the design promises of a message: how it ends, and how often people see it.
type end struct {
	status delivery.Status
	reason delivery.Reason
	least  int // times it is seen
	most   int
}

var (
	once    = end{delivery.StatusDelivered, "", 1, 1}
	more    = end{delivery.StatusDelivered, "", 2, 20} // at least once: the answer was lost
	unseen  = end{delivery.StatusUnknown, "", 0, 0}    // at most once: nobody knows
	unsure  = end{delivery.StatusUnknown, "", 1, 1}
	limited = end{delivery.StatusExpired, delivery.ReasonLimited, 0, 0}
	lost    = end{delivery.StatusExpired, delivery.ReasonUnreachable, 0, 0}
	refused = end{delivery.StatusExpired, delivery.ReasonUnauthorized, 0, 0}
	late    = end{delivery.StatusExpired, delivery.ReasonUnreachable, 1, 60} // seen, and never answered
	blocked = end{delivery.StatusFailed, delivery.ReasonBlockedByUser, 0, 0}
	wrongly = end{delivery.StatusFailed, delivery.ReasonRejected, 0, 0}
)

// matrix is one line for each thing that can go wrong. A fault that passes does so after 5 s; one that lasts outlives the
// message. A broadcast is never repeated where its answer was lost; all others are.
var matrix = []struct {
	name                       string
	faults                     sandbox.Faults
	set                        func(f *faulty) // what else is wrong, and for good
	passes, passesForBroadcast end
	lasts, lastsForBroadcast   end
}{
	{name: "nothing", passes: once, passesForBroadcast: once, lasts: once, lastsForBroadcast: once},
	{name: "429 with retry_after", faults: sandbox.Faults{FloodWait: 3 * time.Second},
		passes: once, passesForBroadcast: once, lasts: limited, lastsForBroadcast: limited},
	{name: "429 storm", faults: sandbox.Faults{FloodWait: 3 * time.Second}, set: func(f *faulty) { f.crowd = 40 },
		passes: once, passesForBroadcast: once, lasts: limited, lastsForBroadcast: limited},
	{name: "500", faults: sandbox.Faults{ServerError: true},
		passes: once, passesForBroadcast: once, lasts: lost, lastsForBroadcast: lost},
	{name: "HTML 502", faults: sandbox.Faults{BadGateway: true},
		passes: once, passesForBroadcast: unseen, lasts: lost, lastsForBroadcast: unseen},
	{name: "connection cut", faults: sandbox.Faults{Down: true},
		passes: once, passesForBroadcast: unseen, lasts: lost, lastsForBroadcast: unseen},
	{name: "connection reset", faults: sandbox.Faults{Reset: true},
		passes: once, passesForBroadcast: unseen, lasts: lost, lastsForBroadcast: unseen},
	{name: "no network", set: func(f *faulty) { f.shut.Store(true) },
		passes: once, passesForBroadcast: once, lasts: lost, lastsForBroadcast: lost},
	{name: "hang", faults: sandbox.Faults{Hang: true},
		passes: once, passesForBroadcast: unseen, lasts: lost, lastsForBroadcast: unseen},
	{name: "answer lost after delivery", faults: sandbox.Faults{LoseAnswer: true},
		passes: more, passesForBroadcast: unsure, lasts: late, lastsForBroadcast: unsure},
	{name: "401", faults: sandbox.Faults{Unauthorized: true},
		passes: once, passesForBroadcast: once, lasts: refused, lastsForBroadcast: refused},
	{name: "409 on polling", faults: sandbox.Faults{Conflict: true},
		passes: once, passesForBroadcast: once, lasts: once, lastsForBroadcast: once},
	{name: "403 blocked", set: func(f *faulty) { f.try(f.tg.Block(f.chat, testBot)) },
		passes: blocked, passesForBroadcast: blocked, lasts: blocked, lastsForBroadcast: blocked},
	{name: "400 cannot parse", set: func(f *faulty) {
		f.text.Entities = []delivery.Entity{{Type: "nonsense", Offset: 0, Length: 4}}
	}, passes: once, passesForBroadcast: once, lasts: once, lastsForBroadcast: once},
	{name: "400 too long", set: func(f *faulty) { f.text.Text = strings.Repeat(f.text.Text, 1000) },
		passes: wrongly, passesForBroadcast: wrongly, lasts: wrongly, lastsForBroadcast: wrongly},
	{name: "migration", set: (*faulty).migrate,
		passes: once, passesForBroadcast: once, lasts: once, lastsForBroadcast: once},
}

// Every lane meets every fault, over the real transport and the simulated Telegram, and ends as the design promises.
func TestFaultMatrix(t *testing.T) {
	t.Parallel()
	lanes := []delivery.Lane{delivery.LaneCode, delivery.LaneDirect, delivery.LaneAlert, delivery.LaneBroadcast}
	for _, row := range matrix {
		for _, lane := range lanes {
			passes, lasts := row.passes, row.lasts
			if lane == delivery.LaneBroadcast {
				passes, lasts = row.passesForBroadcast, row.lastsForBroadcast
			}
			for name, want := range map[string]end{"passes": passes, "lasts": lasts} {
				t.Run(fmt.Sprintf("%s/%s/%s", row.name, lane, name), func(t *testing.T) {
					t.Parallel()
					inFault(t, func(f *faulty) {
						if row.set != nil {
							row.set(f)
						}
						f.tg.SetFaults(row.faults)
						f.send(lane)
						if name == "passes" {
							time.Sleep(5 * time.Second)
							f.shut.Store(false)
							f.tg.SetFaults(sandbox.Faults{})
						}
						f.mustEnd(want)
					})
				})
			}
		}
	}
}

// faulty is a delivery that is about to meet a fault: dispatcher, poll loop, transport, and Telegram at the other end of
// a network inside the process, where time passes only while everybody waits.
type faulty struct {
	*testing.T
	tg         *sandbox.Telegram
	db         *db.DB
	dispatcher *delivery.Dispatcher
	shut       atomic.Bool // connections are refused
	chat       int64       // whom the message goes to
	seenIn     int64       // where it is seen
	text       delivery.Text
	crowd      int // others who are written to at the same time

	ended chan delivery.Message
}

const faultTTL = 44 * time.Second

func inFault(t *testing.T, test func(f *faulty)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &faulty{T: t, tg: sandbox.New(sandbox.Options{}), text: delivery.Plain("the backup is done"), ended: make(chan delivery.Message, 1)}
		_, err := f.tg.AddBot(testToken, testBot, "Test Bot")
		f.try(err)
		f.chat = f.person("alice")
		f.seenIn = f.chat
		client, err := bot.NewClient(bot.Options{Token: testToken, BaseURL: "http://telegram.test", Transport: f.network()})
		f.try(err)
		f.db = dbtest.OpenAt(t, filepath.Join(t.TempDir(), "telegate.db"), time.Now, func(q []delivery.Queued) { f.dispatcher.Wake(q) })
		f.dispatcher = delivery.NewDispatcher(delivery.Options{
			Store: f.db, Transports: map[int64]delivery.Transport{client.ID(): client}, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
			Limits: delivery.Limits{BotPerSecond: 30, ChatPerSecond: 1, GroupPerMinute: 20},
			Listener: delivery.Listener{Ended: func(m delivery.Message) {
				if m.ID == "msg" {
					f.ended <- m
				}
			}},
		})
		poll := bot.NewPoller(bot.PollerOptions{
			Client: client, Store: f.db, Handler: ignore{}, Now: time.Now, OnConnected: func() { f.dispatcher.Resume(client.ID()) },
		})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { f.try(f.dispatcher.Run(ctx)) })
		running.Go(func() { f.try(poll.Run(ctx)) })
		time.Sleep(time.Second)
		test(f)
		cancel()
		f.tg.Close()
		running.Wait()
		client.Close()
	})
}

// ignore takes updates and does nothing with them.
type ignore struct{}

func (ignore) Handle(context.Context, *models.Update) error { return nil }

func (f *faulty) try(err error) {
	f.Helper()
	if err != nil {
		f.Error(err)
	}
}

// person is the chat of somebody new who has pressed Start.
func (f *faulty) person(name string) int64 {
	p := f.tg.AddPerson(sandbox.Person{FirstName: name, Username: name + "_tg"})
	f.try(f.tg.Start(p.ID, testBot, ""))
	return p.ID
}

// migrate lets the message go to a group that has become a supergroup.
func (f *faulty) migrate() {
	group := f.tg.AddGroup("Operations")
	f.try(f.tg.AddToGroup(group.ID, testBot))
	super, err := f.tg.MigrateGroup(group.ID)
	f.try(err)
	f.chat, f.seenIn = group.ID, super
}

// network serves Telegram inside the process; no connection comes about while it is shut.
func (f *faulty) network() http.RoundTripper {
	l := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
	server := &http.Server{Handler: f.tg, ErrorLog: log.New(io.Discard, "", 0)}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(l) }) // ends with the test
	transport := &http.Transport{MaxIdleConnsPerHost: 100, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		if f.shut.Load() {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
		}
		near, far := net.Pipe()
		select {
		case l.conns <- far:
			return near, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
	f.Cleanup(func() {
		transport.CloseIdleConnections()
		f.try(server.Close())
		serving.Wait()
	})
	return &shutter{Transport: transport, shut: &f.shut}
}

// shutter closes connections that lie idle when the network goes.
type shutter struct {
	*http.Transport
	shut *atomic.Bool
}

func (s *shutter) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.shut.Load() {
		s.CloseIdleConnections()
	}
	return s.Transport.RoundTrip(r)
}

// pipeListener accepts connections inside the process.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

// send accepts the message, and one to each of the crowd before it.
func (f *faulty) send(lane delivery.Lane) {
	f.Helper()
	message := func(id string, chat int64, text delivery.Text) delivery.Message {
		return delivery.Message{
			ID: id, BotID: 2000000002, ChatID: chat, Lane: lane, Body: delivery.Body{Parts: []delivery.Part{{Text: text}}},
			Created: time.Now(), Expires: time.Now().Add(faultTTL),
		}
	}
	err := f.db.UpdateMessages(f.Context(), func(tx notify.Tx) error {
		for i := range f.crowd {
			name := fmt.Sprintf("person%02d", i)
			if err := tx.Enqueue(message(name, f.person(name), delivery.Plain("hello"))); err != nil {
				return err
			}
		}
		return tx.Enqueue(message("msg", f.chat, f.text))
	})
	if err != nil {
		f.Fatal(err)
	}
}

// mustEnd waits for the end of the message, and sees whether it is the right one, also for who reads the outbox and who
// looks at the phone, then and later.
func (f *faulty) mustEnd(want end) {
	f.Helper()
	expires := time.Now().Add(faultTTL)
	var m delivery.Message
	select {
	case m = <-f.ended:
	case <-time.After(faultTTL + 10*time.Second):
		f.Fatalf("still no end %v after it has expired", time.Since(expires))
	}
	f.tg.SetFaults(sandbox.Faults{})
	f.shut.Store(false)
	time.Sleep(5 * time.Minute) // nothing comes after the end
	stored, err := f.db.Load(f.Context(), "msg")
	f.try(err)
	var reason delivery.Reason
	if stored.Failure != nil {
		reason = stored.Failure.Reason
		if !strings.HasSuffix(strings.TrimSpace(stored.Failure.Detail), ".") {
			f.Errorf("the failure says %q to people", stored.Failure.Detail)
		}
	}
	seen := 0
	for _, shown := range f.tg.Messages(f.seenIn, testBot) {
		if shown.FromBot && shown.Text == f.text.Text {
			seen++
			if sent := shown.Date; sent.After(expires) {
				f.Errorf("it came %v after it had expired", sent.Sub(expires))
			}
		}
	}
	if m.Status != want.status || stored.Status != want.status || reason != want.reason || seen < want.least || seen > want.most {
		f.Errorf("ended as %s, stored as %s (%s), seen %d times; want %s (%s), seen %d to %d times",
			m.Status, stored.Status, reason, seen, want.status, want.reason, want.least, want.most)
	}
	select {
	case again := <-f.ended:
		f.Errorf("ended a second time, as %s", again.Status)
	default:
	}
	for _, c := range f.tg.Calls() {
		if c.Code == http.StatusTooManyRequests && !strings.Contains(c.Description, "retry after 3") {
			f.Errorf("over Telegram's limits: %s to %d: %s", c.Method, c.ChatID, c.Description)
		}
	}
}
