package notify_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"telegate/db"
	"telegate/db/dbtest"
	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/notify"
)

// settled checks what must hold of a broadcast in the end: everybody has one outcome, nobody was written to twice, and
// whoever was written to is counted so.
func (s *station) settled(r notify.BroadcastReport, total int) {
	s.Helper()
	begun, taken, twice := s.tg.sends()
	o := r.Tally.Outcomes
	if len(twice) > 0 {
		s.Errorf("twice to %v", twice)
	}
	if o.Total() != total || o.Waiting+o.Queued+o.Sending > 0 {
		s.Errorf("%d outcomes, want %d: %s", o.Total(), total, outcomes(r))
	}
	if taken < o.Delivered || taken > o.Delivered+o.Unknown || begun < taken {
		s.Errorf("%d sends, %d taken: %s", begun, taken, outcomes(r))
	}
}

// A crash at any moment repeats and skips nobody; only what was on its way just then is unknown.
func TestCrashRepeatsAndSkipsNobody(t *testing.T) {
	for _, list := range []bool{false, true} {
		t.Run(map[bool]string{false: "everybody", true: "list"}[list], func(t *testing.T) {
			inBubble(t, func(s *station) {
				const people = 200
				populate(s, s.db, "", 0, people)
				a := notify.BroadcastRequest{}
				for n := range people {
					if list {
						a.Users = append(a.Users, user(n))
					}
				}
				id := s.announce(a)
				for i := range 15 {
					time.Sleep(time.Duration(i*i) * 1700 * time.Microsecond)
					s.crash()
					s.start()
				}
				r := s.ends(id, 5*time.Minute)
				s.settled(r, people)
				if r.Status != notify.BroadcastDone || r.Tally.Delivered < people-15*8 || r.Tally.Failed+r.Tally.Expired+r.Tally.Canceled > 0 {
					s.Errorf("%s", outcomes(r))
				}
			})
		})
	}
}

// No send begins once a broadcast is canceled; what was on its way keeps its true outcome.
func TestCancelStopsEverySendThatHasNotBegun(t *testing.T) {
	for _, after := range []time.Duration{0, time.Millisecond, 30 * time.Millisecond, 500 * time.Millisecond, 1010 * time.Millisecond, 3 * time.Second} {
		t.Run(after.String(), func(t *testing.T) {
			inBubble(t, func(s *station) {
				const people = 2200
				populate(s, s.db, "", 0, people)
				s.tg.latency = 700 * time.Millisecond
				id := s.announce(notify.BroadcastRequest{})
				time.Sleep(after)
				r, err := s.broadcaster.Cancel(s.Context(), id)
				if err != nil || r.Status != notify.BroadcastCanceled {
					s.Fatalf("%s, %v", outcomes(r), err)
				}
				atCancel, _, _ := s.tg.sends()
				s.pass(0) // whoever had decided to send has begun
				begun, _, _ := s.tg.sends()
				if begun-atCancel > 2 {
					s.Errorf("%d sends began after the cancel", begun-atCancel)
				}
				r = s.ends(id, time.Minute)
				s.settled(r, people)
				s.pass(time.Hour)
				if later, taken, _ := s.tg.sends(); later != begun || taken != r.Tally.Delivered || r.Tally.Canceled != people-taken {
					s.Errorf("%d sends in the end, %d at the cancel, %d taken: %s", later, begun, taken, outcomes(r))
				}
				if n := s.open(); n > 0 {
					s.Errorf("%d messages are still open", n)
				}
				list := s.audited("")
				if e := list[len(list)-1]; e.Event != audit.BroadcastCanceled || e.Subject != id || e.Outcome == "" {
					s.Errorf("audited as %+v", e)
				}
				var over *notify.FinishedError
				if _, err := s.broadcaster.Cancel(s.Context(), id); !errors.As(err, &over) || over.Status != notify.BroadcastCanceled {
					s.Errorf("a second cancel: %v", err)
				}
			})
		})
	}
}

// A send that Telegram has put off is not repeated after a cancel.
func TestCancelEndsWhatTelegramHasPutOff(t *testing.T) {
	inBubble(t, func(s *station) {
		populate(s, s.db, "", 0, 3)
		s.tg.fault = func(chat int64, n int) *delivery.SendError {
			if chat != chatOf(1) {
				return nil
			}
			return &delivery.SendError{Class: delivery.Flood, RetryAfter: 10 * time.Second, Err: errors.New("429")}
		}
		id := s.announce(notify.BroadcastRequest{})
		time.Sleep(120 * time.Millisecond) // on its way to user 1
		if _, err := s.broadcaster.Cancel(s.Context(), id); err != nil {
			s.Fatal(err)
		}
		r := s.ends(id, 2*time.Second)
		if got, want := outcomes(r), "canceled: waiting 0 queued 0 sending 0 delivered 2 failed 0 expired 0 canceled 1 unknown 0 map[]"; got != want {
			s.Errorf("%s, want %s", got, want)
		}
		s.pass(time.Minute)
		s.settled(r, 3)
	})
}

