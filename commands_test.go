package main

import (
	"errors"
	"net/url"
	"os/exec"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// The scripts in testdata/script run telegate as people do, against a gateway where alice and bob are linked and bob has
// blocked the bot. They know it by TELEGATE_API and TELEGATE_KEY, its address as GATEWAY, and the simulated Telegram and its
// bot's token as TELEGRAM and TOKEN.
func TestCommands(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.connected()
	w.link("", "alice")
	w.link("", "bob")
	if err := w.telegram.Block(w.person("bob").ID, testBot); err != nil {
		t.Fatal(err)
	}
	gateway, err := url.Parse(w.url)
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("TELEGATE_API", w.url)
			env.Setenv("TELEGATE_KEY", w.key)
			env.Setenv("GATEWAY", gateway.Host)
			env.Setenv("TELEGRAM", w.botAPI.URL)
			env.Setenv("TOKEN", testToken)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"status": exitStatus},
	})
}

// exitStatus is "status N command…": the command must end with the exit status N.
func exitStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N command [args…]")
	}
	status := 0
	err := ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		status = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(status) != args[0] {
		ts.Fatalf("exit status %d, want %s", status, args[0])
	}
}
