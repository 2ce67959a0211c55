package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// The story as a newcomer clicks through it: the sandbox command, its page, and nothing else.
func TestStoryInBrowser(t *testing.T) {
	page, _ := runSandbox(t)
	b := openBrowser(t, page, 1280, 1000)

	b.shot("1-start")
	b.click(`[data-testid=signin-submit]`)
	b.see(`[data-testid=server][data-stage=signed_in]`)
	b.see(`[data-testid=signedin-with][data-with=password]`)

	// Link: the deep link opens on alice's phone, the bot asks, the code goes back to the page.
	b.click(`[data-testid=link-start]`)
	b.see(`[data-testid=link][data-status=pending] [data-testid=link-qr]`)
	b.shot("2-link")
	b.click(`[data-testid=link-open]`)
	b.click(phone("alice") + ` [data-testid=inline-button][data-label="Link"]`)
	b.see(`[data-testid=link][data-status=claimed]`)
	code := b.code("alice", "is the code to connect")
	b.typeInto(`[data-testid=link-code]`, wrong(code))
	b.click(`[data-testid=link-confirm]`)
	b.textHas(`[data-testid=link-status]`, "4")
	b.typeInto(`[data-testid=link-code]`, code)
	b.click(`[data-testid=link-confirm]`)
	b.see(`[data-testid=telegram][data-linked=true][data-usable=true]`)
	b.see(`[data-testid=guide-step-2][data-done=true]`)
	b.shot("3-linked")

	// Sign in with a code: a wrong one first, then the right one.
	b.signInToFactor()
	b.click(`[data-testid=factor-send]`)
	code = b.code("alice", "is your sign-in code")
	b.typeInto(`[data-testid=factor-code]`, wrong(code))
	b.click(`[data-testid=factor-check]`)
	b.textHas(`[data-testid=factor-attempts]`, "4")
	b.shot("4-wrong-code")
	b.typeInto(`[data-testid=factor-code]`, code)
	b.click(`[data-testid=factor-check]`)
	b.see(`[data-testid=signedin-with][data-with=Messaging]`)
	b.see(`[data-testid=guide-step-3][data-done=true]`)
	b.shot("5-signed-in")

	// A message arrives and its state is followed to the end.
	b.typeInto(`[data-testid=send-text]`, "The backup is done.")
	b.click(`[data-testid=send-submit]`)
	b.see(`[data-testid=sent][data-status=delivered]`)
	b.textHas(phone("alice"), "The backup is done.")
	b.shot("6-message")

	// Not me: the page learns that the person has denied it.
	b.signInToFactor()
	b.click(`[data-testid=factor-send]`)
	b.code("alice", "is your sign-in code")
	b.click(lastMessage("alice") + ` [data-testid=inline-button][data-label="Not me"]`)
	b.see(`[data-testid=factor][data-status=denied]`)
	b.textHas(lastMessage("alice"), "Denied.")
	b.shot("7-not-me")

	// Blocking the bot takes the second factor away.
	b.click(`[data-testid=factor-cancel]`)
	b.click(phone("alice") + ` [data-testid=phone-menu] summary`)
	b.click(phone("alice") + ` [data-testid=phone-block]`)
	b.see(`[data-testid=phone][data-phone=alice][data-blocked=true]`)
	b.eventually("the server has noticed", says(`[data-testid=problem-detail]`, "The bot was blocked"), func() {
		b.clickIfThere(`[data-testid=factor-cancel]`)
		b.clickIfThere(`[data-testid=signin-submit]`)
	})
	b.shot("8-blocked")
}

// Whose Telegram is in another language reads that: also from right to left.
func TestAPhoneSpeaksItsLanguageInBrowser(t *testing.T) {
	page, _ := runSandbox(t)
	b := openBrowser(t, page, 1280, 1000)
	speak := func(language string) {
		// In one go: opening the menu fills the field in a little later.
		ask[bool](b, fmt.Sprintf(`(() => { const field = document.querySelector(%q); field.value = %q; field.form.requestSubmit(); return true })()`,
			phone("alice")+` [data-testid=phone-language]`, language))
		b.textHas(phone("alice"), "@alice · "+language)
	}
	speak("de")
	b.click(`[data-testid=signin-submit]`)
	b.click(`[data-testid=link-start]`)
	b.click(`[data-testid=link-open]`)
	b.click(phone("alice") + ` [data-testid=inline-button][data-label="Verbinden"]`)
	b.typeInto(`[data-testid=link-code]`, b.code("alice", "ist der Code, um das Konto"))
	b.click(`[data-testid=link-confirm]`)
	b.see(`[data-testid=telegram][data-linked=true][data-usable=true]`)
	b.textHas(lastMessage("alice"), "Verbunden.")
	b.shot("german")

	speak("ar")
	b.typeInto(phone("alice")+` [data-testid=phone-input]`, "/status")
	b.click(phone("alice") + ` [data-testid=phone-send]`)
	b.textHas(lastMessage("alice"), "رموز تسجيل الدخول والرسائل")
	b.signInToFactor()
	b.click(`[data-testid=factor-send]`)
	b.code("alice", "هو رمز تسجيل دخولك")
	b.shot("arabic")
}

