package bot

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"
)

const (
	// pollTimeout is how long Telegram holds a poll open; it takes no more (TBA Client.h:1610).
	pollTimeout = 50 * time.Second
	// slowRetry is the pause where only a person can mend it: a refused token, a webhook.
	slowRetry = time.Minute
	// conflictMemory is how long no poll may be ended by another poller before a conflict counts as over. Each of two
	// pollers ends the other's poll (facts §B) and comes back within a minute, so one good poll proves nothing.
	conflictMemory = 2 * time.Minute
	// quickAnswer is how fast a poll without anything new must not return: a server that ignores the timeout or the
	// offset would be asked in a hot loop.
	quickAnswer = time.Second
)

// Record is what the loop remembers of a bot over restarts.
type Record struct {
	ID        int64
	Username  string    // without @
	Name      string    // as people see it
	Offset    int64     // the first update that is not stored yet
	NotBefore time.Time // Telegram asked for quiet until then (F1); zero or past otherwise
	Asked     time.Time // when it did
}

// Store keeps what the loop needs on disk.
type Store interface {
	// Record is what is known about the bot; a zero one with the id where nothing is.
	Record(ctx context.Context, botID int64) (Record, error)
	// SaveRecord stores username, name, not-before and asked. The offset is left alone.
	SaveRecord(ctx context.Context, r Record) error
	// SaveUpdates stores the raw updates and the new offset in one transaction. Ids that are there already are ignored.
	SaveUpdates(ctx context.Context, botID int64, updates []Update, offset int64) error
	// UnhandledUpdates are updates that were not finished, in the order they were stored, at most limit of them.
	UnhandledUpdates(ctx context.Context, botID int64, limit int) ([]Update, error)
	// FinishUpdate notes that an update is done with and wipes its raw form. fault says why it was skipped; "" if it was
	// not.
	FinishUpdate(ctx context.Context, botID, updateID int64, fault string) error
}

// BotOptions says how a Bot is built.
type BotOptions struct {
	Client  *Client
	Store   Store
	Handler Handler
	// Logger hears of each change of state, once, and of updates that are skipped. nil: nothing is logged.
	Logger *slog.Logger
	// Now is the clock. nil: time.Now. Waiting is done with real timers.
	Now func() time.Time
	// OnConnected is called each time the state becomes connected, by the loop itself, so it must not block. Optional.
	OnConnected func()
}

// Bot takes in the updates of one bot: from Telegram into the store, from there to the handler.
type Bot struct {
	client  *Client
	store   Store
	handler Handler
	logger  *slog.Logger
	now     func() time.Time
	board   *board
	nudge   chan struct{} // ends a pause

	// Only Run uses what follows.
	record       Record
	loaded       bool      // record is the store's
	introduced   bool      // getMe went well since the start, or since the token was last refused
	lastConflict time.Time // when another poller was last noticed
	lineTrouble  backoff
	diskTrouble  backoff
}

// New builds a Bot in state connecting. Run does the work.
func New(o BotOptions) *Bot {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.OnConnected == nil {
		o.OnConnected = func() {}
	}
	b := &Bot{client: o.Client, store: o.Store, handler: o.Handler, logger: o.Logger, now: o.Now, nudge: make(chan struct{}, 1)}
	b.board = &board{now: o.Now, logger: o.Logger, onConnected: o.OnConnected, status: Status{State: StateConnecting, Since: o.Now()}}
	return b
}

// Status is how the loop stands with Telegram. It never holds the token.
func (b *Bot) Status() Status { return b.board.current() }

// CanSend tells whether a message can count on leaving soon: Telegram answers, or has stopped doing so no longer than
// 10 s ago. It is false until Telegram has answered once, and while Telegram refuses the token.
func (b *Bot) CanSend() bool { return b.board.canSend() }

// Run polls until the context ends, and then returns nil. Nothing else ends it: every trouble is a state and a pause.
// Updates that an earlier run has stored and not finished are handled first. Run must not be called twice at a time.
func (b *Bot) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		wait(ctx, b.turn(ctx), b.nudge)
	}
	return nil
}

// Nudge ends the pause after a failure, because the reason for it may be gone. A wait that Telegram has asked for goes on.
func (b *Bot) Nudge() {
	select {
	case b.nudge <- struct{}{}:
	default:
	}
}

// turn does the next thing and returns how long to pause after it.
func (b *Bot) turn(ctx context.Context) time.Duration {
	if err := b.tidy(ctx); err != nil {
		return b.storeFailed(ctx, err)
	}
	if quiet := b.record.NotBefore.Sub(b.now()); quiet > 0 {
		b.board.set(StateFloodWait, b.record.NotBefore, sayQuiet)
		return quiet + rand.N(time.Second)
	}
	if !b.introduced {
		return b.introduce(ctx)
	}
	return b.poll(ctx)
}

