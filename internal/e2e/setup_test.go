package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"

	"telegate/cli"
	"telegate/internal/exit"
	"telegate/sandbox"
	"telegate/setup"
)

// seat is somebody at a terminal, in front of telegate.
type seat struct {
	t        *testing.T
	keyboard *os.File
	tty      *os.File
	screen   syncBuffer
	seen     int // how much of the screen has been read
	ended    chan int
	before   *term.State
}

// sit opens a terminal.
func sit(t *testing.T) *seat {
	t.Helper()
	keyboard, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	s := &seat{t: t, keyboard: keyboard, tty: tty, ended: make(chan int, 1)}
	if s.before, err = term.GetState(int(tty.Fd())); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		buf := make([]byte, 4096)
		for {
			n, err := keyboard.Read(buf)
			_, _ = s.screen.Write(buf[:n])
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_, _ = keyboard.WriteString("\n") // ends a reader that an interrupted question has left behind; in telegate the process ends
		tty.Close()
		keyboard.Close()
		<-read
	})
	return s
}

// start runs telegate as a process of its own, whose terminal this is.
func (s *seat) start(dir string, args ...string) {
	s.t.Helper()
	child := exec.Command("telegate", args...)
	child.Dir = dir
	child.Stdin, child.Stdout, child.Stderr = s.tty, s.tty, s.tty
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := child.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = child.Process.Kill() })
	go func() {
		_ = child.Wait()
		s.ended <- child.ProcessState.ExitCode()
	}()
}

// startWith runs telegate inside the test, with accounts of its own.
func (s *seat) startWith(ctx context.Context, open setup.OpenAccounts, args ...string) {
	con := &cli.Env{Getenv: func(string) string { return "" }, Stdin: s.tty, Stdout: s.tty, Stderr: s.tty, OpenAccounts: open}
	go func() { s.ended <- cli.Run(ctx, args, con) }()
}

