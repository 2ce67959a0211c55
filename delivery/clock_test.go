package delivery_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"telegate/delivery"
)

// by gives a message its times by the clock on the wall.
func (r *rig) by(ttl time.Duration, m delivery.Message) delivery.Message {
	m.Created, m.Expires = r.now(), r.now().Add(ttl)
	return m
}

// A clock that is set in the middle of a queue changes nothing about when messages leave: no burst, no gap.
func TestClockThatIsSetChangesNoPace(t *testing.T) {
	for name, jump := range map[string]time.Duration{"forward": time.Hour, "back": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.run()
				began := time.Now()
				r.accept(queueSet(delivery.LaneDirect, 5000, 10)...)
				r.accept(series(delivery.LaneDirect, 1000, 300)...)
				for range 3 {
					r.pass(2 * time.Second)
					r.set(jump)
				}
				r.drain(time.Minute)
				if took := r.tg.lastTaken(began); took > 10300*time.Millisecond || r.tg.overLimits() > 0 || len(r.tg.arrived()) != 310 {
					r.Errorf("%d of 310 messages took %v (at most 10.3 s), %d over the limits", len(r.tg.arrived()), took, r.tg.overLimits())
				}
			})
		})
	}
}

// What waits out a flood leaves when it is over, not when the clock says so; a code whose time has come by the clock is
// ended soon, and never leaves.
func TestClockThatIsSetDuringAFloodWait(t *testing.T) {
	for name, jump := range map[string]time.Duration{"forward": time.Hour, "back": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.tg.fault = first(2, fault{err: flood(time.Minute)})
				r.run()
				r.accept(series(delivery.LaneDirect, 1000, 2)...)
				r.pass(time.Second)
				flooded := r.tg.arrived()[1].at
				r.accept(r.by(5*time.Minute, message(delivery.LaneCode, 2000, "code")))
				r.set(jump)
				r.pass(11 * time.Second)
				if jump > 0 {
					r.mustEnd("code", delivery.StatusExpired, delivery.ReasonLimited)
				}
				r.drain(2 * time.Minute)
				for _, c := range r.tg.arrived()[2:] {
					if waited := c.at.Sub(flooded) - r.tg.latency; waited < time.Minute || waited > 61*time.Second {
						r.Errorf("%s left %v after a flood of a minute", c.text, waited)
					}
				}
				if sent := len(r.tg.with("code")); jump > 0 && sent > 0 || jump < 0 && sent != 1 {
					r.Errorf("the code was sent %d times", sent)
				}
			})
		})
	}
}

// A pause that is read after a restart is never longer than Telegram asked, whatever the clock says since.
func TestClockSetBackBeforeARestartMakesNoPauseLonger(t *testing.T) {
	for name, floods := range map[string]int{"of a chat": 1, "of the bot": 2} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.tg.fault = first(floods, fault{err: flood(time.Minute)})
				r.run()
				r.accept(series(delivery.LaneDirect, 1000, floods)...)
				r.pass(10 * time.Second)
				r.stop()
				r.set(-time.Hour)
				r.restart()
				restarted := time.Now()
				r.drain(2 * time.Hour)
				for _, c := range r.tg.arrived()[floods:] {
					if waited := c.at.Sub(restarted); waited < 49*time.Second || waited > 62*time.Second {
						r.Errorf("%s left %v after the restart; a minute was asked for, 10 s of it are over", c.text, waited)
					}
				}
			})
		})
	}
}

// Whenever the clock is set, by how much: everything ends once, in order, within the limits, and nothing leaves that has
// expired by the clock of that moment.
func TestAnyScheduleOfClocks(t *testing.T) {
	for seed := range seeds(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			inBubble(t, func(r *rig) {
				random, faults := rand.New(rand.NewPCG(seed, 11)), rand.New(rand.NewPCG(seed, 12))
				expires := map[string]time.Time{}
				r.tg.fault = func(c call) fault {
					if wall := r.now(); !wall.Before(expires[c.text]) {
						r.Errorf("%s was sent %v after it had expired", c.text, wall.Sub(expires[c.text]))
					}
					if faults.IntN(20) == 0 {
						return fault{err: flood(time.Duration(1+faults.IntN(5)) * time.Second)}
					}
					return fault{}
				}
				r.run()
				want := map[int64][]string{}
				for step := range 80 {
					switch n := random.IntN(10); n {
					case 0:
						r.set(time.Duration(random.Int64N(int64(2*time.Hour))) - time.Hour)
					case 1:
						r.stop()
						r.set(time.Duration(random.Int64N(int64(2*time.Hour))) - time.Hour)
						r.restart()
					default:
						for i := range 5 {
							m := r.by(time.Duration(1+random.IntN(600))*time.Second, message(delivery.LaneDirect, 1000+int64(i), fmt.Sprintf("%d/%02d", i, step)))
							r.tg.change(func() { expires[m.ID] = m.Expires })
							r.accept(m)
							want[m.ChatID] = append(want[m.ChatID], m.ID)
						}
					}
					r.pass(time.Duration(random.IntN(3000)) * time.Millisecond)
				}
				r.drain(time.Hour)
				r.pass(time.Second)
				if r.tg.overLimits() > 0 {
					r.Errorf("%d sends over the limits", r.tg.overLimits())
				}
				for chat, order := range want {
					var delivered, seen []string
					for _, id := range order {
						switch m := r.message(id); m.Status {
						case delivery.StatusDelivered:
							delivered = append(delivered, id)
						case delivery.StatusExpired:
						default:
							r.Errorf("%s is %s", id, m.Status)
						}
					}
					for _, c := range r.tg.to(chat) {
						if c.taken {
							seen = append(seen, c.text)
						}
					}
					if diff := cmp.Diff(delivered, seen); diff != "" {
						r.Errorf("chat %d (-delivered +seen):\n%s", chat, diff)
					}
				}
			})
		})
	}
}
