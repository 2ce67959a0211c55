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

// reachTimeout is how long a person at the terminal waits for the first connection.
const reachTimeout = time.Minute

// unreachable is what to say when no data centre has answered: a proxy on the way is what to look at first.
func (a App) unreachable() error {
	if a.Proxy == nil {
		return ErrUnreachable
	}
	return proxyError{hostPort(a.Proxy)}
}

// proxyError is ErrUnreachable by way of a proxy.
type proxyError struct{ proxy string } // host:port

func (e proxyError) Error() string {
	return "Telegram's data centres cannot be reached through the proxy " + e.proxy +
		": check that it runs, that its password or secret is right, and that it lets through to Telegram"
}

func (proxyError) Unwrap() error { return ErrUnreachable }

// visit is a client of the library that lives as long as somebody works with it and keeps its session in memory.
type visit struct {
	library *telegram.Client
	storage *state
	ctx     context.Context // ends with the visit
	cancel  context.CancelCauseFunc
	ended   chan struct{}
}

// newVisit connects, beginning with a session if there is one. The caller must close it. onUpdate may be nil.
func (a App) newVisit(ctx context.Context, s *Session, onUpdate telegram.UpdateHandler) (*visit, error) {
	options, err := a.library()
	if err != nil {
		return nil, err
	}
	v := &visit{storage: newState(nil), ended: make(chan struct{})}
	if s != nil {
		if err := s.save(ctx, v.storage); err != nil {
			return nil, err
		}
	}
	ready := make(chan struct{})
	options.SessionStorage = v.storage
	options.UpdateHandler = onUpdate
	options.OnDead = func(err error) {
		if _, _, final := finalAnswer(err, false); final { // the library would go on trying
			v.cancel(err)
		}
	}
	v.ctx, v.cancel = context.WithCancelCause(ctx)
	options.Logger = ear{log.OrNop(options.Logger), v.cancel}
	v.library = telegram.NewClient(a.ID, a.Hash, options)
	go func() {
		defer close(v.ended)
		v.cancel(v.library.Run(v.ctx, func(ctx context.Context) error {
			close(ready)
			<-ctx.Done()
			return ctx.Err()
		}))
	}()
	timer := time.NewTimer(reachTimeout)
	defer timer.Stop()
	select {
	case <-ready:
		return v, nil
	case <-v.ended:
		err = context.Cause(v.ctx)
	case <-timer.C:
		err = a.unreachable()
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	v.close()
	if _, detail, final := finalAnswer(err, false); final {
		return nil, fmt.Errorf("%w: %s", ErrDead, detail)
	}
	if errors.Is(err, context.DeadlineExceeded) { // the caller's time was shorter
		err = a.unreachable()
	}
	return nil, err
}

// close ends the visit and returns when nothing of it is left. It may be called again.
func (v *visit) close() {
	v.cancel(nil)
	<-v.ended
}

// within makes a context for one call that also ends with the visit. stop must be called.
func (v *visit) within(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	unhook := context.AfterFunc(v.ctx, cancel)
	return ctx, func() { unhook(); cancel() }
}

// session is what the visit has signed in with.
func (v *visit) session(ctx context.Context, userID int64) (Session, error) {
	data, err := v.storage.of(ctx, v.library.Config().ThisDC)
	if err != nil {
		return Session{}, fmt.Errorf("read the session: %w", err)
	}
	s, err := newSession(FormatOwn, data.DC, userID, data.AuthKey)
	if err != nil {
		return Session{}, fmt.Errorf("read the session: %w", err)
	}
	return s, nil
}

// Reach tells whether a data centre answers on the app's way, with a key made for it: a proxy that drops what it does not
// understand, for one, is found out by that alone. ErrUnreachable, ErrApp, ErrProxy. It uses no session.
func Reach(ctx context.Context, app App) error {
	v, err := app.newVisit(ctx, nil, nil)
	if err != nil {
		return err
	}
	v.close()
	return nil
}

// Verify asks Telegram whose a session is. ErrDead where it is nobody's any more, ErrUnreachable, ErrApp, ErrProxy. It
// must not be called while something else uses the session.
func Verify(ctx context.Context, app App, s Session) (Person, error) {
	v, err := app.newVisit(ctx, &s, nil)
	if err != nil {
		return Person{}, err
	}
	defer v.close()
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	ctx, stop := v.within(ctx)
	defer stop()
	user, err := v.library.Self(ctx)
	if err != nil && v.ctx.Err() != nil {
		err = context.Cause(v.ctx)
	}
	if _, detail, final := finalAnswer(err, false); final {
		return Person{}, fmt.Errorf("%w: %s", ErrDead, detail)
	}
	if err != nil {
		return Person{}, fmt.Errorf("ask Telegram whose the session is: %w", err)
	}
	if s.UserID != 0 && s.UserID != user.ID {
		return Person{}, fmt.Errorf("%w: %s", ErrDead, sayOther)
	}
	return person(user), nil
}

// LogOut ends a login at Telegram; the session is worth nothing afterwards. One that Telegram has ended already is no
// error. It must not be called while something else uses the session.
func LogOut(ctx context.Context, app App, s Session) error {
	v, err := app.newVisit(ctx, &s, nil)
	if errors.Is(err, ErrDead) {
		return nil
	}
	if err != nil {
		return err
	}
	defer v.close()
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	ctx, stop := v.within(ctx)
	defer stop()
	if _, err := v.library.API().AuthLogOut(ctx); err != nil && !isUnauthorized(err) {
		return fmt.Errorf("log out: %w", err)
	}
	return nil
}
