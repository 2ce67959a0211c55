//go:build !nomtproto

package userclient

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotd/log"
	"github.com/gotd/td/telegram"
	"github.com/gotd/td/tg"
	"github.com/gotd/td/tgerr"
	"golang.org/x/time/rate"

	"telegate/delivery"
	"telegate/userclient/account"
)

// InBuild reports that this build of telegate has MTProto. It is false with the build tag nomtproto.
const InBuild = true

var (
	_ delivery.Transport    = (*Client)(nil)
	_ delivery.Deduplicator = (*Client)(nil)
	_ delivery.Delayer      = (*Client)(nil)
)

// Rates of messages.
const (
	userRate = 1  // messages a second
	botRate  = 25 // Telegram's limit for bots is about 30 (core.telegram.org/bots/faq)
	burst    = 3
)

// Pauses between runs of the library. Its own reconnects pause 100 ms to 5 s.
const (
	firstPause = time.Second
	lastPause  = time.Minute
	lockRetry  = 2 * time.Second
)

// Client keeps an account connected. Its methods are safe for concurrent use.
type Client struct {
	o          Options
	name       string // of the account, in the store
	bot        int64  // the bot's id; 0 for a person
	configured Session
	status     *statusTracker
	floods     *floodWaits
	session    *sessionStore
	pacer      pacer

	clock *serverClock

	daily *dailyLimit // of a person's account; a bot has none

	api       atomic.Pointer[tg.Client] // nil until connected; survives reconnects of one library client
	authCheck chan struct{}             // makes Run ask Telegram who the session belongs to
	resolving chan struct{}             // a lock: one peer lookup at a time
	lastLogin time.Time                 // the bot's last sign-in; only Run uses it
	limitedMu sync.Mutex                // held while PEER_FLOOD is stored, so that it is reported once
}

// New checks the options without using the network. ErrApp, ErrProxy, ErrSession, ErrToken.
func New(o Options) (*Client, error) {
	o, bot, saved, err := o.prepare()
	if err != nil {
		return nil, err
	}
	if _, err := o.library(); err != nil {
		return nil, err
	}
	c := &Client{o: o, name: nameUser, bot: bot, configured: saved, authCheck: make(chan struct{}, 1), resolving: make(chan struct{}, 1)}
	limiter := rate.NewLimiter(userRate, burst)
	if bot != 0 {
		c.name = fmt.Sprintf("bot %d", bot)
		limiter = rate.NewLimiter(botRate, burst)
	}
	c.floods = &floodWaits{name: c.name, store: o.Store, now: o.Now, log: o.Logger, table: map[string]time.Time{}}
	c.daily = &dailyLimit{name: c.name, store: o.Store, limit: o.DailyCap, now: o.Now, log: o.Logger}
	c.clock = &serverClock{local: o.localTime()}
	c.session = &sessionStore{name: c.name, store: o.Store, log: o.Logger}
	c.pacer = pacer{limiter: limiter, now: o.Now}
	c.status = &statusTracker{
		now: o.Now, log: o.Logger, onConnected: o.OnConnected, onAlarm: o.OnAlarm, floods: c.floods, daily: c.daily, clock: c.clock,
		changed: make(chan struct{}),
		status:  Status{State: StateConnecting, Since: o.Now()},
	}
	return c, nil
}

// Status is the current status.
func (c *Client) Status() Status { return c.status.current() }

// DelayedUntil implements delivery.Delayer: an account may have to wait for Telegram, or for the next day.
func (c *Client) DelayedUntil() time.Time { return c.status.current().Until }

// Run keeps the account connected until the context ends, then returns nil. An error becomes a state and a pause. In a final
// state Run stops trying and waits for the context. Run must be called once.
func (c *Client) Run(ctx context.Context) error {
	release, ok := c.lock(ctx)
	if !ok {
		return nil
	}
	for wait := firstPause; ctx.Err() == nil; {
		began := c.o.Now()
		err := c.runOnce(ctx)
		if ctx.Err() != nil {
			break
		}
		if state, detail, final := c.final(err); final {
			c.status.set(state, time.Time{}, detail)
			<-ctx.Done()
			break
		}
		if c.o.Now().Sub(began) > 2*lastPause {
			wait = firstPause
		}
		_ = pause(ctx, max(c.runFailed(err), wait/2+rand.N(wait)))
		wait = min(2*wait, lastPause)
	}
	if err := release(); err != nil {
		c.o.Logger.Error("cannot release the Telegram session", "error", err)
	}
	return nil
}

