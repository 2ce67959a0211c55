package setup

import (
	"context"

	"telegate/config"
	"telegate/internal/telegram"
	"telegate/userclient"
)

// mtprotoAccounts implements Accounts by userclient.
type mtprotoAccounts struct{ app userclient.App }

// Telegram makes Accounts for a configuration.
func Telegram(t config.Telegram, servers ...userclient.Server) (Accounts, error) {
	app, err := telegram.NewApp(t, nil, servers...)
	return mtprotoAccounts{app}, err
}

// CheckSession implements Accounts.
func (a mtprotoAccounts) CheckSession(ctx context.Context, session string) (userclient.Person, error) {
	s, err := userclient.Decode(session)
	if err != nil {
		return userclient.Person{}, err
	}
	return userclient.Verify(ctx, a.app, s)
}

// LogOut implements Accounts.
func (a mtprotoAccounts) LogOut(ctx context.Context, session string) error {
	s, err := userclient.Decode(session)
	if err != nil {
		return err
	}
	return userclient.LogOut(ctx, a.app, s)
}

// SignIn implements Accounts.
func (a mtprotoAccounts) SignIn(ctx context.Context) (SignIn, error) {
	s, _, err := userclient.StartSignIn(ctx, a.app)
	if err != nil {
		return nil, err
	}
	return mtprotoSignIn{s}, nil
}

// mtprotoSignIn implements SignIn.
type mtprotoSignIn struct{ s *userclient.SignIn }

func (i mtprotoSignIn) Phone(ctx context.Context, number string) (Step, error) {
	return stepOf(i.s.Phone(ctx, number))
}

func (i mtprotoSignIn) Code(ctx context.Context, code string) (Step, error) {
	return stepOf(i.s.Code(ctx, code))
}

func (i mtprotoSignIn) Resend(ctx context.Context) (Step, error) {
	return stepOf(i.s.Resend(ctx))
}

func (i mtprotoSignIn) Password(ctx context.Context, password string) (Step, error) {
	return stepOf(i.s.Password(ctx, password))
}

func (i mtprotoSignIn) QR(ctx context.Context) (Step, error) { return stepOf(i.s.QR(ctx)) }
func (i mtprotoSignIn) Scanned(ctx context.Context) (Step, error) {
	return stepOf(i.s.Scanned(ctx))
}
func (i mtprotoSignIn) Cancel() { i.s.Cancel() }

func stepOf(s userclient.Step, err error) (Step, error) {
	step := Step{Want: s.Want, Problem: s.Problem, Hint: s.Hint, URL: s.URL, Expires: s.Expires}
	if s.Done != nil {
		step.Session, step.Who = s.Done.Session.Encode(), s.Done.Me
	}
	return step, err
}
