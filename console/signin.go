package console

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

const maxKey = 256 // bytes of what may be typed as a key

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

func (c *Console) signIn(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	next := ownPath(r.PostForm.Get("next"))
	if wait := c.tries.take(clientAddr(r)); wait > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(int(wait.Seconds())+1))
		return c.signInPage(w, http.StatusTooManyRequests, signInData{next, "Too many tries from your address. Wait half a minute, then try again."})
	}
	given := r.PostForm.Get("key")
	k, ok := c.administrator(hashOf(given))
	if !ok || len(given) > maxKey {
		c.o.Logger.WarnContext(r.Context(), "console: sign-in refused", "address", clientAddr(r))
		return c.signInPage(w, http.StatusForbidden, signInData{next, "This is no key with the scope admin. Print one on the machine with: telegate key new"})
	}
	c.sessions.end(cookieOf(r))
	setCookie(w, r, c.sessions.begin(session{keyHash: k.Hash}))
	c.o.Logger.InfoContext(r.Context(), "console: signed in", "key", k.Name, "address", clientAddr(r))
	http.Redirect(w, r, next, http.StatusSeeOther)
	return nil
}

func (c *Console) signOut(w http.ResponseWriter, r *http.Request, v visit) error {
	c.sessions.end(v.cookie)
	setCookie(w, r, "")
	http.Redirect(w, r, Path+"/sign-in", http.StatusSeeOther)
	return nil
}

// signInURL is where to sign in and go on from there.
func signInURL(next string) string {
	return Path + "/sign-in?" + url.Values{"next": {next}}.Encode()
}

// ownPath is a page of the console to go on to; anything else, another website's address above all, is the first page.
func ownPath(next string) string {
	u, err := url.Parse(next)
	switch {
	case err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "":
	case !strings.HasPrefix(u.Path, Path+"/") || strings.Contains(u.Path, "//") || strings.Contains(u.Path, `\`) || strings.Contains(u.Path, ".."):
	case strings.HasPrefix(u.Path, Path+"/sign-") || len(next) > maxURL:
	default:
		return u.RequestURI()
	}
	return Path + "/users"
}
