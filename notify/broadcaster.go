package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"telegate/delivery"
)

// A window bounds the unsent messages of broadcasts: enough to keep a bot busy, few enough for memory with any number of
// recipients. A batch bounds one transaction to a few milliseconds, because every sign-in waits for the writer too.
const (
	window      = 2000      // unsent messages of all broadcasts together …
	windowBytes = 16 << 20  // … and the bytes of their bodies
	minWindow   = 200       // at least this many of each broadcast, even if there are many
	batch       = ListPiece // messages created in one transaction
	cancelBatch = 200       // messages canceled in one transaction

	minPause    = 20 * time.Millisecond  // between two rounds
	cancelRetry = 100 * time.Millisecond // while the dispatcher sends messages of a canceled broadcast
	retryStore  = time.Second            // after a database error
	maxSleep    = time.Minute            // so that setting the clock does not delay a broadcast
)

// Run turns recipients into messages, as many as the window has room for, and stores the end of a broadcast when all its
// messages have ended. Commits that give it work (BroadcastNews) and the time of the next broadcast wake it. It returns nil
// when the context ends.
func (b *Broadcaster) Run(ctx context.Context) error {
	news, stop := b.o.Watcher.Watch(BroadcastNews)
	defer stop()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-news:
		case <-timer.C:
		}
		timer.Reset(b.round(ctx))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(minPause):
		}
	}
}

// round does one step for each active broadcast, so that none waits for another. It returns the time until the next round
// if nothing wakes it.
func (b *Broadcaster) round(ctx context.Context) time.Duration {
	sleep := maxSleep
	for more := true; more && ctx.Err() == nil; {
		more = false
		var active []ActiveBroadcast
		var next time.Time
		now := b.o.Now()
		err := b.o.Store.ViewBroadcasts(ctx, func(tx BroadcastTx) (err error) {
			active, next, err = tx.ActiveBroadcasts(now)
			return err
		})
		if err != nil {
			return b.logRetry(ctx, "", err)
		}
		sleep = maxSleep
		if !next.IsZero() {
			sleep = min(sleep, next.Sub(now))
		}
		for _, a := range active {
			again, wait, err := b.step(ctx, a, len(active))
			if err != nil {
				again, wait = false, b.logRetry(ctx, a.ID, err)
			}
			more, sleep = more || again, min(sleep, wait)
		}
	}
	return sleep
}

func (b *Broadcaster) logRetry(ctx context.Context, id string, err error) time.Duration {
	if ctx.Err() == nil {
		b.o.Logger.Error("broadcast stalled, retrying", "broadcast", id, "error", err)
	}
	return retryStore
}

// step does the next step of one broadcast. again: there is more to do now; wait: time until the next check.
func (b *Broadcaster) step(ctx context.Context, a ActiveBroadcast, active int) (again bool, wait time.Duration, err error) {
	wait = maxSleep
	switch {
	case a.Open == 0 && (a.Expanded || a.Status == BroadcastCanceled):
		return false, wait, b.finish(ctx, a.Broadcast)
	case a.Status == BroadcastCanceled:
		canceled, skipped, err := b.cancelQueued(ctx, a.ID)
		if skipped > 0 {
			wait = cancelRetry
		}
		return canceled > 0, wait, err
	case !a.Expanded && share(a.BodySize, active)-a.Open >= batch:
		return true, wait, b.expand(ctx, a.ID)
	}
	return false, wait, nil
}

// share is how many unsent messages each broadcast may have.
func share(bodySize, active int) int {
	return max(minWindow, min(window, windowBytes/max(1, bodySize))/active)
}

// expand creates messages for the next recipients. The cursor is stored in the same commit, so a crash neither skips nor
// repeats a recipient.
func (b *Broadcaster) expand(ctx context.Context, id string) error {
	return b.o.Store.UpdateBroadcasts(ctx, func(tx BroadcastTx) error {
		bc, err := tx.Broadcast(id)
		if err != nil || bc.Status == BroadcastCanceled { // meanwhile
			return err
		}
		if bc.Body, err = tx.BroadcastBody(id); err != nil {
			return err
		}
		to, err := nextRecipients(tx, bc)
		if err != nil {
			return err
		}
		for _, r := range to {
			if err := tx.Enqueue(b.message(bc, r)); err != nil {
				return err
			}
			bc.Cursor = r.User
		}
		bc.Status, bc.Expanded = BroadcastSending, len(to) == 0
		return tx.SaveBroadcast(bc)
	})
}

