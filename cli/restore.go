package cli

import (
	"context"
	"fmt"
	"time"

	"telegate/db"
)

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
func (c restoreCmd) Run(ctx context.Context, env *Env) error {
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
	fmt.Fprintf(env.Stdout, "%s is in place as %s.\n", c.File, database.Path)
	if !r.Newest.IsZero() {
		fmt.Fprintf(env.Stdout, "The last thing that its audit knows of was on %s. Links made since then are gone, and links ended since then are back.\n",
			r.Newest.Local().Format("2006-01-02 15:04:05"))
	}
	if r.Kept != "" {
		fmt.Fprintf(env.Stdout, "The database that was there is kept as %s; delete it when all is well.\n", r.Kept)
	}
	for _, file := range r.Aside {
		fmt.Fprintf(env.Stdout, "%s lay there too and is kept; it belongs to the database that was there.\n", file)
	}
	switch {
	case r.Waiting+r.Broadcasts == 0:
	case c.DropWaiting:
		fmt.Fprintf(env.Stdout, "Canceled: %d messages that were waiting to be sent, and %d broadcasts.\n", r.Waiting, r.Broadcasts)
	default:
		fmt.Fprintf(env.Stdout, "%d messages and %d broadcasts in it were waiting to be sent. They go out when telegate starts, also those that have arrived since; "+
			"to cancel them instead, restore again with --drop-waiting.\n", r.Waiting, r.Broadcasts)
	}
	return nil
}
