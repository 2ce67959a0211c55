package delivery_test

import (
	"testing"
	"testing/synctest"
	"time"

	"telegate/delivery"
)

func TestWaitsBetweenRetriesGrowAndAreBounded(t *testing.T) {
	for lane, limit := range map[delivery.Lane]time.Duration{
		delivery.LaneCode:      2 * time.Second,
		delivery.LaneDirect:    30 * time.Second,
		delivery.LaneAlert:     30 * time.Second,
		delivery.LaneBroadcast: 30 * time.Second,
	} {
		t.Run(string(lane), func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.tg.fault = first(15, fault{err: serverError()})
				r.run()
				r.accept(message(lane, 1000, "a"))
				r.drain(time.Hour)
				waits := gaps(r.tg.arrived())
				if len(waits) != 15 {
					r.Fatalf("%d retries, want 15", len(waits))
				}
				for i, wait := range waits {
					wait -= r.tg.latency
					if pace := time.Second + 5*time.Millisecond; wait > max(limit, pace) { // of the chat
						r.Errorf("retry %d came after %v, at most %v", i, wait, limit)
					}
					if i > 6 && wait < limit*7/10 {
						r.Errorf("retry %d came after %v, want about %v by then", i, wait, limit)
					}
				}
				if waits[0] > 500*time.Millisecond {
					r.Errorf("the first retry came after %v", waits[0])
				}
				r.mustEnd("a", delivery.StatusDelivered, "")
				if n := r.message("a").Attempts; n != 16 {
					r.Errorf("%d attempts are counted of 16", n)
				}
			})
		})
	}
}

func TestTroubleOfOneMessageHoldsUpNoOther(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.tg.fault = func(c call) fault {
			if c.chat == 1000 {
				return fault{err: serverError()}
			}
			return fault{}
		}
		r.run()
		began := time.Now()
		r.accept(message(delivery.LaneDirect, 1000, "in trouble"))
		r.pass(time.Minute)
		r.accept(series(delivery.LaneDirect, 2000, 27)...)
		r.pass(100 * time.Millisecond)
		if took := r.tg.lastTaken(began) - time.Minute; took > 100*time.Millisecond || r.waiting() != 1 {
			r.Errorf("others took %v, %d still wait", took, r.waiting())
		}
	})
}

// While Telegram cannot be reached one message at a time asks, however many wait.
func TestOneProbeAtATimeWhileTheNetworkIsDown(t *testing.T) {
	inBubble(t, func(r *rig) {
		down := true
		r.tg.fault = func(call) fault {
			if down {
				return fault{err: lineDown()}
			}
			return fault{}
		}
		r.run()
		r.accept(series(delivery.LaneDirect, 1000, 60)...)
		r.pass(time.Second)
		r.tg.change(func() { r.tg.most = 0 })
		r.pass(10 * time.Minute)
		probes := r.tg.arrived()[27:] // the first burst was on its way when the line broke
		if r.tg.most != 1 {
			r.Errorf("%d probes at once", r.tg.most)
		}
		for i, wait := range gaps(probes) {
			if wait > 5*time.Second+r.tg.latency {
				r.Errorf("probe %d came after %v, at most 5 s", i, wait)
			}
			if i > 10 && wait < 3*time.Second {
				r.Errorf("probe %d came after %v, want about 5 s by then", i, wait)
			}
		}
		if growing := gaps(probes)[:2]; growing[1] > 2*time.Second {
			r.Errorf("the first probes came after %v: a whole burst that failed is one failure", growing)
		}
		r.tg.change(func() { down = false })
		back := time.Now()
		r.drain(time.Minute)
		if took := r.tg.lastTaken(back); took > 8*time.Second {
			r.Errorf("60 messages took %v from when the network was back", took)
		}
		if r.tg.overLimits() > 0 {
			r.Errorf("%d sends over the limits", r.tg.overLimits())
		}
	})
}

