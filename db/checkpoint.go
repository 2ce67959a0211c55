package db

import (
	"context"
	"database/sql"
	"fmt"
)

const (
	// checkpointEvery is the number of commits between two checkpoints of the write-ahead log: some 1,000 pages, SQLite's
	// own default.
	checkpointEvery = 100
	// maxLogPages is how large the log may grow, 16 MB. Only then the writer moves the pages itself, after that commit, and
	// has little left to do. This lets the log start over, which nobody can do while somebody writes.
	maxLogPages = 4000
)

// checkpointer moves committed pages from the log into the database on its own connection, beside readers and the writer.
// If SQLite did it, every commit that fills the log would wait for two more disk syncs.
type checkpointer struct {
	conn    *sql.DB
	due     chan struct{}
	commits int // since the last checkpoint; used by the writing goroutine only
}

func newCheckpointer(path, synchronous string) (*checkpointer, error) {
	conn, err := sql.Open("sqlite", dsn(path, synchronous))
	if err != nil {
		return nil, fmt.Errorf("open database for checkpoints: %w", err)
	}
	conn.SetMaxOpenConns(1)
	return &checkpointer{conn: conn, due: make(chan struct{}, 1)}, nil
}

// committed counts a commit.
func (c *checkpointer) committed() {
	if c.commits++; c.commits < checkpointEvery {
		return
	}
	select {
	case c.due <- struct{}{}:
		c.commits = 0
	default: // a checkpoint is already due
	}
}

// run makes a checkpoint when it is due, until stop is closed. What cannot be moved now (a long reader, a full disk) stays
// in the log, where it is just as durable, and is moved later. A full disk shows in the commits.
func (c *checkpointer) run(stop <-chan struct{}) {
	for {
		select {
		case <-c.due:
			_, _ = c.conn.ExecContext(context.Background(), "PRAGMA wal_checkpoint(PASSIVE)")
		case <-stop:
			return
		}
	}
}
