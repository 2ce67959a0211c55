package userclient

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

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
	until atomic.Int64 // Unix time in seconds: before it there is nothing left
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

// take uses one message. The error is a storeError, or says until when there is nothing left.
func (a *allowance) take(ctx context.Context) error {
	name, next := a.today()
	left, ok, err := a.store.CountSend(ctx, a.name, name, a.limit)
	if err != nil {
		return storeError{fmt.Errorf("count message: %w", err)}
	}
	if left == 0 {
		a.usedUp(next)
	}
	if !ok {
		return a.refusal(next)
	}
	return nil
}

// usedUp notes that the day's last message is gone, so that nobody counts on the account before the next day.
func (a *allowance) usedUp(next time.Time) {
	if a.until.Swap(next.Unix()) != next.Unix() {
		a.log.Warn("the daily limit of messages through the Telegram account is used up", "limit", a.limit, "until", next)
	}
}

// spent is until when there is nothing left; in the past where there is.
func (a *allowance) spent() time.Time { return time.Unix(a.until.Load(), 0) }

func (a *allowance) refusal(next time.Time) *delivery.SendError {
	e := refusal(delivery.Flood, delivery.ReasonLimited, sayCap, fmt.Errorf("%d messages today", a.limit))
	e.RetryAfter = max(next.Sub(a.now()), time.Second)
	return e
}
