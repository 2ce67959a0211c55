//go:build unix

package db

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// noFollow makes opening a symbolic link fail.
const noFollow = syscall.O_NOFOLLOW

// errLink: in a folder of another user, root follows no symbolic link, because that user could have it change any file.
var errLink = errors.New("is a symbolic link in a folder of another user, and root follows none there; " +
	"name its target with [database] path, or run the command as the owner of the folder")

// refuseLinks refuses, for root, a database in a folder of another user if the database or a file that belongs to it is a symbolic link.
func refuseLinks(path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	folder, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return nil // opening the database reports it
	}
	if s, ok := folder.Sys().(*syscall.Stat_t); !ok || s.Uid == 0 {
		return nil
	}
	for _, suffix := range []string{"", ".lock", ".lock-journal", ".key", ".key.partial", "-wal", "-shm", "-journal"} {
		if info, err := os.Lstat(path + suffix); err == nil && info.Mode()&os.ModeSymlink != 0 {
			return fmt.Errorf("%s %w", path+suffix, errLink)
		}
	}
	return nil
}

// copyOwner gives a file the owner and group of another, if this process may: files that root restores must still belong to
// telegate. It follows no link and gives away no file that has another name too.
func copyOwner(file, other string) {
	info, err := os.Lstat(other)
	if err != nil {
		return
	}
	f, err := os.OpenFile(file, os.O_RDONLY|noFollow|syscall.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer f.Close()
	have, err := f.Stat()
	if err != nil || !have.Mode().IsRegular() {
		return
	}
	from, ok := info.Sys().(*syscall.Stat_t)
	to, okTo := have.Sys().(*syscall.Stat_t)
	if ok && okTo && to.Nlink == 1 {
		_ = f.Chown(int(from.Uid), int(from.Gid))
	}
}
