package db

import (
	"strconv"
	"testing"
)

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

// Fill lets the file grow no more, as a full disk does, and answers what gives the room back.
func (d *DB) Fill(t testing.TB) (free func()) {
	t.Helper()
	pages := d.Pragma(t, "page_count")
	d.Pragma(t, "max_page_count = "+strconv.FormatInt(pages, 10))
	return func() { d.Pragma(t, "max_page_count = 1000000") }
}
