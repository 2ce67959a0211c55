package gateway

import (
	"context"
	"errors"
	"strconv"

	"telegate/config"
	"telegate/db"
	"telegate/delivery"
	"telegate/internal/exit"
	"telegate/internal/telegram"
	"telegate/userclient"
)

// mtproto holds the gateway's MTProto clients.
type mtproto struct {
	servers []userclient.Server // replace Telegram's in tests

	user        *userclient.Client           // the user session; nil if there is none
	bots        map[int64]*userclient.Client // the bots themselves, as first route of the fallback
	replacesBot bool                         // user replaces the bot of at least one domain

	fallback bool // bots and user are routes of the fallback
}

// clients are all clients, by the name of their component in the health.
func (m *mtproto) clients() map[string]*userclient.Client {
	all := map[string]*userclient.Client{}
	if m.user != nil {
		all["user session"] = m.user
	}
	for id, c := range m.bots {
		all["bot "+strconv.FormatInt(id, 10)+" over MTProto"] = c
	}
	return all
}

// open makes the clients of the configuration; g.db is open. It uses no network.
func (m *mtproto) open(ctx context.Context, g *Gateway) error {
	shared, missingBot := g.cfg.Load().Messaging.Telegram, false
	m.bots, m.fallback = map[int64]*userclient.Client{}, shared.Fallback.Enabled
	for id, d := range g.cfg.Load().Domains {
		t := d.Telegram
		bot := config.BotID(t.BotToken)
		if bot == 0 {
			missingBot = true
			continue
		}
		if !m.fallback || m.bots[bot] != nil {
			continue
		}
		c, err := m.newClient(g, t, userclient.Options{BotToken: t.BotToken.Reveal()})
		if err != nil {
			return exit.Usagef("domain %q: %w", id, err)
		}
		m.bots[bot] = c
	}
	if !missingBot && !m.fallback {
		return nil
	}
	hasUser, err := hasSession(ctx, shared, g.db)
	switch {
	case err != nil:
		return err
	case !hasUser && len(g.clients) == 0:
		return exit.AsUsage(errNoTransport)
	case !hasUser:
		return nil
	}
	m.replacesBot = missingBot
	o := userclient.Options{Session: shared.Session.Reveal(), DailyCap: shared.Fallback.PerDay}
	if m.replacesBot {
		o.DailyCap, o.Broadcasts = g.cfg.Load().Limits.UserPerDay, true
	}
	c, err := m.newClient(g, shared, o)
	if err != nil {
		return exit.Usagef("messaging.telegram.session: %w", err)
	}
	m.user = c
	return nil
}

var errNoTransport = errors.New("no way to Telegram: the configuration has neither a bottoken nor a session, and the database has no session; " +
	"run telegate setup, or store a session with telegate session import")

// hasSession reports whether a user session exists, in the configuration or in the database.
func hasSession(ctx context.Context, shared config.Telegram, d *db.DB) (bool, error) {
	if shared.Session != "" {
		return true, nil
	}
	if shared.APIID == 0 || shared.APIHash == "" { // a session in the database could not be used
		return false, nil
	}
	_, err := userclient.StoredSession(ctx, d)
	if errors.Is(err, userclient.ErrNoSession) {
		return false, nil
	}
	return err == nil, err
}

func (m *mtproto) newClient(g *Gateway, t config.Telegram, o userclient.Options) (*userclient.Client, error) {
	app, err := telegram.NewApp(t, g.log, m.servers...)
	if err != nil {
		return nil, err
	}
	o.App, o.Store, o.Logger, o.BotName = app, g.db, g.log, g.domains.botName
	o.OnConnected = func(userclient.Status) { g.dispatcher.Resume(delivery.UserSession) }
	o.OnAlarm = func(s userclient.Status) {
		g.log.Error("Telegram account cannot send.", "state", s.State, "until", s.Until, "detail", s.Detail)
	}
	return userclient.New(o)
}

// connect adds the clients to the dispatcher's transports and fallbacks.
func (m *mtproto) connect(transports map[int64]delivery.Transport, fallbacks map[int64][]delivery.Fallback) {
	if m.replacesBot {
		transports[delivery.UserSession] = m.user
	}
	for id := range transports {
		if !m.fallback {
			break
		}
		if c := m.bots[id]; c != nil {
			fallbacks[id] = append(fallbacks[id], delivery.Fallback{Transport: c, Up: func() bool { return connected(c) }})
		}
		if c := m.user; c != nil && id != delivery.UserSession {
			fallbacks[id] = append(fallbacks[id], delivery.Fallback{Transport: c, Person: true, Up: func() bool { return connected(c) }})
		}
	}
}

// connected reports whether an account can send.
func connected(c *userclient.Client) bool { return c.Status().State == userclient.StateConnected }

// canSend reports whether a configured bot can send over MTProto now.
func (m *mtproto) canSend(botID int64) bool {
	if c := m.bots[botID]; c != nil && connected(c) {
		return true
	}
	return m.user != nil && (m.fallback || botID == delivery.UserSession) && connected(m.user)
}

// accountStates are all states of an account.
var accountStates = []userclient.State{
	userclient.StateConnecting, userclient.StateConnected, userclient.StateFloodWait, userclient.StateLimited, userclient.StateUsedUp,
	userclient.StateSignedOut, userclient.StateRevoked, userclient.StateDuplicated,
}
