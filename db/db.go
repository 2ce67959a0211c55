// Package db is the only place with SQL. It keeps everything in one SQLite file and encrypts confidential columns. Its
// types and errors are those of the packages it stores for; each declares the interface it needs.
//
// One goroutine writes. Functions that arrive while it commits share the next commit (group commit), so a durable write
// costs a share of an fsync. Another goroutine moves committed pages from the log into the database. Readers have their own
// connections and never wait for writers.
package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"telegate/delivery"
	"telegate/internal/audit"
)

// DB is an open database. It is safe for concurrent use.
type DB struct {
	path        string // absolute path of the file
	lock        *lock
	writer      *sql.DB // exactly one connection, held by conn
	conn        *stmtCache
	reader      *sql.DB
	readers     chan *stmtCache // idle reading connections
	readerCount int             // number of reading connections
	logs        *checkpointer
	keys        keys
	chain       *chain // used by the writing goroutine only
	unchecked   bool   // the check at the start did not finish
	auditFault  error  // why the audit chain could not be continued
	now         func() time.Time

	jobs          chan *job
	stop          chan struct{}  // closed by Close: no new jobs
	stopped       chan struct{}  // closed when the writer has ended
	checkpointing sync.WaitGroup // waits for the checkpointer
	closing       sync.Once
	closed        error // error of closing the files; set after closing
	watch         watchers

	onQueued  func([]delivery.Queued) // set before the first write, like the next two
	onEnded   func([]delivery.Message)
	onAudited func([]audit.Entry)

	// Used by the writing goroutine only: the number of jobs in the last commit, and how long that took.
	lastBatch  int
	lastCommit time.Duration
}

// Options configure the database.
type Options struct {
	Path    string // of the SQLite file; created with mode 0600
	KeyFile string // created with mode 0600 together with a new database
	Now     func() time.Time
	// OnQueued is called after each commit that accepted messages, by the writing goroutine; it must not block.
	OnQueued func([]delivery.Queued)
	// OnEnded is called in the same way with messages (ID, Lane, Status and Failure) that a transaction has ended:
	// canceled, or stored as failed. The dispatcher reports its own ends itself.
	OnEnded func([]delivery.Message)
	// OnAudited is called in the same way with new audit entries.
	OnAudited func([]audit.Entry)
	// NewDatabase lets an existing key file belong to a new database; otherwise Open returns ErrNewDatabase.
	NewDatabase bool
	// NoSync leaves out every fsync: a commit then survives a killed process, but no power failure. For tests only.
	NoSync bool
}

// Open opens or creates the database and updates its schema. It refuses a database that another telegate has open
// (ErrInUse), a damaged one (ErrDamaged), a newer schema, a key file of another
// database (ErrKey), and a new database beside an old key file (ErrNewDatabase). The caller must Close it.
func Open(ctx context.Context, o Options) (*DB, error) {
	path, err := filepath.Abs(o.Path)
	if err != nil {
		return nil, fmt.Errorf("find database %s: %w", o.Path, err)
	}
	if err := refuseLinks(path); err != nil {
		return nil, err
	}
	if err := createPrivate(followLink(path)); err != nil {
		return nil, explainAccess(followLink(path), err)
	}
	d := &DB{
		path: path, now: o.Now, onQueued: o.OnQueued, onEnded: o.OnEnded, onAudited: o.OnAudited,
		jobs: make(chan *job, 256), stop: make(chan struct{}), stopped: make(chan struct{}),
		readers: make(chan *stmtCache, 4),
	}
	synchronous := "_pragma=synchronous(FULL)"
	if o.NoSync {
		synchronous = "_pragma=synchronous(OFF)"
	}
	if err := d.open(ctx, path, o, synchronous); err != nil {
		return nil, errors.Join(explainAccess(followLink(path), err), d.closeFiles())
	}
	go d.commitLoop()
	d.checkpointing.Go(func() { d.logs.run(d.stop) })
	return d, nil
}

