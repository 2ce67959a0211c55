package db_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"telegate/db"
	"telegate/db/dbtest"
	"telegate/linking"
)

func TestFilesAreForTheirOwnerOnly(t *testing.T) {
	d, dir := openFiles(t)
	enqueue(t, d, message("msg_1", "hello", time.Now()))
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) < 4 { // database, WAL, shared memory, key
		t.Errorf("files: %v", entries)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", e.Name(), info.Mode().Perm())
		}
	}
}

func TestAReadableDatabaseIsMadePrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "telegate.db")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	dbtest.OpenAt(t, path, time.Now, nil)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %o", info.Mode().Perm())
	}
}

func TestAnyPathIsJustAPath(t *testing.T) {
	for _, name := range []string{"with space", "what?mode=memory", "half#", "100%", "a&_pragma=journal_mode(OFF)"} {
		dir := filepath.Join(t.TempDir(), name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name+".db")
		enqueue(t, dbtest.OpenAt(t, path, time.Now, nil), message("msg_1", "hello", time.Now()))
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeyFile(t *testing.T) {
	open := func(dir string) error {
		path := filepath.Join(dir, "telegate.db")
		d, err := db.Open(context.Background(), db.Options{Path: path, KeyFile: path + ".key", Now: time.Now})
		if err == nil {
			err = d.Close()
		}
		return err
	}
	fresh := func(t *testing.T) (dir, key string) {
		dir = t.TempDir()
		if err := open(dir); err != nil {
			t.Fatal(err)
		}
		return dir, filepath.Join(dir, "telegate.db.key")
	}
	t.Run("its own opens the database again", func(t *testing.T) {
		dir, _ := fresh(t)
		if err := open(dir); err != nil {
			t.Error(err)
		}
	})
	t.Run("a missing one is not made anew", func(t *testing.T) {
		dir, key := fresh(t)
		if err := os.Remove(key); err != nil {
			t.Fatal(err)
		}
		if err := open(dir); !errors.Is(err, db.ErrKey) {
			t.Errorf("opened with %v", err)
		}
		if _, err := os.Stat(key); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a key was made: %v", err)
		}
	})
	t.Run("another database's is refused", func(t *testing.T) {
		dir, key := fresh(t)
		_, other := fresh(t)
		data, err := os.ReadFile(other)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(key, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := open(dir); !errors.Is(err, db.ErrKey) {
			t.Errorf("opened with %v", err)
		}
	})
	for name, content := range map[string]string{"empty": "", "short": "00ff", "not hexadecimal": string(bytes.Repeat([]byte("zz"), 32))} {
		t.Run("a damaged one is refused: "+name, func(t *testing.T) {
			dir, key := fresh(t)
			if err := os.WriteFile(key, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := open(dir); !errors.Is(err, db.ErrKey) {
				t.Errorf("opened with %v", err)
			}
		})
	}
}

func TestClosedDatabaseTakesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "telegate.db")
	d, err := db.Open(t.Context(), db.Options{Path: path, KeyFile: path + ".key", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := d.UpdateLinks(t.Context(), func(linking.Tx) error { return nil }); !errors.Is(err, db.ErrClosed) {
		t.Errorf("a write after Close: %v", err)
	}
}

func TestAFileThatIsNoDatabaseIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "telegate.db")
	content := bytes.Repeat([]byte("this is somebody's diary\n"), 100)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if d, err := db.Open(t.Context(), db.Options{Path: path, KeyFile: path + ".key", Now: time.Now}); err == nil {
		t.Errorf("opened: %v", d.Close())
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, content) {
		t.Errorf("the file has changed (%v)", err)
	}
}

// Ready means that something can be stored: a full disk is not ready, and is again once there is room.
func TestAFullDiskIsNotReadyAndRecovers(t *testing.T) {
	d, _ := openFiles(t)
	free := d.Fill(t)
	if err := d.Ready(t.Context()); err == nil {
		t.Error("ready, though nothing can be stored")
	}
	free()
	if err := d.Ready(t.Context()); err != nil {
		t.Errorf("with room again: %v", err)
	}
}
