package bot

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How much of each person's talk is answered. Strangers get little: they can be many, and each answer costs a row.
const (
	strangerEvery = 20 * time.Second
	strangerBurst = 4
	memberEvery   = time.Second
	memberBurst   = 20
	maxPatience   = 10_000 // chats remembered; beyond that all begin anew
)

// patience limits how many messages of one chat are answered; the others are passed over.
type patience struct {
	now   func() time.Time
	mu    sync.Mutex // guards chats
	chats map[patienceKey]*rate.Limiter
}

type patienceKey struct {
	chatID int64
	member bool
}

func newPatience(now func() time.Time) *patience {
	return &patience{now: now, chats: map[patienceKey]*rate.Limiter{}}
}

// has tells whether a message of the chat is answered; a member is somebody with a link.
func (p *patience) has(chatID int64, member bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := patienceKey{chatID, member}
	l, ok := p.chats[key]
	if !ok {
		if len(p.chats) >= maxPatience {
			clear(p.chats)
		}
		if member {
			l = rate.NewLimiter(rate.Every(memberEvery), memberBurst)
		} else {
			l = rate.NewLimiter(rate.Every(strangerEvery), strangerBurst)
		}
		p.chats[key] = l
	}
	return l.AllowN(p.now(), 1)
}
