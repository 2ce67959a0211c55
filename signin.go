package main

import (
	"context"
	"time"

	"telegate/config"
)

// accounts is what setup needs of MTProto, the protocol that Telegram's own apps speak.
type accounts interface {
	// SignIn begins one. It ends by itself after ten minutes.
	SignIn(ctx context.Context) (signIn, error)
	// CheckSession asks Telegram whose login a session string is. The error says what is wrong with the string, or with the way there.
	CheckSession(ctx context.Context, session string) (account, error)
	// LogOut ends the login of a session string at Telegram.
	LogOut(ctx context.Context, session string) error
}

// openAccounts makes accounts for the apiid, apihash and proxy of a configuration.
type openAccounts func(config.Telegram) (accounts, error)

// account is a Telegram account.
type account struct {
	ID       int64
	Username string // without @; empty where there is none
	Name     string
}

// want is what a sign-in waits for.
type want string

const (
	wantPhone    want = "phone"
	wantScan     want = "scan" // of a QR code by another device of the account
	wantCode     want = "code"
	wantPassword want = "password" // of the two-step verification
	wantNothing  want = "nothing"  // it is done
)

// signInStep is the next thing to do.
type signInStep struct {
	Want    want
	Problem string    // why the same is asked again, a sentence; empty where it is not
	Hint    string    // where the code went, a sentence; or the person's own hint for the password
	URL     string    // wantScan: what the QR code holds
	Expires time.Time // wantScan: until when it is good
	Session string    // wantNothing: the session string
	Who     account   // wantNothing: whose it is
}

// signIn is one sign-in of a Telegram account. Each answer leads to the next step, and a wrong one to the same step with a Problem; an
// error is the end and says why. Nothing is kept anywhere.
type signIn interface {
	Phone(ctx context.Context, number string) (signInStep, error)
	Code(ctx context.Context, code string) (signInStep, error)
	// Resend has the code sent by another way.
	Resend(ctx context.Context) (signInStep, error)
	Password(ctx context.Context, password string) (signInStep, error)
	// QR begins with a QR code in the place of phone and code.
	QR(ctx context.Context) (signInStep, error)
	// Scanned waits until the QR code has been scanned, or is out of date: the step has a fresh one then.
	Scanned(ctx context.Context) (signInStep, error)
	// Cancel ends it, done or not. It must be called on every way out.
	Cancel()
}
