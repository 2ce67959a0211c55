//go:build !nomtproto

package userclient_test

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gotd/td/tgerr"

	"telegate/userclient"
)

func (r *rig) startSignIn() (*userclient.SignIn, userclient.Step) {
	r.Helper()
	r.makesKey()
	s, step, err := userclient.StartSignIn(r.Context(), r.app())
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(s.Cancel)
	return s, step
}

// next checks one step.
func next(t *testing.T, step userclient.Step, err error, want userclient.Want, problem string) userclient.Step {
	t.Helper()
	if err != nil {
		t.Fatalf("signing in ended: %v", err)
	}
	if step.Want != want || !strings.Contains(step.Problem, problem) || problem == "" && step.Problem != "" {
		t.Fatalf("step %+v, want %s with %q", step, want, problem)
	}
	return step
}

func TestAWrongCodeIsAskedForAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	s, step := r.startSignIn()
	next(t, step, nil, userclient.WantPhone, "")
	step, err := s.Phone(ctx, "+34 (600) 000-001")
	if step = next(t, step, err, userclient.WantCode, ""); !strings.Contains(step.Hint, "other devices") {
		t.Errorf("hint: %q", step.Hint)
	}
	step, err = s.Code(ctx, "nonsense")
	next(t, step, err, userclient.WantCode, "wrong")
	step, err = s.Code(ctx, "  ")
	next(t, step, err, userclient.WantCode, "Enter the code")
	text := r.tel.Code(alice.Phone)
	step, err = s.Code(ctx, text[:2]+" - "+text[2:])
	done := next(t, step, err, userclient.WantNothing, "").Done
	if done.Me.ID != alice.ID || done.Me.Username != "alice" || done.Session.UserID != alice.ID || done.Session.DC != 2 {
		t.Errorf("signed in: %+v", done)
	}
	me, err := userclient.Verify(ctx, r.app(), done.Session)
	if err != nil || me.ID != alice.ID {
		t.Errorf("the session is %+v's, %v", me, err)
	}
	if _, err := s.Code(ctx, text); err == nil {
		t.Error("a step after the end")
	}
}

func TestAWrongPasswordIsAskedForAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	s, _ := r.startSignIn()
	step, err := s.Phone(ctx, bob.Phone)
	next(t, step, err, userclient.WantCode, "")
	step, err = s.Code(ctx, r.tel.Code(bob.Phone))
	if step = next(t, step, err, userclient.WantPassword, ""); step.Hint != "the usual" {
		t.Errorf("hint: %q", step.Hint)
	}
	step, err = s.Password(ctx, "wrong horse")
	if step = next(t, step, err, userclient.WantPassword, "wrong"); step.Hint != "the usual" {
		t.Errorf("the hint is gone: %+v", step)
	}
	step, err = s.Password(ctx, "")
	next(t, step, err, userclient.WantPassword, "Enter")
	r.tel.Fail("auth.checkPassword", tgerr.New(400, "SRP_ID_INVALID")) // tried again by itself
	step, err = s.Password(ctx, bob.Password)
	if done := next(t, step, err, userclient.WantNothing, "").Done; done.Me.ID != bob.ID {
		t.Errorf("signed in: %+v", done)
	}
}

func TestAnAccountOfAnotherDataCentreSignsIn(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2, 4)
	far := alice
	far.DC = 4
	r.tel.Add(far)
	if s := r.signIn(far); s.DC != 4 {
		t.Errorf("the session is of data centre %d", s.DC)
	}
}

func TestSigningInByQRCode(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	s, _ := r.startSignIn()
	first, err := s.QR(ctx)
	next(t, first, err, userclient.WantScan, "")
	second, err := s.QR(ctx) // a fresh code, as when one has expired
	if next(t, second, err, userclient.WantScan, ""); second.URL == first.URL || !strings.HasPrefix(second.URL, "tg://login?token=") {
		t.Errorf("the fresh code is %q after %q", second.URL, first.URL)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	step, err := s.Scanned(gone) // somebody stops looking; the code stays
	if next(t, step, err, userclient.WantScan, ""); step.URL != second.URL {
		t.Errorf("step: %+v", step)
	}
	if err := r.tel.Scan(second.URL, bob.ID); err != nil {
		t.Fatal(err)
	}
	step, err = s.Scanned(ctx)
	next(t, step, err, userclient.WantPassword, "")
	step, err = s.Password(ctx, bob.Password)
	if done := next(t, step, err, userclient.WantNothing, "").Done; done.Me.ID != bob.ID {
		t.Errorf("signed in: %+v", done)
	}
}

func TestAQRCodeOfAnotherDataCentre(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2, 4)
	far := alice
	far.DC = 4
	r.tel.Add(far)
	ctx := t.Context()
	s, _ := r.startSignIn()
	step, err := s.QR(ctx)
	next(t, step, err, userclient.WantScan, "")
	if err := r.tel.Scan(step.URL, alice.ID); err != nil {
		t.Fatal(err)
	}
	step, err = s.Scanned(ctx)
	if done := next(t, step, err, userclient.WantNothing, "").Done; done.Session.DC != 4 || done.Me.ID != alice.ID {
		t.Errorf("signed in: %+v", done)
	}
}

func TestWhatIsNoPhoneNumberIsNamed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s, _ := r.startSignIn()
	for typed, problem := range map[string]string{
		testToken:                 "bot token",
		"alice":                   "not a phone number",
		"0600000001":              "not a phone number", // no country's code
		"":                        "not a phone number",
		"+34 600":                 "not a phone number",
		"+1 555 000 0000":         "Telegram knows no such phone number",
		r.session(carol).Encode(): "This is a session",
	} {
		step, err := s.Phone(t.Context(), typed)
		next(t, step, err, userclient.WantPhone, problem)
	}
}

