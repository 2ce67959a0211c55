package delivery

import "time"

// margin is the hair below the limit: two clocks and a network lie between our spacing and Telegram's counting, and a
// flood costs more than the hair (peers: senders exactly at 30/s provoke 429s by jitter).
const margin = 0.997

// The bursts Telegram tolerates: a second's worth of the bot, "short bursts" in a private chat (facts §B). Of both we
// leave a tenth of a second, because requests do not take the same time to arrive: a burst that is held up on its way
// meets what was sent well behind it.
const (
	botBurst   = 0.9 // of a second's worth
	chatBurst  = 2.9
	groupBurst = 1
)

// bucket spaces sends evenly behind a burst. It is the generic cell rate algorithm: one time says it all, exactly.
type bucket struct {
	every time.Duration // one send each
	ahead time.Duration // how far sends may be ahead of that: the burst
	due   time.Time     // when the sends so far would be over, had they been spaced evenly
}

func newBucket(perSecond, burst float64) bucket {
	every := each(perSecond)
	return bucket{every: every, ahead: time.Duration(max(0, burst-1) * float64(every))}
}

// each is the time between sends at so many a second.
func each(perSecond float64) time.Duration {
	return time.Duration(float64(time.Second) / (perSecond * margin))
}

// free tells from when on the next send may go.
func (b *bucket) free() time.Time { return b.due.Add(-b.ahead) }

func (b *bucket) take(now time.Time) { b.due = later(b.due, now).Add(b.every) }

// become takes on another spacing and burst. The sends that are ahead of their time stay as many.
func (b *bucket) become(fresh bucket, every time.Duration, now time.Time) {
	if ahead := b.due.Sub(now); ahead > 0 {
		b.due = now.Add(time.Duration(float64(ahead) / float64(b.every) * float64(every)))
	}
	b.every, b.ahead = every, fresh.ahead
}

// empty uses up the burst and one send more.
func (b *bucket) empty(now time.Time) { b.due = later(b.due, now.Add(b.every+b.ahead)) }

// chat is what the pacer knows of one chat.
type chat struct {
	id     int64
	bucket bucket
	pause  time.Time // Telegram wants quiet until then
	slots  [4]*slot  // by lane rank; nil until used
	moved  int64     // the supergroup it has become; 0 for all others
}

// group tells a group from a private chat: Telegram gives groups negative ids.
func (c *chat) group() bool { return c.id < 0 }

// free tells from when on the chat may be written to.
func (c *chat) free() time.Time { return later(c.bucket.free(), c.pause) }

// pacer spaces the sends of one bot.
type pacer struct {
	limits Limits
	usedUp time.Time // all limits may have been used up then
	bot    bucket
	slow   bucket    // of broadcasts, where they have a pace of their own
	held   time.Time // broadcasts wait until then
	pace   float64   // share of the bot's limit in use; learned down on floods, recovering with time
	eased  time.Time // when pace last changed
}

// newPacer makes a pacer for which all limits were used up at a time before: what the last run has sent in its last
// seconds still counts at Telegram.
func newPacer(l Limits, usedUp time.Time) *pacer {
	p := &pacer{limits: l, usedUp: usedUp, pace: 1, bot: newBucket(l.BotPerSecond, l.BotPerSecond*botBurst)}
	p.bot.empty(usedUp)
	if l.BroadcastPerSecond > 0 {
		p.slow = newBucket(l.BroadcastPerSecond, 1)
		p.slow.empty(usedUp)
	}
	return p
}

func (p *pacer) newChat(id int64) *chat {
	c := &chat{id: id, bucket: newBucket(p.limits.ChatPerSecond, chatBurst)}
	if c.group() {
		c.bucket = newBucket(p.limits.GroupPerMinute/60, groupBurst)
	}
	c.bucket.empty(p.usedUp)
	return c
}

// setLimits changes the limits.
func (p *pacer) setLimits(l Limits, now time.Time) {
	p.limits = l
	p.bot.become(newBucket(l.BotPerSecond, l.BotPerSecond*botBurst), each(l.BotPerSecond*p.pace), now)
}

// adapt gives a chat the spacing of the limits there are now. A burst that a flood has taken away stays away.
func (p *pacer) adapt(c *chat, now time.Time) {
	fresh := p.newChat(c.id).bucket
	if c.bucket.ahead == 0 {
		fresh.ahead = 0
	}
	c.bucket.become(fresh, fresh.every, now)
}

// free tells from when on the bot may send in a lane.
func (p *pacer) free(rank int) time.Time {
	if rank == LaneBroadcast.rank() {
		return later(p.held, later(p.bot.free(), p.slow.free()))
	}
	return p.bot.free()
}

// take uses up one send.
func (p *pacer) take(c *chat, rank int, now time.Time) {
	p.bot.take(now)
	c.bucket.take(now)
	if rank == LaneBroadcast.rank() && p.slow.every > 0 {
		p.slow.take(now)
	}
}

// holdBroadcasts keeps broadcasts back until a time, and nothing else: no lane waits behind theirs.
func (p *pacer) holdBroadcasts(until time.Time) { p.held = later(p.held, until) }

// refund gives back a send that did not happen: its message had ended, or could not be read.
func (p *pacer) refund(c *chat) {
	p.bot.due = p.bot.due.Add(-each(p.limits.BotPerSecond)) // at full pace: never more than was taken
	c.bucket.due = c.bucket.due.Add(-c.bucket.every)
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
	c.bucket.ahead = 0
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
	p.bot.every = each(p.limits.BotPerSecond * pace)
}
