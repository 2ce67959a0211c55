package console

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"

	"telegate/internal/typed"
	"telegate/linking"
	"telegate/twofa"
)

const maxCode = 64 // bytes

// codeData is the data of the page that asks for the code.
type codeData struct {
	Verification twofa.Verification
	Chat         string // where the code was sent, masked
	Problem      string
	Ended        string // why this code no longer works; empty while it does
	ResendIn     time.Duration
}

// withPendingCode handles a request of a session that waits for its code.
func (c *Console) withPendingCode(h func(w http.ResponseWriter, r *http.Request, admin adminSession, owed twofa.Verification) error) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		admin := adminSession{cookie: cookieValue(r)}
		var ok bool
		admin.session, ok = c.sessions.find(admin.cookie, true)
		if ok {
			admin.key, ok = c.administrator(admin.session.keyHash)
		}
		if !ok || admin.session.verification == "" {
			if isAutoRefresh(r) {
				return newPageError(http.StatusUnauthorized, "This sign-in has ended", "Start again with the key.")
			}
			http.Redirect(w, r, Path+"/sign-in", http.StatusSeeOther)
			return nil
		}
		owed, err := c.o.Verifications.Get(r.Context(), admin.session.verification)
		if err != nil {
			return err
		}
		return h(w, r, admin, owed)
	}
}

// withCodeForm handles a form of a session that waits for its code.
func (c *Console) withCodeForm(h func(w http.ResponseWriter, r *http.Request, admin adminSession, owed twofa.Verification) error) handler {
	return c.withPendingCode(func(w http.ResponseWriter, r *http.Request, admin adminSession, owed twofa.Verification) error {
		return withForm(maxForm, func(w http.ResponseWriter, r *http.Request, admin adminSession) error { return h(w, r, admin, owed) })(w, r, admin)
	})
}

func (c *Console) showCode(w http.ResponseWriter, r *http.Request, admin adminSession, owed twofa.Verification) error {
	return c.codePage(w, r, admin, owed, http.StatusOK, "")
}

func (c *Console) codePage(w http.ResponseWriter, r *http.Request, admin adminSession, owed twofa.Verification, status int, problem string) error {
	data := codeData{Verification: owed, Problem: problem, Ended: endedTexts[owed.Status], ResendIn: c.o.Verifications.ResendIn(owed)}
	if l, err := c.o.Links.Current(r.Context(), owed.Domain, owed.User); err == nil {
		data.Chat = maskChat(l.Chat)
	}
	p := page{Path: Path, Version: c.o.Version, Now: c.o.Now(), CSRF: admin.session.csrf, Data: data}
	if isAutoRefresh(r) {
		return c.render(w, status, "signincode.html", "code-state", p)
	}
	return c.render(w, status, "signincode.html", "layout", p)
}

func (c *Console) checkCode(w http.ResponseWriter, r *http.Request, admin adminSession, owed twofa.Verification) error {
	code := typed.Digits(r.PostForm.Get("code"))
	if code == "" || len(code) > maxCode {
		return c.codePage(w, r, admin, owed, http.StatusUnprocessableEntity, "Enter the code from Telegram.")
	}
	o, err := c.o.Verifications.Check(r.Context(), owed.ID, code, binding(admin.cookie))
	var wait *twofa.WaitError
	if errors.As(err, &wait) {
		setRetryAfter(w, wait.RetryAfter)
		return c.codePage(w, r, admin, owed, http.StatusTooManyRequests, tooManyWrongCodes+tryAgainIn(wait.RetryAfter))
	}
	if err != nil {
		return err
	}
	if o.Approved() {
		c.sessions.delete(admin.cookie)
		return c.startSession(w, r, admin.key, admin.session.next, signedInByKeyAndCode)
	}
	problem := ""
	if left := o.Verification.AttemptsRemaining(); left > 0 {
		problem = fmt.Sprintf("Wrong code. %d %s left.", left, plural(left, "attempt", "attempts"))
	}
	c.refuseSignIn(r, admin.key, "the code was "+string(o.Result))
	return c.codePage(w, r, admin, o.Verification, http.StatusForbidden, problem)
}

func (c *Console) resendCode(w http.ResponseWriter, r *http.Request, admin adminSession, owed twofa.Verification) error {
	if _, err := c.o.Verifications.Resend(r.Context(), owed.ID); err != nil {
		problem := c.noCodeText(admin.key, err)
		if problem == "" {
			return err
		}
		return c.codePage(w, r, admin, owed, http.StatusForbidden, problem)
	}
	http.Redirect(w, r, Path+"/sign-in/code", http.StatusSeeOther)
	return nil
}

