package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"telegate/internal/secret"
)

// Why a file is not an intact database.
var (
	// ErrNoDatabase: it is not a telegate database.
	ErrNoDatabase = errors.New("this is not a database of telegate's")
	// ErrDamaged: the database is corrupt.
	ErrDamaged = errors.New("the database is damaged")
)

// Inspection is a database opened for reading only: one that a running telegate uses, or a backup.
type Inspection struct {
	path string
	db   *sql.DB
	conn *stmtCache
	keys keys
	lock *lock // prevents a start of telegate meanwhile; nil if it runs or never had a lock
}

// Inspect opens the database at a path for reading. ErrNoDatabase. The caller must Close it.
func Inspect(ctx context.Context, path string) (*Inspection, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", path, err)
	}
	if err := refuseLinks(abs); err != nil {
		return nil, err
	}
	abs = followLink(abs) // its log and its lock are there
	if err := checkMagic(abs); err != nil {
		return nil, err
	}
	i := &Inspection{path: abs}
	if err := i.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, damaged(err)), i.Close())
	}
	return i, nil
}

// open creates no files. If nobody has the database open, it reads the file alone. Otherwise SQLite would create a log,
// owned by root if root inspects it.
func (i *Inspection) open(ctx context.Context) error {
	mode := "mode=ro"
	if !exists(i.path + "-wal") {
		mode = "immutable=1"
		if exists(i.path + ".lock") {
			l, err := lockDatabase(ctx, i.path)
			if err != nil && !errors.Is(err, ErrInUse) {
				return err
			}
			if i.lock = l; l == nil {
				mode = "mode=ro"
			}
		}
	}
	var err error
	if i.db, err = sql.Open("sqlite", uri(i.path)+"?"+mode+"&_pragma=busy_timeout(5000)"); err != nil {
		return err
	}
	i.db.SetMaxIdleConns(-1) // each Check uses its own connection
	conn, err := i.db.Conn(ctx)
	if err != nil {
		return err
	}
	i.conn = newStmtCache(conn)
	return nil
}

// checkMagic checks the header of the file (sqlite.org/fileformat.html §1.3.1), so that SQLite gets no other file.
func checkMagic(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	defer f.Close()
	return checkHeader(f, path)
}

// checkHeader is checkMagic for an open file.
func checkHeader(f io.Reader, path string) error {
	head := make([]byte, 16)
	if _, err := io.ReadFull(f, head); err != nil || string(head) != "SQLite format 3\x00" {
		return fmt.Errorf("%s: %w", path, ErrNoDatabase)
	}
	return nil
}

// Close closes the files.
func (i *Inspection) Close() error {
	var errs []error
	if i.conn != nil {
		errs = append(errs, i.conn.Close())
	}
	if i.db != nil {
		errs = append(errs, i.db.Close())
	}
	if i.lock != nil {
		errs = append(errs, i.lock.close())
	}
	return errors.Join(errs...)
}

// Schema returns the version of the database and the newest known one. ErrNoDatabase, ErrNewerSchema, ErrDamaged.
func (i *Inspection) Schema() (have, newest int64, err error) {
	if newest, err = newestMigration(); err != nil {
		return 0, 0, err
	}
	err = i.conn.row("SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied").Scan(&have)
	switch {
	case err != nil && damaged(err) != err: //nolint:errorlint // compares identity
		return 0, newest, fmt.Errorf("%s: %w", i.path, damaged(err))
	case err != nil || have == 0:
		return 0, newest, fmt.Errorf("%s: %w", i.path, ErrNoDatabase)
	case have > newest:
		return have, newest, fmt.Errorf("%s has schema %d, known up to %d: %w", i.path, have, newest, ErrNewerSchema)
	}
	return have, newest, nil
}

// Unlock reads the key file of the database: ErrKey.
func (i *Inspection) Unlock(keyFile string) error {
	var check []byte
	if err := i.conn.row("SELECT value FROM meta WHERE name = 'key_check'").Scan(&check); err != nil {
		return fmt.Errorf("read key check of %s: %w", i.path, damaged(err))
	}
	master, err := readKey(keyFile)
	if err != nil {
		return err
	}
	k, err := newKeys(master)
	if err != nil {
		return err
	}
	if !secret.Equal(check, k.check()) {
		return fmt.Errorf("%w %s belongs to another database", ErrKey, keyFile)
	}
	i.keys = k
	return nil
}

// Check reads the whole database and returns ErrDamaged if it is corrupt. It takes about a second per gigabyte, longer if
// it also compares the indexes (thorough).
func (i *Inspection) Check(ctx context.Context, thorough bool) (err error) {
	// FTS5 compares with the index state that the connection remembers, and takes later writes of others for damage.
	conn, err := i.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("check %s: %w", i.path, damaged(err))
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	return check(ctx, conn, i.path, thorough)
}

// check runs SQLite's own check (sqlite.org/pragma.html#pragma_integrity_check) up to the first fault.
func check(ctx context.Context, q interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}, path string, thorough bool) error {
	pragma := "PRAGMA quick_check(1)"
	if thorough {
		pragma = "PRAGMA integrity_check(1)"
	}
	var verdict string
	switch err := q.QueryRowContext(ctx, pragma).Scan(&verdict); {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("check %s: %w", path, damaged(err))
	case verdict != "ok":
		return fmt.Errorf("%s: %w (%s)", path, ErrDamaged, verdict)
	}
	return nil
}

// damaged turns SQLite's corruption errors into ErrDamaged and keeps all others.
func damaged(err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) {
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT:
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
	}
	return err
}

// Counts returns the number of rows of each table, without SQLite's tables for full-text indexes.
func (i *Inspection) Counts() (map[string]int64, error) {
	counts := map[string]int64{}
	tx := &Tx{q: i.conn}
	tables, err := all(tx, func(row scanner) (name string, err error) { err = row.Scan(&name); return name, err },
		"SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name")
	if err != nil {
		return nil, damaged(err)
	}
	for _, table := range tables {
		var n int64
		if err := i.conn.row(`SELECT count(*) FROM "` + table + `"`).Scan(&n); err != nil {
			return nil, fmt.Errorf("count %s: %w", table, damaged(err))
		}
		counts[table] = n
	}
	return counts, nil
}
