package bot

import (
	"log/slog"
	"strings"
	"testing"
	"time"
)

// All strangers together have a limit, and members do not share it.
func TestStrangersTogetherHaveALimit(t *testing.T) {
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	p := newRateLimiter(func() time.Time { return now }, slog.New(slog.DiscardHandler), func(string) {})
	answered := 0
	for chat := range int64(1000) {
		if p.allow(chat, chat+1, stranger) {
			answered++
		}
	}
	if answered != strangersBurst {
		t.Errorf("%d of 1000 strangers were answered at once, want %d", answered, strangersBurst)
	}
	if !p.allow(5, 5000, member) {
		t.Error("a member waits for strangers")
	}
	now = now.Add(strangersEvery)
	if !p.allow(2000, 5001, stranger) || p.allow(2001, 5002, stranger) {
		t.Errorf("after %v one more is answered, and only one", strangersEvery)
	}
}

// Handling an update again, after a failure of the database, uses no more of the limit.
func TestTheSameUpdateAgainIsAllowedAgain(t *testing.T) {
	p := newRateLimiter(func() time.Time { return time.Unix(0, 0) }, slog.New(slog.DiscardHandler), func(string) {})
	for range 3 * strangerBurst {
		if !p.allow(1, 7, stranger) {
			t.Fatal("an update that was allowed is ignored when it is tried again")
		}
	}
}

// A group full of commands leaves the answers to people alone, and the other way round.
func TestGroupsAndStrangersHaveLimitsOfTheirOwn(t *testing.T) {
	ignored := 0
	var lines strings.Builder
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	p := newRateLimiter(func() time.Time { return now }, slog.New(slog.NewTextHandler(&lines, nil)), func(reason string) {
		if reason == IgnoredRateLimited {
			ignored++
		}
	})
	for chat := range int64(1000) {
		p.allow(-chat, chat+1, group)
	}
	if want := 1000 - strangersBurst; ignored != want {
		t.Errorf("%d updates were counted as ignored, want %d", ignored, want)
	}
	if !p.allow(5, 5000, stranger) {
		t.Error("a person waits for groups")
	}
	if n := strings.Count(lines.String(), "updates not answered"); n != 1 {
		t.Errorf("%d log lines within a minute, want 1:\n%s", n, lines.String())
	}
	now = now.Add(ignoredLogEvery)
	for chat := range int64(1000) {
		p.allow(-chat, chat+9001, group)
	}
	if !strings.Contains(lines.String(), "updates=970") {
		t.Errorf("the next line does not say how many updates there were:\n%s", lines.String())
	}
}
