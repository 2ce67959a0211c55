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

// maxBatch bounds how many functions share one commit, and so how long the first of them waits for the last.
const maxBatch = 256

// job is one function waiting to be part of a commit.
type job struct {
	ctx  context.Context
	fn   func(*Tx) error
	tx   *Tx
	err  error
	done chan struct{}
}

// Tx is one transaction; it implements the transactions of linking, twofa and notify. It must not be kept.
type Tx struct {
	q       *stmtCache
	keys    keys
	now     time.Time          // the same for the whole transaction
	queued  []delivery.Queued  // accepted messages, told to the dispatcher after the commit
	ended   []delivery.Message // messages that this transaction has ended, told after the commit
	touched []string           // ids whose rows have changed, for those who wait on them
	actor   string             // who is behind it, for the audit
	chain   *chain             // of the audit; nil in a reading transaction
	audited []audit.Entry      // what the audit was told, counted after the commit
	request string             // the request that it belongs to; empty for none
}

// update runs fn inside the next commit and returns when that is on disk. An error of fn takes back what fn did, and
// nothing of its neighbours. ErrStorageFull and ErrStorageBusy of delivery say that nothing was written because nothing
// could be.
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

// commitLoop is the writing goroutine: it owns the connection and everything a Tx touches.
func (d *DB) commitLoop() {
	defer close(d.stopped)
	for {
		select {
		case j := <-d.jobs:
			d.commit(d.collect(j))
		case <-d.stop:
			for { // what was handed over before Close is still written
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

// collect takes whoever is waiting already. Where the last commit had more company than that, the others are likely on
// their way (they have just been answered, and ask again), so it waits for them, half as long as that commit took at
// most: one commit for all of them is soonest done.
func (d *DB) collect(first *job) []*job {
	batch := []*job{first}
	var patience <-chan time.Time
	for len(batch) < maxBatch {
		select {
		case j := <-d.jobs:
			batch = append(batch, j)
			continue
		default:
		}
		if len(batch) >= d.company {
			break
		}
		if patience == nil {
			timer := time.NewTimer(d.took / 2)
			defer timer.Stop()
			patience = timer.C
		}
		select {
		case j := <-d.jobs:
			batch = append(batch, j)
		case <-patience:
			d.company = 0
		case <-d.stop:
			d.company = 0
		}
	}
	d.company = len(batch)
	return batch
}

// commit runs a batch in one transaction and tells each of its callers.
func (d *DB) commit(batch []*job) {
	err := d.runBatch(batch)
	for _, j := range batch {
		if j.err == nil && err != nil {
			j.err = fmt.Errorf("write to database: %w", err)
		}
		j.err = named(j.err)
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
			// After some errors SQLite has rolled back already and this one finds nothing to do; either way nothing
			// of the batch stays.
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
	d.took = time.Since(begun)
	d.logs.committed()
	return err
}

// runJob runs one function, fenced by a savepoint where it has neighbours. It returns an error only when the whole
// transaction is lost.
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
	j.err = contain(j.fn, j.tx)
	if !fenced {
		return j.err // alone: taking back the job is taking back the transaction
	}
	if j.err != nil {
		d.chain.ends = before
		// After some errors (disk full, I/O error …) SQLite has taken back the whole transaction, savepoints and all.
		if _, err := d.conn.exec("ROLLBACK TO job"); err != nil {
			if name := troubleOf(j.err); name != nil {
				err = name // what it met, they would have met
			}
			return fmt.Errorf("%w after: %s", err, j.err.Error()) // the neighbours did not meet j.err itself
		}
	}
	_, err := d.conn.exec("RELEASE job")
	return err
}

// contain turns a panic of fn into its error, so that it does not take the writer down.
func contain(fn func(*Tx) error, tx *Tx) (err error) {
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
		return fmt.Errorf("read database: %w", named(err))
	}
	defer func() { _, _ = conn.exec("ROLLBACK") }() // a reader has nothing to lose
	return named(fn(&Tx{q: conn, keys: d.keys, now: d.now()}))
}

// touch marks a row as changed, for those who wait on it.
func (tx *Tx) touch(id string) { tx.touched = append(tx.touched, id) }
