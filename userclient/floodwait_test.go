//go:build !nomtproto

package userclient_test

import (
	"testing"
	"time"

	"github.com/gotd/td/tgerr"

	"telegate/db/dbtest"
	"telegate/delivery"
	"telegate/userclient"
)

// Send waits out a short flood wait.
func TestAShortFloodWaitIsSatOut(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.met(alice.ID, alice.Username)
	c := r.user()
	r.tel.Fail("messages.sendMessage", tgerr.New(420, "FLOOD_WAIT_1"))
	began := time.Now()
	c.must(code(alice.ID, "msg_1"))
	if took := time.Since(began); took < time.Second {
		t.Errorf("it took %v", took)
	}
	if n := r.tel.Calls("messages.sendMessage"); n != 2 {
		t.Errorf("%d calls", n)
	}
}

// A code waits at most 3 s; then Send returns the time, so that delivery can try another route. Other messages wait longer.
// The client makes no call until the wait is over, also after a restart.
func TestALongFloodWaitIsGivenBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.met(alice.ID, alice.Username)
	c := r.user()
	r.tel.Fail("messages.sendMessage", tgerr.New(420, "FLOOD_WAIT_600"))
	began := time.Now()
	given := func(c *running) {
		t.Helper()
		for _, lane := range []delivery.Lane{delivery.LaneCode, delivery.LaneDirect} {
			e := c.send(delivery.Recipient{ChatID: alice.ID, Lane: lane, MessageID: "msg_1"}, delivery.Part{Text: delivery.Plain("hello")})
			if e == nil || e.Class != delivery.Flood || e.RetryAfter < 500*time.Second || e.RetryAfter > 600*time.Second || e.Unknown {
				t.Errorf("%s: %+v", lane, e)
			}
		}
	}
	given(c)
	if s := c.Status(); s.State != userclient.StateFloodWait || s.Until.Before(began.Add(600*time.Second)) || s.Detail == "" {
		t.Errorf("status %+v", s)
	}
	c.stop()
	c = r.start(func(*userclient.Options) {})
	await(t, c.connected)
	given(c)
	if s := c.Status(); s.State != userclient.StateFloodWait {
		t.Errorf("after a restart: %+v", s)
	}
	if n := r.tel.Calls("messages.sendMessage"); n != 1 {
		t.Errorf("%d calls", n)
	}
}

// A wait of 5 s is too long for a code and short enough for anything else.
func TestPatienceGoesByLane(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it waits as long as a code waits")
	}
	r := newRig(t)
	r.met(alice.ID, alice.Username)
	c := r.user()
	r.tel.Fail("messages.sendMessage", tgerr.New(420, "FLOOD_PREMIUM_WAIT_5"))
	if e := c.send(code(alice.ID, "msg_1")); e == nil || e.Class != delivery.Flood {
		t.Errorf("a code: %v", e)
	}
	c.must(delivery.Recipient{ChatID: alice.ID, Lane: delivery.LaneDirect, MessageID: "msg_2"}, delivery.Part{Text: delivery.Plain("hello")})
}

// The limit of a code's wait is for all its calls together: two short waits can be too long.
func TestPatienceIsForTheWholeSend(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it waits as long as a code waits")
	}
	r := newRig(t)
	r.met(alice.ID, alice.Username)
	c := r.user()
	for _, method := range []string{"contacts.resolveUsername", "messages.sendMessage"} {
		r.tel.Fail(method, tgerr.New(420, "FLOOD_WAIT_2"))
	}
	if e := c.send(code(alice.ID, "msg_1")); e == nil || e.Class != delivery.Flood || e.RetryAfter > 2*time.Second {
		t.Errorf("a code: %+v", e)
	}
}

// Setting the clock back while telegate is down makes no wait longer than Telegram asked for.
func TestAClockSetBackMakesNoWaitLonger(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.met(alice.ID, alice.Username)
	clock := dbtest.NewClock()
	r.now = clock.Now
	c := r.user()
	r.tel.Fail("messages.sendMessage", tgerr.New(420, "FLOOD_WAIT_600"))
	if e := c.send(code(alice.ID, "msg_1")); e == nil || e.RetryAfter != 10*time.Minute {
		t.Errorf("before: %+v", e)
	}
	c.stop()
	if err := r.db.Close(); err != nil {
		t.Fatal(err)
	}
	clock.Advance(-24 * time.Hour)
	c = r.start(func(o *userclient.Options) { o.Store = dbtest.OpenAt(t, r.path, clock.Now, nil) })
	await(t, c.connected)
	if s := c.Status(); s.State != userclient.StateFloodWait || !s.Until.Equal(clock.Now().Add(10*time.Minute)) {
		t.Errorf("after: %+v", s)
	}
}

// A flood wait of the bot's login is stored, and the client makes no call before it is over.
func TestAFloodWaitAtLoginOutlivesARestart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tel.Fail("auth.importBotAuthorization", tgerr.New(420, "FLOOD_WAIT_940"))
	bot := func(o *userclient.Options) { o.BotToken = testToken }
	c := r.start(bot)
	r.log.await(t, "state=flood_wait")
	if s := c.Status(); s.State != userclient.StateFloodWait || time.Until(s.Until) < 900*time.Second {
		t.Errorf("status %+v", s)
	}
	if e := c.send(code(alice.ID, "msg_1")); e == nil || e.Class != delivery.Flood || e.RetryAfter < 900*time.Second {
		t.Errorf("send: %+v", e)
	}
	c.stop()
	connections := r.tel.Calls("help.getConfig")
	again := newTestLog()
	c = r.start(func(o *userclient.Options) { bot(o); o.Logger = again.logger() })
	again.await(t, "state=flood_wait")
	if s := c.Status(); s.State != userclient.StateFloodWait {
		t.Errorf("after a restart: %+v", s)
	}
	if n := r.tel.Calls("auth.importBotAuthorization"); n != 1 {
		t.Errorf("%d logins", n)
	}
	if n := r.tel.Calls("help.getConfig"); n != connections {
		t.Error("Telegram was not left alone")
	}
}

// The client also obeys a wait at the first call of a connection; the library alone would keep calling.
func TestAFloodWaitAtConnectingIsHonoured(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	session := r.session(carol).Encode()
	c := r.start(func(o *userclient.Options) { o.Session = session })
	await(t, c.connected)
	c.stop()
	for range 40 {
		r.tel.Fail("help.getConfig", tgerr.New(420, "FLOOD_WAIT_600"))
	}
	c = r.start(func(*userclient.Options) {})
	r.log.await(t, "state=flood_wait")
	if s := c.Status(); s.State != userclient.StateFloodWait || time.Until(s.Until) < 500*time.Second {
		t.Errorf("status %+v", s)
	}
}

// Messages are spaced: one a second with a burst of three.
func TestMessagesAreSpaced(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.met(alice.ID, alice.Username)
	c := r.user()
	began := time.Now()
	for _, id := range []string{"1", "2", "3", "4"} {
		c.must(code(alice.ID, "msg_"+id))
	}
	if took := time.Since(began); took < 900*time.Millisecond {
		t.Errorf("four messages in %v", took)
	}
}
