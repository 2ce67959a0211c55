package cli

import (
	"context"
	"fmt"
	"time"

	"telegate/db"
)

type restoreCmd struct {
	configFlag
	File        string `arg:"" placeholder:"FILE" help:"A backup. Its key is FILE.key, or the key of the database that it replaces."`
	DropWaiting bool   `help:"Cancel the messages that waited to be sent when the backup was made, instead of sending them."`
}

// Help implements kong.HelpProvider.
func (restoreCmd) Help() string {
	return `Stop telegate first. The backup is checked before anything changes, and the old database is kept beside the new one. Links made since the backup are gone, and links ended since then are back. Sign-ins and links that were open in the backup are canceled.

    sudo systemctl stop telegate
    sudo telegate restore -c /etc/telegate/telegate.toml /var/backups/telegate/$(date +%F).db
    sudo systemctl start telegate`
}

// Run restores a backup.
func (c restoreCmd) Run(ctx context.Context, env *Env) error {
	if done, err := c.leaveToOwner(env); done {
		return err
	}
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
		fmt.Fprintf(env.Stdout, "The newest entry in its audit is of %s. Links made since then are gone, and links ended since then are back.\n",
			r.Newest.Local().Format("2006-01-02 15:04:05"))
	}
	if r.Kept != "" {
		fmt.Fprintf(env.Stdout, "The old database is kept as %s; delete it when everything works.\n", r.Kept)
	}
	for _, file := range r.Aside {
		fmt.Fprintf(env.Stdout, "%s is kept too; it belongs to the old database.\n", file)
	}
	switch {
	case r.Waiting+r.Broadcasts == 0:
	case c.DropWaiting:
		fmt.Fprintf(env.Stdout, "Canceled: %d messages that waited to be sent, and %d broadcasts.\n", r.Waiting, r.Broadcasts)
	default:
		fmt.Fprintf(env.Stdout, "%d messages and %d broadcasts in it waited to be sent. telegate sends them when it starts, also those that have arrived since then; "+
			"to cancel them instead, restore again with --drop-waiting.\n", r.Waiting, r.Broadcasts)
	}
	return nil
}
