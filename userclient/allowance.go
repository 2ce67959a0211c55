//go:build !nomtproto

package userclient

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gotd/td/bin"
	"github.com/gotd/td/telegram"
	"github.com/gotd/td/tg"
	"github.com/gotd/td/tgerr"

	"telegate/delivery"
	"telegate/userclient/account"
)

const day = 24 * time.Hour

// allowance is what a person's account may still send today (UTC), counted on disk so that a restart gives nothing anew.
type allowance struct {
	name  string // the account
	store account.Store
	limit int // messages a day
	now   func() time.Time
	log   *slog.Logger

	mu    sync.Mutex   // held while the store counts, so that until and held follow what it has
	until atomic.Int64 // Unix time in seconds: before it there is nothing left
	held  atomic.Int64 // likewise: before it nothing is left for broadcasts
}

// today is the name of the day, and when the next begins.
func (a *allowance) today() (name string, next time.Time) {
	now := a.now().UTC()
	return now.Format(time.DateOnly), now.Truncate(day).Add(day)
}

// load reads what earlier runs have used of the day.
func (a *allowance) load(ctx context.Context) error {
	name, next := a.today()
	sent, err := a.store.Sends(ctx, a.name, name)
	if err == nil && sent >= a.limit {
		a.usedUp(next)
	}
	return err
}

// Handle is the middleware that counts messages. It stands innermost: what the others give back has not left and does not
// count, and neither does what Telegram sends back to wait. A message whose answer was lost may have left; it stays counted.
func (a *allowance) Handle(next tg.Invoker) telegram.InvokeFunc {
	return func(ctx context.Context, input bin.Encoder, output bin.Decoder) error {
		if !isMessage(methodOf(input)) {
			return next.Invoke(ctx, input, output)
		}
		name, err := a.take(ctx, callerOf(ctx).lane)
		if err != nil {
			return err
		}
		err = next.Invoke(ctx, input, output)
		if _, flood := tgerr.AsFloodWait(err); flood {
			a.giveBack(ctx, name)
		}
		return err
	}
}

// take uses one message of the day that it names. The error is a storeError, or says until when there is nothing left for
// this lane.
func (a *allowance) take(ctx context.Context, lane delivery.Lane) (name string, err error) {
	limit := a.limit
	if lane == delivery.LaneBroadcast {
		limit = BroadcastsPerDay(a.limit)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	name, next := a.today()
	left, ok, err := a.store.CountSend(ctx, a.name, name, limit)
	switch kept := a.limit - limit; {
	case err != nil:
		return "", storeError{fmt.Errorf("count message: %w", err)}
	case !ok && kept > 0:
		a.holdBroadcasts(limit, next)
		return "", a.shareUsed(next)
	case left+kept == 0:
		a.usedUp(next)
	}
	if !ok {
		return "", a.refusal(sayCap, limit, next)
	}
	return name, nil
}

// giveBack takes a message out of the count of a day. Where that fails it stays counted, which costs one message.
func (a *allowance) giveBack(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.store.UncountSend(ctx, a.name, name); err != nil {
		a.log.Warn("a message that did not leave stays counted", "error", err)
		return
	}
	a.until.Store(0)
	a.held.Store(0)
}

// share refuses a broadcast that the day is known to have no message for, before it takes the turn of a code.
func (a *allowance) share() error {
	if next := time.Unix(a.held.Load(), 0); next.After(a.now()) {
		return a.shareUsed(next)
	}
	return nil
}

func (a *allowance) shareUsed(next time.Time) *delivery.SendError {
	e := a.refusal(sayShare, BroadcastsPerDay(a.limit), next)
	e.Broadcasts = true
	return e
}

// holdBroadcasts notes that broadcasts have had their share of the day.
func (a *allowance) holdBroadcasts(share int, next time.Time) {
	if a.held.Swap(next.Unix()) != next.Unix() {
		a.log.Warn("broadcasts have used up their share of the day's messages through the Telegram account", "share", share, "limit", a.limit, "until", next)
	}
}

// usedUp notes that the day's last message is gone, so that nobody counts on the account before the next day.
func (a *allowance) usedUp(next time.Time) {
	if a.until.Swap(next.Unix()) != next.Unix() {
		a.log.Warn("the daily limit of messages through the Telegram account is used up", "limit", a.limit, "until", next)
	}
}

// spent is until when there is nothing left; in the past where there is.
func (a *allowance) spent() time.Time { return time.Unix(a.until.Load(), 0) }

func (a *allowance) refusal(words string, limit int, next time.Time) *delivery.SendError {
	e := refusal(delivery.Flood, delivery.ReasonLimited, words, fmt.Errorf("%d messages today", limit))
	e.RetryAfter = max(next.Sub(a.now()), time.Second)
	return e
}
