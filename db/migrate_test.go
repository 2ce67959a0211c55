package db_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"telegate/db"
	"telegate/db/dbtest"
	"telegate/linking"
	"telegate/twofa"
)

// keyV1 is the key file that belongs to testdata/schema_v1.sql.
const keyV1 = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"

// restore makes a database file out of a dump.
func restore(t *testing.T, dump string) (path string) {
	t.Helper()
	script, err := os.ReadFile(dump)
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "telegate.db")
	old, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	if _, err := old.ExecContext(t.Context(), string(script)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".key", []byte(keyV1), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A database that the first version has written opens, and everything in it can be read.
func TestTheFirstSchemaMigrates(t *testing.T) {
	d := dbtest.OpenAt(t, restore(t, "testdata/schema_v1.sql"), time.Now, nil)
	ctx := t.Context()
	if m, err := d.Load(ctx, "msg_v1"); err != nil || m.Body.Parts[0].Text.Text != "a message of version 1" {
		t.Errorf("message: %+v, %v", m, err)
	}
	err := d.ViewLinks(ctx, func(tx linking.Tx) error {
		l, err := tx.CurrentLink("", "alice")
		if err != nil || l.ID != "lnk_v1" || l.Status != linking.Verified || l.Chat.Username != "alice" {
			t.Errorf("link: %+v, %v", l, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = d.ViewVerifications(ctx, func(tx twofa.Tx) error {
		v, err := tx.Verification("ver_v1")
		if err != nil || v.Status != twofa.Pending || v.Sends != 1 {
			t.Errorf("verification: %+v, %v", v, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if left, err := d.UnhandledUpdates(ctx, botID, 10); err != nil || len(left) != 1 || string(left[0].Raw) != `{"update_id":7}` {
		t.Errorf("updates: %v, %v", left, err)
	}
	if r, err := d.Record(ctx, botID); err != nil || r.Username != "TestBot" || r.Offset != 8 {
		t.Errorf("bot: %+v, %v", r, err)
	}
	if trail, err := d.AuditTrail(ctx, "", "alice", time.Time{}); err != nil || len(trail) != 1 || trail[0].Subject != "ver_v1" {
		t.Errorf("audit: %v, %v", trail, err)
	}
}

// A database of a newer version is refused untouched: an older telegate would not know what it destroys.
func TestANewerSchemaIsRefused(t *testing.T) {
	path := restore(t, "testdata/schema_v1.sql")
	other, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)"); err != nil {
		t.Fatal(err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d, err := db.Open(context.Background(), db.Options{Path: path, KeyFile: path + ".key", Now: time.Now})
	if !errors.Is(err, db.ErrNewerSchema) {
		t.Errorf("opened with %v", err)
	}
	if err == nil {
		t.Fatal(d.Close())
	}
	if after, err := os.ReadFile(path); err != nil || len(after) != len(before) {
		t.Errorf("the file has changed: %d bytes, then %d (%v)", len(before), len(after), err)
	}
}
