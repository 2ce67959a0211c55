package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"telegate/config"
	"telegate/internal/exit"
	"telegate/internal/terminal"
)

// Options say what to set up, and what setup has of the process.
type Options struct {
	Config        string // the configuration file
	Kind          string // "bot" or "user"; empty: ask
	Print         bool   // print the lines for the configuration instead of writing them
	Yes           bool   // ask nothing: everything comes from the files below and the environment
	BottokenFile  string // "-" is a line of standard input
	DeleteWebhook bool   // remove a webhook that is set for the bot
	APIID         int
	APIHashFile   string
	SessionFile   string
	ByFile        bool // write the names of the files instead of what they hold

	Getenv         func(string) string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	OpenAccounts   OpenAccounts // nil where the build has no MTProto
}

// telegramTable is where everything goes that setup writes.
var telegramSection = []string{"messaging", "telegram"}

// wizard is one run of setup.
type wizard struct {
	*terminal.Terminal
	Options
	current     []byte // the configuration as it is; nil where there is none
	changes     []config.Change
	afterWrite  []func(context.Context) // what is left to do once the file is written
	closers     []func()                // what has to be let go at the end
	connectNote string                  // how Telegram's data centres are reached, in words
	// logOut ends the login that this run has made at Telegram; nil where there is none, or its session is kept.
	logOut func(context.Context) error
}

// Run asks, checks the answers with Telegram and writes the configuration at the end, or nothing.
func Run(ctx context.Context, o Options) error {
	w := &wizard{Terminal: terminal.New(o.Stdin, o.Stdout), Options: o}
	if o.Print { // only the lines go to standard output
		w.Terminal = terminal.New(o.Stdin, o.Stderr)
	}
	defer func() {
		for _, closeIt := range w.closers {
			closeIt()
		}
	}()
	defer w.logOutUnused(ctx)
	if err := w.open(); err != nil {
		return err
	}
	w.Say("%s", setupIntro)
	if w.Kind == "" {
		if w.Yes {
			return exit.Usagef("--yes needs to know which: telegate setup bot, or telegate setup user")
		}
		kind, err := w.Choose(ctx, "Set up a 1) bot or a 2) user?", "bot", "user")
		if err != nil {
			return err
		}
		w.Kind = kind
	}
	questions := w.setUpBot
	if w.Kind == "user" {
		questions = w.setUpUser
	}
	if err := questions(ctx); err != nil {
		return err
	}
	return w.write(ctx)
}

const setupIntro = `telegate reaches Telegram as a bot or as a user.

  bot   Recommended. It needs one thing: a token, which @BotFather gives out
        in Telegram. apiid and apihash are not needed.
  user  A person's own account writes the messages. It needs apiid and apihash
        from https://my.telegram.org/apps, and a sign-in. Telegram may limit or
        close such an account.
`

// open reads the configuration and makes sure that it can be changed, before anybody types anything.
func (w *wizard) open() error {
	var err error
	w.current, err = os.ReadFile(w.Config)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		w.current = nil
	case err != nil:
		return fmt.Errorf("read the configuration: %w", err)
	case w.current == nil:
		w.current = []byte{}
	}
	if _, err := config.Edit(w.Config, w.current, telegramSection, nil); err != nil {
		return exit.Usagef("%w\nMend that first; nothing was changed", err)
	}
	if w.Print {
		return nil
	}
	if err := config.CheckWritable(w.Config); err != nil {
		return fmt.Errorf("%s cannot be written: %w\nRun it as the user who owns the folder, name another file with --config, or use --print", w.Config, err)
	}
	return nil
}

// set notes a secret for the configuration, by value or, with --by-file, by the file it came from. Its twin goes, since two sources of
// one secret are a fault.
func (w *wizard) set(key, value, file string) error {
	if file != "" && w.ByFile {
		path, err := filepath.Abs(file)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		w.changes = append(w.changes, config.Change{Key: key}, config.Change{Key: key + "_file", Value: path})
		return nil
	}
	w.changes = append(w.changes, config.Change{Key: key + "_file"}, config.Change{Key: key, Value: value})
	return nil
}

// given returns a secret that needs no asking: from the file a flag names, or from the variable or its _FILE twin. file is the file it
// came from, where that is one that will still be there.
func (w *wizard) provided(ctx context.Context, flag, key string) (value, file string, err error) {
	variable := config.SharedEnv + strings.ToUpper(key)
	file = flag
	if file == "" {
		if value = strings.TrimSpace(w.Getenv(variable)); value != "" {
			w.Say("Taking %s from %s.", key, variable)
			return value, "", nil
		}
		if file = strings.TrimSpace(w.Getenv(variable + "_FILE")); file == "" {
			return "", "", nil
		}
		if !filepath.IsAbs(file) { // as the configuration has it
			file = filepath.Join(filepath.Dir(w.Config), file)
		}
	}
	if file == "-" {
		value, err = w.AskHidden(ctx, key+":")
		return value, "", err
	}
	data, err := readSecretFile(file)
	if err != nil {
		return "", "", exit.Usagef("%s: %w", key, err)
	}
	if value = strings.TrimSpace(data); value == "" {
		return "", "", exit.Usagef("%s: %s is empty", key, file)
	}
	w.Say("Taking %s from %s.", key, file)
	return value, file, nil
}

