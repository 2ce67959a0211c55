//go:build !nomtproto

package userclient

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/gotd/td/bin"
	"github.com/gotd/td/telegram"
	"github.com/gotd/td/tg"
	"github.com/gotd/td/tgerr"
	"golang.org/x/time/rate"

	"telegate/delivery"
	"telegate/userclient/account"
)

const (
	sendMessage = "messages.sendMessage"
	sendMedia   = "messages.sendMedia"
	// peerFlood is kept beside the waits of methods: how long nothing is sent after Telegram has limited the account.
	peerFlood = "PEER_FLOOD"
)

const (
	// codePatience is how long a code sits out a wait before it is given back, so that another way can be tried (F34).
	codePatience = 3 * time.Second
	// patience is the same for everything else.
	patience = 10 * time.Second
	// limitedFor is how long nothing is sent after PEER_FLOOD, which comes without a time. Telegram lifts such limits
	// after hours to days (F32).
	limitedFor = 24 * time.Hour
	// longestWait is as much of a wait as is believed; Telegram has asked for up to about a day (F1).
	longestWait = 7 * 24 * time.Hour
)

// floodError: Telegram wants no call of the method before until.
type floodError struct {
	method string
	until  time.Time
}

func (e *floodError) Error() string {
	return fmt.Sprintf("%s: Telegram wants quiet until %s", e.method, e.until.UTC().Format(time.RFC3339))
}

// waits keeps what Telegram has said about flooding, per method as Telegram counts, in memory and on disk.
type waits struct {
	name  string // the account
	store account.Store
	now   func() time.Time
	log   *slog.Logger

	mu    sync.Mutex // guards table
	table map[string]time.Time
}

// load reads what an earlier run has left, so that a restart does not forget it (F1). A clock that has been set back since
// makes no wait longer than Telegram has asked for.
func (w *waits) load(ctx context.Context) error {
	list, err := w.store.Waits(ctx, w.name)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, one := range list {
		until := one.Until
		if latest := w.now().Add(until.Sub(one.Asked)); !one.Asked.IsZero() && until.After(latest) {
			until = latest
		}
		if until.After(w.table[one.Method]) {
			w.table[one.Method] = until
		}
	}
	return nil
}

func (w *waits) until(method string) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.table[method]
}

// note remembers a wait from now on.
func (w *waits) note(ctx context.Context, method string, wait time.Duration) time.Time {
	asked := w.now()
	until := asked.Add(min(max(wait, time.Second), longestWait))
	w.mu.Lock()
	w.table[method] = until
	w.mu.Unlock()
	w.log.Warn("Telegram asks for quiet", "method", method, "until", until)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := w.store.SaveWait(ctx, w.name, account.Wait{Method: method, Asked: asked, Until: until}); err != nil {
		w.log.Error("a flood wait could not be stored; a restart would forget it", "error", err)
	}
	return until
}

// sitOut returns when the method may be called again, or at once with a floodError where that lies beyond end.
func (w *waits) sitOut(ctx context.Context, method string, end time.Time) error {
	until := w.until(method)
	left := until.Sub(w.now())
	if left <= 0 {
		return nil
	}
	if deadline, ok := ctx.Deadline(); until.After(end) || ok && left >= time.Until(deadline) {
		return &floodError{method, until}
	}
	return pause(ctx, left)
}

// Handle is the middleware that waits as Telegram asks, within the caller's patience.
func (w *waits) Handle(next tg.Invoker) telegram.InvokeFunc {
	return func(ctx context.Context, input bin.Encoder, output bin.Decoder) error {
		method, end := methodOf(input), callerOf(ctx).end
		for {
			if err := w.sitOut(ctx, method, end); err != nil {
				return err
			}
			err := next.Invoke(ctx, input, output)
			wait, ok := tgerr.AsFloodWait(err)
			if !ok {
				return err
			}
			w.note(ctx, method, wait)
		}
	}
}

// pacer is the middleware that keeps messages below a rate. It stands before waits.
type pacer struct {
	limiter *rate.Limiter
	now     func() time.Time
}

// Handle delays messages; one that would wait longer than its caller can is given back.
func (p pacer) Handle(next tg.Invoker) telegram.InvokeFunc {
	return func(ctx context.Context, input bin.Encoder, output bin.Decoder) error {
		if method := methodOf(input); isMessage(method) {
			now := p.now()
			turn := p.limiter.ReserveN(now, 1)
			wait := turn.DelayFrom(now)
			if deadline, ok := ctx.Deadline(); wait > 0 && now.Add(wait).After(callerOf(ctx).end) || ok && wait >= time.Until(deadline) {
				turn.CancelAt(now)
				return &floodError{method, now.Add(wait)}
			}
			if err := pause(ctx, wait); err != nil {
				return err
			}
		}
		return next.Invoke(ctx, input, output)
	}
}

// methodOf is how Telegram calls the method of a request.
func methodOf(request bin.Encoder) string {
	if named, ok := request.(interface{ TypeName() string }); ok {
		return named.TypeName()
	}
	return fmt.Sprintf("%T", request)
}

func isMessage(method string) bool { return method == sendMessage || method == sendMedia }

// caller is whom the middlewares work for.
type caller struct {
	end  time.Time     // until when it can wait, whatever number of calls it makes; zero: not at all
	lane delivery.Lane // of a message
}

type callerKey struct{}

func withCaller(ctx context.Context, c caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// callerOf is one that does not wait where nobody has said.
func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}

// pause waits, or returns the context's error.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
