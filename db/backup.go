package db

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"telegate/delivery"
)

// Backup writes a copy of the database as it is now into a new file, and its key beside it (file.key) unless keyFile is
// empty. It does not delay writers. Both files are private to their owner. It never replaces a file: fs.ErrExist. It checks
// the copy before it returns, and removes it after an error.
func (i *Inspection) Backup(ctx context.Context, file, keyFile string) (err error) {
	file, err = filepath.Abs(file)
	if err != nil {
		return fmt.Errorf("find %s: %w", file, err)
	}
	targets := []string{file}
	if keyFile != "" {
		targets = append(targets, file+".key")
	}
	for _, target := range targets {
		if err := i.mayWrite(target); err != nil {
			return err
		}
	}
	partial, err := tempBeside(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeDatabase(partial)) }()
	if _, err := i.conn.conn.ExecContext(ctx, "VACUUM INTO ?", partial); err != nil {
		return fullDiskError(file, damaged(err))
	}
	if err := syncAndCheck(ctx, partial); err != nil {
		return err
	}
	if keyFile != "" {
		if err := copyKey(keyFile, file+".key"); err != nil {
			return fullDiskError(file, err)
		}
	}
	if err := publish(partial, file); err != nil {
		if keyFile != "" {
			err = errors.Join(err, os.Remove(file+".key"))
		}
		return err
	}
	return syncFolder(filepath.Dir(file))
}

// mayWrite refuses the name of an existing file.
func (i *Inspection) mayWrite(target string) error {
	info, err := os.Lstat(target)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at %s: %w", target, err)
	}
	if own, err := os.Stat(i.path); err == nil {
		if there, err := os.Stat(target); err == nil && os.SameFile(own, there) {
			return fmt.Errorf("%s is the database itself: %w; name another file", target, fs.ErrExist)
		}
	}
	return fmt.Errorf("%s is there already (%d bytes): %w; name another file, or remove that one first", target, info.Size(), fs.ErrExist)
}

// syncAndCheck syncs a copy to the disk and checks it.
func syncAndCheck(ctx context.Context, path string) (err error) {
	if err := syncFile(path); err != nil {
		return fullDiskError(path, err)
	}
	i, err := Inspect(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, i.Close()) }()
	if _, _, err := i.Schema(); err != nil {
		return err
	}
	return i.Check(ctx, true)
}

// fullDiskError adds an explanation to the error of a full disk.
func fullDiskError(file string, err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(storageError(err), delivery.ErrStorageFull) {
		return fmt.Errorf("there is not enough room in %s, and nothing was left there: free some, or name another folder: %w",
			filepath.Dir(file), err)
	}
	return fmt.Errorf("write %s: %w", file, err)
}

// tempBeside makes an empty private file in the folder of another.
func tempBeside(file string) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(file), ".telegate-*.partial")
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("the folder %s does not exist; make it first", filepath.Dir(file))
	}
	if err != nil {
		return "", fmt.Errorf("write to the folder of %s: %w", file, err)
	}
	return f.Name(), f.Close()
}

// removeDatabase removes a trial database with its log and lock.
func removeDatabase(path string) error {
	var errs []error
	for _, suffix := range []string{"", "-wal", "-shm", "-journal", ".lock"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// publish gives a complete file its name, unless a file of that name exists.
func publish(partial, file string) error {
	err := os.Link(partial, file)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s has appeared meanwhile: %w", file, fs.ErrExist)
	}
	if err != nil { // the file system has no links
		if _, statErr := os.Lstat(file); statErr == nil {
			return fmt.Errorf("%s has appeared meanwhile: %w", file, fs.ErrExist)
		}
		err = os.Rename(partial, file)
	}
	if err != nil {
		return fmt.Errorf("name the copy: %w", err)
	}
	return nil
}

// copyKey writes the key of a key file to a new private file. It copies only a key, because for a command of root's the name can
// lead to any file by now: the owner of the folder may have put a link there.
func copyKey(from, to string) error {
	master, err := readKey(from)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(writeKey(f, master), f.Close()); err != nil {
		return errors.Join(err, os.Remove(to))
	}
	return nil
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// syncFolder syncs a folder, so that its file names survive a power failure, if the system can do that.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	_ = f.Sync() // not supported everywhere
	return f.Close()
}
