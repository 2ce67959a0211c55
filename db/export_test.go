package db

import "testing"

// Pragma reads a setting of the writing connection.
func (d *DB) Pragma(t testing.TB, name string) int64 {
	t.Helper()
	var v int64
	err := d.update(t.Context(), func(tx *Tx) error { return tx.q.row("PRAGMA " + name).Scan(&v) })
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// ReaderPragma reads a setting of one of the reading connections.
func (d *DB) ReaderPragma(t testing.TB, name string) int64 {
	t.Helper()
	var v int64
	err := d.view(t.Context(), func(tx *Tx) error { return tx.q.row("PRAGMA " + name).Scan(&v) })
	if err != nil {
		t.Fatal(err)
	}
	return v
}
