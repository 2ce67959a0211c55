package bot

import (
	"testing"
	"time"
)

// All strangers together have a limit, and members do not share it.
func TestStrangersTogetherHaveALimit(t *testing.T) {
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	p := newRateLimiter(func() time.Time { return now })
	answered := 0
	for chat := range int64(1000) {
		if p.allow(chat, chat+1, false) {
			answered++
		}
	}
	if answered != strangersBurst {
		t.Errorf("%d of 1000 strangers were answered at once, want %d", answered, strangersBurst)
	}
	if !p.allow(5, 5000, true) {
		t.Error("a member waits for strangers")
	}
	now = now.Add(strangersEvery)
	if !p.allow(2000, 5001, false) || p.allow(2001, 5002, false) {
		t.Errorf("after %v one more is answered, and only one", strangersEvery)
	}
}

// Handling an update again, after a failure of the database, uses no more of the limit.
func TestTheSameUpdateAgainIsAllowedAgain(t *testing.T) {
	p := newRateLimiter(func() time.Time { return time.Unix(0, 0) })
	for range 3 * strangerBurst {
		if !p.allow(1, 7, false) {
			t.Fatal("an update that was allowed is ignored when it is tried again")
		}
	}
}
