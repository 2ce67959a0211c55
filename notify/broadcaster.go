package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"telegate/delivery"
)

// How a broadcast flows into the outbox. A window bounds its unsent messages: enough to keep a bot busy while more are
// made, few enough for any number of recipients to fit into memory. A batch bounds one transaction to a few
// milliseconds, since every sign-in waits for the writer too.
const (
	window      = 2000      // unsent messages of all broadcasts together …
	windowBytes = 16 << 20  // … and the bytes of their bodies
	minWindow   = 200       // unless there are very many broadcasts: at least so many of each
	batch       = ListPiece // recipients made messages in one transaction
	cancelBatch = 200       // messages canceled in one transaction

	breather   = 20 * time.Millisecond  // between two rounds, however much news there is
	sweepAgain = 100 * time.Millisecond // while the dispatcher holds messages of a canceled broadcast
	retryStore = time.Second            // after the database has failed
	longestNap = time.Minute            // so that a clock that is set does not delay a broadcast
)

// Run turns the recipients of broadcasts into messages, as many at a time as the window has room for, and writes down the
// end of a broadcast whose messages have all ended. It is woken by commits that bring it something to do (BroadcastNews)
// and by the time the next broadcast is due. It returns nil when the context ends.
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
		case <-time.After(breather):
		}
	}
}

// round does one step for each broadcast that is to be looked after, so that none waits for another, and answers how
// long until the next round if there is no news.
func (b *Broadcaster) round(ctx context.Context) time.Duration {
	nap := longestNap
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
			return b.trouble(ctx, "", err)
		}
		nap = longestNap
		if !next.IsZero() {
			nap = min(nap, next.Sub(now))
		}
		for _, a := range active {
			again, wait, err := b.step(ctx, a, len(active))
			if err != nil {
				again, wait = false, b.trouble(ctx, a.ID, err)
			}
			more, nap = more || again, min(nap, wait)
		}
	}
	return nap
}

func (b *Broadcaster) trouble(ctx context.Context, id string, err error) time.Duration {
	if ctx.Err() == nil {
		b.o.Logger.Error("a broadcast does not get on; trying again", "broadcast", id, "error", err)
	}
	return retryStore
}

// step takes one broadcast a little further. again: there is more to do at once; wait: look again after that long.
func (b *Broadcaster) step(ctx context.Context, a ActiveBroadcast, active int) (again bool, wait time.Duration, err error) {
	wait = longestNap
	switch {
	case a.Open == 0 && (a.Expanded || a.Status == BroadcastCanceled):
		return false, wait, b.finish(ctx, a.Broadcast)
	case a.Status == BroadcastCanceled:
		canceled, skipped, err := b.cancelQueued(ctx, a.ID)
		if skipped > 0 {
			wait = sweepAgain
		}
		return canceled > 0, wait, err
	case !a.Expanded && share(a.BodySize, active)-a.Open >= batch:
		return true, wait, b.expand(ctx, a.ID)
	}
	return false, wait, nil
}

// share is how many unsent messages a broadcast may have.
func share(bodySize, active int) int {
	return max(minWindow, min(window, windowBytes/max(1, bodySize))/active)
}

// expand makes messages of the next recipients. That and how far it has come are one commit, so a crash neither skips nor
// repeats anybody.
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

// nextRecipients are those who get their messages next; nobody when all have theirs. In a list, a user without a linked
// chat is a recipient without one.
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

// message is what one recipient gets; one that cannot arrive is there for the record only, with the reason.
func (b *Broadcaster) message(bc Broadcast, to Recipient) delivery.Message {
	now := b.o.Now()
	m := delivery.Message{
		ID: delivery.NewMessageID(now), Domain: bc.Domain, User: to.User, BotID: to.BotID, ChatID: to.ChatID,
		Lane: delivery.LaneBroadcast, Silent: bc.Silent, Body: noted(bc.Body, b.o.Domains, bc.Domain, to), Broadcast: bc.ID, Status: delivery.StatusFailed,
		Created: now, Expires: bc.Deadline(),
	}
	switch {
	case to.ChatID == 0:
		m.Failure = &delivery.Failure{
			Reason: delivery.ReasonNeverStarted,
			Detail: "The user had no linked chat when the broadcast was sent. Start a link with POST /v1/links.",
		}
	case to.Blocked:
		m.Failure = &delivery.Failure{
			Reason: delivery.ReasonBlockedByUser,
			Detail: "The person has blocked the bot; a tap on Start in the chat ends that.",
		}
	case now.Before(to.MutedUntil):
		m.Failure = muted(to)
	case !now.Before(m.Expires):
		m.Status, m.Failure = delivery.StatusExpired, b.late(bc.Domain)
	default:
		m.Status = delivery.StatusQueued
		return m
	}
	m.Ended = now
	return m
}

// late says why a recipient's turn had not come before the broadcast lost its worth.
func (b *Broadcaster) late(domain string) *delivery.Failure {
	if id, _ := b.o.Domains.Bot(domain); id == 0 {
		return &delivery.Failure{
			Reason: delivery.ReasonUnreachable,
			Detail: fmt.Sprintf("The domain %q has no bot any more, so the broadcast could not leave in its time. Configure one and send it again.", domain),
		}
	}
	return &delivery.Failure{
		Reason: delivery.ReasonMessageExpired,
		Detail: "The broadcast's time to live ran out before this recipient's turn; Telegram's limits or a pause held it back.",
	}
}

// finish writes down how a broadcast has ended. All its messages have, so the counts change no more.
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
		if err != nil || now.Status != bc.Status { // canceled meanwhile: the next round ends it as that
			return err
		}
		return tx.FinishBroadcast(ended)
	})
}
