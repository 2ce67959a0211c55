package bot

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits of answers. Strangers (chats without a link) have a small limit each and one in common: there can be many, and every
// answer to them uses up the bot's own rate limit.
const (
	strangerEvery   = 20 * time.Second
	strangerBurst   = 4
	strangersEvery  = 500 * time.Millisecond // all of them
	strangersBurst  = 30
	memberEvery     = time.Second
	memberBurst     = 20
	maxLimitedChats = 10_000 // chats remembered; above that all are forgotten
)

// rateLimiter limits how many updates are answered. The others are ignored.
type rateLimiter struct {
	now       func() time.Time
	mu        sync.Mutex // guards the fields below
	chats     map[chatKey]*chatLimiter
	strangers *rate.Limiter
}

type chatKey struct {
	chatID int64
	member bool
}

// chatLimiter is the limit of one chat.
type chatLimiter struct {
	*rate.Limiter
	last int64 // the update that was allowed last; allowed again if it is handled again
}

func newRateLimiter(now func() time.Time) *rateLimiter {
	return &rateLimiter{
		now: now, chats: map[chatKey]*chatLimiter{},
		strangers: rate.NewLimiter(rate.Every(strangersEvery), strangersBurst),
	}
}

// allow reports whether to answer an update of the chat. A member is a chat with a link.
func (r *rateLimiter) allow(chatID, updateID int64, member bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := chatKey{chatID, member}
	a, ok := r.chats[key]
	if !ok {
		if len(r.chats) >= maxLimitedChats {
			clear(r.chats)
		}
		a = &chatLimiter{Limiter: rate.NewLimiter(rate.Every(strangerEvery), strangerBurst)}
		if member {
			a.Limiter = rate.NewLimiter(rate.Every(memberEvery), memberBurst)
		}
		r.chats[key] = a
	}
	if a.last == updateID && updateID != 0 {
		return true
	}
	now := r.now()
	if !a.AllowN(now, 1) || !member && !r.strangers.AllowN(now, 1) {
		return false
	}
	a.last = updateID
	return true
}
