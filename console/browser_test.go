package console_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"telegate/internal/browsertest"
)

// browser is a page of the console in a real browser.
type browser struct {
	*browsertest.Page
	w *world
}

// browser opens a browser on an empty page.
func (w *world) browser(t *testing.T, width, height int) *browser {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a browser")
	}
	return &browser{browsertest.Open(t, width, height), w}
}

// signIn signs in with a key, on the page where any other has led to.
func (b *browser) signIn(key string) {
	b.T.Helper()
	b.Type(`[data-testid=key]`, key)
	b.Click(`[data-testid=submit]`)
}

// open opens a page of the console.
func (b *browser) open(path string) {
	b.T.Helper()
	b.Visit(b.w.server.URL + path)
}

// keys presses keys where the focus is.
func (b *browser) keys(text string) {
	b.T.Helper()
	b.Do("press keys", chromedp.KeyEvent(text))
}

// tabTo presses Tab until an element has the focus.
func (b *browser) tabTo(selector string) {
	b.T.Helper()
	for range 40 {
		b.keys("\t")
		if browsertest.Ask[bool](b.Page, fmt.Sprintf(`!!document.activeElement?.matches(%q)`, selector)) {
			return
		}
	}
	b.T.Fatalf("Tab never gets to %s", selector)
}

// shots keeps pictures of the page as it looks on a desk and on a phone, by day and by night, and checks that it is never wider than
// the screen, nor its menu.
func (b *browser) shots(name string) {
	b.T.Helper()
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{1280, 360} {
			b.Do("look at "+name, chromedp.EmulateViewport(width, 800), inScheme(scheme))
			if browsertest.Ask[bool](b.Page, `document.documentElement.scrollWidth > window.innerWidth`) {
				b.Shot("failed")
				b.T.Errorf("%s is wider than a screen of %d", name, width)
			}
			if browsertest.Ask[bool](b.Page, `[...document.querySelectorAll(".nav a")].some((a) => a.getBoundingClientRect().right > window.innerWidth)`) {
				b.T.Errorf("the menu of %s is not all there on a screen of %d", name, width)
			}
			b.shot(fmt.Sprintf("%s-%d-%s", name, width, scheme))
		}
	}
	b.Do("look at "+name, chromedp.EmulateViewport(1280, 900))
}

// inScheme shows the page by day ("light") or by night ("dark").
func inScheme(scheme string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	})
}

// shot keeps a picture of the page, cut where it is very long.
func (b *browser) shot(name string) {
	if !browsertest.WantShots() {
		return
	}
	height := min(max(browsertest.Ask[int64](b.Page, `document.documentElement.scrollHeight`), 600), 1600)
	width := browsertest.Ask[int64](b.Page, `window.innerWidth`)
	b.Do("look at "+name, chromedp.EmulateViewport(width, height))
	b.SaveShot(name, chromedp.CaptureScreenshot())
}
