package delivery_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"telegate/delivery"
)

// A message that cannot be sent in time expires, says what delayed it, and never leaves.
func TestExpiredMessageNeverLeavesAndSaysWhy(t *testing.T) {
	for _, scenario := range []struct {
		name   string
		bot    int64
		fault  func(call) fault
		before []delivery.Message
		reason delivery.Reason
		sends  int // of the message itself; -1: any number
	}{
		{"behind others of its chat", botID, nil, queueSet(delivery.LaneAlert, 1000, 30), delivery.ReasonMessageExpired, 0},
		{"behind the limit of the bot", botID, nil, series(delivery.LaneDirect, 2000, 340), delivery.ReasonMessageExpired, 0},
		{"in a flood wait of its own", botID, first(1, fault{err: flood(time.Minute)}), nil, delivery.ReasonLimited, 1},
		{"no network", botID, first(100, fault{err: lineDown()}), nil, delivery.ReasonUnreachable, -1},
		{"no network, waiting for others to ask", botID, first(100, fault{err: lineDown()}), series(delivery.LaneDirect, 2000, 30), delivery.ReasonUnreachable, 0},
		{"Telegram in trouble", botID, first(100, fault{err: serverError()}), nil, delivery.ReasonUnreachable, -1},
		{"no answer", botID, first(100, fault{hang: true}), nil, delivery.ReasonUnreachable, -1},
		{"token refused", botID, first(100, fault{err: badToken()}), nil, delivery.ReasonUnauthorized, 1},
		{"bot not configured", 77, nil, nil, delivery.ReasonUnreachable, 0},
	} {
		t.Run(scenario.name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.tg.fault = scenario.fault
				r.run()
				for _, m := range scenario.before {
					m.Created, m.Expires = time.Now(), time.Now().Add(time.Hour)
					r.accept(m)
				}
				late := expiringIn(10*time.Second, message(delivery.LaneAlert, 1000, "late"))
				late.BotID = scenario.bot
				r.accept(late)
				r.pass(10*time.Second - time.Millisecond)
				if r.message("late").Status.Final() {
					r.Error("ended before its time was over")
				}
				r.pass(2 * time.Millisecond)
				r.mustEnd("late", delivery.StatusExpired, scenario.reason)
				r.pass(10 * time.Minute)
				sends := r.tg.with("late")
				if scenario.sends >= 0 && len(sends) != scenario.sends {
					r.Errorf("%d sends, want %d", len(sends), scenario.sends)
				}
				for _, c := range sends {
					if !c.at.Before(late.Expires) {
						r.Errorf("sent %v after it had expired", c.at.Sub(late.Expires))
					}
				}
				r.mustEnd("late", delivery.StatusExpired, scenario.reason)
				r.drain(time.Hour)
			})
		})
	}
}

func TestExpiredMessageFreesTheWayForTheNext(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.tg.fault = func(c call) fault {
			if c.text == "late" {
				return fault{err: serverError()}
			}
			return fault{}
		}
		r.run()
		r.accept(expiringIn(10*time.Second, message(delivery.LaneCode, 1000, "late")), message(delivery.LaneCode, 1000, "next"))
		r.drain(15 * time.Second)
		r.mustEnd("late", delivery.StatusExpired, delivery.ReasonUnreachable)
		r.mustEnd("next", delivery.StatusDelivered, "")
	})
}

func TestMessageThatExpiredWhileTheProgramWasDownNeverLeaves(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.accept(expiringIn(5*time.Minute, message(delivery.LaneCode, 1000, "code")), message(delivery.LaneDirect, 1000, "direct"))
		r.stop()
		r.pass(5 * time.Minute)
		r.restart()
		r.drain(time.Minute)
		r.mustEnd("code", delivery.StatusExpired, delivery.ReasonMessageExpired)
		r.mustEnd("direct", delivery.StatusDelivered, "")
		if n := len(r.tg.with("code")); n > 0 {
			r.Errorf("an expired code was sent %d times", n)
		}
	})
}

func TestMessagesOfABotThatIsNotConfiguredWaitForIt(t *testing.T) {
	inBubble(t, func(r *rig) {
		m := message(delivery.LaneDirect, 1000, "a")
		m.BotID = 77
		r.run()
		r.accept(m)
		r.pass(time.Hour)
		r.stop()
		r.bots[77] = r.tg
		r.restart()
		r.drain(time.Minute)
		r.mustEnd("a", delivery.StatusDelivered, "")
	})
}

