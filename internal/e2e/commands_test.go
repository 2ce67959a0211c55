package e2e

import (
	"context"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"telegate/config"
	"telegate/db/dbtest"
	"telegate/sandbox"
)

// The scripts in testdata/script run telegate as people do, against a gateway where alice and bob are linked, alice has signed
// in and bob has blocked the bot, and where carol and alice are linked in the domain corp. They know it by TELEGATE_API and
// TELEGATE_KEY, its address as GATEWAY, and the simulated Telegram and its bot's token as TELEGRAM and TOKEN; SENDER is a key that may
// send and nothing else. LATER is tomorrow, and TODAY the day. DATABASE is the gateway's own database. packaged.toml is the
// configuration that the package installs.
func TestCommands(t *testing.T) {
	w := newWorld(t)
	sender, err := config.NewAPIKey()
	if err != nil {
		t.Fatal(err)
	}
	w.toml = config.KeyTable(config.Key{Name: "sender", Hash: config.HashAPIKey(sender), Domains: []string{"*"}, Scopes: []string{"send"}})
	w.start()
	w.connected()
	w.link("", "alice")
	w.link("", "bob")
	w.link("corp", "carol")
	w.link("corp", "alice")
	w.signedIn("alice")
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
			env.Setenv("SENDER", sender)
			env.Setenv("GATEWAY", gateway.Host)
			env.Setenv("LATER", time.Now().Add(24*time.Hour).UTC().Format(time.RFC3339))
			env.Setenv("TELEGRAM", w.botAPI)
			env.Setenv("TOKEN", testToken)
			env.Setenv("DATABASE", filepath.Join(w.dir, "telegate.db"))
			env.Setenv("TODAY", time.Now().Format(time.DateOnly))
			return copyFile("../../packaging/telegate.toml", filepath.Join(env.WorkDir, "packaged.toml"))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"status": exitStatus, "grab": grab, "says": w.says, "spoil": spoil},
	})
}

// grab is "grab NAME PATTERN": what the pattern finds in standard output becomes the variable NAME.
func grab(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: grab NAME PATTERN")
	}
	found := regexp.MustCompile(args[1]).FindString(ts.ReadFile("stdout"))
	if found == "" {
		ts.Fatalf("no %s in %s", args[1], ts.ReadFile("stdout"))
	}
	ts.Setenv(args[0], found)
}

// says is "says PERSON TEXT": the person writes to the bot and is answered.
func (w *world) says(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: says PERSON TEXT")
	}
	after := w.last(args[0])
	if _, err := w.telegram.Say(w.person(args[0]).ID, testBot, args[1]); err != nil {
		ts.Fatalf("%v", err)
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	_, err := w.telegram.WaitMessage(ctx, w.person(args[0]).ID, testBot, func(m sandbox.Message) bool { return m.FromBot && m.ID > after })
	if err != nil {
		ts.Fatalf("the bot does not answer: %v", err)
	}
}

// spoil is "spoil FILE STATEMENT": it does to a database what somebody does who is not telegate.
func spoil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: spoil FILE STATEMENT")
	}
	ts.Check(dbtest.Tamper(context.Background(), ts.MkAbs(args[0]), args[1]))
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

func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o600)
}
