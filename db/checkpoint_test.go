package db_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// What is committed reaches the database beside the commits, long before the log is so long that a commit would have to do it.
func TestCommitsDoNotPayForMovingTheLog(t *testing.T) {
	d, dir := openFiles(t)
	size := func(name string) int64 {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	const longestLog = 4000 * 4096
	before := size("telegate.db")
	for i := 0; size("telegate.db") == before; i++ {
		enqueue(t, d, message(fmt.Sprintf("msg_%d", i), "hello", time.Now()))
	}
	if size("telegate.db-wal") >= longestLog {
		t.Error("the log had filled up before anything was moved out of it")
	}
}

// However long a load lasts, the log begins again from its start: it would fill the disk otherwise.
func TestLogStaysShortUnderALoadWithoutPauses(t *testing.T) {
	if testing.Short() {
		t.Skip("long: load")
	}
	d, dir := openFiles(t)
	for i := range 2000 { // some 8 pages each: the log would come to 64 MB
		enqueue(t, d, message(fmt.Sprintf("msg_%d", i), "hello", time.Now()))
	}
	info, err := os.Stat(filepath.Join(dir, "telegate.db-wal"))
	if err != nil {
		t.Fatal(err)
	}
	if limit := int64(24 << 20); info.Size() > limit {
		t.Errorf("the log has grown to %d bytes", info.Size())
	}
}
