package delivery_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"telegate/delivery"
)

// fallback adds the bot itself over MTProto and a user account as routes. The dispatcher must not run yet.
func (r *rig) fallback() (bot, person *telegram) {
	r.Helper()
	bot = &telegram{name: "bot-mtproto", latency: 50 * time.Millisecond}
	person = &telegram{name: "user", latency: 50 * time.Millisecond}
	up := func() bool { return true }
	r.routes = []delivery.Fallback{{Transport: bot, Up: up}, {Transport: person, Person: true, Up: up}}
	r.reopen()
	return bot, person
}

// reopen makes the dispatcher anew, which does not run yet.
func (r *rig) reopen() {
	r.Helper()
	if err := r.db.Close(); err != nil {
		r.Fatal(err)
	}
	r.open()
}

// mustGo checks by which transport a message has arrived, and that it took no longer than limit.
func (r *rig) mustGo(id, transport string, limit time.Duration) {
	r.Helper()
	r.mustEnd(id, delivery.StatusDelivered, "")
	m := r.message(id)
	if took := m.Ended.Sub(m.Created); m.Transport != transport || took > limit {
		r.Errorf("%s went by %q in %v, want by %q within %v", id, m.Transport, took, transport, limit)
	}
}

func notConnected() *delivery.SendError {
	return &delivery.SendError{
		Class: delivery.Unauthorized, Err: errors.New("revoked"),
		Failure: delivery.Failure{Reason: delivery.ReasonUnauthorized, Detail: "The login of this Telegram account was ended."},
	}
}

func stranger(reason delivery.Reason) *delivery.SendError {
	return &delivery.SendError{
		Class: delivery.RecipientPermanent, Err: errors.New("403"),
		Failure: delivery.Failure{Reason: reason, Detail: "The bot may not write there."},
	}
}

var troubles = map[string]struct {
	fault fault
	limit time.Duration // within which a code is there all the same
}{
	"no network":   {fault{err: lineDown()}, 200 * time.Millisecond},
	"5xx":          {fault{err: serverError()}, 200 * time.Millisecond},
	"token":        {fault{err: badToken()}, 200 * time.Millisecond},
	"lost answers": {fault{err: noAnswer()}, 200 * time.Millisecond},
	"hanging":      {fault{hang: true}, 3200 * time.Millisecond},
}

// A code that the bot cannot send takes the bot's other route at once, whatever the error, and so does each later code.
func TestACodeTakesTheOtherWayAtOnce(t *testing.T) {
	for name, trouble := range troubles {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				bot, person := r.fallback()
				r.tg.fault = func(call) fault { return trouble.fault }
				r.run()
				for i := range 5 {
					id := fmt.Sprint("code ", i)
					r.accept(expiringIn(time.Minute, message(delivery.LaneCode, 1000+int64(i), id)))
					r.pass(4 * time.Second)
					r.mustGo(id, "bot-mtproto", trouble.limit)
				}
				if n := len(bot.arrived()); n != 5 || len(person.arrived()) != 0 {
					r.Errorf("the bot's other way took %d, the person's account %d; want 5 and none", n, len(person.arrived()))
				}
				list := r.attempts("code 0")
				if len(list) != 2 || list[0].Transport != "bot" || list[1].Transport != "bot-mtproto" {
					r.Errorf("attempts: %+v", list)
				}
			})
		})
	}
}

// While the bot is known to be in trouble, codes do not sit out its pauses: one at a time asks, the others leave.
func TestCodesDoNotWaitForABotInTrouble(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.fallback()
		r.tg.latency = 2500 * time.Millisecond // it takes its time to fail
		r.tg.fault = func(call) fault { return fault{err: lineDown()} }
		r.run()
		r.accept(message(delivery.LaneCode, 999, "first"))
		r.pass(20 * time.Second)
		r.accept(series(delivery.LaneCode, 1000, 20)...)
		r.pass(5 * time.Second)
		slow := 0
		for i := range 20 {
			id := fmt.Sprint("code-", 1000+i)
			r.mustGo(id, "bot-mtproto", 3*time.Second)
			if m := r.message(id); m.Ended.Sub(m.Created) > time.Second {
				slow++
			}
		}
		if slow > 2 {
			r.Errorf("%d of 20 codes waited for a bot that was known to be in trouble", slow)
		}
	})
}

// The bot takes over again as soon as it answers.
func TestTheBotTakesOverAgain(t *testing.T) {
	inBubble(t, func(r *rig) {
		down := true
		r.fallback()
		r.tg.fault = func(call) fault {
			if down {
				return fault{err: lineDown()}
			}
			return fault{}
		}
		r.run()
		r.accept(message(delivery.LaneCode, 1000, "a"))
		r.pass(time.Second)
		r.tg.change(func() { down = false })
		r.accept(message(delivery.LaneCode, 1001, "b"))
		r.pass(10 * time.Second)
		r.accept(message(delivery.LaneCode, 1002, "c"))
		r.pass(time.Second)
		r.mustGo("a", "bot-mtproto", time.Second)
		r.mustGo("c", "bot", time.Second)
	})
}

