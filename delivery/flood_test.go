package delivery_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"telegate/delivery"
)

func TestFloodPausesThatChatOnly(t *testing.T) {
	inBubble(t, func(r *rig) {
		flooded := false
		r.tg.fault = func(c call) fault {
			if c.chat == 1000 && !flooded {
				flooded = true
				return fault{err: flood(30 * time.Second)}
			}
			return fault{}
		}
		r.run()
		began := time.Now()
		r.accept(queueSet(delivery.LaneDirect, 1000, 2)...)
		r.accept(series(delivery.LaneDirect, 2000, 60)...)
		r.drain(time.Minute)
		hot := r.tg.to(1000)
		if len(hot) != 3 || hot[0].text != hot[1].text {
			r.Fatalf("the chat that was asked for quiet got %v", texts(hot))
		}
		if quiet := hot[1].at.Sub(hot[0].at) - r.tg.latency; quiet < 30*time.Second || quiet > 30*time.Second+50*time.Millisecond {
			r.Errorf("Telegram asked for 30 s of quiet and got %v", quiet)
		}
		others := r.tg.arrived()[:61]
		if took := others[60].at.Sub(began); took > 1300*time.Millisecond {
			r.Errorf("60 other chats were held up: %v", took)
		}
		r.mustEnd("direct-1000-000", delivery.StatusDelivered, "")
		if n := r.message("direct-1000-000").Attempts; n != 2 {
			r.Errorf("%d attempts are counted of 2", n)
		}
	})
}

// What only broadcasts have to wait for holds up nothing else, whatever the chat; nor are they tried again before it ends.
func TestAWaitOfBroadcastsHoldsUpNothingElse(t *testing.T) {
	inBubble(t, func(r *rig) {
		const wait = 10 * time.Hour
		began := time.Now()
		r.tg.fault = func(c call) fault {
			if c.told.Lane == delivery.LaneBroadcast && c.at.Sub(began) < wait {
				e := flood(wait - c.at.Sub(began))
				e.Broadcasts = true
				return fault{err: e}
			}
			return fault{}
		}
		r.run()
		news := series(delivery.LaneBroadcast, 1000, 20)
		r.accept(news...)
		r.pass(2 * time.Second)
		tried := len(r.tg.arrived())
		if tried == 0 || tried > 20 {
			r.Fatalf("20 broadcasts were tried %d times", tried)
		}
		for i, lane := range []delivery.Lane{delivery.LaneCode, delivery.LaneDirect, delivery.LaneAlert} {
			r.accept(message(lane, 1000, "same-"+string(lane)), message(lane, 5000+int64(i), "other-"+string(lane)))
		}
		r.pass(10 * time.Second)
		for _, id := range []string{"same-code", "same-direct", "same-alert", "other-code", "other-direct", "other-alert"} {
			r.mustEnd(id, delivery.StatusDelivered, "")
		}
		r.pass(wait - time.Since(began) - time.Second)
		if n := len(r.tg.arrived()) - tried; n != 6 {
			r.Errorf("%d sends of 6 during the wait", n)
		}
		r.drain(time.Minute)
		for _, m := range news {
			r.mustEnd(m.ID, delivery.StatusDelivered, "")
		}
	})
}

func TestFloodsFromTwoChatsPauseTheBot(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.tg.fault = func(c call) fault {
			switch c.n {
			case 0:
				return fault{err: flood(10 * time.Second)}
			case 1:
				return fault{err: flood(20 * time.Second)}
			}
			return fault{}
		}
		r.run()
		for chat := range int64(2) {
			r.accept(message(delivery.LaneDirect, 1000+chat, string(rune('a'+chat))))
			r.pass(time.Millisecond)
		}
		r.pass(998 * time.Millisecond)
		began := time.Now()
		r.accept(message(delivery.LaneCode, 3000, "code"), message(delivery.LaneDirect, 3001, "direct"))
		r.drain(time.Minute)
		for _, c := range r.tg.arrived()[2:] {
			if quiet := c.at.Sub(began) + time.Second - r.tg.latency; quiet < 20*time.Second {
				r.Errorf("%s left %v after the flood, Telegram asked for 20 s", c.text, quiet)
			}
		}
	})
}

