package console_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/internal/browsertest"
	"telegate/internal/gatewaytest"
	"telegate/notify"
)

// waiting are the messages of broadcasts that wait, as many as are to come.
func (w *world) waiting(want int) []delivery.Message {
	w.T.Helper()
	for deadline := time.Now().Add(browsertest.Timeout); ; time.Sleep(5 * time.Millisecond) {
		list, err := w.Messages.List(w.T.Context(), notify.Query{Lanes: []delivery.Lane{delivery.LaneBroadcast}, Limit: 1000,
			Statuses: []delivery.Status{delivery.StatusQueued}})
		if err != nil {
			w.T.Fatal(err)
		}
		if len(list) == want {
			return list
		}
		if time.Now().After(deadline) {
			w.T.Fatalf("%d messages wait, want %d", len(list), want)
		}
	}
}

// form is what a browser sends of the form of a broadcast.
func form(pairs ...string) url.Values {
	values := url.Values{"domain": {""}, "audience": {"everybody"}, "users": {""}, "text": {"Hello"}, "format": {"text"}, "send_at": {""}, "send_at_utc": {""}, "ttl": {"86400"}}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return values
}

var nonce = regexp.MustCompile(`name="nonce" value="([^"]+)"`)

// announce goes through the preview and sends.
func (c *client) announce(values url.Values) answer {
	c.w.T.Helper()
	a := c.post("/console/broadcasts/preview", values).want(c.w.T, http.StatusOK, "Send this?")
	values.Set("nonce", nonce.FindStringSubmatch(a.body)[1])
	return c.post("/console/broadcasts", values)
}

func (w *world) crowd() {
	w.T.Helper()
	w.link("", "alice", alice)
	w.link("", "bob", person(502, "bob", "Bob", ""))
	w.link("", "carol", person(503, "carol", "Carol", ""))
	if err := w.Links.ChatBlocked(w.T.Context(), gatewaytest.BotID, 503); err != nil {
		w.T.Fatal(err)
	}
}

func TestPreviewCountsRecipientsAndStoresNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.crowd()
	c := w.signedIn(keyAdmin)
	a := c.post("/console/broadcasts/preview", form("audience", "list", "users", "alice\r\n\r\n bob \r\ncarol\r\nalice\r\nnobody", "text", "<b>Hi</b> 👋 <i>all</i>\r\n<a href=\"https://example.org/x\">more</a>", "format", "html")).
		want(t, http.StatusOK, `data-testid="reachable">2<`, `data-testid="unlinked">1:`, `data-testid="blocked">1:`,
			`<span class="e-bold">Hi</span> 👋 <span class="e-italic">all</span>`, "https://example.org/x", "Send it to 2")
	if strings.Contains(a.body, `href="https://example.org`) {
		t.Error("the preview links to where the text does")
	}
	c.post("/console/broadcasts/preview", form()).want(t, http.StatusOK, "everyone linked in My Server", `data-testid="reachable">2<`)
	c.get("/console/broadcasts").want(t, http.StatusOK, "Nothing has been broadcast in My Server yet.")
	long := c.post("/console/broadcasts/preview", form("text", strings.Repeat("word ", 1500))).want(t, http.StatusOK, "is sent as 2")
	if n := strings.Count(long.body, `data-testid="part"`); n != 2 {
		t.Errorf("%d parts", n)
	}
	c.post("/console/broadcasts/preview", form("ttl", "90", "silent", "1")).want(t, http.StatusOK, "after 90 seconds", "<dd>none</dd>")
	c.post("/console/broadcasts/preview", form("text", strings.Repeat("word ", 5000))).want(t, http.StatusOK, "message.txt")
	c.w.Broadcasts.SetPace(notify.Pace{PerSecond: 0.01})
	c.post("/console/broadcasts/preview", form("ttl", "90")).want(t, http.StatusOK, "about 4 minutes", "after 90 seconds: some people will not get it in time")
}

