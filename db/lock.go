package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ErrInUse: another telegate has the database open. Two would both send every queued message.
var ErrInUse = errors.New("another telegate is using it")

// lock locks out every other telegate until its connection is closed or its process ends. It is SQLite's exclusive lock on
// an empty file beside the database: this works on every system with SQLite, and does not block backups and other readers.
type lock struct {
	db   *sql.DB
	conn *sql.Conn // its transaction is the lock
}

// lockDatabase locks the database at path, which need not exist yet. It does not wait: ErrInUse if another has the lock.
func lockDatabase(ctx context.Context, path string) (*lock, error) {
	real, err := filepath.EvalSymlinks(path) // one lock for all names of the database
	if errors.Is(err, fs.ErrNotExist) {
		real, err = path, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find database: %w", err)
	}
	path = real
	file := path + ".lock"
	if err := createPrivate(file); err != nil {
		return nil, err
	}
	l := &lock{}
	if l.db, err = sql.Open("sqlite", uri(file)); err != nil {
		return nil, fmt.Errorf("lock database: %w", err)
	}
	if l.conn, err = l.db.Conn(ctx); err == nil {
		_, err = l.conn.ExecContext(ctx, "BEGIN EXCLUSIVE") // nothing is ever written
	}
	var refused *sqlite.Error
	switch {
	case err == nil:
		return l, nil
	case errors.As(err, &refused) && refused.Code() == sqlite3.SQLITE_BUSY:
		err = fmt.Errorf("database %s: %w; stop that one first, or give this one a database of its own (database.path)", path, ErrInUse)
	default:
		err = fmt.Errorf("lock database with %s: %w", file, err)
	}
	return nil, errors.Join(err, l.close())
}

func (l *lock) close() error {
	var err error
	if l.conn != nil {
		err = l.conn.Close()
	}
	return errors.Join(err, l.db.Close())
}
