package delivery

import (
	"time"

	"golang.org/x/time/rate"
)

// margin is the hair below the limit: two clocks and a network lie between our spacing and Telegram's counting, and a
// flood costs more than the hair (peers: senders exactly at 30/s provoke 429s by jitter).
const margin = 0.997

// The bursts Telegram tolerates: "short bursts" in a private chat (facts §B).
const (
	chatBurst    = 3
	groupBurst   = 1
	botBurstPart = 0.9 // of a second's worth
)

// chat is what the pacer knows of one chat.
type chat struct {
	id      int64
	limiter *rate.Limiter
	pause   time.Time // Telegram wants quiet until then
	slots   [4]*slot  // by lane rank; nil until used
	used    time.Time // last send
	moved   int64     // the supergroup it has become; 0 for all others
}

// group tells a group from a private chat: Telegram gives groups negative ids.
func (c *chat) group() bool { return c.id < 0 }

// pacer spaces the sends of one bot.
type pacer struct {
	limits Limits
	bot    *rate.Limiter
	pace   float64   // share of the bot's limit in use; learned down on floods, recovering with time
	eased  time.Time // when pace last changed
}

func newPacer(l Limits) *pacer {
	p := &pacer{limits: l, pace: 1}
	p.bot = rate.NewLimiter(rate.Limit(l.BotPerSecond*margin), max(1, int(l.BotPerSecond*botBurstPart)))
	return p
}

func (p *pacer) newChat(id int64) *chat {
	c := &chat{id: id}
	if c.group() {
		c.limiter = rate.NewLimiter(rate.Limit(p.limits.GroupPerMinute/60*margin), groupBurst)
	} else {
		c.limiter = rate.NewLimiter(rate.Limit(p.limits.ChatPerSecond*margin), chatBurst)
	}
	return c
}

// free tells from when on a limiter has a token.
func free(l *rate.Limiter, now time.Time) time.Time {
	missing := 1 - l.TokensAt(now)
	if missing <= 0 {
		return now
	}
	return now.Add(time.Duration(missing/float64(l.Limit())*float64(time.Second)) + time.Microsecond)
}

// chatFree tells from when on the chat may be written to.
func (p *pacer) chatFree(c *chat, now time.Time) time.Time {
	at := free(c.limiter, now)
	if c.pause.After(at) {
		return c.pause
	}
	return at
}

// take uses up one send.
func (p *pacer) take(c *chat, now time.Time) {
	p.bot.AllowN(now, 1)
	c.limiter.AllowN(now, 1)
	c.used = now
}

// How a flood wait of the whole bot is learned from: slower at once, faster again step by step.
const (
	slowDown  = 0.8
	slowest   = 0.1
	speedUp   = 1.05
	easeEvery = 5 * time.Second
)

// flooded learns from a 429: the chat's burst is used up, and where the bot as a whole was too fast, it slows down.
func (p *pacer) flooded(c *chat, bot bool, now time.Time) {
	c.limiter.SetBurstAt(now, 1)
	if bot {
		p.setPace(max(slowest, p.pace*slowDown), now)
	}
}

// delivered lets the pace recover.
func (p *pacer) delivered(now time.Time) {
	if p.pace < 1 && now.Sub(p.eased) >= easeEvery {
		p.setPace(min(1, p.pace*speedUp), now)
	}
}

func (p *pacer) setPace(pace float64, now time.Time) {
	p.pace, p.eased = pace, now
	p.bot.SetLimitAt(now, rate.Limit(p.limits.BotPerSecond*margin*pace))
}
