package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"telegate/db"
)

type backupCmd struct {
	configFlag
	File  string `arg:"" placeholder:"FILE" help:"The file to create. It must not exist yet."`
	NoKey bool   `help:"Leave out the key file, if you have a copy of it elsewhere. Without the key a backup cannot be restored."`
}

// Help implements kong.HelpProvider.
func (backupCmd) Help() string {
	return `It copies the database as it is now, whether telegate runs or not, checks the copy, and puts the key file beside it. It overwrites no file. Run it as the user telegate runs as, or as root.

    sudo telegate backup -c /etc/telegate/telegate.toml /var/backups/telegate/$(date +%F).db`
}

// Run makes a backup.
func (c backupCmd) Run(ctx context.Context, env *Env) (err error) {
	suffixes, arguments := []string{"", ".key"}, []string{"backup", "--config", c.Config}
	if c.NoKey {
		suffixes, arguments = suffixes[:1], append(arguments, "--no-key")
	}
	done, err := c.leaveWritingToOwner(env, c.File, suffixes, func(file string) []string { return append(arguments, "--", file) })
	if done {
		return err
	}
	database, err := c.loadDatabase()
	if err != nil {
		return err
	}
	i, err := db.Inspect(ctx, database.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("back up: %w; telegate serve creates the database when it first starts: does %s name the right one?", err, c.Config)
	case err != nil:
		return fmt.Errorf("back up: %w", err)
	}
	defer func() { err = errors.Join(err, i.Close()) }()
	if err := i.Unlock(database.KeyFile); err != nil {
		return fmt.Errorf("back up: %w; without the right key the backup could never be restored", err)
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
	fmt.Fprintf(env.Stdout, "%s holds the whole database (%d KiB).\n", c.File, info.Size()>>10)
	if c.NoKey {
		fmt.Fprintf(env.Stdout, "The key is not in the backup: keep %s safe elsewhere. Without it the backup cannot be restored.\n", database.KeyFile)
	} else {
		fmt.Fprintf(env.Stdout, "%s.key is its key. With both files one can read the messages that wait to be sent; with only one of them, not. Keep them safe, "+
			"and apart from each other.\n", c.File)
	}
	fmt.Fprintf(env.Stdout, "The configuration (%s) is not in it.\n", c.Config)
	return nil
}
