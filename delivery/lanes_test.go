package delivery_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"telegate/delivery"
)

var lanes = []delivery.Lane{delivery.LaneCode, delivery.LaneDirect, delivery.LaneAlert, delivery.LaneBroadcast}

func TestLanesAreStrict(t *testing.T) {
	inBubble(t, func(r *rig) {
		var all []delivery.Message
		for i, lane := range lanes {
			all = append(all, series(lane, int64(1000*(i+1)), 40)...)
		}
		random := rand.New(rand.NewPCG(5, 6))
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		r.run()
		r.accept(all...)
		r.drain(time.Minute)
		var got []int64
		for _, c := range r.tg.arrived() {
			got = append(got, c.chat/1000)
		}
		if len(got) != len(all) || !slices.IsSorted(got[27:]) { // those of the burst leave in the same moment
			r.Errorf("messages left in the order of lanes %v", got)
		}
		slices.Sort(got[:27])
		if !slices.IsSorted(got) {
			r.Errorf("messages of the burst left in the order of lanes %v", got)
		}
	})
}

func TestCodeOvertakesWhatWaitsForTheSameChat(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.run()
		r.accept(queueSet(delivery.LaneDirect, 1000, 10)...)
		r.pass(2500 * time.Millisecond)
		before := len(r.tg.to(1000))
		r.accept(message(delivery.LaneCode, 1000, "code"))
		r.drain(time.Minute)
		if next := r.tg.to(1000)[before].text; next != "code" {
			r.Errorf("%s left before the code", next)
		}
	})
}

// However many sends of lower lanes hang, a code leaves at once.
func TestCodesFindRoomBesideSendsThatHang(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.tg.fault = func(c call) fault { return fault{hang: c.chat < 5000} }
		r.run()
		r.accept(series(delivery.LaneDirect, 1000, 300)...)
		r.pass(6 * time.Second)
		for i := range 20 {
			accepted, id := time.Now(), fmt.Sprintf("code-%d", i)
			r.accept(message(delivery.LaneCode, int64(5000+i), id))
			r.pass(100 * time.Millisecond)
			if sent := r.tg.with(id); len(sent) != 1 || sent[0].at.Sub(accepted) > 34*time.Millisecond {
				r.Fatalf("code %d beside %d hanging sends: %+v", i, r.tg.flying, sent)
			}
		}
	})
}

func TestOrderOfAChatIsKeptUnderRetries(t *testing.T) {
	inBubble(t, func(r *rig) {
		random := rand.New(rand.NewPCG(7, 8))
		r.tg.fault = func(call) fault {
			switch random.IntN(5) {
			case 0:
				return fault{err: serverError()}
			case 1:
				return fault{err: flood(time.Duration(random.IntN(3)) * time.Second)}
			case 2:
				return fault{err: noAnswer(), taken: random.IntN(2) == 0}
			}
			return fault{}
		}
		r.run()
		want := map[int64][]string{}
		for i := range int64(20) {
			for chat := int64(1000); chat < 1004; chat++ {
				m := message(delivery.LaneDirect, chat, fmt.Sprintf("%d-%d", chat, i))
				want[chat] = append(want[chat], m.ID)
				r.accept(m)
			}
		}
		r.drain(time.Hour)
		for chat, order := range want {
			if diff := cmp.Diff(order, slices.Compact(texts(r.tg.to(chat)))); diff != "" {
				r.Errorf("order of chat %d (-accepted +tried):\n%s", chat, diff)
			}
		}
	})
}

