package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"telegate/db"
)

type backupCmd struct {
	configFlag
	File  string `arg:"" placeholder:"FILE" help:"The file to make. It must not be there yet."`
	NoKey bool   `help:"Leave the key file out, if you keep a copy of it elsewhere. Without its key a backup cannot be put back."`
}

// Help implements kong.HelpProvider.
func (backupCmd) Help() string {
	return `It copies the database as it is at this moment, while telegate runs or not, looks the copy over, and puts the key file beside it. Nothing that exists is replaced. Run it as the user telegate runs as, or as root.

    telegate backup -c /etc/telegate/telegate.toml /var/backups/telegate/$(date +%F).db`
}

// Run makes a backup.
func (c backupCmd) Run(ctx context.Context, con *console) (err error) {
	database, err := c.loadDatabase()
	if err != nil {
		return err
	}
	i, err := db.Inspect(ctx, database.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("back up: %w; telegate makes its database when it is served for the first time: does %s name the right one?", err, c.Config)
	case err != nil:
		return fmt.Errorf("back up: %w", err)
	}
	defer func() { err = errors.Join(err, i.Close()) }()
	if err := i.Unlock(database.KeyFile); err != nil {
		return fmt.Errorf("back up: %w; without the right key the backup could never be put back", err)
	}
	key := database.KeyFile
	if c.NoKey {
		key = ""
	}
	if err := i.Backup(ctx, c.File, key); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	info, err := os.Stat(c.File)
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	fmt.Fprintf(con.stdout, "%s holds the whole database (%d KiB).\n", c.File, info.Size()>>10)
	if c.NoKey {
		fmt.Fprintf(con.stdout, "Its key is not with it: keep %s safe elsewhere. Without it the backup cannot be put back.\n", database.KeyFile)
	} else {
		fmt.Fprintf(con.stdout, "%s.key is its key. Whoever has both can read what waits to be sent; with either alone nobody can. Keep them where "+
			"nobody else gets at them, best apart.\n", c.File)
	}
	fmt.Fprintf(con.stdout, "The configuration (%s) is not in it.\n", c.Config)
	return nil
}

type restoreCmd struct {
	configFlag
	File        string `arg:"" placeholder:"FILE" help:"A backup; its key is FILE.key, or the one of the database it replaces."`
	DropWaiting bool   `help:"Cancel what was waiting to be sent when the backup was made, instead of sending it."`
}

// Help implements kong.HelpProvider.
func (restoreCmd) Help() string {
	return `Stop telegate first. The backup is looked over before anything is touched; the database that it replaces is kept beside it. Links made since the backup are gone, and links ended since then are back.

    systemctl stop telegate
    telegate restore -c /etc/telegate/telegate.toml /var/backups/telegate/2026-11-02.db
    systemctl start telegate`
}

// Run puts a backup in place.
func (c restoreCmd) Run(ctx context.Context, con *console) error {
	database, err := c.loadDatabase()
	if err != nil {
		return err
	}
	r, err := db.Restore(ctx, db.RestoreOptions{
		File: c.File, Path: database.Path, KeyFile: database.KeyFile, DropWaiting: c.DropWaiting, Now: time.Now(),
	})
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	fmt.Fprintf(con.stdout, "%s is in place as %s.\n", c.File, database.Path)
	if !r.Newest.IsZero() {
		fmt.Fprintf(con.stdout, "The last thing that its audit knows of was on %s. Links made since then are gone, and links ended since then are back.\n",
			r.Newest.Local().Format("2006-01-02 15:04:05"))
	}
	if r.Kept != "" {
		fmt.Fprintf(con.stdout, "The database that was there is kept as %s; delete it when all is well.\n", r.Kept)
	}
	for _, file := range r.Aside {
		fmt.Fprintf(con.stdout, "%s lay there too and is kept; it belongs to the database that was there.\n", file)
	}
	switch {
	case r.Waiting+r.Broadcasts == 0:
	case c.DropWaiting:
		fmt.Fprintf(con.stdout, "Canceled: %d messages that were waiting to be sent, and %d broadcasts.\n", r.Waiting, r.Broadcasts)
	default:
		fmt.Fprintf(con.stdout, "%d messages and %d broadcasts in it were waiting to be sent. They go out when telegate starts, also those that have arrived since; "+
			"to cancel them instead, restore again with --drop-waiting.\n", r.Waiting, r.Broadcasts)
	}
	return nil
}

type auditVerifyCmd struct {
	configFlag
	Backup string `placeholder:"FILE" help:"Verify the audit of a backup instead. Its key is FILE.key, or the database's."`
	Noted  string `placeholder:"HEAD" help:"The head that an earlier run has printed: it must still be in the audit."`
	JSON   bool   `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (auditVerifyCmd) Help() string {
	return `Each entry carries a MAC over itself and the entry before, under the key file. Whoever can write to the database alone can change, remove, put in or move no entry without its showing here. The exit status is 1 if something does not fit. It works while telegate runs.

    telegate audit verify
    telegate audit verify --noted 1234:0123456789abcdef0123456789abcdef`
}

// Run verifies the audit. The error says what does not fit.
func (c auditVerifyCmd) Run(ctx context.Context, con *console) (err error) {
	database, err := c.loadDatabase()
	if err != nil {
		return err
	}
	path, keyFile := database.Path, database.KeyFile
	if c.Backup != "" {
		path = c.Backup
		if _, err := os.Stat(path + ".key"); err == nil {
			keyFile = path + ".key"
		}
	}
	i, err := db.Inspect(ctx, path)
	if err != nil {
		return fmt.Errorf("verify the audit: %w", err)
	}
	defer func() { err = errors.Join(err, i.Close()) }()
	if _, _, err := i.Schema(); err != nil {
		return fmt.Errorf("verify the audit: %w", err)
	}
	if err := i.Unlock(keyFile); err != nil {
		return fmt.Errorf("verify the audit: %w", err)
	}
	r, err := i.VerifyAudit(ctx, c.Noted)
	if errors.Is(err, db.ErrHead) {
		return usageError{err}
	}
	if err != nil {
		return fmt.Errorf("verify the audit: %w", err)
	}
	if c.JSON {
		if err := json.NewEncoder(con.stdout).Encode(r); err != nil {
			return err
		}
	} else {
		tellAudit(con, r)
	}
	if r.Fault != "" {
		return errors.New("the audit does not verify: somebody has written to the database who is not telegate. Keep a copy of it, find out who, and compare with a backup")
	}
	return nil
}

func tellAudit(con *console, r db.AuditReport) {
	if !r.Begun.IsZero() {
		fmt.Fprintf(con.stdout, "%d entries fit. The chain was begun on %s.\n", r.Entries, r.Begun.Local().Format("2006-01-02 15:04:05"))
	}
	if r.Unchained > 0 {
		fmt.Fprintf(con.stdout, "%d entries are older than the chain: nothing can be said of them.\n", r.Unchained)
	}
	if r.Fault != "" {
		fmt.Fprintf(con.stdout, "First bad entry: %d. %s\n", r.FirstBad, r.Fault)
		return
	}
	fmt.Fprintf(con.stdout, "head %s\n", r.Head)
}
