package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
)

// checkKey looks at the key file of the database.
func (d *Doctor) checkKey(context.Context) []Finding {
	if d.cfg.Database.Path == "" {
		return nil // checkConfig says why
	}
	return []Finding{keyFinding(d.cfg.Database.Path, d.cfg.Database.KeyFile)}
}

func keyFinding(path, keyFile string) Finding {
	const restore = "Put back the file that was made with this database. If it is lost for good, put a backup in place, " +
		"which brings its own, or move the database away, with its -wal and -shm, and start anew."
	_, noDatabase := os.Stat(path)
	file, err := os.Open(keyFile)
	switch {
	case errors.Is(err, fs.ErrNotExist) && noDatabase != nil:
		return Finding{"key file", OK, keyFile + " is not there yet; it is made with the database.", ""}
	case errors.Is(err, fs.ErrNotExist):
		return Finding{"key file", Fail, "The database is there, but not its key file " + keyFile + ".", restore}
	case err != nil:
		return Finding{"key file", Fail, keyFile + " cannot be read: " + withoutPath(err), "Give it to the user telegate runs as."}
	}
	_ = file.Close()
	if othersCanAccess(keyFile) {
		return Finding{"key file", Fail, keyFile + " can be read by everybody on this machine.", "Run: chmod 600 " + keyFile}
	}
	return Finding{"key file", OK, keyFile + " is private.", ""}
}
