//go:build !nomtproto

package userclient

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/gotd/td/telegram/auth"
	"github.com/gotd/td/tg"
	"github.com/gotd/td/tgerr"
)

// signInTime is the time limit for signing in.
const signInTime = 10 * time.Minute

// SignIn leads a person through signing in. Each method returns the next step. A wrong code or password repeats the step; an
// error (ErrSignIn) ends it. The caller must call Cancel, which closes the connection to Telegram. Nothing is stored before
// Step.Done. Phone number, code and password are never logged.
type SignIn struct {
	app     App
	conn    *connection
	scanned chan struct{}
	timeout context.CancelFunc

	mu    sync.Mutex // one call at a time; guards the fields below
	step  Step
	phone string
	hash  string // Telegram's id of the code
}

// StartSignIn connects to Telegram without an account. The limit for signing in is 10 minutes, or the end of ctx.
func StartSignIn(ctx context.Context, app App) (*SignIn, Step, error) {
	return startSignIn(ctx, app, signInTime)
}

func startSignIn(ctx context.Context, app App, limit time.Duration) (*SignIn, Step, error) {
	s := &SignIn{app: app, scanned: make(chan struct{}, 1), step: Step{Want: WantPhone}}
	ctx, s.timeout = context.WithTimeoutCause(ctx, limit, errSignInTime)
	updates := tg.NewUpdateDispatcher()
	updates.OnLoginToken(func(context.Context, tg.Entities, *tg.UpdateLoginToken) error {
		select {
		case s.scanned <- struct{}{}:
		default:
		}
		return nil
	})
	v, err := app.connect(ctx, nil, updates)
	if err != nil {
		s.timeout()
		return nil, Step{}, signInFault(err)
	}
	s.conn = v
	return s, s.step, nil
}

// Cancel ends signing in, finished or not. It is idempotent.
func (s *SignIn) Cancel() {
	s.conn.cancel(errSignInCancel)
	s.conn.close()
	s.timeout()
}

// run runs one step: one at a time, only a wanted one, and the first error ends signing in.
func (s *SignIn) run(ctx context.Context, wanted []Want, do func(ctx context.Context) (Step, error)) (Step, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ok := false
	for _, w := range wanted {
		ok = ok || w == s.step.Want
	}
	if !ok {
		return s.step, fmt.Errorf("%w: it waits for %s", errSignInOutStep, s.step.Want)
	}
	ctx, stop := s.conn.within(ctx)
	defer stop()
	step, err := do(ctx)
	if err != nil {
		if s.conn.ctx.Err() != nil {
			err = context.Cause(s.conn.ctx)
		}
		s.Cancel()
		s.step = Step{}
		return Step{}, signInFault(err)
	}
	s.step = step
	if step.Want == WantNothing {
		s.Cancel()
	}
	return step, nil
}

// repeat repeats the current step.
func (s *SignIn) repeat(problem string) (Step, error) {
	step := s.step
	step.Problem = problem
	return step, nil
}

var phoneDigits = regexp.MustCompile(`^[1-9][0-9]{6,14}$`) // E.164

// Phone takes the account's phone number with the country code, and makes Telegram send a code.
func (s *SignIn) Phone(ctx context.Context, number string) (Step, error) {
	return s.run(ctx, []Want{WantPhone, WantScan}, func(ctx context.Context) (Step, error) {
		s.step = Step{Want: WantPhone}
		digits := strings.NewReplacer(" ", "", "-", "", "(", "", ")", "", ".", "", "/", "").Replace(strings.TrimSpace(number))
		digits = strings.TrimPrefix(strings.TrimPrefix(digits, "+"), "00")
		switch _, err := Decode(number); {
		case tokenShape.MatchString(strings.TrimSpace(number)):
			return s.repeat("This is a bot token. Choose to set up the bot, or enter the phone number of a Telegram account.")
		case err == nil:
			return s.repeat("This is a session. Choose to import one, or enter the phone number of a Telegram account.")
		case !phoneDigits.MatchString(digits):
			return s.repeat("This is not a phone number. Enter it with the country's code, such as +34 600 000 000.")
		}
		s.phone = "+" + digits
		sent, err := s.conn.library.Auth().SendCode(ctx, s.phone, auth.SendCodeOptions{})
		if tgerr.Is(err, "PHONE_NUMBER_INVALID") {
			return s.repeat("Telegram knows no such phone number. Enter it with the country's code, such as +34 600 000 000.")
		}
		if err != nil {
			return Step{}, err
		}
		return s.sent(ctx, sent)
	})
}

