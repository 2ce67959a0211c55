package delivery

import (
	"testing"
	"time"
)

// The pacer by itself, to the nanosecond; what it does to messages is in pacing_test.go and flood_test.go.

var limits = Limits{BotPerSecond: 30, ChatPerSecond: 1, GroupPerMinute: 20}

func TestThePaceFallsByAFifthAndRisesAgainEveryFiveSeconds(t *testing.T) {
	now := time.Now()
	p := newPacer(limits, time.Time{})
	want := func(what string, pace float64) {
		t.Helper()
		if p.pace < pace-1e-9 || p.pace > pace+1e-9 || p.bot.interval != sendInterval(30*p.pace) {
			t.Errorf("%s: pace %v, a send each %v; want %v, each %v", what, p.pace, p.bot.interval, pace, sendInterval(30*pace))
		}
	}
	p.flooded(p.newChat(1000), false, now)
	want("a chat was too fast", 1)
	p.flooded(p.newChat(1000), true, now)
	want("the bot was too fast", 0.8)
	p.delivered(now.Add(5*time.Second - 1))
	want("too early to rise", 0.8)
	now = now.Add(5 * time.Second)
	p.delivered(now)
	want("five seconds later", 0.84)
	p.delivered(now.Add(time.Second))
	want("one step each five seconds", 0.84)
	for range 4 {
		now = now.Add(5 * time.Second)
		p.delivered(now)
	}
	want("in the end", 1)
	for range 20 {
		p.flooded(p.newChat(1000), true, now)
	}
	want("after many floods", 0.1)
}

func TestNewLimitsKeepThePaceThatFloodsTaught(t *testing.T) {
	p := newPacer(limits, time.Time{})
	p.flooded(p.newChat(1000), true, time.Now())
	slower := limits
	slower.BotPerSecond = 15
	p.setLimits(slower, time.Now())
	if want := newBucket(15, 15*botBurst).burst; p.bot.interval != sendInterval(15*0.8) || p.bot.burst != want {
		t.Errorf("a send each %v with a burst of %v, want each %v with %v", p.bot.interval, p.bot.burst, sendInterval(15*0.8), want)
	}
}

func TestABurstThatAFloodTookAwayStaysAway(t *testing.T) {
	p := newPacer(limits, time.Time{})
	calm, flooded := p.newChat(1000), p.newChat(1001)
	p.flooded(flooded, false, time.Now())
	p.setLimits(Limits{BotPerSecond: 30, ChatPerSecond: 2, GroupPerMinute: 20}, time.Now())
	for _, c := range []*chat{calm, flooded} {
		p.updateChat(c, time.Now())
	}
	if want := p.newChat(1000).bucket.burst; calm.bucket.burst != want || flooded.bucket.burst != 0 {
		t.Errorf("bursts of %v and, after a flood, %v; want %v and none", calm.bucket.burst, flooded.bucket.burst, want)
	}
}

// A change of limits neither forgives sends that were ahead of time nor counts them double.
func TestSendsAheadOfTimeStayAsManyUnderNewLimits(t *testing.T) {
	now := time.Now()
	b := newBucket(10, 5)
	for range 3 {
		b.take(now)
	}
	fresh := newBucket(2, 5)
	b.reconfigure(fresh, fresh.interval, now)
	if ahead, want := b.due.Sub(now), 3*fresh.interval; ahead < want-time.Microsecond || ahead > want+time.Microsecond || b.burst != fresh.burst {
		t.Errorf("%v ahead with a burst of %v, want %v with %v", ahead, b.burst, want, fresh.burst)
	}
}

func TestARefundTakesBackOneSend(t *testing.T) {
	now := time.Now()
	p := newPacer(limits, time.Time{})
	c := p.newChat(1000)
	p.take(c, LaneDirect.rank(), now)
	bot, chat := p.bot.due, c.bucket.due
	p.take(c, LaneDirect.rank(), now)
	p.refund(c)
	if !p.bot.due.Equal(bot) || !c.bucket.due.Equal(chat) {
		t.Errorf("after a refund the bot is %v off, the chat %v", p.bot.due.Sub(bot), c.bucket.due.Sub(chat))
	}
}

func TestWithoutALimitOfTheirOwnBroadcastsHaveTheBots(t *testing.T) {
	p := newPacer(limits, time.Now())
	if p.broadcasts != (bucket{}) || !p.free(LaneBroadcast.rank()).Equal(p.free(LaneCode.rank())) {
		t.Errorf("broadcasts have a limit: %+v", p.broadcasts)
	}
}
