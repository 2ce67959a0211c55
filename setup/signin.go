package setup

import (
	"context"
	"time"

	"telegate/config"
	"telegate/userclient"
)

// Accounts is what setup needs of MTProto, the protocol that Telegram's own apps speak.
type Accounts interface {
	// SignIn starts a sign-in. It ends by itself after ten minutes.
	SignIn(ctx context.Context) (SignIn, error)
	// CheckSession asks Telegram whose session a string is. The error says what is wrong with the string or the connection.
	CheckSession(ctx context.Context, session string) (userclient.Person, error)
	// LogOut ends the login of a session string at Telegram.
	LogOut(ctx context.Context, session string) error
}

// OpenAccounts makes accounts for the apiid, apihash and proxy of a configuration.
type OpenAccounts func(config.Telegram) (Accounts, error)

// Step is the next step of a sign-in.
type Step struct {
	Want    userclient.Want
	Problem string            // why the same question comes again, a sentence; empty otherwise
	Hint    string            // where Telegram sent the code, a sentence; or the account's password hint
	URL     string            // userclient.WantScan: the content of the QR code
	Expires time.Time         // userclient.WantScan: when it expires
	Session string            // userclient.WantNothing: the session string
	Who     userclient.Person // userclient.WantNothing: its owner
}

// SignIn is one sign-in of a Telegram account. Each answer leads to the next step; a wrong one to the same step with a Problem. An error ends
// the sign-in and says why. It stores nothing.
type SignIn interface {
	Phone(ctx context.Context, number string) (Step, error)
	Code(ctx context.Context, code string) (Step, error)
	// Resend asks Telegram to send the code in another way.
	Resend(ctx context.Context) (Step, error)
	Password(ctx context.Context, password string) (Step, error)
	// QR starts with a QR code instead of phone and code.
	QR(ctx context.Context) (Step, error)
	// Scanned waits until the QR code is scanned or has expired. Then the step has a new one.
	Scanned(ctx context.Context) (Step, error)
	// Cancel ends the sign-in, finished or not. The caller must always call it.
	Cancel()
}
