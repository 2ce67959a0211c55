package delivery_test

import (
	"testing"
	"time"

	"telegate/delivery"
)

// Limits that change while messages wait count from then on, for the bot and for each chat, faster and slower.
func TestLimitsChangeWhileMessagesWait(t *testing.T) {
	for name, c := range map[string]struct {
		before, then float64       // messages of the bot a second
		least, most  time.Duration // how long the rest takes
	}{
		"slower": {30, 5, 100 * time.Second, 125 * time.Second},
		"faster": {5, 30, 18 * time.Second, 21 * time.Second},
		"same":   {30, 30, 17 * time.Second, 20 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				limits := delivery.Limits{BotPerSecond: c.before, ChatPerSecond: 1, GroupPerMinute: 20}
				r.dispatcher.SetLimits(limits) // before it runs
				r.run()
				r.accept(series(delivery.LaneDirect, 1000, 600)...)
				r.pass(time.Second)
				began := time.Now()
				limits.BotPerSecond = c.then
				r.dispatcher.SetLimits(limits)
				r.drain(5 * time.Minute)
				if took := r.tg.lastTaken(began); took < c.least || took > c.most || r.tg.overLimits() > 0 {
					r.Errorf("the rest took %v, want from %v to %v", took, c.least, c.most)
				}
			})
		})
	}
}

func TestAChatsLimitChangesWhileItsMessagesWait(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.dispatcher.SetLimits(delivery.Limits{BotPerSecond: 30, ChatPerSecond: 0.1, GroupPerMinute: 20})
		r.run()
		r.accept(queueSet(delivery.LaneDirect, 1000, 30)...)
		r.pass(30 * time.Second) // five: three at once, and one each ten seconds
		began := time.Now()
		r.dispatcher.SetLimits(delivery.Limits{BotPerSecond: 30, ChatPerSecond: 1, GroupPerMinute: 20})
		r.drain(time.Minute)
		if took := r.tg.lastTaken(began); took > 35*time.Second || r.tg.overLimits() > 0 {
			r.Errorf("the rest took %v at one a second, %d over the limits", took, r.tg.overLimits())
		}
	})
}

// A reload that changes no limit ends no wait: what Telegram has failed to take is not tried again at once.
func TestLimitsThatStayTheSameEndNoWait(t *testing.T) {
	inBubble(t, func(r *rig) {
		limits := delivery.Limits{BotPerSecond: 30, ChatPerSecond: 1, GroupPerMinute: 20}
		r.dispatcher.SetLimits(limits)
		r.tg.fault = first(100, fault{err: serverError()})
		r.run()
		r.accept(message(delivery.LaneDirect, 1000, "a"))
		r.pass(10 * time.Minute) // the waits are half a minute by now
		before := len(r.tg.arrived())
		for range 20 {
			r.dispatcher.SetLimits(limits)
			r.pass(2 * time.Second)
		}
		if n := len(r.tg.arrived()) - before; n > 3 {
			r.Errorf("%d tries in 40 s of reloads", n)
		}
	})
}
