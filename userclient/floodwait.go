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
	// peerFlood is stored like the wait of a method: Telegram has limited the account, so nothing is sent until then.
	peerFlood = "PEER_FLOOD"
)

const (
	// maxCodeWait is how long the sending of a code may wait here. After that delivery tries another route.
	maxCodeWait = 3 * time.Second
	// maxWait is the same for all other messages.
	maxWait = 10 * time.Second
	// peerFloodPause is how long nothing is sent after PEER_FLOOD, which names no time. Telegram removes such limits after
	// hours to days.
	peerFloodPause = 24 * time.Hour
	// maxFloodWait cuts longer flood waits. Telegram has asked for up to about a day.
	maxFloodWait = 7 * 24 * time.Hour
)

// floodError: Telegram allows no call of the method before until.
type floodError struct {
	method string
	until  time.Time
}

func (e *floodError) Error() string {
	return fmt.Sprintf("%s: Telegram asks to wait until %s", e.method, e.until.UTC().Format(time.RFC3339))
}

// floodWaits keeps Telegram's flood waits, one per method as Telegram counts them, in memory and on disk.
type floodWaits struct {
	name  string // the account
	store account.Store
	now   func() time.Time
	log   *slog.Logger

	mu    sync.Mutex // guards table
	table map[string]time.Time
}

// load reads the waits of an earlier run, so that they survive a restart. If the clock was set back since, no wait gets
// longer than Telegram asked for.
func (w *floodWaits) load(ctx context.Context) error {
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

func (w *floodWaits) until(method string) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.table[method]
}

// add stores a wait that starts now.
func (w *floodWaits) add(ctx context.Context, method string, wait time.Duration) time.Time {
	asked := w.now()
	until := asked.Add(min(max(wait, time.Second), maxFloodWait))
	w.mu.Lock()
	w.table[method] = until
	w.mu.Unlock()
	w.log.Warn("Telegram asks to wait", "method", method, "until", until)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := w.store.SaveWait(ctx, w.name, account.Wait{Method: method, Asked: asked, Until: until}); err != nil {
		w.log.Error("a flood wait could not be stored; a restart would forget it", "error", err)
	}
	return until
}

// wait returns when the method may be called again. If that is after end, it returns a floodError at once.
func (w *floodWaits) wait(ctx context.Context, method string, end time.Time) error {
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

// Handle is the middleware that waits as Telegram asks, at most until the sender's deadline.
func (w *floodWaits) Handle(next tg.Invoker) telegram.InvokeFunc {
	return func(ctx context.Context, input bin.Encoder, output bin.Decoder) error {
		method, end := methodOf(input), senderOf(ctx).deadline
		for {
			if err := w.wait(ctx, method, end); err != nil {
				return err
			}
			err := next.Invoke(ctx, input, output)
			wait, ok := tgerr.AsFloodWait(err)
			if !ok {
				return err
			}
			w.add(ctx, method, wait)
		}
	}
}

// pacer is the middleware that limits the rate of messages. It runs before floodWaits.
type pacer struct {
	limiter *rate.Limiter
	now     func() time.Time
}

// Handle delays messages. It returns a floodError if the delay would pass the sender's deadline.
func (p pacer) Handle(next tg.Invoker) telegram.InvokeFunc {
	return func(ctx context.Context, input bin.Encoder, output bin.Decoder) error {
		if method := methodOf(input); isMessage(method) {
			now := p.now()
			turn := p.limiter.ReserveN(now, 1)
			wait := turn.DelayFrom(now)
			if deadline, ok := ctx.Deadline(); wait > 0 && now.Add(wait).After(senderOf(ctx).deadline) || ok && wait >= time.Until(deadline) {
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

// methodOf is Telegram's name of a request's method.
func methodOf(request bin.Encoder) string {
	if named, ok := request.(interface{ TypeName() string }); ok {
		return named.TypeName()
	}
	return fmt.Sprintf("%T", request)
}

func isMessage(method string) bool { return method == sendMessage || method == sendMedia }

// sender is what the middlewares must know about the sender of a message.
type sender struct {
	deadline time.Time     // how long it can wait, for all its calls together; zero: not at all
	lane     delivery.Lane // of a message
}

type senderKey struct{}

func withSender(ctx context.Context, c sender) context.Context {
	return context.WithValue(ctx, senderKey{}, c)
}

// senderOf returns the sender in ctx; without one, a sender that does not wait.
func senderOf(ctx context.Context) sender {
	c, _ := ctx.Value(senderKey{}).(sender)
	return c
}

// pause waits for d, or returns the context's error.
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
