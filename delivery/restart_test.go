package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"telegate/delivery"
)

func TestStopWaitsForWhatIsOnItsWay(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.tg.latency = 3 * time.Second
		r.run()
		r.accept(series(delivery.LaneDirect, 1000, 10)...)
		r.accept(queueSet(delivery.LaneDirect, 2000, 3)...)
		r.pass(time.Second)
		if took := r.stop(); took != 2*time.Second {
			r.Errorf("stopping took %v, the answers 2 s", took)
		}
		if n := len(r.tg.arrived()); n != 11 {
			r.Errorf("%d sends, want the 11 that were on their way", n)
		}
		r.restart()
		r.drain(time.Minute)
		for _, m := range append(series(delivery.LaneDirect, 1000, 10), queueSet(delivery.LaneDirect, 2000, 3)...) {
			if n := len(r.tg.with(m.ID)); n != 1 {
				r.Errorf("%s was sent %d times", m.ID, n)
			}
			r.mustEnd(m.ID, delivery.StatusDelivered, "")
		}
	})
}

func TestStopStartsNoMoreSends(t *testing.T) {
	inBubble(t, func(r *rig) {
		for i := range 20 {
			r.run()
			r.cancel()
			r.accept(message(delivery.LaneCode, 1000, fmt.Sprintf("code-%d", i)))
			r.stop()
			if n := len(r.tg.arrived()); n > 0 {
				r.Fatalf("%d messages were sent after the stop", n)
			}
			r.open()
			r.cancelMessage(fmt.Sprintf("code-%d", i))
		}
	})
}

// A send that hangs does not hold up the stop for ever; the next start sends it again, but for broadcasts.
func TestStopBreaksOffWhatHangs(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.tg.fault = first(2, fault{hang: true})
		r.run()
		r.accept(message(delivery.LaneDirect, 1000, "direct"), message(delivery.LaneBroadcast, 2000, "broadcast"))
		r.pass(time.Second)
		if took := r.stop(); took != 10*time.Second {
			r.Errorf("stopping took %v, want 10 s", took)
		}
		r.restart()
		r.drain(time.Minute)
		r.mustEnd("direct", delivery.StatusDelivered, "")
		r.mustEnd("broadcast", delivery.StatusUnknown, "")
		if d, b := len(r.tg.with("direct")), len(r.tg.with("broadcast")); d != 2 || b != 1 {
			r.Errorf("the direct message was sent %d times, the broadcast %d times; want 2 and 1", d, b)
		}
	})
}

// After a crash in the middle of sends nothing is lost, and no broadcast arrives twice.
func TestCrashWhileSending(t *testing.T) {
	for _, lane := range lanes {
		for _, taken := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, taken: %v", lane, taken), func(t *testing.T) {
				inBubble(t, func(r *rig) {
					r.tg.fault = first(1, fault{hang: true, taken: taken})
					r.run()
					r.accept(message(lane, 1000, "on its way"))
					r.pass(time.Second)
					r.accept(message(lane, 1000, "behind it"))
					r.crash()
					r.restart()
					r.drain(time.Minute)
					r.mustEnd("behind it", delivery.StatusDelivered, "")
					want, status := 2, delivery.StatusDelivered
					if lane == delivery.LaneBroadcast {
						want, status = 1, delivery.StatusUnknown
					}
					r.mustEnd("on its way", status, "")
					if n := len(r.tg.with("on its way")); n != want {
						r.Errorf("sent %d times, want %d", n, want)
					}
				})
			})
		}
	}
}

// The crash has lost the answer; that the broadcast has expired since does not tell that it did not arrive.
func TestBroadcastThatACrashLeftSendingIsUnknownEvenIfItHasExpired(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.tg.fault = first(1, fault{hang: true, taken: true})
		r.run()
		r.accept(expiringIn(time.Minute, message(delivery.LaneBroadcast, 1000, "a")))
		r.pass(time.Second)
		r.crash()
		r.pass(time.Hour)
		r.restart()
		r.pass(time.Second)
		r.mustEnd("a", delivery.StatusUnknown, "")
	})
}