func TestResumeWakesAtOnce(t *testing.T) {
	for _, trouble := range []*delivery.SendError{lineDown(), badToken()} {
		t.Run(string(trouble.Failure.Reason), func(t *testing.T) {
			inBubble(t, func(r *rig) {
				down := true
				r.tg.fault = func(call) fault {
					if down {
						return fault{err: trouble}
					}
					return fault{}
				}
				r.run()
				r.accept(series(delivery.LaneDirect, 1000, 20)...)
				r.pass(5 * time.Minute)
				before := len(r.tg.arrived())
				for len(r.tg.arrived()) == before { // until a probe has just come back, and the next one is far away
					r.pass(100 * time.Millisecond)
				}
				r.pass(100 * time.Millisecond)
				r.tg.change(func() { down = false })
				before = len(r.tg.arrived())
				r.dispatcher.Resume(botID)
				synctest.Wait()
				if n := len(r.tg.arrived()) - before; n != 20 {
					r.Errorf("%d of 20 messages left in the moment Telegram answered again", n)
				}
				r.drain(time.Minute)
			})
		})
	}
}

func TestResumeWithoutTroubleChangesNothing(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.tg.fault = first(1, fault{err: flood(10 * time.Second)})
		r.run()
		r.accept(message(delivery.LaneDirect, 1000, "a"))
		r.pass(time.Second)
		r.dispatcher.Resume(botID)
		r.dispatcher.Resume(99) // a bot nobody knows
		r.pass(8 * time.Second)
		if n := len(r.tg.arrived()); n != 1 {
			r.Errorf("%d sends within a flood wait", n-1)
		}
	})
}

// One connection that breaks is no reason to hold up the rest once another send has come through.
func TestOneBrokenConnectionDelaysNoCode(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.tg.fault = func(c call) fault {
			if c.text == "broken" {
				return fault{err: lineDown()}
			}
			return fault{}
		}
		r.run()
		r.accept(message(delivery.LaneDirect, 1000, "broken"))
		r.pass(time.Millisecond)
		r.accept(message(delivery.LaneDirect, 2000, "fine"))
		r.pass(50 * time.Millisecond)
		accepted := time.Now()
		r.accept(message(delivery.LaneCode, 3000, "code"))
		r.pass(time.Second)
		if sent := r.tg.with("code"); len(sent) == 0 || sent[0].at.Sub(accepted) > 34*time.Millisecond {
			r.Errorf("a code waited because one connection broke: %+v", sent)
		}
	})
}

// Sends that hang do not keep a probe from finding out that the network is back.
func TestProbesGoOutBesideSendsThatHang(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.tg.fault = func(c call) fault {
			switch {
			case c.text == "hangs":
				return fault{hang: true}
			case c.text == "broken" && c.n < 2:
				return fault{err: lineDown()}
			}
			return fault{}
		}
		r.run()
		r.accept(message(delivery.LaneDirect, 1000, "hangs"))
		r.pass(time.Millisecond)
		r.accept(message(delivery.LaneDirect, 2000, "broken"))
		r.pass(time.Second)
		if n := len(r.tg.with("broken")); n != 2 {
			r.Errorf("%d probes beside a send that hangs, want 2", n)
		}
	})
}

func TestRefusedTokenIsTriedSeldom(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.tg.fault = first(1000, fault{err: badToken()})
		r.run()
		r.accept(expiringIn(10*time.Minute, message(delivery.LaneDirect, 1000, "a")), message(delivery.LaneDirect, 2000, "b"))
		r.pass(9 * time.Minute)
		if n := len(r.tg.arrived()); n < 10 || n > 20 {
			r.Errorf("%d sends in 9 minutes with a token that Telegram refuses, want one each half minute", n)
		}
		r.pass(2 * time.Minute)
		r.mustEnd("a", delivery.StatusExpired, delivery.ReasonUnauthorized)
		if r.message("b").Status.Final() {
			r.Error("a refused token ended a message that has time left")
		}
	})
}

