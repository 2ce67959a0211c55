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

// Options are the input of Run.
type Options struct {
	Config        string // the configuration file
	Kind          string // "bot" or "user"; empty: ask
	Print         bool   // print the lines for the configuration instead of writing them
	Yes           bool   // ask nothing: take everything from the files below and the environment
	BottokenFile  string // "-" is a line of standard input
	DeleteWebhook bool   // remove the bot's webhook, if it has one
	Title         string // what the server is called; empty: ask, unless the configuration has it
	APIID         int
	APIHashFile   string
	SessionFile   string
	ByFile        bool // write the names of the files instead of their contents

	Getenv         func(string) string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	OpenAccounts   OpenAccounts // nil if the build has no MTProto
}

// telegramSection is the section that setup writes.
var telegramSection = []string{"messaging", "telegram"}

// wizard is one run of setup.
type wizard struct {
	*terminal.Terminal
	Options
	current     []byte // the configuration file; nil if it does not exist
	changes     []config.Change
	title       string                  // of the default domain, to write; empty: it stays
	afterWrite  []func(context.Context) // actions after the file is written
	closers     []func()                // called at the end
	connectNote string                  // how setup connects to Telegram's data centres, in words
	// logOut ends the login that this run has made at Telegram; nil if there is none, or if its session is stored.
	logOut func(context.Context) error
}

// Run asks, checks the answers with Telegram and writes the configuration at the end. If it fails before, it changes nothing.
func Run(ctx context.Context, o Options) error {
	w := &wizard{Terminal: terminal.New(o.Stdin, o.Stdout), Options: o}
	if o.Print { // standard output gets only the lines of the configuration
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
	w.Printf("%s", setupIntro)
	if w.Kind == "" {
		if w.Yes {
			return exit.Usagef("with --yes name the kind: telegate setup bot, or telegate setup user")
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
	if err := w.askTitle(ctx); err != nil {
		return err
	}
	return w.write(ctx)
}

const setupIntro = `telegate uses Telegram as a bot or as a user.

  bot   Recommended. It needs only a token, which @BotFather gives you in
        Telegram. It needs no apiid and apihash.
  user  A person's own account sends the messages. It needs apiid and apihash
        from https://my.telegram.org/apps, and a sign-in. Telegram may limit or
        close such an account.
`

// open reads the configuration and checks that it can be changed, before it asks anything.
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
		return exit.Usagef("%w\nCorrect that first; nothing was changed", err)
	}
	if fault := config.TitleFault(w.Title); w.Title != "" && fault != "" {
		return exit.Usagef("--title %s", fault)
	}
	if w.Print {
		return nil
	}
	if err := config.CheckWritable(w.Config); err != nil {
		return fmt.Errorf("%s cannot be written: %w\nRun it as the user who owns the folder, choose another file with --config, or use --print", w.Config, err)
	}
	return nil
}

// set records a secret for the configuration: its value or, with --by-file, the name of its file. It removes the other key, because two sources
// of one secret are an error.
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

// provided returns a secret from the file of a flag, or from the variable or its _FILE variant; empty if there is none. file is the name of a
// permanent file that it came from.
func (w *wizard) provided(ctx context.Context, flag, key string) (value, file string, err error) {
	variable := config.SharedEnv + strings.ToUpper(key)
	file = flag
	if file == "" {
		if value = strings.TrimSpace(w.Getenv(variable)); value != "" {
			w.Printf("Using %s from %s.", key, variable)
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
	if value, err = config.SecretText([]byte(data)); err != nil {
		return "", "", exit.Usagef("%s: %s %w", key, file, err)
	}
	if value == "" {
		return "", "", exit.Usagef("%s: %s is empty", key, file)
	}
	w.Printf("Using %s from %s.", key, file)
	return value, file, nil
}

// readSecretFile reads at most one line's worth of a file.
func readSecretFile(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, terminal.MaxLine))
	return string(data), err
}

// preview returns the configuration with some changes. It ignores the environment variables of the changed keys, so that it checks the answers
// and not the environment.
func (w *wizard) preview(changes ...config.Change) ([]byte, *config.Config, error) {
	content, err := w.edit(w.Config, w.current, changes)
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
		return nil, nil, exit.Usagef("%w\nCorrect that first; nothing was changed", err)
	}
	return content, cfg, nil
}

