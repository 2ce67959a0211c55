package delivery_test

import (
	"testing"
	"time"

	"telegate/delivery"
)

// ended is the error of an account whose session cannot work again before a restart.
func ended() *delivery.SendError {
	e := notConnected()
	e.Final = true
	return e
}

// A code that an ended session cannot send fails at once, with the reason, so that the host can offer another factor. Other
// messages wait for the administrator.
func TestCodesFailAtOnceWhenTheSessionHasEnded(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.tg.fault = func(call) fault { return fault{err: ended()} }
		r.run()
		r.accept(message(delivery.LaneCode, 1000, "a"), message(delivery.LaneCode, 1001, "b"), message(delivery.LaneDirect, 1002, "direct"))
		r.pass(2 * time.Second)
		r.accept(message(delivery.LaneCode, 1000, "c"))
		r.pass(2 * time.Second)
		for _, id := range []string{"a", "b", "c"} {
			r.mustEnd(id, delivery.StatusFailed, delivery.ReasonUnauthorized)
		}
		r.mustHaveStatus("direct", delivery.StatusQueued)
		if n := len(r.tg.with("direct")); n != 1 {
			r.Errorf("the direct message was tried %d times", n)
		}
	})
}

// With a fallback, a code uses it.
func TestCodesOfAnEndedSessionUseAFallback(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.fallback()
		r.tg.fault = func(call) fault { return fault{err: ended()} }
		r.run()
		r.accept(message(delivery.LaneCode, 1000, "a"))
		r.pass(time.Second)
		r.mustGo("a", "bot-mtproto", time.Second)
	})
}

// A token that may be accepted again ends no code.
func TestCodesOutliveARefusedToken(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.tg.fault = func(call) fault { return fault{err: badToken()} }
		r.run()
		r.accept(message(delivery.LaneCode, 1000, "a"))
		r.pass(time.Second)
		r.mustHaveStatus("a", delivery.StatusQueued)
	})
}
