package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"telegate/userclient/account"
)

var _ account.Sessions = (*OfflineDB)(nil)

// OfflineDB is a database that no telegate has open. It is only read, its schema stays unchanged, and no telegate can open
// it until Close.
type OfflineDB struct {
	lock   *lock // nil if the database never had one: no telegate that uses locks has it open
	reader *sql.DB
	keys   keys // without a master key if there are no sessions to read
}

// OpenOffline opens the database at a path, with its key file. ErrInUse, fs.ErrNotExist.
func OpenOffline(ctx context.Context, path, keyFile string) (*OfflineDB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find database: %w", err)
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("find database: %w", err)
	}
	if err := refuseLinks(path); err != nil {
		return nil, err
	}
	d := &OfflineDB{}
	if err := d.open(ctx, path, keyFile); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *OfflineDB) open(ctx context.Context, path, keyFile string) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("find database: %w", err)
	}
	if _, err := os.Stat(real + ".lock"); err == nil { // do not create it: it could belong to another user
		if d.lock, err = lockDatabase(ctx, path); err != nil {
			return err
		}
	}
	how := "?mode=ro&_pragma=busy_timeout(5000)"
	if _, err := os.Stat(real + "-wal"); errors.Is(err, fs.ErrNotExist) { // it was closed properly: SQLite need not leave files
		how += "&immutable=1"
	}
	if d.reader, err = sql.Open("sqlite", uri(path)+how); err != nil {
		return fmt.Errorf("open database for reading: %w", err)
	}
	var there bool
	if err := d.reader.QueryRowContext(ctx, "SELECT count(*) > 0 FROM sqlite_schema WHERE name = 'sessions'").Scan(&there); err != nil {
		return fmt.Errorf("open database for reading: %w", err)
	}
	if there { // there is a session: then the key file exists too and is not created
		if err := d.reader.QueryRowContext(ctx, "SELECT count(*) > 0 FROM sessions").Scan(&there); err != nil {
			return fmt.Errorf("read sessions: %w", err)
		}
	}
	if there {
		d.keys, err = openKeys(ctx, d.reader, keyFile, true)
	}
	return err
}

// Session implements account.Sessions.
func (d *OfflineDB) Session(ctx context.Context, name string) ([]byte, error) {
	if d.keys.master == nil {
		return nil, nil
	}
	return readSession(d.keys, d.reader.QueryRowContext(ctx, selectSession, name), name)
}

// Close closes the database and releases its lock.
func (d *OfflineDB) Close() error {
	var errs []error
	if d.reader != nil {
		errs = append(errs, d.reader.Close())
	}
	if d.lock != nil {
		errs = append(errs, d.lock.close())
	}
	return errors.Join(errs...)
}
