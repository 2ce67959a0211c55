package delivery_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"telegate/delivery"
)

// A code does not sit out a long flood wait: it goes by a fallback at once, first by the bot's own, and so do later codes to
// the chat, or to any chat if the whole bot must wait.
func TestACodeDoesNotSitOutALongPause(t *testing.T) {
	for name, paused := range map[string]int64{"the chat": 1000, "the bot": 3000} {
		for _, wait := range []time.Duration{4 * time.Second, time.Minute, 400 * time.Second} {
			t.Run(fmt.Sprint(name, " ", wait), func(t *testing.T) {
				inBubble(t, func(r *rig) {
					bot, _ := r.fallback()
					r.tg.fault = first(2, fault{err: flood(wait)})
					r.run()
					r.accept(message(delivery.LaneCode, 1000, "first"))
					r.pass(200 * time.Millisecond)
					r.mustGo("first", "bot-mtproto", 200*time.Millisecond)
					if paused != 1000 {
						r.accept(message(delivery.LaneAlert, 2000, "second flood"))
						r.pass(200 * time.Millisecond)
					}
					r.accept(message(delivery.LaneCode, paused, "next"))
					r.pass(500 * time.Millisecond)
					r.mustGo("next", "bot-mtproto", 200*time.Millisecond)
					if n := len(bot.arrived()); n != 2 {
						r.Errorf("%d messages by the fallback, want 2", n)
					}
				})
			})
		}
	}
}

// The pause counts from the moment Telegram asks for it, also while the code that met it is still on its way by a fallback.
func TestWhileACodeTakesTheOtherWayTheBotPausesAlready(t *testing.T) {
	inBubble(t, func(r *rig) {
		bot, person := r.fallback()
		bot.latency, person.latency = 2*time.Second, 2*time.Second
		r.tg.fault = first(1, fault{err: flood(30 * time.Second)})
		r.run()
		r.accept(message(delivery.LaneCode, 1000, "code"))
		r.pass(100 * time.Millisecond)
		r.accept(message(delivery.LaneDirect, 1000, "direct"))
		r.pass(1500 * time.Millisecond)
		if n := len(r.tg.arrived()); n != 1 {
			r.Errorf("%d sends by the bot, want only the one that met the pause", n)
		}
		r.pass(25 * time.Second)
		r.mustGo("code", "bot-mtproto", 3*time.Second)
		r.mustHaveStatus("direct", delivery.StatusQueued)
		r.pass(10 * time.Second)
		r.mustGo("direct", "bot", 35*time.Second)
	})
}

// Only codes leave a paused bot, and the bot takes over when the pause is over.
func TestOtherMessagesSitOutAPause(t *testing.T) {
	inBubble(t, func(r *rig) {
		bot, person := r.fallback()
		r.tg.fault = first(1, fault{err: flood(time.Minute)})
		r.run()
		r.accept(message(delivery.LaneDirect, 1000, "direct"))
		r.pass(59 * time.Second)
		r.mustHaveStatus("direct", delivery.StatusQueued)
		r.pass(5 * time.Second)
		r.mustGo("direct", "bot", 62*time.Second)
		r.accept(message(delivery.LaneCode, 1000, "code"))
		r.pass(2 * time.Second)
		r.mustGo("code", "bot", 2*time.Second)
		if n := len(bot.arrived()) + len(person.arrived()); n != 0 {
			r.Errorf("%d took the other way", n)
		}
	})
}

// During a pause a code takes the account of a person if the bot's own fallback fails, and the first one that comes up.
func TestDuringAPauseACodeTakesTheWayThatOpens(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.fallback()
		var up atomic.Bool
		r.routes[0].Up = func() bool { return false }
		r.routes[1].Up = up.Load
		r.reopen()
		r.tg.fault = first(1, fault{err: flood(time.Hour)})
		r.run()
		r.accept(expiringIn(5*time.Minute, message(delivery.LaneCode, 1000, "a")))
		r.pass(30 * time.Second)
		r.mustHaveStatus("a", delivery.StatusQueued) // a fallback may still come up
		up.Store(true)
		r.pass(2 * time.Second)
		r.mustGo("a", "user", 32*time.Second)
	})
}

// Without a fallback a code that the pause outlasts fails at once, with the reason; one that lives longer waits.
func TestACodeThatAPauseOutlastsFailsAtOnce(t *testing.T) {
	for name, ttl := range map[string]time.Duration{"outlasted": 5 * time.Minute, "long": 10 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.tg.fault = first(2, fault{err: flood(400 * time.Second)})
				r.run()
				r.accept(expiringIn(ttl, message(delivery.LaneCode, 1000, "asked")))
				r.pass(time.Second)
				r.accept(expiringIn(ttl, message(delivery.LaneCode, 1000, "same chat")))
				r.accept(message(delivery.LaneAlert, 2000, "second flood"))
				r.pass(time.Second)
				r.accept(expiringIn(ttl, message(delivery.LaneCode, 3000, "other chat")))
				r.pass(time.Second)
				for _, id := range []string{"asked", "same chat", "other chat"} {
					if name == "long" {
						r.mustHaveStatus(id, delivery.StatusQueued)
						continue
					}
					r.mustEnd(id, delivery.StatusFailed, delivery.ReasonLimited)
					if m := r.message(id); m.Ended.Sub(m.Created) > 2*time.Second || m.Failure.Detail == "" {
						r.Errorf("%s ended after %v: %+v", id, m.Ended.Sub(m.Created), m.Failure)
					}
				}
				r.drain(10 * time.Minute)
				if name == "long" {
					for _, id := range []string{"asked", "same chat", "other chat"} {
						r.mustEnd(id, delivery.StatusDelivered, "")
					}
				}
			})
		})
	}
}

