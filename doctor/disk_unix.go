//go:build linux || darwin || freebsd

package doctor

import (
	"io/fs"
	"syscall"
)

// FreeSpace is the number of bytes that users without special rights can still write to the disk of a folder.
func FreeSpace(folder string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil {
		return 0, &fs.PathError{Op: "statfs", Path: folder, Err: err}
	}
	return int64(s.Bavail) * int64(s.Bsize), nil //nolint:unconvert // the types differ between systems
}
