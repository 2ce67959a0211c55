package console_test

import (
	"testing"

	"telegate/delivery"
	"telegate/internal/browsertest"
	"telegate/internal/gatewaytest"
	"telegate/notify"
)

// An administrator who has linked Telegram signs in with the key and the code; Not me on the phone shows on the page at once.
func TestSignInWithACodeInTheBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withAccount)
	w.link("", "user//alice", alice)
	w.dead(notify.Request{User: "user//alice"})
	w.end(w.send(notify.Request{User: "user//alice"}).ID, delivery.StatusUnknown, "")
	b := w.browser(t, 1280, 800)
	b.open("/console/status")
	b.signIn("tgk_no")
	b.Reads(`[data-testid=problem]`, "not a key with the scope admin")
	b.signIn(keyAdmin)
	b.Reads(`[data-testid=state]`, "to @a…e")
	b.shots("code")
	code := w.Code(alice)
	b.Type(`[data-testid=code]`, gatewaytest.WrongCode(code))
	b.Click(`[data-testid=submit]`)
	b.Reads(`[data-testid=problem]`, "4 attempts left")
	b.Type(`[data-testid=code]`, code)
	b.Click(`[data-testid=submit]`)
	b.Reads(`[data-testid=overall]`, "2 things need attention") // it was on its way to the status
	b.Reads(`[data-testid=part][data-name="bot @CorpBot"]`, "@BotFather")
	b.Until("both that have not arrived are there", `document.querySelectorAll("[data-testid=failure]").length === 2`)
	b.shots("status")
	b.Click(`[data-testid=sign-out]`)
	b.signIn(keyAdmin)
	b.See(`[data-testid=code]`)
	w.denyLast()
	b.Reads(`[data-testid=ended]`, "denied in Telegram with Not me")
	b.Click(`[data-testid=cancel]`)
	b.signIn(keyAdmin)
	b.Reads(`[data-testid=problem]`, "denied with Not me")
}

// The keyboard alone will do, from the first page to the act.
func TestTheKeyboardIsEnough(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.link("", "alice", alice)
	b := w.browser(t, 1280, 800)
	b.open("/console/users")
	b.Until("the field has the focus", `document.activeElement?.matches("[data-testid=key]")`)
	b.keys(keyAdmin + "\r")
	b.See(`[data-testid=user]`)
	b.tabTo(`.skip`)
	b.keys("\r")
	b.Until("the content has the focus", `document.activeElement.id === "main"`)
	b.tabTo(`[data-testid=query]`)
	b.keys("ali\r")
	b.tabTo(`[data-testid=user] a`)
	b.keys("\r")
	b.See(`[data-testid=text]`)
	b.tabTo(`[data-testid=text]`)
	b.keys("Hello.")
	b.tabTo(`[data-testid=send]`)
	if !browsertest.Ask[bool](b.Page, `getComputedStyle(document.activeElement).outlineStyle !== "none"`) {
		t.Error("nothing shows where the focus is")
	}
	b.keys(" ")
	b.Reads(`[data-testid=flash]`, "being sent")
	if text := w.Last(alice).Body.Parts[0].Text.Text; text != "Hello." {
		t.Errorf("sent: %q", text)
	}
}

// Every field and button has a name that a screen reader can say, every page one main heading, and text stands out from what is behind it.
func TestPagesAreAccessible(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withAccount)
	w.many("", 2)
	w.noError(w.Links.Invite(t.Context(), "", "bob", "@bobby"))
	b := w.browser(t, 1280, 800)
	check := func(path string) {
		t.Helper()
		for _, scheme := range []string{"light", "dark"} {
			b.Do("look", inScheme(scheme))
			b.open(path)
			b.See(`#main`)
			for _, problem := range browsertest.Ask[[]string](b.Page, readable) {
				t.Errorf("%s, %s: %s", path, scheme, problem)
			}
		}
	}
	check("/console/sign-in")
	b.signIn(keyAdmin)
	b.See(`[data-testid=users]`)
	w.link("", "user//alice", alice)
	for _, path := range []string{
		"/console/users?domain=", "/console/users?domain=&query=nobody", "/console/user?domain=&user=user000001", "/console/user?domain=&user=bob",
		"/console/user?domain=&user=nobody", "/console/status", "/console/nothing",
	} {
		check(path)
	}
	b.Click(`[data-testid=sign-out]`)
	b.signIn(keyAdmin)
	b.See(`[data-testid=code]`)
	check("/console/sign-in/code")
	b.See(`[data-testid=code]`) // it was that page
}

// readable lists what is wrong with a page: WCAG 2.2, 1.3.1, 1.4.3 (contrast of 4.5), 2.4.6, 4.1.2.
const readable = `(() => {
	const problems = [];
	if (document.querySelectorAll("h1").length !== 1) problems.push("not one h1");
	if (!document.documentElement.lang) problems.push("no language");
	if (!document.title) problems.push("no title");
	for (const e of document.querySelectorAll("input:not([type=hidden]), select, textarea"))
		if (!e.labels?.length && !e.ariaLabel) problems.push("no label: " + e.outerHTML);
	for (const e of document.querySelectorAll("button, a[href], summary"))
		if (!e.textContent.trim() && !e.ariaLabel) problems.push("no name: " + e.outerHTML);
	const ids = [...document.querySelectorAll("[id]")].map(e => e.id);
	if (new Set(ids).size !== ids.length) problems.push("an id twice: " + ids);
	for (const e of document.querySelectorAll("[aria-labelledby]"))
		if (!document.getElementById(e.getAttribute("aria-labelledby"))) problems.push("labelled by nothing: " + e.outerHTML);
	const channel = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
	const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
	const numbers = c => (c.match(/[\d.]+/g) ?? []).map(Number);
	const behind = e => {
		for (; e; e = e.parentElement) {
			const c = numbers(getComputedStyle(e).backgroundColor);
			if (c.length === 3 || c[3] > 0) return c;
		}
		return [255, 255, 255];
	};
	for (const e of document.querySelectorAll("body *")) {
		if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || !e.checkVisibility()) continue;
		const [a, b] = [luminance(numbers(getComputedStyle(e).color)), luminance(behind(e))].sort((x, y) => y - x);
		const contrast = (a + 0.05) / (b + 0.05);
		if (contrast < 4.5) problems.push("contrast " + contrast.toFixed(1) + ": " + e.outerHTML.slice(0, 200));
	}
	return problems;
})()`
