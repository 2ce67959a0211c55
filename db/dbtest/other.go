package dbtest

import (
	"database/sql"
	"testing"
)

// Hold takes the write lock of the database at a path, as another program does, until release is called.
func Hold(t testing.TB, path string) (release func()) {
	t.Helper()
	other, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := other.Close(); err != nil {
			t.Errorf("close the other connection: %v", err)
		}
	})
	conn, err := other.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	run := func(statement string) {
		t.Helper()
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	run("PRAGMA busy_timeout = 5000")
	run("BEGIN EXCLUSIVE")
	return func() {
		t.Helper()
		run("ROLLBACK")
		if err := conn.Close(); err != nil {
			t.Errorf("close the other connection: %v", err)
		}
	}
}

// Damage lets nobody open the bodies of messages any more.
func Damage(t testing.TB, path string, messageIDs ...string) {
	t.Helper()
	other, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for _, id := range messageIDs {
		if _, err := other.ExecContext(t.Context(), "UPDATE messages SET body = x'00' WHERE id = ?", id); err != nil {
			t.Fatal(err)
		}
	}
}
