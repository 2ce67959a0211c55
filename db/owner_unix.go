//go:build unix

package db

import (
	"os"
	"syscall"
)

// copyOwner gives a file the owner and group of another, if this process may: files that root restores must still belong to
// telegate.
func copyOwner(file, other string) {
	info, err := os.Stat(other)
	if err != nil {
		return
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		_ = os.Chown(file, int(s.Uid), int(s.Gid))
	}
}
