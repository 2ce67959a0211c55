package db_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"telegate/db"
	"telegate/db/dbtest"
	"telegate/delivery"
	"telegate/internal/audit"
)

// backUp makes a backup of the database at a path, as telegate backup does.
func backUp(t testing.TB, path, file string) {
	t.Helper()
	if err := tryBackup(t, path, file); err != nil {
		t.Fatal(err)
	}
}

func tryBackup(t testing.TB, path, file string) error {
	t.Helper()
	i, err := db.Inspect(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	return i.Backup(t.Context(), file, path+".key")
}

func restoreTo(t testing.TB, file, path string) (db.Restored, error) {
	t.Helper()
	return db.Restore(t.Context(), db.RestoreOptions{File: file, Path: path, KeyFile: path + ".key", Now: time.Now()})
}

// everything is every file in a folder with its content, so that a test can see that nothing was lost or left.
func everything(t testing.TB, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".lock") || strings.HasSuffix(e.Name(), "-shm") {
			continue // empty, and SQLite's own shared memory
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(data)
	}
	return files
}

func unchanged(t testing.TB, dir string, before map[string]string) {
	t.Helper()
	after := everything(t, dir)
	for name, data := range before {
		if after[name] != data {
			t.Errorf("%s has changed or is gone", name)
		}
	}
	for name := range after {
		if _, ok := before[name]; !ok {
			t.Errorf("%s was left behind", name)
		}
	}
}

// A backup that is taken while everybody writes is whole, private, and holds what was committed before it began.
func TestABackupOfABusyDatabaseCanBePutBack(t *testing.T) {
	if testing.Short() {
		t.Skip("long: load")
	}
	d, dir := openFiles(t)
	path := filepath.Join(dir, "telegate.db")
	enqueue(t, d, message("msg_before", "hello", time.Now()))
	var stop atomic.Bool
	done := make(chan int)
	go func() {
		n := 0
		for ; !stop.Load(); n++ {
			enqueue(t, d, message(delivery.NewID("msg"), "hello", time.Now()))
			writeAudit(t, d, audit.Entry{Time: time.Now(), Event: audit.LinkStarted, User: "alice"})
		}
		done <- n
	}()
	file := filepath.Join(t.TempDir(), "copy.db")
	backUp(t, path, file)
	stop.Store(true)
	t.Logf("%d messages were written meanwhile", <-done)
	for _, name := range []string{file, file + ".key"} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info, err)
		}
	}
	if r := verify(t, file, ""); r.Fault != "" {
		t.Errorf("its audit: %+v", r)
	}

	elsewhere := filepath.Join(t.TempDir(), "telegate.db")
	r, err := restoreTo(t, file, elsewhere)
	if err != nil || r.Kept != "" || r.Waiting == 0 {
		t.Fatalf("%+v %v", r, err)
	}
	back := dbtest.OpenAt(t, elsewhere, time.Now, nil)
	if m, err := back.Load(t.Context(), "msg_before"); err != nil || m.Body.Parts[0].Text.Text != "hello" {
		t.Errorf("%+v %v", m, err)
	}
}

