package bot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"
)

const (
	// renameCheck is how often Telegram is asked for the bot's username, which @BotFather can change.
	renameCheck = time.Hour
	// maxClockError is how far this machine's clock may differ from Telegram's before the status says so.
	maxClockError = time.Minute
	// slowRetry is the pause after an error that only a person can fix: a rejected token, a webhook.
	slowRetry = time.Minute
	// conflictMemory is how long polls must succeed until a conflict counts as over. Two pollers end each other's polls
	// and retry within a minute, so one successful poll proves nothing.
	conflictMemory = 2 * time.Minute
	// quickAnswer is the shortest time between polls without news: a server that ignores the timeout or the offset must
	// not be polled in a hot loop.
	quickAnswer = time.Second
)

// Record is what a Poller saves between restarts.
type Record struct {
	ID        int64
	Username  string    // without @
	Name      string    // display name
	Offset    int64     // the first update that is not stored yet
	NotBefore time.Time // Telegram's flood wait ends then; zero or past: none
	Asked     time.Time // when Telegram asked for it
}

// Store saves the state and the updates of bots.
type Store interface {
	// Record returns a bot's record; one with only the id if none is stored.
	Record(ctx context.Context, botID int64) (Record, error)
	// SaveRecord stores all fields except Offset.
	SaveRecord(ctx context.Context, r Record) error
	// SaveUpdates stores the raw updates and the new offset in one transaction. It ignores known ids.
	SaveUpdates(ctx context.Context, botID int64, updates []Update, offset int64) error
	// UnhandledUpdates returns at most limit updates that are not finished, in the order they were stored.
	UnhandledUpdates(ctx context.Context, botID int64, limit int) ([]Update, error)
	// FinishUpdate marks an update as finished and deletes its raw form. fault says why it was skipped; "" if it was handled.
	FinishUpdate(ctx context.Context, botID, updateID int64, fault string) error
}

// PollerOptions says how a Poller is built.
type PollerOptions struct {
	Client  *Client
	Store   Store
	Handler Handler
	// Logger gets each change of state and each skipped update. nil: nothing is logged.
	Logger *slog.Logger
	// Now is the clock. nil: time.Now. Pauses use real timers.
	Now func() time.Time
	// OnConnected is called by the loop whenever the state becomes connected; it must not block. Optional.
	OnConnected func()
	// OnIgnored is told of each update that is not acted on, with one of IgnoredReasons. Optional.
	OnIgnored func(reason string)
}

// Poller receives the updates of one bot: from Telegram into the store, from the store to the handler.
type Poller struct {
	client   *Client
	store    Store
	handler  Handler
	logger   *slog.Logger
	now      func() time.Time
	ignored  func(reason string)
	status   *statusTracker
	retryNow chan struct{} // ends a pause

	// Only Run uses the fields below.
	record         Record
	loaded         bool      // record is the store's
	tokenChecked   bool      // getMe went well since the start, or since the token was last refused
	asked          time.Time // when getMe last went well
	timeout        pollTimeout
	cut            bool      // the last poll was cut, perhaps for being idle
	clockWrong     bool      // the clock differed from Telegram's at the last poll
	lastConflict   time.Time // when another poller was last noticed
	networkBackoff backoff
	storeBackoff   backoff
}

// NewPoller builds a Poller in state connecting. Run does the work.
func NewPoller(o PollerOptions) *Poller {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.OnConnected == nil {
		o.OnConnected = func() {}
	}
	if o.OnIgnored == nil {
		o.OnIgnored = func(string) {}
	}
	p := &Poller{client: o.Client, store: o.Store, handler: o.Handler, logger: o.Logger, now: o.Now, ignored: o.OnIgnored, retryNow: make(chan struct{}, 1)}
	p.timeout.log = o.Logger
	p.status = &statusTracker{now: o.Now, logger: o.Logger, onConnected: o.OnConnected, status: Status{State: StateConnecting, Since: o.Now()}}
	return p
}

