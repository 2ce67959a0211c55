package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// checkDatabase tries to write to the folder, where SQLite keeps its log, and to the file, if it exists.
func (d *Doctor) checkDatabase(context.Context) []Finding {
	if d.cfg.Database.Path == "" {
		return nil // checkConfig reports it
	}
	return []Finding{databaseFinding(d.cfg.Database.Path)}
}

func databaseFinding(path string) Finding {
	folder := folderOf(path)
	const next = "Let the user telegate runs as write to it, or choose another one with [database] path."
	info, err := os.Stat(folder)
	if err != nil || !info.IsDir() {
		return Finding{"database", Fail, "The folder " + folder + " does not exist.", "Create it: mkdir -p " + folder}
	}
	trial, err := os.CreateTemp(folder, ".telegate-*")
	if err != nil {
		return Finding{"database", Fail, "The folder " + folder + " is not writable: " + withoutPath(err), next}
	}
	_, _ = trial.Close(), os.Remove(trial.Name())
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Finding{"database", OK, path + " does not exist yet; telegate serve creates it.", ""}
	case err != nil:
		return Finding{"database", Fail, path + " is not writable: " + withoutPath(err), next}
	}
	_ = file.Close()
	if othersCanAccess(path) {
		return Finding{"database", Warn, "Everybody on this machine can read " + path + ", which contains the users.", "Run: chmod 600 " + path}
	}
	return Finding{"database", OK, path + " is writable.", ""}
}

// folderOf is the folder of the database.
func folderOf(path string) string {
	folder, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return filepath.Dir(path) // the working folder of this process is gone; the checks report it
	}
	return folder
}

// othersCanAccess reports whether others than owner and group have rights to a file.
func othersCanAccess(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().Perm()&0o007 != 0
}

// withoutPath is an error of a file without the path, which the caller has printed.
func withoutPath(err error) string {
	var withPath *fs.PathError
	if errors.As(err, &withPath) {
		err = withPath.Err
	}
	return err.Error() + "."
}