// lock locks the account for this process. It waits while another process has it.
func (c *Client) lock(ctx context.Context) (release func() error, ok bool) {
	for told := false; ; {
		release, err := c.o.Store.Lock(ctx, c.name)
		switch {
		case err == nil:
			return release, true
		case ctx.Err() != nil:
			return nil, false
		case errors.Is(err, account.ErrInUse):
			c.status.set(StateConnecting, time.Time{}, sayInUse)
			if !told {
				c.o.Logger.Warn(sayInUse)
				told = true
			}
		default:
			c.status.set(StateConnecting, time.Time{}, sayStore)
			c.o.Logger.Error("cannot lock the Telegram session", "error", err)
		}
		if pause(ctx, lockRetry) != nil {
			return nil, false
		}
	}
}

// runFailed sets the state after a failed run and returns the shortest pause before the next one.
func (c *Client) runFailed(err error) time.Duration {
	var flood *floodError
	if errors.As(err, &flood) {
		c.status.set(StateFloodWait, flood.until, sayQuiet)
		return flood.until.Sub(c.o.Now())
	}
	c.o.Logger.Info("restarting the Telegram session", "error", err)
	c.status.set(StateConnecting, time.Time{}, connectionDetail(err))
	return 0
}

// runOnce runs one client of the library until it ends. It never returns nil.
func (c *Client) runOnce(ctx context.Context) error {
	if err := c.floods.load(ctx); err != nil {
		return storeError{err}
	}
	if c.bot == 0 {
		if err := c.daily.load(ctx); err != nil {
			return storeError{err}
		}
	}
	if err := c.loadSession(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	options, err := c.o.library()
	if err != nil {
		return err
	}
	options.SessionStorage = c.session
	options.Middlewares = []telegram.Middleware{c.pacer, c.floods}
	if c.bot == 0 {
		options.Middlewares = append(options.Middlewares, c.daily)
	}
	silence := &silenceDetector{ctx: ctx, status: c.status, end: cancel, waits: c.o.silence}
	options.Middlewares = append(options.Middlewares, silence) // the last: what the others wait is not silence
	options.OnConnectionState = func(s telegram.ConnectionState) {
		switch s {
		case telegram.ConnectionStateReady:
			c.checkAuth()
		case telegram.ConnectionStateDisconnected:
			c.status.disconnected("")
		}
	}
	options.OnDead = func(err error) {
		c.status.disconnected(connectionDetail(err))
		if _, _, final := c.final(err); final { // the library would keep trying
			cancel(err)
		}
	}
	options.Clock = c.clock
	options.Logger = listeningLogger{log.OrNop(options.Logger), c.clock, func(err error) {
		wait, _ := tgerr.AsFloodWait(err)
		cancel(&floodError{initConnection, c.floods.add(ctx, initConnection, wait)})
	}, func() {
		c.o.Logger.Warn("The clock of this machine is wrong. Correct it, for example with NTP. The connection to Telegram now uses Telegram's time.",
			"clock", c.clock.wrongBy()+" Telegram's")
		cancel(errClock) // what was sent by the wrong time gets no answer
	}}
	library := telegram.NewClient(c.o.ID, c.o.Hash, options)
	silence.ping = library.Ping
	defer c.api.Store(nil)
	err = library.Run(ctx, func(ctx context.Context) error {
		for {
			select {
			case <-c.authCheck:
			case <-ctx.Done():
				return ctx.Err()
			}
			cuts := c.status.disconnectCount()
			me, err := c.authenticate(ctx, library)
			if err != nil && c.status.disconnectCount() != cuts && ctx.Err() == nil && !isAnswer(err) {
				continue // disconnected meanwhile; the library reconnects
			}
			if err != nil {
				return err
			}
			c.api.Store(library.API())
			c.status.connected(me, cuts)
		}
	})
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	if err == nil {
		err = errors.New("the library has stopped")
	}
	return err
}

// checkAuth makes Run ask Telegram who the session belongs to.
func (c *Client) checkAuth() {
	select {
	case c.authCheck <- struct{}{}:
	default:
	}
}

// initConnection is the first call on a connection; the library makes it.
const initConnection = "initConnection"

// loadSession loads the session to sign in with.
func (c *Client) loadSession(ctx context.Context) error {
	if err := c.session.load(ctx, c.o.BotToken+c.o.Session); err != nil {
		return storeError{err}
	}
	if until := c.floods.until(initConnection); until.After(c.o.Now()) {
		return &floodError{initConnection, until}
	}
	switch {
	case c.bot != 0:
		if until := c.floods.until(botLogin); c.session.stored.State == nil && until.After(c.o.Now()) {
			return &floodError{botLogin, until}
		}
		return nil
	case c.o.Session != "":
		return c.session.imported(ctx, c.configured)
	case c.session.stored.State == nil:
		return errNotSignedIn
	}
	return nil
}