// A direct message waits for the bot until a quarter of its life is left, and goes then.
func TestADirectMessageGoesWhenItsTimeIsInDanger(t *testing.T) {
	for name, trouble := range troubles {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				bot, _ := r.fallback()
				r.tg.fault = func(call) fault { return trouble.fault }
				r.run()
				r.accept(expiringIn(40*time.Minute, message(delivery.LaneDirect, 1000, "behind")))
				r.accept(expiringIn(4*time.Minute, message(delivery.LaneDirect, 1000, "short")))
				r.accept(expiringIn(4*time.Minute, message(delivery.LaneDirect, 1001, "a")))
				r.pass(179 * time.Second)
				if n := len(bot.arrived()); n != 0 {
					r.Errorf("%d messages did not wait for the bot", n)
				}
				r.pass(61 * time.Second)
				r.mustGo("a", "bot-mtproto", 4*time.Minute)
				r.pass(31 * time.Minute)
				r.mustGo("behind", "bot-mtproto", 32*time.Minute)
			})
		})
	}
}

// Alerts and broadcasts never use a fallback.
func TestAlertsAndBroadcastsNeverTakeTheOtherWay(t *testing.T) {
	for name, trouble := range troubles {
		for _, lane := range []delivery.Lane{delivery.LaneAlert, delivery.LaneBroadcast} {
			t.Run(name+" "+string(lane), func(t *testing.T) {
				inBubble(t, func(r *rig) {
					bot, person := r.fallback()
					r.tg.fault = func(call) fault { return trouble.fault }
					r.run()
					r.accept(expiringIn(time.Minute, message(lane, 1000, "a")), expiringIn(time.Minute, message(lane, 1001, "b")))
					r.pass(2 * time.Minute)
					if n := len(bot.arrived()) + len(person.arrived()); n != 0 {
						r.Errorf("%d took the other way", n)
					}
				})
			})
		}
	}
}

// Only a person's account may write where the bot may not, and not to somebody who has blocked the bot.
func TestWhereTheBotMayNotWrite(t *testing.T) {
	for reason, helps := range map[delivery.Reason]bool{
		delivery.ReasonNeverStarted: true, delivery.ReasonChatNotFound: true, delivery.ReasonNoRights: true,
		delivery.ReasonBlockedByUser: false, delivery.ReasonDeactivated: false, delivery.ReasonKicked: false,
	} {
		for _, lane := range lanes {
			t.Run(string(reason)+" "+string(lane), func(t *testing.T) {
				inBubble(t, func(r *rig) {
					bot, person := r.fallback()
					r.tg.fault = func(call) fault { return fault{err: stranger(reason)} }
					r.run()
					r.accept(message(lane, 1000, "a"))
					r.pass(5 * time.Second)
					if helps && (lane == delivery.LaneCode || lane == delivery.LaneDirect) {
						r.mustGo("a", "user", time.Second)
						if len(r.failures["a"]) != 0 {
							r.Error("the chat was reported as refusing everything")
						}
					} else {
						r.mustEnd("a", delivery.StatusFailed, reason)
						if len(person.arrived()) != 0 {
							r.Error("the person's account wrote")
						}
					}
					if len(bot.arrived()) != 0 {
						r.Error("the bot's other way was tried, which may write no more than the bot")
					}
				})
			})
		}
	}
}

// A refusal because of the message itself, or a short flood wait, does not use a fallback.
func TestOtherErrorsTakeNoOtherWay(t *testing.T) {
	for name, e := range map[string]*delivery.SendError{"message": refusedMessage(), "short flood": flood(3 * time.Second)} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				bot, person := r.fallback()
				r.tg.fault = first(1, fault{err: e})
				r.run()
				r.accept(message(delivery.LaneCode, 1000, "a"))
				r.pass(20 * time.Second)
				if n := len(bot.arrived()) + len(person.arrived()); n != 0 {
					r.Errorf("%d took the other way", n)
				}
			})
		})
	}
}