// edit returns a configuration with changes of the Telegram section, and the title if there is one.
func (w *wizard) edit(name string, content []byte, changes []config.Change) ([]byte, error) {
	content, err := config.Edit(name, content, telegramSection, changes)
	if err != nil || w.title == "" {
		return content, err
	}
	return config.Edit(name, content, defaultDomain, []config.Change{{Key: "title", Value: w.title}})
}

// write checks the whole configuration, asks for confirmation and writes it.
func (w *wizard) write(ctx context.Context) error {
	content, cfg, err := w.preview(w.changes...)
	if err != nil {
		return err
	}
	if w.Print {
		lines, err := w.edit("", nil, w.changes)
		if err != nil {
			return err
		}
		w.Printf("\nAdd these lines to %s. Only the user telegate runs as should be able to read it (chmod 600):\n", w.Config)
		if _, err = w.Stdout.Write(lines); err == nil {
			w.logOut = nil // the user has the session now
		}
		return err
	}
	question := fmt.Sprintf("Write %s, with %s?", w.Config, w.changedKeys())
	if w.current != nil {
		question = fmt.Sprintf("Change %s in %s? The rest stays unchanged, and the old file is kept.", w.changedKeys(), w.Config)
	}
	if !w.Yes {
		ok, err := w.Confirm(ctx, "\n"+question, true)
		if err != nil {
			return err
		}
		if !ok {
			w.Printf("Nothing was changed.")
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
	w.Printf("\n%s is written, with mode %04o.", w.Config, info.Mode().Perm())
	if backup != "" {
		w.Printf("The old file is %s.", backup)
	}
	if real, err := config.Parse(w.Config, content, w.Getenv); err != nil || real.Messaging != cfg.Messaging {
		w.Printf("Attention: environment variables that begin with %s are set here and override the file.", config.SharedEnv)
	}
	for _, do := range w.afterWrite {
		do(ctx)
	}
	for _, warning := range w.newWarnings(cfg) {
		w.Printf("Attention: %s.", warning)
	}
	w.nextSteps(cfg)
	return nil
}

// logOutTimeout limits the end of a login that is not needed.
const logOutTimeout = 15 * time.Second

// logOutUnused ends the login of a sign-in whose session is not stored. It would stay open in the account's list of devices.
func (w *wizard) logOutUnused(ctx context.Context) {
	if w.logOut == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), logOutTimeout)
	defer cancel()
	w.Printf("Ending the login at Telegram, because its session is not stored…")
	if err := w.logOut(ctx); err != nil {
		w.Printf("That failed: the login is still open. End it in Telegram: Settings, Devices, telegate.")
		return
	}
	w.Printf("The login is ended.")
}

// newWarnings are the warnings that the configuration did not have before, except the one about keys, which the next steps cover.
func (w *wizard) newWarnings(cfg *config.Config) []string {
	var before []string
	if old, err := config.Parse(w.Config, w.current, w.Getenv); err == nil {
		before = old.Warnings
	}
	return slices.DeleteFunc(slices.Clone(cfg.Warnings), func(text string) bool {
		return slices.Contains(before, text) || strings.Contains(text, "[[api.keys]]")
	})
}

// changedKeys are the names of the keys to write.
func (w *wizard) changedKeys() string {
	var keys []string
	for _, c := range w.changes {
		if c.Value != nil {
			keys = append(keys, c.Key)
		}
	}
	if w.title != "" {
		keys = append(keys, "title")
	}
	return strings.Join(keys, ", ")
}
