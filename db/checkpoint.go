package db

import (
	"context"
	"database/sql"
	"fmt"
)

const (
	// checkpointEvery is after how many commits what the write-ahead log holds is moved into the database: some 1,000 pages, as
	// many as SQLite would let come together by itself.
	checkpointEvery = 100
	// longestLog is how many pages the log may grow to, 16 MB. Only there does the writer move them itself, after the commit
	// that gets there, and has little left to do: it is what lets the log begin again from its start, which nobody can do
	// while somebody writes.
	longestLog = 4000
)

// checkpointer moves committed pages out of the log on a connection of its own, beside readers and the writer. Left to SQLite,
// every commit that has filled the log would do it, and whoever waits for that commit would wait for two more syncs of the disk.
type checkpointer struct {
	conn    *sql.DB
	due     chan struct{}
	commits int // since the last time; the writing goroutine's own
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
	default: // one is waiting already
	}
}

// run checkpoints whenever it is due, until stop is closed. What cannot be moved now (a long reader, no room on the disk) stays in
// the log, where it is as durable as elsewhere, and is moved another time; a disk that is full shows in the commits.
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
