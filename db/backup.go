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

// Backup writes the database as it stands at this moment into a new file, and its key beside it (file.key) unless keyFile is empty.
// Whoever writes to the database is not held up. Both files are made for their owner only, and nothing that exists is ever replaced:
// fs.ErrExist. The copy has been looked over when Backup returns, and after an error nothing of it is left.
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
		return roomless(file, damaged(err))
	}
	if err := proven(ctx, partial); err != nil {
		return err
	}
	if keyFile != "" {
		if err := copyNew(keyFile, file+".key"); err != nil {
			return roomless(file, err)
		}
	}
	if err := appear(partial, file); err != nil {
		if keyFile != "" {
			err = errors.Join(err, os.Remove(file+".key"))
		}
		return err
	}
	return syncFolder(filepath.Dir(file))
}

// mayWrite refuses a name that is taken.
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

// proven syncs a copy to the disk and looks it over.
func proven(ctx context.Context, path string) (err error) {
	if err := syncFile(path); err != nil {
		return roomless(path, err)
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

// roomless gives an error of a full disk its words.
func roomless(file string, err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(named(err), delivery.ErrStorageFull) {
		return fmt.Errorf("there is not enough room in %s, and nothing was left there: free some, or name another folder: %w",
			filepath.Dir(file), err)
	}
	return fmt.Errorf("write %s: %w", file, err)
}

// tempBeside makes an empty file, for its owner only, in the folder of another.
func tempBeside(file string) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(file), ".telegate-*.partial")
	if err != nil {
		return "", fmt.Errorf("write to the folder of %s: %w", file, err)
	}
	return f.Name(), f.Close()
}

// removeDatabase removes a database that was only tried, and what SQLite and the lock have put beside it.
func removeDatabase(path string) error {
	var errs []error
	for _, suffix := range []string{"", "-wal", "-shm", "-journal", ".lock"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// appear gives a file that is whole its name, unless that is taken meanwhile.
func appear(partial, file string) error {
	err := os.Link(partial, file)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s has appeared meanwhile: %w", file, fs.ErrExist)
	}
	if err != nil { // a file system without links
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

// copyNew copies a small file to one that is not there yet, for its owner only.
func copyNew(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
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

// syncFolder lets the names in it survive a power cut, where the system can do that to a folder.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	_ = f.Sync() // not everywhere
	return f.Close()
}