func TestBroadcastIsSentOnceAndOutcomesAreCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.crowd()
	w.RunBroadcasts()
	c := w.signedIn(keyAdmin)
	values := form("audience", "list", "users", "alice\nbob\ncarol\nnobody")
	a := c.announce(values)
	if a.status != http.StatusSeeOther {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if again := c.post("/console/broadcasts", values); again.location != a.location { // pressed twice
		t.Errorf("twice: %d %s, want %s", again.status, again.location, a.location)
	}
	c.get(a.location).want(t, http.StatusOK, "The broadcast is being sent.", `data-live="`+a.location+`?part=progress"`)
	for i, m := range w.waiting(2) {
		w.end(m.ID, []delivery.Status{delivery.StatusDelivered, delivery.StatusFailed}[i], []string{"", "Telegram knows no such chat."}[i])
	}
	var part answer
	for deadline := time.Now().Add(browsertest.Timeout); !strings.Contains(part.body, "data-final") && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		part = c.get(a.location + "?part=progress")
	}
	part.want(t, http.StatusOK, "Done", "4 of 4 done", `data-outcome="delivered"`, "1 have no linked chat", "1 have blocked the bot", "1 have a chat that Telegram does not know")
	c.get("/console/broadcasts").want(t, http.StatusOK, "a list of 4", "1 of 4", a.location)
	id := strings.TrimPrefix(a.location, "/console/broadcasts/")
	if n := len(c.get("/console/messages?broadcast="+id).want(t, http.StatusOK, id).rows()); n != 4 {
		t.Errorf("%d messages", n)
	}
	if n := len(c.get("/console/messages?status=failed&broadcast=" + id).rows()); n != 3 {
		t.Errorf("%d failed messages", n)
	}
	c.post(a.location+"/cancel", url.Values{})
	c.get(a.location).want(t, http.StatusOK, "The broadcast is done already, so it cannot be canceled.")
	w.wantAudit(t, audit.BroadcastAccepted)
}

// wantAudit checks that one entry of the default domain tells of an event, with the name of the key.
func (w *world) wantAudit(t *testing.T, event audit.Event) {
	t.Helper()
	trail, err := w.DB.AuditTrail(t.Context(), "", "", time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range trail {
		if e.Event == event {
			if n++; e.Actor != audit.AtConsole("ops") {
				t.Errorf("%s by %q", event, e.Actor)
			}
		}
	}
	if n != 1 {
		t.Errorf("%s: %d entries", event, n)
	}
}

func TestABroadcastWaitsForItsTimeAndIsCanceledOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.crowd()
	w.RunBroadcasts()
	c := w.signedIn(keyAdmin)
	// Without JavaScript the time is UTC; with it, the exact field has the last word.
	for _, at := range [][2]string{{"send_at_utc", "2026-11-02T10:30"}, {"send_at", "2026-11-02T10:30:00.000Z"}, {"send_at", "2026-11-02T12:30:00+02:00"}} {
		c.post("/console/broadcasts/preview", form(at[0], at[1])).want(t, http.StatusOK, "2 Nov 2026 10:30 UTC", "Schedule it to 2", `name="send_at" value="2026-11-02T10:30:00Z"`)
	}
	values := form("send_at", "2026-11-02T10:30:00Z", "send_at_utc", "2027-01-01T00:00")
	a := c.announce(values)
	c.get(a.location).want(t, http.StatusOK, "The broadcast is scheduled.", "Scheduled", "0 of 3 done", `data-testid="cancel"`)
	c.post(a.location+"/cancel", url.Values{"csrf": {"forged"}}).want(t, http.StatusForbidden)
	if b := c.post(a.location+"/cancel", url.Values{}); b.location != a.location {
		t.Fatalf("%d %s", b.status, b.body)
	}
	page := c.get(a.location).want(t, http.StatusOK, "Canceled. It was delivered to 0 of 3", "Canceled")
	if strings.Contains(page.body, `data-testid="cancel"`) {
		t.Error("it can be canceled again")
	}
	c.post(a.location+"/cancel", url.Values{})
	c.get(a.location).want(t, http.StatusOK, "The broadcast is canceled already, so it cannot be canceled.")
	w.wantAudit(t, audit.BroadcastCanceled)
	w.Clock.Advance(2 * time.Hour)
	w.waiting(0)
}

