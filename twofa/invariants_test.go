package twofa_test

import (
	"crypto/sha512"
	"errors"
	"testing"
	"time"

	"telegate/internal/servicetest"
	"telegate/linking"
	"telegate/twofa"
)

// FuzzNoOrderOfEventsBreaksTheRules plays sign-ins in any order and checks after each event what must hold always:
//   - at most one transition out of pending, and never another;
//   - approved is answered once;
//   - nothing is counted beyond five attempts, and attempts never become fewer;
//   - the expiry never moves and is at most 600 s away;
//   - the link's failures grow by one with each wrong answer, are cleared by an approval, and by nothing else.
func FuzzNoOrderOfEventsBreaksTheRules(f *testing.F) {
	if testing.Short() {
		f.Skip("long: random orders")
	}
	for i := range byte(8) {
		sum := sha512.Sum512([]byte{i})
		f.Add(sum[:])
	}
	f.Fuzz(func(t *testing.T, events []byte) {
		w := newWorld(t)
		w.link("", "alice", alicesChat)
		g := &game{world: w, approvals: map[string]int{}}
		for _, event := range events[:min(len(events), 100)] {
			before := g.state
			what := g.play(event)
			g.look()
			g.judge(what, before, g.state)
			if t.Failed() {
				return
			}
		}
	})
}

type game struct {
	*world
	list      []twofa.Verification // as they were created
	approvals map[string]int
	state     gameState // after the last event
}

type gameState struct {
	list     []twofa.Verification
	failures int
}

func (g *game) look() {
	g.state = gameState{failures: g.factor("", "alice").Failures}
	for _, v := range g.list {
		g.state.list = append(g.state.list, g.get(v))
	}
}

// play makes one event happen and names it. Events that end everything are rare, so that there is something to end.
func (g *game) play(event byte) string {
	kind, choice := event%32, int(event/32)
	if len(g.list) == 0 || kind < 7 {
		return g.begin(kind)
	}
	v := g.pick(choice)
	ctx := g.T.Context()
	switch kind {
	default:
		return g.try(v, servicetest.OtherCode(g.codeOf(v)), session("alice"))
	case 18, 19:
		return g.try(v, g.codeOf(v), "another session")
	case 20:
		return g.try(v, g.codeOf(g.list[0]), session("alice"))
	case 21, 22:
		return g.try(v, g.codeOf(v), session("alice"))
	case 23, 24:
		_, err := g.codes.Resend(ctx, v.ID)
		return g.expect("resend", err, twofa.ErrFinished, twofa.ErrSendsExhausted)
	case 25:
		_, err := g.codes.Cancel(ctx, v.ID)
		return g.expect("cancel", err, twofa.ErrFinished)
	case 26:
		err := g.codes.NotMe(ctx, botID, alicesChat, v.ID)
		g.Clock.Advance(twofa.CoolingOff - 4*time.Minute)
		return g.expect("not me", err, twofa.ErrStale)
	case 27:
		return g.expect("undeliverable", g.codes.FailUndeliverable(ctx, v.MessageID))
	case 28:
		g.domains.setOff("", true)
		_, err := g.codes.ApplyPolicy(ctx, []string{""})
		g.domains.setOff("", false)
		return g.expect("msg2factor off and on", err)
	case 29:
		err := g.links.ChatBlocked(ctx, botID, alicesChat)
		return g.expect("block and unblock", errors.Join(err,
			g.links.ChatStarted(ctx, linking.Chat{BotID: botID, ID: alicesChat, Type: "private"})))
	case 30, 31:
		g.Clock.Advance([]time.Duration{time.Second, 30 * time.Second, time.Minute, 6 * time.Minute}[choice%4])
		return "time goes by"
	}
}

// pick chooses a verification: mostly one that is pending, if there is one.
func (g *game) pick(choice int) twofa.Verification {
	for i, v := range g.state.list {
		if choice%4 != 0 && v.Status == twofa.Pending {
			return g.list[i]
		}
	}
	return g.list[choice%len(g.list)]
}

func (g *game) begin(kind byte) string {
	r := login("alice")
	if kind == 0 {
		r.Purpose = twofa.Confirm
	}
	v, err := g.codes.Create(g.T.Context(), r)
	if err != nil {
		g.Clock.Advance(2 * time.Minute)
		return g.expect("create", err)
	}
	g.list = append(g.list, v)
	return "create"
}

func (g *game) try(v twofa.Verification, code, session string) string {
	right := code == g.codeOf(v) && session == "browser session of alice"
	o, err := g.codes.Check(g.T.Context(), v.ID, code, session)
	if o.Approved() {
		g.approvals[v.ID]++
		if !right {
			g.T.Error("something else than the right code in its own session is approved")
		}
	}
	return g.expect("check: "+string(o.Result), err)
}

// codeOf is the code sent last, or a guess where the message is wiped already.
func (g *game) codeOf(v twofa.Verification) string {
	if m, err := g.DB.Load(g.T.Context(), g.get(v).MessageID); err == nil && len(m.Body.Parts) > 0 {
		return servicetest.FirstCode(g.T, m.Body)
	}
	return "123456"
}

// expect lets only the named errors and waits pass.
func (g *game) expect(what string, err error, harmless ...error) string {
	g.T.Helper()
	var (
		wait        *twofa.WaitError
		unavailable *twofa.UnavailableError
		busy        *twofa.InProgressError
	)
	if err == nil || errors.As(err, &wait) || errors.As(err, &unavailable) || errors.As(err, &busy) {
		return what
	}
	for _, h := range harmless {
		if errors.Is(err, h) {
			return what
		}
	}
	g.T.Errorf("%s: %v", what, err)
	return what
}

func (g *game) judge(what string, before, after gameState) {
	g.T.Helper()
	attempts, approved := 0, false
	for i, was := range before.list {
		is := after.list[i]
		if was.Status != twofa.Pending && (is.Status != was.Status || is.Reason != was.Reason || is.Attempts != was.Attempts) {
			g.T.Errorf("%s: what had ended as %s %q is %s %q", what, was.Status, was.Reason, is.Status, is.Reason)
		}
		if is.Attempts < was.Attempts || is.Attempts > twofa.MaxAttempts {
			g.T.Errorf("%s: attempts went from %d to %d", what, was.Attempts, is.Attempts)
		}
		if !is.Expires.Equal(g.list[i].Expires) || is.Expires.Sub(is.Created) > 600*time.Second {
			g.T.Errorf("%s: the expiry has moved to %v", what, is.Expires)
		}
		if n := g.approvals[is.ID]; n > 1 || (n == 1) != (is.Status == twofa.Approved) {
			g.T.Errorf("%s: approved %d times and is %s", what, n, is.Status)
		}
		attempts += is.Attempts - was.Attempts
		approved = approved || is.Status == twofa.Approved && was.Status == twofa.Pending
	}
	want := before.failures + attempts
	if approved {
		want = 0
	}
	if after.failures != want {
		g.T.Errorf("%s: failures went from %d to %d, want %d", what, before.failures, after.failures, want)
	}
}
