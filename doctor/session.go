package doctor

import (
	"context"
	"errors"
	"io/fs"

	"telegate/db"
	"telegate/internal/telegram"
	"telegate/internal/terminal"
	"telegate/userclient"
)

// checkSession asks Telegram whose session it is, unless a gateway is using it: Telegram voids a session that is used from two places.
func (d *Doctor) checkSession(ctx context.Context) []Finding {
	t := d.cfg.Messaging.Telegram
	if d.loadErr != nil || !userclient.InBuild || t.APIID == 0 || t.APIHash == "" {
		return nil // other checks report what is missing
	}
	ctx, cancel := context.WithTimeout(ctx, accountTimeout)
	defer cancel()
	const name = "session"
	kept, err := db.OpenOffline(ctx, d.cfg.Database.Path, d.cfg.Database.KeyFile)
	switch {
	case errors.Is(err, db.ErrInUse):
		return []Finding{{name, Skip, "A running telegate uses it, so the doctor does not use it too.",
			"telegate status, or /healthz, shows its state."}}
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return []Finding{{name, Fail, "The database cannot be read: " + terminal.Sentence(err.Error()), ""}}
	case err == nil:
		defer kept.Close()
	}
	s, err := d.currentSession(ctx, kept)
	switch {
	case errors.Is(err, userclient.ErrNoSession) && len(d.botSections()) > 0:
		return nil // the bot works without it
	case errors.Is(err, userclient.ErrNoSession):
		return []Finding{{name, Fail, "There is neither a bottoken nor a session.", "Run telegate setup, or store a session with telegate session import."}}
	case err != nil:
		return []Finding{{name, Fail, terminal.Sentence(err.Error()), "Run telegate setup user to sign in again."}}
	}
	app, err := telegram.NewApp(t, nil, d.servers...)
	if err != nil {
		return []Finding{{name, Fail, terminal.Sentence(err.Error()), ""}}
	}
	who, err := userclient.Verify(ctx, app, s)
	switch {
	case errors.Is(err, userclient.ErrDead), errors.Is(err, userclient.ErrApp):
		return []Finding{{name, Fail, terminal.Sentence(err.Error()), ""}}
	case err != nil:
		return []Finding{{name, Fail, "It could not be checked: the data centres did not answer in time.", "See mtproto."}}
	}
	return []Finding{{name, OK, "It signs in as " + who.String() + ".", ""}}
}

// currentSession is the session that the gateway would use. kept is nil if there is no database yet.
func (d *Doctor) currentSession(ctx context.Context, kept *db.OfflineDB) (userclient.Session, error) {
	if text := d.cfg.Messaging.Telegram.Session.Reveal(); text != "" {
		return userclient.Decode(text)
	}
	if kept == nil {
		return userclient.Session{}, userclient.ErrNoSession
	}
	return userclient.StoredSession(ctx, kept)
}
