package delivery_test

import (
	"fmt"
	"testing"
	"time"

	"telegate/delivery"
)

// botFailures are all ways in which the bot itself fails for a whole minute.
var botFailures = map[string]fault{
	"no network": {err: lineDown()}, "5xx": {err: serverError()}, "token": {err: badToken()}, "hanging": {hang: true},
	"answer lost": {err: noAnswer()}, "answer lost after delivery": {err: noAnswer(), taken: true},
	"never started": {err: stranger(delivery.ReasonNeverStarted)}, "blocked": {err: blocked()},
}

// routeFailures are the failures of a route; "down": it reports itself as down.
var routeFailures = map[string]fault{
	"works": {}, "down": {}, "flood": {err: flood(5 * time.Minute)}, "revoked": {err: notConnected()}, "no network": {err: lineDown()},
	"hanging": {hang: true}, "answer lost after delivery": {err: noAnswer(), taken: true}, "may not write": {err: stranger(delivery.ReasonNoRights)},
}

// Every lane meets every failure of the bot with every failure of its other way over MTProto, while the person's account works
// or fails alike: each message has one outcome and is never sent after its time, codes and direct messages arrive in it by the
// first way that works, nobody sees a message oftener than answers were lost, and alerts and broadcasts take no other way.
func TestEveryLaneWithEveryFailureOfEveryWay(t *testing.T) {
	if testing.Short() {
		t.Skip("some hundred courses")
	}
	for botName, botFault := range botFailures {
		for wayName, wayFault := range routeFailures {
			for _, rescue := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s/%s/%t", botName, wayName, rescue), func(t *testing.T) {
					inBubble(t, func(r *rig) {
						bot, person := r.fallback()
						up := func() bool { return wayName != "down" }
						bot.fault, r.routes[0].Up = func(call) fault { return wayFault }, up
						if !rescue {
							person.fault, r.routes[1].Up = bot.fault, up
						}
						r.tg.fault = func(call) fault { return botFault }
						r.reopen()
						r.run()
						for i, lane := range lanes {
							r.accept(expiringIn(time.Minute, message(lane, 1000+int64(i), string(lane))))
						}
						r.pass(90 * time.Second)
						for _, lane := range lanes {
							r.mustHold(lane, bot, person)
							if lane != delivery.LaneCode && lane != delivery.LaneDirect || botName == "blocked" {
								if len(bot.with(string(lane)))+len(person.with(string(lane))) > 0 {
									r.Errorf("%s took another way", lane)
								}
								continue
							}
							r.mustArrive(lane, botName == "never started", wayName == "works", rescue || wayName == "works")
						}
					})
				})
			}
		}
	}
}

// mustHold checks what holds of every message, whatever fails.
func (r *rig) mustHold(lane delivery.Lane, ways ...*telegram) {
	r.Helper()
	m := r.message(string(lane))
	var reason delivery.Reason
	if m.Failure != nil {
		reason = m.Failure.Reason
	}
	if !m.Status.Final() {
		r.Errorf("%s has no outcome: %s", lane, m.Status)
	}
	r.mustEnd(m.ID, m.Status, reason)
	taken, lost := 0, 0
	for _, tg := range append(ways, r.tg) {
		for _, c := range tg.with(m.ID) {
			f := fault{}
			if tg.fault != nil {
				f = tg.fault(c)
			}
			if c.taken {
				taken++
			}
			if f.taken {
				lost++
			}
			if !c.at.Before(m.Expires) {
				r.Errorf("%s was sent by %s %v after its time", lane, tg.Name(), c.at.Sub(m.Expires))
			}
		}
	}
	if taken > 1+lost || lane == delivery.LaneBroadcast && taken > 1 {
		r.Errorf("%s was seen %d times, %d answers were lost", lane, taken, lost)
	}
}

// mustArrive checks that a message went by the first route that could send it, and in time.
func (r *rig) mustArrive(lane delivery.Lane, stranger, bot, person bool) {
	r.Helper()
	limit := 10 * time.Second // the bot and its other route may both hang, for 3 s each
	if lane == delivery.LaneDirect && !stranger {
		limit = time.Minute // it waits for the bot first
	}
	switch {
	case stranger && person:
		r.mustGo(string(lane), "user", limit)
	case stranger:
		r.mustEnd(string(lane), delivery.StatusFailed, delivery.ReasonNeverStarted)
	case bot:
		r.mustGo(string(lane), "bot-mtproto", limit)
	case person:
		r.mustGo(string(lane), "user", limit)
	default:
		if m := r.message(string(lane)); m.Status != delivery.StatusExpired {
			r.Errorf("%s has ended as %s, and no way works", lane, m.Status)
		}
	}
}

// Codes do not find out one by one that the bot hangs.
func TestCodesDoNotWaitForABotThatHangs(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.fallback()
		r.tg.fault = func(call) fault { return fault{hang: true} }
		r.run()
		r.accept(message(delivery.LaneCode, 999, "first"))
		r.pass(5 * time.Second)
		r.accept(series(delivery.LaneCode, 1000, 20)...)
		r.pass(10 * time.Second)
		slow := 0
		for i := range 20 {
			id := fmt.Sprint("code-", 1000+i)
			r.mustGo(id, "bot-mtproto", 5*time.Second)
			if m := r.message(id); m.Ended.Sub(m.Created) > time.Second {
				slow++
			}
		}
		if slow > 2 {
			r.Errorf("%d of 20 codes waited for a bot that was known to hang", slow)
		}
	})
}
