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

// ErrChanged: another program has changed the configuration meanwhile. Nothing was written.
var ErrChanged = errors.New("the file has changed in the meantime; start again, so that nothing is lost")

// Save replaces the configuration atomically, also if the system crashes. old is the content it replaces, nil for a new file. Save
// first copies the old file to its name plus time and .bak, with mode 0600; backup is this path. If path is a symbolic link, Save
// replaces the file it points to.
//
// The new file is readable only by its owner (0600), or also by the group if the old one was (0640). It keeps the owner and group of
// the old one if the system allows that. If the file is no longer old, the error is ErrChanged. After an error the configuration is
// unchanged.
func Save(path string, old, content []byte, now time.Time) (backup string, err error) {
	return save(path, old, content, now, func(mode fs.FileMode) fs.FileMode {
		if mode&0o007 != 0 {
			return 0o600
		}
		return 0o600 | mode&0o060
	})
}

// Rewrite is Save for an existing file that gets no new secret: its mode stays as it is.
func Rewrite(path string, old, content []byte, now time.Time) (backup string, err error) {
	return save(path, old, content, now, func(mode fs.FileMode) fs.FileMode { return mode })
}

func save(path string, old, content []byte, now time.Time, modeFrom func(fs.FileMode) fs.FileMode) (backup string, err error) {
	path, err = followSymlink(path)
	if err != nil {
		return "", fmt.Errorf("write the configuration: %w", err)
	}
	mode, info := fs.FileMode(0o600), fs.FileInfo(nil)
	if old != nil {
		if info, err = os.Stat(path); err != nil {
			return "", fmt.Errorf("write the configuration: %w", err)
		}
		mode = modeFrom(info.Mode().Perm())
		backup = path + now.UTC().Format(".20060102T150405.000Z") + ".bak"
		if err := writeNewFile(backup, old, 0o600, info); err != nil {
			return "", fmt.Errorf("back up the old configuration: %w", err)
		}
	}
	if err := replaceFile(path, old, content, mode, info); err != nil {
		if backup != "" {
			_ = os.Remove(backup) // the original still exists
		}
		return "", fmt.Errorf("write the configuration: %w", err)
	}
	return backup, nil
}

// CheckWritable creates and removes a file beside the configuration; its error says why that fails.
func CheckWritable(path string) error {
	path, err := followSymlink(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".telegate-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// followSymlink returns the target of a symbolic link, or the path itself.
func followSymlink(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return real, err
	}
	if _, err := os.Lstat(path); err == nil {
		return "", fmt.Errorf("%s is a link to a missing file; create the file or remove the link", path)
	}
	return path, nil
}

// replaceFile writes a temporary file beside path and renames it to path.
func replaceFile(path string, old, content []byte, mode fs.FileMode, owner fs.FileInfo) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), ".telegate-*")
	if err != nil {
		return err
	}
	name := temporary.Name()
	defer os.Remove(name) // no effect after the rename
	if err := errors.Join(temporary.Close(), os.Remove(name), writeNewFile(name, content, mode, owner)); err != nil {
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
		_ = folder.Sync() // not supported everywhere; the file itself is on disk
		_ = folder.Close()
	}
	return nil
}

// writeNewFile creates a file that must not exist, and syncs it to disk. owner is the file to copy owner and group from, or nil.
func writeNewFile(path string, content []byte, mode fs.FileMode, owner fs.FileInfo) (err error) {
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
		mode = 0o600 // the group has changed
	}
	return errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
}
