package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// ErrChanged says that somebody else has written a configuration in the meantime. Nothing was written.
var ErrChanged = errors.New("the file has changed in the meantime; start again, so that nothing is lost")

// Save puts a new configuration in the place of the old one, which may be missing: old is nil then. It is all there or not at all, also
// after a crash. The old one is kept beside it first, under its name with the time and .bak behind, with the mode of a secret; backup
// names it. A symbolic link stays one: the file it points to is replaced.
//
// The new file may be read by its owner alone (0600), and by the group where the old one let the group and nobody else (0640). Its
// owner and group are those of the old one, as far as the system allows it. Where the file is no longer the old one, the error is
// ErrChanged. Whatever the error, the configuration is as it was.
func Save(path string, old, content []byte, now time.Time) (backup string, err error) {
	path, err = follow(path)
	if err != nil {
		return "", fmt.Errorf("write the configuration: %w", err)
	}
	mode, info := fs.FileMode(0o600), fs.FileInfo(nil)
	if old != nil {
		if info, err = os.Stat(path); err != nil {
			return "", fmt.Errorf("write the configuration: %w", err)
		}
		if info.Mode().Perm()&0o007 == 0 {
			mode |= info.Mode().Perm() & 0o060
		}
		backup = path + now.UTC().Format(".20060102T150405.000Z") + ".bak"
		if err := writeNew(backup, old, 0o600, info); err != nil {
			return "", fmt.Errorf("keep the old configuration: %w", err)
		}
	}
	if err := replace(path, old, content, mode, info); err != nil {
		if backup != "" {
			_ = os.Remove(backup) // the file it is a copy of is still there
		}
		return "", fmt.Errorf("write the configuration: %w", err)
	}
	return backup, nil
}

// CheckWritable reports why no file can be put beside a configuration, by trying it.
func CheckWritable(path string) error {
	path, err := follow(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".telegate-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// follow returns the file that a path stands for, the path itself where there is none.
func follow(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return real, err
	}
	if _, err := os.Lstat(path); err == nil {
		return "", fmt.Errorf("%s is a link to a file that is not there; make that file or remove the link", path)
	}
	return path, nil
}

// replace writes a file beside another and renames it over it.
func replace(path string, old, content []byte, mode fs.FileMode, owner fs.FileInfo) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), ".telegate-*")
	if err != nil {
		return err
	}
	name := temporary.Name()
	defer os.Remove(name) // of no effect once it is renamed
	if err := errors.Join(temporary.Close(), os.Remove(name), writeNew(name, content, mode, owner)); err != nil {
		return err
	}
	current, err := os.ReadFile(path)
	switch {
	case old == nil && err == nil, old != nil && errors.Is(err, fs.ErrNotExist), err == nil && !bytes.Equal(current, old):
		return ErrChanged
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := os.Rename(name, path); err != nil {
		return err
	}
	if folder, err := os.Open(filepath.Dir(path)); err == nil {
		_ = folder.Sync() // not every system has it; the file itself is on disk
		_ = folder.Close()
	}
	return nil
}

// writeNew writes a file that must not be there yet, on disk when it returns. owner is the file to take owner and group from, or nil.
func writeNew(path string, content []byte, mode fs.FileMode, owner fs.FileInfo) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(path)
		}
	}()
	_, err = f.Write(content)
	if owner != nil && !sameOwner(f, owner) {
		mode = 0o600 // the rights were another group's
	}
	return errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
}
