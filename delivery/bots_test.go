package delivery_test

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"telegate/delivery"
)

// byBot gives a message to a bot.
func byBot(bot int64, m delivery.Message) delivery.Message {
	m.BotID, m.ID = bot, fmt.Sprintf("%d/%s", bot, m.ID)
	return m
}

// Whatever trouble one bot is in, another sends at its full rate.
func TestOneBotsTroubleNeverSlowsAnother(t *testing.T) {
	for name, trouble := range map[string]fault{
		"flood":              {err: flood(time.Minute)},
		"token refused":      {err: badToken()},
		"no network":         {err: lineDown()},
		"Telegram in pieces": {err: serverError()},
		"hanging":            {hang: true},
		"answers lost":       {err: noAnswer(), taken: true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				second := &telegram{latency: 50 * time.Millisecond}
				r.bots[2] = second
				r.tg.fault = func(call) fault { return trouble }
				r.run()
				r.accept(series(delivery.LaneDirect, 1000, 300)...)
				r.pass(10 * time.Second)
				began := time.Now()
				for _, m := range series(delivery.LaneDirect, 1000, 90) {
					m.ID += "again"
					r.accept(m, byBot(2, m))
				}
				r.pass(5 * time.Second)
				if took := second.lastTaken(began); len(second.arrived()) != 90 || took > 2300*time.Millisecond {
					r.Errorf("%d of 90 messages of a healthy bot left in %v", len(second.arrived()), took)
				}
			})
		})
	}
}

// Thousands of bots fit into one process: each has a goroutine and a few kilobytes, and waits for no other.
func TestTwoThousandBotsInOneDispatcher(t *testing.T) {
	if testing.Short() {
		t.Skip("long: 2,000 bots")
	}
	const bots, eachAtMost = 2000, 16 << 10
	const others = 8 // goroutines that the runtime may begin meanwhile, for its own cleaning
	aloneInBubble(t, func(r *rig) {
		for id := range int64(bots) {
			r.bots[id+1] = &telegram{latency: 50 * time.Millisecond}
		}
		r.run()
		goroutines, memory := runtime.NumGoroutine(), heap()
		var round []delivery.Message
		for id := range int64(bots) {
			round = append(round, byBot(id+1, message(delivery.LaneCode, 1000, "first")))
		}
		r.accept(round...)
		r.drain(time.Minute)
		synctest.Wait()
		r.mu.Lock()
		clear(r.ended) // what the rig itself keeps
		r.mu.Unlock()
		lines, grown := runtime.NumGoroutine()-goroutines, (heap()-memory)/bots
		r.Logf("%d bots: %d goroutines, %d bytes each", bots, lines, grown)
		if lines > bots+others || grown > eachAtMost {
			r.Errorf("%d bots take %d goroutines and %d bytes each, at most one and %d", bots, lines, grown, eachAtMost)
		}

		accepted := time.Now()
		for i, m := range round {
			m.ID, m.Body.Parts[0].Text = m.ID+" again", delivery.Plain("again")
			round[i] = m
		}
		r.accept(round...)
		r.pass(100 * time.Millisecond)
		for id, tg := range r.bots {
			again := tg.(*telegram).with("again")
			if len(again) != 1 || again[0].at.Sub(accepted) > time.Millisecond {
				r.Fatalf("bot %d: %+v, want one send at once", id, again)
			}
		}
	})
}
