package console

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"

	"telegate/internal/forwarded"
	"telegate/internal/secret"
	"telegate/internal/webstyle"
)

//go:embed static
var static embed.FS

// contentSecurityPolicy lets a page load only the console's own files, without inline scripts or styles. QR codes are data: URLs.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// routes is the route table. open routes are public. read and write routes are for administrators; a write route also checks the
// CSRF token of its form and the scope that the API needs.
func (c *Console) routes() http.Handler {
	mux := http.NewServeMux()
	open := func(pattern string, h handler) { mux.Handle(underPath(pattern), c.adapt(h)) }
	read := func(pattern string, h pageHandler) { mux.Handle(underPath(pattern), c.adapt(c.signedIn(h))) }
	write := func(pattern string, scope Scope, h pageHandler) {
		mux.Handle(underPath(pattern), c.adapt(c.signedIn(c.withScope(scope, withForm(maxForm, h)))))
	}
	writeList := func(pattern string, scope Scope, h pageHandler) { // the form contains a list of users
		mux.Handle(underPath(pattern), c.adapt(c.signedIn(c.withScope(scope, withForm(maxListForm, h)))))
	}

	open("GET /static/{file}", serveStatic)
	open("GET /sign-in", c.showSignIn)
	open("POST /sign-in", c.signIn)
	open("GET /sign-in/code", c.withPendingCode(c.showCode))
	open("POST /sign-in/code", c.withCodeForm(c.checkCode))
	open("POST /sign-in/resend", c.withCodeForm(c.resendCode))
	open("POST /sign-in/cancel", c.withCodeForm(c.cancelCode))
	write("POST /sign-out", scopeAdmin, c.signOut)

	read("GET /{$}", c.home)
	read("GET /users", c.inDomain(c.listUsers))
	read("GET /user", c.forUser(c.showUser))
	write("POST /user/handle", scopeAdmin, c.forUser(c.invite))
	write("POST /user/unlink", scopeLink, c.forUser(c.unlink))
	write("POST /user/link", scopeLink, c.forUser(c.startLink))
	write("POST /user/confirm", scopeLink, c.forUser(c.confirmLink))
	write("POST /user/message", scopeSend, c.forUser(c.sendMessage))
	read("GET /messages", c.inDomain(c.listMessages))
	read("GET /messages/{id}", c.showMessage)
	write("POST /messages/{id}/resend", scopeAdmin, c.resend)
	read("GET /trace", c.inDomain(c.showTrace))
	read("GET /broadcasts", c.withScope(scopeSend, c.inDomain(c.listBroadcasts)))
	read("GET /broadcasts/new", c.withScope(scopeSend, c.inDomain(c.newBroadcast)))
	read("GET /broadcasts/{id}", c.withScope(scopeSend, c.showBroadcast))
	writeList("POST /broadcasts/edit", scopeSend, c.inDomain(c.editBroadcast))
	writeList("POST /broadcasts/preview", scopeSend, c.inDomain(c.previewBroadcast))
	writeList("POST /broadcasts", scopeSend, c.inDomain(c.sendBroadcast))
	write("POST /broadcasts/{id}/cancel", scopeSend, c.cancelBroadcast)
	read("GET /logins", c.showLogins)
	read("GET /logins.csv", c.loginsCSV)
	read("GET /status", c.showStatus)
	write("POST /status/checks", scopeAdmin, c.runChecks)
	read("GET /", c.notFound)

	foreign := http.NewCrossOriginProtection()
	foreign.SetDenyHandler(c.adapt(func(http.ResponseWriter, *http.Request) error {
		return newPageError(http.StatusForbidden, "This request came from another website", "Nothing was changed. Open the console and try again there.")
	}))
	return withHeaders(c.limitURL(foreign.Handler(mux)))
}

// underPath adds Path to a pattern.
func underPath(pattern string) string {
	method, path, _ := strings.Cut(pattern, " ")
	return method + " " + Path + path
}

// handler handles a request, or returns an error for adapt to write.
type handler func(w http.ResponseWriter, r *http.Request) error

// pageHandler handles a request of an administrator.
type pageHandler func(w http.ResponseWriter, r *http.Request, admin adminSession) error

// adminSession is the session of an administrator, with its key.
type adminSession struct {
	cookie  string
	session session
	key     Key
}

// signedIn redirects pages to the sign-in and refuses everything else, unless an administrator is signed in.
func (c *Console) signedIn(h pageHandler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		admin, ok := c.adminSession(r)
		if ok {
			return h(w, r, admin)
		}
		if r.Method != http.MethodGet || isAutoRefresh(r) {
			return newPageError(http.StatusUnauthorized, "You are not signed in", "Nothing was changed. Sign in and try again.")
		}
		http.Redirect(w, r, signInURL(r.URL.RequestURI()), http.StatusSeeOther)
		return nil
	}
}

