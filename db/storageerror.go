package db

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"telegate/delivery"
)

// storageError gives disk problems the names that other packages know.
func storageError(err error) error {
	if name := storageErrorName(err); name != nil && !errors.Is(err, name) {
		return fmt.Errorf("%w: %w", name, err)
	}
	return err
}

// storageErrorName is that name; nil for other errors. A full disk is mostly SQLITE_FULL; for a used-up quota, or no space
// for the index of the log, SQLite reports an I/O error (sqlite.org/rescode.html).
func storageErrorName(err error) error {
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
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN: // a failing disk, or one that became read-only
		return delivery.ErrStorageBusy
	default:
		return nil
	}
}
