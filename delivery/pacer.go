package delivery

import "time"

// margin keeps sends a little below the limit. Clocks and networks vary, and a flood wait costs more than the margin
// (programs that send at exactly 30/s provoke 429s by jitter).
const margin = 0.997

// Bursts that Telegram tolerates: a second's worth for the bot, "short bursts" in a private chat. Both keep a
// tenth of a second in reserve, because requests take different times to arrive: a delayed burst meets the sends right
// after it.
const (
	botBurst   = 0.9 // of a second's worth
	chatBurst  = 2.9
	groupBurst = 1
)

// bucket spaces sends evenly after a burst. It is the generic cell rate algorithm (GCRA), whose whole state is one time.
type bucket struct {
	interval time.Duration // time between sends
	burst    time.Duration // how far sends may run ahead of it
	due      time.Time     // when the sends so far would have ended at an even pace
}

func newBucket(perSecond, burst float64) bucket {
	every := sendInterval(perSecond)
	return bucket{interval: every, burst: time.Duration(max(0, burst-1) * float64(every))}
}

// sendInterval is the time between sends at a rate.
func sendInterval(perSecond float64) time.Duration {
	return time.Duration(float64(time.Second) / (perSecond * margin))
}

// free is when the next send may go.
func (b *bucket) free() time.Time { return b.due.Add(-b.burst) }

func (b *bucket) take(now time.Time) { b.due = later(b.due, now).Add(b.interval) }

// reconfigure sets another interval and burst. The number of sends that are ahead of time stays the same.
func (b *bucket) reconfigure(fresh bucket, every time.Duration, now time.Time) {
	if b.due.After(now) {
		b.due = now.Add(time.Duration(float64(b.due.Sub(now)) / float64(b.interval) * float64(every)))
	}
	b.interval, b.burst = every, fresh.burst
}

// exhaust uses up the burst and one more send.
func (b *bucket) exhaust(now time.Time) { b.due = later(b.due, now.Add(b.interval+b.burst)) }

// chat is one chat of a bot.
type chat struct {
	id      int64
	bucket  bucket
	pause   time.Time     // flood wait of the chat
	queues  [4]*chatQueue // by lane rank; nil if unused
	movedTo int64         // id of the supergroup it has become; else 0
}

// group reports whether it is a group: Telegram gives groups negative ids.
func (c *chat) group() bool { return c.id < 0 }

// free is when the chat may receive the next message.
func (c *chat) free() time.Time { return later(c.bucket.free(), c.pause) }

// pacer spaces the sends of one bot.
type pacer struct {
	limits         Limits
	exhaustedAt    time.Time // when all limits may have been used up
	bot            bucket
	broadcasts     bucket    // of broadcasts, if they have their own limit
	broadcastsHeld time.Time // flood wait of broadcasts
	pace           float64   // share of the bot's limit in use: lower after floods, recovers with time
	paceChanged    time.Time // when pace last changed
}

// newPacer makes a pacer with all limits used up at a given time: Telegram still counts the last sends of the previous run.
func newPacer(l Limits, usedUp time.Time) *pacer {
	p := &pacer{limits: l, exhaustedAt: usedUp, pace: 1, bot: newBucket(l.BotPerSecond, l.BotPerSecond*botBurst)}
	p.bot.exhaust(usedUp)
	if l.BroadcastPerSecond > 0 {
		p.broadcasts = newBucket(l.BroadcastPerSecond, 1)
		p.broadcasts.exhaust(usedUp)
	}
	return p
}

func (p *pacer) newChat(id int64) *chat {
	c := &chat{id: id, bucket: newBucket(p.limits.ChatPerSecond, chatBurst)}
	if c.group() {
		c.bucket = newBucket(p.limits.GroupPerMinute/60, groupBurst)
	}
	c.bucket.exhaust(p.exhaustedAt)
	return c
}

// setLimits changes the limits of the bot.
func (p *pacer) setLimits(l Limits, now time.Time) {
	p.limits = l
	p.bot.reconfigure(newBucket(l.BotPerSecond, l.BotPerSecond*botBurst), sendInterval(l.BotPerSecond*p.pace), now)
}

// updateChat applies the current limits to a chat. A burst that a flood took away stays away.
func (p *pacer) updateChat(c *chat, now time.Time) {
	fresh := p.newChat(c.id).bucket
	if c.bucket.burst == 0 {
		fresh.burst = 0
	}
	c.bucket.reconfigure(fresh, fresh.interval, now)
}

// free is when the bot may send in a lane.
func (p *pacer) free(rank int) time.Time {
	if rank == LaneBroadcast.rank() {
		return later(p.broadcastsHeld, later(p.bot.free(), p.broadcasts.free()))
	}
	return p.bot.free()
}

// take counts one send.
func (p *pacer) take(c *chat, rank int, now time.Time) {
	p.bot.take(now)
	c.bucket.take(now)
	if rank == LaneBroadcast.rank() && p.broadcasts.interval != 0 {
		p.broadcasts.take(now)
	}
}

// holdBroadcasts delays broadcasts only. No other lane waits for them.
func (p *pacer) holdBroadcasts(until time.Time) { p.broadcastsHeld = later(p.broadcastsHeld, until) }

// refund takes back a send that did not happen, because its message had ended or could not be read.
func (p *pacer) refund(c *chat) {
	p.bot.due = p.bot.due.Add(-sendInterval(p.limits.BotPerSecond)) // at full pace: never more than was taken
	c.bucket.due = c.bucket.due.Add(-c.bucket.interval)
}

// After a flood wait of the whole bot: slower at once, faster step by step.
const (
	slowDown  = 0.8
	slowest   = 0.1
	speedUp   = 1.05
	easeEvery = 5 * time.Second
)

// flooded handles a 429: the chat loses its burst, and if the whole bot was too fast, it slows down.
func (p *pacer) flooded(c *chat, bot bool, now time.Time) {
	c.bucket.burst = 0
	if bot {
		p.setPace(max(slowest, p.pace*slowDown), now)
	}
}

// delivered lets the pace recover after a success.
func (p *pacer) delivered(now time.Time) {
	if p.pace < 1 && now.Sub(p.paceChanged) >= easeEvery {
		p.setPace(min(1, p.pace*speedUp), now)
	}
}

func (p *pacer) setPace(pace float64, now time.Time) {
	p.pace, p.paceChanged = pace, now
	p.bot.interval = sendInterval(p.limits.BotPerSecond * pace)
}
