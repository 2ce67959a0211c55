//go:build !nomtproto

package userclient_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"telegate/delivery"
	"telegate/userclient"
	"telegate/userclient/datacenter"
)

// A line that carries nothing more and closes nothing is noticed by the first call, and replaced. Meanwhile the account does not
// count as connected.
func TestASilentLineIsReplaced(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.met(alice.ID, alice.Username)
	line := datacenter.StartLine(t, r.tel)
	c := r.user(func(o *userclient.Options) {
		o.Servers = line.Servers
		o.TestLineAfter(200*time.Millisecond, 2*time.Second)
	})
	c.must(code(alice.ID, "msg_1"))
	line.Silence(false)
	began := time.Now()
	failed := make(chan *delivery.SendError, 1)
	go func() { failed <- c.send(code(alice.ID, "msg_2")) }()
	r.log.await(t, "testing the connection")
	if s := c.Status(); s.State != userclient.StateConnecting || s.Detail == "" {
		t.Errorf("while the line is tested: %+v", s)
	}
	if e := await(t, failed); e == nil || !e.Unknown || e.Class != delivery.Transient {
		t.Errorf("the call that got no answer: %v", e)
	}
	c.must(code(alice.ID, "msg_2")) // waits for the new connection
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("noticed after %v", took)
	}
	if n := len(r.tel.Sent()); n != 2 {
		t.Errorf("%d messages", n)
	}
	if s := c.Status(); s.State != userclient.StateConnected {
		t.Errorf("afterwards: %+v", s)
	}
}

// A slow answer alone is no reason to connect again: Telegram still answers pings.
func TestASlowAnswerKeepsTheLine(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.met(alice.ID, alice.Username)
	c := r.user(func(o *userclient.Options) { o.TestLineAfter(50*time.Millisecond, time.Minute) })
	r.tel.Swallow("messages.sendMessage", false)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	to, part := code(alice.ID, "msg_1")
	var e *delivery.SendError
	if err := c.Send(ctx, to, part); !errors.As(err, &e) || !e.Unknown {
		t.Fatalf("send: %v", err)
	}
	c.must(to, part)
	if n := len(c.connected); n != 0 {
		t.Errorf("connected %d times more", n)
	}
	if s := c.Status(); s.State != userclient.StateConnected {
		t.Errorf("state %+v", s)
	}
}

// While no new connection works either, sends fail fast, so that messages take another route.
func TestOverASilentLineSendsFailFast(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.met(alice.ID, alice.Username)
	line := datacenter.StartLine(t, r.tel)
	c := r.user(func(o *userclient.Options) {
		o.Servers = line.Servers
		o.TestLineAfter(100*time.Millisecond, time.Second)
	})
	c.must(code(alice.ID, "msg_1"))
	line.Silence(true)
	if e := c.send(code(alice.ID, "msg_2")); e == nil || !e.Unknown {
		t.Fatalf("the first send: %v", e)
	}
	began := time.Now()
	if e := c.send(code(alice.ID, "msg_3")); e == nil || e.Unknown || !e.Network {
		t.Fatalf("the next send: %v", e)
	} else if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it failed after %v", took)
	}
	if s := c.Status(); s.State != userclient.StateConnecting || s.Detail == "" {
		t.Errorf("state %+v", s)
	}
	line.Restore()
}
