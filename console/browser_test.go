package console_test

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

// patience is how long anything in a browser may take on a busy machine.
const patience = 30 * time.Second

// browser is a page in a real browser.
type browser struct {
	t   *testing.T
	w   *world
	ctx context.Context
}

// browser opens a headless Chromium on an empty page. Without one the test is skipped, except under CI=true.
func (w *world) browser(t *testing.T, width, height int) *browser {
	t.Helper()
	binary := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			binary = path
			break
		}
	}
	if binary == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("no Chromium: install the package chromium")
		}
		t.Skip("no Chromium on this machine; CI has one")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(binary), chromedp.WindowSize(width, height), chromedp.NoSandbox,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("force-device-scale-factor", "1"))
	alloc, cancelAlloc := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancelAlloc)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	b := &browser{t: t, w: w, ctx: ctx}
	b.do(chromedp.EmulateViewport(int64(width), int64(height)))
	return b
}

// signIn signs in with a key.
func (b *browser) signIn(key string) {
	b.t.Helper()
	b.open("/console/sign-in")
	b.typeInto(`[data-testid=key]`, key)
	b.click(`[data-testid=submit]`)
}

func (b *browser) open(path string) {
	b.t.Helper()
	b.within("open "+path, chromedp.Navigate(b.w.server.URL+path))
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.shot("failed")
		b.t.Fatal(err)
	}
}

// within bounds one step, so that a failure names it.
func (b *browser) within(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.shot("failed")
		b.t.Fatalf("%s: %v", what, err)
	}
}

func (b *browser) see(selector string) {
	b.t.Helper()
	b.within("see "+selector, chromedp.WaitVisible(selector))
}

func (b *browser) click(selector string) {
	b.t.Helper()
	b.within("click "+selector, chromedp.WaitEnabled(selector), chromedp.Click(selector))
}

func (b *browser) typeInto(selector, text string) {
	b.t.Helper()
	b.within("type into "+selector, chromedp.WaitEnabled(selector), chromedp.Clear(selector), chromedp.SendKeys(selector, text))
}

// textHas waits until an element's text holds a phrase.
func (b *browser) textHas(selector, phrase string) {
	b.t.Helper()
	b.eventually(selector+" says "+phrase, fmt.Sprintf(`(document.querySelector(%q)?.innerText ?? "").includes(%q)`, selector, phrase))
}

// eventually waits until a script answers true.
func (b *browser) eventually(what, script string) {
	b.t.Helper()
	for deadline := time.Now().Add(patience); !ask[bool](b, script); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.shot("failed")
			b.t.Fatalf("waited in vain until %s", what)
		}
	}
}

// ask runs a script in the page and answers its value.
func ask[T any](b *browser, script string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](script))
	if err != nil {
		b.t.Fatalf("%s: %v", script, err)
	}
	return v
}

// shot keeps a picture of the page where TELEGATE_SCREENSHOTS names a folder.
func (b *browser) shot(name string) {
	dir := os.Getenv("TELEGATE_SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Logf("no picture %s: %v", name, err)
		return
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600); err != nil {
		b.t.Log(err)
	}
}
