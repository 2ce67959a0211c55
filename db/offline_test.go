package db_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"telegate/db"
	"telegate/db/dbtest"
)

// A database that nobody has open can be looked into, and nothing of it changes; one that is open cannot.
func TestADatabaseIsLookedIntoWithoutAChange(t *testing.T) {
	path := filepath.Join(t.TempDir(), "telegate.db")
	if _, err := db.OpenOffline(t.Context(), path, path+".key"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("one that is not there: %v", err)
	}
	d := dbtest.OpenAt(t, path, time.Now, nil)
	if err := d.SaveSession(t.Context(), "user", []byte("login")); err != nil {
		t.Fatal(err)
	}
	if _, err := db.OpenOffline(t.Context(), path, path+".key"); !errors.Is(err, db.ErrInUse) {
		t.Errorf("one that is open: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	before := contents(t, path)
	idle, err := db.OpenOffline(t.Context(), path, path+".key")
	if err != nil {
		t.Fatal(err)
	}
	if data, err := idle.Session(t.Context(), "user"); err != nil || string(data) != "login" {
		t.Errorf("the session reads %q, %v", data, err)
	}
	if data, err := idle.Session(t.Context(), "bot 1"); err != nil || data != nil {
		t.Errorf("one that is not there reads %q, %v", data, err)
	}
	if _, err := db.Open(t.Context(), db.Options{Path: path, KeyFile: path + ".key", Now: time.Now}); !errors.Is(err, db.ErrInUse) {
		t.Errorf("opened meanwhile: %v", err)
	}
	if err := idle.Close(); err != nil {
		t.Fatal(err)
	}
	if after := contents(t, path); !slices.Equal(before, after) {
		t.Errorf("the folder held %q, and holds %q", before, after)
	}
}

// A database of the first version has no sessions, and is not migrated by a look.
func TestAnOldDatabaseIsLookedIntoWithoutAChange(t *testing.T) {
	path := restore(t, "testdata/schema_v1.sql")
	before := contents(t, path)
	idle, err := db.OpenOffline(t.Context(), path, path+".key")
	if err != nil {
		t.Fatal(err)
	}
	if data, err := idle.Session(t.Context(), "user"); err != nil || data != nil {
		t.Errorf("the session reads %q, %v", data, err)
	}
	if err := idle.Close(); err != nil {
		t.Fatal(err)
	}
	if after := contents(t, path); !slices.Equal(before, after) {
		t.Errorf("the folder has changed: %d files, then %d", len(before), len(after))
	}
}

// contents is what lies beside a file, each name with its content.
func contents(t *testing.T, path string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(filepath.Dir(path), e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, e.Name()+" "+string(data))
	}
	return list
}
