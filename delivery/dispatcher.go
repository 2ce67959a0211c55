// Package delivery sends messages to Telegram: a durable outbox, strict lanes, pacing below Telegram's limits, retries by
// kind of error, and exactly one outcome per message.
//
// An accepted message is on disk. The dispatcher learns of it from the commit, keeps in memory only what decides when it
// goes, loads the text when its turn comes, and stores the outcome. Each bot has its own queue: one goroutine owns all its
// state, so only the inbox needs a lock.
//
// Waits use the monotonic clock (time.Now), so setting the clock changes no wait. Only what outlives the process uses the
// wall clock.
package delivery

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Limits are Telegram's documented limits: about 30 messages a second for a bot, one a second in a private chat with short
// bursts, 20 a minute in a group (core.telegram.org/bots/faq).
type Limits struct {
	BotPerSecond   float64
	ChatPerSecond  float64
	GroupPerMinute float64

	BroadcastPerSecond float64 // limit of broadcasts; 0 for no limit of their own
}

// Listener tells other packages about outcomes.
type Listener struct {
	// Failed is called before a message ends with a permanent error, and again if it fails or the process dies. gone means
	// that the chat accepts nothing any more.
	Failed func(ctx context.Context, m Message, f Failure, gone bool) error
	// Ended is called after a final status is on disk.
	Ended func(m Message)
	// Tried is called after each send, with any outcome.
	Tried func(a Attempt)
}

// Options configure a dispatcher.
type Options struct {
	Store      Store
	Transports map[int64]Transport // by bot id
	// Fallbacks by bot id, in the order to try them.
	Fallbacks map[int64][]Fallback
	Limits    Limits
	OwnLimits map[int64]Limits // by bot id, in place of Limits
	Listener  Listener         // functions may be nil
	Now       func() time.Time // the wall clock, for times on disk: expiry, end, pauses
	Logger    *slog.Logger
}

// Dispatcher sends the messages of the outbox.
type Dispatcher struct {
	o         Options
	inFlight  sync.Map // message id → struct{}
	depth     depth
	recovered chan struct{} // closed when the messages of the last run are queued; nothing is sent before
	leftAt    time.Time     // when they were read; zero if there were none. Set before recovered is closed

	mu     sync.Mutex // guards what follows
	queues map[int64]*botQueue
	start  func(*botQueue) // nil unless Run is running
	limits Limits          // Options.Limits, or those of SetLimits
}

// pageSize is how many queued messages to read at a time at the start.
const pageSize = 1000

// NewDispatcher makes a dispatcher. Call Run to start it.
func NewDispatcher(o Options) *Dispatcher {
	if o.Listener.Failed == nil {
		o.Listener.Failed = func(context.Context, Message, Failure, bool) error { return nil }
	}
	if o.Listener.Ended == nil {
		o.Listener.Ended = func(Message) {}
	}
	if o.Listener.Tried == nil {
		o.Listener.Tried = func(Attempt) {}
	}
	return &Dispatcher{o: o, recovered: make(chan struct{}), queues: map[int64]*botQueue{}, limits: o.Limits}
}

// Run queues the messages of the last run and sends until the context ends. Then it waits for running sends (stopGrace at
// most) and returns nil. Call it once.
func (d *Dispatcher) Run(ctx context.Context) error {
	pauses, err := d.o.Store.Pauses(ctx)
	if ctx.Err() != nil { // stopped before the start
		return nil
	}
	if err != nil {
		return fmt.Errorf("read pauses: %w", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	d.mu.Lock()
	d.start = func(q *botQueue) { g.Go(func() error { return q.run(ctx) }) }
	for _, q := range d.queues {
		d.start(q)
	}
	d.mu.Unlock()
	for _, p := range pauses {
		d.queue(p.BotID).post(event{pause: &p})
	}
	g.Go(func() error {
		err := d.recover(ctx)
		if err == nil {
			<-ctx.Done() // queues start when they get messages
		}
		d.mu.Lock()
		d.start = nil // no queue starts after the end
		d.mu.Unlock()
		return err
	})
	return g.Wait()
}

// recover queues the messages that wait on disk.
func (d *Dispatcher) recover(ctx context.Context) error {
	var after int64
	for {
		page, err := d.o.Store.Waiting(ctx, after, pageSize)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read outbox: %w", err)
		}
		if len(page) == 0 {
			close(d.recovered)
			return nil
		}
		d.leftAt = time.Now()
		d.Wake(page)
		after = page[len(page)-1].Seq
	}
}

// Wake queues messages that have just been committed. It never blocks; a message may be given twice.
func (d *Dispatcher) Wake(queued []Queued) {
	for len(queued) > 0 {
		n := 1 // consecutive messages of one bot go together
		for n < len(queued) && queued[n].BotID == queued[0].BotID {
			n++
		}
		d.queue(queued[0].BotID).post(event{queued: queued[:n]})
		queued = queued[n:]
	}
}

// Resume reports that Telegram answers the bot again, so that no message waits longer than needed.
func (d *Dispatcher) Resume(botID int64) { d.queue(botID).post(event{resume: true}) }

// SetLimits changes Options.Limits. The pace learned from floods stays.
func (d *Dispatcher) SetLimits(l Limits) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if l == d.limits {
		return // do not try again at every reload
	}
	d.limits = l
	for id, q := range d.queues {
		if _, own := d.o.OwnLimits[id]; !own {
			q.post(event{limits: &l})
		}
	}
}

// limitsOf returns the limits of a bot.
func (d *Dispatcher) limitsOf(botID int64) Limits {
	if own, ok := d.o.OwnLimits[botID]; ok {
		return own
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.limits
}

// InFlight reports whether a message is being sent right now.
func (d *Dispatcher) InFlight(messageID string) bool {
	_, ok := d.inFlight.Load(messageID)
	return ok
}

// Depth counts queued messages by lane.
func (d *Dispatcher) Depth() map[Lane]int { return d.depth.byLane() }

// queue returns the queue of a bot, or makes it. A bot that is no longer configured has one too: its messages expire there.
func (d *Dispatcher) queue(botID int64) *botQueue {
	d.mu.Lock()
	defer d.mu.Unlock()
	q, ok := d.queues[botID]
	if !ok {
		q = newBotQueue(d, botID)
		d.queues[botID] = q
		if d.start != nil {
			d.start(q)
		}
	}
	return q
}
