// Package account says what has to be remembered of a Telegram account between runs, and whose job it is. It stands apart
// from userclient so that db can keep it without building the MTProto library.
package account

import (
	"context"
	"errors"
	"time"
)

// ErrHeld: another process of telegate uses the account's session. Two connections with one session can make Telegram
// void it (demand F33).
var ErrHeld = errors.New("another telegate uses this Telegram session: stop it first")

// Peer is what an account knows of another chat.
type Peer struct {
	ID         int64     // as in delivery.Recipient.ChatID
	Username   string    // without @, as anybody here last saw it; empty where there is none. Read only
	AccessHash int64     // Telegram's proof that this account has met the chat; only with Known
	Known      bool      // AccessHash is there
	Asked      string    // the username that Telegram was asked about last, without @; empty if it never was
	AskedAt    time.Time // when
}

// Wait is how long Telegram wants no more calls of one method.
type Wait struct {
	Method string    // as Telegram spells it, such as messages.sendMessage
	Asked  time.Time // when it said so; zero where that is not known
	Until  time.Time
}

// Sessions are the logins of accounts, for reading.
type Sessions interface {
	// Session reads what Store.SaveSession has written; nil where there is nothing. It is a password and kept as one.
	Session(ctx context.Context, name string) ([]byte, error)
}

// Store keeps all that on disk. name tells accounts apart: "user", or "bot" and the bot's id.
type Store interface {
	// Hold takes the account for this process until release is called or the process dies. ErrHeld.
	Hold(ctx context.Context, name string) (release func() error, err error)
	Sessions
	// SaveSession replaces the session in one piece.
	SaveSession(ctx context.Context, name string, data []byte) error
	// ReplaceSession is Forget and SaveSession, both or neither.
	ReplaceSession(ctx context.Context, name string, data []byte) error
	// Forget drops the session and the peers, whose access hashes are worth nothing to another session. Waits and counts
	// stay: they are held against the person or the bot, not against the session.
	Forget(ctx context.Context, name string) error
	// Peer is what is known of a chat; one with the id alone where nothing is.
	Peer(ctx context.Context, name string, id int64) (Peer, error)
	// SavePeer writes all of a peer but its Username.
	SavePeer(ctx context.Context, name string, p Peer) error
	// Waits are those in force.
	Waits(ctx context.Context, name string) ([]Wait, error)
	SaveWait(ctx context.Context, name string, w Wait) error
	// CountSend counts one message of a day (2006-01-02, UTC), unless limit have been counted already; counted tells
	// whether it has, left how many more it would.
	CountSend(ctx context.Context, name, day string, limit int) (left int, counted bool, err error)
	// UncountSend takes back one that was counted of a day.
	UncountSend(ctx context.Context, name, day string) error
	// Sends is how many have been counted of a day.
	Sends(ctx context.Context, name, day string) (int, error)
}
