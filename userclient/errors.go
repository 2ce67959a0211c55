package userclient

import "errors"

// ErrNotInBuild: this build has the tag nomtproto, so it has no user session and no fallback over MTProto.
var ErrNotInBuild = errors.New("this build of telegate has no MTProto (build tag nomtproto): install a full build of telegate, " +
	"or remove session and the section fallback from the configuration")

// ErrUnreachable: no data centre answered in time.
var ErrUnreachable = errors.New("Telegram's data centres cannot be reached: check the network, the firewall and the proxy") //nolint:staticcheck // a name

// ErrDead: Telegram rejects the session permanently. The wrapping error says why.
var ErrDead = errors.New("the session cannot be used")

// ErrNobody: no person's Telegram account has the username.
var ErrNobody = errors.New("nobody has this Telegram username")

// ErrNoSession: no session is stored.
var ErrNoSession = errors.New("there is no session of a Telegram account: run telegate setup to sign in")
