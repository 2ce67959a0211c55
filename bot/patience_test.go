package bot

import (
	"testing"
	"time"
)

// Strangers can be many: together they get little, however few words each of them says, and members are not touched.
func TestStrangersTogetherHaveALimit(t *testing.T) {
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	p := newPatience(func() time.Time { return now })
	answered := 0
	for chat := range int64(1000) {
		if p.has(chat, chat+1, false) {
			answered++
		}
	}
	if answered != strangersBurst {
		t.Errorf("%d of 1000 strangers were answered at once, want %d", answered, strangersBurst)
	}
	if !p.has(5, 5000, true) {
		t.Error("a member waits for strangers")
	}
	now = now.Add(strangersEvery)
	if !p.has(2000, 5001, false) || p.has(2001, 5002, false) {
		t.Errorf("after %v one more is answered, and only one", strangersEvery)
	}
}

// An update that is handled again, because the database failed, costs its chat nothing more.
func TestTheSameUpdateAgainIsAllowedAgain(t *testing.T) {
	p := newPatience(func() time.Time { return time.Unix(0, 0) })
	for range 3 * strangerBurst {
		if !p.has(1, 7, false) {
			t.Fatal("an update that was allowed is passed over when it is tried again")
		}
	}
}
