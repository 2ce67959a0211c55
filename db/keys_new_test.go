package db_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"telegate/db"
)

// An empty or missing database beside a key file is an accident: everybody would be unlinked without a word.
func TestAMissingDatabaseBesideItsKeyIsNotReplacedByAnEmptyOne(t *testing.T) {
	for name, accident := range map[string]func(path string) error{
		"removed": func(path string) error { return os.Remove(path) },
		"emptied": func(path string) error { return os.Truncate(path, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			o := db.Options{Path: filepath.Join(folder, "telegate.db"), KeyFile: filepath.Join(folder, "telegate.db.key"), Now: time.Now, NoSync: true}
			open := func() error {
				d, err := db.Open(t.Context(), o)
				if err != nil {
					return err
				}
				return d.Close()
			}
			if err := open(); err != nil {
				t.Fatal(err)
			}
			key, err := os.ReadFile(o.KeyFile)
			if err != nil {
				t.Fatal(err)
			}
			if err := accident(o.Path); err != nil {
				t.Fatal(err)
			}
			for range 2 { // and not by the next start either
				if err := open(); !errors.Is(err, db.ErrNewDatabase) || !strings.Contains(err.Error(), "--new-database") {
					t.Errorf("opened: %v", err)
				}
			}
			o.NewDatabase = true
			if err := open(); err != nil {
				t.Errorf("on purpose: %v", err)
			}
			o.NewDatabase = false
			if err := open(); err != nil {
				t.Errorf("afterwards: %v", err)
			}
			if after, err := os.ReadFile(o.KeyFile); err != nil || string(after) != string(key) {
				t.Errorf("the key was replaced (%v)", err)
			}
		})
	}
}

// The very first start may be killed at any moment.
func TestAFirstStartThatWasKilledIsTakenUp(t *testing.T) {
	for name, state := range map[string]func(key string) error{
		"before the database knew the key":   func(key string) error { return os.WriteFile(key+".partial", []byte("half a ke"), 0o600) },
		"before the key file had its name":   func(key string) error { return os.Rename(key, key+".partial") },
		"with a stale partial key beside it": func(key string) error { return os.WriteFile(key+".partial", []byte("half a ke"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			o := db.Options{Path: filepath.Join(folder, "telegate.db"), KeyFile: filepath.Join(folder, "telegate.db.key"), Now: time.Now, NoSync: true}
			for n := range 2 {
				if n == 1 || strings.HasPrefix(name, "before the database") {
					if err := state(o.KeyFile); err != nil {
						t.Fatal(err)
					}
				}
				d, err := db.Open(t.Context(), o)
				if err != nil {
					t.Fatalf("start %d: %v", n+1, err)
				}
				if err := d.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := os.Stat(o.KeyFile); err != nil {
				t.Error(err)
			}
		})
	}
}
