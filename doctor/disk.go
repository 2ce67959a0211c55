package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
)

// Limits of the free space, in bytes. The write-ahead log alone takes a few megabytes.
const (
	spaceFail = 50 << 20
	spaceWarn = 500 << 20
)

// checkDisk checks the free space on the database's file system.
func (d *Doctor) checkDisk(context.Context) []Finding {
	if d.cfg.Database.Path == "" {
		return nil // checkConfig reports it
	}
	folder := folderOf(d.cfg.Database.Path)
	free, err := FreeSpace(folder)
	f := Finding{"disk", OK, fmt.Sprintf("%d MiB are free in %s.", free>>20, folder), ""}
	switch {
	case errors.Is(err, errors.ErrUnsupported), errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		f.Status, f.Detail = Warn, "The free space in "+folder+" is not known: "+err.Error()
	case free < spaceFail:
		f.Status, f.Next = Fail, "Free some space: without it telegate can accept nothing."
	case free < spaceWarn:
		f.Status, f.Next = Warn, "Free some space before the disk is full: then telegate can accept nothing."
	}
	return []Finding{f}
}
