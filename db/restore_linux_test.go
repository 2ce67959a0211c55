package db_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// What is done to the copy of a backup is in the copy before it takes its place: here there is room for its log, and not for what is in it.
func TestACopyWhoseLogCouldNotBeMovedIsRefused(t *testing.T) {
	backup := restore(t, "testdata/schema_v1.sql") // it grows when it is migrated
	tamper(t, backup, "INSERT INTO meta (name, value) VALUES ('padding', zeroblob(4 << 20))")
	info, err := os.Stat(backup)
	if err != nil {
		t.Fatal(err)
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	low := limit
	low.Cur = uint64(info.Size()) + 1000
	path := filepath.Join(t.TempDir(), "telegate.db")
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &low); err != nil {
		t.Fatal(err)
	}
	r, err := restoreTo(t, backup, path)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	if err == nil || !strings.Contains(err.Error(), "out of its log") {
		t.Errorf("%+v %v", r, err)
	}
	unchanged(t, filepath.Dir(path), nil)
}
