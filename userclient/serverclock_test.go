//go:build !nomtproto

package userclient_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"telegate/userclient"
)

// With a wrong clock the account connects all the same, by Telegram's time, and the log says that the clock is wrong.
func TestAWrongClockIsCorrectedAndSaid(t *testing.T) {
	t.Parallel()
	for _, wrong := range []time.Duration{-40 * time.Second, -2 * time.Hour, 6 * time.Minute, 40 * 365 * 24 * time.Hour} {
		t.Run(fmt.Sprint(wrong), func(t *testing.T) {
			r := newRig(t)
			r.met(alice.ID, alice.Username)
			c := r.user(func(o *userclient.Options) { o.SetClock(func() time.Time { return time.Now().Add(wrong) }) })
			c.must(code(alice.ID, "msg_1"))
			r.log.await(t, "The clock of this machine is wrong")
			if text := r.log.text(); strings.Contains(text, "ahead") != (wrong > 0) {
				t.Errorf("the log names the wrong direction")
			}
		})
	}
}

// A clock that Telegram accepts is left alone.
func TestASmallDifferenceIsNoWrongClock(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.user(func(o *userclient.Options) { o.SetClock(func() time.Time { return time.Now().Add(-5 * time.Second) }) })
	c.stop()
	if strings.Contains(r.log.text(), "clock of this machine") {
		t.Error("the log blames the clock")
	}
}

// A session is checked, and so signed in and shown, with a wrong clock too.
func TestASessionIsVerifiedDespiteAWrongClock(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	session := r.session(carol)
	app := r.app()
	app.SetClock(func() time.Time { return time.Now().Add(-time.Hour) })
	if p, err := userclient.Verify(t.Context(), app, session); err != nil || p.ID != carol.ID {
		t.Errorf("%v, %v", p, err)
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
