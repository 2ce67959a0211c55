package delivery_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"telegate/delivery"
)

// The scenarios are those that the peers were measured with (design §6).

func TestScenarioASixHundredChats(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.run()
		began := time.Now()
		r.accept(series(delivery.LaneDirect, 1000, 600)...)
		r.drain(time.Minute)
		took := r.tg.lastTaken(began)
		r.Logf("A: 600 messages to 600 chats took %v, %d over the limits", took, r.tg.overLimits())
		if took > 19600*time.Millisecond || r.tg.overLimits() > 0 || len(r.tg.arrived()) != 600 {
			r.Errorf("600 messages took %v (at most 19.6 s), %d over the limits (none), %d sends", took, r.tg.overLimits(), len(r.tg.arrived()))
		}
	})
}

func TestScenarioBSixChats(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.run()
		began := time.Now()
		var all []delivery.Message
		for chat := range int64(6) {
			all = append(all, queueSet(delivery.LaneDirect, 1000+chat, 10)...)
		}
		r.accept(all...)
		r.drain(time.Minute)
		took := r.tg.lastTaken(began)
		r.Logf("B: 60 messages to 6 chats took %v, %d over the limits", took, r.tg.overLimits())
		if took > 7300*time.Millisecond || r.tg.overLimits() > 0 || len(r.tg.arrived()) != 60 {
			r.Errorf("60 messages took %v (at most 7.3 s), %d over the limits (none), %d sends", took, r.tg.overLimits(), len(r.tg.arrived()))
		}
	})
}

func TestScenarioHHotChatBlocksNobody(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.run()
		began := time.Now()
		r.accept(queueSet(delivery.LaneDirect, 1000, 30)...)
		r.pass(3 * time.Second)
		r.accept(message(delivery.LaneDirect, 2000, "other"))
		r.drain(time.Minute)
		took := r.tg.lastTaken(began)
		other := r.tg.to(2000)[0].at.Sub(began) - 3*time.Second + r.tg.latency
		r.Logf("H: 30 messages to one chat took %v, the other one %v, %d over the limits", took, other, r.tg.overLimits())
		if took > 27600*time.Millisecond || other > 100*time.Millisecond || r.tg.overLimits() > 0 {
			r.Errorf("30 messages took %v (at most 27.6 s), the other %v (at most 100 ms), %d over the limits (none)", took, other, r.tg.overLimits())
		}
	})
}

func TestScenarioUCodeLeavesWithinOneSlotOfABroadcast(t *testing.T) {
	if testing.Short() {
		t.Skip("long: a large broadcast")
	}
	inBubble(t, func(r *rig) {
		r.run()
		r.accept(series(delivery.LaneBroadcast, 1000, 400)...)
		random := rand.New(rand.NewPCG(1, 2))
		var worst time.Duration
		for i := range 60 {
			r.pass(50*time.Millisecond + time.Duration(random.IntN(100_000))*time.Microsecond)
			accepted, id := time.Now(), fmt.Sprintf("code-%d", i)
			r.accept(message(delivery.LaneCode, int64(5000+i), id))
			r.pass(100 * time.Millisecond)
			sent := r.tg.with(id)
			if len(sent) != 1 {
				r.Fatalf("code %d was sent %d times within 100 ms", i, len(sent))
			}
			worst = max(worst, sent[0].at.Sub(accepted))
		}
		r.Logf("U: of 60 codes accepted during a broadcast the slowest reached Telegram after %v", worst)
		if worst > 34*time.Millisecond {
			r.Errorf("a code waited %v, at most one slot (34 ms)", worst)
		}
		r.drain(time.Minute)
		if r.tg.overLimits() > 0 {
			r.Errorf("%d sends over the limits", r.tg.overLimits())
		}
	})
}

func TestThirtyASecondAreHeldAtSlowAnswers(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.tg.latency = 700 * time.Millisecond
		r.run()
		began := time.Now()
		r.accept(series(delivery.LaneDirect, 1000, 180)...)
		r.drain(time.Minute)
		took := r.tg.lastTaken(began) - r.tg.latency
		if took > 5200*time.Millisecond || r.tg.overLimits() > 0 {
			r.Errorf("180 messages took %v (at most 5.2 s, as the first 180 of scenario A), %d over the limits", took, r.tg.overLimits())
		}
	})
}

// Requests do not take the same time to arrive: the first ones open connections, and any may be held up on the way.
func TestUnevenWaysToTelegramCauseNoFlood(t *testing.T) {
	for _, scenario := range []struct {
		name     string
		messages func() []delivery.Message
	}{
		{"many chats", func() []delivery.Message { return series(delivery.LaneBroadcast, 1000, 150) }},
		{"few chats", func() []delivery.Message {
			var all []delivery.Message
			for chat := range int64(6) {
				all = append(all, queueSet(delivery.LaneDirect, 1000+chat, 10)...)
			}
			return all
		}},
		{"a group", func() []delivery.Message { return queueSet(delivery.LaneAlert, -1000, 10) }},
	} {
		t.Run(scenario.name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				random := rand.New(rand.NewPCG(3, 4))
				began := time.Now()
				r.tg.way = func() time.Duration {
					r.tg.mu.Lock()
					defer r.tg.mu.Unlock()
					way := time.Duration(random.IntN(10_000)) * time.Microsecond
					if time.Since(began) < 50*time.Millisecond {
						way += 60 * time.Millisecond
					}
					return way
				}
				r.run()
				r.accept(scenario.messages()...)
				r.drain(2 * time.Minute)
				if n := r.tg.overLimits(); n > 0 {
					r.Errorf("%d of %d sends were over the limits", n, len(r.tg.arrived()))
				}
			})
		})
	}
}

func TestGroupsGetTwentyAMinute(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.run()
		began := time.Now()
		r.accept(queueSet(delivery.LaneAlert, -1000, 41)...)
		r.accept(message(delivery.LaneAlert, 2000, "a private chat meanwhile"))
		r.drain(5 * time.Minute)
		calls := r.tg.to(-1000)
		for i := 20; i < len(calls); i++ {
			if window := calls[i].at.Sub(calls[i-20].at); window < time.Minute {
				r.Errorf("21 messages within %v", window)
			}
		}
		if took := r.tg.lastTaken(began); took > 2*time.Minute+2*time.Second || r.tg.overLimits() > 0 {
			r.Errorf("41 messages took %v, %d over the limits", took, r.tg.overLimits())
		}
		if wait := r.tg.to(2000)[0].at.Sub(began); wait > 100*time.Millisecond {
			r.Errorf("a private chat waited %v for the group", wait)
		}
	})
}

// What the run before a restart has sent in its last seconds still counts at Telegram.
func TestRestartDoesNotBeginWithABurst(t *testing.T) {
	for _, scenario := range []struct {
		name     string
		messages func() []delivery.Message
	}{
		{"many chats", func() []delivery.Message { return series(delivery.LaneDirect, 1000, 220) }},
		{"one chat", func() []delivery.Message { return queueSet(delivery.LaneDirect, 1000, 12) }},
		{"a group", func() []delivery.Message { return queueSet(delivery.LaneDirect, -1000, 6) }},
	} {
		t.Run(scenario.name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.run()
				r.accept(scenario.messages()...)
				for range 3 {
					r.pass(2 * time.Second)
					r.stop()
					r.restart()
				}
				r.drain(time.Minute)
				if r.tg.overLimits() > 0 {
					r.Errorf("%d of %d sends were over the limits", r.tg.overLimits(), len(r.tg.arrived()))
				}
			})
		})
	}
}
