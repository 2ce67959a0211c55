package db

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"telegate/delivery"
)

// named gives the troubles of a database that pass by themselves, or once somebody makes room, the names that the other
// rooms know them by.
func named(err error) error {
	if name := troubleOf(err); name != nil && !errors.Is(err, name) {
		return fmt.Errorf("%w: %w", name, err)
	}
	return err
}

// troubleOf is that name; nil for any other error. A full disk mostly answers SQLITE_FULL; where it is a quota that is
// used up, or the index of the write-ahead log that finds no room, SQLite calls it an I/O error
// (sqlite.org/rescode.html).
func troubleOf(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return nil
	}
	switch e.Code() {
	case sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE:
		return delivery.ErrStorageFull
	}
	switch e.Code() & 0xff { // the primary code
	case sqlite3.SQLITE_FULL:
		return delivery.ErrStorageFull
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return delivery.ErrStorageBusy
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN: // a disk that fails, or has become read-only for it
		return delivery.ErrStorageBusy
	default:
		return nil
	}
}
