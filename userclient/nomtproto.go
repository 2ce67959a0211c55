//go:build nomtproto

package userclient

import (
	"context"

	"telegate/delivery"
	"telegate/userclient/account"
)

// InBuild tells whether this build of telegate speaks MTProto: with the tag nomtproto it does not.
const InBuild = false

// sayNotInBuild is ErrNotInBuild as a sentence.
var sayNotInBuild = "T" + ErrNotInBuild.Error()[1:] + "."

var _ delivery.Transport = (*Client)(nil)

// Client stands in for an account: its state is final and says that the build has no MTProto.
type Client struct {
	o      Options
	bot    int64 // the bot's id; 0 for a person
	status Status
}

// New checks the options. ErrApp, ErrSession, ErrToken.
func New(o Options) (*Client, error) {
	o, bot, _, err := o.prepare()
	if err != nil {
		return nil, err
	}
	return &Client{o: o, bot: bot, status: Status{State: StateSignedOut, Since: o.Now(), Detail: sayNotInBuild}}, nil
}

// Status is a final state.
func (c *Client) Status() Status { return c.status }

// Run raises the alarm and waits for the context.
func (c *Client) Run(ctx context.Context) error {
	c.o.OnAlarm(c.status)
	<-ctx.Done()
	return nil
}

// Send sends nothing.
func (c *Client) Send(context.Context, delivery.Recipient, delivery.Part) error {
	return &delivery.SendError{
		Class:   delivery.Unauthorized,
		Failure: delivery.Failure{Reason: delivery.ReasonUnauthorized, Detail: sayNotInBuild},
		Err:     ErrNotInBuild,
	}
}

// Resolve finds nobody.
func (c *Client) Resolve(ctx context.Context, _ string) (Person, error) {
	return Person{}, c.Send(ctx, delivery.Recipient{}, delivery.Part{})
}

// SignIn is never made.
type SignIn struct{}

// StartSignIn answers ErrNotInBuild.
func StartSignIn(context.Context, App) (*SignIn, Step, error) { return nil, Step{}, ErrNotInBuild }

// The steps of signing in answer ErrNotInBuild.

func (*SignIn) Phone(context.Context, string) (Step, error)    { return Step{}, ErrNotInBuild }
func (*SignIn) Code(context.Context, string) (Step, error)     { return Step{}, ErrNotInBuild }
func (*SignIn) Resend(context.Context) (Step, error)           { return Step{}, ErrNotInBuild }
func (*SignIn) Password(context.Context, string) (Step, error) { return Step{}, ErrNotInBuild }
func (*SignIn) QR(context.Context) (Step, error)               { return Step{}, ErrNotInBuild }
func (*SignIn) Scanned(context.Context) (Step, error)          { return Step{}, ErrNotInBuild }
func (*SignIn) Cancel()                                        {}

// Reach answers ErrNotInBuild.
func Reach(context.Context, App) error { return ErrNotInBuild }

// Verify answers ErrNotInBuild.
func Verify(context.Context, App, Session) (Person, error) { return Person{}, ErrNotInBuild }

// LogOut answers ErrNotInBuild.
func LogOut(context.Context, App, Session) error { return ErrNotInBuild }

// Keep answers ErrNotInBuild.
func SaveSession(context.Context, account.Store, Session, Person) error { return ErrNotInBuild }
