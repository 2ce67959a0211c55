package userclient

import (
	"errors"
	"fmt"
	"time"
)

// Why signing in ended. The error that wraps ErrSignIn says why, with the next step.
var (
	ErrSignIn        = errors.New("signing in is over")
	errSignInTime    = fmt.Errorf("%w: it took longer than 10 minutes; begin again", ErrSignIn)
	errSignInCancel  = fmt.Errorf("%w: it was canceled", ErrSignIn)
	errSignInOutStep = errors.New("that is not what signing in waits for")
)

// Want is the input that signing in waits for.
type Want string

// The inputs.
const (
	WantPhone    Want = "phone"    // SignIn.Phone, or SignIn.QR
	WantCode     Want = "code"     // SignIn.Code, or SignIn.Resend
	WantPassword Want = "password" // SignIn.Password
	WantScan     Want = "scan"     // SignIn.Scanned
	WantNothing  Want = "nothing"  // finished: Step.Done is set
)

// Step is the next thing to do.
type Step struct {
	Want    Want
	Problem string    // why the same input is needed again; otherwise empty
	Hint    string    // where the code was sent, or the user's hint for the password
	URL     string    // WantScan: the content of the QR code. A secret until Expires
	Expires time.Time // WantScan: when SignIn.Scanned returns a new one
	Done    *SignedIn
}

// SignedIn is a finished login.
type SignedIn struct {
	Session Session
	Me      Person
}