func TestAnExpiredCodeLeadsBackToThePhone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s, _ := r.startSignIn()
	step, err := s.Phone(t.Context(), alice.Phone)
	next(t, step, err, userclient.WantCode, "")
	r.tel.Fail("auth.signIn", tgerr.New(400, "PHONE_CODE_EXPIRED"))
	step, err = s.Code(t.Context(), r.tel.Code(alice.Phone))
	next(t, step, err, userclient.WantPhone, "expired")
	step, err = s.Phone(t.Context(), alice.Phone)
	next(t, step, err, userclient.WantCode, "")
	step, err = s.Code(t.Context(), r.tel.Code(alice.Phone))
	next(t, step, err, userclient.WantNothing, "")
}

func TestADeadEndSaysWhy(t *testing.T) {
	t.Parallel()
	for method, ends := range map[string]map[string]string{
		"auth.sendCode": {
			"PHONE_NUMBER_BANNED": "banned", "PHONE_NUMBER_FLOOD": "too many tries", "API_ID_INVALID": "apiid and apihash",
			"FLOOD_WAIT_3600": "1h0m0s",
		},
		"auth.signIn": {"PHONE_NUMBER_UNOCCUPIED": "no Telegram account", "AUTH_RESTART": "begin again"},
	} {
		for name, words := range ends {
			t.Run(name, func(t *testing.T) {
				r := newRig(t)
				s, _ := r.startSignIn()
				status := 400
				if strings.HasPrefix(name, "FLOOD") {
					status = 420
				}
				r.tel.Fail(method, tgerr.New(status, name))
				_, err := s.Phone(t.Context(), alice.Phone)
				if err == nil {
					_, err = s.Code(t.Context(), r.tel.Code(alice.Phone))
				}
				if !errors.Is(err, userclient.ErrSignIn) || !strings.Contains(err.Error(), words) {
					t.Errorf("error: %v", err)
				}
			})
		}
	}
}

func TestNobodyIsSignedUp(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s, _ := r.startSignIn()
	step, err := s.Phone(t.Context(), "+99966200000")
	next(t, step, err, userclient.WantCode, "")
	_, err = s.Code(t.Context(), "11111")
	if !errors.Is(err, userclient.ErrSignIn) || !strings.Contains(err.Error(), "no Telegram account") {
		t.Errorf("error: %v", err)
	}
	if n := r.tel.Calls("auth.signUp"); n != 0 {
		t.Errorf("%d accounts were made", n)
	}
}

// Cancel ends a waiting step and leaves no goroutine (TestMain checks with goleak).
func TestCancelEndsAWaitingStep(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s, _ := r.startSignIn()
	step, err := s.QR(t.Context())
	next(t, step, err, userclient.WantScan, "")
	ended := make(chan error, 1)
	go func() {
		_, err := s.Scanned(context.Background())
		ended <- err
	}()
	s.Cancel()
	if err := await(t, ended); !errors.Is(err, userclient.ErrSignIn) {
		t.Errorf("error: %v", err)
	}
	if data, err := r.db.Session(t.Context(), "user"); err != nil || data != nil {
		t.Errorf("something was kept: %v, %v", data, err)
	}
}

// Signing in ends after its time limit, with the reason, and closes the connection (TestMain checks with goleak).
func TestSigningInHasALimit(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, _, err := userclient.StartSignInWithin(t.Context(), r.app(), time.Millisecond)
	if !errors.Is(err, userclient.ErrSignIn) || !strings.Contains(err.Error(), "10 minutes") {
		t.Errorf("error: %v", err)
	}
}

func TestSigningInNeedsAnAppAndALine(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	app := r.app()
	app.Hash = "short"
	if _, _, err := userclient.StartSignIn(t.Context(), app); !errors.Is(err, userclient.ErrApp) {
		t.Errorf("a wrong apihash: %v", err)
	}
	app = r.app()
	app.Servers[0].Address = "127.0.0.1:1" // nobody listens
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := userclient.StartSignIn(ctx, app); !errors.Is(err, userclient.ErrSignIn) {
		t.Errorf("canceled before the first connection: %v", err)
	}
}

// The log has every level here, and must contain nothing of a login.
func TestALoginLeavesNoSecretInTheLog(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	s, _ := r.startSignIn()
	if _, err := s.Phone(ctx, bob.Phone); err != nil {
		t.Fatal(err)
	}
	text := r.tel.Code(bob.Phone)
	if _, err := s.Code(ctx, text); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Password(ctx, "wrong horse"); err != nil {
		t.Fatal(err)
	}
	step, err := s.Password(ctx, bob.Password)
	if err != nil {
		t.Fatal(err)
	}
	key := rawKey(t, step.Done.Session)
	r.bot().stop()
	log := r.log.text()
	if !strings.Contains(log, "Telegram client is bot connected.") {
		t.Error("the log is not the log")
	}
	for name, secret := range map[string]string{
		"phone": strings.TrimPrefix(bob.Phone, "+"), "code": text, "password": bob.Password, "wrong password": "wrong horse",
		"key": hex.EncodeToString(key[:8]), "session": step.Done.Session.Encode()[20:60], "token": testToken[11:], "apihash": testHash,
	} {
		if strings.Contains(log, secret) {
			t.Errorf("the %s is in the log", name)
		}
	}
}
