package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"telegate/audit"
)

// RestoreOptions say what is put back, and where.
type RestoreOptions struct {
	File        string // the backup; its key lies beside it (File.key), or is that of the database which it replaces
	Path        string // of the database
	KeyFile     string
	DropWaiting bool // cancel what was waiting to be sent when the backup was made
	Now         time.Time
}

// Restored is what Restore has done.
type Restored struct {
	Kept       string    // the copy of the database that was replaced; empty where there was none
	Waiting    int64     // messages that will be sent, or were canceled
	Broadcasts int64     // that were not finished; likewise
	Newest     time.Time // when the last entry of the audit was written
}

// Restore puts a backup in the place of the database. The backup is proven on a copy first: whole (ErrDamaged, ErrNoDatabase), of no newer
// version (ErrNewerSchema), with its own key (ErrKey); it is migrated there, and the audit is told. Only then it takes its place, in one
// step. The database that it replaces is kept beside it. ErrInUse while a telegate runs; after any error everything is as it was.
func Restore(ctx context.Context, o RestoreOptions) (r Restored, err error) {
	path, err := filepath.Abs(o.Path)
	if err != nil {
		return r, fmt.Errorf("find database %s: %w", o.Path, err)
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // a link stays a link
	}
	if err := refuseSource(o.File, path); err != nil {
		return r, err
	}
	l, err := lockDatabase(ctx, path)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, l.close()) }()

	trial, err := tempBeside(path)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, removeDatabase(trial)) }()
	if err := copyOver(o.File, trial); err != nil {
		return r, roomless(path, err)
	}
	key, err := fitting(ctx, trial, o.File, o.File+".key", o.KeyFile)
	if err != nil {
		return r, err
	}
	if err := r.prepare(ctx, trial, key, o); err != nil {
		return r, err
	}
	if r.Kept, err = keep(ctx, path, o.KeyFile, key, o.Now); err != nil {
		return r, err
	}
	if key != o.KeyFile {
		if err := replaceKey(key, o.KeyFile); err != nil {
			return r, err
		}
	}
	owner := path
	if r.Kept == "" {
		owner = filepath.Dir(path)
	}
	likeOwner(trial, owner)
	likeOwner(o.KeyFile, owner)
	likeOwner(path+".lock", owner)
	if err := os.Rename(trial, path); err != nil {
		return r, fmt.Errorf("put the backup in place: %w", err)
	}
	return r, syncFolder(filepath.Dir(path))
}

// refuseSource refuses what is plainly no backup to put there.
func refuseSource(file, path string) error {
	info, err := os.Stat(file)
	if err != nil {
		return fmt.Errorf("read the backup: %w", err)
	}
	if own, err := os.Stat(path); err == nil && os.SameFile(own, info) {
		return fmt.Errorf("%s is the database itself, not a backup of it", file)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file", file)
	}
	if wal, err := os.Stat(file + "-wal"); err == nil && wal.Size() > 0 {
		return fmt.Errorf("%s has a log beside it (%s-wal), so it is a database in use or a copy of one, and not whole by itself; "+
			"make a backup with telegate backup", file, file)
	}
	return checkMagic(file)
}

