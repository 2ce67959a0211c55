package console_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"telegate/internal/browsertest"
	"telegate/linking"
	"telegate/notify"
)

// hostile are texts that would run a script, load something or break out of the page if it took them for markup.
var hostile = []string{
	`<script>window.pwned=1</script>`,
	`"><img src=x onerror="window.pwned=1">`,
	`'><svg onload=window.pwned=1>`,
	`</title><script>window.pwned=1</script>`,
	`</textarea><script>window.pwned=1</script>`,
	`javascript:window.pwned=1`,
	`{{.Key}}<!--`,
	`" autofocus onfocus="window.pwned=1`,
	`<base href=https://evil.example/>`,
	`<meta http-equiv=refresh content="0;url=https://evil.example/">`,
	"\u202egnp.exe", // turns what follows around
}

// Names, handles and users that a stranger can choose are text on every page, whatever they hold.
func TestNoTextOfAStrangerRunsInTheBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, text := range hostile {
		chat := person(int64(600+i), fmt.Sprintf("stranger%d", i), text, text)
		w.link("", fmt.Sprintf("%02d %s", i, text), chat)
	}
	// Telegram gives no such username, and the database holds whatever Telegram gives.
	w.noError(w.DB.UpdateLinks(t.Context(), func(tx linking.Tx) error {
		for i, text := range hostile {
			chat := person(int64(600+i), text, text, text)
			if err := tx.SaveChat(chat); err != nil {
				return err
			}
			if err := tx.SaveInvitation(linking.Invitation{User: fmt.Sprintf("%02d %s", i, text), Handle: text, Created: w.Clock.Now()}); err != nil {
				return err
			}
		}
		return nil
	}))
	for i, text := range hostile {
		_, err := w.Messages.Send(t.Context(), notify.Request{User: fmt.Sprintf("%02d %s", i, text), Text: text, Lane: "direct"})
		w.noError(err)
	}
	b := w.browser(t, 1280, 800)
	b.open("/console/users?query=" + url.QueryEscape(hostile[1]))
	b.signIn(keyAdmin)
	b.See(`[data-testid=user]`)
	paths := []string{"/console/users?domain=", "/console/status"}
	for i, text := range hostile {
		paths = append(paths,
			"/console/user?domain=&user="+url.QueryEscape(fmt.Sprintf("%02d %s", i, text)),
			"/console/users?domain=&query="+url.QueryEscape(text))
	}
	for _, path := range []string{"/console/users?domain=&after=", "/console/users?domain=", "/console/user?user=", "/console/sign-in?next=", "/console/"} {
		paths = append(paths, path+url.QueryEscape(hostile[0]+hostile[1]))
	}
	for _, path := range paths {
		b.open(path)
		b.See(`#main`)
		if strings.Contains(path, "/user?") {
			browsertest.Ask[bool](b.Page, `document.dispatchEvent(new Event("visibilitychange"))`)
			b.Until("its parts are live", `document.querySelectorAll("[data-live]").length === 0 || !!document.querySelector("#state[data-state=live]")`)
		}
		if browsertest.Ask[bool](b.Page, `"pwned" in window || !!document.querySelector("main script, main [onerror], main [onload], main [onfocus], main base, main meta, main img[src=x]") || !location.href.startsWith(`+fmt.Sprintf("%q", w.server.URL)+`)`) {
			t.Errorf("%s: a stranger's text is more than text: %s", path, browsertest.Ask[string](b.Page, `document.querySelector("main").outerHTML`))
		}
	}
	b.open("/console/users?domain=")
	if shown := browsertest.Ask[string](b.Page, `document.querySelector("main").innerHTML`); !strings.Contains(shown, "&lt;script&gt;window.pwned=1") {
		t.Error("the list does not show the names at all")
	}
}

// Should a text ever get into a page as markup, its script still does not run.
func TestContentSecurityPolicyStopsScripts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(t, 1280, 800)
	b.open("/console/users")
	b.signIn(keyAdmin)
	b.See(`[data-testid=empty]`)
	browsertest.Ask[bool](b.Page, `((async () => {
		document.querySelector("main").insertAdjacentHTML("beforeend", '<img src="x" onerror="window.pwned=1"><iframe srcdoc="<script>parent.pwned=1</scr'+'ipt>"></iframe>');
		const script = document.createElement("script");
		script.textContent = "window.pwned = 1";
		document.body.append(script);
		try { await fetch("https://evil.example/"); window.fetched = true } catch {}
		setTimeout(() => (window.waited = true), 300);
	})(), true)`)
	b.Until("it had its time", `"waited" in window`)
	if browsertest.Ask[bool](b.Page, `"pwned" in window || "fetched" in window`) {
		t.Error("a script ran, or something was loaded from elsewhere")
	}
}
