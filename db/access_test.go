package db

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// SQLite says only "unable to open database file", whichever file root has left behind.
func TestAFileOfAnotherUserIsNamedWithTheWayOut(t *testing.T) {
	broken, folder := errors.New("unable to open database file (14)"), t.TempDir()
	path := filepath.Join(folder, "telegate.db")
	for _, suffix := range []string{"", "-wal", "-shm", ".lock", ".lock-journal"} {
		err := explainAccessBy(path, broken, func(file string) error {
			if file == path+suffix {
				return &fs.PathError{Op: "open", Path: file, Err: fs.ErrPermission}
			}
			return nil
		})
		if !errors.Is(err, broken) || !strings.Contains(err.Error(), "may not write to "+path+suffix+", ") ||
			!strings.HasSuffix(err.Error(), "sudo chown --reference="+folder+" "+path+suffix) {
			t.Errorf("%q: %v", suffix, err)
		}
	}
	if err := explainAccess(path, broken); !errors.Is(err, broken) || err.Error() != broken.Error() {
		t.Errorf("no file is another user's: %v", err)
	}
}

func TestAMissingFolderOfTheDatabaseIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "no", "such", "telegate.db")
	_, err := Open(t.Context(), Options{Path: path, KeyFile: path + ".key"})
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "the folder "+filepath.Dir(path)+" does not exist: make it first") {
		t.Error(err)
	}
}
