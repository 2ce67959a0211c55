//go:build unix

package config

import (
	"io/fs"
	"os"
	"syscall"
)

// sameOwner gives a file the owner and group of another, and says whether it has them now: only root may give files away.
func sameOwner(f *os.File, of fs.FileInfo) bool {
	stat, ok := of.Sys().(*syscall.Stat_t)
	return ok && f.Chown(int(stat.Uid), int(stat.Gid)) == nil
}
