package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"telegate/db"
	"telegate/internal/exit"
)

type auditVerifyCmd struct {
	configFlag
	Backup string `placeholder:"FILE" help:"Verify the audit of this backup. Its key is FILE.key, or the database's."`
	Noted  string `placeholder:"HEAD" help:"The head that an earlier run printed: it must still be in the audit."`
	JSON   bool   `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (auditVerifyCmd) Help() string {
	return `Each entry has a MAC over itself and the entry before, made with the key file. If somebody without the key file changes, deletes, adds or moves an entry, this command finds it. The exit status is then 1. It works while telegate runs.

    telegate audit verify
    telegate audit verify --noted 1234:0123456789abcdef0123456789abcdef`
}

// Run verifies the audit.
func (c auditVerifyCmd) Run(ctx context.Context, env *Env) (err error) {
	if done, err := c.leaveToOwner(env); done {
		return err
	}
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
		return exit.AsUsage(err)
	}
	if err != nil {
		return fmt.Errorf("verify the audit: %w", err)
	}
	if c.JSON {
		if err := printJSON(env.Stdout, r); err != nil {
			return err
		}
	} else {
		printAudit(env, r)
	}
	if r.Fault != "" {
		return errors.New("the audit is not valid: somebody other than telegate has written to the database. Keep a copy of it, find out who it was, and compare it with a backup")
	}
	return nil
}

func printAudit(env *Env, r db.AuditReport) {
	if !r.Begun.IsZero() {
		fmt.Fprintf(env.Stdout, "%d entries are valid. The chain was started on %s.\n", r.Entries, r.Begun.Local().Format("2006-01-02 15:04:05"))
	}
	if r.Unchained > 0 {
		fmt.Fprintf(env.Stdout, "%d entries are older than the chain and cannot be verified.\n", r.Unchained)
	}
	if r.Fault != "" {
		fmt.Fprintf(env.Stdout, "First bad entry: %d. %s\n", r.FirstBad, r.Fault)
		return
	}
	fmt.Fprintf(env.Stdout, "head %s\n", r.Head)
}
