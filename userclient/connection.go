//go:build !nomtproto

package userclient

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gotd/log"
	"github.com/gotd/td/telegram"
)

// reachTimeout limits the first connection: a person waits at the terminal.
const reachTimeout = time.Minute

// unreachable is the error if no data centre answers. It names the proxy, if there is one.
func (a App) unreachable() error {
	if a.Proxy == nil {
		return ErrUnreachable
	}
	return proxyError{hostPort(a.Proxy)}
}

// proxyError is ErrUnreachable through a proxy.
type proxyError struct{ proxy string } // host:port

func (e proxyError) Error() string {
	return "Telegram's data centres cannot be reached through the proxy " + e.proxy +
		": check that it runs, that its password or secret is right, and that it can reach Telegram"
}

func (proxyError) Unwrap() error { return ErrUnreachable }

// connection is a short-lived client of the library with its session in memory.
type connection struct {
	library *telegram.Client
	storage *memorySession
	ctx     context.Context // ends with the connection
	cancel  context.CancelCauseFunc
	ended   chan struct{}
}

// connect opens a connection, with session s unless it is nil. The caller must close it. onUpdate may be nil.
func (a App) connect(ctx context.Context, s *Session, onUpdate telegram.UpdateHandler) (*connection, error) {
	clock := &serverClock{local: a.localTime()}
	c, err := a.connectBy(ctx, clock, s, onUpdate)
	if errors.Is(err, errClock) {
		c, err = a.connectBy(ctx, clock, s, onUpdate)
	}
	if errors.Is(err, errClock) {
		err = fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return c, err
}

// connectBy is connect by a clock. errClock if the clock was wrong and has been corrected.
func (a App) connectBy(ctx context.Context, clock *serverClock, s *Session, onUpdate telegram.UpdateHandler) (*connection, error) {
	options, err := a.library()
	if err != nil {
		return nil, err
	}
	c := &connection{storage: newMemorySession(nil), ended: make(chan struct{})}
	if s != nil {
		if err := s.save(ctx, c.storage); err != nil {
			return nil, err
		}
	}
	ready := make(chan struct{})
	options.SessionStorage = c.storage
	options.UpdateHandler = onUpdate
	options.OnDead = func(err error) {
		if _, _, final := finalAnswer(err, false); final { // the library would keep trying
			c.cancel(err)
		}
	}
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	options.Clock = clock
	options.Logger = listeningLogger{log.OrNop(options.Logger), clock, c.cancel, func() { c.cancel(errClock) }}
	c.library = telegram.NewClient(a.ID, a.Hash, options)
	go func() {
		defer close(c.ended)
		c.cancel(c.library.Run(c.ctx, func(ctx context.Context) error {
			close(ready)
			<-ctx.Done()
			return ctx.Err()
		}))
	}()
	timer := time.NewTimer(reachTimeout)
	defer timer.Stop()
	select {
	case <-ready:
		return c, nil
	case <-c.ended:
		err = context.Cause(c.ctx)
	case <-timer.C:
		err = a.unreachable()
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	c.close()
	if _, detail, final := finalAnswer(err, false); final {
		return nil, fmt.Errorf("%w: %s", ErrDead, detail)
	}
	if errors.Is(err, context.DeadlineExceeded) { // the caller's deadline
		err = a.unreachable()
	}
	return nil, err
}

// close closes the connection and waits for its goroutines. It is idempotent.
func (c *connection) close() {
	c.cancel(nil)
	<-c.ended
}

// within returns a context for one call, which also ends with the connection. The caller must call stop.
func (c *connection) within(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	unhook := context.AfterFunc(c.ctx, cancel)
	return ctx, func() { unhook(); cancel() }
}

// session returns the session that was signed in.
func (c *connection) session(ctx context.Context, userID int64) (Session, error) {
	data, err := c.storage.of(ctx, c.library.Config().ThisDC)
	if err != nil {
		return Session{}, fmt.Errorf("read the session: %w", err)
	}
	s, err := newSession(FormatOwn, data.DC, userID, data.AuthKey)
	if err != nil {
		return Session{}, fmt.Errorf("read the session: %w", err)
	}
	return s, nil
}

// Reach checks that a data centre answers, by making a new key with it: only a full exchange detects, for example, a proxy that
// drops MTProto. It uses no session. ErrUnreachable, ErrApp, ErrProxy.
func Reach(ctx context.Context, app App) error {
	c, err := app.connect(ctx, nil, nil)
	if err != nil {
		return err
	}
	c.close()
	return nil
}

// Verify asks Telegram who a session belongs to. ErrDead if it no longer works, ErrUnreachable, ErrApp, ErrProxy. It must not
// be called while something else uses the session.
func Verify(ctx context.Context, app App, s Session) (Person, error) {
	c, err := app.connect(ctx, &s, nil)
	if err != nil {
		return Person{}, err
	}
	defer c.close()
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	ctx, stop := c.within(ctx)
	defer stop()
	user, err := c.library.Self(ctx)
	if err != nil && c.ctx.Err() != nil {
		err = context.Cause(c.ctx)
	}
	if _, detail, final := finalAnswer(err, false); final {
		return Person{}, fmt.Errorf("%w: %s", ErrDead, detail)
	}
	if err != nil {
		return Person{}, fmt.Errorf("ask Telegram who the session belongs to: %w", err)
	}
	if s.UserID != 0 && s.UserID != user.ID {
		return Person{}, fmt.Errorf("%w: %s", ErrDead, sayOther)
	}
	return personOf(user), nil
}

// LogOut ends a login at Telegram and so invalidates the session. An already invalid session is not an error. LogOut must not
// be called while something else uses the session.
func LogOut(ctx context.Context, app App, s Session) error {
	c, err := app.connect(ctx, &s, nil)
	if errors.Is(err, ErrDead) {
		return nil
	}
	if err != nil {
		return err
	}
	defer c.close()
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	ctx, stop := c.within(ctx)
	defer stop()
	if _, err := c.library.API().AuthLogOut(ctx); err != nil && !isUnauthorized(err) {
		return fmt.Errorf("log out: %w", err)
	}
	return nil
}
