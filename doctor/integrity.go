package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"

	"telegate/db"
)

// checkIntegrity checks the whole database, if there is enough time.
func (d *Doctor) checkIntegrity(ctx context.Context) (findings []Finding) {
	path := d.cfg.Database.Path
	if _, err := os.Stat(path); path == "" || err != nil {
		return nil // checkDatabase reports it
	}
	ctx, cancel := context.WithTimeout(ctx, CheckTimeout)
	defer cancel()
	i, err := db.Inspect(ctx, path)
	if err != nil {
		return []Finding{{"integrity", Fail, "The database cannot be read: " + err.Error() + ".", "Restore a backup: telegate restore FILE"}}
	}
	defer func() {
		if err := i.Close(); err != nil {
			findings = append(findings, Finding{"integrity", Warn, "The database could not be closed: " + err.Error() + ".", ""})
		}
	}()
	schema, newest, err := i.Schema()
	switch {
	case errors.Is(err, db.ErrNewerSchema):
		return []Finding{{"integrity", Fail, err.Error() + ".", "Install the version of telegate that wrote it."}}
	case err != nil:
		return []Finding{{"integrity", Fail, err.Error() + ".", "Set the right file with [database] path, or restore a backup: telegate restore FILE"}}
	}
	err = i.Check(ctx, false)
	switch {
	case ctx.Err() != nil:
		return []Finding{{"integrity", Skip, "The database is too large to check within " + CheckTimeout.String() + ".", ""}}
	case err != nil:
		return []Finding{{"integrity", Fail, err.Error() + ".", "Stop telegate, restore the newest good backup with telegate restore FILE, and check the disk."}}
	}
	return []Finding{{"integrity", OK, fmt.Sprintf("The database is consistent; its schema is %d of %d.", schema, newest), ""}}
}
