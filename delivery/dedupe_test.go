package delivery_test

import (
	"fmt"
	"testing"
	"time"

	"telegate/delivery"
)

// losses are the ways to lose the answer of a send.
var losses = map[string]fault{
	"taken, cut":      {err: noAnswer(), taken: true},
	"not taken, cut":  {err: noAnswer()},
	"taken, hang":     {hang: true, taken: true},
	"not taken, hang": {hang: true},
}

// mustBeRead checks that people can read a text once.
func (r *rig) mustBeRead(text string) {
	r.Helper()
	n := 0
	for _, c := range r.tg.with(text) {
		if c.taken {
			n++
		}
	}
	if n != 1 {
		r.Errorf("%q can be read %d times", text, n)
	}
}

// A transport that takes each part once gets a send again whose answer was lost, in every lane: nobody is skipped, and nobody
// gets a message twice.
func TestWhatARepeatCannotDoubleIsRepeated(t *testing.T) {
	for _, lane := range lanes {
		for name, loss := range losses {
			t.Run(fmt.Sprint(lane, " ", name), func(t *testing.T) {
				inBubble(t, func(r *rig) {
					r.tg.dedupes = true
					r.tg.fault = first(2, loss)
					r.run()
					r.accept(parts(lane, 1000, "a", "one", "two"))
					r.drain(3 * time.Minute)
					r.mustEnd("a", delivery.StatusDelivered, "")
					r.mustBeRead("one")
					r.mustBeRead("two")
				})
			})
		}
	}
}

// The same if the process dies before the answer.
func TestAfterACrashWhatARepeatCannotDoubleIsRepeated(t *testing.T) {
	for _, lane := range lanes {
		for name, loss := range losses {
			t.Run(fmt.Sprint(lane, " ", name), func(t *testing.T) {
				inBubble(t, func(r *rig) {
					r.tg.dedupes = true
					r.tg.latency = time.Second
					r.tg.fault = first(1, loss)
					r.run()
					r.accept(message(lane, 1000, "a"))
					r.pass(500 * time.Millisecond)
					r.crash()
					r.restart()
					r.drain(time.Minute)
					r.mustEnd("a", delivery.StatusDelivered, "")
					r.mustBeRead("a")
				})
			})
		}
	}
}

// A broadcast that expires before Telegram answers may have arrived, and says so.
func TestABroadcastThatNeverGotAnAnswerIsUnknown(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.tg.dedupes = true
		r.tg.fault = func(call) fault { return fault{err: noAnswer()} }
		r.run()
		r.accept(expiringIn(time.Minute, message(delivery.LaneBroadcast, 1000, "a")))
		r.drain(2 * time.Minute)
		r.mustEnd("a", delivery.StatusUnknown, "")
	})
}