// tidy has everything handled that the store holds, before anything new is asked for.
func (b *Bot) tidy(ctx context.Context) error {
	if !b.loaded {
		r, err := b.store.Record(ctx, b.client.id)
		if err != nil {
			return err
		}
		b.record, b.loaded = r, true
		b.record.ID = b.client.id
		if latest := b.now().Add(r.NotBefore.Sub(r.Asked)); r.NotBefore.After(latest) { // the clock has been set back
			b.record.NotBefore = latest
		}
		b.board.named(r.Username)
	}
	return b.handleStored(ctx)
}

// introduce asks Telegram who the bot is.
func (b *Bot) introduce(ctx context.Context) time.Duration {
	me, err := b.client.GetMe(ctx)
	if err != nil {
		return b.telegramFailed(ctx, err)
	}
	b.record.Username, b.record.Name, b.record.NotBefore = me.Username, me.Name, time.Time{}
	b.record.Asked = time.Time{}
	if err := b.store.SaveRecord(ctx, b.record); err != nil {
		return b.storeFailed(ctx, err)
	}
	b.board.named(me.Username)
	b.introduced = true
	return 0
}

// poll takes in one batch: it is on disk before a later poll confirms it to Telegram.
func (b *Bot) poll(ctx context.Context) time.Duration {
	var timeout time.Duration // in doubt a short poll, which tells at once how things stand
	if state := b.board.current().State; b.diskTrouble == 0 && (state == StateConnected || state == StateConflict) {
		timeout = pollTimeout
	}
	start, offset := b.now(), b.record.Offset
	updates, err := b.client.getUpdates(ctx, offset, timeout)
	if err != nil {
		return b.telegramFailed(ctx, err)
	}
	b.noteAnswer()
	if len(updates) > 0 {
		if err := b.keep(ctx, updates); err != nil {
			return b.storeFailed(ctx, err)
		}
	}
	b.diskTrouble.reset()
	if b.record.Offset == offset && timeout > 0 && b.now().Sub(start) < quickAnswer {
		return quickAnswer
	}
	return 0
}

// noteAnswer draws the conclusions of a poll that went well.
func (b *Bot) noteAnswer() {
	b.board.polled()
	if !b.lastConflict.IsZero() && b.now().Sub(b.lastConflict) < conflictMemory {
		b.board.set(StateConflict, time.Time{}, sayConflict)
		return
	}
	b.lineTrouble.reset()
	b.board.set(StateConnected, time.Time{}, "")
}

// keep stores a batch together with the offset behind it.
func (b *Bot) keep(ctx context.Context, updates []Update) error {
	// The highest id of this batch, not of all time: ids start anew after a week without updates (facts §B).
	offset := updates[0].ID + 1
	for _, u := range updates {
		offset = max(offset, u.ID+1)
	}
	if err := b.store.SaveUpdates(ctx, b.client.id, updates, offset); err != nil {
		return err
	}
	b.record.Offset = offset
	return nil
}

// telegramFailed turns an error of getMe or getUpdates into a state and a pause.
func (b *Bot) telegramFailed(ctx context.Context, err error) time.Duration {
	if ctx.Err() != nil {
		return 0
	}
	var answer *answerError
	if errors.As(err, &answer) && answer.retryAfter > 0 {
		b.record.Asked = b.now()
		b.record.NotBefore = b.record.Asked.Add(answer.retryAfter)
		if err := b.store.SaveRecord(ctx, b.record); err != nil {
			b.logger.Error("a flood wait could not be stored; a restart would forget it", "until", b.record.NotBefore, "error", err)
		}
		return 0 // the next turn waits
	}
	state, detail := diagnose(err)
	b.board.set(state, time.Time{}, detail)
	switch state {
	case StateUnauthorized:
		b.introduced = false
		return slowRetry
	case StateWebhookSet:
		return slowRetry
	case StateConflict:
		b.lastConflict = b.now()
	}
	return b.lineTrouble.next()
}

// storeFailed pauses: Telegram keeps what is not confirmed, for a day.
func (b *Bot) storeFailed(ctx context.Context, err error) time.Duration {
	if ctx.Err() != nil {
		return 0
	}
	if b.diskTrouble == 0 {
		b.logger.Error("updates cannot be stored; they stay with Telegram until they can", "error", err)
	}
	status := b.board.current()
	b.board.set(status.State, status.Until, sayStorage)
	return b.diskTrouble.next()
}

// backoff counts failures in a row.
type backoff int

// next is the pause after one more failure: between half and the whole of 1, 2, 4… 60 s, never under 1 s. The chance in
// it keeps programs apart that failed at the same moment.
func (n *backoff) next() time.Duration {
	full := min(time.Second<<min(*n, 6), time.Minute)
	*n++
	return max(time.Second, full/2+rand.N(full/2+1))
}

func (n *backoff) reset() { *n = 0 }
