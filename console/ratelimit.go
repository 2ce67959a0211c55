package console

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How often an address may try to sign in: a key has 256 bits, so this is for the log and the processor more than against guessing.
const (
	signInBurst    = 10
	signInInterval = 30 * time.Second // one more
	maxAddresses   = 10_000           // remembered
)

// signInLimiter limits sign-ins per address, an IPv6 /64 being one.
type signInLimiter struct {
	now func() time.Time

	mu     sync.Mutex // guards byAddress
	byAddr map[netip.Prefix]*rate.Limiter
}

func newSignInLimiter(now func() time.Time) *signInLimiter {
	return &signInLimiter{now: now, byAddr: map[netip.Prefix]*rate.Limiter{}}
}

// reserve counts a try and answers how long to wait instead, 0 where it may go ahead.
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

// evict makes room: addresses that have all their tries back are as good as new. While none has, all start anew, which costs an
// attacker with ten thousand networks less than it would cost everybody else to be locked out.
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

// clientAddr is where a request came from. A peer on this machine is taken for a proxy, whose last X-Forwarded-For is what it saw;
// the zero address where nobody knows.
func clientAddr(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	peer, parseErr := netip.ParseAddr(host)
	if local := err != nil || parseErr != nil || peer.Unmap().IsLoopback(); local {
		forwarded := r.Header.Values("X-Forwarded-For")
		if len(forwarded) > 0 {
			list := strings.Split(forwarded[len(forwarded)-1], ",")
			if addr, err := netip.ParseAddr(strings.TrimSpace(list[len(list)-1])); err == nil {
				return addr.Unmap().WithZone("")
			}
		}
	}
	return peer.Unmap().WithZone("")
}
