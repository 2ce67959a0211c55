package e2e

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"telegate/cli"
	"telegate/config"
	"telegate/internal/exit"
	"telegate/setup"
	"telegate/userclient"
)

const (
	madeUpHash = "3f81c0b2a95d4e7796e8d1c2b3a4f506"
	appLines   = "[messaging.telegram]\napiid = 5\napihash = '" + madeUpHash + "'\nproxy = 'socks5://alice:looking-glass@127.0.0.1:1080'\n"
)

// sitWith starts "telegate setup user" with a made-up Telegram.
func sitWith(t *testing.T, f *fakeAccounts, content string) (*seat, string) {
	t.Helper()
	dir := folder(t, content)
	s := sit(t)
	open := func(way config.Telegram) (setup.Accounts, error) {
		f.way = way
		return f, nil
	}
	s.startWith(t.Context(), open, "setup", "user", "--config", filepath.Join(dir, "telegate.toml"))
	s.reads("Telegram limits or closes accounts that write to many people")
	s.reads("Go on with a user's account? [y/N]")
	return s, dir
}

func TestSetupOfAUserByPhoneCodeAndPassword(t *testing.T) {
	t.Parallel()
	f := &fakeAccounts{}
	s, dir := sitWith(t, f, "# ours\n")
	s.types("y\n")
	s.reads("https://my.telegram.org")
	s.reads("apiid (the number):")
	s.types(strings.Repeat("ab", 16) + "\n")
	s.reads("This is the apihash; the apiid is the number above it.")
	s.reads("apiid (the number):")
	s.types("-5\n")
	s.reads("The apiid is a number of up to 10 digits.")
	s.types("5\n")
	s.reads("apihash (it is not shown):")
	s.types(madeUpHash[:31] + "\n")
	s.reads("This is not an API hash, which is 32 hexadecimal digits and not 31")
	s.reads("apihash (it is not shown):")
	s.types(testToken + "\n")
	s.reads("This is a bot token, not an API hash")
	s.reads("apihash (it is not shown):")
	s.types(madeUpHash + "\n")
	s.reads("Which one? [phone]")
	s.types("\n")
	s.reads("Connecting to Telegram, for up to a minute…")
	s.reads("Phone number, with + and the country's code:")
	s.types("1555\n")
	s.reads("This is not a phone number.\nPhone number")
	s.types("+1555\n")
	s.reads("Telegram has sent the code by SMS.\nThe code (it is not shown;")
	s.types("54321\n")
	s.reads("The code is wrong.\nThe code (it is not shown;")
	s.types("\n")
	s.reads("Telegram calls the phone number.\nThe code (it is not shown;")
	s.types("12345\n")
	s.reads("two-step password (hint: where she fell) (it is not shown):")
	s.types("looking-glass\n")
	s.reads("The password is wrong.\nThe account's two-step password (it is not shown):")
	s.types(" wonderland \n")
	s.reads("Signed in as Alice (id 7).")
	s.keepsTheName()
	s.reads("[Y/n]")
	s.types("y\n")
	s.reads("is written")
	s.reads("telegate serve")
	s.leaves(exit.OK)
	s.neverShows(testToken, madeUpHash[8:], madeUpSession, "12345", "54321", "wonderland", "looking-glass")
	want := "# ours\n\n[messaging.telegram]\napiid = 5\napihash = \"" + madeUpHash + "\"\nsession = \"" + madeUpSession + "\"\n"
	if got := written(t, dir, "telegate.toml"); got != want {
		t.Errorf("telegate.toml became\n%s", got)
	}
	if f.canceled != 1 || f.resent != 1 || len(f.ended) > 0 || f.way.APIID != 5 || f.way.APIHash.Reveal() != madeUpHash {
		t.Errorf("canceled %d times, opened with %+v", f.canceled, f.way)
	}
}

func TestSetupOfAUserByQRCode(t *testing.T) {
	t.Parallel()
	f := &fakeAccounts{outdated: 2}
	s, dir := sitWith(t, f, appLines)
	s.types("y\n")
	s.reads("Using the apiid and apihash of the configuration.")
	s.reads("Which one? [phone]")
	s.types("qr\n")
	s.reads("Connecting to Telegram through the proxy 127.0.0.1:1080, for up to a minute…")
	s.reads("Link Desktop Device")
	for range 2 {
		s.reads("\x1b[38;5;16;48;5;231m")
		s.reads("\x1b[J") // a fresh one takes its place
	}
	s.reads("Signed in as Alice")
	s.keepsTheName()
	s.types("y\n")
	s.leaves(exit.OK)
	if got := written(t, dir, "telegate.toml"); got != appLines+"session = \""+madeUpSession+"\"\n" {
		t.Errorf("telegate.toml became\n%s", got)
	}
	if got := f.way.MTProtoProxy().Reveal(); got != "socks5://alice:looking-glass@127.0.0.1:1080" {
		t.Errorf("the proxy is %q", got)
	}
	s.neverShows("looking-glass", madeUpSession)
}

