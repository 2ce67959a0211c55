package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// checkDatabase tries to write: into the folder, where SQLite keeps its log, and to the file, if there is one.
func (d *Doctor) checkDatabase(context.Context) []Finding {
	if d.cfg.Database.Path == "" {
		return nil // checkConfig says why
	}
	return []Finding{databaseFinding(d.cfg.Database.Path)}
}

func databaseFinding(path string) Finding {
	folder := folderOf(path)
	const next = "Make it one that the user telegate runs as may write to, or name another with [database] path."
	info, err := os.Stat(folder)
	if err != nil || !info.IsDir() {
		return Finding{"database", Fail, "The folder " + folder + " is not there.", "Make it: mkdir -p " + folder}
	}
	trial, err := os.CreateTemp(folder, ".telegate-*")
	if err != nil {
		return Finding{"database", Fail, "The folder " + folder + " cannot be written to: " + withoutPath(err), next}
	}
	_, _ = trial.Close(), os.Remove(trial.Name())
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Finding{"database", OK, path + " is not there yet; telegate serve makes it.", ""}
	case err != nil:
		return Finding{"database", Fail, path + " cannot be written to: " + withoutPath(err), next}
	}
	_ = file.Close()
	if othersCanAccess(path) {
		return Finding{"database", Warn, path + " can be read by everybody on this machine: who has an account is in it.", "Run: chmod 600 " + path}
	}
	return Finding{"database", OK, path + " can be written to.", ""}
}

// folderOf is the folder of the database.
func folderOf(path string) string {
	folder, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return filepath.Dir(path) // the working folder of this process is gone; the checks say so
	}
	return folder
}

// isOpen tells that others than owner and group have rights to a file.
func othersCanAccess(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().Perm()&0o007 != 0
}

// plain is an error of a file without the path, which is said already.
func withoutPath(err error) string {
	var withPath *fs.PathError
	if errors.As(err, &withPath) {
		err = withPath.Err
	}
	return err.Error() + "."
}