// Resend makes Telegram send the code again, by another channel if there is one.
func (s *SignIn) Resend(ctx context.Context) (Step, error) {
	return s.run(ctx, []Want{WantCode}, func(ctx context.Context) (Step, error) {
		sent, err := s.conn.library.Auth().ResendCode(ctx, s.phone, s.hash)
		switch {
		case tgerr.Is(err, "SEND_CODE_UNAVAILABLE"):
			return s.repeat("Telegram sends no further code just now. Use the last one, or begin again later.")
		case tgerr.Is(err, "PHONE_CODE_EXPIRED"):
			return Step{Want: WantPhone, Problem: sayCodeExpired}, nil
		case err != nil:
			return Step{}, err
		}
		return s.sent(ctx, sent)
	})
}

const sayCodeExpired = "The code has expired. Enter the phone number again to get a new one."

// sent says where Telegram sent the code.
func (s *SignIn) sent(ctx context.Context, sent tg.AuthSentCodeClass) (Step, error) {
	switch sent := sent.(type) {
	case *tg.AuthSentCode:
		s.hash = sent.PhoneCodeHash
		hint := "Telegram has sent a code."
		switch sent.Type.(type) {
		case *tg.AuthSentCodeTypeApp:
			hint = "Telegram has sent a code to the account's other devices: look into the chat named Telegram."
		case *tg.AuthSentCodeTypeSMS, *tg.AuthSentCodeTypeSMSWord, *tg.AuthSentCodeTypeSMSPhrase, *tg.AuthSentCodeTypeFirebaseSMS:
			hint = "Telegram has sent the code by SMS."
		case *tg.AuthSentCodeTypeCall, *tg.AuthSentCodeTypeFlashCall, *tg.AuthSentCodeTypeMissedCall:
			hint = "Telegram calls the phone number; the code is said there, or is the end of the calling number."
		case *tg.AuthSentCodeTypeEmailCode:
			hint = "Telegram has sent the code to the account's email address."
		case *tg.AuthSentCodeTypeFragmentSMS:
			hint = "The code is on fragment.com, where the number was bought."
		case *tg.AuthSentCodeTypeSetUpEmailRequired:
			return Step{}, fmt.Errorf("%w: Telegram wants an email address for this account first; sign in once with Telegram's own app", ErrSignIn)
		}
		return Step{Want: WantCode, Hint: hint}, nil
	case *tg.AuthSentCodeSuccess:
		return s.done(ctx, sent.Authorization)
	default:
		return Step{}, fmt.Errorf("%w: Telegram wants a payment or something else that telegate does not know; sign in once with Telegram's own app", ErrSignIn)
	}
}

// Code takes the code from Telegram. It ignores spaces and dashes.
func (s *SignIn) Code(ctx context.Context, code string) (Step, error) {
	return s.run(ctx, []Want{WantCode}, func(ctx context.Context) (Step, error) {
		code := strings.NewReplacer(" ", "", "-", "", "\t", "").Replace(strings.TrimSpace(code))
		if code == "" || len(code) > 64 {
			return s.repeat("Enter the code that Telegram has sent.")
		}
		a, err := s.conn.library.API().AuthSignIn(ctx, signInRequest(s.phone, s.hash, code))
		switch {
		case tgerr.Is(err, "PHONE_CODE_INVALID", "PHONE_CODE_EMPTY"):
			return s.repeat("The code is wrong. Enter the one that came last.")
		case tgerr.Is(err, "PHONE_CODE_EXPIRED"):
			return Step{Want: WantPhone, Problem: sayCodeExpired}, nil
		case tgerr.Is(err, "SESSION_PASSWORD_NEEDED"):
			return s.password(ctx)
		case err != nil:
			return Step{}, err
		}
		return s.done(ctx, a)
	})
}