// adminSession returns the session of a request. Its key must still be valid.
func (c *Console) adminSession(r *http.Request) (adminSession, bool) {
	admin := adminSession{cookie: cookieValue(r)}
	var ok bool
	if admin.session, ok = c.sessions.find(admin.cookie, !isAutoRefresh(r)); !ok || admin.session.verification != "" {
		return adminSession{}, false
	}
	if admin.key, ok = c.administrator(admin.session.keyHash); !ok {
		c.sessions.delete(admin.cookie)
	}
	return admin, ok
}

// isAutoRefresh reports whether a page refreshes itself. That does not keep a session alive.
func isAutoRefresh(r *http.Request) bool { return r.Header.Get("X-Live") != "" }

// inDomain passes the domain of a request to a handler.
func (c *Console) inDomain(h func(w http.ResponseWriter, r *http.Request, admin adminSession, d Domain) error) pageHandler {
	return func(w http.ResponseWriter, r *http.Request, admin adminSession) error {
		d, err := c.domain(r, admin)
		if err != nil {
			return err
		}
		return h(w, r, admin, d)
	}
}

// forUser passes the domain and the user of a request to a handler.
func (c *Console) forUser(h func(w http.ResponseWriter, r *http.Request, admin adminSession, d Domain, user string) error) pageHandler {
	return func(w http.ResponseWriter, r *http.Request, admin adminSession) error {
		d, user, err := c.user(r, admin)
		if err != nil {
			return err
		}
		return h(w, r, admin, d, user)
	}
}

// withScope refuses a key without a scope, as in the API.
func (c *Console) withScope(scope Scope, h pageHandler) pageHandler {
	return func(w http.ResponseWriter, r *http.Request, admin adminSession) error {
		if !admin.key.may(scope) {
			return newPageError(http.StatusForbidden, "This key may not do this",
				"It needs the scope "+string(scope)+". Add it to the key's scopes in telegate.toml.")
		}
		return h(w, r, admin)
	}
}

// withForm reads a form and refuses one without the CSRF token of the session.
func withForm(max int64, h pageHandler) pageHandler {
	return func(w http.ResponseWriter, r *http.Request, admin adminSession) error {
		if err := readForm(w, r, max); err != nil {
			return err
		}
		if !secret.Equal([]byte(r.PostForm.Get("csrf")), []byte(admin.session.csrf)) {
			return newPageError(http.StatusForbidden, "This form is out of date", "Nothing was changed. Go back, reload the page and try again.")
		}
		return h(w, r, admin)
	}
}

func readForm(w http.ResponseWriter, r *http.Request, max int64) error {
	r.Body = http.MaxBytesReader(w, r.Body, max)
	err := r.ParseForm()
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return newPageError(http.StatusRequestEntityTooLarge, "This form is too large", fmt.Sprintf("A form may have at most %d KiB. Nothing was changed.", max>>10))
	case err != nil:
		return newPageError(http.StatusBadRequest, "This form cannot be read", "Nothing was changed. Go back, reload the page and try again.")
	}
	return nil
}

// limitURL refuses URLs that are too long or not valid UTF-8.
func (c *Console) limitURL(next http.Handler) http.Handler {
	refused := c.adapt(func(_ http.ResponseWriter, r *http.Request) error {
		if len(r.URL.RequestURI()) > maxURL {
			return newPageError(http.StatusRequestURITooLong, "This address is too long", "Use a shorter search text.")
		}
		return newPageError(http.StatusBadRequest, "This address cannot be read", "Part of it is not valid text. Start again from the page.")
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.URL.RequestURI()) > maxURL || !validQuery(r.URL) {
			refused.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// withHeaders sets the headers of every response.
func withHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentSecurityPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin") // with no-referrer, the Origin of a form is null, which is refused if Sec-Fetch-Site is missing
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if forwarded.TLS(r) {
			h.Set("Strict-Transport-Security", "max-age=31536000") // a year; ASVS 3.4.1
		}
		next.ServeHTTP(w, r)
	})
}

// serveStatic serves files that are the same for everyone. Their URLs change with the version of telegate.
func serveStatic(w http.ResponseWriter, r *http.Request) error {
	file := r.PathValue("file")
	if _, err := fs.Stat(static, "static/"+file); err != nil && file != "shared.css" {
		return newPageError(http.StatusNotFound, "This file does not exist", "The pages link to the files that exist.")
	}
	if r.URL.Query().Get("v") != "" {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if file == "shared.css" {
		webstyle.Serve(w, r)
	} else {
		http.ServeFileFS(w, r, static, "static/"+file)
	}
	return nil
}

func (c *Console) home(w http.ResponseWriter, r *http.Request, _ adminSession) error {
	http.Redirect(w, r, Path+"/users", http.StatusSeeOther)
	return nil
}

func (c *Console) notFound(http.ResponseWriter, *http.Request, adminSession) error {
	return newPageError(http.StatusNotFound, "This page does not exist", "The pages are listed above.")
}