// Sends of two lanes may be on their way when a chat is flooded; the shorter wait does not undo the longer one.
func TestLongerFloodWaitOfAChatHolds(t *testing.T) {
	inBubble(t, func(r *rig) {
		waits := []time.Duration{30 * time.Second, 5 * time.Second}
		r.tg.fault = func(c call) fault {
			if c.n < len(waits) {
				return fault{err: flood(waits[c.n])}
			}
			return fault{}
		}
		r.run()
		for _, lane := range lanes[:2] {
			r.accept(message(lane, 1000, string(lane)))
			r.pass(time.Millisecond)
		}
		r.pass(30 * time.Second)
		if n := len(r.tg.arrived()); n != 2 {
			r.Errorf("%d sends within the wait of 30 s, after the 2 that were flooded", n-2)
		}
	})
}

func TestLongerFloodWaitOfTheBotHolds(t *testing.T) {
	inBubble(t, func(r *rig) {
		waits := []time.Duration{30 * time.Second, 30 * time.Second, 5 * time.Second}
		r.tg.fault = func(c call) fault {
			if c.n < len(waits) {
				return fault{err: flood(waits[c.n])}
			}
			return fault{}
		}
		r.run()
		for chat := range int64(3) {
			r.accept(message(delivery.LaneDirect, 1000+chat, string(rune('a'+chat))))
			r.pass(time.Millisecond)
		}
		r.pass(30 * time.Second)
		if n := len(r.tg.arrived()); n != 3 {
			r.Errorf("%d sends within the wait of 30 s, after the 3 that were flooded", n-3)
		}
	})
}

// All that is on its way when a bot is flooded is refused together; that is one lesson, not one per send.
func TestFloodStormSlowsTheBotOnceAndItRecovers(t *testing.T) {
	if testing.Short() {
		t.Skip("long: thousands of messages")
	}
	inBubble(t, func(r *rig) {
		r.tg.latency = 200 * time.Millisecond
		storm := time.Now().Add(time.Second)
		r.tg.fault = func(c call) fault {
			if c.at.After(storm) && c.at.Before(storm.Add(200*time.Millisecond)) {
				return fault{err: flood(2 * time.Second)}
			}
			return fault{}
		}
		r.run()
		r.accept(series(delivery.LaneDirect, 1000, 900)...)
		r.drain(5 * time.Minute)
		perSecond := map[int]int{}
		for _, c := range r.tg.arrived() {
			perSecond[int(c.at.Sub(storm).Seconds())]++
		}
		if n := perSecond[6]; n < 22 || n > 26 {
			r.Errorf("%d sends a second after the storm, want about 24 (four fifths)", n)
		}
		if n := perSecond[29]; n < 29 {
			r.Errorf("%d sends a second half a minute later, want 30", n)
		}
		if r.tg.overLimits() > 0 {
			r.Errorf("%d sends over the limits", r.tg.overLimits())
		}
	})
}

// However often the bot was too fast, some minutes without a flood bring it back to the whole limit, step by step.
func TestPaceRecoversFullyFromManyStorms(t *testing.T) {
	if testing.Short() {
		t.Skip("long: hours of sending")
	}
	inBubble(t, func(r *rig) {
		began := time.Now()
		storms := func(at time.Duration) bool { return at < time.Minute && at%(5*time.Second) < 300*time.Millisecond }
		r.tg.fault = func(c call) fault {
			if storms(c.at.Sub(began)) {
				return fault{err: flood(time.Second)}
			}
			return fault{}
		}
		r.run()
		r.accept(series(delivery.LaneDirect, 10_000, 9000)...)
		r.pass(6 * time.Minute)
		perSecond := map[int]int{}
		for _, c := range r.tg.arrived() {
			perSecond[int(c.at.Sub(began).Seconds())]++
		}
		if n := perSecond[58]; n > 15 {
			r.Errorf("%d sends a second after a minute of storms, want half of the limit at most", n)
		}
		for second := 61; second < 359; second++ {
			if perSecond[second+1] < perSecond[second]-2 {
				r.Errorf("second %d has %d sends and the next %d: the pace went down without a flood", second, perSecond[second], perSecond[second+1])
			}
		}
		if n := perSecond[358]; n < 29 {
			r.Errorf("%d sends a second five minutes after the storms, want 30", n)
		}
		if r.tg.overLimits() > 0 {
			r.Errorf("%d sends over the limits", r.tg.overLimits())
		}
	})
}

