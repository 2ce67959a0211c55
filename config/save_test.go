package config_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"telegate/config"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// hasContent checks a file's content and mode.
func hasContent(t *testing.T, file, content string, mode fs.FileMode) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(data) != content || info.Mode().Perm() != mode {
		t.Errorf("%s holds %q with mode %o", file, data, info.Mode().Perm())
	}
}

// names lists a folder.
func names(t *testing.T, folder string) string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

func TestSaveKeepsTheOldFileAndShutsTheNewOne(t *testing.T) {
	for mode, want := range map[fs.FileMode]fs.FileMode{0o600: 0o600, 0o644: 0o600, 0o640: 0o640, 0o666: 0o600, 0o400: 0o600} {
		folder := t.TempDir()
		file := write(t, folder, "telegate.toml", "old", mode)
		backup, err := config.Save(file, []byte("old"), []byte("new"), noon)
		if err != nil {
			t.Fatal(err)
		}
		hasContent(t, file, "new", want)
		hasContent(t, backup, "old", 0o600)
		if got := names(t, folder); got != "telegate.toml telegate.toml.20261126T120000.000Z.bak" {
			t.Errorf("the folder holds %s", got)
		}
	}
}

func TestSaveOfAFirstFileHasNoBackup(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "telegate.toml")
	backup, err := config.Save(file, nil, []byte("new"), noon)
	if err != nil || backup != "" {
		t.Fatalf("%q, %v", backup, err)
	}
	hasContent(t, file, "new", 0o600)
	if got := names(t, folder); got != "telegate.toml" {
		t.Errorf("the folder holds %s", got)
	}
}

func TestSaveFollowsALink(t *testing.T) {
	folder, other := t.TempDir(), t.TempDir()
	file := write(t, other, "real.toml", "old", 0o600)
	link := filepath.Join(folder, "telegate.toml")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	backup, err := config.Save(link, []byte("old"), []byte("new"), noon)
	if err != nil {
		t.Fatal(err)
	}
	hasContent(t, file, "new", 0o600)
	hasContent(t, backup, "old", 0o600)
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link became %v, %v", info, err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Save(link, nil, []byte("new"), noon); err == nil || !strings.Contains(err.Error(), "a link to a missing file") {
		t.Errorf("a link to nothing: %v", err)
	}
}

func TestSaveLosesNothingThatChangedMeanwhile(t *testing.T) {
	folder := t.TempDir()
	file := write(t, folder, "telegate.toml", "somebody else's", 0o600)
	for _, old := range [][]byte{[]byte("old"), nil} {
		if _, err := config.Save(file, old, []byte("new"), noon); !errors.Is(err, config.ErrChanged) {
			t.Errorf("got %v", err)
		}
		hasContent(t, file, "somebody else's", 0o600)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Save(file, []byte("old"), []byte("new"), noon); err == nil {
		t.Error("wrote a file that somebody had deleted")
	}
	if got := names(t, folder); got != "" {
		t.Errorf("left behind %s", got)
	}
}

func TestSaveWhereNothingCanBeWritten(t *testing.T) {
	folder := t.TempDir()
	nowhere := filepath.Join(write(t, folder, "file", "x", 0o600), "telegate.toml")
	if err := config.CheckWritable(nowhere); err == nil {
		t.Error("a file was taken for a folder")
	}
	if _, err := config.Save(filepath.Join(folder, "gone", "telegate.toml"), nil, []byte("new"), noon); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
	if os.Getuid() == 0 {
		t.Skip("root may write anywhere")
	}
	file := write(t, folder, "telegate.toml", "old", 0o600)
	if err := os.Chmod(folder, 0o500); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Chmod(folder, 0o700) }()
	if err := config.CheckWritable(file); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v", err)
	}
	if _, err := config.Save(file, []byte("old"), []byte("new"), noon); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v", err)
	}
	hasContent(t, file, "old", 0o600)
}
