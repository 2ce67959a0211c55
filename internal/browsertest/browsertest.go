// Package browsertest controls a real, headless Chromium in tests. Without Chromium it skips the test; with CI=true it fails the test.
package browsertest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// Timeout limits every step in a browser. It is long enough for a busy machine.
const Timeout = 30 * time.Second

// Start starts a browser and returns its chromedp context. The browser ends with the test.
func Start(t testing.TB, width, height int, more ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(binary(t)), chromedp.WindowSize(width, height), chromedp.NoSandbox,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("force-device-scale-factor", "1"))
	alloc, cancelAlloc := chromedp.NewExecAllocator(context.Background(), append(options, more...)...)
	t.Cleanup(cancelAlloc)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx
}

func binary(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("no Chromium: install the package chromium")
	}
	t.Skip("no Chromium on this machine; CI has one")
	return ""
}

// Page is a page in a browser. A step that takes longer than Timeout saves a picture named "failed" and fails the test.
type Page struct {
	T   testing.TB
	Ctx context.Context
}

// Open starts a browser with an empty page.
func Open(t testing.TB, width, height int) *Page {
	t.Helper()
	p := &Page{T: t, Ctx: Start(t, width, height)}
	p.Do("open a page", chromedp.EmulateViewport(int64(width), int64(height)))
	return p
}

// Do runs a step within Timeout. A failure shows what.
func (p *Page) Do(what string, steps ...chromedp.Action[chromedp.Void]) {
	p.T.Helper()
	ctx, cancel := context.WithTimeout(p.Ctx, Timeout)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.Shot("failed")
		p.T.Fatalf("%s: %v", what, err)
	}
}

// Visit opens a URL.
func (p *Page) Visit(url string) {
	p.T.Helper()
	p.Do("open "+url, chromedp.Navigate(url))
}

// See waits for an element.
func (p *Page) See(selector string) {
	p.T.Helper()
	p.Do("see "+selector, chromedp.WaitVisible(selector))
}

// Click clicks an element when it is visible and enabled.
func (p *Page) Click(selector string) {
	p.T.Helper()
	p.Do("click "+selector, chromedp.WaitVisible(selector), chromedp.WaitEnabled(selector), chromedp.Click(selector))
}

// Type replaces the text of a field.
func (p *Page) Type(selector, text string) {
	p.T.Helper()
	p.Do("find "+selector, chromedp.WaitEnabled(selector))
	Ask[bool](p, fmt.Sprintf(`(document.querySelector(%q).value = "") === ""`, selector))
	p.Do("type into "+selector, chromedp.SendKeys(selector, text))
}

// Reads waits until an element's text contains a phrase.
func (p *Page) Reads(selector, phrase string) {
	p.T.Helper()
	p.Until(selector+" reads "+phrase, Says(selector, phrase))
}

// Says is a script that checks whether an element's text contains a phrase.
func Says(selector, phrase string) string {
	return fmt.Sprintf(`(document.querySelector(%q)?.innerText ?? "").includes(%q)`, selector, phrase)
}

// Until waits until a script returns true. Between two checks it calls the functions in between.
func (p *Page) Until(what, script string, between ...func()) {
	p.T.Helper()
	for deadline := time.Now().Add(Timeout); ; time.Sleep(20 * time.Millisecond) {
		holds, err := chromedp.Run(p.Ctx, chromedp.Evaluate[bool]("Boolean("+script+")"))
		if err == nil && holds { // an error: the page is being replaced
			return
		}
		if time.Now().After(deadline) {
			p.Shot("failed")
			p.T.Fatalf("timed out waiting until %s (%v)", what, err)
		}
		for _, do := range between {
			do()
		}
	}
}

// Ask runs a script in the page and returns its value.
func Ask[V any](p *Page, script string) V {
	p.T.Helper()
	v, err := chromedp.Run(p.Ctx, chromedp.Evaluate[V](script))
	if err != nil {
		p.T.Fatalf("%s: %v", script, err)
	}
	return v
}

// Shot saves a picture of the whole page in the folder TELEGATE_SCREENSHOTS, if that is set.
func (p *Page) Shot(name string) { p.SaveShot(name, chromedp.FullScreenshot(100)) }

// shotsDir is the folder for pictures; empty: save none.
func shotsDir() string { return os.Getenv("TELEGATE_SCREENSHOTS") }

// WantShots reports whether pictures are saved.
func WantShots() bool { return shotsDir() != "" }

// SaveShot takes a picture and saves it in the folder TELEGATE_SCREENSHOTS, if that is set.
func (p *Page) SaveShot(name string, take chromedp.Action[[]byte]) {
	dir := shotsDir()
	if dir == "" {
		return
	}
	picture, err := chromedp.Run(p.Ctx, take)
	if err != nil {
		p.T.Logf("no picture %s: %v", name, err)
		return
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644); err != nil {
		p.T.Log(err)
	}
}
