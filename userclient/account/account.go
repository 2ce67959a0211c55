// Package account defines what is stored of a Telegram account between runs. It is separate from userclient so that db does
// not depend on the MTProto library.
package account

import (
	"context"
	"errors"
	"time"
)

// ErrInUse: another telegate process uses the account's session. Two connections with one session can make Telegram
// invalidate it.
var ErrInUse = errors.New("another telegate uses this Telegram session: stop it first")

// Peer is what an account knows about another chat.
type Peer struct {
	ID            int64     // as in delivery.Recipient.ChatID
	Username      string    // without @, last seen by any bot or account here; may be empty. Read only
	AccessHash    int64     // Telegram's proof that this account has met the chat; only with HasAccessHash
	HasAccessHash bool      // AccessHash is set
	AskedName     string    // the username of the last lookup, without @; empty if there was none
	AskedAt       time.Time // when
}

// Wait is a flood wait: Telegram allows no calls of a method until then.
type Wait struct {
	Method string    // as Telegram spells it, such as messages.sendMessage
	Asked  time.Time // when Telegram asked for it; zero if unknown
	Until  time.Time
}

// Sessions reads the logins of accounts.
type Sessions interface {
	// Session returns what Store.SaveSession stored; nil if there is none. It is as secret as a password.
	Session(ctx context.Context, name string) ([]byte, error)
}

// Store stores accounts on disk. name identifies the account: "user", or "bot" and the bot's id.
type Store interface {
	// Lock locks the account for this process until it calls release or ends. ErrInUse.
	Lock(ctx context.Context, name string) (release func() error, err error)
	Sessions
	// SaveSession replaces the session.
	SaveSession(ctx context.Context, name string, data []byte) error
	// ReplaceSession is DeleteSession and SaveSession in one transaction.
	ReplaceSession(ctx context.Context, name string, data []byte) error
	// DeleteSession deletes the session and the peers: another session cannot use their access hashes. Waits and counts stay:
	// Telegram applies them to the person or the bot, not to the session.
	DeleteSession(ctx context.Context, name string) error
	// Peer returns a chat; one with only the id if it is unknown.
	Peer(ctx context.Context, name string, id int64) (Peer, error)
	// SavePeer stores all fields except Username.
	SavePeer(ctx context.Context, name string, p Peer) error
	// Waits returns the stored waits that have not ended.
	Waits(ctx context.Context, name string) ([]Wait, error)
	SaveWait(ctx context.Context, name string, w Wait) error
	// CountSend counts one message of a day (2006-01-02, UTC) unless the count has reached limit. counted reports whether it
	// did, left how many more the limit allows.
	CountSend(ctx context.Context, name, day string, limit int) (left int, counted bool, err error)
	// UncountSend removes one message from the count of a day.
	UncountSend(ctx context.Context, name, day string) error
	// Sends returns the count of a day.
	Sends(ctx context.Context, name, day string) (int, error)
}