// Status is the current status. It never contains the token.
func (p *Poller) Status() Status { return p.status.current() }

// CanSend reports whether a message can be sent soon: Telegram answers, or stopped answering at most 10 s ago. It is false
// until Telegram has answered once, and while Telegram rejects the token.
func (p *Poller) CanSend() bool { return p.status.canSend() }

// Run polls until the context ends, then returns nil. Every error becomes a state and a pause. Run first handles updates that
// an earlier run stored but did not finish. It must not run concurrently with itself.
func (p *Poller) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		wait(ctx, p.step(ctx), p.retryNow)
	}
	return nil
}

// RetryNow ends the pause after a failure, because its reason may be gone. It does not shorten a flood wait.
func (p *Poller) RetryNow() {
	select {
	case p.retryNow <- struct{}{}:
	default:
	}
}

// step does the next thing and returns how long to pause after it.
func (p *Poller) step(ctx context.Context) time.Duration {
	if err := p.handleBacklog(ctx); err != nil {
		return p.storeFailed(ctx, err)
	}
	if quiet := p.record.NotBefore.Sub(p.now()); quiet > 0 {
		p.status.set(StateFloodWait, p.record.NotBefore, sayQuiet)
		return quiet + rand.N(time.Second)
	}
	if !p.tokenChecked || p.now().Sub(p.asked) >= renameCheck && p.status.current().State == StateConnected {
		return p.checkToken(ctx)
	}
	return p.poll(ctx)
}

// handleBacklog handles all stored updates before the next poll.
func (p *Poller) handleBacklog(ctx context.Context) error {
	if !p.loaded {
		r, err := p.store.Record(ctx, p.client.id)
		if err != nil {
			return err
		}
		p.record, p.loaded = r, true
		p.record.ID = p.client.id
		if latest := p.now().Add(r.NotBefore.Sub(r.Asked)); r.NotBefore.After(latest) { // the clock has been set back
			p.record.NotBefore = latest
		}
		p.status.setUsername(r.Username)
	}
	return p.handleStored(ctx)
}

// checkToken asks Telegram for the bot's identity.
func (p *Poller) checkToken(ctx context.Context) time.Duration {
	me, err := p.client.GetMe(ctx)
	if err != nil {
		return p.telegramFailed(ctx, err)
	}
	p.record.Username, p.record.Name, p.record.NotBefore = me.Username, me.Name, time.Time{}
	p.record.Asked = time.Time{}
	if err := p.store.SaveRecord(ctx, p.record); err != nil {
		return p.storeFailed(ctx, err)
	}
	p.status.setUsername(me.Username)
	p.tokenChecked, p.asked = true, p.now()
	return 0
}

// poll receives one batch. It is on disk before the next poll confirms it to Telegram.
func (p *Poller) poll(ctx context.Context) time.Duration {
	var timeout time.Duration // when in doubt a short poll, which shows the state at once
	if state := p.status.current().State; p.storeBackoff == 0 && !p.cut && (state == StateConnected || state == StateConflict) {
		timeout = p.timeout.next(p.now())
	}
	start, offset := p.now(), p.record.Offset
	updates, err := p.client.getUpdates(ctx, offset, timeout)
	if p.cut = p.wasCut(ctx, err, timeout, p.now().Sub(start)); p.cut {
		return 0 // a short poll shows whether Telegram can be reached
	}
	if err != nil {
		return p.telegramFailed(ctx, err)
	}
	p.timeout.lasted(timeout, p.now().Sub(start))
	p.pollSucceeded()
	if len(updates) > 0 {
		if err := p.save(ctx, updates); err != nil {
			return p.storeFailed(ctx, err)
		}
	}
	p.storeBackoff.reset()
	if p.record.Offset == offset && timeout > 0 && p.now().Sub(start) < quickAnswer {
		return quickAnswer
	}
	return 0
}

