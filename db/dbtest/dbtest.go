// Package dbtest gives tests a database of their own: real SQLite in a temporary folder.
package dbtest

import (
	"path/filepath"
	"sync"
	"testing"
	"time"

	"telegate/db"
	"telegate/delivery"
)

// Clock is a clock that stands still until a test moves it.
type Clock struct {
	mu sync.Mutex
	t  time.Time
}

// NewClock starts at a time with nothing special about it.
func NewClock() *Clock {
	return &Clock{t: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)}
}

// Now is the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

// Advance moves the clock on.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// Open opens a fresh database that is closed when the test ends.
func Open(t testing.TB, now func() time.Time) *db.DB {
	t.Helper()
	return OpenAt(t, filepath.Join(t.TempDir(), "telegate.db"), now, nil)
}

// OpenAt opens the database at a path, as a restart does; onQueued may be nil.
func OpenAt(t testing.TB, path string, now func() time.Time, onQueued func([]delivery.Queued)) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), db.Options{Path: path, KeyFile: path + ".key", Now: now, OnQueued: onQueued})
	if err != nil {
		t.Fatalf("open database: %v", err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close database: %v", err)
		}
	})
	return d
}