// If a route fails, the next one is tried, and the failed one rests as long as it asks.
func TestAFailingWayIsPassedOver(t *testing.T) {
	for name, e := range map[string]*delivery.SendError{
		"flood": flood(time.Minute), "revoked": notConnected(), "no network": lineDown(), "no answer": noAnswer(),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				bot, _ := r.fallback()
				bot.fault = func(call) fault { return fault{err: e} }
				r.tg.fault = func(call) fault { return fault{err: lineDown()} }
				r.run()
				for i := range 20 {
					r.accept(message(delivery.LaneCode, 1000+int64(i), fmt.Sprint(i)))
					r.pass(time.Second)
					r.mustGo(fmt.Sprint(i), "user", 500*time.Millisecond)
				}
				asked := len(bot.arrived())
				if most := map[string]int{"flood": 1, "revoked": 1, "no network": 12, "no answer": 12}[name]; asked > most {
					r.Errorf("a way that fails was asked %d times in 20 s, at most %d", asked, most)
				}
			})
		})
	}
}

// A route that is not up costs no time.
func TestAWayThatIsDownIsNotAsked(t *testing.T) {
	inBubble(t, func(r *rig) {
		bot, person := r.fallback()
		r.routes[0].Up = func() bool { return false }
		r.reopen()
		r.tg.fault = func(call) fault { return fault{hang: true} }
		bot.fault = func(call) fault { return fault{hang: true} }
		r.run()
		r.accept(message(delivery.LaneCode, 1000, "a"))
		r.pass(10 * time.Second)
		r.mustGo("a", "user", 3200*time.Millisecond)
		if len(bot.arrived()) != 0 || len(person.arrived()) != 1 {
			r.Errorf("%d and %d were sent, want none and one", len(bot.arrived()), len(person.arrived()))
		}
	})
}

// Without a route that is up, a hanging Bot API gets its normal time.
func TestWithoutAnotherWayNothingChanges(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.fallback()
		for i := range r.routes {
			r.routes[i].Up = func() bool { return false }
		}
		r.reopen()
		r.tg.fault = first(1, fault{hang: true})
		r.run()
		began := time.Now()
		r.accept(message(delivery.LaneCode, 1000, "a"))
		r.drain(time.Minute)
		if at := r.tg.arrived()[1].at.Sub(began); at < 8*time.Second {
			r.Errorf("the bot was asked again after %v", at)
		}
		r.mustGo("a", "bot", time.Minute)
	})
}

// If no route helps, the message waits, takes the first route that opens, and lists at its end what was tried.
func TestWhereNoWayHelps(t *testing.T) {
	inBubble(t, func(r *rig) {
		bot, person := r.fallback()
		open := false
		person.fault = func(call) fault {
			if open {
				return fault{}
			}
			return fault{err: flood(10 * time.Second)}
		}
		bot.fault = func(call) fault { return fault{err: notConnected()} }
		r.tg.fault = func(call) fault { return fault{err: lineDown()} }
		r.run()
		r.accept(expiringIn(15*time.Second, message(delivery.LaneCode, 1000, "lost")))
		r.pass(16 * time.Second)
		r.mustEnd("lost", delivery.StatusExpired, delivery.ReasonUnreachable)
		detail := r.message("lost").Failure.Detail
		for _, want := range []string{"Telegram cannot be reached.", "bot-mtproto", "The login of this Telegram account was ended.", "user", "Telegram asks for quiet."} {
			if !strings.Contains(detail, want) {
				r.Errorf("the failure does not say %q: %s", want, detail)
			}
		}
		r.accept(message(delivery.LaneCode, 1001, "a"))
		r.pass(time.Second)
		person.change(func() { open = true })
		r.pass(20 * time.Second)
		r.mustGo("a", "user", 15*time.Second)
	})
}

// If a route may not write to a user, only that message skips it: others still use it.
func TestAWayThatRefusesAPersonServesOthers(t *testing.T) {
	inBubble(t, func(r *rig) {
		bot, person := r.fallback()
		bot.fault = func(call) fault { return fault{err: lineDown()} }
		person.fault = func(c call) fault {
			if c.chat == 1000 {
				return fault{err: stranger(delivery.ReasonChatNotFound)}
			}
			return fault{}
		}
		r.tg.fault = func(call) fault { return fault{err: lineDown()} }
		r.run()
		r.accept(expiringIn(30*time.Second, message(delivery.LaneCode, 1000, "a")))
		r.pass(5 * time.Second)
		r.accept(message(delivery.LaneCode, 1001, "b"))
		r.pass(time.Minute)
		r.mustEnd("a", delivery.StatusExpired, delivery.ReasonUnreachable)
		r.mustGo("b", "user", 3*time.Second)
		if n := len(person.to(1000)); n != 1 {
			r.Errorf("the person's account was asked %d times for somebody it may not write to", n)
		}
	})
}

