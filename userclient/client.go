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

// InBuild tells whether this build of telegate speaks MTProto: without the tag nomtproto it does.
const InBuild = true

var _ delivery.Transport = (*Client)(nil)

// Rates of messages.
const (
	userRate = 1  // messages a second
	botRate  = 25 // Telegram's limit for bots is about 30 (facts §B)
	burst    = 3
)

// Retry pauses of a client that has to begin anew. Reconnecting inside the library has its own: 100 ms to 5 s.
const (
	firstPause = time.Second
	lastPause  = time.Minute
	holdRetry  = 2 * time.Second
)

// Client keeps an account connected. Its methods may be called from any number of goroutines.
type Client struct {
	o     Options
	name  string // of the account, as the store knows it
	bot   int64  // the bot's id; 0 for a person
	saved Session
	board *board
	waits *waits
	kept  *kept
	pacer pacer

	allowed *allowance // of a person's account; a bot has none

	api     atomic.Pointer[tg.Client] // nil until connected once; works across reconnects of one library client
	check   chan struct{}             // tells Run to ask Telegram whose the session is
	resolve chan struct{}             // taken by whoever looks up a peer: one at a time
	login   time.Time                 // when the bot has last signed in; only Run uses it
	limits  sync.Mutex                // held while PEER_FLOOD is noted, so that it is told once
}

// New checks the options and touches no network. ErrApp, ErrProxy, ErrSession, ErrToken.
func New(o Options) (*Client, error) {
	o, bot, saved, err := o.prepare()
	if err != nil {
		return nil, err
	}
	if _, err := o.library(); err != nil {
		return nil, err
	}
	c := &Client{o: o, name: nameUser, bot: bot, saved: saved, check: make(chan struct{}, 1), resolve: make(chan struct{}, 1)}
	limiter := rate.NewLimiter(userRate, burst)
	if bot != 0 {
		c.name = fmt.Sprintf("bot %d", bot)
		limiter = rate.NewLimiter(botRate, burst)
	}
	c.waits = &waits{name: c.name, store: o.Store, now: o.Now, log: o.Logger, table: map[string]time.Time{}}
	c.allowed = &allowance{name: c.name, store: o.Store, limit: o.DailyCap, now: o.Now, log: o.Logger}
	c.kept = &kept{name: c.name, store: o.Store, log: o.Logger}
	c.pacer = pacer{limiter: limiter, now: o.Now}
	c.board = &board{
		now: o.Now, log: o.Logger, onConnected: o.OnConnected, onAlarm: o.OnAlarm, waits: c.waits, allowed: c.allowed,
		changed: make(chan struct{}),
		status:  Status{State: StateConnecting, Since: o.Now()},
	}
	return c, nil
}

// Status is how the client stands with Telegram.
func (c *Client) Status() Status { return c.board.current() }

// Run keeps the account connected until the context ends, and then returns nil. Trouble is a state and a pause; a final
// state stops all trying, and Run waits for the context. Run must be called once.
func (c *Client) Run(ctx context.Context) error {
	release, ok := c.hold(ctx)
	if !ok {
		return nil
	}
	for wait := firstPause; ctx.Err() == nil; {
		began := c.o.Now()
		err := c.live(ctx)
		if ctx.Err() != nil {
			break
		}
		if state, detail, final := c.final(err); final {
			c.board.set(state, time.Time{}, detail)
			<-ctx.Done()
			break
		}
		if c.o.Now().Sub(began) > 2*lastPause {
			wait = firstPause
		}
		_ = pause(ctx, max(c.trouble(err), wait/2+rand.N(wait)))
		wait = min(2*wait, lastPause)
	}
	if err := release(); err != nil {
		c.o.Logger.Error("let go of the Telegram session", "error", err)
	}
	return nil
}

