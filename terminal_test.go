package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/creack/pty"

	"telegate/config"
)

// Lines are broken at blanks, and go on below where their text began.
func TestLinesAreBrokenAtWords(t *testing.T) {
	for _, test := range []struct {
		text  string
		width int
		want  string
	}{
		{"one two three", 0, "one two three"},
		{"one two three", 13, "one two three"},
		{"one two three", 12, "one two\nthree"},
		{"one\ntwo three", 5, "one\ntwo\nthree"},
		{"see https://example.com/a/long/path now", 10, "see\nhttps://example.com/a/long/path\nnow"},
		{"  - first second", 10, "  - first\n    second"},
		{"  bot   needs one thing", 16, "  bot   needs\n        one\n        thing"},
		{"  1) phone     with a code", 20, "  1) phone     with\n               a\n               code"},
		{"äöü äöü", 6, "äöü\näöü"},
		{"", 10, ""},
		{"one", 1, "one"},
	} {
		if got := wrap(test.text, test.width); got != test.want {
			t.Errorf("%q within %d is %q, want %q", test.text, test.width, got, test.want)
		}
	}
}

// In a terminal of 80 columns nothing that setup says is broken inside a word.
func TestSetupFitsAnOrdinaryTerminal(t *testing.T) {
	s := sit(t)
	if err := pty.Setsize(s.keyboard, &pty.Winsize{Cols: 80, Rows: 24}); err != nil {
		t.Fatal(err)
	}
	dir := folder(t, "[messaging.telegram]\nbottoken = '"+testToken+"'\n")
	open := func(config.Telegram) (accounts, error) { return &fakeAccounts{}, nil }
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
	s.reads("[Y/n]")
	s.types("y\n")
	s.reads("everything goes through the\nbot; [messaging.telegram.fallback] with enabled = true") // the session does nothing yet, and that is said
	s.leaves(exitOK)
	for line := range strings.Lines(strings.ReplaceAll(s.screen.String(), "\r\n", "\n")) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 && !strings.Contains(line, dir) {
			t.Errorf("%d characters: %s", n, line)
		}
	}
}
