package bot

import (
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// sender is the kind of a chat that wants an answer; each kind has limits of its own.
type sender int

const (
	stranger sender = iota // a private chat without a link
	member                 // a private chat with a link, or one that opens a link
	group
	lookup // a question to Telegram about a private chat
)

// Limits of answers. Strangers have a small limit each and one in common, and so have groups: there can be many, and every answer to
// them uses up the bot's own rate limit.
const (
	strangerEvery   = 20 * time.Second
	strangerBurst   = 4
	strangersEvery  = 500 * time.Millisecond // all strangers; as much again for all groups, and for questions about chats
	strangersBurst  = 30
	memberEvery     = time.Second
	memberBurst     = 20
	maxLimitedChats = 10_000 // chats remembered; above that all are forgotten
)

// ignoredLogEvery is the shortest time between two log lines about updates that were not answered.
const ignoredLogEvery = time.Minute

// rateLimiter limits how many updates are answered. What an update changes (a link, a code, a block) is never limited.
type rateLimiter struct {
	now     func() time.Time
	log     *slog.Logger
	ignored func(reason string)

	mu        sync.Mutex // guards the fields below
	chats     map[limitedChat]*chatLimiter
	strangers *rate.Limiter
	groups    *rate.Limiter
	lookups   *rate.Limiter
	unlogged  int // updates that were not answered since the last log line
	logged    time.Time
}

type limitedChat struct {
	chatID int64
	kind   sender
}

// chatLimiter is the limit of one chat.
type chatLimiter struct {
	*rate.Limiter
	last int64 // the update that was allowed last; allowed again if it is handled again
}

func newRateLimiter(now func() time.Time, log *slog.Logger, ignored func(reason string)) *rateLimiter {
	return &rateLimiter{
		now: now, log: log, ignored: ignored, chats: map[limitedChat]*chatLimiter{},
		strangers: rate.NewLimiter(rate.Every(strangersEvery), strangersBurst),
		groups:    rate.NewLimiter(rate.Every(strangersEvery), strangersBurst),
		lookups:   rate.NewLimiter(rate.Every(strangersEvery), strangersBurst),
	}
}

// allow reports whether to answer an update of the chat. It counts and logs those that are not answered.
func (r *rateLimiter) allow(chatID, updateID int64, kind sender) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	c := r.chat(limitedChat{chatID, kind})
	if c.last == updateID && updateID != 0 {
		return true
	}
	if c.AllowN(now, 1) && (kind == member || r.common(kind).AllowN(now, 1)) {
		c.last = updateID
		return true
	}
	if kind == lookup { // the update is handled all the same
		return false
	}
	r.ignored(IgnoredRateLimited)
	if r.unlogged++; now.Sub(r.logged) >= ignoredLogEvery {
		r.log.Warn("updates not answered: there were too many", "updates", r.unlogged)
		r.unlogged, r.logged = 0, now
	}
	return false
}

func (r *rateLimiter) common(kind sender) *rate.Limiter {
	switch kind {
	case group:
		return r.groups
	case lookup:
		return r.lookups
	default:
		return r.strangers
	}
}

func (r *rateLimiter) chat(key limitedChat) *chatLimiter {
	if c, ok := r.chats[key]; ok {
		return c
	}
	if len(r.chats) >= maxLimitedChats {
		clear(r.chats)
	}
	c := &chatLimiter{Limiter: rate.NewLimiter(rate.Every(strangerEvery), strangerBurst)}
	if key.kind == member {
		c.Limiter = rate.NewLimiter(rate.Every(memberEvery), memberBurst)
	}
	r.chats[key] = c
	return c
}