func (c *Console) cancelCode(w http.ResponseWriter, r *http.Request, admin adminSession, owed twofa.Verification) error {
	c.sessions.delete(admin.cookie)
	setCookie(w, r, "")
	if _, err := c.o.Verifications.Cancel(r.Context(), owed.ID); err != nil && !errors.Is(err, twofa.ErrFinished) {
		return err
	}
	http.Redirect(w, r, Path+"/sign-in", http.StatusSeeOther)
	return nil
}

// endedTexts say why a code no longer works.
var endedTexts = map[twofa.Status]string{
	twofa.Denied:    "This sign-in was denied in Telegram with Not me. If that was you, wait 20 minutes. If not, someone else has your key: replace it.",
	twofa.Exhausted: "Too many wrong codes. Start again.",
	twofa.Expired:   "The code has expired. Start again.",
	twofa.Canceled:  "This code was canceled. Start again.",
	twofa.Failed:    "Telegram refuses to deliver the code. On the server, telegate status says why; the commands there need a key without user.",
	twofa.Approved:  "This code has been used. Start again.",
}

// untilThen says what works while nobody can sign in to the console.
const untilThen = " Until then, use the commands on the server, with a key without user: telegate status first."

// tooManyWrongCodes explains a wait that the user did not cause.
const tooManyWrongCodes = "Too many wrong codes in a row. "

// noCodeText says why no code can be sent; empty for internal errors.
func (c *Console) noCodeText(k Key, err error) string {
	var (
		unavailable *twofa.UnavailableError
		wait        *twofa.WaitError
		progress    *twofa.InProgressError
	)
	switch {
	case errors.As(err, &unavailable):
		switch unavailable.Reason {
		case twofa.ReasonTransportDown:
			return "Telegram cannot be reached, so the code for this key cannot be sent. The key alone is not enough to sign in. " +
				"Try again when Telegram is back." + untilThen
		case twofa.ReasonBlocked:
			return "Your Telegram account has blocked the bot, so no code can be sent. Open the bot's chat and press Unblock or Start, then try again." +
				untilThen
		default:
			return "Your link to Telegram is suspended after too many wrong codes. On the server, run " + unlinkCommand(k) +
				", sign in with the key and link again."
		}
	case errors.Is(err, twofa.ErrDisabled):
		return "The account of this key is in a domain with msg2factor = false, so no code can be sent. " +
			"In telegate.toml, turn it on or remove user from the key." + untilThen
	case errors.As(err, &wait) && wait.Kind == twofa.AfterNotMe:
		return "One of your sign-ins was denied with Not me, so no codes are sent for a while. " + tryAgainIn(wait.RetryAfter)
	case errors.As(err, &wait) && wait.Kind == twofa.ResendTooSoon:
		return "The code was just sent. " + tryAgainIn(wait.RetryAfter)
	case errors.As(err, &wait) && wait.Kind == twofa.Throttled:
		return tooManyWrongCodes + tryAgainIn(wait.RetryAfter)
	case errors.As(err, &wait):
		return "Too many codes were requested. " + tryAgainIn(wait.RetryAfter)
	case errors.As(err, &progress):
		return "Two of your other sign-ins are waiting for a code. Finish one of them, or wait. " + tryAgainIn(progress.ExpiresIn)
	case errors.Is(err, twofa.ErrSendsExhausted):
		return "The code was sent three times. Start again."
	case errors.Is(err, twofa.ErrFinished):
		return "This code no longer works. Start again."
	default:
		return ""
	}
}

// unlinkCommand is the shell command that unlinks the account of a key.
func unlinkCommand(k Key) string {
	command := "telegate users unlink "
	if k.UserDomain != "" {
		command += "--domain " + shellWord(k.UserDomain) + " "
	}
	if strings.HasPrefix(k.User, "-") {
		command += "-- " // not a flag
	}
	return command + shellWord(k.User)
}

// shellWord quotes a text as one word of a shell, if it needs quotes.
func shellWord(text string) string {
	special := func(c rune) bool {
		return !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("@%+=:,./_-", c)
	}
	if strings.ContainsFunc(text, special) {
		return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
	}
	return text
}

func tryAgainIn(wait time.Duration) string { return "Try again in " + durationText(wait) + "." }

// maskChat shows just enough of a chat to know which phone to look at: the visitor has only shown the key.
func maskChat(chat linking.Chat) string {
	name := []rune(chat.Username)
	if len(name) < 3 {
		return ""
	}
	return "@" + string(name[0]) + "…" + string(name[len(name)-1])
}
