package e2e

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/creack/pty"

	"telegate/config"
	"telegate/internal/exit"
	"telegate/sandbox"
	"telegate/setup"
)

// In a terminal of 80 columns nothing that setup says is broken inside a word.
func TestSetupFitsAnOrdinaryTerminal(t *testing.T) {
	t.Parallel()
	s := sit(t)
	if err := pty.Setsize(s.keyboard, &pty.Winsize{Cols: 80, Rows: 24}); err != nil {
		t.Fatal(err)
	}
	dir := folder(t, "[messaging.telegram]\nbottoken = '"+testToken+"'\n")
	open := func(config.Telegram) (setup.Accounts, error) { return &fakeAccounts{}, nil }
	s.startWith(t.Context(), open, "setup", "--config", dir+"/telegate.toml")
	s.reads("[bot]")
	s.types("user\n")
	s.reads("[y/N]")
	s.types("y\n")
	s.reads("apiid (the number):")
	s.types("5\n")
	s.reads("apihash (it is not shown):")
	s.types(madeUpHash + "\n")
	s.reads("[phone]")
	s.types("session\n")
	s.reads("Paste the session (it is not shown):")
	s.types(testToken + "\n")
	s.reads("bot token")
	s.types(madeUpSession + "\n")
	s.keepsTheName()
	s.reads("[Y/n]")
	s.types("y\n")
	s.reads("the bot sends everything; to\nuse it as a fallback, set enabled = true in [messaging.telegram.fallback]") // the session does nothing yet, and that is said
	s.leaves(exit.OK)
	for line := range strings.Lines(strings.ReplaceAll(s.screen.String(), "\r\n", "\n")) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 && !strings.Contains(line, dir) {
			t.Errorf("%d characters: %s", n, line)
		}
	}
}

// In a terminal a broadcast asks, draws how far it is while it runs, and ends with a table.
func TestABroadcastIsWatchedInATerminal(t *testing.T) {
	if testing.Short() {
		t.Skip("it watches a broadcast for seconds")
	}
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.connected()
	w.link("", "alice")
	w.telegram.SetFaults(sandbox.Faults{ServerError: true, SendOnly: true})
	s := sit(t)
	if err := pty.Setsize(s.keyboard, &pty.Winsize{Cols: 80, Rows: 24}); err != nil {
		t.Fatal(err)
	}
	s.start(t.TempDir(), "broadcast", "--everyone", "Maintenance tonight.", "--api", w.url, "--key", w.key)
	s.reads("It reaches 1 of 1 linked users and takes about 1s.\nSend it? [y/N]")
	s.types("y\n")
	s.reads("Sending")
	s.reads("0/1")
	w.telegram.SetFaults(sandbox.Faults{})
	s.reads("done\n")
	s.reads("delivered  1\n")
	s.reads("total      1\n")
	s.leaves(exit.OK)
}