// wasCut reports whether a long poll ended as if something in between had cut it for being idle.
func (p *Poller) wasCut(ctx context.Context, err error, timeout, lasted time.Duration) bool {
	var network *networkError
	if ctx.Err() != nil || timeout == 0 || !errors.As(err, &network) {
		return false
	}
	return p.timeout.cut(timeout, lasted, p.now())
}

// clockDetail says that this machine's clock is wrong; empty if it is right.
func (p *Poller) clockDetail() string {
	ahead := p.now().Sub(p.client.TelegramTime(p.now()))
	wrong := ahead.Abs() >= maxClockError
	if !wrong {
		p.clockWrong = false
		return ""
	}
	where := "ahead of"
	if ahead < 0 {
		where = "behind"
	}
	if !p.clockWrong {
		p.logger.Warn("the clock of this machine differs from Telegram's", "by", ahead.Abs().Round(time.Second), "direction", where)
	}
	p.clockWrong = true
	return fmt.Sprintf(sayClock, ahead.Abs().Round(time.Second), where)
}

// pollSucceeded updates the state after a successful poll.
func (p *Poller) pollSucceeded() {
	p.status.setPolled()
	if !p.lastConflict.IsZero() && p.now().Sub(p.lastConflict) < conflictMemory {
		p.status.set(StateConflict, time.Time{}, sayConflict)
		return
	}
	p.networkBackoff.reset()
	p.status.set(StateConnected, time.Time{}, p.clockDetail())
}

// save stores a batch together with the offset after it.
func (p *Poller) save(ctx context.Context, updates []Update) error {
	// The highest id of this batch, not of all time: ids restart after a week without updates (core.telegram.org/bots/api#update).
	offset := updates[0].ID + 1
	for _, u := range updates {
		offset = max(offset, u.ID+1)
	}
	if err := p.store.SaveUpdates(ctx, p.client.id, updates, offset); err != nil {
		return err
	}
	p.record.Offset = offset
	return nil
}

// telegramFailed turns an error of getMe or getUpdates into a state and a pause.
func (p *Poller) telegramFailed(ctx context.Context, err error) time.Duration {
	if ctx.Err() != nil {
		return 0
	}
	var answer *answerError
	if errors.As(err, &answer) && answer.retryAfter > 0 {
		p.record.Asked = p.now()
		p.record.NotBefore = p.record.Asked.Add(answer.retryAfter)
		if err := p.store.SaveRecord(ctx, p.record); err != nil {
			p.logger.Error("a flood wait could not be stored; a restart would forget it", "until", p.record.NotBefore, "error", err)
		}
		return 0 // the next step waits
	}
	state, detail := diagnose(err)
	p.status.set(state, time.Time{}, detail)
	switch state {
	case StateUnauthorized, StateLoggedOut:
		p.tokenChecked = false
		return slowRetry
	case StateWebhookSet:
		return slowRetry
	case StateConflict:
		p.lastConflict = p.now()
	}
	return p.networkBackoff.next()
}

// storeFailed pauses. Telegram keeps unconfirmed updates for a day.
func (p *Poller) storeFailed(ctx context.Context, err error) time.Duration {
	if ctx.Err() != nil {
		return 0
	}
	if p.storeBackoff == 0 {
		p.logger.Error("cannot store updates; Telegram keeps them meanwhile", "error", err)
	}
	status := p.status.current()
	p.status.set(status.State, status.Until, sayStorage)
	return p.storeBackoff.next()
}

// backoff counts failures in a row.
type backoff int

// next is the pause after one more failure: random between half and all of 1, 2, 4… 60 s, at least 1 s. The randomness
// spreads programs that failed at the same moment.
func (n *backoff) next() time.Duration {
	full := min(time.Second<<min(*n, 6), time.Minute)
	*n++
	return max(time.Second, full/2+rand.N(full/2+1))
}

func (n *backoff) reset() { *n = 0 }