func TestSetupOfAUserByAPastedSession(t *testing.T) {
	t.Parallel()
	f := &fakeAccounts{}
	before := appLines + "bottoken = '" + testToken + "'\n"
	s, dir := sitWith(t, f, before)
	s.types("y\n")
	s.reads("Which one? [phone]")
	s.types("3\n")
	defer s.neverShows("looking-glass")
	for answer, says := range map[string]string{
		testToken:            "This is a bot token, not a user session; it belongs in bottoken.",
		madeUpSession[:341]:  "this one has 341 and seems cut off.",
		madeUpSession + "AA": "The session cannot be used: the login was ended.",
	} {
		s.reads("Paste the session (it is not shown):")
		s.types(answer + "\n")
		s.reads(says)
	}
	s.reads("Paste the session (it is not shown):")
	s.types(madeUpSession + "\n")
	s.reads("Asking Telegram whose session it is through the proxy 127.0.0.1:1080, for up to a minute…")
	s.reads("It is Alice (@alice).")
	s.keepsTheName()
	s.reads("[Y/n]")
	s.types("y\n")
	s.leaves(exit.OK)
	s.neverShows(madeUpSession[:300], testToken)
	if got := written(t, dir, "telegate.toml"); got != before+"session = \""+madeUpSession+"\"\n" {
		t.Errorf("telegate.toml became\n%s", got)
	}
}

func TestSignInThatCannotGoOnKeepsNothing(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*seat){
		"too many wrong codes": func(s *seat) {
			s.types("1\n")
			s.types("+1555\n")
			for range 2 {
				s.reads("The code (it is not shown;")
				s.types("0\n")
			}
			s.reads("signing in is over: too many tries")
		},
		"end of the input": func(s *seat) {
			s.types("\n")
			s.reads("Phone number")
			s.types("\x04")
			s.reads("the input ended before everything was answered; nothing was changed")
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeAccounts{tries: 2}
			s, dir := sitWith(t, f, appLines)
			s.types("y\n")
			s.reads("Which one? [phone]")
			end(s)
			s.leaves(exit.Failed)
			untouched(t, dir, appLines)
			if f.canceled != 1 {
				t.Errorf("canceled %d times", f.canceled)
			}
		})
	}
}

// However a sign-in is interrupted, it is canceled, and neither the file nor the terminal is left in another state.
func TestInterruptedSignInIsCanceled(t *testing.T) {
	t.Parallel()
	for name, answers := range map[string][]string{
		"phone":    {"Which one? [phone]", "\n", "Phone number"},
		"code":     {"Which one? [phone]", "\n", "Phone number", "+1555\n", "The code (it is not shown;"},
		"password": {"Which one? [phone]", "\n", "Phone number", "+1555\n", "The code (it is not shown;", "12345\n", "(it is not shown):"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeAccounts{}
			dir := folder(t, appLines)
			s := sit(t)
			ctx, interrupt := context.WithCancel(t.Context())
			open := func(config.Telegram) (setup.Accounts, error) { return f, nil }
			s.startWith(ctx, open, "setup", "user", "--config", filepath.Join(dir, "telegate.toml"))
			s.reads("Go on with a user's account? [y/N]")
			s.types("y\n")
			for i, answer := range answers {
				if i%2 == 0 {
					s.reads(answer)
				} else {
					s.types(answer)
				}
			}
			interrupt()
			s.reads("interrupted; nothing was changed")
			s.leaves(exit.Failed)
			untouched(t, dir, appLines)
			if f.canceled != 1 {
				t.Errorf("canceled %d times", f.canceled)
			}
		})
	}
}

