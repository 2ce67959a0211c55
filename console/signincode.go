package console

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"

	"telegate/linking"
	"telegate/twofa"
)

const maxCode = 64 // bytes of what may be typed as a code

// codeData is the page that asks for the code.
type codeData struct {
	Verification twofa.Verification
	Chat         string // where the code went, masked
	Problem      string
	Ended        string // why this code opens nothing any more; empty while it does
	ResendIn     time.Duration
}

// withPendingCode is a request of somebody who still owes a code.
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
				return newPageError(http.StatusUnauthorized, "This sign-in is over", "Begin again with the key.")
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

// withCodeForm is a form of somebody who still owes a code.
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
	code := strings.ReplaceAll(strings.TrimSpace(r.PostForm.Get("code")), " ", "")
	if code == "" || len(code) > maxCode {
		return c.codePage(w, r, admin, owed, http.StatusUnprocessableEntity, "Type the code from Telegram.")
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
		problem = fmt.Sprintf("That is not the code. %d more %s.", left, plural(left, "try", "tries"))
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

// endedTexts says why a code opens nothing any more.
var endedTexts = map[twofa.Status]string{
	twofa.Denied:    "This sign-in was denied in Telegram with Not me. If that was you, wait 20 minutes; if not, somebody has your key: replace it.",
	twofa.Exhausted: "There were too many wrong codes. Begin again.",
	twofa.Expired:   "The code has expired. Begin again.",
	twofa.Canceled:  "This code was called off. Begin again.",
	twofa.Failed:    "Telegram refuses to deliver the code. On the machine itself telegate status says why, and the commands of telegate work with the key alone.",
	twofa.Approved:  "This code has been used. Begin again.",
}

// untilThen is what works while nobody can sign in here.
const untilThen = " Until then the commands on the machine itself work with the key alone, telegate status first."

// tooManyWrongCodes is why somebody has to wait who has not asked for too much.
const tooManyWrongCodes = "There were too many wrong codes in a row. "

// noCodeText says why no code can be sent; empty where that is telegate's own trouble.
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
			return "Telegram cannot be reached, so the code that belongs to this key cannot be sent, and the key alone does not open the console. " +
				"Try again once Telegram is back." + untilThen
		case twofa.ReasonBlocked:
			return "Your Telegram account has blocked the bot, so no code can be sent. Open the bot's chat and press Unblock or Start, then try again." +
				untilThen
		default:
			return "Your link to Telegram is suspended after too many wrong codes. On the machine, run " + unlinkCommand(k) +
				", sign in with the key, and link anew."
		}
	case errors.Is(err, twofa.ErrDisabled):
		return "This key belongs to an account whose domain has msg2factor = false, so no code can be sent. " +
			"Turn it on, or take user away from the key, in telegate.toml." + untilThen
	case errors.As(err, &wait) && wait.Kind == twofa.AfterNotMe:
		return "A sign-in of yours was denied with Not me, so no codes are sent for a while. " + tryAgainIn(wait.RetryAfter)
	case errors.As(err, &wait) && wait.Kind == twofa.ResendTooSoon:
		return "The code has just been sent. " + tryAgainIn(wait.RetryAfter)
	case errors.As(err, &wait) && wait.Kind == twofa.Throttled:
		return tooManyWrongCodes + tryAgainIn(wait.RetryAfter)
	case errors.As(err, &wait):
		return "Too many codes were asked for. " + tryAgainIn(wait.RetryAfter)
	case errors.As(err, &progress):
		return "Codes are pending for two other sign-ins of yours. Finish one of them, or wait. " + tryAgainIn(progress.ExpiresIn)
	case errors.Is(err, twofa.ErrSendsExhausted):
		return "The code has been sent three times. Begin again."
	case errors.Is(err, twofa.ErrFinished):
		return "This code opens nothing any more. Begin again."
	default:
		return ""
	}
}

// unlinkCommand unlinks the account of a key, in a shell.
func unlinkCommand(k Key) string {
	command := "telegate users unlink "
	if k.UserDomain != "" {
		command += "--domain " + shellWord(k.UserDomain) + " "
	}
	if strings.HasPrefix(k.User, "-") {
		command += "-- " // it is no flag
	}
	return command + shellWord(k.User)
}

// shellWord is a text as one word of a shell: in quotes where it holds more than letters, digits and what means nothing there.
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

// maskChat is a chat as somebody may see it who has shown the key alone: enough to know which phone to look at.
func maskChat(chat linking.Chat) string {
	name := []rune(chat.Username)
	if len(name) < 3 {
		return ""
	}
	return "@" + string(name[0]) + "…" + string(name[len(name)-1])
}
