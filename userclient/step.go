package userclient

import (
	"errors"
	"fmt"
	"time"
)

// Why signing in is over. What wraps ErrSignIn says why, with the next step.
var (
	ErrSignIn        = errors.New("signing in is over")
	errSignInTime    = fmt.Errorf("%w: it took longer than 10 minutes; begin again", ErrSignIn)
	errSignInCancel  = fmt.Errorf("%w: it was canceled", ErrSignIn)
	errSignInOutStep = errors.New("that is not what signing in waits for")
)

// Want is what signing in waits for.
type Want string

// What it can wait for.
const (
	WantPhone    Want = "phone"    // SignIn.Phone, or SignIn.QR
	WantCode     Want = "code"     // SignIn.Code, or SignIn.Resend
	WantPassword Want = "password" // SignIn.Password
	WantScan     Want = "scan"     // SignIn.Scanned
	WantNothing  Want = "nothing"  // Step.Done is there
)

// Step is the next thing to do.
type Step struct {
	Want    Want
	Problem string    // why the same is asked again; empty where it is not
	Hint    string    // where the code went, or the person's own hint for the password
	URL     string    // WantScan: the content of the QR code. A secret until Expires
	Expires time.Time // WantScan: when SignIn.Scanned answers with a fresh one
	Done    *SignedIn
}

// SignedIn is a login that is complete.
type SignedIn struct {
	Session Session
	Me      Person
}
