// Package userclient speaks MTProto, Telegram's own protocol, through gotd: as a person's account, or as a bot that signs
// in with its token. It is the only room that knows the library.
//
// The build tag nomtproto leaves the library out (nomtproto.go): the build is small then, and everything that needs MTProto
// answers ErrNotInBuild.
//
// A Client keeps one account connected and is a delivery.Transport (send.go, peer.go). SignIn walks an administrator
// through signing in (signin.go, qr.go), Decode reads sessions of other programs (session.go), Verify asks Telegram whose
// a session is. What has to be remembered between runs is described in package account.
package userclient

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"telegate/userclient/account"
)

// Names of the transport, as a message shows them.
const (
	nameUser = "user"
	nameBot  = "bot-mtproto"
)

// defaultDailyCap: accounts were limited after about 50 messages to people who did not know them (F32).
const defaultDailyCap = 40

// Options says how a Client is built.
type Options struct {
	App
	// BotToken makes the client the bot itself; empty: a person's account.
	BotToken string
	// Session is the configured session string of a person's account. Empty: the one in Store.
	Session string
	Store   account.Store
	// DailyCap is how many messages a person's account sends in a day (UTC). 0: 40. A bot has no cap.
	DailyCap int
	// BotName is the username of a bot, without @, for the links that stand for buttons a person's account cannot send; empty where
	// there is none. nil: never.
	BotName func(botID int64) string
	// Broadcasts lets broadcasts through; only right where a person's account is the only way out.
	Broadcasts bool
	// Logger hears of each change of state, once. nil: nothing is logged.
	Logger *slog.Logger
	// Now is the clock. nil: time.Now. Waiting is done with real timers.
	Now func() time.Time
	// OnConnected is called each time the account becomes connected. Optional; must not block.
	OnConnected func(Status)
	// OnAlarm is called with a final state, and when Telegram limits the account. Optional; must not block.
	OnAlarm func(Status)
}

// prepare checks the options and fills in the defaults. bot is the bot's id, 0 for a person; saved is the configured session.
func (o Options) prepare() (_ Options, bot int64, saved Session, err error) {
	if err := o.check(); err != nil {
		return o, 0, Session{}, err
	}
	switch {
	case o.BotToken != "":
		if err := CheckToken(o.BotToken); err != nil {
			return o, 0, Session{}, err
		}
		o.BotToken = strings.TrimSpace(o.BotToken)
		if _, err := fmt.Sscanf(o.BotToken, "%d:", &bot); err != nil {
			return o, 0, Session{}, fmt.Errorf("%w: %w", ErrToken, err)
		}
	case o.Session != "":
		if saved, err = Decode(o.Session); err != nil {
			return o, 0, Session{}, err
		}
	}
	if o.DailyCap == 0 {
		o.DailyCap = defaultDailyCap
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.BotName == nil {
		o.BotName = func(int64) string { return "" }
	}
	for _, call := range []*func(Status){&o.OnConnected, &o.OnAlarm} {
		if *call == nil {
			*call = func(Status) {}
		}
	}
	return o, bot, saved, nil
}

// Name is "user" or "bot-mtproto", as a message's "transport" shows it.
func (c *Client) Name() string {
	if c.bot != 0 {
		return nameBot
	}
	return nameUser
}

// BroadcastsPerDay is how many of the messages an account may send in a day broadcasts may use up. A quarter is kept for
// codes and whatever else a person waits for: those must never wait behind a broadcast, least of all until midnight.
func BroadcastsPerDay(dailyCap int) int { return max(1, dailyCap-(dailyCap+3)/4) }
