package twofa

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits of checks that change nothing any more: of a verification that has ended, or while the link waits after wrong codes. They could
// fill the audit, which is kept for 400 days.
const (
	ChecksPerMinute = 60          // of one verification
	sameAuditEvery  = time.Minute // one entry for the same result of one verification
	maxLimited      = 10_000      // verifications remembered; beyond that all are forgotten
)

// checkLimiter limits the checks of each verification, and their entries in the audit. It is in memory: a verification lives some minutes.
type checkLimiter struct {
	now func() time.Time

	mu     sync.Mutex // guards the map and what is in it
	checks map[string]*verificationChecks
}

type verificationChecks struct {
	limiter *rate.Limiter
	audited map[string]time.Time // when an outcome was last written to the audit
}

func (l *checkLimiter) of(id string) *verificationChecks {
	c, ok := l.checks[id]
	if !ok {
		if len(l.checks) >= maxLimited {
			clear(l.checks)
		}
		c = &verificationChecks{rate.NewLimiter(rate.Every(time.Minute/ChecksPerMinute), ChecksPerMinute), map[string]time.Time{}}
		l.checks[id] = c
	}
	return c
}

// allow counts a check of a verification. *WaitError if there were too many.
func (l *checkLimiter) allow(id string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	r := l.of(id).limiter.ReserveN(now, 1)
	if wait := r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
		return &WaitError{Kind: RateLimited, Scope: "verification", Limit: ChecksPerMinute, RetryAfter: wait}
	}
	return nil
}

// isNew reports whether an outcome that changes nothing belongs into the audit: the same one was not written there in the last minute.
func (l *checkLimiter) isNew(id, outcome string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	audited, now := l.of(id).audited, l.now()
	if last, ok := audited[outcome]; ok && now.Sub(last).Abs() < sameAuditEvery {
		return false
	}
	audited[outcome] = now
	return true
}
