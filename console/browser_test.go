package console_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
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

// signIn signs in with a key, on the page where any other has led to.
func (b *browser) signIn(key string) {
	b.t.Helper()
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
	b.within("find "+selector, chromedp.WaitEnabled(selector))
	ask[bool](b, fmt.Sprintf(`(document.querySelector(%q).value = "") === ""`, selector))
	b.within("type into "+selector, chromedp.SendKeys(selector, text))
}

// keys presses keys where the focus is.
func (b *browser) keys(text string) {
	b.t.Helper()
	b.within("press keys", chromedp.KeyEvent(text))
}

// tabTo presses Tab until an element has the focus.
func (b *browser) tabTo(selector string) {
	b.t.Helper()
	for range 40 {
		b.keys("\t")
		if ask[bool](b, fmt.Sprintf(`!!document.activeElement?.matches(%q)`, selector)) {
			return
		}
	}
	b.t.Fatalf("Tab never gets to %s", selector)
}

// textHas waits until an element's text holds a phrase.
func (b *browser) textHas(selector, phrase string) {
	b.t.Helper()
	b.eventually(selector+" says "+phrase, fmt.Sprintf(`(document.querySelector(%q)?.innerText ?? "").includes(%q)`, selector, phrase))
}

// eventually waits until a script answers true. While a page makes way for the next one there is no answer.
func (b *browser) eventually(what, script string) {
	b.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		holds, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](script))
		if err == nil && holds {
			return
		}
		if time.Now().After(deadline) {
			b.shot("failed")
			b.t.Fatalf("waited in vain until %s (%v)", what, err)
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

// shots keeps pictures of the page as it looks on a desk and on a phone, by day and by night, and checks that it is never wider than
// the screen.
func (b *browser) shots(name string) {
	b.t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{1280, 360} {
			b.within("look at "+name, chromedp.EmulateViewport(width, 800), inScheme(scheme))
			if ask[bool](b, `document.documentElement.scrollWidth > window.innerWidth`) {
				b.shot("failed")
				b.t.Errorf("%s is wider than a screen of %d", name, width)
			}
			b.shot(fmt.Sprintf("%s-%d-%s", name, width, scheme))
		}
	}
	b.within("look at "+name, chromedp.EmulateViewport(1280, 900))
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

// shot keeps a picture of the page where TELEGATE_SCREENSHOTS names a folder.
func (b *browser) shot(name string) {
	dir := os.Getenv("TELEGATE_SCREENSHOTS")
	if dir == "" {
		return
	}
	height := min(max(ask[int64](b, `document.documentElement.scrollHeight`), 600), 1600)
	width := ask[int64](b, `window.innerWidth`)
	b.within("look at "+name, chromedp.EmulateViewport(width, height))
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Logf("no picture %s: %v", name, err)
		return
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600); err != nil {
		b.t.Log(err)
	}
}
