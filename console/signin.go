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
	"telegate/internal/forwarded"
	"telegate/internal/secret"
	"telegate/twofa"
)

// If an administrator has linked Telegram, signing in needs a code besides the key. The only exception is "this account has no link".
// Otherwise a stolen key would be enough while Telegram is down.

const maxKey = 256 // bytes

// How an administrator signed in, for the audit.
const (
	signedInByKey        = "key"
	signedInByKeyAndCode = "key and code"
)

// signInData is the data of the sign-in page.
type signInData struct {
	Next    string
	Problem string
}

func (c *Console) showSignIn(w http.ResponseWriter, r *http.Request) error {
	next := localPath(r.URL.Query().Get("next"))
	if _, ok := c.adminSession(r); ok {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return nil
	}
	return c.signInPage(w, http.StatusOK, signInData{Next: next})
}

func (c *Console) signInPage(w http.ResponseWriter, status int, data signInData) error {
	return c.render(w, status, "signin.html", "layout", page{Path: Path, Version: c.o.Version, Now: c.o.Now(), Data: data})
}

// signIn checks a key. The rate limit comes first, so attempts beyond it reveal nothing about a key.
func (c *Console) signIn(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r, maxForm); err != nil {
		return err
	}
	next := localPath(r.PostForm.Get("next"))
	from := forwarded.ClientAddr(r)
	if wait := c.signInLimiter.reserve(r); wait > 0 {
		setRetryAfter(w, wait)
		return c.signInPage(w, http.StatusTooManyRequests,
			signInData{next, "Too many attempts from your address. Wait half a minute and try again."})
	}
	given := r.PostForm.Get("key")
	k, ok := c.administrator(hashKey(given))
	if !ok || len(given) > maxKey {
		c.refuseSignIn(r, Key{}, "no key with the scope admin")
		return c.signInPage(w, http.StatusForbidden, signInData{next, "This is not a key with the scope admin."})
	}
	c.sessions.delete(cookieValue(r))
	if k.User == "" {
		return c.startSession(w, r, k, next, signedInByKey)
	}

	cookie := secret.Token()
	v, err := c.o.Verifications.Create(r.Context(), twofa.CreateRequest{
		Domain: k.UserDomain, User: k.User, Purpose: twofa.Login, Binding: binding(cookie), Context: signInContext(r, from),
	})
	var unavailable *twofa.UnavailableError
	if errors.As(err, &unavailable) && unavailable.Reason == twofa.ReasonNotLinked {
		return c.startSession(w, r, k, next, signedInByKey)
	}
	if err != nil {
		problem := c.noCodeText(k, err)
		if problem == "" {
			return err
		}
		c.refuseSignIn(r, k, problem)
		return c.signInPage(w, http.StatusForbidden, signInData{next, problem})
	}
	c.sessions.add(cookie, session{keyHash: k.Hash, verification: v.ID, next: next})
	setCookie(w, r, cookie)
	http.Redirect(w, r, Path+"/sign-in/code", http.StatusSeeOther)
	return nil
}

// startSession signs an administrator in.
func (c *Console) startSession(w http.ResponseWriter, r *http.Request, k Key, next, how string) error {
	if err := c.auditSignIn(r, k, audit.ConsoleSignedIn, how); err != nil { // no session without an audit entry
		return err
	}
	cookie := secret.Token()
	c.sessions.add(cookie, session{keyHash: k.Hash})
	setCookie(w, r, cookie)
	c.o.Logger.InfoContext(r.Context(), "console: signed in", "key", k.Name, "address", forwarded.ClientAddr(r), "with", how)
	http.Redirect(w, r, next, http.StatusSeeOther)
	return nil
}

func (c *Console) signOut(w http.ResponseWriter, r *http.Request, admin adminSession) error {
	c.sessions.delete(admin.cookie)
	setCookie(w, r, "")
	if err := c.auditSignIn(r, admin.key, audit.ConsoleSignedOut, ""); err != nil {
		c.o.Logger.WarnContext(r.Context(), "console: a sign-out was not written to the audit", "key", admin.key.Name, "error", err)
	}
	http.Redirect(w, r, Path+"/sign-in", http.StatusSeeOther)
	return nil
}

// auditSignIn writes an audit entry about a session.
func (c *Console) auditSignIn(r *http.Request, k Key, e audit.Event, outcome string) error {
	ctx := context.WithoutCancel(r.Context()) // write it even if the browser has disconnected
	if k.Name != "" {
		ctx = audit.By(ctx, audit.AtConsole(k.Name))
	}
	return c.o.Store.WriteAudit(ctx, audit.Entry{
		Time: c.o.Now(), Event: e, Domain: k.UserDomain, User: k.User, Subject: k.Name, Outcome: outcome, Context: signInContext(r, forwarded.ClientAddr(r)),
	})
}

// refuseSignIn logs a refused sign-in and writes it to the audit, with a rate limit.
func (c *Console) refuseSignIn(r *http.Request, k Key, why string) {
	c.o.Logger.WarnContext(r.Context(), "console: sign-in refused", "key", k.Name, "address", forwarded.ClientAddr(r), "reason", why)
	if !c.refusedAudit.AllowN(c.o.Now(), 1) {
		return
	}
	if err := c.auditSignIn(r, k, audit.ConsoleRefused, why); err != nil {
		c.o.Logger.WarnContext(r.Context(), "console: a refusal was not written to the audit", "error", err)
	}
}

// signInContext is where a sign-in comes from, for the message with the code and for the login report.
func signInContext(r *http.Request, from netip.Addr) audit.Context {
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

// signInURL is the URL of the sign-in page that continues at next.
func signInURL(next string) string {
	return Path + "/sign-in?" + url.Values{"next": {next}}.Encode()
}

// localPath returns next if it is a page of the console, and the first page otherwise. It prevents redirects to other websites.
func localPath(next string) string {
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