// copyOver fills an empty file with another's content, down to the disk.
func copyOver(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

// fitting proves a copy of a backup and answers the first of the key files that is its own. name is what people call it.
func fitting(ctx context.Context, trial, name string, keyFiles ...string) (key string, err error) {
	i, err := Inspect(ctx, trial)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	defer func() { err = errors.Join(err, i.Close()) }()
	if err := i.Check(ctx, true); err != nil {
		return "", fmt.Errorf("%s cannot be put back, take an older one: %w", name, err)
	}
	if _, _, err := i.Schema(); err != nil {
		return "", fmt.Errorf("%s cannot be put back: %w", name, err)
	}
	for _, f := range keyFiles {
		switch err = i.Unlock(f); {
		case err == nil:
			return f, nil
		case !errors.Is(err, ErrKey):
			return "", err
		}
	}
	return "", fmt.Errorf("%w: neither %s.key nor the key file of the database belongs to %s; put the right one beside it under that name",
		ErrKey, name, name)
}

// prepare opens the copy as telegate does, which brings its schema up to date, and does in it what has to be done.
func (r *Restored) prepare(ctx context.Context, trial, key string, o RestoreOptions) error {
	d, err := Open(ctx, Options{Path: trial, KeyFile: key, Now: func() time.Time { return o.Now }})
	if err != nil {
		return fmt.Errorf("%s cannot be put back: %w", o.File, err)
	}
	err = d.update(ctx, func(tx *Tx) error {
		var newest int64
		err := tx.q.row(`SELECT (SELECT count(*) FROM messages WHERE status IN ('queued', 'sending')),
			(SELECT count(*) FROM broadcasts WHERE ended_at = 0 AND status <> 'canceled'),
			coalesce((SELECT at FROM audit ORDER BY seq DESC LIMIT 1), 0)`).Scan(&r.Waiting, &r.Broadcasts, &newest)
		if err != nil {
			return fmt.Errorf("read the backup: %w", err)
		}
		r.Newest = fromMillis(newest)
		outcome := "kept"
		if o.DropWaiting {
			outcome = "dropped"
			_, err = tx.q.exec("UPDATE messages SET status = 'canceled', body = NULL, ended_at = ? WHERE status IN ('queued', 'sending')", millis(o.Now))
			if err == nil {
				_, err = tx.q.exec("UPDATE broadcasts SET status = 'canceled' WHERE ended_at = 0") // the next start ends them
			}
			if err != nil {
				return fmt.Errorf("cancel what waits in the backup: %w", err)
			}
		}
		return tx.Audit(audit.Entry{Time: o.Now, Event: audit.DatabaseRestored, Subject: filepath.Base(o.File), Outcome: outcome})
	})
	return errors.Join(err, d.Close())
}

// keep gives the database that is about to be replaced a second name, with its log settled, and its key file where that is replaced too.
func keep(ctx context.Context, path, keyFile, newKey string, now time.Time) (kept string, err error) {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	settle(ctx, path)
	kept = path + ".replaced-" + now.UTC().Format("20060102-150405")
	for n := 2; taken(kept); n++ {
		kept = fmt.Sprintf("%s.replaced-%s-%d", path, now.UTC().Format("20060102-150405"), n)
	}
	if err := secondName(path, kept); err != nil {
		return "", fmt.Errorf("keep the database that is replaced: %w", err)
	}
	if newKey != keyFile && taken(keyFile) {
		if err := copyNew(keyFile, kept+".key"); err != nil {
			return "", fmt.Errorf("keep the key file that is replaced: %w", err)
		}
	}
	// A log that could not be settled, since the database is damaged, belongs to the old one: the new one must not find it.
	if err := os.Rename(path+"-wal", kept+"-wal"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("keep the log of the database that is replaced: %w", err)
	}
	if err := os.Remove(path + "-shm"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("clear the log of the database that is replaced: %w", err)
	}
	return kept, nil
}

// settle moves what the log of a database holds into the database itself. That of a damaged one stays as it is, and is kept with it:
// SQLite would throw away what it cannot make sense of.
func settle(ctx context.Context, path string) {
	if !taken(path+"-wal") || sound(ctx, path) != nil {
		return
	}
	old, err := sql.Open("sqlite", uri(path))
	if err != nil {
		return
	}
	_, _ = old.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	_ = old.Close()
}

// sound tells whether a database holds together.
func sound(ctx context.Context, path string) (err error) {
	i, err := Inspect(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, i.Close()) }()
	return i.Check(ctx, false)
}

func taken(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// secondName links, or copies where the file system has no links.
func secondName(from, to string) error {
	if os.Link(from, to) == nil {
		return nil
	}
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), copyOver(from, to))
}

func replaceKey(from, to string) error {
	partial, err := tempBeside(to)
	if err != nil {
		return err
	}
	if err := copyOver(from, partial); err != nil {
		return errors.Join(fmt.Errorf("put the key file in place: %w", err), os.Remove(partial))
	}
	if err := os.Rename(partial, to); err != nil {
		return fmt.Errorf("put the key file in place: %w", err)
	}
	return nil
}
