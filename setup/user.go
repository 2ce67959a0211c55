package setup

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"telegate/config"
	"telegate/internal/exit"
	"telegate/internal/terminal"
	"telegate/userclient"
)

const userRisk = `
Before you use a person's account, know this:
  - Telegram limits or closes accounts that write to many people who do not
    know them, sometimes right after the first sign-in by a program. Nothing
    prevents that for sure. Use an account that you do not need, not your own.
  - The session in the configuration gives full access to that account: to
    read and write everything.
  - A session is for one program. If MeshCentral uses the same one, stop it
    first: Telegram voids a session that is used from two places.
A bot has none of these problems.
`

const appIntro = `
A user session needs the apiid and apihash of an application (one is enough
for everything; you can use the same as in MeshCentral). To get them, sign in
at https://my.telegram.org with the phone number of the account, open "API
development tools", and create an application with any title and name. The page
then shows "App api_id", a number, and "App api_hash", 32 characters.
`

const sessionIntro = `
How does the account sign in?
  1) phone     with its phone number, the code Telegram sends, and its two-step
               password if it has one
  2) qr        by scanning a code with a phone that is already signed in
  3) session   with a session string you have: MeshCentral's (GramJS),
               Telethon's or telegate's own
`

// setUpUser gets the session of a user's account.
func (w *wizard) setUpUser(ctx context.Context) error {
	if w.OpenAccounts == nil {
		return errors.New("this build of telegate has no MTProto and cannot sign in as a user; telegate setup bot works")
	}
	section, err := w.currentUser()
	if err != nil {
		return err
	}
	w.Printf("%s", userRisk)
	if !w.Yes {
		ok, err := w.Confirm(ctx, "Go on with a user's account?", false)
		if err != nil {
			return err
		}
		if !ok {
			return errors.New("nothing was changed; telegate setup bot sets up a bot")
		}
	}
	if err := w.askApp(ctx, &section); err != nil {
		return err
	}
	w.connectNote = connectNote(section)
	telegram, err := w.OpenAccounts(section)
	if err != nil {
		return err
	}
	session, file, err := w.provided(ctx, w.SessionFile, "session")
	if err != nil {
		return err
	}
	if session != "" || w.Yes {
		if session == "" {
			return exit.Usagef("a sign-in asks questions: omit --yes, or give --session-file or the variable " + config.SharedEnv + "SESSION")
		}
		return w.useSession(ctx, telegram, session, file)
	}
	w.Printf("%s", sessionIntro)
	method, err := w.Choose(ctx, "Which one?", "phone", "qr", "session")
	if err != nil {
		return err
	}
	if method == "session" {
		return w.askSession(ctx, telegram)
	}
	return w.signIn(ctx, telegram, method == "qr")
}

// currentUser returns the configuration's section for a user: apiid and apihash if they are valid, and the proxy.
func (w *wizard) currentUser() (config.Telegram, error) {
	sample := []config.Change{{Key: "session_file"}, {Key: "session", Value: "1" + strings.Repeat("A", 352)}}
	if _, cfg, err := w.preview(sample...); err == nil && cfg.Messaging.Telegram.APIID != 0 && cfg.Messaging.Telegram.APIHash != "" {
		return cfg.Messaging.Telegram, nil
	}
	sample = append(sample, config.Change{Key: "apiid", Value: 1},
		config.Change{Key: "apihash_file"}, config.Change{Key: "apihash", Value: strings.Repeat("0", 32)})
	_, cfg, err := w.preview(sample...)
	if err != nil {
		return config.Telegram{}, err
	}
	section := cfg.Messaging.Telegram
	section.APIID, section.APIHash = 0, ""
	return section, nil
}

// connectNote names the proxy, and says how long connecting takes if nothing answers. It shows no secret.
func connectNote(section config.Telegram) string {
	if u, err := url.Parse(section.MTProtoProxy().Reveal()); err == nil && u.Host != "" {
		return " through the proxy " + u.Host + ", for up to a minute"
	}
	return ", for up to a minute"
}

// askApp gets apiid and apihash. Telegram checks them with the first call of the sign-in.
func (w *wizard) askApp(ctx context.Context, section *config.Telegram) error {
	hash, file, err := w.provided(ctx, w.APIHashFile, "apihash")
	if err != nil {
		return err
	}
	id := w.APIID
	if text := w.Getenv(config.SharedEnv + "APIID"); id == 0 && text != "" {
		id, _ = strconv.Atoi(strings.TrimSpace(text)) // config.Parse has reported a wrong one
	}
	if id == 0 && hash == "" && section.APIID != 0 {
		w.Printf("Using the apiid and apihash of the configuration.")
		return nil
	}
	if hash != "" {
		if fault := config.APIHashFault(hash); fault != "" {
			return exit.Usagef("the apihash %s", fault)
		}
	}
	if w.Yes && (id == 0 || hash == "") {
		return exit.Usagef("apiid and apihash are needed: give --apiid and --apihash-file, or the variables " +
			config.SharedEnv + "APIID and " + config.SharedEnv + "APIHASH")
	}
	if id == 0 || hash == "" {
		w.Printf("%s", appIntro)
	}
	for id <= 0 {
		text, err := w.Ask(ctx, "apiid (the number):")
		if err != nil {
			return err
		}
		if n, err := strconv.ParseInt(text, 10, 32); err == nil && n > 0 {
			id = int(n)
		} else if config.APIHashFault(text) == "" {
			w.Printf("This is the apihash; the apiid is the number above it.")
		} else {
			w.Printf("The apiid is a number of up to 10 digits.")
		}
	}
	for hash == "" {
		text, err := w.AskHidden(ctx, "apihash (it is not shown):")
		if err != nil {
			return err
		}
		if fault := config.APIHashFault(text); fault != "" {
			w.Printf("This %s.", fault)
			continue
		}
		hash = text
	}
	section.APIID, section.APIHash = id, config.Secret(hash)
	w.changes = append(w.changes, config.Change{Key: "apiid", Value: id})
	return w.set("apihash", hash, file)
}

