package cli

import (
	"context"
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

// sessionCmd manages the login of the Telegram account that telegate may use. A session in the configuration overrides one in the
// database.
type sessionCmd struct {
	Import sessionImportCmd `cmd:"" help:"Store a session string, encrypted, in the database."`
	Show   sessionShowCmd   `cmd:"" help:"Ask Telegram whose session telegate uses."`
	Revoke sessionRevokeCmd `cmd:"" help:"End the login at Telegram and delete the session."`
}

// sessionTimeout limits the calls to Telegram.
const sessionTimeout = time.Minute

type sessionImportCmd struct {
	configFlag
	SessionFile string `placeholder:"FILE" help:"The file with the session string (default standard input)."`
}

// Help implements kong.HelpProvider.
func (sessionImportCmd) Help() string {
	return `The string comes from telegate, GramJS (MeshCentral) or Telethon. telegate asks Telegram whose session it is before it stores it.
Stop the gateway and the program that used the session: Telegram voids a session that is used from two places.

    telegate session import --session-file helper.session`
}

// Run verifies a session and stores it.
func (c sessionImportCmd) Run(ctx context.Context, env *Env) error {
	if done, err := c.leaveToOwner(env); done {
		return err
	}
	cfg, err := c.load(env)
	if err != nil {
		return err
	}
	if cfg.Messaging.Telegram.Session != "" {
		return exit.Usagef("the configuration has a session, which is used instead; remove it there first")
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
		if err := userclient.SaveSession(ctx, d, s, who); err != nil {
			return err
		}
		_, err = fmt.Fprintf(env.Stdout, "stored the session of %s\n", who)
		return err
	})
}

// maxSession is more than any session string needs, in bytes.
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
	text, err := utf8Text("the session", data)
	return strings.TrimSpace(text), err
}

type sessionShowCmd struct {
	configFlag
	JSON bool `help:"Print JSON."`
}

// Help implements kong.HelpProvider.
func (sessionShowCmd) Help() string {
	return `Stop the gateway first; while it runs, telegate status shows the state of the session.

    telegate session show --config /etc/telegate/telegate.toml`
}

// Run asks Telegram whose session it is. It prints no part of it.
func (c sessionShowCmd) Run(ctx context.Context, env *Env) error {
	if done, err := c.leaveToOwner(env); done {
		return err
	}
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
			return printJSON(env.Stdout, map[string]any{"id": who.ID, "username": who.Username, "name": who.Name, "data_centre": s.DC})
		}
		_, err = fmt.Fprintf(env.Stdout, "%s, data centre %d\n", who, s.DC)
		return err
	})
}

type sessionRevokeCmd struct{ configFlag }

// Help implements kong.HelpProvider.
func (sessionRevokeCmd) Help() string {
	return `After that no copy of the session works any more. Stop the gateway first.

    telegate session revoke --config /etc/telegate/telegate.toml`
}

// Run logs out.
func (c sessionRevokeCmd) Run(ctx context.Context, env *Env) error {
	if done, err := c.leaveToOwner(env); done {
		return err
	}
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
		if err := d.DeleteSession(ctx, "user"); err != nil {
			return err
		}
		next := ""
		if cfg.Messaging.Telegram.Session != "" {
			next = "; remove it from the configuration"
		}
		_, err = fmt.Fprintf(env.Stdout, "the login is ended; the session no longer works%s\n", next)
		return err
	})
}

// currentSession is the session that the gateway would use.
func currentSession(ctx context.Context, cfg *config.Config, d *db.DB) (userclient.Session, error) {
	if text := cfg.Messaging.Telegram.Session.Reveal(); text != "" {
		return userclient.Decode(text)
	}
	return userclient.StoredSession(ctx, d)
}

// withMTProto calls do with the open database and the MTProto application. No gateway may have the database open.
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