// A code that is canceled while the bot hangs does not go by a fallback.
func TestACanceledCodeTakesNoOtherWay(t *testing.T) {
	inBubble(t, func(r *rig) {
		bot, person := r.fallback()
		r.tg.fault = func(call) fault { return fault{hang: true} }
		r.run()
		r.accept(message(delivery.LaneCode, 1000, "a"))
		r.pass(time.Second)
		r.cancelMessage("a")
		r.pass(10 * time.Second)
		r.mustHaveStatus("a", delivery.StatusCanceled)
		if n := len(bot.arrived()) + len(person.arrived()); n != 0 {
			r.Errorf("%d took the other way", n)
		}
	})
}

func (r *rig) mustHaveStatus(id string, status delivery.Status) {
	r.Helper()
	if got := r.message(id).Status; got != status {
		r.Errorf("%s is %s, want %s", id, got, status)
	}
}

// Each part of a long message goes by an open route, in order, and after a restart it resumes after the accepted parts.
func TestALongMessageOverTwoWaysAndARestart(t *testing.T) {
	inBubble(t, func(r *rig) {
		bot, _ := r.fallback()
		r.tg.fault = func(c call) fault {
			if c.n == 0 {
				return fault{}
			}
			return fault{err: lineDown()}
		}
		bot.fault = first(1, fault{hang: true})
		r.routes = r.routes[:1]
		r.reopen()
		r.run()
		r.accept(parts(delivery.LaneCode, 1000, "a", "one", "two", "three"))
		r.pass(2 * time.Second)
		r.crash()
		r.restart()
		r.drain(time.Minute)
		r.mustGo("a", "bot-mtproto", time.Minute)
		if got := fmt.Sprint(texts(r.tg.arrived())[0], texts(bot.arrived())); got != "one[two two three]" {
			r.Errorf("sent: %s", got)
		}
	})
}

// Many codes over a slow route: no flood, and nothing of the queue is lost.
func TestTheOtherWayIsNotOverrun(t *testing.T) {
	inBubble(t, func(r *rig) {
		_, person := r.fallback()
		r.routes = r.routes[1:]
		r.reopen()
		person.latency = time.Second
		r.tg.fault = func(call) fault { return fault{err: lineDown()} }
		r.run()
		r.accept(message(delivery.LaneCode, 999, "first"))
		r.pass(3 * time.Second)
		r.accept(series(delivery.LaneCode, 1000, 60)...)
		r.drain(time.Minute)
		if person.most > 9 { // and the one that asks the bot
			r.Errorf("%d were on their way at once", person.most)
		}
	})
}

// Where broadcasts have a pace of their own, nothing else is held up by it.
func TestBroadcastsWithAPaceOfTheirOwn(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.limits = map[int64]delivery.Limits{botID: {BotPerSecond: 1, ChatPerSecond: 1, GroupPerMinute: 1, BroadcastPerSecond: 0.1}}
		r.reopen()
		r.run()
		r.accept(series(delivery.LaneBroadcast, 1000, 6)...)
		began := time.Now()
		r.pass(15 * time.Second)
		r.accept(message(delivery.LaneCode, 2000, "code"))
		r.pass(1100 * time.Millisecond)
		r.mustGo("code", "bot", 1100*time.Millisecond)
		r.drain(2 * time.Minute)
		if took := r.tg.lastTaken(began); took < 49*time.Second || took > 52*time.Second {
			r.Errorf("six broadcasts, one in ten seconds, took %v", took)
		}
	})
}

// A direct message whose time is in danger goes past one of its chat that lives longer and that the bot cannot send.
func TestADirectMessageInDangerPassesALongerLivedOne(t *testing.T) {
	for name, trouble := range troubles {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.fallback()
				r.tg.fault = func(call) fault { return trouble.fault }
				r.run()
				r.accept(expiringIn(40*time.Minute, message(delivery.LaneDirect, 1000, "long")))
				r.accept(expiringIn(4*time.Minute, message(delivery.LaneDirect, 1000, "short")))
				r.pass(4 * time.Minute)
				r.mustGo("short", "bot-mtproto", 4*time.Minute)
				r.mustHaveStatus("long", delivery.StatusQueued)
				r.accept(expiringIn(20*time.Second, message(delivery.LaneDirect, 1000, "shortest")))
				r.pass(21 * time.Second)
				r.mustGo("shortest", "bot-mtproto", 20*time.Second)
			})
		})
	}
}

// If no way is open either, the failure of the message before it is the reason.
func TestAMessageThatExpiresBehindAnotherSaysWhatFailed(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.tg.fault = func(call) fault { return fault{err: serverError()} }
		r.run()
		r.accept(expiringIn(40*time.Minute, message(delivery.LaneDirect, 1000, "long")))
		r.accept(expiringIn(time.Minute, message(delivery.LaneDirect, 1000, "short")))
		r.pass(2 * time.Minute)
		r.mustEnd("short", delivery.StatusExpired, delivery.ReasonUnreachable)
	})
}
