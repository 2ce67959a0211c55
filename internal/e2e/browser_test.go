package e2e

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"telegate/cli"
	"telegate/internal/browsertest"
	"telegate/internal/exit"
)

// The story as a newcomer clicks through it: the sandbox command, its page, and nothing else.
func TestStoryInBrowser(t *testing.T) {
	t.Parallel()
	page, _ := runSandbox(t)
	b := openBrowser(t, page, 1280, 1000)

	b.Shot("1-start")
	b.Click(`[data-testid=signin-submit]`)
	b.See(`[data-testid=server][data-stage=signed_in]`)
	b.See(`[data-testid=signedin-with][data-with=password]`)

	// Link: the deep link opens on alice's phone, the bot asks, the code goes back to the page.
	b.Click(`[data-testid=link-start]`)
	b.See(`[data-testid=link][data-status=pending] [data-testid=link-qr]`)
	b.Shot("2-link")
	b.Click(`[data-testid=link-open]`)
	b.Click(phone("alice") + ` [data-testid=inline-button][data-label="Connect"]`)
	b.See(`[data-testid=link][data-status=claimed]`)
	code := b.code("alice", "is the code to connect")
	b.Type(`[data-testid=link-code]`, wrong(code))
	b.Click(`[data-testid=link-confirm]`)
	b.Reads(`[data-testid=link-status]`, "4")
	b.Type(`[data-testid=link-code]`, code)
	b.Click(`[data-testid=link-confirm]`)
	b.See(`[data-testid=telegram][data-linked=true][data-usable=true]`)
	b.See(`[data-testid=guide-step-2][data-done=true]`)
	b.Shot("3-linked")

	// Sign in with a code: a wrong one first, then the right one.
	b.signInToFactor()
	b.Click(`[data-testid=factor-send]`)
	code = b.code("alice", "is your sign-in code")
	b.Type(`[data-testid=factor-code]`, wrong(code))
	b.Click(`[data-testid=factor-check]`)
	b.Reads(`[data-testid=factor-attempts]`, "4")
	b.Shot("4-wrong-code")
	b.Type(`[data-testid=factor-code]`, code)
	b.Click(`[data-testid=factor-check]`)
	b.See(`[data-testid=signedin-with][data-with=Messaging]`)
	b.See(`[data-testid=guide-step-3][data-done=true]`)
	b.Shot("5-signed-in")

	// A message arrives and its state is followed to the end.
	b.Type(`[data-testid=send-text]`, "The backup is done.")
	b.Click(`[data-testid=send-submit]`)
	b.See(`[data-testid=sent][data-status=delivered]`)
	b.Reads(phone("alice"), "The backup is done.")
	b.Shot("6-message")

	// Not me: the page learns that the person has denied it.
	b.signInToFactor()
	b.Click(`[data-testid=factor-send]`)
	b.code("alice", "is your sign-in code")
	b.Click(lastMessage("alice") + ` [data-testid=inline-button][data-label="Not me"]`)
	b.See(`[data-testid=factor][data-status=denied]`)
	b.Reads(lastMessage("alice"), "The sign-in was stopped.")
	b.Shot("7-not-me")

	// Blocking the bot takes the second factor away.
	b.Click(`[data-testid=factor-cancel]`)
	b.Click(phone("alice") + ` [data-testid=phone-menu] summary`)
	b.Click(phone("alice") + ` [data-testid=phone-block]`)
	b.See(`[data-testid=phone][data-phone=alice][data-blocked=true]`)
	b.Until("the server has noticed", browsertest.Says(`[data-testid=problem-detail]`, "The bot was blocked"), func() {
		b.clickIfThere(`[data-testid=factor-cancel]`)
		b.clickIfThere(`[data-testid=signin-submit]`)
	})
	b.Shot("8-blocked")
}