// The failure names what refused the code too.
func TestACodeThatEveryWayRefusesSaysSo(t *testing.T) {
	inBubble(t, func(r *rig) {
		bot, person := r.fallback()
		refuse := func(call) fault { return fault{err: stranger(delivery.ReasonChatNotFound)} }
		bot.fault, person.fault = refuse, refuse
		r.tg.fault = first(1, fault{err: flood(time.Hour)})
		r.run()
		r.accept(expiringIn(5*time.Minute, message(delivery.LaneCode, 1000, "a")))
		r.pass(2 * time.Second)
		r.mustEnd("a", delivery.StatusFailed, delivery.ReasonLimited)
		for _, want := range []string{"bot-mtproto", "user"} {
			if detail := r.message("a").Failure.Detail; !strings.Contains(detail, want) {
				r.Errorf("the failure does not name %s: %s", want, detail)
			}
		}
	})
}

// A restart keeps the pause, and codes do not sit it out after it either.
func TestAfterARestartACodeDoesNotSitOutThePause(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.fallback()
		r.tg.fault = first(1, fault{err: flood(time.Hour)})
		r.run()
		r.accept(message(delivery.LaneAlert, 1000, "flooded"))
		r.pass(time.Second)
		r.stop()
		r.restart()
		r.accept(message(delivery.LaneCode, 1000, "a"))
		r.pass(5 * time.Second)
		r.mustGo("a", "bot-mtproto", 4*time.Second)
	})
}

// pauseBot has Telegram ask the whole bot to wait for an hour. Set r.tg.fault no further.
func (r *rig) pauseBot() {
	r.Helper()
	r.tg.fault = first(2, fault{err: flood(time.Hour)})
	r.run()
	for chat := range int64(2) {
		r.accept(message(delivery.LaneAlert, 100+chat, fmt.Sprint("flood ", chat)))
		r.pass(200 * time.Millisecond)
	}
}

// A way takes a few messages a second. It gets eight at a time, also when every code takes it at once.
func TestDuringAPauseTheOtherWayIsNotOverrun(t *testing.T) {
	inBubble(t, func(r *rig) {
		bot, _ := r.fallback()
		bot.latency = time.Second
		r.pauseBot()
		r.accept(series(delivery.LaneCode, 1000, 60)...)
		r.pass(20 * time.Second)
		for i := range 60 {
			r.mustGo(fmt.Sprint("code-", 1000+i), "bot-mtproto", 20*time.Second)
		}
		if bot.most != 8 {
			r.Errorf("%d were on their way at once, want 8", bot.most)
		}
	})
}

func TestACodeCanceledWhileAWayHangsTakesNoOther(t *testing.T) {
	inBubble(t, func(r *rig) {
		bot, person := r.fallback()
		bot.fault = func(call) fault { return fault{hang: true} }
		r.pauseBot()
		r.accept(message(delivery.LaneCode, 1000, "a"))
		r.pass(time.Second)
		r.cancelMessage("a")
		r.pass(10 * time.Second)
		r.mustHaveStatus("a", delivery.StatusCanceled)
		if n := len(person.arrived()); len(bot.arrived()) != 1 || n != 0 {
			r.Errorf("%d by the way that hangs and %d by the other, want one and none", len(bot.arrived()), n)
		}
	})
}

// A way that hangs is given up after 3 s if there is another, and the last one after 8 s; so is its try as plain text.
func TestAWayThatHangsLeavesTimeForTheNext(t *testing.T) {
	for name, text := range map[string]delivery.Text{"plain": delivery.Plain("a"), "formatted": delivery.Text{}.Bold("a")} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				bot, person := r.fallback()
				hang := func(c call) fault {
					if c.entities > 0 {
						return fault{err: badMarkup()}
					}
					return fault{hang: true}
				}
				bot.fault, person.fault = hang, hang
				r.pauseBot()
				m := message(delivery.LaneCode, 1000, "a")
				m.Body.Parts[0].Text = text
				r.accept(m)
				r.pass(15 * time.Second)
				began := bot.arrived()[0].at
				if second := person.arrived()[0].at.Sub(began); second < 3*time.Second || second > 3200*time.Millisecond {
					r.Errorf("the next way was tried after %v, want 3 s", second)
				}
				again := time.Hour
				for _, c := range append(bot.arrived(), person.arrived()...) {
					if after := c.at.Sub(began); after > 4*time.Second {
						again = min(again, after)
					}
				}
				if again < 11*time.Second || again > 12*time.Second {
					r.Errorf("a way was tried again after %v, want 11 s", again)
				}
			})
		})
	}
}

// A way that cannot read the formatting gets the plain text at once; one that was given plain text is not asked twice.
func TestBadMarkupGoesByTheOtherWayAsPlainTextToo(t *testing.T) {
	inBubble(t, func(r *rig) {
		bot, person := r.fallback()
		bot.fault = func(c call) fault {
			if c.entities > 0 || c.text == "plain" {
				return fault{err: badMarkup()}
			}
			return fault{}
		}
		r.pauseBot()
		formatted := message(delivery.LaneCode, 1000, "formatted")
		formatted.Body.Parts[0].Text = delivery.Text{}.Bold("formatted")
		r.accept(formatted, message(delivery.LaneCode, 1001, "plain"))
		r.pass(2 * time.Second)
		r.mustGo("formatted", "bot-mtproto", time.Second)
		r.mustGo("plain", "user", time.Second)
		if got, again, other := len(bot.with("formatted")), len(bot.with("plain")), len(person.with("formatted")); got != 2 || again != 1 || other != 0 {
			r.Errorf("the formatted one was tried %d times and %d times by the other way, the plain one %d times; want 2, none and 1", got, other, again)
		}
	})
}
