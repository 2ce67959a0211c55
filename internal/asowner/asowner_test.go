//go:build unix

package asowner

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// The owner of a lent folder may have put anything under the name of the file.
func TestOnlyAFileOfItsOwnIsTaken(t *testing.T) {
	protected := filepath.Join(t.TempDir(), "protected")
	if err := os.WriteFile(protected, []byte("of root's"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, plant := range map[string]func(path string) error{
		"a link":        func(path string) error { return os.Symlink(protected, path) },
		"a second name": func(path string) error { return os.Link(protected, path) },
		"a folder":      func(path string) error { return os.Mkdir(path, 0o700) },
		"a pipe":        func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"nothing":       func(string) error { return nil },
	} {
		lent, to := filepath.Join(t.TempDir(), "backup.db"), filepath.Join(t.TempDir(), "backup.db")
		if err := plant(lent); err != nil {
			t.Fatal(err)
		}
		if err := Take(lent, to); err == nil {
			t.Errorf("%s was taken", name)
		}
		if _, err := os.Lstat(to); err == nil {
			t.Errorf("%s is left", name)
		}
	}
	if info, err := os.Stat(protected); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v %v", info, err)
	}
}

func TestAFileIsTakenAndReplacesNoOther(t *testing.T) {
	lent, to := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	if err := os.WriteFile(lent, []byte("backup"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := Take(lent, to); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(to); err != nil || info.Mode().Perm() != 0o600 || info.Size() != 6 {
		t.Errorf("%v %v", info, err)
	}
	if err := os.WriteFile(lent, []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Take(lent, to); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file was replaced: %v", err)
	}
}
