// Package delivery brings messages to Telegram: a durable outbox, strict lanes, pacing below Telegram's limits, retry by
// the kind of trouble, and exactly one outcome for each message.
//
// A message that is accepted is on disk. The dispatcher learns of it from the commit, keeps only what it takes to decide
// when it goes, reads the text when it is its turn, and writes down what became of it. Each bot has a line of its own:
// one goroutine that owns all the state of the bot's queue, so nothing here needs a lock but the inbox.
//
// Waiting goes by the monotonic clock (time.Now), so a clock that is set neither holds anything up nor lets it out early.
// Only what outlives the process goes by the clock on the wall.
package delivery

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Limits are Telegram's, as it documents them: about 30 messages a second for a bot, one a second in a private chat
// with short bursts, 20 a minute in a group (facts §B).
type Limits struct {
	BotPerSecond   float64
	ChatPerSecond  float64
	GroupPerMinute float64

	BroadcastPerSecond float64 // of broadcasts among all messages; 0: as fast as the rest
}

// Listener is told what other rooms have to know of outcomes.
type Listener struct {
	// Failed is called before a message ends because Telegram refuses it for good, and again if that fails or the
	// process dies; gone tells that the chat takes nothing at all any more.
	Failed func(ctx context.Context, m Message, f Failure, gone bool) error
	// Ended is called once a final status is on disk.
	Ended func(m Message)
	// Tried is called after each send, whatever came of it.
	Tried func(a Attempt)
}

// Options say what a dispatcher works with.
type Options struct {
	Store      Store
	Transports map[int64]Transport // by bot id
	// Fallbacks are the other ways to a bot's people, by bot id, the one to try first in front.
	Fallbacks map[int64][]Fallback
	Limits    Limits
	OwnLimits map[int64]Limits // by bot id, in place of Limits
	Listener  Listener         // each function may be nil
	Now       func() time.Time // the clock on the wall, for what is written down or read by it: expiry, ends, pauses
	Logger    *slog.Logger
}

// Dispatcher sends what the outbox holds.
type Dispatcher struct {
	o         Options
	inFlight  sync.Map // message id → struct{}
	depth     depth
	recovered chan struct{} // closed when what the last run has left is queued; nothing leaves before
	leftAt    time.Time     // when that was found; zero where nothing was left. Set before recovered is closed

	mu     sync.Mutex // guards what follows
	queues map[int64]*botQueue
	start  func(*botQueue) // nil but while Run runs
	limits Limits          // Options.Limits, or what SetLimits has put in their place
}

// pageSize is how many waiting messages are read at a time when starting.
const pageSize = 1000

// NewDispatcher makes a dispatcher; Run does the work.
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

// Run takes up what the last run has left and sends until the context ends; then it waits for what is on its way
// (stopGrace at most) and returns nil. It must be called once.
func (d *Dispatcher) Run(ctx context.Context) error {
	pauses, err := d.o.Store.Pauses(ctx)
	if ctx.Err() != nil { // stopped before it began
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
			<-ctx.Done() // lines come up as messages do
		}
		d.mu.Lock()
		d.start = nil // and none after the end
		d.mu.Unlock()
		return err
	})
	return g.Wait()
}

// recover queues what is waiting on disk.
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

// Wake tells of messages that have just been committed. It never blocks, and it may tell of one message twice.
func (d *Dispatcher) Wake(queued []Queued) {
	for len(queued) > 0 {
		n := 1 // a run of messages of one bot goes over in one piece
		for n < len(queued) && queued[n].BotID == queued[0].BotID {
			n++
		}
		d.queue(queued[0].BotID).post(event{queued: queued[:n]})
		queued = queued[n:]
	}
}

// Resume tells that Telegram answers the bot again, so that nothing waits out a pause that was a guess.
func (d *Dispatcher) Resume(botID int64) { d.queue(botID).post(event{resume: true}) }

// SetLimits changes Options.Limits. What has been learned from floods stays learned.
func (d *Dispatcher) SetLimits(l Limits) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if l == d.limits {
		return // whoever waits goes on waiting, and does not try once more at each reload
	}
	d.limits = l
	for id, q := range d.queues {
		if _, own := d.o.OwnLimits[id]; !own {
			q.post(event{limits: &l})
		}
	}
}

// limitsOf are the limits of a bot.
func (d *Dispatcher) limitsOf(botID int64) Limits {
	if own, ok := d.o.OwnLimits[botID]; ok {
		return own
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.limits
}

// InFlight tells whether a transport has the message right now.
func (d *Dispatcher) InFlight(messageID string) bool {
	_, ok := d.inFlight.Load(messageID)
	return ok
}

// Depth counts waiting messages by lane.
func (d *Dispatcher) Depth() map[Lane]int { return d.depth.byLane() }

// line finds or makes the line of a bot. A bot that is not configured (any more) has one too: its messages expire there.
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
