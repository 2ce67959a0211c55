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
	File  string `arg:"" placeholder:"FILE" help:"The file to make. It must not be there yet."`
	NoKey bool   `help:"Leave the key file out, if you keep a copy of it elsewhere. Without its key a backup cannot be put back."`
}

// Help implements kong.HelpProvider.
func (backupCmd) Help() string {
	return `It copies the database as it is at this moment, while telegate runs or not, looks the copy over, and puts the key file beside it. Nothing that exists is replaced. Run it as the user telegate runs as, or as root.

    telegate backup -c /etc/telegate/telegate.toml /var/backups/telegate/$(date +%F).db`
}

// Run makes a backup.
func (c backupCmd) Run(ctx context.Context, env *Env) (err error) {
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
	fmt.Fprintf(env.Stdout, "%s holds the whole database (%d KiB).\n", c.File, info.Size()>>10)
	if c.NoKey {
		fmt.Fprintf(env.Stdout, "Its key is not with it: keep %s safe elsewhere. Without it the backup cannot be put back.\n", database.KeyFile)
	} else {
		fmt.Fprintf(env.Stdout, "%s.key is its key. Whoever has both can read what waits to be sent; with either alone nobody can. Keep them where "+
			"nobody else gets at them, best apart.\n", c.File)
	}
	fmt.Fprintf(env.Stdout, "The configuration (%s) is not in it.\n", c.Config)
	return nil
}
