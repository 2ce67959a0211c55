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
	"slices"
	"time"

	"telegate/internal/audit"
	"telegate/internal/secret"
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
	Aside      []string  // what else was kept, in the name that Kept has or would have: the key file, a log that could not be settled
	Waiting    int64     // messages that will be sent, or were canceled
	Broadcasts int64     // that were not finished; likewise
	Newest     time.Time // when the last entry of the audit was written
}

// Restore puts a backup in the place of the database. The backup is proven on a copy first: whole (ErrDamaged, ErrNoDatabase), of no newer
// version (ErrNewerSchema), with its own key (ErrKey); it is migrated there, and the audit is told. Until then everything is as it was.
// ErrInUse while a telegate runs. Then the database that it replaces is kept beside it, and the copy takes its place in one step. An error in
// that last part loses nothing either, but may leave the new key file, or the old database without its log; it is mended by another Restore.
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
	owner := path
	if !taken(path) {
		owner = filepath.Dir(path)
	}
	likeOwner(path+".lock", owner) // whatever comes of this, telegate must be able to start

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
	newKey, err := keyInPlaceOf(o.KeyFile, key)
	if err != nil {
		return r, err
	}
	defer func() { _ = os.Remove(newKey) }() // after an error; otherwise it has its name by then
	likeOwner(trial, owner)
	if err := r.keep(ctx, path, owner, o, newKey != ""); err != nil {
		return r, err
	}
	if newKey != "" {
		if err := os.Rename(newKey, o.KeyFile); err != nil {
			return r, fmt.Errorf("put the key file in place: %w; run it again", err)
		}
	}
	likeOwner(o.KeyFile, owner) // root may have put it there
	if err := os.Rename(trial, path); err != nil {
		return r, fmt.Errorf("put the backup in place: %w; run it again", err)
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
	if err := errors.Join(err, d.Close()); err != nil {
		return err
	}
	return settled(trial)
}

// settled fails where a database that was closed has a log all the same: then what was written last is in it alone.
func settled(path string) error {
	if taken(path + "-wal") {
		return errors.New("what was changed in the copy of the backup could not be moved out of its log; look at the disk (df, dmesg)")
	}
	return nil
}

// keep gives the database that is about to be replaced a second name, with its log settled, and puts aside what else lies there: its key file
// where that is replaced too, and a log. Those may be there without it: whoever moves a database away may leave them, and SQLite would
// play the log of any database into the one that lies beside it.
func (r *Restored) keep(ctx context.Context, path, owner string, o RestoreOptions, replacesKey bool) error {
	there := taken(path)
	if there {
		settle(ctx, path)
	}
	name := path + ".replaced-" + o.Now.UTC().Format("20060102-150405")
	kept := name
	isTaken := func(suffix string) bool { return taken(kept + suffix) }
	for n := 2; slices.ContainsFunc([]string{"", ".key", "-wal", "-journal"}, isTaken); n++ {
		kept = fmt.Sprintf("%s-%d", name, n)
	}
	if there {
		if err := secondName(path, kept); err != nil {
			return fmt.Errorf("keep the database that is replaced: %w", err)
		}
		likeOwner(kept, owner)
		r.Kept = kept
	}
	if replacesKey && taken(o.KeyFile) {
		if err := copyNew(o.KeyFile, kept+".key"); err != nil {
			err = fmt.Errorf("keep the key file that is replaced: %w", err)
			if there {
				err = errors.Join(err, os.Remove(kept))
			}
			return err
		}
		likeOwner(kept+".key", owner)
		r.Aside = append(r.Aside, kept+".key")
	}
	// A log that is still there could not be settled, since its database is damaged or elsewhere: the new one must not find it.
	for _, log := range []string{"-wal", "-journal"} {
		switch err := os.Rename(path+log, kept+log); {
		case err == nil:
			r.Aside = append(r.Aside, kept+log)
		case !errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("keep the log of the database that is replaced: %w", err)
		}
	}
	if err := os.Remove(path + "-shm"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("clear the log of the database that is replaced: %w", err)
	}
	return syncFolder(filepath.Dir(path)) // all of it is on the disk before anything is replaced
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
	if err := errors.Join(f.Close(), copyOver(from, to)); err != nil {
		return errors.Join(err, os.Remove(to))
	}
	return nil
}

// keyInPlaceOf copies a key to a file beside the one whose name it is to have: "" where that one holds the same key, and stays.
func keyInPlaceOf(keyFile, key string) (partial string, err error) {
	want, err := readKey(key)
	if err != nil {
		return "", err
	}
	if have, err := readKey(keyFile); err == nil && secret.Equal(have, want) {
		return "", nil
	}
	if partial, err = tempBeside(keyFile); err != nil {
		return "", err
	}
	if err := copyOver(key, partial); err != nil {
		return "", errors.Join(roomless(keyFile, err), os.Remove(partial))
	}
	return partial, nil
}