// nextRecipients returns the next recipients; none at the end. A listed user without a linked chat becomes a recipient
// without a chat.
func nextRecipients(tx BroadcastTx, bc Broadcast) ([]Recipient, error) {
	if bc.Everybody {
		return tx.LinkedAfter(bc.Domain, bc.Cursor, batch)
	}
	users, err := tx.TakeUsers(bc.ID)
	if err != nil {
		return nil, err
	}
	to := make([]Recipient, len(users))
	for i, user := range users {
		to[i], err = tx.Recipient(bc.Domain, user)
		if errors.Is(err, ErrNotFound) {
			to[i], err = Recipient{User: user}, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return to, nil
}

// message makes the message for one recipient. If it cannot arrive, it is stored as failed with the reason.
func (b *Broadcaster) message(bc Broadcast, to Recipient) delivery.Message {
	now := b.o.Now()
	m := delivery.Message{
		ID: delivery.NewMessageID(now), Domain: bc.Domain, User: to.User, BotID: to.BotID, ChatID: to.ChatID,
		Lane: delivery.LaneBroadcast, Silent: bc.Silent, Body: withFileNote(bc.Body, b.o.Domains, bc.Domain, to), Broadcast: bc.ID, Status: delivery.StatusFailed,
		Created: now, Expires: bc.Deadline(),
	}
	switch {
	case to.ChatID == 0:
		m.Failure = &delivery.Failure{
			Reason: delivery.ReasonNeverStarted,
			Detail: "The user had no linked chat when the broadcast was sent. Link the user, then send it again.",
		}
	case to.Blocked:
		m.Failure = &delivery.Failure{
			Reason: delivery.ReasonBlockedByUser,
			Detail: "The user has blocked the bot, or has deleted the Telegram account. To unblock the bot, the user presses Start in its chat. " +
				"Otherwise the user links another account.",
		}
	case now.Before(to.MutedUntil):
		m.Failure = mutedFailure(to)
	case !now.Before(m.Expires):
		m.Status, m.Failure = delivery.StatusExpired, b.expiredFailure(bc.Domain)
	default:
		m.Status = delivery.StatusQueued
		return m
	}
	m.Ended = now
	return m
}

// expiredFailure says why the broadcast expired before it reached a recipient.
func (b *Broadcaster) expiredFailure(domain string) *delivery.Failure {
	if id, _ := b.o.Domains.Bot(domain); id == 0 {
		return &delivery.Failure{
			Reason: delivery.ReasonUnreachable,
			Detail: fmt.Sprintf("The domain %q no longer has a bot, so the broadcast expired. Configure a bot and send it again.", domain),
		}
	}
	return &delivery.Failure{
		Reason: delivery.ReasonMessageExpired,
		Detail: "The broadcast expired before it was sent to this recipient: Telegram's limits or a pause delayed it.",
	}
}

// finish stores the end of a broadcast. All its messages have ended, so the counts are final.
func (b *Broadcaster) finish(ctx context.Context, bc Broadcast) error {
	err := b.o.Store.ViewBroadcasts(ctx, func(tx BroadcastTx) error {
		t, err := tally(tx, bc)
		bc.Counts = &t
		return err
	})
	if err != nil {
		return err
	}
	ended := bc
	ended.Ended = b.o.Now()
	if bc.Status != BroadcastCanceled {
		ended.Status = BroadcastDone
	}
	return b.o.Store.UpdateBroadcasts(ctx, func(tx BroadcastTx) error {
		now, err := tx.Broadcast(bc.ID)
		if err != nil || now.Status != bc.Status { // canceled meanwhile: the next round ends it
			return err
		}
		return tx.FinishBroadcast(ended)
	})
}
