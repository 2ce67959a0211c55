package meshcentral_test

import (
	"context"
	"fmt"
	"os/exec"
	"testing"

	"github.com/chromedp/chromedp"

	"telegate/internal/browsertest"
)

// chrome starts a headless Chromium that accepts MeshCentral's own certificate. Without Chromium the test fails: it was requested.
func chrome(t *testing.T) context.Context {
	t.Helper()
	if _, err := exec.LookPath("chromium"); err != nil {
		t.Fatal("no Chromium: install the package chromium")
	}
	return browsertest.Start(t, 1100, 640, chromedp.Flag("ignore-certificate-errors", true))
}

// page is a user's browser at MeshCentral.
type page struct {
	*browsertest.Page
	s    *stage
	name string // of its user
}

// open opens MeshCentral in a browser with its own cookies, and closes the user's previous one.
func (s *stage) open(browser context.Context, name, path string) *page {
	s.t.Helper()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	if earlier, ok := s.tabs[name]; ok {
		earlier()
	}
	s.tabs[name] = cancel
	p := &page{&browsertest.Page{T: s.t, Ctx: ctx}, s, name}
	if err := chromedp.Do(ctx); err != nil { // opens the tab, which lives as long as this context
		s.t.Fatal(err)
	}
	p.do("open", chromedp.EmulateViewport(1100, 640), chromedp.Navigate(s.meshURL+path))
	return p
}

// do runs one step of the user.
func (p *page) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	p.T.Helper()
	p.Do(p.name+": "+what, steps...)
}

// write types a text, and repeats that if a moving dialog takes the focus.
func (p *page) write(selector, text string) {
	p.s.t.Helper()
	for typed := ""; typed != text; typed = p.value(fmt.Sprintf("document.querySelector(%q).value", selector)) {
		p.do("write into "+selector, chromedp.WaitVisible(selector), chromedp.WaitEnabled(selector),
			chromedp.Evaluate[chromedp.Void](fmt.Sprintf("document.querySelector(%q).value = ''", selector)), chromedp.SendKeys(selector, text))
	}
}

// choose selects an entry of a list by its value.
func (p *page) choose(selector, value string) {
	p.s.t.Helper()
	p.do("see "+selector, chromedp.WaitVisible(selector))
	p.Until("choose", fmt.Sprintf(`(() => { const e = document.querySelector(%q); e.value = %q; if (e.value !== %[2]q) return false; e.onchange(); return true })()`, selector, value))
}

// value returns the result of a script.
func (p *page) value(script string) string { return browsertest.Ask[string](p.Page, script) }

// shot keeps a picture of what is on the screen.
func (p *page) shot(name string) { p.SaveShot(name, chromedp.CaptureScreenshot()) }
