package console

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Sign-in attempts per address. A key has 256 bits, so this protects the log and the CPU more than the key.
const (
	signInBurst    = 10
	signInInterval = 30 * time.Second // for one more attempt
	maxAddresses   = 10_000           // in memory
)

// signInLimiter limits sign-ins per address (IPv6: per /64).
type signInLimiter struct {
	now func() time.Time

	mu     sync.Mutex // guards byAddr
	byAddr map[netip.Prefix]*rate.Limiter
}

func newSignInLimiter(now func() time.Time) *signInLimiter {
	return &signInLimiter{now: now, byAddr: map[netip.Prefix]*rate.Limiter{}}
}

// reserve counts an attempt. It returns how long to wait instead, or 0 if the attempt is allowed.
func (t *signInLimiter) reserve(addr netip.Addr) time.Duration {
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	where := netip.PrefixFrom(addr, bits).Masked()
	now := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	l, ok := t.byAddr[where]
	if !ok {
		if len(t.byAddr) >= maxAddresses {
			t.evict(now)
		}
		l = rate.NewLimiter(rate.Every(signInInterval), signInBurst)
		t.byAddr[where] = l
	}
	r := l.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// evict removes addresses that have all their attempts back. If there are none, it removes all: an attacker with ten thousand
// networks gains less from that than everyone else would lose from being locked out.
func (t *signInLimiter) evict(now time.Time) {
	for addr, l := range t.byAddr {
		if l.TokensAt(now) >= signInBurst {
			delete(t.byAddr, addr)
		}
	}
	if len(t.byAddr) >= maxAddresses {
		clear(t.byAddr)
	}
}
