package setup

import (
	"context"

	"telegate/config"
	"telegate/internal/telegram"
	"telegate/userclient"
)

// sessionAccounts is MTProto as the setup needs it.
type sessionAccounts struct{ app userclient.App }

// Telegram makes the accounts of a configuration for the setup, where the library's oddities are nobody's business.
func Telegram(t config.Telegram, servers ...userclient.Server) (Accounts, error) {
	app, err := telegram.NewApp(t, nil, servers...)
	return sessionAccounts{app}, err
}

// CheckSession implements accounts.
func (a sessionAccounts) CheckSession(ctx context.Context, session string) (userclient.Person, error) {
	s, err := userclient.Decode(session)
	if err != nil {
		return userclient.Person{}, err
	}
	return userclient.Verify(ctx, a.app, s)
}

// LogOut implements accounts.
func (a sessionAccounts) LogOut(ctx context.Context, session string) error {
	s, err := userclient.Decode(session)
	if err != nil {
		return err
	}
	return userclient.LogOut(ctx, a.app, s)
}

// SignIn implements accounts.
func (a sessionAccounts) SignIn(ctx context.Context) (SignIn, error) {
	s, _, err := userclient.StartSignIn(ctx, a.app)
	if err != nil {
		return nil, err
	}
	return sessionSignIn{s}, nil
}

// sessionSignIn tells setup of the steps in its own words.
type sessionSignIn struct{ s *userclient.SignIn }

func (i sessionSignIn) Phone(ctx context.Context, number string) (Step, error) {
	return stepOf(i.s.Phone(ctx, number))
}

func (i sessionSignIn) Code(ctx context.Context, code string) (Step, error) {
	return stepOf(i.s.Code(ctx, code))
}

func (i sessionSignIn) Resend(ctx context.Context) (Step, error) {
	return stepOf(i.s.Resend(ctx))
}

func (i sessionSignIn) Password(ctx context.Context, password string) (Step, error) {
	return stepOf(i.s.Password(ctx, password))
}

func (i sessionSignIn) QR(ctx context.Context) (Step, error) { return stepOf(i.s.QR(ctx)) }
func (i sessionSignIn) Scanned(ctx context.Context) (Step, error) {
	return stepOf(i.s.Scanned(ctx))
}
func (i sessionSignIn) Cancel() { i.s.Cancel() }

func stepOf(s userclient.Step, err error) (Step, error) {
	step := Step{Want: s.Want, Problem: s.Problem, Hint: s.Hint, URL: s.URL, Expires: s.Expires}
	if s.Done != nil {
		step.Session, step.Who = s.Done.Session.Encode(), s.Done.Me
	}
	return step, err
}
