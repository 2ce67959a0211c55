package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"telegate/db"
	"telegate/db/dbtest"
	"telegate/delivery"
	"telegate/notify"
	"telegate/twofa"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const botID = 1

// rig is a dispatcher over a real database and a simulated Telegram, in a bubble where time passes only while
// everybody waits. A restart opens the same database anew.
type rig struct {
	*testing.T
	tg       *telegram
	bots     map[int64]delivery.Transport
	routes   []delivery.Fallback       // of botID
	limits   map[int64]delivery.Limits // of bots with limits of their own
	path     string
	listener delivery.Listener // called besides the rig's own
	log      slog.Handler      // of the dispatcher
	clock    atomic.Int64      // how far the clock on the wall has been set, in nanoseconds

	db         *db.DB
	store      *plug
	dispatcher *delivery.Dispatcher
	cancel     context.CancelFunc
	done       chan error
	crashed    []chan error // of the runs that have crashed; they take a while to notice

	mu       sync.Mutex // guards what follows
	ended    map[string][]delivery.Message
	failures map[string][]bool // per message: "gone" of each call of Listener.Failed
}

// inBubble runs a test with a rig; the dispatcher does not run yet.
func inBubble(t *testing.T, test func(r *rig)) {
	t.Helper()
	t.Parallel()
	aloneInBubble(t, test)
}

// aloneInBubble is inBubble for tests that measure the process: no other runs meanwhile.
func aloneInBubble(t *testing.T, test func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		tg := &telegram{latency: 50 * time.Millisecond}
		r := &rig{
			T: t, tg: tg, bots: map[int64]delivery.Transport{botID: tg}, path: filepath.Join(t.TempDir(), "telegate.db"),
			ended: map[string][]delivery.Message{}, failures: map[string][]bool{}, log: slog.DiscardHandler,
		}
		r.open()
		test(r)
		r.stop()
		for _, done := range r.crashed {
			if err := <-done; err != nil {
				r.Errorf("a dispatcher that crashed ended with %v", err)
			}
		}
	})
}

// open makes a dispatcher over the database, as a start of the program does.
func (r *rig) open() {
	r.Helper()
	var dispatcher *delivery.Dispatcher
	r.db = dbtest.OpenAt(r, r.path, r.now, func(queued []delivery.Queued) { dispatcher.Wake(queued) })
	r.store = &plug{Store: r.db}
	dispatcher = delivery.NewDispatcher(delivery.Options{
		Store: r.store, Transports: r.bots, Fallbacks: map[int64][]delivery.Fallback{botID: r.routes}, OwnLimits: r.limits, Now: r.now, Logger: slog.New(r.log),
		Limits:   delivery.Limits{BotPerSecond: 30, ChatPerSecond: 1, GroupPerMinute: 20},
		Listener: delivery.Listener{Failed: r.failed, Ended: r.endedWith},
	})
	r.dispatcher = dispatcher
}

// now is what the clock on the wall says. It has been set, so it says nothing about how much time has passed.
func (r *rig) now() time.Time {
	return time.Now().Add(time.Duration(r.clock.Load())).Round(0)
}

// set sets the clock on the wall, forward or back.
func (r *rig) set(by time.Duration) { r.clock.Add(int64(by)) }

// run starts the dispatcher.
func (r *rig) run() {
	ctx, cancel := context.WithCancel(r.Context())
	done, d := make(chan error, 1), r.dispatcher
	r.cancel, r.done = cancel, done
	go func() { done <- d.Run(ctx) }()
	synctest.Wait()
}

// stop ends the dispatcher the way a signal does, and closes the database. It tells how long that took.
func (r *rig) stop() time.Duration {
	r.Helper()
	began := time.Now()
	if r.cancel != nil {
		r.cancel()
		if err := <-r.done; err != nil {
			r.Errorf("the dispatcher ended with %v", err)
		}
		r.cancel = nil
	}
	if err := r.db.Close(); err != nil {
		r.Errorf("close database: %v", err)
	}
	return time.Since(began)
}

