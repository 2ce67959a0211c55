package db_test

import (
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"telegate/db"
	"telegate/db/dbtest"
)

func openNow(t *testing.T, path string) (*db.DB, error) {
	t.Helper()
	return db.Open(t.Context(), db.Options{Path: path, KeyFile: path + ".key", Now: time.Now})
}

// Two processes on one database would each send everything.
func TestADatabaseIsOpenedOnceAtATime(t *testing.T) {
	d, dir := openFiles(t)
	path := filepath.Join(dir, "telegate.db")
	alias := filepath.Join(t.TempDir(), "alias.db")
	if err := os.Symlink(path, alias); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, alias} {
		second, err := openNow(t, name)
		if !errors.Is(err, db.ErrInUse) {
			t.Fatalf("a second one: %v %v", second, err)
		}
		if !strings.Contains(err.Error(), "stop that one first") {
			t.Errorf("it does not say what to do: %v", err)
		}
	}
	enqueue(t, d, message("msg_1", "hello", time.Now())) // the first has come to no harm
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	next, err := openNow(t, path)
	if err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	if err := next.Close(); err != nil {
		t.Error(err)
	}
}

// The lock is the process's: it ends with it, however that ends, and no file has to be cleared away.
func TestAnotherProcessHasTheDatabaseUntilItEnds(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "telegate.db")
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "TELEGATE_TEST_WRITER="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	kill := func() {
		_ = child.Process.Kill()
		_ = child.Wait() // "signal: killed"
	}
	t.Cleanup(kill)
	if _, err := out.Read(make([]byte, 1)); err != nil { // it writes
		t.Fatal(err)
	}
	if d, err := openNow(t, path); !errors.Is(err, db.ErrInUse) {
		t.Fatalf("while another process has it: %v %v", d, err)
	}
	kill()
	dbtest.OpenAt(t, path, time.Now, nil)
}

// Whoever only reads the file, as backup tools do, is not kept away.
func TestABackupCanBeTakenWhileTheDatabaseIsOpen(t *testing.T) {
	d, dir := openFiles(t)
	enqueue(t, d, message("msg_1", "hello", time.Now()))
	other, err := sql.Open("sqlite", filepath.Join(dir, "telegate.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	backup := filepath.Join(t.TempDir(), "telegate.db")
	if _, err := other.ExecContext(t.Context(), "VACUUM INTO ?", backup); err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(dir, "telegate.db.key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(backup+".key", key, 0o600); err != nil {
		t.Fatal(err)
	}
	copied := dbtest.OpenAt(t, backup, time.Now, nil)
	if m, err := copied.Load(t.Context(), "msg_1"); err != nil || m.Body.Parts[0].Text.Text != "hello" {
		t.Errorf("the backup holds %+v (%v)", m, err)
	}
	enqueue(t, d, message("msg_2", "hello", time.Now())) // the database goes on
}
