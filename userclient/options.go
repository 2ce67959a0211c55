// Package userclient speaks MTProto, Telegram's own protocol, with the library gotd: for a person's account, or for a bot that
// signs in with its token. No other package uses gotd.
//
// The build tag nomtproto leaves gotd out (nomtproto.go): the build is much smaller, and everything that needs MTProto returns
// ErrNotInBuild.
//
// A Client keeps one account connected and is a delivery.Transport (client.go, send.go, peers.go). SignIn leads an administrator
// through signing in (signin.go, signinqr.go). Decode reads sessions of other programs (session.go). Verify asks Telegram who
// a session belongs to. Package account describes what is stored between runs.
package userclient

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"telegate/userclient/account"
)

// Transport names, shown with a message.
const (
	nameUser = "user"
	nameBot  = "bot-mtproto"
)

// defaultDailyCap: Telegram limited accounts after about 50 messages to people who did not know them.
const defaultDailyCap = 40

// silenceWaits says how soon to test a line on which a call gets no answer.
type silenceWaits struct {
	answer time.Duration // how long a call waits for its answer before the test
	ping   time.Duration // how long the test waits
}

// defaultSilence is shorter, both together, than the send of a code.
var defaultSilence = silenceWaits{2 * time.Second, 5 * time.Second}

// Options says how a Client is built.
type Options struct {
	App
	// BotToken makes the client the bot itself; empty: a person's account.
	BotToken string
	// Session is the configured session string of a person's account. Empty: the one in Store.
	Session string
	Store   account.Store
	// DailyCap is how many messages a person's account sends per day (UTC). 0: 40. A bot has no cap.
	DailyCap int
	// BotName returns the username of a bot, without @, for links that replace buttons: a person's account cannot send buttons.
	// Empty: none. Optional.
	BotName func(botID int64) string
	// Broadcasts allows broadcasts. Set it only if a person's account is the only transport.
	Broadcasts bool
	// Logger gets each change of state. nil: nothing is logged.
	Logger *slog.Logger
	// Now is the clock. nil: time.Now. Pauses use real timers.
	Now func() time.Time
	// OnConnected is called whenever the account becomes connected. Optional; must not block.
	OnConnected func(Status)
	// OnAlarm is called with a final state, and when Telegram limits the account. Optional; must not block.
	OnAlarm func(Status)

	silence silenceWaits // shorter in tests
}

// prepare checks the options and sets defaults. bot is the bot's id, 0 for a person; saved is the configured session.
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
	if o.silence == (silenceWaits{}) {
		o.silence = defaultSilence
	}
	for _, call := range []*func(Status){&o.OnConnected, &o.OnAlarm} {
		if *call == nil {
			*call = func(Status) {}
		}
	}
	return o, bot, saved, nil
}

// Name is "user" or "bot-mtproto", shown as a message's "transport".
func (c *Client) Name() string {
	if c.bot != 0 {
		return nameBot
	}
	return nameUser
}

// BroadcastsPerDay is how many of an account's daily messages broadcasts may use. A quarter is reserved for codes and direct
// messages, so that they never wait behind a broadcast until midnight.
func BroadcastsPerDay(dailyCap int) int { return max(1, dailyCap-(dailyCap+3)/4) }
