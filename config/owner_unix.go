//go:build unix

package config

import (
	"io/fs"
	"os"
	"syscall"
)

// sameOwner gives a file the owner and group of another. Only root may give files away; anybody else keeps his own.
func sameOwner(f *os.File, of fs.FileInfo) {
	if stat, ok := of.Sys().(*syscall.Stat_t); ok {
		_ = f.Chown(int(stat.Uid), int(stat.Gid))
	}
}
