package console_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"telegate/console"
)

// The id of a chat is a person's, and nothing tells of which domain: a key that may not see all of them sees the pauses of bots alone,
// and however many chats are paused, they hide none of these.
func TestPausedChatsAreOnlyForKeysOfAllDomains(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *console.Options) {
		o.Status = func(context.Context) (console.Status, error) {
			var s console.Status
			for i := range 30 {
				s.Pauses = append(s.Pauses, console.Pause{Bot: "@SomeBot", ChatID: 770_000 + int64(i), Until: time.Now()})
			}
			s.Pauses = append(s.Pauses, console.Pause{Bot: "@CorpBot", Until: time.Now()})
			return s, nil
		}
	})
	all, corp := w.signedIn(keyAdmin), w.signedIn(keyCorp)
	for _, live := range []string{"", "1"} {
		page := all.get("/console/status", "X-Live", live).want(t, http.StatusOK, "in one chat (770000)").body
		if n := strings.Count(page, `data-testid="pause"`); n != 10 {
			t.Errorf("%d pauses are shown, want 10", n)
		}
		page = corp.get("/console/status", "X-Live", live).want(t, http.StatusOK, "Telegram asked @CorpBot to pause until").body
		if strings.Contains(page, "77000") || strings.Contains(page, "in one chat") {
			t.Errorf("a key of one domain sees whose chat is paused: %s", page)
		}
	}
}

// The checks of telegate doctor run when an administrator of all domains asks for them, and their findings are shown as text.
func TestChecksRunForKeysOfAllDomains(t *testing.T) {
	t.Parallel()
	runs := 0
	w := newWorld(t, func(o *console.Options) {
		o.Checks = func(context.Context) []console.Check {
			runs++
			return []console.Check{
				{Name: "disk", Tone: "good", Detail: "900 MiB are free."},
				{Name: "bot 7", Tone: "bad", Detail: "Telegram rejects <b>the token</b>.", Next: "Ask @BotFather."},
				{Name: "ipv6", Detail: "This machine has no IPv6."},
			}
		}
	})
	all, corp := w.signedIn(keyAdmin), w.signedIn(keyCorp)
	if page := all.get("/console/status").want(t, http.StatusOK, "Run the checks<").body; strings.Contains(page, `data-testid="check"`) || runs != 0 {
		t.Errorf("checks ran %d times before anybody asked: %s", runs, page)
	}
	all.post("/console/status/checks", url.Values{}).want(t, http.StatusOK, "Run the checks again", "900 MiB are free.", ">OK<", ">Failed<", "Ask @BotFather.",
		">Not needed<", "Telegram rejects &lt;b&gt;the token&lt;/b&gt;.")
	if runs != 1 {
		t.Errorf("the checks ran %d times", runs)
	}
	if page := corp.get("/console/status").want(t, http.StatusOK).body; strings.Contains(page, "Run the checks") {
		t.Error("a key of one domain is offered the checks of the server")
	}
	corp.post("/console/status/checks", url.Values{}).want(t, http.StatusForbidden, "This key may not run the checks")
	w.signedIn(keyAdmin).post("/console/status/checks", url.Values{"csrf": {"wrong"}}).want(t, http.StatusForbidden)
	if runs != 1 {
		t.Errorf("refused requests ran the checks: %d", runs)
	}
}