func TestCrashBetweenPartsResumesBehindTheLastOne(t *testing.T) {
	for _, lane := range lanes {
		t.Run(string(lane), func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.tg.fault = func(c call) fault {
					return fault{hang: c.text == "two" && c.n == 1}
				}
				r.run()
				r.accept(parts(lane, 1000, "long", "one", "two", "three"))
				r.pass(time.Second)
				r.crash()
				r.restart()
				r.drain(time.Minute)
				want, status := []string{"one", "two", "two", "three"}, delivery.StatusDelivered
				if lane == delivery.LaneBroadcast {
					want, status = []string{"one", "two"}, delivery.StatusUnknown
				}
				r.mustEnd("long", status, "")
				if diff := cmp.Diff(want, texts(r.tg.arrived())); diff != "" {
					r.Errorf("sends (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestMessageAcceptedBeforeTheDispatcherRunsIsSentOnce(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.accept(message(delivery.LaneDirect, 1000, "a"))
		r.run()
		r.drain(time.Minute)
		r.mustEnd("a", delivery.StatusDelivered, "")
		if n := len(r.tg.arrived()); n != 1 {
			r.Errorf("%d sends, want 1", n)
		}
	})
}

func TestWakingTwiceSendsOnce(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.tg.latency = time.Second
		r.run()
		r.accept(queueSet(delivery.LaneDirect, 1000, 3)...)
		for range 8 {
			waiting, err := r.db.Waiting(r.Context(), 0, 100)
			if err != nil {
				r.Fatal(err)
			}
			r.dispatcher.Wake(waiting)
			r.pass(500 * time.Millisecond)
			r.dispatcher.Wake(waiting) // some of them have ended by now
		}
		r.drain(time.Minute)
		if diff := cmp.Diff(ids(queueSet(delivery.LaneDirect, 1000, 3)), texts(r.tg.arrived())); diff != "" {
			r.Errorf("sends (-want +got):\n%s", diff)
		}
	})
}

func TestWakingWithWhatIsNotInTheOutboxDoesNoHarm(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.run()
		r.dispatcher.Wake(nil)
		r.dispatcher.Wake([]delivery.Queued{{Seq: 9, ID: "pruned", BotID: botID, ChatID: 1, Lane: delivery.LaneCode, Expires: time.Now().Add(time.Hour)}})
		r.dispatcher.Wake([]delivery.Queued{{Seq: 10, ID: "pruned too", BotID: botID, ChatID: 2, Lane: delivery.LaneCode, Expires: time.Now()}})
		r.pass(time.Second)
		if n := r.waiting(); n > 0 || len(r.tg.arrived()) > 0 {
			r.Errorf("messages that are not in the outbox: %d wait, %d were sent", n, len(r.tg.arrived()))
		}
	})
}

// An outbox that cannot be read ends the program rather than leaving what waits in it.
func TestDispatcherEndsWhenTheOutboxCannotBeRead(t *testing.T) {
	inBubble(t, func(r *rig) {
		broken := errors.New("database disk image is malformed")
		r.store.waiting = func(int64) error { return broken }
		r.run()
		if err := <-r.done; !errors.Is(err, broken) {
			r.Errorf("Run answered %v", err)
		}
		r.cancel = nil
	})
}

func TestDispatcherStoppedBeforeItBeganEndsInOrder(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.accept(message(delivery.LaneDirect, 1000, "a"))
		stopped, cancel := context.WithCancel(r.Context())
		cancel()
		if err := r.dispatcher.Run(stopped); err != nil {
			r.Errorf("Run answered %v", err)
		}
		r.stop()
		r.restart()
		r.drain(time.Minute)
		r.mustEnd("a", delivery.StatusDelivered, "")
	})
}

func TestDispatcherStopsWhileItReadsTheOutbox(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.accept(message(delivery.LaneDirect, 1000, "a"))
		reading := make(chan struct{})
		r.store.waiting = func(int64) error {
			<-reading
			return nil
		}
		r.run()
		r.cancel()
		close(reading)
		r.stop()
		r.restart()
		r.drain(time.Minute)
		r.mustEnd("a", delivery.StatusDelivered, "")
	})
}
