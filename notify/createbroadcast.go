package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"telegate/delivery"
	"telegate/internal/audit"
)

// Watcher reports changes of a row.
type Watcher interface {
	Watch(id string) (changed <-chan struct{}, stop func())
}

// BroadcasterOptions configure a Broadcaster.
type BroadcasterOptions struct {
	Store   BroadcastStore
	Domains Domains
	Outbox  Outbox
	Watcher Watcher
	Pace    Pace           // of bots, for the estimate
	OwnPace map[int64]Pace // of bots with their own pace, by bot id
	Now     func() time.Time
	Logger  *slog.Logger
}

// Pace is how fast a bot may send a broadcast.
type Pace struct {
	PerSecond float64
	PerDay    int // 0: no daily limit
}

// duration is how long so many sends take if nothing else is sent.
func (p Pace) duration(sends int) time.Duration {
	days := 0
	if p.PerDay > 0 && sends > p.PerDay {
		days = (sends - 1) / p.PerDay // the last day's sends go at the pace
		sends -= days * p.PerDay
	}
	return time.Duration(days)*24*time.Hour + time.Duration(math.Ceil(float64(sends)/p.PerSecond))*time.Second
}

// Broadcaster accepts broadcasts; Run turns them into messages.
type Broadcaster struct {
	o    BroadcasterOptions
	pace atomic.Pointer[Pace]
}

// NewBroadcaster makes a broadcaster.
func NewBroadcaster(o BroadcasterOptions) *Broadcaster {
	b := &Broadcaster{o: o}
	b.SetPace(o.Pace)
	return b
}

// SetPace changes BroadcasterOptions.Pace.
func (b *Broadcaster) SetPace(p Pace) { b.pace.Store(&p) }

// BroadcastRequest asks for a broadcast.
type BroadcastRequest struct {
	ID     string // its id; empty for a new one. The same id twice is the same broadcast
	Domain string
	Users  []string // nil: all users linked in the domain when it is sent
	Text   string
	HTML   bool // Text is Telegram's HTML subset
	Silent bool
	SendAt time.Time     // zero: now
	TTL    time.Duration // from SendAt on; 0: DefaultTTL
	DryRun bool          // only report the audience
}

// CreatedBroadcast is a broadcast on disk, or what a dry run would create.
type CreatedBroadcast struct {
	Broadcast Broadcast     // without id after a dry run
	Duration  time.Duration // estimated, if the bot sends nothing else
}

// Create stores a broadcast for sending. Errors: ErrUnknownDomain, *InvalidError, *delivery.HTMLError, *NoRecipientsError.
func (b *Broadcaster) Create(ctx context.Context, a BroadcastRequest) (CreatedBroadcast, error) {
	if _, ok := b.o.Domains.Title(a.Domain); !ok {
		return CreatedBroadcast{}, ErrUnknownDomain
	}
	bc, err := b.broadcast(a)
	if err != nil {
		return CreatedBroadcast{}, err
	}
	done, parts := false, len(bc.Body.Parts)
	err = b.o.Store.ViewBroadcasts(ctx, func(tx BroadcastTx) error {
		if done, err = acceptedBefore(tx, &bc); err != nil || done {
			return err
		}
		bc.Audience, err = tx.CountAudience(bc.Domain, bc.Users)
		return err
	})
	switch {
	case err != nil:
		return CreatedBroadcast{}, err
	case !done && bc.Audience.Reachable == 0:
		return CreatedBroadcast{}, &NoRecipientsError{bc.Audience}
	case !done && !a.DryRun:
		if bc.ID == "" {
			bc.ID = delivery.NewID("bc")
		}
		err = b.o.Store.UpdateBroadcasts(ctx, func(tx BroadcastTx) error {
			if done, err = acceptedBefore(tx, &bc); err != nil || done {
				return err
			}
			if err := tx.InsertBroadcast(bc); err != nil {
				return err
			}
			return tx.Audit(audit.Entry{
				Time: bc.Created, Event: audit.BroadcastAccepted, Domain: bc.Domain, Subject: bc.ID,
				Outcome: fmt.Sprintf("reachable %d, unlinked %d, blocked %d", bc.Audience.Reachable, bc.Audience.Unlinked, bc.Audience.Blocked),
			})
		})
		if err != nil {
			return CreatedBroadcast{}, err
		}
	}
	bot, _ := b.o.Domains.Bot(bc.Domain)
	pace, own := b.o.OwnPace[bot]
	if !own {
		pace = *b.pace.Load()
	}
	return CreatedBroadcast{bc, pace.duration(bc.Audience.Reachable * parts)}, nil
}

// acceptedBefore reports whether the broadcast is on disk already, because the same call was repeated after a crash between
// commit and answer. It then fills in bc.
func acceptedBefore(tx BroadcastTx, bc *Broadcast) (bool, error) {
	if bc.ID == "" {
		return false, nil
	}
	found, err := tx.Broadcast(bc.ID)
	switch {
	case errors.Is(err, ErrBroadcastNotFound):
		return false, nil
	case err != nil:
		return false, err
	}
	*bc = found
	return true, nil
}

