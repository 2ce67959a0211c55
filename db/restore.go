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

// RestoreOptions say what to restore, and where.
type RestoreOptions struct {
	File        string // the backup; its key is File.key, or that of the replaced database
	Path        string // of the database
	KeyFile     string
	DropWaiting bool // cancel the messages that were queued in the backup
	Now         time.Time
}

// Restored is the result of Restore.
type Restored struct {
	Kept       string    // copy of the replaced database; empty if there was none
	Aside      []string  // other kept files, named after Kept: the key file, a log that could not be moved into its database
	Waiting    int64     // queued messages, or canceled ones
	Broadcasts int64     // unfinished ones, or canceled ones
	Newest     time.Time // time of the last audit entry
}

// Restore replaces the database by a backup. It first checks a copy of the backup: intact (ErrDamaged, ErrNoDatabase), of
// no newer version (ErrNewerSchema), with its own key (ErrKey); it migrates the copy and audits the restore. Until then
// nothing changes. ErrInUse while a telegate runs. Then it keeps the replaced database beside it and renames the copy in
// one step. An error in this last part loses no data, but may leave the new key file, or the old database without its log;
// run Restore again.
func Restore(ctx context.Context, o RestoreOptions) (r Restored, err error) {
	path, err := filepath.Abs(o.Path)
	if err != nil {
		return r, fmt.Errorf("find database %s: %w", o.Path, err)
	}
	if err := refuseLinks(path); err != nil {
		return r, err
	}
	path = followLink(path) // keep a symbolic link
	if err := refuseSource(o.File, path); err != nil {
		return r, err
	}
	l, err := lockDatabase(ctx, path)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	owner := path
	if !exists(path) {
		owner = filepath.Dir(path)
	}
	copyOwner(path+".lock", owner) // telegate must be able to start in any case

	trial, err := tempBeside(path)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, removeDatabase(trial)) }()
	if err := copyDatabase(o.File, trial); err != nil {
		return r, fullDiskError(path, err)
	}
	key, err := checkBackup(ctx, trial, o.File, o.File+".key", o.KeyFile)
	if err != nil {
		return r, err
	}
	if err := r.prepare(ctx, trial, key, o); err != nil {
		return r, err
	}
	newKey, err := stageKey(o.KeyFile, key)
	if err != nil {
		return r, err
	}
	defer func() { _ = os.Remove(newKey) }() // after an error; otherwise it is renamed by then
	copyOwner(trial, owner)
	if err := r.keepReplaced(ctx, path, owner, o, newKey != ""); err != nil {
		return r, err
	}
	if newKey != "" {
		if err := os.Rename(newKey, o.KeyFile); err != nil {
			return r, fmt.Errorf("put the key file in place: %w; run it again", err)
		}
	}
	copyOwner(o.KeyFile, owner) // root may have created it
	if err := os.Rename(trial, path); err != nil {
		return r, fmt.Errorf("put the backup in place: %w; run it again", err)
	}
	return r, syncFolder(filepath.Dir(path))
}

// refuseSource refuses a file that cannot be a backup.
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

// copyDatabase copies a database over an empty file. It looks at what it copies, because the name can lead to another file than before.
func copyDatabase(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := checkHeader(in, from); err != nil {
		return err
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return copyFrom(in, to)
}

// copyFrom copies an open file over an empty one and syncs it.
func copyFrom(in io.Reader, to string) error {
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_TRUNC|noFollow, 0)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

// checkBackup checks a copy of a backup and returns the first key file that belongs to it. name is the backup's name for
// people.
func checkBackup(ctx context.Context, trial, name string, keyFiles ...string) (key string, err error) {
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

// prepare opens the copy as telegate does, which migrates it, and makes the changes in it.
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
		if err := tx.endOpenCodes(o.Now); err != nil {
			return err
		}
		return tx.Audit(audit.Entry{Time: o.Now, Event: audit.DatabaseRestored, Subject: filepath.Base(o.File), Outcome: outcome})
	})
	if err := errors.Join(err, d.Close()); err != nil {
		return err
	}
	return checkLogMoved(trial)
}