// reads waits until the screen shows a text, behind what was read before.
func (s *seat) reads(text string) {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		shown := strings.ReplaceAll(s.screen.String(), "\r\n", "\n")
		if i := strings.Index(shown[s.seen:], text); i >= 0 {
			s.seen += i + len(text)
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the screen never showed %q; it shows:\n%s", text, shown[s.seen:])
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// types types a line, as soon as the question can be read.
func (s *seat) types(text string) {
	s.t.Helper()
	if _, err := s.keyboard.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
}

// keepsTheName answers the question for the server's name with Enter.
func (s *seat) keepsTheName() {
	s.t.Helper()
	s.reads("What is your server called? People see it in their codes. [telegate]")
	s.types("\n")
}

// declines says no to the last question: nothing is written.
func (s *seat) declines(dir, before string) {
	s.t.Helper()
	s.keepsTheName()
	s.reads("[Y/n]")
	s.types("n\n")
	s.reads("Nothing was changed.")
	s.leaves(exit.OK)
	untouched(s.t, dir, before)
}

// leaves waits for the end, and for a terminal that is as it was.
func (s *seat) leaves(status int) {
	s.t.Helper()
	select {
	case got := <-s.ended:
		if got != status {
			s.t.Fatalf("exit status %d, want %d; the screen shows:\n%s", got, status, &s.screen)
		}
	case <-time.After(patience):
		s.t.Fatalf("it does not end; the screen shows:\n%s", &s.screen)
	}
	if now, err := term.GetState(int(s.tty.Fd())); err != nil || !reflect.DeepEqual(now, s.before) {
		s.t.Errorf("the terminal is left in another state (%v)", err)
	}
}

// neverShows checks the whole screen for secrets.
func (s *seat) neverShows(secrets ...string) {
	s.t.Helper()
	for _, secret := range secrets {
		if strings.Contains(s.screen.String(), secret) {
			s.t.Errorf("the screen shows a secret:\n%s", &s.screen)
		}
	}
}

// written reads a file of a folder, and checks that it is private.
func written(t *testing.T, dir, name string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("%s has mode %o", name, info.Mode().Perm())
	}
	return read(t, path)
}

// untouched checks that a folder holds one file as it was.
func untouched(t *testing.T, dir, content string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || read(t, filepath.Join(dir, "telegate.toml")) != content {
		t.Errorf("something was changed: %v", entries)
	}
}

func folder(t *testing.T, content string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "telegate.toml"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

var madeUpSession = "1" + strings.Repeat("Ab+/", 92)

func TestSetupOfABotInATerminal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.telegram.SetFaults(sandbox.Faults{WebhookSet: true})
	before := "# ours\n[messaging.telegram] # the bot\nbaseurl = '" + w.botAPI + "' # not yet the real one\nbottoken_file = 'gone.token'\n\n[log]\nlevel = \"warn\"\n"
	dir := folder(t, before)
	s := sit(t)
	s.start(dir, "setup")
	s.reads("Set up a 1) bot or a 2) user? [bot]")
	s.types("both\n")
	s.reads("Please answer one of: bot, user.")
	s.types("1\n")
	s.reads("https://t.me/BotFather")
	s.reads("Paste the token (it is not shown):")
	s.types("nonsense\n")
	s.reads("This is not a bot token; @BotFather prints one as")
	s.reads("Paste the token (it is not shown):")
	s.types(madeUpSession + "\n")
	s.reads("This is a user session, not a bot token; it belongs in session.")
	s.reads("Paste the token (it is not shown):")
	stranger := "123456789:" + strings.Repeat("x", 35)
	s.types(stranger + "\n")
	s.reads("Telegram knows no bot with this token")
	s.reads("Paste the token (it is not shown):")
	s.types("  " + testToken + " \n")
	s.reads("It is Test Bot, https://t.me/TestBot")
	s.reads("This bot has a webhook: Telegram sends its updates to example.com")
	s.reads("[y/N]")
	if !w.telegram.Faults().WebhookSet {
		t.Error("the webhook was removed before anybody wanted that")
	}
	s.types("yes\n")
	s.reads("What is your server called? People see it in their codes. [telegate]")
	s.types(strings.Repeat("x", 65) + "\n")
	s.reads("The name must be one line of at most 64 characters.")
	s.reads("[telegate]")
	s.types(" Müller & Co. \n")
	s.reads("Change bottoken, title in telegate.toml? The rest stays unchanged, and the old file is kept. [Y/n]")
	s.types("what\n")
	s.reads("Please answer y or n.")
	if !w.telegram.Faults().WebhookSet {
		t.Error("the webhook was removed before the last question")
	}
	s.types("\n")
	s.reads("telegate.toml is written, with mode 0600.")
	s.reads("The old file is telegate.toml.")
	s.reads("The webhook is removed.")
	s.reads("telegate key create")
	s.reads("telegate config check")
	s.reads("telegate serve")
	s.leaves(exit.OK)
	s.neverShows(testToken, testToken[11:], stranger, madeUpSession)

	want := "# ours\n[messaging.telegram] # the bot\nbaseurl = '" + w.botAPI + "' # not yet the real one\nbottoken = \"" + testToken + "\"\n\n[log]\nlevel = \"warn\"\n" +
		"\n[domains.\"\"]\ntitle = \"Müller & Co.\"\n"
	if got := written(t, dir, "telegate.toml"); got != want {
		t.Errorf("telegate.toml became\n%s", got)
	}
	backups, err := filepath.Glob(filepath.Join(dir, "telegate.toml.*.bak"))
	if err != nil || len(backups) != 1 {
		t.Fatalf("backups %v, %v", backups, err)
	}
	if got := written(t, dir, filepath.Base(backups[0])); got != before {
		t.Errorf("the backup holds\n%s", got)
	}
	if w.telegram.Faults().WebhookSet {
		t.Error("the webhook is still there")
	}
}

func TestCtrlCLeavesEverythingAsItWas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.telegram.SetFaults(sandbox.Faults{WebhookSet: true})
	before := "[messaging.telegram]\nbaseurl = '" + w.botAPI + "'\n"
	for _, answers := range [][]string{
		{"[bot]"},
		{"[bot]", "\n", "not shown):"},
		{"[bot]", "\n", "not shown):", testToken + "\n", "[y/N]"},
		{"[bot]", "\n", "not shown):", testToken + "\n", "[y/N]", "y\n", "[telegate]"},
		{"[bot]", "\n", "not shown):", testToken + "\n", "[y/N]", "y\n", "[telegate]", "Acme\n", "[Y/n]"},
	} {
		dir := folder(t, before)
		s := sit(t)
		s.start(dir, "setup")
		for i, answer := range answers {
			if i%2 == 0 {
				s.reads(answer)
			} else {
				s.types(answer)
			}
		}
		s.types("\x03")
		s.reads("telegate: interrupted; nothing was changed")
		s.leaves(exit.Failed)
		untouched(t, dir, before)
		s.neverShows(testToken)
	}
	if !w.telegram.Faults().WebhookSet {
		t.Error("the webhook was removed")
	}
}

func TestSetupGoesOnWhenTelegramIsBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.telegram.SetFaults(sandbox.Faults{ServerError: true})
	before := "[messaging.telegram]\nbaseurl = '" + w.botAPI + "'\n"
	dir := folder(t, before)
	s := sit(t)
	s.start(dir, "--setuptelegram", "bot")
	s.reads("not shown):")
	s.types(testToken + "\n")
	s.reads("The Bot API server closes this bot")
	s.reads("Try again? [Y/n]")
	w.telegram.SetFaults(sandbox.Faults{})
	s.types("\n")
	s.reads("It is Test Bot")
	s.declines(dir, before)
}

// A configuration that somebody else changes while setup asks is not overwritten.
func TestSetupDoesNotOverwriteWhatChangedMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dir := folder(t, "[messaging.telegram]\nbaseurl = '"+w.botAPI+"'\n")
	s := sit(t)
	s.start(dir, "setup", "bot")
	s.reads("not shown):")
	s.types(testToken + "\n")
	s.keepsTheName()
	s.reads("[Y/n]")
	if err := os.WriteFile(filepath.Join(dir, "telegate.toml"), []byte("# somebody else's\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.types("y\n")
	s.reads("the file has changed in the meantime")
	s.leaves(exit.Failed)
	untouched(t, dir, "# somebody else's\n")
}

// Links belong to a bot, so whoever puts another one in hears what that means; and a variable that beats the file is named.
func TestSetupWarnsBeforeAnotherBotTakesTheOldOnesPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := "3000000003:" + strings.Repeat("y", 35)
	if _, err := w.telegram.AddBot(other, "OtherBot", "Other Bot"); err != nil {
		t.Fatal(err)
	}
	dir := folder(t, "[messaging.telegram]\nbottoken = '"+testToken+"'\nbaseurl = '"+w.botAPI+"'\n")
	file := filepath.Join(dir, "telegate.toml")
	for token, attention := range map[string]bool{testToken: false, other: true} {
		tokenFile := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(tokenFile, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
		var out syncBuffer
		con := &cli.Env{Getenv: func(string) string { return "" }, Stdin: strings.NewReader("\nn\n"), Stdout: &out, Stderr: &out}
		if status := cli.Run(t.Context(), []string{"setup", "bot", "--bottoken-file", tokenFile, "-c", file}, con); status != exit.OK {
			t.Fatalf("exit status %d:\n%s", status, &out)
		}
		if got := strings.Contains(out.String(), "another bot now, 2000000002. Links belong to a bot"); got != attention {
			t.Errorf("attention %v:\n%s", got, &out)
		}
		con.Getenv = func(name string) string {
			return map[string]string{"TELEGATE_MESSAGING_TELEGRAM_BOTTOKEN": testToken}[name]
		}
		out = syncBuffer{}
		if status := cli.Run(t.Context(), []string{"setup", "bot", "--yes", "--bottoken-file", tokenFile, "-c", file}, con); status != exit.OK {
			t.Fatalf("exit status %d:\n%s", status, &out)
		}
		if got := strings.Contains(out.String(), "TELEGATE_MESSAGING_TELEGRAM_ are set here and override the file"); got != (token == other) {
			t.Errorf("attention %v:\n%s", got, &out)
		}
	}
}
