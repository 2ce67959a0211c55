package sandbox

import (
	"cmp"
	"time"
)

// Limits are the flood limits on sending. A zero field takes the value that
// [DefaultLimits] gives, so the zero value is the documented limits.
//
// A bucket that runs dry is flooded: it answers 429 until RetryAfter is over,
// whether or not tokens have come back, so that a client which ignores
// retry_after gains nothing.
type Limits struct {
	BotPerSecond   float64       // messages a second a bot may send in all
	BotBurst       int           // … and how many of them at once
	ChatPerSecond  float64       // messages a second to one private chat
	ChatBurst      int           // … and how many of them at once
	GroupPerMinute float64       // messages a minute to one group
	GroupBurst     int           // … and how many of them at once
	RetryAfter     time.Duration // how long a flooded bucket refuses; told in whole seconds, rounded up
	Latency        time.Duration // how long every answer takes on its way; what a send does has happened by then
	Off            bool          // no flood limits at all (Latency stays)
}

// DefaultLimits are those of Telegram's FAQ for bots ("My bot is hitting
// limits"): about 30 messages a second in all, one a second in one chat with
// short bursts, 20 a minute in a group. The bursts and RetryAfter are not
// documented; they are a cautious guess.
func DefaultLimits() Limits {
	return Limits{
		BotPerSecond: 30, BotBurst: 30,
		ChatPerSecond: 1, ChatBurst: 3,
		GroupPerMinute: 20, GroupBurst: 20,
		RetryAfter: time.Second,
	}
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	return Limits{
		BotPerSecond:   cmp.Or(l.BotPerSecond, d.BotPerSecond),
		BotBurst:       cmp.Or(l.BotBurst, d.BotBurst),
		ChatPerSecond:  cmp.Or(l.ChatPerSecond, d.ChatPerSecond),
		ChatBurst:      cmp.Or(l.ChatBurst, d.ChatBurst),
		GroupPerMinute: cmp.Or(l.GroupPerMinute, d.GroupPerMinute),
		GroupBurst:     cmp.Or(l.GroupBurst, d.GroupBurst),
		RetryAfter:     cmp.Or(l.RetryAfter, d.RetryAfter),
		Latency:        l.Latency,
		Off:            l.Off,
	}
}

// rounding is what refilling in many small steps may lose: a client that keeps
// exactly to the limit must not be punished for it.
const rounding = 1e-9

// bucket is a token bucket that punishes: once empty it stays shut for a while.
type bucket struct {
	tokens  float64
	filled  time.Time // when tokens was right; zero: the bucket is full
	flooded time.Time // shut until then
}

// wait refills the bucket and says how long it refuses: 0 where a token is
// there. It takes nothing.
func (b *bucket) wait(now time.Time, perSecond float64, burst int, penalty time.Duration) time.Duration {
	if b.filled.IsZero() {
		b.tokens, b.filled = float64(burst), now
	}
	if passed := now.Sub(b.filled).Seconds(); passed > 0 {
		b.tokens, b.filled = min(float64(burst), b.tokens+passed*perSecond), now
	}
	if shut := b.flooded.Sub(now); shut > 0 {
		return shut
	}
	if b.tokens < 1-rounding {
		b.flooded = now.Add(penalty)
		return penalty
	}
	return 0
}

// admit takes one message to chat c through the limits of its chat and its
// bot, or says how long to wait. A refused message costs no token.
func (t *Telegram) admit(b *bot, c *chat, now time.Time) time.Duration {
	l := t.limits
	if l.Off {
		return 0
	}
	rate, burst := l.ChatPerSecond, l.ChatBurst
	if c.id < 0 {
		rate, burst = l.GroupPerMinute/60, l.GroupBurst
	}
	if w := c.bucket.wait(now, rate, burst, l.RetryAfter); w > 0 {
		return w
	}
	if w := b.bucket.wait(now, l.BotPerSecond, l.BotBurst, l.RetryAfter); w > 0 {
		return w
	}
	c.bucket.tokens--
	b.bucket.tokens--
	return 0
}