func TestPausesSurviveARestart(t *testing.T) {
	for _, scenario := range []struct {
		name   string
		floods int // sends that are flooded, each of another chat
		crash  bool
	}{
		{"of a chat", 1, false},
		{"of a chat, after a crash", 1, true},
		{"of the bot", 2, false},
		{"of the bot, after a crash", 2, true},
	} {
		t.Run(scenario.name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.tg.fault = first(scenario.floods, fault{err: flood(time.Minute)})
				r.run()
				began := time.Now()
				r.accept(series(delivery.LaneDirect, 1000, scenario.floods)...)
				r.pass(time.Second)
				if scenario.crash {
					r.crash()
				} else {
					r.stop()
				}
				r.restart()
				r.accept(message(delivery.LaneCode, 2000, "other"))
				r.drain(2 * time.Minute)
				for _, c := range r.tg.arrived()[scenario.floods:] {
					paused := c.text != "other" || scenario.floods > 1
					if after := c.at.Sub(began); paused && after < time.Minute || !paused && after > 3*time.Second {
						r.Errorf("%s left %v after the flood", c.text, after)
					}
				}
			})
		})
	}
}

// What cannot be stored is kept until the next start, and the log says so; what the program's end cuts off is no news.
func TestPauseThatCannotBeStoredIsKeptAllTheSame(t *testing.T) {
	for name, err := range map[string]error{"stored": nil, "not stored": errors.New("disk is full")} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				var log bytes.Buffer
				r.log = slog.NewTextHandler(&log, nil)
				r.tg.fault = first(1, fault{err: flood(10 * time.Second)})
				r.reopen()
				r.store.pause = func() error { return err }
				r.run()
				r.accept(message(delivery.LaneDirect, 1000, "a"))
				r.pass(9 * time.Second)
				if n := len(r.tg.arrived()); n != 1 {
					r.Errorf("%d sends within the wait", n-1)
				}
				r.drain(5 * time.Second)
				r.mustEnd("a", delivery.StatusDelivered, "")
				if logged := strings.Contains(log.String(), "cannot store the flood wait"); logged != (err != nil) {
					r.Errorf("the log of a pause that was %s:\n%s", name, log.String())
				}
			})
		})
	}
}

func TestPauseThatTheEndCutsOffIsNotLogged(t *testing.T) {
	inBubble(t, func(r *rig) {
		var log bytes.Buffer
		r.log = slog.NewTextHandler(&log, nil)
		r.tg.fault = first(1, fault{err: flood(10 * time.Second)})
		r.reopen()
		r.store.pause = func() error {
			time.Sleep(time.Minute) // longer than a stop waits
			return context.Canceled
		}
		r.run()
		r.accept(message(delivery.LaneDirect, 1000, "a"))
		r.pass(time.Second)
		r.stop()
		if strings.Contains(log.String(), "cannot store the flood wait") {
			r.Errorf("the log:\n%s", log.String())
		}
		r.restart()
	})
}

// The write of a flood wait is counted apart from the sends that a stop waits for.
// A pause that Telegram asks for while telegate stops is kept for the next start.
func TestAPauseThatComesDuringTheStopIsKept(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.tg.latency = 2 * time.Second
		r.tg.fault = first(1, fault{err: flood(time.Minute)})
		r.run()
		r.accept(message(delivery.LaneDirect, 1000, "a"))
		r.pass(100 * time.Millisecond)
		r.stop()
		r.restart()
		r.pass(50 * time.Second)
		r.mustHaveStatus("a", delivery.StatusQueued)
		r.pass(20 * time.Second)
		r.mustHaveStatus("a", delivery.StatusDelivered)
	})
}

func TestAStopWaitsForASendAlsoAfterAFlood(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.tg.fault = func(c call) fault {
			if c.chat != 2000 {
				return fault{err: flood(10 * time.Second)}
			}
			return fault{}
		}
		r.run()
		r.accept(message(delivery.LaneDirect, 1000, "flooded"))
		r.pass(4 * time.Second)
		r.tg.change(func() { r.tg.latency = 2 * time.Second })
		r.accept(message(delivery.LaneDirect, 2000, "a"))
		r.pass(100 * time.Millisecond)
		if took := r.stop(); took < 1800*time.Millisecond {
			r.Errorf("the stop took %v, and a send of 2 s was running", took)
		}
		r.restart()
		r.mustHaveStatus("a", delivery.StatusDelivered)
	})
}