func TestInvalidBroadcastIsExplainedAndInputKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.crowd()
	c := w.signedIn(keyAdmin)
	for words, values := range map[string]url.Values{
		"Choose the recipients: everyone, or a list.":                     form("audience", ""),
		"The list is empty. Enter one user per line.":                     form("audience", "list", "users", " \r\n"),
		"Line 2 of the list is too long":                                  form("audience", "list", "users", "alice\r\n"+strings.Repeat("u", 257)),
		"Line 1 of the list is too long for a user":                       form("audience", "list", "users", "a\x00b"),
		"Write the text first.":                                           form("text", " \r\n"),
		"The text is not valid":                                           form("text", "a\x00b"),
		"The text is too long":                                            form("text", strings.Repeat("a", 100_001)),
		"The text is not Telegram&#39;s HTML":                             form("text", "<b>Hello", "format", "html"),
		"The time to send must be a date and a time":                      form("send_at", "tomorrow"),
		"The time to send must be a date and a time, written":             form("send_at_utc", "2026-13-02T10:30"),
		"The time to send is in the past; leave it empty":                 form("send_at", "2026-11-02T08:00:00Z"),
		"The time to send is more than a year ahead":                      form("send_at", "2036-11-02T08:00:00Z"),
		"The lifetime must be from":                                       form("ttl", "1"),
		"This broadcast would reach nobody: 1 have no linked chat, 1 hav": form("audience", "list", "users", "carol\nnobody"),
	} {
		values.Set("silent", "1")
		for _, path := range []string{"/console/broadcasts/preview", "/console/broadcasts"} {
			values.Set("nonce", "1")
			a := c.post(path, values)
			if a.status != http.StatusUnprocessableEntity && a.status != http.StatusConflict || !strings.Contains(a.body, words) ||
				!strings.Contains(a.body, `name="silent" value="1" checked`) {
				t.Errorf("%s, %s: %d %s", path, words, a.status, a.body)
			}
		}
	}
	c.post("/console/broadcasts", form()).want(t, http.StatusUnprocessableEntity, "Look at the preview before you send the broadcast.", ">Hello</textarea>")
	c.post("/console/broadcasts/preview", form("users", strings.Repeat("u\n", 5<<20))).want(t, http.StatusRequestEntityTooLarge, "This form is too large")
	many := strings.Repeat("user\n", 100_000)
	c.post("/console/broadcasts/preview", form("audience", "list", "users", many+"alice\n")).want(t, http.StatusUnprocessableEntity, "more than 100000 users")
	c.post("/console/broadcasts/preview", form("audience", "list", "users", many[5:]+"alice\n")).want(t, http.StatusOK, `data-testid="reachable">1<`)
	c.post("/console/broadcasts/edit", form("users", "alice", "audience", "list", "send_at", "2026-11-02T10:30:00Z")).
		want(t, http.StatusOK, "alice</textarea>", `value="2026-11-02T10:30"`, `data-at="2026-11-02T10:30:00Z"`)
	c.get("/console/broadcasts").want(t, http.StatusOK, "Nothing has been broadcast")
}

func TestBroadcastNeedsItsDomainAndScope(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.crowd()
	c := w.signedIn(keyAdmin)
	a := c.announce(form())
	corp, only := w.signedIn(keyCorp), w.signedIn(keyOnly)
	for _, path := range []string{a.location, "/console/broadcasts/bc_nowhere", "/console/broadcasts/%00"} {
		corp.get(path).want(t, http.StatusNotFound, "There is no such broadcast")
		corp.post(path+"/cancel", url.Values{}).want(t, http.StatusNotFound, "There is no such broadcast")
	}
	corp.post("/console/broadcasts/preview", form()).want(t, http.StatusForbidden, "may not use this domain")
	corp.post("/console/broadcasts", form("nonce", "1")).want(t, http.StatusForbidden, "may not use this domain")
	for _, path := range []string{"/console/broadcasts", "/console/broadcasts/new", a.location} {
		only.get(path).want(t, http.StatusForbidden, "It needs the scope send.")
	}
	only.post(a.location+"/cancel", url.Values{}).want(t, http.StatusForbidden, "It needs the scope send.")
	if strings.Contains(only.get("/console/users").body, "nav-broadcasts") {
		t.Error("a key that may not send is offered broadcasts")
	}
	c.post("/console/broadcasts/preview", form("csrf", "forged")).want(t, http.StatusForbidden)
	c.post("/console/broadcasts", form("csrf", "forged", "nonce", "1")).want(t, http.StatusForbidden)
	for _, path := range []string{"/console/broadcasts", "/console/broadcasts/preview", a.location + "/cancel"} {
		c.post(path, form("nonce", "1"), "Sec-Fetch-Site", "cross-site").want(t, http.StatusForbidden, "This request came from another website")
	}
	c.get("/console/broadcasts?after=bc_nowhere").want(t, http.StatusOK, "Nothing is older.")
	c.get("/console/broadcasts?after="+strings.Repeat("x", 65)).want(t, http.StatusUnprocessableEntity)
}

func TestBroadcastsArePagedByKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.crowd()
	for range 25 {
		if _, err := w.Broadcasts.Create(t.Context(), notify.BroadcastRequest{Text: "Hello", SendAt: w.Clock.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	c := w.signedIn(keyAdmin)
	first := c.get("/console/broadcasts").want(t, http.StatusOK, "Older").rows()
	second := c.get(fmt.Sprintf("/console/broadcasts?after=%s", first[len(first)-1])).want(t, http.StatusOK, "Newest").rows()
	if len(first) != 20 || len(second) != 5 {
		t.Errorf("%d and %d", len(first), len(second))
	}
}
