//go:build !nomtproto

package userclient

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/gotd/td/exchange"
	"github.com/gotd/td/telegram"
	"github.com/gotd/td/tg"
	"github.com/gotd/td/tgerr"
)

const (
	botLogin = "auth.importBotAuthorization"
	// loginPause: a bot whose login does not last that long is not signed in again.
	loginPause = time.Hour
)

// errAnew ends a life so that the next begins with a fresh key.
var errAnew = errors.New("sign in with a fresh key")

// errOwner: the session is somebody else's.
var errOwner = errors.New("the session belongs to another account")

// errEmpty: there is nothing to sign in with.
var errEmpty = errors.New("no session")

// signOn asks Telegram whose the session is. A bot whose session is not signed in yet, or no more, is signed in: the call
// that Telegram limits most, so it is made only when asking has shown that it must be (F1).
func (c *Client) signOn(ctx context.Context, library *telegram.Client) (Person, error) {
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	user, err := library.Self(ctx)
	if isUnauthorized(err) && c.bot != 0 && !tgerr.Is(err, "AUTH_KEY_DUPLICATED") {
		switch c.kept.record.Owner {
		case 0: // a fresh key
			if c.o.Now().Sub(c.login) < loginPause {
				return Person{}, err
			}
			if _, err = library.Auth().Bot(ctx, c.o.BotToken); err == nil {
				c.login = c.o.Now()
				user, err = library.Self(ctx)
			}
		default:
			if err := c.o.Store.Forget(ctx, c.name); err != nil {
				return Person{}, storeError{err}
			}
			return Person{}, errAnew
		}
	}
	if err != nil {
		return Person{}, err
	}
	me := person(user)
	if owner := c.kept.record.Owner; c.bot != 0 && me.ID != c.bot || c.bot == 0 && (me.Bot || owner != 0 && me.ID != owner) {
		return Person{}, errOwner
	}
	c.kept.prove(ctx, me.ID, library.Config().ThisDC)
	return me, nil
}

func person(u *tg.User) Person {
	return Person{ID: u.ID, Username: u.Username, Name: strings.TrimSpace(u.FirstName + " " + u.LastName), Bot: u.Bot}
}

// storeError: the database was in the way.
type storeError struct{ error }

func (e storeError) Unwrap() error { return e.error }

// isAnswer tells whether Telegram itself has answered with the error.
func isAnswer(err error) bool {
	var flood *floodError
	_, ok := tgerr.As(err)
	return ok || errors.As(err, &flood) || errors.Is(err, errAnew) || errors.Is(err, errOwner)
}

func isUnauthorized(err error) bool { return tgerr.IsCode(err, 401) }

// lineDetail says in words why there is no connection.
func lineDetail(err error) string {
	var store storeError
	switch _, answered := tgerr.As(err); {
	case errors.As(err, &store):
		return sayStore
	case errors.Is(err, exchange.ErrKeyFingerprintNotFound):
		return sayImpostor
	case answered:
		return sayTrouble
	default:
		return sayNoServer
	}
}

// final tells whether an error can be mended only by a person, and how.
func (c *Client) final(err error) (state State, detail string, final bool) {
	switch {
	case errors.Is(err, errEmpty):
		return StateSignedOut, sayNoSession, true
	case errors.Is(err, errOwner):
		return StateSignedOut, sayOther, true
	}
	return finalAnswer(err, c.bot != 0)
}

func finalAnswer(err error, bot bool) (state State, detail string, final bool) {
	switch {
	case tgerr.Is(err, "AUTH_KEY_DUPLICATED"):
		return StateDuplicated, sayDuplicated, true
	case tgerr.Is(err, "USER_DEACTIVATED", "USER_DEACTIVATED_BAN", "PHONE_NUMBER_BANNED"):
		return StateRevoked, sayGone, true
	case tgerr.Is(err, "SESSION_PASSWORD_NEEDED"):
		return StateSignedOut, sayHalf, true
	case tgerr.Is(err, "ACCESS_TOKEN_INVALID", "ACCESS_TOKEN_EXPIRED"):
		return StateSignedOut, sayToken, true
	case tgerr.Is(err, "API_ID_INVALID", "API_ID_PUBLISHED_FLOOD"):
		return StateSignedOut, sayApp, true
	case isUnauthorized(err) && bot:
		return StateRevoked, sayBotRevoked, true
	case isUnauthorized(err):
		return StateRevoked, sayRevoked, true
	}
	return "", "", false
}
