package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
)

// checkKey checks the key file of the database.
func (d *Doctor) checkKey(context.Context) []Finding {
	if d.cfg.Database.Path == "" {
		return nil // checkConfig reports it
	}
	return []Finding{keyFinding(d.cfg.Database.Path, d.cfg.Database.KeyFile)}
}

func keyFinding(path, keyFile string) Finding {
	const restore = "Restore the key file of this database. If it is lost, restore a backup, which has its own key file, " +
		"or move the database away, with its -wal and -shm, and start with a new one."
	_, noDatabase := os.Stat(path)
	file, err := os.Open(keyFile)
	switch {
	case errors.Is(err, fs.ErrNotExist) && noDatabase != nil:
		return Finding{"key file", OK, keyFile + " does not exist yet; telegate creates it with the database.", ""}
	case errors.Is(err, fs.ErrNotExist):
		return Finding{"key file", Fail, "The database exists, but its key file " + keyFile + " does not.", restore}
	case err != nil:
		return Finding{"key file", Fail, keyFile + " cannot be read: " + withoutPath(err), "Give it to the user telegate runs as."}
	}
	_ = file.Close()
	if othersCanAccess(keyFile) {
		return Finding{"key file", Fail, "Everybody on this machine can read " + keyFile + ".", "Run: chmod 600 " + keyFile}
	}
	return Finding{"key file", OK, keyFile + " is private.", ""}
}
