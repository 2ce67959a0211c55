package meshcentral_test

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

// chrome starts a headless Chromium that takes MeshCentral's own certificate.
func chrome(t *testing.T) context.Context {
	t.Helper()
	binary, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("no Chromium: install the package chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(binary), chromedp.WindowSize(1100, 640), chromedp.NoSandbox, chromedp.Flag("ignore-certificate-errors", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("force-device-scale-factor", "1"))
	alloc, cancelAlloc := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancelAlloc)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// page is somebody's own browser, at MeshCentral.
type page struct {
	s    *stage
	ctx  context.Context
	name string // of its user
}

// open opens MeshCentral in a browser with its own cookies. The one that the same person had before is closed.
func (s *stage) open(browser context.Context, name, path string) *page {
	s.t.Helper()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	if earlier, ok := s.tabs[name]; ok {
		earlier()
	}
	s.tabs[name] = cancel
	p := &page{s: s, ctx: ctx, name: name}
	if err := chromedp.Do(ctx); err != nil { // opens the tab, which lives as long as this context
		s.t.Fatal(err)
	}
	p.do("open", chromedp.EmulateViewport(1100, 640), chromedp.Navigate(s.meshURL+path))
	return p
}

// do bounds a step, so that a failure names it.
func (p *page) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	p.s.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.shot("failed")
		p.s.t.Fatalf("%s: %s: %v", p.name, what, err)
	}
}

func (p *page) see(selector string) {
	p.s.t.Helper()
	p.do("see "+selector, chromedp.WaitVisible(selector))
}

func (p *page) click(selector string) {
	p.s.t.Helper()
	p.do("click "+selector, chromedp.WaitVisible(selector), chromedp.WaitEnabled(selector), chromedp.Click(selector))
}

// write types a text, again where a dialog that is still moving has taken the focus away from it.
func (p *page) write(selector, text string) {
	p.s.t.Helper()
	for typed := ""; typed != text; typed = p.value(fmt.Sprintf("document.querySelector(%q).value", selector)) {
		p.do("write into "+selector, chromedp.WaitVisible(selector), chromedp.WaitEnabled(selector),
			chromedp.Evaluate[chromedp.Void](fmt.Sprintf("document.querySelector(%q).value = ''", selector)), chromedp.SendKeys(selector, text))
	}
}

// choose picks an entry of a list by its value.
func (p *page) choose(selector, value string) {
	p.s.t.Helper()
	p.do("see "+selector, chromedp.WaitVisible(selector))
	p.until("choose", fmt.Sprintf(`(() => { const e = document.querySelector(%q); e.value = %q; if (e.value !== %[2]q) return false; e.onchange(); return true })()`, selector, value))
}

// reads waits until an element's text holds a phrase.
func (p *page) reads(selector, phrase string) {
	p.s.t.Helper()
	p.until(selector+" reads "+phrase, fmt.Sprintf(`(document.querySelector(%q)?.innerText ?? "").includes(%q)`, selector, phrase))
}

// until waits for a script to answer true.
func (p *page) until(what, script string) {
	p.s.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		holds, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool]("Boolean("+script+")"))
		if err == nil && holds { // an error: the page is just changing
			return
		}
		if time.Now().After(deadline) {
			p.shot("failed")
			p.s.t.Fatalf("%s waited in vain until %s (%v)", p.name, what, err)
		}
	}
}

// value is what a script answers.
func (p *page) value(script string) string {
	p.s.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[string](script))
	if err != nil {
		p.s.t.Fatalf("%s: %s: %v", p.name, script, err)
	}
	return value
}

// shot keeps a picture of the page where TELEGATE_SCREENSHOTS names a folder.
func (p *page) shot(name string) {
	dir := os.Getenv("TELEGATE_SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.s.t.Logf("no picture %s: %v", name, err)
		return
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600); err != nil {
		p.s.t.Log(err)
	}
}