func signInRequest(phone, hash, code string) *tg.AuthSignInRequest {
	r := &tg.AuthSignInRequest{PhoneNumber: phone, PhoneCodeHash: hash}
	r.SetPhoneCode(code)
	return r
}

// password asks for the 2-step password.
func (s *SignIn) password(ctx context.Context) (Step, error) {
	p, err := s.conn.library.API().AccountGetPassword(ctx)
	if err != nil {
		return Step{}, err
	}
	return Step{Want: WantPassword, Hint: p.Hint}, nil
}

// Password takes the 2-step password unchanged. Telegram gets only a proof of it (SRP).
func (s *SignIn) Password(ctx context.Context, password string) (Step, error) {
	return s.run(ctx, []Want{WantPassword}, func(ctx context.Context) (Step, error) {
		if password == "" {
			return s.repeat("Enter the 2-step password of the account.")
		}
		a, err := s.conn.library.Auth().Password(ctx, password)
		if tgerr.Is(err, "SRP_ID_INVALID") { // Telegram's half of the proof was too old
			a, err = s.conn.library.Auth().Password(ctx, password)
		}
		switch {
		case errors.Is(err, auth.ErrPasswordInvalid):
			return s.repeat("The password is wrong. It is the one of 2-step verification, not that of the phone.")
		case err != nil:
			return Step{}, err
		}
		return s.done(ctx, a)
	})
}

// done finishes signing in.
func (s *SignIn) done(ctx context.Context, a tg.AuthAuthorizationClass) (Step, error) {
	done, ok := a.(*tg.AuthAuthorization)
	if !ok {
		return Step{}, fmt.Errorf("%w: there is no Telegram account with this number; telegate makes none: sign up with Telegram's own app first", ErrSignIn)
	}
	user, ok := done.User.AsNotEmpty()
	if !ok {
		return Step{}, fmt.Errorf("%w: Telegram did not say who signed in; begin again", ErrSignIn)
	}
	session, err := s.conn.session(ctx, user.ID)
	if err != nil {
		return Step{}, err
	}
	return Step{Want: WantNothing, Done: &SignedIn{Session: session, Me: personOf(user)}}, nil
}

// signInFault describes why signing in ended.
func signInFault(err error) error {
	switch wait, flood := tgerr.AsFloodWait(err); {
	case errors.Is(err, ErrSignIn), errors.Is(err, ErrApp), errors.Is(err, ErrProxy), errors.Is(err, ErrUnreachable):
		return err
	case errors.Is(err, context.Canceled):
		return errSignInCancel
	case flood:
		return fmt.Errorf("%w: Telegram asks to wait %s before the next try", ErrSignIn, wait)
	case tgerr.Is(err, "PHONE_NUMBER_FLOOD", "PHONE_PASSWORD_FLOOD"):
		return fmt.Errorf("%w: Telegram has seen too many tries; wait a day before the next", ErrSignIn)
	case tgerr.Is(err, "PHONE_NUMBER_BANNED"):
		return fmt.Errorf("%w: Telegram has banned this phone number; use another account", ErrSignIn)
	case tgerr.Is(err, "PHONE_NUMBER_UNOCCUPIED"):
		return fmt.Errorf("%w: there is no Telegram account with this number; telegate makes none: sign up with Telegram's own app first", ErrSignIn)
	case tgerr.Is(err, "API_ID_INVALID", "API_ID_PUBLISHED_FLOOD"):
		return fmt.Errorf("%w: %s", ErrSignIn, "Telegram refuses apiid and apihash; compare them with https://my.telegram.org/apps")
	case tgerr.Is(err, "AUTH_RESTART"):
		return fmt.Errorf("%w: Telegram asks to begin again", ErrSignIn)
	default:
		return fmt.Errorf("%w: %w", ErrSignIn, err)
	}
}
