//go:build unix

package db

import (
	"os"
	"syscall"
)

// likeOwner gives a file the owner and group of another, where this process may do that: what root puts back must stay telegate's.
func likeOwner(file, other string) {
	info, err := os.Stat(other)
	if err != nil {
		return
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		_ = os.Chown(file, int(s.Uid), int(s.Gid))
	}
}
