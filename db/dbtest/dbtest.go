// Package dbtest gives tests a database of their own: real SQLite in a temporary folder.
package dbtest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"telegate/db"
	"telegate/delivery"
)

// Retention is the default of the configuration.
var Retention = db.Retention{Messages: 30 * 24 * time.Hour, Updates: 7 * 24 * time.Hour, Audit: 400 * 24 * time.Hour}

// Clock is a clock that only a test moves.
type Clock struct {
	mu sync.Mutex
	t  time.Time
}

// NewClock starts at a fixed ordinary time.
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

// Open opens a new database and closes it when the test ends.
func Open(t testing.TB, now func() time.Time) *db.DB {
	t.Helper()
	return OpenAt(t, filepath.Join(t.TempDir(), "telegate.db"), now, nil)
}

// OpenAt opens the database at a path, as a restart does, or makes one there; onQueued may be nil. It never syncs the disk, which
// would be most of a test's time.
func OpenAt(t testing.TB, path string, now func() time.Time, onQueued func([]delivery.Queued)) *db.DB {
	t.Helper()
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		write(t, path)
	}
	d, err := db.Open(t.Context(), db.Options{Path: path, KeyFile: path + ".key", Now: now, OnQueued: onQueued, NoSync: true})
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

// blank is an empty database and its key. It is made once, because migrations take nearly all the time; each test gets a
// copy.
var blank = sync.OnceValues(func() (files [2][]byte, err error) {
	dir, err := os.MkdirTemp("", "telegate-blank-")
	if err != nil {
		return files, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "telegate.db")
	d, err := db.Open(context.Background(), db.Options{Path: path, KeyFile: path + ".key", Now: time.Now, NoSync: true})
	if err != nil {
		return files, err
	}
	if err := d.Close(); err != nil {
		return files, err
	}
	for i, name := range []string{path, path + ".key"} {
		if files[i], err = os.ReadFile(name); err != nil {
			return files, err
		}
	}
	return files, nil
})

// write makes an empty database.
func write(t testing.TB, path string) {
	t.Helper()
	files, err := blank()
	if err != nil {
		t.Fatalf("make database: %v", err)
	}
	for i, name := range []string{path, path + ".key"} {
		if err := os.WriteFile(name, files[i], 0o600); err != nil {
			t.Fatalf("make database: %v", err)
		}
	}
}