// The page works on the screen of a phone.
func TestPageFitsAPhone(t *testing.T) {
	page, _ := runSandbox(t)
	b := openBrowser(t, page, 360, 740)
	b.see(`[data-testid=signin-submit]`)
	for _, view := range []string{"server", "phones", "faults"} {
		b.click(`[data-testid=nav-` + view + `]`)
		b.shot("phone-" + view)
		if ask[bool](b, `document.documentElement.scrollWidth > window.innerWidth`) {
			t.Errorf("view %s is wider than the screen", view)
		}
	}
}

// runSandbox runs the command on free ports and answers where its page is, and its API key.
func runSandbox(t *testing.T) (page, key string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var out, errs syncBuffer
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, []string{"sandbox", "--api", "127.0.0.1:0", "--telegram", "127.0.0.1:0", "-v"},
			func(string) string { return "" }, strings.NewReader(""), &out, &errs)
	}()
	t.Cleanup(func() {
		cancel()
		if status := <-done; status != exitOK {
			t.Errorf("the sandbox ended with status %d: %s", status, errs.String())
		}
		if t.Failed() {
			t.Logf("log:\n%s", errs.String())
		}
	})
	pattern := regexp.MustCompile(`(?s)page +(http\S+).*API key +(\S+)`)
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if m := pattern.FindStringSubmatch(out.String()); m != nil {
			return m[1], m[2]
		}
		if time.Now().After(deadline) {
			t.Fatalf("the sandbox did not start: %s%s", out.String(), errs.String())
		}
	}
}

// browser is a page in a real browser.
type browser struct {
	t   *testing.T
	ctx context.Context
}

// openBrowser opens the page in a headless Chromium. Without one the test is skipped, except under CI=true.
func openBrowser(t *testing.T, page string, width, height int) *browser {
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
	b := &browser{t: t, ctx: ctx}
	b.do(chromedp.EmulateViewport(int64(width), int64(height)), chromedp.Navigate(page))
	b.see(`[data-testid=stream][data-state=live]`)
	return b
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

// clickIfThere clicks what can be clicked now, or nothing.
func (b *browser) clickIfThere(selector string) {
	b.t.Helper()
	ask[bool](b, fmt.Sprintf(`(() => { const e = document.querySelector(%q); if (e?.offsetParent && !e.disabled) e.click(); return true })()`, selector))
}

func (b *browser) typeInto(selector, text string) {
	b.t.Helper()
	b.within("type into "+selector, chromedp.WaitEnabled(selector), chromedp.Clear(selector), chromedp.SendKeys(selector, text))
}

// textHas waits until an element's text holds a phrase.
func (b *browser) textHas(selector, phrase string) {
	b.t.Helper()
	b.eventually(selector+" says "+phrase, says(selector, phrase), func() {})
}

// eventually repeats an action until a script answers true.
func (b *browser) eventually(what, script string, action func()) {
	b.t.Helper()
	for deadline := time.Now().Add(patience); !ask[bool](b, script); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.shot("failed")
			b.t.Fatalf("waited in vain until %s", what)
		}
		action()
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

// code waits for the newest message on a phone that holds a phrase and begins with a code, and reads the code.
func (b *browser) code(person, phrase string) string {
	b.t.Helper()
	b.textHas(lastMessage(person), phrase)
	text := ask[string](b, fmt.Sprintf(`document.querySelector(%q).innerText`, lastMessage(person)+` [data-testid=message-text]`))
	code := codePattern.FindString(text)
	if code == "" {
		b.t.Fatalf("no code in %q", text)
	}
	return code
}

// signInToFactor signs out and in again, up to the second step.
func (b *browser) signInToFactor() {
	b.t.Helper()
	b.click(`[data-testid=signout]`)
	b.see(`[data-testid=server][data-stage=signed_out]`)
	b.click(`[data-testid=signin-submit]`)
	b.see(`[data-testid=server][data-stage=second_factor]`)
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

// says is a script that tells whether an element's text holds a phrase.
func says(selector, phrase string) string {
	return fmt.Sprintf(`(document.querySelector(%q)?.innerText ?? "").includes(%q)`, selector, phrase)
}

func phone(person string) string { return `[data-testid=phone][data-phone=` + person + `]` }

// lastMessage is the newest bubble on a phone.
func lastMessage(person string) string {
	return phone(person) + ` [data-testid=message]:last-of-type`
}