// broadcast checks what it can without the database and renders the text.
func (b *Broadcaster) broadcast(a BroadcastRequest) (Broadcast, error) {
	now := b.o.Now()
	switch {
	case a.Users != nil && len(a.Users) == 0:
		return Broadcast{}, &InvalidError{"users", "the list is empty; leave users out to reach everybody who is linked"}
	case len(a.Users) > MaxAudience:
		return Broadcast{}, &InvalidError{"users", tooManyUsers}
	case !a.SendAt.IsZero() && a.SendAt.Before(now.Add(-sendAtSlack)):
		return Broadcast{}, &InvalidError{"send_at", "is in the past; leave it out to send now"}
	case a.SendAt.After(now.Add(MaxSendAhead)):
		return Broadcast{}, &InvalidError{"send_at", "is more than a year ahead; a broadcast can wait 366 days at most"}
	case a.TTL != 0 && (a.TTL < MinTTL || a.TTL > MaxTTL):
		return Broadcast{}, &InvalidError{"ttl", fmt.Sprintf("must be from %.0f to %.0f seconds", MinTTL.Seconds(), MaxTTL.Seconds())}
	}
	body, err := compose(a.Text, a.HTML)
	if err != nil {
		return Broadcast{}, err
	}
	bc := Broadcast{
		ID: a.ID, Domain: a.Domain, Body: body, Silent: a.Silent, Everybody: a.Users == nil, Status: BroadcastScheduled,
		Lifetime: a.TTL, Created: now, SendAt: now,
	}
	if !bc.Everybody {
		users := slices.Clone(a.Users)
		slices.Sort(users)
		bc.Users = slices.Compact(users)
	}
	if a.SendAt.After(now) {
		bc.SendAt = a.SendAt
	}
	if bc.Lifetime == 0 {
		bc.Lifetime = DefaultTTL
	}
	return bc, nil
}

// tooManyUsers includes the next step.
var tooManyUsers = fmt.Sprintf("more than %d users; send several broadcasts, or leave users out to reach everybody who is linked", MaxAudience)

// BroadcastReport is a broadcast with its progress.
type BroadcastReport struct {
	Broadcast
	Tally Tally
}

// Get returns a broadcast and its progress. ErrBroadcastNotFound.
func (b *Broadcaster) Get(ctx context.Context, id string) (BroadcastReport, error) {
	var r BroadcastReport
	err := b.o.Store.ViewBroadcasts(ctx, func(tx BroadcastTx) (err error) {
		if r.Broadcast, err = tx.Broadcast(id); err != nil {
			return err
		}
		r.Tally, err = tally(tx, r.Broadcast)
		return err
	})
	return r, err
}

// List returns the broadcasts of a domain, newest first, after the one with the id after.
func (b *Broadcaster) List(ctx context.Context, domain, after string, limit int) ([]BroadcastReport, error) {
	var list []BroadcastReport
	err := b.o.Store.ViewBroadcasts(ctx, func(tx BroadcastTx) error {
		found, err := tx.Broadcasts(domain, after, limit)
		if err != nil {
			return err
		}
		for _, bc := range found {
			t, err := tally(tx, bc)
			if err != nil {
				return err
			}
			list = append(list, BroadcastReport{bc, t})
		}
		return nil
	})
	return list, err
}

// tally counts all recipients of a broadcast.
func tally(tx BroadcastTx, bc Broadcast) (Tally, error) {
	switch {
	case bc.Counts != nil:
		return *bc.Counts, nil
	case bc.Status == BroadcastScheduled:
		return Tally{Outcomes: Outcomes{Waiting: bc.Audience.Total()}}, nil
	}
	t, err := tx.Tally(bc.ID)
	if err != nil || bc.Expanded {
		return t, err
	}
	left, err := tx.Waiting(bc)
	if bc.Status == BroadcastCanceled {
		t.Canceled += left
	} else {
		t.Waiting = left
	}
	return t, err
}

// Cancel cancels a broadcast: once this is on disk, no send begins. A running send keeps its true outcome. Errors:
// ErrBroadcastNotFound, *FinishedError.
func (b *Broadcaster) Cancel(ctx context.Context, id string) (BroadcastReport, error) {
	before, err := b.Get(ctx, id)
	if err != nil {
		return before, err
	}
	err = b.o.Store.UpdateBroadcasts(ctx, func(tx BroadcastTx) error {
		bc, err := tx.Broadcast(id)
		if err != nil {
			return err
		}
		if bc.Status == BroadcastDone || bc.Status == BroadcastCanceled {
			return &FinishedError{bc.Status}
		}
		bc.Status = BroadcastCanceled
		if err := tx.SaveBroadcast(bc); err != nil {
			return err
		}
		return tx.Audit(audit.Entry{
			Time: b.o.Now(), Event: audit.BroadcastCanceled, Domain: bc.Domain, Subject: id,
			Outcome: fmt.Sprintf("delivered %d of %d", before.Tally.Delivered, before.Tally.Total()),
		})
	})
	if err != nil {
		return before, err
	}
	for {
		canceled, _, err := b.cancelQueued(ctx, id)
		if err != nil || canceled == 0 { // Run does the rest
			break
		}
	}
	return b.Get(ctx, id)
}

// cancelQueued cancels messages of a canceled broadcast that are not being sent. It skips those that the dispatcher is
// sending: Telegram may already have them.
func (b *Broadcaster) cancelQueued(ctx context.Context, id string) (canceled, skipped int, err error) {
	err = b.o.Store.UpdateBroadcasts(ctx, func(tx BroadcastTx) (err error) {
		canceled, skipped, err = tx.CancelQueued(id, cancelBatch, b.o.Outbox.InFlight)
		return err
	})
	return canceled, skipped, err
}