// Whose Telegram is in another language reads that: also from right to left.
func TestAPhoneSpeaksItsLanguageInBrowser(t *testing.T) {
	t.Parallel()
	page, _ := runSandbox(t)
	b := openBrowser(t, page, 1280, 1000)
	speak := func(language string) {
		// In one go: opening the menu fills the field in a little later.
		browsertest.Ask[bool](b.Page, fmt.Sprintf(`(() => { const field = document.querySelector(%q); field.value = %q; field.form.requestSubmit(); return true })()`,
			phone("alice")+` [data-testid=phone-language]`, language))
		b.Reads(phone("alice"), "@alice · "+language)
	}
	speak("de")
	b.Click(`[data-testid=signin-submit]`)
	b.Click(`[data-testid=link-start]`)
	b.Click(`[data-testid=link-open]`)
	b.Click(phone("alice") + ` [data-testid=inline-button][data-label="Verbinden"]`)
	b.Type(`[data-testid=link-code]`, b.code("alice", "ist der Code, um das Konto"))
	b.Click(`[data-testid=link-confirm]`)
	b.See(`[data-testid=telegram][data-linked=true][data-usable=true]`)
	b.Reads(lastMessage("alice"), "Verbunden.")
	b.Shot("german")

	speak("ar")
	b.Type(phone("alice")+` [data-testid=phone-input]`, "/status")
	b.Click(phone("alice") + ` [data-testid=phone-send]`)
	b.Reads(lastMessage("alice"), "رموز تسجيل الدخول والرسائل")
	b.signInToFactor()
	b.Click(`[data-testid=factor-send]`)
	b.code("alice", "هو رمز تسجيل دخولك")
	b.Shot("arabic")
}

// The page works on the screen of a phone.
func TestPageFitsAPhone(t *testing.T) {
	t.Parallel()
	page, _ := runSandbox(t)
	b := openBrowser(t, page, 360, 740)
	b.See(`[data-testid=signin-submit]`)
	for _, view := range []string{"server", "phones", "faults"} {
		b.Click(`[data-testid=nav-` + view + `]`)
		b.Shot("phone-" + view)
		if browsertest.Ask[bool](b.Page, `document.documentElement.scrollWidth > window.innerWidth`) {
			t.Errorf("view %s is wider than the screen", view)
		}
	}
}

// runSandbox runs the command on free ports and answers where its page is, and its API key.
func runSandbox(t *testing.T) (page, key string) {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser takes its time")
	}
	ctx, cancel := context.WithCancel(context.Background())
	var out, errs syncBuffer
	done := make(chan int, 1)
	go func() {
		done <- cli.Main(ctx, []string{"sandbox", "--api", "127.0.0.1:0", "--telegram", "127.0.0.1:0", "-v"},
			func(string) string { return "" }, strings.NewReader(""), &out, &errs)
	}()
	t.Cleanup(func() {
		cancel()
		if status := <-done; status != exit.OK {
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

// browser is the sandbox's page in a real browser.
type browser struct{ *browsertest.Page }

// openBrowser opens the page, which is live by then.
func openBrowser(t *testing.T, page string, width, height int) *browser {
	t.Helper()
	b := &browser{browsertest.Open(t, width, height)}
	b.Visit(page)
	b.See(`[data-testid=stream][data-state=live]`)
	return b
}

// clickIfThere clicks what can be clicked now, or nothing.
func (b *browser) clickIfThere(selector string) {
	b.T.Helper()
	browsertest.Ask[bool](b.Page, fmt.Sprintf(`(() => { const e = document.querySelector(%q); if (e?.offsetParent && !e.disabled) e.click(); return true })()`, selector))
}

// code waits for the newest message on a phone that holds a phrase and begins with a code, and reads the code.
func (b *browser) code(person, phrase string) string {
	b.T.Helper()
	b.Reads(lastMessage(person), phrase)
	text := browsertest.Ask[string](b.Page, fmt.Sprintf(`document.querySelector(%q).innerText`, lastMessage(person)+` [data-testid=message-text]`))
	code := codePattern.FindString(text)
	if code == "" {
		b.T.Fatalf("no code in %q", text)
	}
	return code
}

// signInToFactor signs out and in again, up to the second step.
func (b *browser) signInToFactor() {
	b.T.Helper()
	b.Click(`[data-testid=signout]`)
	b.See(`[data-testid=server][data-stage=signed_out]`)
	b.Click(`[data-testid=signin-submit]`)
	b.See(`[data-testid=server][data-stage=second_factor]`)
}

func phone(person string) string { return `[data-testid=phone][data-phone=` + person + `]` }

// lastMessage is the newest bubble on a phone.
func lastMessage(person string) string {
	return phone(person) + ` [data-testid=message]:last-of-type`
}