// A login whose session is kept nowhere would stay open in the account's list of devices: it is ended, whyever nothing is written.
func TestALoginThatIsNotKeptIsEnded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end   func(s *seat, dir string, interrupt func())
		stays bool
		says  string
	}{
		"declined":    {func(s *seat, _ string, _ func()) { s.types("n\n") }, false, "Nothing was changed.\nEnding the login at Telegram, because its session is not stored…\nThe login is ended."},
		"interrupted": {func(_ *seat, _ string, interrupt func()) { interrupt() }, false, "The login is ended.\ntelegate: interrupted"},
		"changed meanwhile": {func(s *seat, dir string, _ func()) {
			if err := os.WriteFile(filepath.Join(dir, "telegate.toml"), []byte("# somebody else's\n"), 0o600); err != nil {
				s.t.Error(err)
			}
			s.types("y\n")
		}, false, "The login is ended."},
		"still open": {func(s *seat, _ string, _ func()) { s.types("n\n") }, true, "still open. End it in Telegram: Settings, Devices, telegate."},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeAccounts{stays: c.stays}
			dir := folder(t, appLines)
			s := sit(t)
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			open := func(config.Telegram) (setup.Accounts, error) { return f, nil }
			s.startWith(ctx, open, "setup", "user", "--config", filepath.Join(dir, "telegate.toml"))
			s.reads("Go on with a user's account? [y/N]")
			s.types("y\n")
			s.reads("Which one? [phone]")
			s.types("qr\n")
			s.keepsTheName()
			s.reads("[Y/n]")
			c.end(s, dir, interrupt)
			s.reads(c.says)
			<-s.ended
			if strings.Join(f.ended, " ") != madeUpSession {
				t.Errorf("%d logins were ended", len(f.ended))
			}
			s.neverShows(madeUpSession)
		})
	}
}

// Somebody's session is his own: it is not ended, whatever becomes of the setup.
func TestAPastedSessionIsNotEnded(t *testing.T) {
	t.Parallel()
	f := &fakeAccounts{}
	s, dir := sitWith(t, f, appLines)
	s.types("y\n")
	s.reads("Which one? [phone]")
	s.types("session\n")
	s.reads("Paste the session (it is not shown):")
	s.types(madeUpSession + "\n")
	s.declines(dir, appLines)
	if len(f.ended) > 0 {
		t.Error("it was logged out")
	}
}

// Telegram that cannot be reached is no fault of what was answered, which is kept while it is tried again.
func TestSetupOfAUserGoesOnWhenTelegramIsBack(t *testing.T) {
	t.Parallel()
	for method, answers := range map[string][]string{
		"phone":   {"Phone number", "+1555", "The code", "12345", "password", " wonderland "},
		"session": {"not shown):", madeUpSession},
	} {
		t.Run(method, func(t *testing.T) {
			s, dir := sitWith(t, &fakeAccounts{away: 2}, appLines)
			s.types("y\n")
			s.reads("Which one? [phone]")
			s.types(method + "\n")
			if method == "session" {
				s.reads(answers[0])
				s.types(answers[1] + "\n")
				answers = nil
			}
			for range 2 {
				s.reads("Telegram's data centres cannot be reached: check the network, the firewall and the proxy.")
				s.reads("Try again? [Y/n]")
				s.types("\n")
			}
			for i := 0; i < len(answers); i += 2 {
				s.reads(answers[i])
				s.types(answers[i+1] + "\n")
			}
			s.declines(dir, appLines)
		})
	}
}

func TestSetupOfAUserGivesUpWhileTelegramIsAway(t *testing.T) {
	t.Parallel()
	s, dir := sitWith(t, &fakeAccounts{away: 1}, appLines)
	s.types("y\n")
	s.reads("Which one? [phone]")
	s.types("qr\n")
	s.reads("Try again? [Y/n]")
	s.types("n\n")
	s.reads("nothing was changed. telegate doctor says more")
	s.leaves(exit.Failed)
	untouched(t, dir, appLines)
}

func TestRiskOfAUsersAccountCanBeDeclined(t *testing.T) {
	t.Parallel()
	s, dir := sitWith(t, &fakeAccounts{}, appLines)
	s.types("\n")
	s.reads("nothing was changed; telegate setup bot sets up a bot")
	s.leaves(exit.Failed)
	untouched(t, dir, appLines)
}

