package delivery_test

import (
	"context"
	"testing"
	"time"

	"telegate/delivery"
)

// mustExpect checks when something is expected to be sent, in a time from now; 0: at once, or not known.
func (r *rig) mustExpect(about delivery.Waiting, want time.Duration) {
	r.Helper()
	at := r.dispatcher.Expected(r.Context(), about)
	if at.IsZero() != (want == 0) {
		r.Errorf("%+v is expected at %v, want in %v", about, at, want)
	} else if off := at.Sub(r.now()) - want; want != 0 && off.Abs() > 100*time.Millisecond {
		r.Errorf("%+v is expected in %v, want in %v", about, at.Sub(r.now()), want)
	}
}

func aMessage(id string) delivery.Waiting  { return delivery.Waiting{MessageID: id} }
func aCodeTo(chat int64) delivery.Waiting  { return delivery.Waiting{BotID: botID, ChatID: chat} }
func (r *rig) expectNothing(ids ...string) { r.Helper(); r.mustExpectAll(0, ids...) }
func (r *rig) mustExpectAll(want time.Duration, ids ...string) {
	r.Helper()
	for _, id := range ids {
		r.mustExpect(aMessage(id), want)
	}
}

// During a pause that Telegram has asked for, telegate knows when a message goes, and a code that is not asked for yet. The pause of
// a chat concerns this chat alone.
func TestDuringAPauseItIsKnownWhenAMessageGoes(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.tg.fault = first(1, fault{err: flood(time.Minute)})
		r.run()
		r.mustExpect(aCodeTo(1000), 0)
		r.accept(message(delivery.LaneCode, 1000, "code"))
		r.pass(time.Second)
		r.accept(message(delivery.LaneAlert, 1000, "alert"))
		r.mustExpectAll(59*time.Second, "code", "alert")
		r.mustExpect(aCodeTo(1000), 59*time.Second)
		r.mustExpect(aCodeTo(2000), 0)
		r.pass(50 * time.Second)
		r.mustExpect(aMessage("code"), 9*time.Second)
		r.pass(15 * time.Second)
		r.mustEnd("code", delivery.StatusDelivered, "")
		r.expectNothing("code", "alert", "never heard of")
		r.mustExpect(aCodeTo(1000), 0)
	})
}

// A pause of the whole bot concerns every chat, and survives a restart.
func TestAPauseOfTheBotIsKnownForEveryChat(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.tg.fault = first(2, fault{err: flood(2 * time.Minute)})
		r.run()
		r.accept(message(delivery.LaneAlert, 1000, "first"))
		r.pass(time.Second)
		r.accept(message(delivery.LaneAlert, 2000, "second"))
		r.pass(time.Second)
		r.accept(message(delivery.LaneCode, 3000, "code"))
		for range 2 {
			r.mustExpect(aMessage("code"), 119*time.Second)
			r.mustExpect(aCodeTo(4000), 119*time.Second)
			r.stop()
			r.restart()
		}
	})
}

// With a fallback that is connected, a code does not wait, and a direct message is expected when it may use the fallback.
func TestWithAFallbackItIsKnownWhenAMessageMayUseIt(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.fallback()
		r.tg.fault = first(1, fault{err: flood(time.Minute)})
		r.run()
		r.accept(message(delivery.LaneAlert, 1000, "flooded"))
		r.pass(time.Second)
		r.mustExpect(aCodeTo(1000), 0)
		r.mustExpect(aMessage("flooded"), 59*time.Second)
		r.pass(time.Minute)

		r.tg.fault = func(call) fault { return fault{err: lineDown()} }
		r.accept(expiringIn(100*time.Second, message(delivery.LaneDirect, 1000, "direct")))
		r.pass(2 * time.Second)
		r.mustExpect(aCodeTo(1000), 0)
		r.mustExpect(aMessage("direct"), 73*time.Second)
		r.pass(80 * time.Second)
		r.mustEnd("direct", delivery.StatusDelivered, "")
	})
}

// Nobody knows when a network is back.
func TestAnOutagePromisesNothing(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.tg.fault = func(call) fault { return fault{err: lineDown()} }
		r.run()
		r.accept(message(delivery.LaneCode, 1000, "code"))
		r.pass(10 * time.Second)
		r.mustExpect(aMessage("code"), 0)
		r.mustExpect(aCodeTo(1000), 0)
	})
}

// resting is an account that must wait.
type resting struct {
	*telegram
	until time.Time
}

func (a resting) DelayedUntil() time.Time { return a.until }

// An account that replaces a bot says itself how long it must wait, for every chat.
func TestTheRestOfAnAccountIsKnown(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.bots[botID] = resting{r.tg, r.now().Add(5 * time.Minute)}
		r.tg.fault = func(call) fault { return fault{err: flood(time.Minute)} }
		r.run()
		r.accept(expiringIn(time.Hour, message(delivery.LaneDirect, 1000, "direct")))
		r.pass(time.Second)
		r.mustExpect(aMessage("direct"), 299*time.Second)
		r.mustExpect(aCodeTo(2000), 299*time.Second)
	})
}

// A question never hangs: before the dispatcher runs, after it has stopped, and when the caller has gone.
func TestAQuestionNeverHangs(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.accept(message(delivery.LaneAlert, 1000, "a"))
		r.mustExpect(aMessage("a"), 0)
		r.run()
		r.tg.fault = func(call) fault { return fault{err: flood(time.Minute)} }
		r.pass(time.Second)
		gone, cancel := context.WithCancel(r.Context())
		cancel()
		r.dispatcher.Expected(gone, aMessage("a"))
		r.cancel()
		if err := <-r.done; err != nil {
			r.Error(err)
		}
		r.cancel = nil
		r.accept(message(delivery.LaneAlert, 1000, "late"))
		r.mustExpectAll(0, "a", "late")
	})
}
