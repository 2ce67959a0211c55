package bot

import (
	"log/slog"
	"time"
)

const (
	// maxPoll is how long Telegram holds a poll open at most (TBA Client.h:1610).
	maxPoll = 50 * time.Second
	// minCut is the shortest time after which a broken poll can be one that was cut for being idle.
	minCut = 3 * time.Second
	// retryMaxPoll is how long a shorter poll is used before the longest is tried again: the network may have changed.
	retryMaxPoll = time.Hour
)

// pollTimeout finds out how long a poll may take. Proxies, load balancers and firewalls cut connections that are idle, many after less
// than Telegram's 50 s. Two polls cut after about the same time are such a limit, and then polls end before it.
type pollTimeout struct {
	log     *slog.Logger
	limit   time.Duration // 0: the longest poll works
	learned time.Time     // when limit was learned, or last confirmed
	lastCut time.Duration // how long the last poll that was cut had lasted; 0: the last poll was not cut
}

// next is how long the next poll may take.
func (p *pollTimeout) next(now time.Time) time.Duration {
	if p.limit == 0 || now.Sub(p.learned) >= retryMaxPoll {
		return maxPoll
	}
	return p.limit
}

// cut notes that a poll broke after a time, and reports whether it may have been cut for being idle.
func (p *pollTimeout) cut(asked, lasted time.Duration, now time.Time) bool {
	if lasted < minCut || lasted > asked+time.Second { // later than asked: the line is dead
		p.lastCut = 0
		return false
	}
	same := p.lastCut > 0 && (lasted-p.lastCut).Abs() <= max(p.lastCut/5, time.Second)
	known := p.limit > 0 && asked == maxPoll && lasted <= p.limit*3/2 // the longest was tried again
	p.lastCut = lasted
	if !same && !known {
		return true
	}
	limit := max(lasted*4/5, 2*time.Second).Truncate(time.Second)
	if p.limit == 0 {
		p.log.Warn("polls are cut by something between telegate and Telegram; using shorter ones", "cut_after", lasted.Round(time.Second), "timeout", limit)
	}
	p.limit, p.learned, p.lastCut = limit, now, 0
	return true
}

// lasted notes that a poll was answered after a time.
func (p *pollTimeout) lasted(asked, lasted time.Duration) {
	if lasted < minCut {
		return
	}
	p.lastCut = 0
	if p.limit > 0 && asked == maxPoll && lasted > 2*p.limit {
		p.log.Info("long polls work again")
		p.limit = 0
	}
}