// endOpenCodes ends pending verifications and open links, with the messages that carry their codes and questions: each may have been used
// after the backup was made, and a code is accepted once (NIST SP 800-63B-4 §3.1.3.2).
func (tx *Tx) endOpenCodes(now time.Time) error {
	for _, q := range []string{
		`UPDATE messages SET status = 'canceled', body = NULL, ended_at = ? WHERE status IN ('queued', 'sending')
			AND (id IN (SELECT message_id FROM verifications WHERE status = 'pending') OR purpose = 'question')`, // delivery.PurposeQuestion
		"UPDATE verifications SET status = 'canceled', reason = 'restored', code_mac = NULL, ended_at = ? WHERE status = 'pending'",
		"UPDATE links SET status = 'canceled', reason = 'restored', confirm_mac = NULL, ended_at = ? WHERE status IN ('pending', 'claimed')",
	} {
		if _, err := tx.q.exec(q, millis(now)); err != nil {
			return fmt.Errorf("end what is open in the backup: %w", err)
		}
	}
	return nil
}

// checkLogMoved fails if a closed database still has a log: then only the log has the last writes.
func checkLogMoved(path string) error {
	if exists(path + "-wal") {
		return errors.New("what was changed in the copy of the backup could not be moved out of its log; look at the disk (df, dmesg)")
	}
	return nil
}

// keepReplaced gives the replaced database a second name, with its log moved into it, and sets aside its key file, if that
// is replaced too, and a leftover log. These files may exist without the database, and SQLite would play any log into the
// database beside it.
func (r *Restored) keepReplaced(ctx context.Context, path, owner string, o RestoreOptions, replacesKey bool) error {
	there := exists(path)
	if there {
		moveLog(ctx, path)
	}
	name := path + ".replaced-" + o.Now.UTC().Format("20060102-150405")
	kept := name
	isTaken := func(suffix string) bool { return exists(kept + suffix) }
	for n := 2; slices.ContainsFunc([]string{"", ".key", "-wal", "-journal"}, isTaken); n++ {
		kept = fmt.Sprintf("%s-%d", name, n)
	}
	if there {
		if err := linkOrCopy(path, kept); err != nil {
			return fmt.Errorf("keep the database that is replaced: %w", err)
		}
		copyOwner(kept, owner)
		r.Kept = kept
	}
	if replacesKey && exists(o.KeyFile) {
		if err := linkOrCopy(o.KeyFile, kept+".key"); err != nil {
			err = fmt.Errorf("keep the key file that is replaced: %w", err)
			if there {
				err = errors.Join(err, os.Remove(kept))
			}
			return err
		}
		copyOwner(kept+".key", owner)
		r.Aside = append(r.Aside, kept+".key")
	}
	// A remaining log could not be moved, because its database is damaged or elsewhere: the new database must not find it.
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
	return syncFolder(filepath.Dir(path)) // everything is on disk before the replacement
}

// moveLog moves the log into its database. The log of a damaged database is kept as it is: SQLite would drop what it cannot
// read.
func moveLog(ctx context.Context, path string) {
	if !exists(path+"-wal") || isIntact(ctx, path) != nil {
		return
	}
	old, err := sql.Open("sqlite", uri(path))
	if err != nil {
		return
	}
	_, _ = old.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	_ = old.Close()
}

// isIntact reports whether a database is intact.
func isIntact(ctx context.Context, path string) (err error) {
	i, err := Inspect(ctx, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, i.Close()) }()
	return i.Check(ctx, false)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// linkOrCopy gives a file a second name, or makes a copy if the file system has no links. Of a symbolic link it keeps the link itself: the
// owner of the folder may put one there at any moment, to a file that only root may read.
func linkOrCopy(from, to string) error {
	if os.Link(from, to) == nil {
		return nil
	}
	in, err := os.OpenFile(from, os.O_RDONLY|noFollow, 0)
	if err != nil {
		return err
	}
	defer in.Close()
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Close(), copyFrom(in, to)); err != nil {
		return errors.Join(err, os.Remove(to))
	}
	return nil
}

// stageKey writes a key to a temporary file beside its final name; "" if that file already has the same key.
func stageKey(keyFile, key string) (partial string, err error) {
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
	out, err := os.OpenFile(partial, os.O_WRONLY|noFollow, 0)
	if err == nil {
		err = errors.Join(writeKey(out, want), out.Close())
	}
	if err != nil {
		return "", errors.Join(fullDiskError(keyFile, err), os.Remove(partial))
	}
	return partial, nil
}