// A cancel survives a crash that comes right behind it.
func TestCancelSurvivesACrash(t *testing.T) {
	inBubble(t, func(s *station) {
		populate(s, s.db, "", 0, 500)
		id := s.announce(notify.BroadcastRequest{})
		time.Sleep(time.Second)
		err := s.db.UpdateBroadcasts(s.Context(), func(tx notify.BroadcastTx) error { // the cancel's commit, and nothing behind it
			b, err := tx.Broadcast(id)
			b.Status = notify.BroadcastCanceled
			return errors.Join(err, tx.SaveBroadcast(b))
		})
		s.crash()
		if err != nil {
			s.Fatal(err)
		}
		begun, _, _ := s.tg.sends()
		s.start()
		r := s.ends(id, time.Minute)
		s.settled(r, 500)
		if later, _, _ := s.tg.sends(); later != begun || r.Status != notify.BroadcastCanceled {
			s.Errorf("%d sends, %d before the crash: %s", later, begun, outcomes(r))
		}
	})
}

// Cancels, however many at once, are one; the others are told that it is over.
func TestOfManyCancelsOneCounts(t *testing.T) {
	inBubble(t, func(s *station) {
		populate(s, s.db, "", 0, 1000)
		id := s.announce(notify.BroadcastRequest{})
		errs := make(chan error, 16)
		for range cap(errs) {
			go func() {
				_, err := s.broadcaster.Cancel(s.Context(), id)
				errs <- err
			}()
		}
		canceled := 0
		for range cap(errs) {
			var over *notify.FinishedError
			switch err := <-errs; {
			case err == nil:
				canceled++
			case !errors.As(err, &over):
				s.Errorf("%v", err)
			}
		}
		if canceled != 1 {
			s.Errorf("%d cancels counted", canceled)
		}
		s.settled(s.ends(id, time.Minute), 1000)
	})
}

// An unlinked user's message is taken back, and the broadcast ends all the same.
func TestUnlinkTakesTheMessageBack(t *testing.T) {
	inBubble(t, func(s *station) {
		populate(s, s.db, "", 0, 100)
		id := s.announce(notify.BroadcastRequest{})
		time.Sleep(time.Second)
		if err := s.links.Unlink(s.Context(), "", user(99)); err != nil {
			s.Fatal(err)
		}
		r := s.ends(id, time.Minute)
		if got, want := outcomes(r), "done: waiting 0 queued 0 sending 0 delivered 99 failed 0 expired 0 canceled 1 unknown 0 map[]"; got != want {
			s.Errorf("%s, want %s", got, want)
		}
	})
}

// sink ends every message that comes to it at once, as a Telegram without limits would.
type sink struct {
	db     *db.DB
	queued chan delivery.Queued
	most   int // messages that waited at one time
}

func (*sink) InFlight(string) bool { return false }

func (k *sink) work(done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case q := <-k.queued:
			_ = k.db.SaveProgress(context.Background(), delivery.Progress{ID: q.ID, Status: delivery.StatusDelivered, Ended: time.Now()})
		}
	}
}

func TestAHundredThousandRecipientsStreamThroughBoundedMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("long: 100,000 recipients")
	}
	const people, linked, bound = notify.MaxAudience, 10_000, 24 << 20
	k := &sink{queued: make(chan delivery.Queued, 10_000)}
	k.db = dbtest.OpenAt(t, filepath.Join(t.TempDir(), "telegate.db"), time.Now, func(queued []delivery.Queued) {
		for _, q := range queued {
			k.queued <- q
		}
		k.most = max(k.most, len(k.queued))
	})
	populate(t, k.db, "", 0, linked)
	list := make([]string, people)
	for n := range list {
		list[n] = user(n)
	}
	b := notify.NewBroadcaster(notify.BroadcasterOptions{
		Store: k.db, Domains: &domains{titles: map[string]string{"": "My Server"}, bots: map[string]int64{"": botID}}, Outbox: k,
		Watcher: k.db, Pace: notify.Pace{PerSecond: 30}, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	for range 64 {
		running.Go(func() { k.work(ctx.Done()) })
	}
	running.Go(func() { _ = b.Run(ctx) })

	before := heap()
	begun := time.Now()
	a, err := b.Create(ctx, notify.BroadcastRequest{Text: "Maintenance at 20:00.", Users: list})
	if err != nil {
		t.Fatal(err)
	}
	accepted := time.Since(begun)
	changed, stop := k.db.Watch(a.Broadcast.ID)
	defer stop()
	var peak int64
	for over := false; !over; {
		select {
		case <-changed:
			over = true
		case <-time.After(200 * time.Millisecond):
			peak = max(peak, heap()-before)
		}
	}
	r, err := b.Get(ctx, a.Broadcast.ID)
	if err != nil || r.Tally.Delivered != linked || r.Tally.Failed != people-linked || r.Tally.Total() != people {
		t.Errorf("%s, %v", outcomes(r), err)
	}
	t.Logf("accepted in %v, all messages made and ended in %v; %d waited at most; the heap grew by %.1f MB", accepted, time.Since(begun), k.most, float64(peak)/(1<<20))
	if peak > bound || k.most > 2050 {
		t.Errorf("the heap grew by %d MB, at most %d; %d messages waited", peak>>20, bound>>20, k.most)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
