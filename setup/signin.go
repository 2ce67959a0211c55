package setup

import (
	"context"
	"time"

	"telegate/config"
	"telegate/userclient"
)

// Accounts is what setup needs of MTProto, the protocol that Telegram's own apps speak.
type Accounts interface {
	// SignIn begins one. It ends by itself after ten minutes.
	SignIn(ctx context.Context) (SignIn, error)
	// CheckSession asks Telegram whose login a session string is. The error says what is wrong with the string, or with the way there.
	CheckSession(ctx context.Context, session string) (userclient.Person, error)
	// LogOut ends the login of a session string at Telegram.
	LogOut(ctx context.Context, session string) error
}

// OpenAccounts makes accounts for the apiid, apihash and proxy of a configuration.
type OpenAccounts func(config.Telegram) (Accounts, error)

// Step is the next thing to do.
type Step struct {
	Want    userclient.Want
	Problem string            // why the same is asked again, a sentence; empty where it is not
	Hint    string            // where the code went, a sentence; or the person's own hint for the password
	URL     string            // userclient.WantScan: what the QR code holds
	Expires time.Time         // userclient.WantScan: until when it is good
	Session string            // userclient.WantNothing: the session string
	Who     userclient.Person // userclient.WantNothing: whose it is
}

// SignIn is one sign-in of a Telegram account. Each answer leads to the next step, and a wrong one to the same step with a Problem; an
// error is the end and says why. Nothing is kept anywhere.
type SignIn interface {
	Phone(ctx context.Context, number string) (Step, error)
	Code(ctx context.Context, code string) (Step, error)
	// Resend has the code sent by another way.
	Resend(ctx context.Context) (Step, error)
	Password(ctx context.Context, password string) (Step, error)
	// QR begins with a QR code in the place of phone and code.
	QR(ctx context.Context) (Step, error)
	// Scanned waits until the QR code has been scanned, or is out of date: the step has a fresh one then.
	Scanned(ctx context.Context) (Step, error)
	// Cancel ends it, done or not. It must be called on every way out.
	Cancel()
}