func TestSetupOfAUserAsksNothingWithYes(t *testing.T) {
	t.Parallel()
	f := &fakeAccounts{}
	dir := t.TempDir()
	session := filepath.Join(dir, "session")
	if err := os.WriteFile(session, []byte(madeUpSession+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	variables := map[string]string{"TELEGATE_MESSAGING_TELEGRAM_APIID": "5", "TELEGATE_MESSAGING_TELEGRAM_APIHASH": madeUpHash}
	var out syncBuffer
	con := &cli.Env{
		Getenv: func(name string) string { return variables[name] }, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out,
		OpenAccounts: func(config.Telegram) (setup.Accounts, error) { return f, nil },
	}
	file := filepath.Join(dir, "telegate.toml")
	args := []string{"setup", "user", "--yes", "--session-file", session, "--by-file", "-c", file}
	if status := cli.Run(t.Context(), args, con); status != exit.OK {
		t.Fatalf("exit status %d:\n%s", status, &out)
	}
	want := "[messaging.telegram]\napiid = 5\napihash = \"" + madeUpHash + "\"\nsession_file = \"" + session + "\"\n"
	if got := written(t, dir, "telegate.toml"); got != want {
		t.Errorf("telegate.toml became\n%s", got)
	}
	for _, secret := range []string{madeUpHash, madeUpSession} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("it prints a secret:\n%s", &out)
		}
	}
	for missing, says := range map[string]string{
		"TELEGATE_MESSAGING_TELEGRAM_APIID":   "apiid and apihash are needed: give --apiid and --apihash-file",
		"TELEGATE_MESSAGING_TELEGRAM_APIHASH": "apiid and apihash are needed: give --apiid and --apihash-file",
		"session":                             "a sign-in asks questions: omit --yes, or give --session-file",
	} {
		variables = map[string]string{"TELEGATE_MESSAGING_TELEGRAM_APIID": "5", "TELEGATE_MESSAGING_TELEGRAM_APIHASH": madeUpHash}
		delete(variables, missing)
		args := []string{"setup", "user", "--yes", "-c", filepath.Join(dir, "other.toml")}
		if missing != "session" {
			args = append(args, "--session-file", session)
		}
		out = syncBuffer{}
		if status := cli.Run(t.Context(), args, con); status != exit.Usage || !strings.Contains(out.String(), says) {
			t.Errorf("without %s: exit status %d:\n%s", missing, status, &out)
		}
	}
}

// fakeAccounts is a Telegram with one account, +1555 and madeUpSession, whose code is 12345 and whose password is " wonderland ".
type fakeAccounts struct {
	way      config.Telegram // what it was opened with
	tries    int             // how many wrong codes end the sign-in; 0: none do
	outdated int             // how many QR codes get out of date
	resent   int
	canceled int
	ended    []string // the sessions that were logged out
	stays    bool     // logging out fails
	away     int      // how many calls do not reach Telegram
}

func (f *fakeAccounts) call() error {
	if f.away--; f.away >= 0 {
		return userclient.ErrUnreachable
	}
	return nil
}

func (f *fakeAccounts) SignIn(context.Context) (setup.SignIn, error) {
	return &fakeSignIn{f: f}, f.call()
}

func (f *fakeAccounts) CheckSession(_ context.Context, session string) (userclient.Person, error) {
	if err := f.call(); err != nil {
		return userclient.Person{}, err
	}
	if session != madeUpSession {
		return userclient.Person{}, errors.New("the session cannot be used: the login was ended")
	}
	return userclient.Person{ID: 7, Username: "alice", Name: "Alice"}, nil
}

func (f *fakeAccounts) LogOut(ctx context.Context, session string) error {
	f.ended = append(f.ended, session)
	if f.stays {
		return errors.New("Telegram does not answer")
	}
	return ctx.Err()
}

type fakeSignIn struct {
	f     *fakeAccounts
	wrong int
}

var fakeDone = setup.Step{Want: userclient.WantNothing, Session: madeUpSession, Who: userclient.Person{ID: 7, Name: "Alice"}}

func (s *fakeSignIn) Phone(_ context.Context, number string) (setup.Step, error) {
	if number != "+1555" {
		return setup.Step{Want: userclient.WantPhone, Problem: "This is not a phone number."}, nil
	}
	return setup.Step{Want: userclient.WantCode, Hint: "Telegram has sent the code by SMS."}, nil
}

func (s *fakeSignIn) Code(_ context.Context, code string) (setup.Step, error) {
	if code == "12345" {
		return setup.Step{Want: userclient.WantPassword, Hint: "where she fell"}, nil
	}
	if s.wrong++; s.wrong == s.f.tries {
		return setup.Step{}, errors.New("signing in is over: too many tries")
	}
	return setup.Step{Want: userclient.WantCode, Problem: "The code is wrong."}, nil
}

func (s *fakeSignIn) Resend(context.Context) (setup.Step, error) {
	s.f.resent++
	return setup.Step{Want: userclient.WantCode, Hint: "Telegram calls the phone number."}, nil
}

func (s *fakeSignIn) Password(_ context.Context, password string) (setup.Step, error) {
	if password != " wonderland " {
		return setup.Step{Want: userclient.WantPassword, Problem: "The password is wrong."}, nil
	}
	return fakeDone, nil
}

func (s *fakeSignIn) QR(context.Context) (setup.Step, error) {
	return setup.Step{Want: userclient.WantScan, URL: "tg://login?token=AQIDBAUGBwgJCgsMDQ4PEA", Expires: time.Now().Add(30 * time.Second)}, nil
}

func (s *fakeSignIn) Scanned(ctx context.Context) (setup.Step, error) {
	if s.f.outdated--; s.f.outdated >= 0 {
		return s.QR(ctx)
	}
	return fakeDone, nil
}

func (s *fakeSignIn) Cancel() { s.f.canceled++ }