// hold takes the account for this process, waiting for another one to let go of it.
func (c *Client) hold(ctx context.Context) (release func() error, ok bool) {
	for told := false; ; {
		release, err := c.o.Store.Hold(ctx, c.name)
		switch {
		case err == nil:
			return release, true
		case ctx.Err() != nil:
			return nil, false
		case errors.Is(err, account.ErrHeld):
			if !told {
				c.o.Logger.Warn(sayHeld)
				told = true
			}
			c.board.set(StateConnecting, time.Time{}, sayHeld)
		default:
			c.o.Logger.Error("take the Telegram session", "error", err)
			c.board.set(StateConnecting, time.Time{}, sayStore)
		}
		if pause(ctx, holdRetry) != nil {
			return nil, false
		}
	}
}

// trouble notes what has ended a life and answers how long at least to leave Telegram alone.
func (c *Client) trouble(err error) time.Duration {
	var flood *floodError
	if errors.As(err, &flood) {
		c.board.set(StateFloodWait, flood.until, sayQuiet)
		return flood.until.Sub(c.o.Now())
	}
	c.o.Logger.Info("Telegram session begins anew", "error", err)
	c.board.set(StateConnecting, time.Time{}, lineDetail(err))
	return 0
}

// live runs one client of the library from its start to its end. It never returns nil.
func (c *Client) live(ctx context.Context) error {
	if err := c.waits.load(ctx); err != nil {
		return storeError{err}
	}
	if c.bot == 0 {
		if err := c.allowed.load(ctx); err != nil {
			return storeError{err}
		}
	}
	if err := c.open(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	options, err := c.o.library()
	if err != nil {
		return err
	}
	options.SessionStorage = c.kept
	options.Middlewares = []telegram.Middleware{c.pacer, c.waits}
	if c.bot == 0 {
		options.Middlewares = append(options.Middlewares, c.allowed)
	}
	options.OnConnectionState = func(s telegram.ConnectionState) {
		switch s {
		case telegram.ConnectionStateReady:
			c.recheck()
		case telegram.ConnectionStateDisconnected:
			c.board.cutOff("")
		}
	}
	options.OnDead = func(err error) {
		c.board.cutOff(lineDetail(err))
		if _, _, final := c.final(err); final { // the library would go on trying
			cancel(err)
		}
	}
	options.Logger = ear{log.OrNop(options.Logger), func(err error) {
		wait, _ := tgerr.AsFloodWait(err)
		cancel(&floodError{initConnection, c.waits.note(ctx, initConnection, wait)})
	}}
	library := telegram.NewClient(c.o.ID, c.o.Hash, options)
	defer c.api.Store(nil)
	err = library.Run(ctx, func(ctx context.Context) error {
		for {
			select {
			case <-c.check:
			case <-ctx.Done():
				return ctx.Err()
			}
			cuts := c.board.cuts()
			me, err := c.signOn(ctx, library)
			if err != nil && c.board.cuts() != cuts && ctx.Err() == nil && !isAnswer(err) {
				continue // cut off meanwhile; the library is on it
			}
			if err != nil {
				return err
			}
			c.api.Store(library.API())
			c.board.connected(me, cuts)
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

// recheck has Run ask Telegram whose the session is.
func (c *Client) recheck() {
	select {
	case c.check <- struct{}{}:
	default:
	}
}

// initConnection is the first call on a connection, which the library makes by itself.
const initConnection = "initConnection"

// open finds what to sign in with.
func (c *Client) open(ctx context.Context) error {
	if err := c.kept.load(ctx, c.o.BotToken+c.o.Session); err != nil {
		return storeError{err}
	}
	if until := c.waits.until(initConnection); until.After(c.o.Now()) {
		return &floodError{initConnection, until}
	}
	switch {
	case c.bot != 0:
		if until := c.waits.until(botLogin); c.kept.record.State == nil && until.After(c.o.Now()) {
			return &floodError{botLogin, until}
		}
		return nil
	case c.o.Session != "":
		return c.kept.adopt(ctx, c.saved)
	case c.kept.record.State == nil:
		return errEmpty
	}
	return nil
}