func (d *DB) open(ctx context.Context, path string, o Options, synchronous string) error {
	var err error
	if d.lock, err = lockDatabase(ctx, path); err != nil {
		return err
	}
	if d.writer, err = sql.Open("sqlite", dsn(path, "_txlock=immediate", synchronous,
		fmt.Sprintf("_pragma=wal_autocheckpoint(%d)", maxLogPages))); err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	d.writer.SetMaxOpenConns(1)
	if err := d.checkAtStart(ctx); err != nil {
		return err
	}
	if err := migrate(ctx, d.writer); err != nil {
		return fmt.Errorf("database %s: %w", path, damaged(err))
	}
	if d.keys, err = openKeys(ctx, d.writer, o.KeyFile, o.NewDatabase); err != nil {
		return err
	}
	conn, err := d.writer.Conn(ctx)
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	d.conn = newStmtCache(conn)
	if d.chain, d.auditFault, err = openChain(ctx, d.conn, d.keys, d.now()); err != nil {
		return err
	}
	if d.logs, err = newCheckpointer(path, synchronous); err != nil {
		return err
	}
	if d.reader, err = sql.Open("sqlite", dsn(path, "mode=ro", "_pragma=query_only(1)")); err != nil {
		return fmt.Errorf("open database for reading: %w", err)
	}
	for range cap(d.readers) {
		conn, err := d.reader.Conn(ctx)
		if err != nil {
			return fmt.Errorf("open database for reading: %w", err)
		}
		d.readers <- newStmtCache(conn)
		d.readerCount++
	}
	return nil
}

// startCheck is how long the check at the start may take. That is enough for about a gigabyte.
const startCheck = 2 * time.Second

// checkAtStart refuses a damaged database: further writes would make the damage worse.
func (d *DB) checkAtStart(ctx context.Context) error {
	within, cancel := context.WithTimeout(ctx, startCheck)
	defer cancel()
	err := check(within, d.writer, d.path, false)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case within.Err() != nil && !errors.Is(err, ErrDamaged):
		d.unchecked = true
		return nil
	case errors.Is(err, ErrDamaged):
		return fmt.Errorf("%w; nothing in it was changed. Put back the newest good backup with telegate restore FILE, "+
			"which keeps this file, and look at the disk (smartctl, dmesg)", err)
	}
	return err
}

// Unchecked reports whether the database was too large to be checked completely at the start.
func (d *DB) Unchecked() bool { return d.unchecked }

// dsn builds a URI, so that no character of the path is read as a parameter. It holds the pragmas because each is per
// connection.
func dsn(path string, params ...string) string {
	q := "_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)&_dqs=0"
	for _, p := range params {
		q += "&" + p
	}
	return uri(path) + "?" + q
}

func uri(path string) string {
	u := url.URL{Scheme: "file", Path: path, OmitHost: true}
	return u.String()
}

// createPrivate makes the file private to its owner; SQLite gives its WAL the same mode.
func createPrivate(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|noFollow, 0o600)
	if err != nil {
		return fmt.Errorf("open or create database: %w", err)
	}
	if err := errors.Join(f.Chmod(0o600), f.Close()); err != nil { // by descriptor: the name may have become a link
		return fmt.Errorf("make database private: %w", err)
	}
	return nil
}

// followLink returns where a database really is, or would be if there is none: its path and its folder may be symbolic links.
func followLink(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	if folder, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		return filepath.Join(folder, filepath.Base(path))
	}
	return path
}

// AuditBroken returns why the audit chain could not be continued; nil if it could. telegate works anyway.
func (d *DB) AuditBroken() error { return d.auditFault }

// Close finishes accepted writes and running reads, and closes the files. Later calls get ErrClosed. Close may be called
// again.
func (d *DB) Close() error {
	d.closing.Do(func() {
		close(d.stop)
		<-d.stopped
		d.checkpointing.Wait()
		d.closed = d.closeFiles()
	})
	return d.closed
}

func (d *DB) closeFiles() error {
	var errs []error
	if d.conn != nil {
		errs = append(errs, d.conn.Close())
	}
	if d.logs != nil {
		errs = append(errs, d.logs.conn.Close())
	}
	for range d.readerCount { // waits for running reads
		errs = append(errs, (<-d.readers).Close())
	}
	if d.reader != nil {
		errs = append(errs, d.reader.Close())
	}
	if d.writer != nil {
		errs = append(errs, d.writer.Close())
	}
	if d.lock != nil { // last: nobody else may start before
		errs = append(errs, d.lock.close())
	}
	return errors.Join(errs...)
}

// millis is how times are stored; the zero time is 0.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
