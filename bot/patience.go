package bot

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How much of people's talk is answered. Strangers get little, each of them and all together: they can be many, and
// what the bot says to them takes from what it may say to its people.
const (
	strangerEvery  = 20 * time.Second
	strangerBurst  = 4
	strangersEvery = 500 * time.Millisecond // all of them
	strangersBurst = 30
	memberEvery    = time.Second
	memberBurst    = 20
	maxPatience    = 10_000 // chats remembered; beyond that all begin anew
)

// patience limits how many updates are answered; the others are passed over.
type patience struct {
	now       func() time.Time
	mu        sync.Mutex // guards what follows
	chats     map[patienceKey]*allowance
	strangers *rate.Limiter
}

type patienceKey struct {
	chatID int64
	member bool
}

// allowance is what one chat has left.
type allowance struct {
	*rate.Limiter
	last int64 // the update that was allowed last: handled again, it is allowed again
}

func newPatience(now func() time.Time) *patience {
	return &patience{
		now: now, chats: map[patienceKey]*allowance{},
		strangers: rate.NewLimiter(rate.Every(strangersEvery), strangersBurst),
	}
}

// has tells whether an update of the chat is answered; a member is somebody with a link.
func (p *patience) has(chatID, updateID int64, member bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := patienceKey{chatID, member}
	a, ok := p.chats[key]
	if !ok {
		if len(p.chats) >= maxPatience {
			clear(p.chats)
		}
		a = &allowance{Limiter: rate.NewLimiter(rate.Every(strangerEvery), strangerBurst)}
		if member {
			a.Limiter = rate.NewLimiter(rate.Every(memberEvery), memberBurst)
		}
		p.chats[key] = a
	}
	if a.last == updateID && updateID != 0 {
		return true
	}
	now := p.now()
	if !a.AllowN(now, 1) || !member && !p.strangers.AllowN(now, 1) {
		return false
	}
	a.last = updateID
	return true
}
