package main

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"telegate/config"
	"telegate/db"
	"telegate/userclient"
)

// accountTimeout bounds what needs a key: making one takes a second of computing, and more on a small machine.
const accountTimeout = 15 * time.Second

// mtproxy tries an MTProxy: whether it is there, and whether it takes the secret, which only a whole conversation with a data centre
// shows.
func (d *doctor) mtproxy(ctx context.Context, p config.MTProxy) finding {
	ctx, cancel := context.WithTimeout(ctx, accountTimeout)
	defer cancel()
	name := "The MTProxy " + p.Address()
	conn, err := d.net.dial(ctx, "tcp", p.Address())
	if err != nil {
		detail, _ := connectionTrouble(err)
		return finding{"mtproto", rungFail, name + " " + detail, "Check ip and port of proxy, and whether it runs."}
	}
	_ = conn.Close()
	if !d.needsMTProto() {
		return finding{"mtproto", rungSkip, name + " takes connections; whether it takes the secret can be tried with apiid and apihash only.", ""}
	}
	return d.converse(ctx, finding{"mtproto", rungOK, "A data centre answers through " + p.Address() + ".", ""},
		finding{"mtproto", rungFail, name + " takes connections, and nothing of Telegram's comes through it.",
			"Compare the secret with the one its owner gave out; if it is right, the proxy itself cannot reach Telegram."})
}

// converse holds a whole conversation with a data centre, and answers with what was found where that goes well, or where nothing comes
// back: a way that takes connections may let nothing through.
func (d *doctor) converse(ctx context.Context, well, silent finding) finding {
	app, err := (&mtproto{servers: d.servers}).app(d.cfg.Messaging.Telegram, nil)
	if err == nil {
		err = userclient.Reach(ctx, app)
	}
	switch {
	case err == nil:
		return well
	case errors.Is(err, userclient.ErrApp), errors.Is(err, userclient.ErrProxy), errors.Is(err, userclient.ErrDead):
		return finding{"mtproto", rungFail, sentence(err.Error()), ""}
	}
	return silent
}

// session asks Telegram whose the session of the person's account is, unless a gateway uses it right now: Telegram voids one that is used
// from two places.
func (d *doctor) session(ctx context.Context) []finding {
	t := d.cfg.Messaging.Telegram
	if d.bad != nil || t.APIID == 0 || t.APIHash == "" {
		return nil // config has said what is missing
	}
	ctx, cancel := context.WithTimeout(ctx, accountTimeout)
	defer cancel()
	const rung = "session"
	kept, err := db.OpenIdle(ctx, d.cfg.Database.Path, d.cfg.Database.KeyFile)
	switch {
	case errors.Is(err, db.ErrInUse):
		return []finding{{rung, rungSkip, "The telegate that has the database open is using it, so Telegram is not asked whose it is.",
			"telegate status, or /healthz, says how it is doing."}}
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return []finding{{rung, rungFail, "The database cannot be looked into: " + sentence(err.Error()), ""}}
	case err == nil:
		defer kept.Close()
	}
	s, err := d.theSession(ctx, kept)
	switch {
	case errors.Is(err, userclient.ErrNoSession) && len(d.botTables()) > 0:
		return nil // the bot works without
	case errors.Is(err, userclient.ErrNoSession):
		return []finding{{rung, rungFail, "There is neither a bottoken nor a session.", "Run telegate setup, or keep a session with telegate session import."}}
	case err != nil:
		return []finding{{rung, rungFail, sentence(err.Error()), "Run telegate setup user to sign in again."}}
	}
	app, err := (&mtproto{servers: d.servers}).app(t, nil)
	if err != nil {
		return []finding{{rung, rungFail, sentence(err.Error()), ""}}
	}
	who, err := userclient.Verify(ctx, app, s)
	switch {
	case errors.Is(err, userclient.ErrDead), errors.Is(err, userclient.ErrApp):
		return []finding{{rung, rungFail, sentence(err.Error()), ""}}
	case err != nil:
		return []finding{{rung, rungFail, "Whose it is could not be asked: the data centres did not answer in time.", "See mtproto."}}
	}
	return []finding{{rung, rungOK, "It signs in as " + accountOf(who).String() + ".", ""}}
}

// theSession is the session that the gateway would use; kept is nil where there is no database yet.
func (d *doctor) theSession(ctx context.Context, kept *db.Idle) (userclient.Session, error) {
	if text := d.cfg.Messaging.Telegram.Session.Reveal(); text != "" {
		return userclient.Decode(text)
	}
	if kept == nil {
		return userclient.Session{}, userclient.ErrNoSession
	}
	return userclient.StoredSession(ctx, kept)
}
