package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
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

// Damage makes the bodies of messages unreadable.
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

// Tamper runs statements as an attacker with access to the file but no key.
func Tamper(ctx context.Context, path string, statements ...string) (err error) {
	other, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, other.Close()) }()
	for _, s := range statements {
		if _, err := other.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

// AuditOutcomes are the outcomes of all entries with an event, in their order.
func AuditOutcomes(t testing.TB, path, event string) (outcomes []string) {
	t.Helper()
	other, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	rows, err := other.QueryContext(t.Context(), "SELECT outcome FROM audit WHERE event = ? ORDER BY seq", event)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var outcome string
		if err := rows.Scan(&outcome); err != nil {
			t.Fatal(err)
		}
		outcomes = append(outcomes, outcome)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return outcomes
}
