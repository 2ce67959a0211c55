package db

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"telegate/delivery"
	"telegate/internal/audit"
)

// ErrClosed: the database has been closed.
var ErrClosed = errors.New("database is closed")

// maxBatch limits the functions per commit, and so the wait of the first for the last.
const maxBatch = 256

// job is one function that waits for a commit.
type job struct {
	ctx  context.Context
	fn   func(*Tx) error
	tx   *Tx
	err  error
	done chan struct{}
}

// Tx is one transaction; it implements the transactions of linking, twofa and notify. Do not keep it.
type Tx struct {
	q       *stmtCache
	keys    keys
	now     time.Time          // the same for the whole transaction
	queued  []delivery.Queued  // accepted messages, passed on after the commit
	ended   []delivery.Message // messages that it has ended, passed on after the commit
	touched []string           // ids of changed rows, for watchers
	actor   string             // who causes it, for the audit
	chain   *chain             // of the audit; nil in a read transaction
	audited []audit.Entry      // audit entries, counted after the commit
	request string             // its request; empty if none
}

// update runs fn inside the next commit and returns when that is on disk. An error of fn undoes only what fn did.
// ErrStorageFull and ErrStorageBusy of delivery mean that nothing could be written.
func (d *DB) update(ctx context.Context, fn func(*Tx) error) error {
	j := &job{ctx: ctx, fn: fn, done: make(chan struct{})}
	select {
	case <-d.stop:
		return ErrClosed
	default:
	}
	select {
	case d.jobs <- j:
	case <-d.stop:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-j.done:
		return j.err
	case <-d.stopped:
		select {
		case <-j.done:
			return j.err
		default:
			return ErrClosed
		}
	}
}

// commitLoop is the writing goroutine: it owns the connection and everything a Tx uses.
func (d *DB) commitLoop() {
	defer close(d.stopped)
	for {
		select {
		case j := <-d.jobs:
			d.commit(d.collect(j))
		case <-d.stop:
			for { // jobs from before Close are still written
				select {
				case j := <-d.jobs:
					d.commit(d.collect(j))
				default:
					return
				}
			}
		}
	}
}

// collect takes the waiting jobs. If the last commit had more, it waits for more, at most half as long as that commit took:
// the same callers have just been answered and probably ask again, and one commit for all is fastest.
func (d *DB) collect(first *job) []*job {
	batch := []*job{first}
	var timeout <-chan time.Time
	for len(batch) < maxBatch {
		select {
		case j := <-d.jobs:
			batch = append(batch, j)
			continue
		default:
		}
		if len(batch) >= d.lastBatch {
			break
		}
		if timeout == nil {
			timer := time.NewTimer(d.lastCommit / 2)
			defer timer.Stop()
			timeout = timer.C
		}
		select {
		case j := <-d.jobs:
			batch = append(batch, j)
		case <-timeout:
			d.lastBatch = 0
		case <-d.stop:
			d.lastBatch = 0
		}
	}
	d.lastBatch = len(batch)
	return batch
}

// commit runs a batch in one transaction and answers its callers.
func (d *DB) commit(batch []*job) {
	err := d.runBatch(batch)
	for _, j := range batch {
		if j.err == nil && err != nil {
			j.err = fmt.Errorf("write to database: %w", err)
		}
		j.err = storageError(j.err)
	}
	var queued []delivery.Queued
	var ended []delivery.Message
	var audited []audit.Entry
	for _, j := range batch {
		if j.err == nil {
			queued = append(queued, j.tx.queued...)
			ended = append(ended, j.tx.ended...)
			audited = append(audited, j.tx.audited...)
		}
	}
	if len(queued) > 0 && d.onQueued != nil {
		d.onQueued(queued)
	}
	if len(ended) > 0 && d.onEnded != nil {
		d.onEnded(ended)
	}
	if len(audited) > 0 && d.onAudited != nil {
		d.onAudited(audited)
	}
	for _, j := range batch {
		if j.err == nil {
			d.watch.wake(j.tx.touched)
		}
		close(j.done)
	}
}

func (d *DB) runBatch(batch []*job) (err error) {
	if _, err := d.conn.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	before := d.chain.ends
	defer func() {
		if err != nil {
			d.chain.ends = before
			// After some errors SQLite has already rolled back and this finds nothing to do; either way nothing of the
			// batch stays.
			_, _ = d.conn.exec("ROLLBACK")
		}
	}()
	for _, j := range batch {
		if err := d.runJob(j, len(batch) > 1); err != nil {
			return err
		}
	}
	if err := d.chain.save(d.conn); err != nil {
		return err
	}
	begun := time.Now()
	if _, err = d.conn.exec("COMMIT"); err == nil {
		d.chain.saved = d.chain.ends
	}
	d.lastCommit = time.Since(begun)
	d.logs.committed()
	return err
}

// runJob runs one function, inside a savepoint if the batch has others. It returns an error only if the whole transaction
// is lost.
func (d *DB) runJob(j *job, fenced bool) error {
	if j.err = j.ctx.Err(); j.err != nil {
		return nil
	}
	j.tx = &Tx{q: d.conn, keys: d.keys, now: d.now(), actor: audit.Actor(j.ctx), chain: d.chain, request: delivery.Request(j.ctx)}
	before := d.chain.ends
	if fenced {
		if _, err := d.conn.exec("SAVEPOINT job"); err != nil {
			return err
		}
	}
	j.err = recoverPanic(j.fn, j.tx)
	if !fenced {
		return j.err // alone: undoing the job undoes the transaction
	}
	if j.err != nil {
		d.chain.ends = before
		// After some errors (disk full, I/O error …) SQLite has rolled back the whole transaction with its savepoints.
		if _, err := d.conn.exec("ROLLBACK TO job"); err != nil {
			if name := storageErrorName(j.err); name != nil {
				err = name // the others would have met it too
			}
			return fmt.Errorf("%w after: %s", err, j.err.Error()) // the others did not meet j.err itself
		}
	}
	_, err := d.conn.exec("RELEASE job")
	return err
}

// recoverPanic turns a panic of fn into an error, so that it does not stop the writer.
func recoverPanic(fn func(*Tx) error, tx *Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in transaction: %v\n%s", p, debug.Stack())
		}
	}()
	return fn(tx)
}

// view runs fn on one consistent state of the database, without waiting for writers.
func (d *DB) view(ctx context.Context, fn func(*Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var conn *stmtCache
	select {
	case conn = <-d.readers:
	case <-d.stop:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { d.readers <- conn }()
	if _, err := conn.exec("BEGIN"); err != nil {
		return fmt.Errorf("read database: %w", storageError(err))
	}
	defer func() { _, _ = conn.exec("ROLLBACK") }() // a reader changes nothing
	return storageError(fn(&Tx{q: conn, keys: d.keys, now: d.now()}))
}

// touch marks a row as changed, for watchers.
func (tx *Tx) touch(id string) { tx.touched = append(tx.touched, id) }