// askSession asks for a session string.
func (w *wizard) askSession(ctx context.Context, telegram Accounts) error {
	for {
		session, err := w.AskHidden(ctx, "Paste the session (it is not shown):")
		if err != nil {
			return err
		}
		err = w.useSession(ctx, telegram, session, "")
		var refused invalidError
		if !errors.As(err, &refused) {
			return err
		}
		w.Printf("%s\n", terminal.Sentence(err.Error()))
	}
}

// useSession asks Telegram whose session it is, and records it for the configuration.
func (w *wizard) useSession(ctx context.Context, telegram Accounts, session, file string) error {
	if fault := config.SessionFault(session); fault != "" {
		return invalidError{errors.New("this " + fault)}
	}
	var who userclient.Person
	err := w.retryUnreachable(ctx, func() (err error) {
		w.Printf("Asking Telegram whose session it is%s…", w.connectNote)
		who, err = telegram.CheckSession(ctx, session)
		if err != nil && !errors.Is(err, userclient.ErrUnreachable) {
			return invalidError{err}
		}
		return err
	})
	if err != nil {
		return err
	}
	w.Printf("It is %s.", who)
	return w.set("session", session, file)
}

// retryUnreachable calls do, again as long as Telegram cannot be reached and the user wants it, so that the earlier answers are not lost.
func (w *wizard) retryUnreachable(ctx context.Context, do func() error) error {
	for {
		err := do()
		if err != nil && ctx.Err() != nil {
			return terminal.ErrInterrupted
		}
		if w.Yes || !errors.Is(err, userclient.ErrUnreachable) {
			return err
		}
		w.Printf("%s", terminal.Sentence(err.Error()))
		again, asked := w.Confirm(ctx, "Try again?", true)
		if asked != nil {
			return asked
		}
		if !again {
			return fmt.Errorf("%w; nothing was changed. telegate doctor says more", err)
		}
	}
}

// signIn goes through the steps of a sign-in.
func (w *wizard) signIn(ctx context.Context, telegram Accounts, byQR bool) error {
	var s SignIn
	err := w.retryUnreachable(ctx, func() (err error) {
		w.Printf("Connecting to Telegram%s…", w.connectNote)
		s, err = telegram.SignIn(ctx)
		return err
	})
	if err != nil {
		return err
	}
	defer s.Cancel()
	step := Step{Want: userclient.WantPhone}
	if byQR {
		step, err = s.QR(ctx)
	}
	drawn := 0
	for err == nil && step.Want != userclient.WantNothing {
		if step.Problem != "" {
			w.Printf("%s", step.Problem)
		}
		if step.Want != userclient.WantScan {
			step, err = w.answer(ctx, s, step)
			continue
		}
		if drawn, err = w.drawQR(step.URL, drawn); err == nil {
			step, err = s.Scanned(ctx)
		}
	}
	if err == nil {
		w.logOut = func(ctx context.Context) error { return telegram.LogOut(ctx, step.Session) }
	}
	switch {
	case ctx.Err() != nil:
		return terminal.ErrInterrupted
	case err != nil:
		return err
	}
	w.Printf("Signed in as %s.", step.Who)
	return w.set("session", step.Session, "")
}

// answer asks the question of a step.
func (w *wizard) answer(ctx context.Context, s SignIn, step Step) (Step, error) {
	switch step.Want {
	case userclient.WantPhone:
		number, err := w.Ask(ctx, "Phone number, with + and the country's code:")
		if err != nil {
			return step, err
		}
		return s.Phone(ctx, number)
	case userclient.WantCode:
		if step.Hint != "" {
			w.Printf("%s", step.Hint)
		}
		code, err := w.AskHidden(ctx, "The code (it is not shown; press only Enter to get it in another way):")
		if err != nil {
			return step, err
		}
		if code == "" {
			return s.Resend(ctx)
		}
		return s.Code(ctx, code)
	case userclient.WantPassword:
		hint := ""
		if step.Hint != "" {
			hint = "(hint: " + step.Hint + ") "
		}
		password, err := w.AskPassword(ctx, "The account's two-step password "+hint+"(it is not shown):")
		if err != nil {
			return step, err
		}
		return s.Password(ctx, password)
	default:
		return step, fmt.Errorf("telegate does not know this step of Telegram (%s); sign in another way", step.Want)
	}
}

// drawQR draws a QR code over the one before, which has drawn lines, and returns the number of its lines.
func (w *wizard) drawQR(link string, drawn int) (int, error) {
	picture, err := terminal.DrawQR(link, w.Escape)
	if err != nil {
		return 0, err
	}
	if drawn == 0 {
		w.Printf("\nOn a phone that is signed in, open Telegram: Settings, Devices, Link Desktop Device. The code changes every half minute.\n")
	} else if w.Escape {
		fmt.Fprintf(w.Out, "\x1b[%dA\x1b[J", drawn)
	}
	fmt.Fprint(w.Out, picture)
	return strings.Count(picture, "\n"), nil
}