// readSmall reads a file that holds a secret: a line, not a disk.
func readSecretFile(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, terminal.MaxLine))
	return string(data), err
}

// preview returns the configuration as it would be with some changes. The variables of the keys that change do not count in it, so that
// the answers are checked and not what the environment holds.
func (w *wizard) preview(changes ...config.Change) ([]byte, *config.Config, error) {
	content, err := config.Edit(w.Config, w.current, telegramSection, changes)
	if err != nil {
		return nil, nil, exit.Usagef("%s: %w", w.Config, err)
	}
	cfg, err := config.Parse(w.Config, content, func(name string) string {
		key := strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(name, config.SharedEnv), "_FILE"))
		if strings.HasPrefix(name, config.SharedEnv) && slices.ContainsFunc(changes, func(c config.Change) bool { return c.Key == key }) {
			return ""
		}
		return w.Getenv(name)
	})
	if err != nil {
		return nil, nil, exit.Usagef("%w\nMend that first; nothing was changed", err)
	}
	return content, cfg, nil
}

// finish checks the whole configuration, asks for the last time and writes.
func (w *wizard) write(ctx context.Context) error {
	content, cfg, err := w.preview(w.changes...)
	if err != nil {
		return err
	}
	if w.Print {
		lines, err := config.Edit("", nil, telegramSection, w.changes)
		if err != nil {
			return err
		}
		w.Say("\nThese lines belong into %s, which only the user telegate runs as should be able to read (chmod 600):\n", w.Config)
		if _, err = w.Stdout.Write(lines); err == nil {
			w.logOut = nil // the session is in somebody's hands
		}
		return err
	}
	question := fmt.Sprintf("Write %s, with %s?", w.Config, w.changedKeys())
	if w.current != nil {
		question = fmt.Sprintf("Change %s in %s? The rest of it stays, and the old file is kept.", w.changedKeys(), w.Config)
	}
	if !w.Yes {
		ok, err := w.Confirm(ctx, "\n"+question, true)
		if err != nil {
			return err
		}
		if !ok {
			w.Say("Nothing was changed.")
			return nil
		}
	}
	if ctx.Err() != nil {
		return terminal.ErrInterrupted
	}
	backup, err := config.Save(w.Config, w.current, content, time.Now())
	if err != nil {
		return err
	}
	w.logOut = nil
	info, err := os.Stat(w.Config)
	if err != nil {
		return err
	}
	w.Say("\n%s is written, with mode %04o.", w.Config, info.Mode().Perm())
	if backup != "" {
		w.Say("The old one is %s.", backup)
	}
	if real, err := config.Parse(w.Config, content, w.Getenv); err != nil || real.Messaging != cfg.Messaging {
		w.Say("Attention: variables that begin with %s are set here, say something else, and beat the file.", config.SharedEnv)
	}
	for _, do := range w.afterWrite {
		do(ctx)
	}
	for _, warning := range w.newWarnings(cfg) {
		w.Say("Attention: %s.", warning)
	}
	w.nextSteps(cfg)
	return nil
}

// logOutTimeout is how long a person waits for the end of a login that is of no use.
const logOutTimeout = 15 * time.Second

// endLogin ends the login of a sign-in whose session was kept nowhere: it would stay open in the account's list of devices.
func (w *wizard) logOutUnused(ctx context.Context) {
	if w.logOut == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), logOutTimeout)
	defer cancel()
	w.Say("Ending the login at Telegram, since its session is kept nowhere…")
	if err := w.logOut(ctx); err != nil {
		w.Say("It could not be ended and is still open. End it in Telegram: Settings, Devices, telegate.")
		return
	}
	w.Say("It is ended.")
}

// newWarnings are those that the configuration did not give before, but for that about keys, which the next steps speak of.
func (w *wizard) newWarnings(cfg *config.Config) []string {
	var before []string
	if old, err := config.Parse(w.Config, w.current, w.Getenv); err == nil {
		before = old.Warnings
	}
	return slices.DeleteFunc(slices.Clone(cfg.Warnings), func(text string) bool {
		return slices.Contains(before, text) || strings.Contains(text, "[[api.keys]]")
	})
}

// command prints a command to copy, in one line however long.
func (w *wizard) printCommand(args string) { fmt.Fprintln(w.Out, "  telegate "+args) }

// keys names what is to be written.
func (w *wizard) changedKeys() string {
	var keys []string
	for _, c := range w.changes {
		if c.Value != nil {
			keys = append(keys, c.Key)
		}
	}
	return strings.Join(keys, ", ")
}

// nextSteps says how to go on.
func (w *wizard) nextSteps(cfg *config.Config) {
	flag := ""
	if w.Config != "telegate.toml" {
		flag = " --config " + w.Config
	}
	w.Say("\nNext:")
	if len(cfg.API.Keys) == 0 {
		w.printCommand("key create --name my-server")
		w.Say("      prints a key for your server, and the table to add to %s", w.Config)
	}
	w.printCommand("config check" + flag)
	w.printCommand("serve" + flag)
	w.Say("If something does not work, telegate doctor%s says why.", flag)
}
