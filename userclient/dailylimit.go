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

// dailyLimit counts the messages of a person's account per day (UTC). The count is on disk, so a restart does not reset it.
type dailyLimit struct {
	name  string // the account
	store account.Store
	limit int // messages a day
	now   func() time.Time
	log   *slog.Logger

	mu    sync.Mutex   // held while the store counts, so that the fields below match it
	until atomic.Int64 // Unix time in seconds: the limit is used up on the day that ends then
	held  atomic.Int64 // Unix time in seconds: the broadcasts' share is used up on the day that ends then
}

// today returns the date and the start of the next day.
func (d *dailyLimit) today() (name string, next time.Time) {
	now := d.now().UTC()
	return now.Format(time.DateOnly), now.Truncate(day).Add(day)
}

// load reads today's count of earlier runs.
func (d *dailyLimit) load(ctx context.Context) error {
	name, next := d.today()
	sent, err := d.store.Sends(ctx, d.name, name)
	if err == nil && sent >= d.limit {
		d.usedUp(next)
	}
	return err
}

// Handle is the middleware that counts messages. It is the innermost one: messages that the others return were not sent and
// do not count. A message that Telegram answers with a flood wait does not count either. If the answer is lost, the message
// may have been sent and stays counted.
func (d *dailyLimit) Handle(next tg.Invoker) telegram.InvokeFunc {
	return func(ctx context.Context, input bin.Encoder, output bin.Decoder) error {
		if !isMessage(methodOf(input)) {
			return next.Invoke(ctx, input, output)
		}
		name, err := d.reserve(ctx, senderOf(ctx).lane)
		if err != nil {
			return err
		}
		err = next.Invoke(ctx, input, output)
		if _, flood := tgerr.AsFloodWait(err); flood {
			d.uncount(ctx, name)
		}
		return err
	}
}

// reserve counts one message and returns its day. The error is a storeError, or says until when the limit of this lane is used up.
func (d *dailyLimit) reserve(ctx context.Context, lane delivery.Lane) (name string, err error) {
	limit := d.limit
	if lane == delivery.LaneBroadcast {
		limit = BroadcastsPerDay(d.limit)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	name, next := d.today()
	left, ok, err := d.store.CountSend(ctx, d.name, name, limit)
	switch reserved := d.limit - limit; {
	case err != nil:
		return "", storeError{fmt.Errorf("count message: %w", err)}
	case !ok && reserved > 0:
		d.broadcastsUsedUp(limit, next)
		return "", d.broadcastRefusal(next)
	case left+reserved == 0:
		d.usedUp(next)
	}
	if !ok {
		return "", d.refusal(sayDailyLimit, limit, next)
	}
	return name, nil
}

// uncount removes a message from the count of a day. If that fails, it stays counted, which costs one message.
func (d *dailyLimit) uncount(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.store.UncountSend(ctx, d.name, name); err != nil {
		d.log.Warn("an unsent message stays counted", "error", err)
		return
	}
	d.until.Store(0)
	d.held.Store(0)
}

// checkBroadcasts refuses a broadcast early if the broadcasts' share is used up, before it delays a code.
func (d *dailyLimit) checkBroadcasts() error {
	if next := d.ifToday(&d.held); next.After(d.now()) {
		return d.broadcastRefusal(next)
	}
	return nil
}

func (d *dailyLimit) broadcastRefusal(next time.Time) *delivery.SendError {
	e := d.refusal(sayBroadcastLimit, BroadcastsPerDay(d.limit), next)
	e.Broadcasts = true
	return e
}

// broadcastsUsedUp notes that broadcasts have used their share of the day.
func (d *dailyLimit) broadcastsUsedUp(share int, next time.Time) {
	if d.held.Swap(next.Unix()) != next.Unix() {
		d.log.Warn("broadcasts have used their share of the Telegram account's daily limit", "share", share, "limit", d.limit, "until", next)
	}
}

// usedUp notes that the limit is used up until the next day.
func (d *dailyLimit) usedUp(next time.Time) {
	if d.until.Swap(next.Unix()) != next.Unix() {
		d.log.Warn("the Telegram account's daily limit is used up", "limit", d.limit, "until", next)
	}
}

// usedUpUntil is when the limit allows messages again; past if it does now.
func (d *dailyLimit) usedUpUntil() time.Time { return d.ifToday(&d.until) }

// ifToday returns an end of a day if it is today's. That of another day, from before the clock was set back, says nothing.
func (d *dailyLimit) ifToday(end *atomic.Int64) time.Time {
	if _, next := d.today(); end.Load() == next.Unix() {
		return next
	}
	return time.Time{}
}

func (d *dailyLimit) refusal(words string, limit int, next time.Time) *delivery.SendError {
	e := refusal(delivery.Flood, delivery.ReasonLimited, words, fmt.Errorf("%d messages today", limit))
	e.RetryAfter = max(next.Sub(d.now()), time.Second)
	return e
}
