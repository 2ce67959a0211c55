package db

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// explainAccess adds to an error of opening the database what to do, if its folder is missing or this user may not write to one of its
// files. SQLite names neither the file nor the reason.
func explainAccess(path string, err error) error {
	return explainAccessBy(path, err, func(file string) error {
		f, err := os.OpenFile(file, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		return f.Close()
	})
}

func explainAccessBy(path string, err error, tryOpen func(file string) error) error {
	folder := filepath.Dir(path)
	if _, statErr := os.Stat(folder); errors.Is(statErr, fs.ErrNotExist) {
		return fmt.Errorf("%w; the folder %s does not exist: make it first, and let the user telegate runs as write to it", err, folder)
	}
	for _, suffix := range []string{"", "-wal", "-shm", ".lock", ".lock-journal"} {
		if file := path + suffix; errors.Is(tryOpen(file), fs.ErrPermission) {
			return fmt.Errorf("%w; this user may not write to %s, perhaps because another user (root?) made it. Give it to the owner of the folder: "+
				"sudo chown --reference=%s %s", err, file, folder, file)
		}
	}
	return err
}
