package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"telegate/config"
	"telegate/db"
	"telegate/delivery"
	"telegate/internal/exit"
	"telegate/internal/logging"
	"telegate/internal/telegram"
	"telegate/userclient"
)

// sessionCmd is about the login of the Telegram account that telegate may use. A session in the configuration counts before one in
// the database.
type sessionCmd struct {
	Import sessionImportCmd `cmd:"" help:"Keep a session string, sealed, in the database."`
	Show   sessionShowCmd   `cmd:"" help:"Ask Telegram whose session telegate uses."`
	Revoke sessionRevokeCmd `cmd:"" help:"End the login at Telegram and forget the session."`
}

// sessionTimeout bounds a visit to Telegram.
const sessionTimeout = time.Minute

type sessionImportCmd struct {
	configFlag
	SessionFile string `placeholder:"FILE" help:"The file that holds the session string (default standard input)."`
}

// Help implements kong.HelpProvider.
func (sessionImportCmd) Help() string {
	return `The string is telegate's own, one of GramJS (MeshCentral) or one of Telethon. Telegram is asked whose it is before anything is kept.
Stop the gateway, and the program that has used the session: Telegram voids one that is used from two places.

    telegate session import --session-file helper.session`
}

// Run verifies a session and keeps it.
func (c sessionImportCmd) Run(ctx context.Context, env *Env) error {
	cfg, err := c.load(env)
	if err != nil {
		return err
	}
	if cfg.Messaging.Telegram.Session != "" {
		return exit.AsUsage(errors.New("the configuration holds a session itself, and that one is used; remove it there first"))
	}
	text, err := c.read(env)
	if err != nil {
		return err
	}
	s, err := userclient.Decode(text)
	if err != nil {
		return exit.AsUsage(err)
	}
	return withMTProto(ctx, cfg, env, func(ctx context.Context, d *db.DB, app userclient.App) error {
		who, err := userclient.Verify(ctx, app, s)
		if err != nil {
			return err
		}
		if err := userclient.Keep(ctx, d, s, who); err != nil {
			return err
		}
		_, err = fmt.Fprintf(env.Stdout, "kept the session of %s\n", who)
		return err
	})
}

// maxSession is more than any session string has, in bytes.
const maxSession = 4096

func (c sessionImportCmd) read(env *Env) (string, error) {
	from := env.Stdin
	if c.SessionFile != "" {
		f, err := os.Open(c.SessionFile)
		if err != nil {
			return "", exit.AsUsage(err)
		}
		defer f.Close()
		from = f
	}
	data, err := io.ReadAll(io.LimitReader(from, maxSession))
	if err != nil {
		return "", fmt.Errorf("read the session: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

type sessionShowCmd struct {
	configFlag
	JSON bool `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (sessionShowCmd) Help() string {
	return `Stop the gateway first; while it runs, GET /healthz says how the session is doing.

    telegate session show --config /etc/telegate/telegate.toml`
}

// Run asks Telegram whose the session is. It shows no part of it.
func (c sessionShowCmd) Run(ctx context.Context, env *Env) error {
	cfg, err := c.load(env)
	if err != nil {
		return err
	}
	return withMTProto(ctx, cfg, env, func(ctx context.Context, d *db.DB, app userclient.App) error {
		s, err := currentSession(ctx, cfg, d)
		if err != nil {
			return err
		}
		who, err := userclient.Verify(ctx, app, s)
		if err != nil {
			return err
		}
		if c.JSON {
			return json.NewEncoder(env.Stdout).Encode(map[string]any{"id": who.ID, "username": who.Username, "name": who.Name, "data_centre": s.DC})
		}
		_, err = fmt.Fprintf(env.Stdout, "%s, data centre %d\n", who, s.DC)
		return err
	})
}

type sessionRevokeCmd struct{ configFlag }

// Help implements kong.HelpProvider.
func (sessionRevokeCmd) Help() string {
	return `The session is worth nothing afterwards, wherever a copy of it lies. Stop the gateway first.

    telegate session revoke --config /etc/telegate/telegate.toml`
}

// Run logs out.
func (c sessionRevokeCmd) Run(ctx context.Context, env *Env) error {
	cfg, err := c.load(env)
	if err != nil {
		return err
	}
	return withMTProto(ctx, cfg, env, func(ctx context.Context, d *db.DB, app userclient.App) error {
		s, err := currentSession(ctx, cfg, d)
		if err != nil {
			return err
		}
		if err := userclient.LogOut(ctx, app, s); err != nil {
			return err
		}
		if err := d.Forget(ctx, "user"); err != nil {
			return err
		}
		next := ""
		if cfg.Messaging.Telegram.Session != "" {
			next = "; remove it from the configuration"
		}
		_, err = fmt.Fprintf(env.Stdout, "the login is ended, and the session worth nothing%s\n", next)
		return err
	})
}

// sessionOf is the session that the gateway would use.
func currentSession(ctx context.Context, cfg *config.Config, d *db.DB) (userclient.Session, error) {
	if text := cfg.Messaging.Telegram.Session.Reveal(); text != "" {
		return userclient.Decode(text)
	}
	return userclient.Kept(ctx, d)
}

// withAccounts opens the database, which no gateway may have open, and finds the way to Telegram.
func withMTProto(ctx context.Context, cfg *config.Config, env *Env, do func(context.Context, *db.DB, userclient.App) error) error {
	app, err := telegram.NewApp(cfg.Messaging.Telegram, logging.New(io.Discard, cfg), env.DataCentres...)
	if err != nil {
		return exit.AsUsage(err)
	}
	ctx, cancel := context.WithTimeout(ctx, sessionTimeout)
	defer cancel()
	d, err := db.Open(ctx, db.Options{
		Path: cfg.Database.Path, KeyFile: cfg.Database.KeyFile, Now: time.Now,
		OnQueued: func([]delivery.Queued) {}, OnEnded: func([]delivery.Message) {},
	})
	if err != nil {
		return err
	}
	return errors.Join(do(ctx, d, app), d.Close())
}
