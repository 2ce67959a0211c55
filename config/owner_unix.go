//go:build unix

package config

import (
	"io/fs"
	"os"
	"syscall"
)

// sameOwner sets a file's owner and group to those of another, and reports whether that worked: only root may change the owner.
func sameOwner(f *os.File, of fs.FileInfo) bool {
	stat, ok := of.Sys().(*syscall.Stat_t)
	return ok && f.Chown(int(stat.Uid), int(stat.Gid)) == nil
}
