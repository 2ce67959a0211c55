//go:build !nomtproto

package userclient_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"telegate/userclient"
)

// With a wrong clock the account connects all the same, by Telegram's time, whether the library refuses Telegram's messages or Telegram
// those of the library (31 s to 5 min ahead). The log and the status say that the clock is wrong, and by how much.
func TestAWrongClockIsCorrectedAndSaid(t *testing.T) {
	t.Parallel()
	for wrong, said := range map[time.Duration]string{
		-40 * time.Second: "40s behind Telegram's", -2 * time.Hour: "2h0m0s behind Telegram's",
		35 * time.Second: "35s ahead of Telegram's", 2 * time.Minute: "2m0s ahead of Telegram's", 295 * time.Second: "ahead of Telegram's",
		6 * time.Minute: "6m0s ahead of Telegram's", 40 * 365 * 24 * time.Hour: "ahead of Telegram's",
	} {
		t.Run(fmt.Sprint(wrong), func(t *testing.T) {
			r := newRig(t)
			r.met(alice.ID, alice.Username)
			c := r.user(func(o *userclient.Options) { o.SetClock(func() time.Time { return time.Now().Add(wrong) }) })
			c.must(code(alice.ID, "msg_1"))
			r.log.await(t, "The clock of this machine is wrong")
			if text := r.log.text(); !strings.Contains(text, said) {
				t.Errorf("the log does not say %q", said)
			}
			if s := c.Status(); s.State != userclient.StateConnected || !strings.Contains(s.Detail, said) || !strings.Contains(s.Detail, "NTP") {
				t.Errorf("the status does not say %q: %+v", said, s)
			}
		})
	}
}

// A clock that changes while the account is connected is corrected too. What was being sent arrives once, and when the clock is
// right again the status no longer blames it.
func TestAClockThatJumpsWhileConnectedIsCorrected(t *testing.T) {
	t.Parallel()
	for _, jump := range []time.Duration{2 * time.Minute, -10 * time.Minute} {
		t.Run(fmt.Sprint(jump), func(t *testing.T) {
			r := newRig(t)
			r.met(alice.ID, alice.Username)
			var wrong atomic.Int64
			c := r.user(func(o *userclient.Options) {
				o.SetClock(func() time.Time { return time.Now().Add(time.Duration(wrong.Load())) })
			})
			c.must(code(alice.ID, "msg_1"))
			if s := c.Status(); s.Detail != "" {
				t.Errorf("with a right clock: %+v", s)
			}
			for n, now := range []time.Duration{jump, 0} {
				wrong.Store(int64(now))
				to, part := code(alice.ID, fmt.Sprint("msg_jump_", n))
				for tries := 0; c.send(to, part) != nil; tries++ { // the connection begins anew; delivery tries again, too
					if tries == 10 {
						t.Fatalf("nothing can be sent after a jump to %v: %+v", now, c.Status())
					}
					r.log.await(t, "restarting the Telegram session")
				}
				if s := c.Status(); strings.Contains(s.Detail, "clock") != (now != 0) {
					t.Errorf("with a clock wrong by %v: %+v", now, s)
				}
			}
			if n := len(r.tel.Sent()); n != 3 {
				t.Errorf("%d messages have arrived, want 3", n)
			}
		})
	}
}

// A clock that Telegram accepts is left alone.
func TestASmallDifferenceIsNoWrongClock(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.user(func(o *userclient.Options) { o.SetClock(func() time.Time { return time.Now().Add(-5 * time.Second) }) })
	if s := c.Status(); s.Detail != "" {
		t.Errorf("the status blames the clock: %+v", s)
	}
	c.stop()
	if strings.Contains(r.log.text(), "clock of this machine") {
		t.Error("the log blames the clock")
	}
}

// A session is checked, and so signed in and shown, with a wrong clock too.
func TestASessionIsVerifiedDespiteAWrongClock(t *testing.T) {
	t.Parallel()
	for _, wrong := range []time.Duration{-time.Hour, 2 * time.Minute} {
		t.Run(fmt.Sprint(wrong), func(t *testing.T) {
			r := newRig(t)
			session := r.session(carol)
			app := r.app()
			app.SetClock(func() time.Time { return time.Now().Add(wrong) })
			if p, err := userclient.Verify(t.Context(), app, session); err != nil || p.ID != carol.ID {
				t.Errorf("%v, %v", p, err)
			}
		})
	}
}

// If Telegram goes on refusing messages because of their time, the account is not connected, and the state names the clock.
func TestMessagesRefusedByTheirTimeNameTheClock(t *testing.T) {
	t.Parallel()
	for _, bad := range []int{16, 17} {
		t.Run(fmt.Sprint(bad), func(t *testing.T) {
			r := newRig(t)
			r.met(alice.ID, alice.Username)
			c := r.user()
			c.must(code(alice.ID, "msg_1"))
			r.tel.RefuseMessages("messages.sendMessage", bad, 1000)
			r.tel.RefuseMessages("users.getUsers", bad, 1000)
			e := c.send(code(alice.ID, "msg_2"))
			if e == nil || e.Unknown || !strings.Contains(e.Failure.Detail, "clock") {
				t.Fatalf("send: %v %+v", e, e)
			}
			r.log.await(t, "Telegram session is not connected")
			if s := c.Status(); s.State != userclient.StateConnecting || !strings.Contains(s.Detail, "clock") {
				t.Errorf("state: %+v", s)
			}
		})
	}
}
