package console

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"
)

//go:embed pages
var pages embed.FS

// templates are the pages by file name, each inside the layout. A page defines "title", "main", and a template for each part that it
// refreshes. They are parsed at the first request to the console, so that starting telegate and its commands stays fast.
var templates = sync.OnceValue(parsePages)

func parsePages() map[string]*template.Template {
	layout := template.Must(template.New("").Funcs(templateFuncs).ParseFS(pages, "pages/layout.html"))
	parsed := map[string]*template.Template{}
	entries, err := pages.ReadDir("pages")
	if err != nil {
		panic(err) // it is embedded
	}
	for _, e := range entries {
		if e.Name() != "layout.html" {
			parsed[e.Name()] = template.Must(template.Must(layout.Clone()).ParseFS(pages, "pages/"+e.Name()))
		}
	}
	return parsed
}

// page is the data of every template. Data is specific to the page.
type page struct {
	Path    string // of the console
	Version string
	Section string // current entry of the navigation
	Domain  Domain // domain of the page, for its links
	Domains []Domain
	Key     Key
	CSRF    string
	Flash   flash
	Now     time.Time
	Data    any
}

// May reports whether the key has a scope, so that a page does not offer what would be refused.
func (p page) May(scope Scope) bool { return p.Key.may(scope) }

// SignedIn reports whether to show the navigation.
func (p page) SignedIn() bool { return p.Key.Name != "" }

// show renders a page for an administrator and clears the flash message.
func (c *Console) show(w http.ResponseWriter, r *http.Request, admin adminSession, file, section string, d Domain, data any) error {
	p := c.page(admin, section, d, data)
	if !isAutoRefresh(r) && p.Flash.Text != "" {
		c.sessions.update(admin.cookie, func(s *session) { s.flash = flash{} })
	}
	return c.render(w, http.StatusOK, file, "layout", p)
}

// renderPartial renders one template of a page, for automatic refresh.
func (c *Console) renderPartial(w http.ResponseWriter, admin adminSession, file, name, section string, d Domain, data any) error {
	return c.render(w, http.StatusOK, file, name, c.page(admin, section, d, data))
}

func (c *Console) page(admin adminSession, section string, d Domain, data any) page {
	return page{
		Path: Path, Version: c.o.Version, Section: section, Domain: d, Domains: c.domains(admin), Key: admin.key, CSRF: admin.session.csrf,
		Flash: admin.session.flash, Now: c.o.Now(), Data: data,
	}
}

// redirectDone redirects after a successful form, so that reloading does not repeat it, and shows a message there.
func (c *Console) redirectDone(w http.ResponseWriter, r *http.Request, admin adminSession, to, text string) error {
	c.sessions.update(admin.cookie, func(s *session) { s.flash = flash{Good: true, Text: text} })
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// redirectFailed redirects back after a refused form and shows why. Internal errors get their own page.
func (c *Console) redirectFailed(w http.ResponseWriter, r *http.Request, admin adminSession, to string, err error) error {
	ref := c.toPageError(err)
	if ref.status >= http.StatusInternalServerError {
		return err
	}
	c.sessions.update(admin.cookie, func(s *session) { s.flash = flash{Text: ref.detail} })
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

func (c *Console) render(w http.ResponseWriter, status int, file, name string, p page) error {
	var out bytes.Buffer
	if err := templates()[file].ExecuteTemplate(&out, name, p); err != nil {
		return fmt.Errorf("render %s: %w", file, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = out.WriteTo(w) // the client may have disconnected
	return nil
}

// pageError is an error with a text for users of the console.
type pageError struct {
	status        int
	title, detail string
	retryAfter    time.Duration // 0: waiting does not help
}

func (e *pageError) Error() string { return e.title + ": " + e.detail }

func newPageError(status int, title, detail string) error {
	return &pageError{status: status, title: title, detail: detail}
}

// toPageError turns any error into a pageError. Internal errors are explained only in the log.
func (c *Console) toPageError(err error) *pageError {
	var ref *pageError
	if errors.As(err, &ref) {
		return ref
	}
	if ref := explain(err); ref != nil {
		return ref
	}
	status, detail := c.o.Explain(err)
	title := "This was refused"
	if status >= http.StatusInternalServerError {
		title = "Something went wrong"
	}
	return &pageError{status: status, title: title, detail: detail}
}

// adapt turns a handler into an http.Handler. Only adapt writes errors.
func (c *Console) adapt(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r)
		if err == nil {
			return
		}
		ref := c.toPageError(err)
		request := w.Header().Get("X-Request-Id") // set by the API
		if ref.status >= http.StatusInternalServerError && r.Context().Err() == nil {
			c.o.Logger.ErrorContext(r.Context(), "request failed", "request", request, "method", r.Method, "path", r.URL.Path, "error", err)
		}
		if ref.retryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(ref.retryAfter.Seconds()))))
		}
		if isAutoRefresh(r) { // keep showing the old content
			w.WriteHeader(ref.status)
			return
		}
		p := page{Path: Path, Version: c.o.Version, Now: c.o.Now()}
		if admin, ok := c.adminSession(r); ok {
			p = c.page(admin, "", Domain{}, nil)
		}
		if ref.status < http.StatusInternalServerError {
			request = ""
		}
		p.Flash = flash{}
		p.Data = struct{ Title, Detail, Request string }{ref.title, ref.detail, request}
		if err := c.render(w, ref.status, "error.html", "layout", p); err != nil {
			c.o.Logger.ErrorContext(r.Context(), "render an error page", "request", request, "error", err)
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
}
