package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"telegate/internal/audit"
	"telegate/internal/secret"
	"telegate/twofa"
)

// Whoever knows the key of an administrator who has linked Telegram owes a code too. Everything but "this account has no link" keeps
// them out: a key in wrong hands must not be enough because Telegram happens to be down.

const maxKey = 256 // bytes of what may be typed as a key

// How a sign-in came about, for the audit.
const (
	withKey     = "key"
	withKeyCode = "key and code"
)

// signInData is the page where one signs in.
type signInData struct {
	Next    string
	Problem string
}

func (c *Console) showSignIn(w http.ResponseWriter, r *http.Request) error {
	next := ownPath(r.URL.Query().Get("next"))
	if _, ok := c.visit(r); ok {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return nil
	}
	return c.signInPage(w, http.StatusOK, signInData{Next: next})
}

func (c *Console) signInPage(w http.ResponseWriter, status int, data signInData) error {
	return c.render(w, status, "signin.html", "layout", page{Path: Path, Version: c.o.Version, Now: c.o.Now(), Data: data})
}

// signIn takes a key. It is told apart from no key at all only once the address may try.
func (c *Console) signIn(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r, maxForm); err != nil {
		return err
	}
	next := ownPath(r.PostForm.Get("next"))
	from := clientAddr(r)
	if wait := c.tries.take(from); wait > 0 {
		setRetryAfter(w, wait)
		return c.signInPage(w, http.StatusTooManyRequests,
			signInData{next, "There were too many tries from your address. Wait half a minute, then try again."})
	}
	given := r.PostForm.Get("key")
	k, ok := c.administrator(hashOf(given))
	if !ok || len(given) > maxKey {
		c.noteRefused(r, Key{}, "no key with the scope admin")
		return c.signInPage(w, http.StatusForbidden, signInData{next, "This is no key with the scope admin."})
	}
	c.sessions.end(cookieOf(r))
	if k.User == "" {
		return c.enter(w, r, k, next, withKey)
	}

	cookie := secret.Token()
	v, err := c.o.Verifications.Create(r.Context(), twofa.CreateRequest{
		Domain: k.UserDomain, User: k.User, Purpose: twofa.Login, Binding: binding(cookie), Context: contextOf(r, from),
	})
	var unavailable *twofa.UnavailableError
	if errors.As(err, &unavailable) && unavailable.Reason == twofa.ReasonNotLinked {
		return c.enter(w, r, k, next, withKey)
	}
	if err != nil {
		problem := c.noCode(k, err)
		if problem == "" {
			return err
		}
		c.noteRefused(r, k, problem)
		return c.signInPage(w, http.StatusForbidden, signInData{next, problem})
	}
	c.sessions.begin(cookie, session{keyHash: k.Hash, verification: v.ID, next: next})
	setCookie(w, r, cookie)
	http.Redirect(w, r, Path+"/sign-in/code", http.StatusSeeOther)
	return nil
}

// enter lets an administrator in.
func (c *Console) enter(w http.ResponseWriter, r *http.Request, k Key, next, how string) error {
	if err := c.note(r, k, audit.ConsoleSignedIn, how); err != nil { // nobody is in without its entry
		return err
	}
	cookie := secret.Token()
	c.sessions.begin(cookie, session{keyHash: k.Hash})
	setCookie(w, r, cookie)
	c.o.Logger.InfoContext(r.Context(), "console: signed in", "key", k.Name, "address", clientAddr(r), "with", how)
	http.Redirect(w, r, next, http.StatusSeeOther)
	return nil
}

func (c *Console) signOut(w http.ResponseWriter, r *http.Request, v visit) error {
	c.sessions.end(v.cookie)
	setCookie(w, r, "")
	if err := c.note(r, v.key, audit.ConsoleSignedOut, ""); err != nil {
		c.o.Logger.WarnContext(r.Context(), "console: a sign-out was not written to the audit", "key", v.key.Name, "error", err)
	}
	http.Redirect(w, r, Path+"/sign-in", http.StatusSeeOther)
	return nil
}

// note writes about a session to the audit.
func (c *Console) note(r *http.Request, k Key, e audit.Event, outcome string) error {
	ctx := context.WithoutCancel(r.Context()) // the browser may be gone, what happened has happened
	if k.Name != "" {
		ctx = audit.By(ctx, audit.AtConsole(k.Name))
	}
	return c.o.Store.WriteAudit(ctx, audit.Entry{
		Time: c.o.Now(), Event: e, Domain: k.UserDomain, User: k.User, Subject: k.Name, Outcome: outcome, Context: contextOf(r, clientAddr(r)),
	})
}

// noteRefused writes a refused sign-in to log and audit, to the latter not more often than a disk can bear.
func (c *Console) noteRefused(r *http.Request, k Key, why string) {
	c.o.Logger.WarnContext(r.Context(), "console: sign-in refused", "key", k.Name, "address", clientAddr(r), "reason", why)
	if !c.refusals.AllowN(c.o.Now(), 1) {
		return
	}
	if err := c.note(r, k, audit.ConsoleRefused, why); err != nil {
		c.o.Logger.WarnContext(r.Context(), "console: a refusal was not written to the audit", "error", err)
	}
}

// contextOf is where a sign-in comes from, as people and the login report are shown it.
func contextOf(r *http.Request, from netip.Addr) audit.Context {
	at := audit.Context{UserAgent: strings.ToValidUTF8(r.UserAgent(), "")}
	if len(at.UserAgent) > maxUserAgent {
		at.UserAgent = strings.ToValidUTF8(at.UserAgent[:maxUserAgent], "")
	}
	if from.IsValid() {
		at.IP = from.String()
	}
	return at
}

const maxUserAgent = 1024 // bytes, as in the API

func setRetryAfter(w http.ResponseWriter, wait time.Duration) {
	w.Header().Set("Retry-After", fmt.Sprint(int(wait.Round(time.Second).Seconds())+1))
}

// signInURL is where to sign in and go on from there.
func signInURL(next string) string {
	return Path + "/sign-in?" + url.Values{"next": {next}}.Encode()
}

// ownPath is a page of the console to go on to; anything else, another website's address above all, is the first page.
func ownPath(next string) string {
	u, err := url.Parse(next)
	switch {
	case err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || len(next) > maxURL:
	case !strings.HasPrefix(u.Path, Path+"/") || strings.HasPrefix(u.Path, Path+"/sign-"):
	case strings.Contains(u.Path, "//") || strings.Contains(u.Path, `\`) || strings.Contains(u.Path, ".."):
	default:
		return u.RequestURI()
	}
	return Path + "/users"
}