// A message that is accepted while the outbox is still being read after a start has others of its chat before it.
func TestMessageAcceptedDuringTheStartWaitsItsTurn(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.accept(series(delivery.LaneBroadcast, 10_000, 1200)...) // more than one page
		r.accept(message(delivery.LaneDirect, 1000, "first"))
		r.stop()
		r.open()
		reading, proceed := make(chan struct{}), make(chan struct{})
		var once sync.Once
		r.store.waiting = func(after int64) error {
			if after > 0 {
				once.Do(func() { close(reading); <-proceed })
			}
			return nil
		}
		r.run()
		<-reading
		r.accept(message(delivery.LaneDirect, 1000, "second"))
		synctest.Wait()
		if early := r.tg.arrived(); len(early) > 0 {
			r.Errorf("%v left before the outbox was read", texts(early))
		}
		close(proceed)
		r.pass(3 * time.Second)
		if diff := cmp.Diff([]string{"first", "second"}, texts(r.tg.to(1000))); diff != "" {
			r.Errorf("order of the chat (-want +got):\n%s", diff)
		}
		if c := r.tg.arrived()[0]; c.at.Before(r.tg.with("first")[0].at) {
			r.Errorf("%s left before what was most urgent", c.text)
		}
	})
}

func TestDepthCountsByLaneAndReturnsToZero(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.tg.fault = func(call) fault { return fault{hang: true} }
		r.run()
		for i, lane := range lanes {
			for _, m := range queueSet(lane, int64(1000+i), i+1) {
				r.accept(expiringIn(time.Minute, m))
			}
		}
		synctest.Wait()
		want := map[delivery.Lane]int{delivery.LaneCode: 1, delivery.LaneDirect: 2, delivery.LaneAlert: 3, delivery.LaneBroadcast: 4}
		if diff := cmp.Diff(want, r.dispatcher.Depth()); diff != "" {
			r.Errorf("depth (-want +got):\n%s", diff)
		}
		r.drain(61 * time.Second)
		if diff := cmp.Diff(map[delivery.Lane]int{
			delivery.LaneCode: 0, delivery.LaneDirect: 0, delivery.LaneAlert: 0, delivery.LaneBroadcast: 0,
		}, r.dispatcher.Depth()); diff != "" {
			r.Errorf("depth at the end (-want +got):\n%s", diff)
		}
	})
}

func TestInFlightWhileATransportHasIt(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.run()
		r.accept(queueSet(delivery.LaneDirect, 1000, 2)...)
		r.pass(25 * time.Millisecond)
		if !r.dispatcher.InFlight("direct-1000-000") || r.dispatcher.InFlight("direct-1000-001") {
			r.Error("the first message is on its way and the second is not, but InFlight says otherwise")
		}
		r.drain(time.Minute)
		if r.dispatcher.InFlight("direct-1000-000") || r.dispatcher.InFlight("direct-1000-001") {
			r.Error("delivered messages are still on their way")
		}
	})
}

func TestSilentMessagesArriveWithoutASound(t *testing.T) {
	inBubble(t, func(r *rig) {
		silent := message(delivery.LaneAlert, 1000, "silent")
		silent.Silent = true
		r.run()
		r.accept(silent, message(delivery.LaneAlert, 2000, "loud"))
		r.drain(time.Minute)
		if !r.tg.with("silent")[0].silent || r.tg.with("loud")[0].silent {
			r.Error("silence got lost on the way to Telegram")
		}
	})
}

// Sends that hang take 96 places; the others are for codes. Codes that have left free none of the 96.
func TestSendsThatHangLeaveRoomForCodes(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.tg.fault = func(c call) fault { return fault{hang: c.told.Lane != delivery.LaneCode} }
		r.run()
		r.accept(series(delivery.LaneCode, 5000, 50)...)
		r.pass(3 * time.Second)
		r.accept(series(delivery.LaneDirect, 1000, 200)...)
		r.pass(8 * time.Second)
		if n := len(r.tg.arrived()) - 50; n != 96 {
			r.Errorf("%d sends hang, want 96", n)
		}
		r.accept(series(delivery.LaneCode, 6000, 20)...)
		r.pass(time.Second)
		for i := range 20 {
			r.mustEnd(fmt.Sprint("code-", 6000+i), delivery.StatusDelivered, "")
		}
	})
}