// Whatever Telegram answers, it answers: what waited for the network goes on.
func TestAnyAnswerEndsTheTroubleOfTheNetwork(t *testing.T) {
	for _, answer := range []*delivery.SendError{blocked(), refusedMessage(), serverError(), flood(time.Minute)} {
		t.Run(answer.Class.String()+" "+string(answer.Failure.Reason), func(t *testing.T) {
			inBubble(t, func(r *rig) {
				down := true
				r.tg.fault = func(c call) fault {
					switch {
					case down:
						return fault{err: lineDown()}
					case c.chat == 1000:
						return fault{err: answer}
					}
					return fault{}
				}
				r.run()
				r.accept(expiringIn(2*time.Minute, message(delivery.LaneCode, 1000, "probe")))
				r.accept(series(delivery.LaneDirect, 2000, 20)...)
				r.pass(time.Minute)
				r.tg.change(func() { down = false })
				before := len(r.tg.arrived())
				r.pass(6 * time.Second)
				if got := r.tg.arrived()[before:]; len(got) < 21 || got[20].at.Sub(got[0].at) > 200*time.Millisecond {
					r.Errorf("%d of 21 messages left within 6 s from when the network was back", len(got))
				}
			})
		})
	}
}

// A direct message that waits for its fallback is in the queue once, however often the bot tries it.
func TestAMessageThatIsTriedAgainIsQueuedOnce(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.fallback()
		r.tg.fault = func(c call) fault {
			if c.text == "stays" || c.n == 0 {
				return fault{err: lineDown()}
			}
			return fault{}
		}
		r.run()
		r.accept(expiringIn(4*time.Minute, message(delivery.LaneDirect, 1000, "a")))
		r.pass(10 * time.Second)
		r.mustGo("a", "bot", 10*time.Second)
		r.accept(message(delivery.LaneAlert, 2000, "stays")) // the bot has an outage when the time of a would have come
		r.pass(4 * time.Minute)
		if n := r.waiting(); n != 1 {
			r.Errorf("%d messages wait, want 1", n)
		}
	})
}

// No message has to be accepted for that: refusals say as well that Telegram can be reached.
func TestRefusalsAloneEndTheTroubleOfTheNetwork(t *testing.T) {
	inBubble(t, func(r *rig) {
		down := true
		r.tg.fault = func(call) fault {
			if down {
				return fault{err: lineDown()}
			}
			return fault{err: blocked()}
		}
		r.run()
		r.accept(series(delivery.LaneDirect, 1000, 20)...)
		r.pass(time.Minute)
		r.tg.change(func() { down = false })
		before := len(r.tg.arrived())
		r.pass(6 * time.Second)
		if got := r.tg.arrived()[before:]; len(got) != 20 || got[19].at.Sub(got[0].at) > 200*time.Millisecond {
			r.Errorf("%d of 20 messages were tried within 6 s from when the network was back", len(got))
		}
	})
}

// With a fallback, the waits of a direct message leave time for it: a tenth of what is left of its life. Without one they need not.
func TestWaitsLeaveTimeForAFallback(t *testing.T) {
	for name, fallback := range map[string]bool{"with a fallback": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				if fallback {
					r.fallback()
				}
				r.tg.fault = func(call) fault { return fault{err: serverError()} }
				r.run()
				r.accept(expiringIn(100*time.Second, message(delivery.LaneDirect, 1000, "a")))
				r.pass(2 * time.Minute)
				var longest time.Duration
				for _, wait := range gaps(r.tg.arrived()) {
					longest = max(longest, wait)
				}
				if limit := 10*time.Second + r.tg.latency; fallback != (longest <= limit) || longest < 6*time.Second {
					r.Errorf("the longest wait was %v", longest)
				}
			})
		})
	}
}