func TestManyMessagesMayExpireAtOnce(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.tg.fault = func(call) fault { return fault{err: lineDown()} }
		r.run()
		messages := series(delivery.LaneAlert, 1000, 150)
		for i := range messages {
			messages[i] = expiringIn(time.Minute, messages[i])
		}
		r.accept(messages...)
		r.drain(2 * time.Minute)
		r.pass(10 * time.Second)
		for _, m := range messages {
			r.mustEnd(m.ID, delivery.StatusExpired, delivery.ReasonUnreachable)
		}
	})
}

// What Telegram has taken is not sent again because it could not be written down at once.
func TestOutcomeIsWrittenOnceTheDiskHasRoomAgain(t *testing.T) {
	for _, lane := range lanes {
		t.Run(string(lane), func(t *testing.T) {
			inBubble(t, func(r *rig) {
				full := 5
				r.store.save = func(p delivery.Progress) error {
					if p.Status == delivery.StatusDelivered && full > 0 {
						full--
						return errors.New("disk is full")
					}
					return nil
				}
				r.run()
				r.accept(message(lane, 1000, "a"))
				r.pass(time.Minute)
				r.mustEnd("a", delivery.StatusDelivered, "")
				if n := len(r.tg.arrived()); n != 1 || full != 0 {
					r.Errorf("%d sends, want 1", n)
				}
			})
		})
	}
}

// A broadcast that cannot be marked as being sent is not sent: a crash would send it twice.
func TestBroadcastIsMarkedBeforeItIsSent(t *testing.T) {
	inBubble(t, func(r *rig) {
		full := 5
		r.store.save = func(p delivery.Progress) error {
			if full > 0 {
				full--
				if n := len(r.tg.arrived()); n > 0 {
					r.Errorf("%d sends of a broadcast that is not marked", n)
				}
				return errors.New("disk is full")
			}
			return nil
		}
		r.run()
		r.accept(message(delivery.LaneBroadcast, 1000, "a"))
		r.drain(time.Minute)
		r.mustEnd("a", delivery.StatusDelivered, "")
	})
}

func TestMessageThatCannotBeReadIsTriedAgain(t *testing.T) {
	inBubble(t, func(r *rig) {
		faults := 3
		r.store.load = func(id string) error {
			if id == "a" && faults > 0 {
				faults--
				return errors.New("input/output error")
			}
			return nil
		}
		r.run()
		r.accept(message(delivery.LaneDirect, 1000, "a"), message(delivery.LaneDirect, 2000, "other"))
		r.pass(100 * time.Millisecond)
		r.mustEnd("other", delivery.StatusDelivered, "")
		r.drain(10 * time.Second)
		r.mustEnd("a", delivery.StatusDelivered, "")
	})
}

func TestMessageThatExpiresWhileItIsReadNeverLeaves(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.store.load = func(string) error {
			time.Sleep(20 * time.Second) // a disk that has to wake up
			return nil
		}
		r.run()
		r.accept(expiringIn(10*time.Second, message(delivery.LaneCode, 1000, "a")))
		r.pass(time.Minute)
		r.mustEnd("a", delivery.StatusExpired, delivery.ReasonMessageExpired)
		if n := len(r.tg.arrived()); n > 0 {
			r.Errorf("%d sends of an expired code", n)
		}
	})
}

func TestExpiredMessageThatCannotBeReadIsTriedAgain(t *testing.T) {
	inBubble(t, func(r *rig) {
		var healed atomic.Bool
		r.store.load = func(string) error {
			if healed.Load() {
				return nil
			}
			return errors.New("input/output error")
		}
		r.run()
		r.accept(expiringIn(10*time.Second, message(delivery.LaneDirect, 1000, "a")))
		r.pass(time.Minute)
		if r.message("a").Status.Final() {
			r.Error("a message ended that could not be read")
		}
		healed.Store(true)
		r.pass(2 * time.Second)
		r.mustEnd("a", delivery.StatusExpired, delivery.ReasonMessageExpired)
	})
}