func TestABackupReplacesNothing(t *testing.T) {
	d, dir := openFiles(t)
	path := filepath.Join(dir, "telegate.db")
	enqueue(t, d, message("msg_1", "hello", time.Now()))
	elsewhere := t.TempDir()
	link := filepath.Join(elsewhere, "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	there := filepath.Join(elsewhere, "there.db")
	for name, content := range map[string]string{there: "a diary", filepath.Join(elsewhere, "half.db.key"): "a key"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	here, away := everything(t, dir), everything(t, elsewhere)
	for file, says := range map[string]string{
		path:                                   "the database itself",
		link:                                   "the database itself",
		path + ".key":                          "is there already",
		there:                                  "is there already",
		filepath.Join(elsewhere, "half.db"):    "half.db.key is there already",
		elsewhere:                              "is there already",
		filepath.Join(elsewhere, "no", "x.db"): "does not exist; make it first",
	} {
		if err := tryBackup(t, path, file); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("onto %s: %v, want %q", file, err, says)
		}
	}
	unchanged(t, dir, here)
	unchanged(t, elsewhere, away)
}

func TestABackupWithAnotherKeyOrFromNoDatabaseIsRefused(t *testing.T) {
	_, dir := openFiles(t)
	other := filepath.Join(t.TempDir(), "other.key")
	write(t, other, []byte(keyV1))
	i, err := db.Inspect(t.Context(), filepath.Join(dir, "telegate.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	if err := i.Unlock(other); !errors.Is(err, db.ErrKey) {
		t.Errorf("another key: %v", err)
	}
	diary := filepath.Join(t.TempDir(), "diary")
	if err := os.WriteFile(diary, bytes.Repeat([]byte("dear diary "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if i, err := db.Inspect(t.Context(), diary); !errors.Is(err, db.ErrNoDatabase) {
		t.Errorf("a diary: %v %v", i, err)
	}
	if i, err := db.Inspect(t.Context(), diary+"-gone"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing: %v %v", i, err)
	}
}

// stopped is a database with one message that nobody has open, and a backup of it.
func stopped(t testing.TB) (path, backup string) {
	t.Helper()
	dir := t.TempDir()
	path, backup = filepath.Join(dir, "telegate.db"), filepath.Join(t.TempDir(), "backup.db")
	d := dbtest.OpenAt(t, path, time.Now, nil)
	enqueue(t, d, message("msg_old", "hello", time.Now()))
	writeAudit(t, d, entries(4, time.Now())...)
	backUp(t, path, backup)
	enqueue(t, d, message("msg_new", "hello", time.Now()))
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	return path, backup
}

func TestRestoreKeepsWhatItReplaces(t *testing.T) {
	path, backup := stopped(t)
	r, err := restoreTo(t, backup, path)
	if err != nil || r.Kept == "" || r.Waiting != 1 {
		t.Fatalf("%+v %v", r, err)
	}
	has := func(path string, want map[string]bool) {
		t.Helper()
		d := dbtest.OpenAt(t, path, time.Now, nil)
		for id, there := range want {
			if _, err := d.Load(t.Context(), id); (err == nil) != there {
				t.Errorf("%s, %s: %v", path, id, err)
			}
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
	has(path, map[string]bool{"msg_old": true, "msg_new": false})
	if rep := verify(t, path, ""); rep.Fault != "" || rep.Entries != 5 { // restoring is an act too
		t.Errorf("audit: %+v", rep)
	}
	// And back again: what was kept is a backup itself.
	if r, err = restoreTo(t, r.Kept, path); err != nil {
		t.Fatalf("%+v %v", r, err)
	}
	has(path, map[string]bool{"msg_old": true, "msg_new": true})
}

// A backup of another database comes with its own key; the key of the one that it replaces is kept too.
func TestRestoreBringsTheKeyOfTheBackup(t *testing.T) {
	path := restore(t, "testdata/schema_v1.sql") // its key is another
	_, backup := stopped(t)
	own, err := os.ReadFile(path + ".key")
	if err != nil {
		t.Fatal(err)
	}
	r, err := restoreTo(t, backup, path)
	if err != nil {
		t.Fatal(err)
	}
	if kept, err := os.ReadFile(r.Kept + ".key"); err != nil || !bytes.Equal(kept, own) {
		t.Errorf("the old key: %q %v", kept, err)
	}
	d := dbtest.OpenAt(t, path, time.Now, nil)
	if m, err := d.Load(t.Context(), "msg_old"); err != nil || m.BodyErr != nil {
		t.Errorf("%+v %v", m, err)
	}
}

func TestWhatWaitsInABackupCanBeDropped(t *testing.T) {
	path, backup := stopped(t)
	r, err := db.Restore(t.Context(), db.RestoreOptions{File: backup, Path: path, KeyFile: path + ".key", Now: time.Now(), DropWaiting: true})
	if err != nil || r.Waiting != 1 {
		t.Fatalf("%+v %v", r, err)
	}
	d := dbtest.OpenAt(t, path, time.Now, nil)
	if m, err := d.Load(t.Context(), "msg_old"); err != nil || m.Status != delivery.StatusCanceled {
		t.Errorf("%+v %v", m, err)
	}
}

// Whatever is wrong with a backup, it is said, and everything stays as it was.
func TestABadBackupIsRefusedAndNothingIsLost(t *testing.T) {
	if testing.Short() {
		t.Skip("long: many restores")
	}
	size := func(file string) int64 {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	for name, c := range map[string]struct {
		spoil func(t *testing.T, file string)
		is    error
		says  string
	}{
		"empty":        {func(t *testing.T, f string) { write(t, f, nil) }, db.ErrNoDatabase, ""},
		"not SQLite":   {func(t *testing.T, f string) { write(t, f, bytes.Repeat([]byte("dear diary "), 5000)) }, db.ErrNoDatabase, ""},
		"another's":    {func(t *testing.T, f string) { write(t, f, nil); tamper(t, f, "CREATE TABLE cats (name TEXT)") }, db.ErrNoDatabase, ""},
		"truncated":    {func(t *testing.T, f string) { truncate(t, f, size(f)/2) }, db.ErrDamaged, "older one"},
		"one page off": {func(t *testing.T, f string) { truncate(t, f, size(f)-4096) }, db.ErrDamaged, ""},
		"overwritten": {func(t *testing.T, f string) {
			overwrite(t, f, 4096*3, bytes.Repeat([]byte{0xa5}, 4096*4))
		}, db.ErrDamaged, ""},
		"newer": {func(t *testing.T, f string) {
			tamper(t, f, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)")
		}, db.ErrNewerSchema, "9999"},
		"without any key": {func(t *testing.T, f string) { tamper(t, f, "UPDATE meta SET value = x'00' WHERE name = 'key_check'") }, db.ErrKey, "backup.db.key"},
		"with its log":    {func(t *testing.T, f string) { write(t, f+"-wal", []byte("something")) }, nil, "telegate backup"},
		"gone":            {func(t *testing.T, f string) { _ = os.Remove(f) }, fs.ErrNotExist, ""},
	} {
		t.Run(name, func(t *testing.T) {
			path, backup := stopped(t)
			c.spoil(t, backup)
			before := everything(t, filepath.Dir(path))
			r, err := restoreTo(t, backup, path)
			if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%+v %v", r, err)
			}
			unchanged(t, filepath.Dir(path), before)
		})
	}
	t.Run("the database itself", func(t *testing.T) {
		path, _ := stopped(t)
		before := everything(t, filepath.Dir(path))
		if _, err := restoreTo(t, path, path); err == nil || !strings.Contains(err.Error(), "itself") {
			t.Error(err)
		}
		unchanged(t, filepath.Dir(path), before)
	})
	t.Run("while telegate runs", func(t *testing.T) {
		path, backup := stopped(t)
		d := dbtest.OpenAt(t, path, time.Now, nil)
		if _, err := restoreTo(t, backup, path); !errors.Is(err, db.ErrInUse) {
			t.Error(err)
		}
		if _, err := d.Load(t.Context(), "msg_new"); err != nil {
			t.Error(err)
		}
	})
}

// A database that is damaged is not opened, and a backup takes its place.
func TestADamagedDatabaseIsRefusedAtTheStartAndReplaced(t *testing.T) {
	path, backup := stopped(t)
	overwrite(t, path, 4096*3, bytes.Repeat([]byte{0xa5}, 4096*4))
	before := everything(t, filepath.Dir(path))
	d, err := openNow(t, path)
	if !errors.Is(err, db.ErrDamaged) || !strings.Contains(err.Error(), "telegate restore FILE") {
		t.Fatalf("opened: %v %v", d, err)
	}
	unchanged(t, filepath.Dir(path), before)
	r, err := restoreTo(t, backup, path)
	if err != nil {
		t.Fatal(err)
	}
	if kept, err := os.ReadFile(r.Kept); err != nil || string(kept) != before["telegate.db"] {
		t.Errorf("the damaged one was not kept: %v", err)
	}
	back := dbtest.OpenAt(t, path, time.Now, nil)
	if _, err := back.Load(t.Context(), "msg_old"); err != nil {
		t.Error(err)
	}
}

func write(t testing.TB, file string, data []byte) {
	t.Helper()
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func truncate(t testing.TB, file string, size int64) {
	t.Helper()
	if err := os.Truncate(file, size); err != nil {
		t.Fatal(err)
	}
}

func overwrite(t testing.TB, file string, at int64, data []byte) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(data, at); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// Looking at a database that nobody has open puts nothing beside it, and keeps telegate from changing it meanwhile.
func TestInspectingLeavesNoTrace(t *testing.T) {
	path, backup := stopped(t)
	for _, file := range []string{path, backup} {
		before, err := os.ReadDir(filepath.Dir(file))
		if err != nil {
			t.Fatal(err)
		}
		i, err := db.Inspect(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		if err := i.Check(t.Context(), true); err != nil {
			t.Error(err)
		}
		if d, err := openNow(t, path); file == path && !errors.Is(err, db.ErrInUse) {
			t.Errorf("opened meanwhile: %v %v", d, err)
		} else if err == nil {
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := i.Close(); err != nil {
			t.Error(err)
		}
		if after, err := os.ReadDir(filepath.Dir(file)); err != nil || len(after) != len(before) {
			t.Errorf("beside %s: %v %v", file, after, err)
		}
	}
}

// Pruning takes turns with everybody else: those who write meanwhile wait for a few milliseconds' worth of rows, not for all of them.
func TestPruningLeavesTheWriterToOthersInBetween(t *testing.T) {
	clock := dbtest.NewClock()
	d := dbtest.Open(t, clock.Now)
	var old []audit.Entry
	for range 2000 {
		old = append(old, audit.Entry{Time: clock.Now(), Event: audit.LinkStarted, User: "alice"})
	}
	writeAudit(t, d, old...)
	clock.Advance(401 * 24 * time.Hour)
	pruned := make(chan error, 1)
	go func() { pruned <- d.Prune(t.Context(), clock.Now(), dbtest.Retention) }()
	for written := 0; ; written++ {
		select {
		case err := <-pruned:
			if err != nil {
				t.Fatal(err)
			}
			if written < 10 { // 2000 rows are ten steps
				t.Errorf("only %d writes came through while 2000 rows were pruned", written)
			}
			return
		default:
			writeAudit(t, d, audit.Entry{Time: clock.Now(), Event: audit.LinkStarted, User: "bob"})
		}
	}
}

// A log that belongs to a damaged database, and so could not be settled, is kept with it and never meets the new one.
func TestTheLogOfADamagedDatabaseIsKeptWithIt(t *testing.T) {
	path, backup := stopped(t)
	write(t, path, bytes.Repeat([]byte{0xa5}, 8192))
	write(t, path+"-wal", []byte("what is left of a log"))
	r, err := restoreTo(t, backup, path)
	if err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(r.Kept + "-wal"); err != nil || string(data) != "what is left of a log" {
		t.Errorf("%q %v", data, err)
	}
	d := dbtest.OpenAt(t, path, time.Now, nil)
	if _, err := d.Load(t.Context(), "msg_old"); err != nil {
		t.Error(err)
	}
}

// Under whatever name a database is opened that is in use, the backup has the newest of it.
func TestABackupThroughALinkHasWhatTheLogHolds(t *testing.T) {
	d, dir := openFiles(t)
	path := filepath.Join(dir, "telegate.db")
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	enqueue(t, d, message("msg_newest", "hello", time.Now()))
	i, err := db.Inspect(t.Context(), link)
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	file := filepath.Join(t.TempDir(), "copy.db")
	if err := i.Backup(t.Context(), file, path+".key"); err != nil {
		t.Fatal(err)
	}
	back := dbtest.OpenAt(t, file, time.Now, nil)
	if _, err := back.Load(t.Context(), "msg_newest"); err != nil {
		t.Error(err)
	}
}

// The owner of the folder can put a link to any file in place of the key while a backup of root's goes on, and may read what it writes.
func TestABackupCopiesNothingButAKeyAsTheKey(t *testing.T) {
	path, file := filepath.Join(t.TempDir(), "telegate.db"), filepath.Join(t.TempDir(), "backup.db")
	if err := dbtest.OpenAt(t, path, time.Now, func([]delivery.Queued) {}).Close(); err != nil {
		t.Fatal(err)
	}
	i, err := db.Inspect(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	if err := i.Unlock(path + ".key"); err != nil {
		t.Fatal(err)
	}
	protected := filepath.Join(t.TempDir(), "shadow")
	if err := os.WriteFile(protected, []byte("root:$6$hash"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(path+".key"), os.Symlink(protected, path+".key")); err != nil {
		t.Fatal(err)
	}
	if err := i.Backup(t.Context(), file, path+".key"); !errors.Is(err, db.ErrKey) || strings.Contains(err.Error(), "$6$") {
		t.Errorf("a file that is no key: %v", err)
	}
	if left := everything(t, filepath.Dir(file)); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}
