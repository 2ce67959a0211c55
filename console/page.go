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

// templates are the pages by the names of their files, each with the layout around it. A page defines "title" and "main", and what
// it refreshes by itself in further templates. They are parsed when somebody comes to the console: every start, and every command, would
// pay for it otherwise.
var templates = sync.OnceValue(parsePages)

func parsePages() map[string]*template.Template {
	layout := template.Must(template.New("").Funcs(templateFuncs).ParseFS(pages, "pages/layout.html"))
	parsed := map[string]*template.Template{}
	entries, err := pages.ReadDir("pages")
	if err != nil {
		panic(err) // it is part of the program
	}
	for _, e := range entries {
		if e.Name() != "layout.html" {
			parsed[e.Name()] = template.Must(template.Must(layout.Clone()).ParseFS(pages, "pages/"+e.Name()))
		}
	}
	return parsed
}

// page is what a template gets. Data is the page's own.
type page struct {
	Path    string // of the console
	Version string
	Section string // which entry of the navigation is current
	Domain  Domain // that the page shows, for the links to its neighbours
	Domains []Domain
	Key     Key
	CSRF    string
	Flash   flash
	Now     time.Time
	Data    any
}

// May tells whether the key may do something, so that a page need not offer what would be refused.
func (p page) May(scope Scope) bool { return p.Key.may(scope) }

// SignedIn tells whether there is a navigation to show.
func (p page) SignedIn() bool { return p.Key.Name != "" }

// show answers with a page for an administrator. What is said once is said now.
func (c *Console) show(w http.ResponseWriter, r *http.Request, admin adminSession, file, section string, d Domain, data any) error {
	p := c.page(admin, section, d, data)
	if !isAutoRefresh(r) && p.Flash.Text != "" {
		c.sessions.update(admin.cookie, func(s *session) { s.flash = flash{} })
	}
	return c.render(w, http.StatusOK, file, "layout", p)
}

// renderPartial answers with one template of a page, for a page that refreshes itself.
func (c *Console) renderPartial(w http.ResponseWriter, admin adminSession, file, name, section string, d Domain, data any) error {
	return c.render(w, http.StatusOK, file, name, c.page(admin, section, d, data))
}

func (c *Console) page(admin adminSession, section string, d Domain, data any) page {
	return page{
		Path: Path, Version: c.o.Version, Section: section, Domain: d, Domains: c.domains(admin), Key: admin.key, CSRF: admin.session.csrf,
		Flash: admin.session.flash, Now: c.o.Now(), Data: data,
	}
}

// redirectDone says what an act has done and goes on to a page, so that reloading does nothing again.
func (c *Console) redirectDone(w http.ResponseWriter, r *http.Request, admin adminSession, to, text string) error {
	c.sessions.update(admin.cookie, func(s *session) { s.flash = flash{Good: true, Text: text} })
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// redirectFailed says why an act of a form was refused, on the page it came from; what is telegate's own fault has a page of its own.
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
	_, _ = out.WriteTo(w) // whoever has gone away misses nothing
	return nil
}

// pageError is an error in words for people.
type pageError struct {
	status        int
	title, detail string
	retryAfter    time.Duration // when to try again; 0: it does not depend on time
}

func (e *pageError) Error() string { return e.title + ": " + e.detail }

func newPageError(status int, title, detail string) error {
	return &pageError{status: status, title: title, detail: detail}
}

// toPageError says any error in words. What is nobody's fault but telegate's is for the log.
func (c *Console) toPageError(err error) *pageError {
	var ref *pageError
	if errors.As(err, &ref) {
		return ref
	}
	if ref := explain(err); ref != nil {
		return ref
	}
	status, detail := c.o.Explain(err)
	title := "That was refused"
	if status >= http.StatusInternalServerError {
		title = "Something went wrong"
	}
	return &pageError{status: status, title: title, detail: detail}
}

// adapt turns a handler into an http.Handler. It is the only place that writes errors.
func (c *Console) adapt(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r)
		if err == nil {
			return
		}
		ref := c.toPageError(err)
		request := w.Header().Get("X-Request-Id") // the API gives each request one
		if ref.status >= http.StatusInternalServerError && r.Context().Err() == nil {
			c.o.Logger.ErrorContext(r.Context(), "request failed", "request", request, "method", r.Method, "path", r.URL.Path, "error", err)
		}
		if ref.retryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(ref.retryAfter.Seconds()))))
		}
		if isAutoRefresh(r) { // what stands there stays there
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
			c.o.Logger.ErrorContext(r.Context(), "render a refusal", "request", request, "error", err)
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
}
