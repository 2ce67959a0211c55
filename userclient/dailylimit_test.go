//go:build !nomtproto

package userclient_test

import (
	"testing"
	"time"

	"telegate/db/dbtest"
	"telegate/delivery"
	"telegate/userclient"
)

// A clock that was ahead and is put right ends the used-up day at once, of all messages and of the broadcasts' share.
func TestADayUsedUpByAWrongClockEndsWithIt(t *testing.T) {
	t.Parallel()
	for name, ahead := range map[string]time.Duration{"a month": 31 * 24 * time.Hour, "a day": 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.met(alice.ID, alice.Username)
			clock := dbtest.NewClock()
			clock.Advance(ahead)
			r.now = clock.Now
			c := r.user(func(o *userclient.Options) { o.DailyCap, o.Broadcasts = 2, true })
			news := func(id string) *delivery.SendError {
				return c.send(delivery.Recipient{ChatID: alice.ID, Lane: delivery.LaneBroadcast, MessageID: id}, delivery.Part{Text: delivery.Plain("news")})
			}
			if e := news("bc_1"); e != nil {
				t.Fatal(e)
			}
			if e := news("bc_2"); e == nil || !e.Broadcasts {
				t.Fatalf("a broadcast beyond its share: %v", e)
			}
			c.must(code(alice.ID, "msg_1"))
			if s := c.Status(); s.State != userclient.StateUsedUp {
				t.Fatalf("after the day's messages: %+v", s)
			}
			clock.Advance(-ahead)
			if s := c.Status(); s.State != userclient.StateConnected {
				t.Errorf("after the clock was put right: %+v", s)
			}
			if e := news("bc_3"); e != nil {
				t.Errorf("a broadcast of the right day: %v", e)
			}
			c.must(code(alice.ID, "msg_2"))
			if s := c.Status(); s.State != userclient.StateUsedUp || !s.Until.Equal(clock.Now().Truncate(24*time.Hour).Add(24*time.Hour)) {
				t.Errorf("after the right day's messages: %+v", s)
			}
		})
	}
}
