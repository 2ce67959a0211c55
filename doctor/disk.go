package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
)

// How much free space is little, in bytes. The write-ahead log alone takes a few megabytes.
const (
	spaceFail = 50 << 20
	spaceWarn = 500 << 20
)

// checkDisk looks at the free space of the database's file system.
func (d *Doctor) checkDisk(context.Context) []Finding {
	if d.cfg.Database.Path == "" {
		return nil // checkConfig says why
	}
	folder := folderOf(d.cfg.Database.Path)
	free, err := FreeSpace(folder)
	f := Finding{"disk", OK, fmt.Sprintf("%d MiB are free in %s.", free>>20, folder), ""}
	switch {
	case errors.Is(err, errors.ErrUnsupported), errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		f.Status, f.Detail = Warn, "Free space in "+folder+" cannot be found out: "+err.Error()
	case free < spaceFail:
		f.Status, f.Next = Fail, "Free some space: without it nothing can be accepted."
	case free < spaceWarn:
		f.Status, f.Next = Warn, "Free some space before it is full: then nothing can be accepted."
	}
	return []Finding{f}
}
