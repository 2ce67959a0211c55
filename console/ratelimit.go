package console

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"telegate/internal/forwarded"
)

// Sign-in attempts per address. A key has 256 bits, so this protects the log and the CPU more than the key.
const (
	signInBurst    = 10
	signInInterval = 30 * time.Second // for one more attempt
	maxAddresses   = 10_000           // in memory

	// All requests from this machine together: programs on it, which can claim any address, and a proxy, which may name no address
	// or pass on what a client claims. It is large enough for the people behind a proxy.
	localBurst    = 60
	localInterval = 2 * time.Second
)

// signInLimiter limits sign-ins per address (IPv6: per /64), and those from this machine together.
type signInLimiter struct {
	now func() time.Time

	mu     sync.Mutex // guards the fields below
	byAddr map[netip.Prefix]*rate.Limiter
	local  *rate.Limiter
}

func newSignInLimiter(now func() time.Time) *signInLimiter {
	return &signInLimiter{now: now, byAddr: map[netip.Prefix]*rate.Limiter{}, local: rate.NewLimiter(rate.Every(localInterval), localBurst)}
}

// reserve counts an attempt. It returns how long to wait instead, or 0 if the attempt is allowed.
func (t *signInLimiter) reserve(r *http.Request) time.Duration {
	client := forwarded.ClientAddr(r)
	now := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	var limiters []*rate.Limiter
	if forwarded.Local(r) {
		limiters = append(limiters, t.local)
	}
	if client.IsValid() && !client.IsLoopback() {
		limiters = append(limiters, t.of(client, now))
	}
	var wait time.Duration
	var reserved []*rate.Reservation
	for _, l := range limiters {
		r := l.ReserveN(now, 1)
		reserved = append(reserved, r)
		wait = max(wait, r.DelayFrom(now))
	}
	if wait > 0 {
		for _, r := range reserved {
			r.CancelAt(now)
		}
	}
	return wait
}

// of is the limiter of an address.
func (t *signInLimiter) of(addr netip.Addr, now time.Time) *rate.Limiter {
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	where := netip.PrefixFrom(addr, bits).Masked()
	l, ok := t.byAddr[where]
	if !ok {
		if len(t.byAddr) >= maxAddresses {
			t.evict(now)
		}
		l = rate.NewLimiter(rate.Every(signInInterval), signInBurst)
		t.byAddr[where] = l
	}
	return l
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