// crash does to the database what kill -9 does: from now on nothing of this run is written down.
func (r *rig) crash() {
	r.store.pull()
	r.cancel()
	r.cancel, r.crashed = nil, append(r.crashed, r.done)
	if err := r.db.Close(); err != nil {
		r.Errorf("close database: %v", err)
	}
}

// restart starts the program again on the same database.
func (r *rig) restart() {
	r.Helper()
	r.open()
	r.run()
}

func (r *rig) failed(ctx context.Context, m delivery.Message, f delivery.Failure, gone bool) error {
	if r.listener.Failed != nil {
		if err := r.listener.Failed(ctx, m, f, gone); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures[m.ID] = append(r.failures[m.ID], gone)
	return nil
}

func (r *rig) endedWith(m delivery.Message) {
	r.mu.Lock()
	r.ended[m.ID] = append(r.ended[m.ID], m)
	r.mu.Unlock()
	if r.listener.Ended != nil {
		r.listener.Ended(m)
	}
}

// accept stores messages in one transaction, as one request does.
func (r *rig) accept(messages ...delivery.Message) {
	r.Helper()
	err := r.db.UpdateMessages(r.Context(), func(tx notify.Tx) error {
		for _, m := range messages {
			if err := tx.Enqueue(m); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		r.Fatalf("accept: %v", err)
	}
}

func (r *rig) cancelMessage(id string) {
	r.Helper()
	err := r.db.UpdateVerifications(r.Context(), func(tx twofa.Tx) error { return tx.CancelMessage(id, time.Now()) })
	if err != nil {
		r.Fatalf("cancel: %v", err)
	}
}

// message is how a message stands on disk.
func (r *rig) message(id string) delivery.Message {
	r.Helper()
	m, err := r.db.Load(context.WithoutCancel(r.Context()), id)
	if err != nil {
		r.Fatalf("read message %s: %v", id, err)
	}
	return m
}

// mustEnd checks that a message has ended once, on disk and for whoever listens.
func (r *rig) mustEnd(id string, status delivery.Status, reason delivery.Reason) {
	r.Helper()
	m := r.message(id)
	var got delivery.Reason
	if m.Failure != nil {
		got = m.Failure.Reason
		if m.Failure.Detail == "" {
			r.Errorf("%s: the failure has no words for people", id)
		}
	}
	if m.Status != status || got != reason {
		r.Errorf("%s is %s (%s), want %s (%s)", id, m.Status, got, status, reason)
	}
	if m.Ended.IsZero() || len(m.Body.Parts) > 0 && !m.KeepsBody() {
		r.Errorf("%s: ended at %v with %d parts left in the outbox", id, m.Ended, len(m.Body.Parts))
	}
	r.checkAttempts(m)
	r.mu.Lock()
	defer r.mu.Unlock()
	if told := r.ended[id]; len(told) != 1 || told[0].Status != status || told[0].Ended.IsZero() || len(told[0].Body.Parts) > 0 {
		r.Errorf("%s: listener was told %+v, want one end as %s", id, told, status)
	}
}

// waiting counts messages in the queue.
func (r *rig) waiting() int {
	n := 0
	for _, lane := range r.dispatcher.Depth() {
		n += lane
	}
	return n
}

// drain lets time pass until the queue is empty.
func (r *rig) drain(limit time.Duration) {
	r.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(5 * time.Millisecond) {
		synctest.Wait()
		if r.waiting() == 0 {
			return
		}
		if time.Now().After(end) {
			r.Fatalf("%d messages still wait after %v", r.waiting(), limit)
		}
	}
}

// pass lets time go by.
func (r *rig) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// message makes a message of one part whose text is its id.
func message(lane delivery.Lane, chat int64, id string) delivery.Message {
	return parts(lane, chat, id, id)
}

// parts makes a message of several parts.
func parts(lane delivery.Lane, chat int64, id string, texts ...string) delivery.Message {
	m := delivery.Message{
		ID: id, BotID: botID, ChatID: chat, Lane: lane, Created: time.Now(), Expires: time.Now().Add(24 * time.Hour),
	}
	for _, text := range texts {
		m.Body.Parts = append(m.Body.Parts, delivery.Part{Text: delivery.Plain(text)})
	}
	return m
}

// series makes one message to each of n chats from a chat id on.
func series(lane delivery.Lane, chat int64, n int) []delivery.Message {
	list := make([]delivery.Message, n)
	for i := range list {
		list[i] = message(lane, chat+int64(i), string(lane)+"-"+strconv.FormatInt(chat+int64(i), 10))
	}
	return list
}

// queue makes n messages to one chat.
func queueSet(lane delivery.Lane, chat int64, n int) []delivery.Message {
	list := make([]delivery.Message, n)
	for i := range list {
		list[i] = message(lane, chat, fmt.Sprintf("%s-%d-%03d", lane, chat, i))
	}
	return list
}

func expiringIn(ttl time.Duration, m delivery.Message) delivery.Message {
	m.Expires = m.Created.Add(ttl)
	return m
}

func ids(messages []delivery.Message) []string {
	list := make([]string, len(messages))
	for i, m := range messages {
		list[i] = m.ID
	}
	return list
}

// gaps are the times between calls.
func gaps(calls []call) []time.Duration {
	var list []time.Duration
	for i := 1; i < len(calls); i++ {
		list = append(list, calls[i].at.Sub(calls[i-1].at))
	}
	return list
}

// lastTaken is when the last part was taken and answered, counted from a beginning.
func (tg *telegram) lastTaken(since time.Time) time.Duration {
	taken := slices.DeleteFunc(tg.arrived(), func(c call) bool { return !c.taken })
	if len(taken) == 0 {
		return 0
	}
	return taken[len(taken)-1].at.Sub(since) + tg.latency
}

var errPulled = errors.New("the process is dead")

// plug is the outbox with a plug to pull, and with faults of its own. Set the functions before the dispatcher runs.
type plug struct {
	delivery.Store
	save    func(delivery.Progress) error // nil: no fault
	load    func(id string) error
	waiting func(after int64) error
	pause   func() error // before a pause is stored

	mu     sync.Mutex // guards pulled
	pulled bool
}

func (p *plug) pull() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pulled = true
}

// alive answers the first error of the faults, unless the plug is pulled.
func (p *plug) alive(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pulled {
		return errPulled
	}
	return err
}

func (p *plug) Waiting(ctx context.Context, after int64, limit int) ([]delivery.Queued, error) {
	var err error
	if p.waiting != nil {
		err = p.waiting(after)
	}
	if err := p.alive(err); err != nil {
		return nil, err
	}
	return p.Store.Waiting(ctx, after, limit)
}

func (p *plug) Load(ctx context.Context, id string) (delivery.Message, error) {
	var err error
	if p.load != nil {
		err = p.load(id)
	}
	if err := p.alive(err); err != nil {
		return delivery.Message{}, err
	}
	return p.Store.Load(ctx, id)
}

func (p *plug) SaveProgress(ctx context.Context, progress delivery.Progress) error {
	var err error
	if p.save != nil {
		err = p.save(progress)
	}
	if err := p.alive(err); err != nil {
		return err
	}
	return p.Store.SaveProgress(ctx, progress)
}

func (p *plug) SavePause(ctx context.Context, pause delivery.Pause) error {
	var err error
	if p.pause != nil {
		err = p.pause()
	}
	if err := p.alive(err); err != nil {
		return err
	}
	return p.Store.SavePause(ctx, pause)
}

func (p *plug) Migrate(ctx context.Context, botID, from, to int64) error {
	if err := p.alive(nil); err != nil {
		return err
	}
	return p.Store.Migrate(ctx, botID, from, to)
}
