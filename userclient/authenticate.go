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
	// loginPause: a bot is not signed in again within this time.
	loginPause = time.Hour
)

// errNewKey ends a run, so that the next one starts with a new key.
var errNewKey = errors.New("sign in with a fresh key")

// errOtherAccount: the session belongs to another account.
var errOtherAccount = errors.New("the session belongs to another account")

// errNotSignedIn: there is no session to use.
var errNotSignedIn = errors.New("no session")

// authenticate asks Telegram who the session belongs to. If a bot's session is not signed in, it signs the bot in. Telegram
// limits that call most, so authenticate always asks first.
func (c *Client) authenticate(ctx context.Context, library *telegram.Client) (Person, error) {
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	user, err := library.Self(ctx)
	if isUnauthorized(err) && c.bot != 0 && !tgerr.Is(err, "AUTH_KEY_DUPLICATED") {
		switch c.session.stored.Owner {
		case 0: // a new key
			if c.o.Now().Sub(c.lastLogin) < loginPause {
				return Person{}, err
			}
			if _, err = library.Auth().Bot(ctx, c.o.BotToken); err == nil {
				c.lastLogin = c.o.Now()
				user, err = library.Self(ctx)
			}
		default:
			if err := c.o.Store.DeleteSession(ctx, c.name); err != nil {
				return Person{}, storeError{err}
			}
			return Person{}, errNewKey
		}
	}
	if err != nil {
		return Person{}, err
	}
	me := personOf(user)
	if owner := c.session.stored.Owner; c.bot != 0 && me.ID != c.bot || c.bot == 0 && (me.Bot || owner != 0 && me.ID != owner) {
		return Person{}, errOtherAccount
	}
	c.session.save(ctx, me.ID, library.Config().ThisDC)
	return me, nil
}

func personOf(u *tg.User) Person {
	p := Person{ID: u.ID, Username: u.Username, Name: strings.TrimSpace(u.FirstName + " " + u.LastName), Bot: u.Bot}
	for _, name := range u.Usernames { // Telegram leaves username out if there are several
		switch {
		case !name.Active || strings.EqualFold(name.Username, p.Username):
		case p.Username == "":
			p.Username = name.Username
		default:
			p.MoreUsernames = append(p.MoreUsernames, name.Username)
		}
	}
	return p
}

// storeError is an error of the database.
type storeError struct{ error }

func (e storeError) Unwrap() error { return e.error }

// isAnswer reports whether the error is an answer of Telegram.
func isAnswer(err error) bool {
	var flood *floodError
	_, ok := tgerr.As(err)
	return ok || errors.As(err, &flood) || errors.Is(err, errNewKey) || errors.Is(err, errOtherAccount)
}

func isUnauthorized(err error) bool { return tgerr.IsCode(err, 401) }

// connectionDetail describes why there is no connection.
func connectionDetail(err error) string {
	var store storeError
	switch _, answered := tgerr.As(err); {
	case errors.As(err, &store):
		return sayStore
	case refusesClock(err):
		return sayClock
	case errors.Is(err, exchange.ErrKeyFingerprintNotFound):
		return sayImpostor
	case answered:
		return sayTrouble
	default:
		return sayNoServer
	}
}

// final reports whether only a person can fix the error, and how.
func (c *Client) final(err error) (state State, detail string, final bool) {
	switch {
	case errors.Is(err, errNotSignedIn):
		return StateSignedOut, sayNoSession, true
	case errors.Is(err, errOtherAccount):
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
