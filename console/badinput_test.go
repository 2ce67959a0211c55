package console_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"telegate/internal/audit"
	"telegate/linking"
)

// OWASP ASVS 3.4: what every answer carries, an error too.
func TestEveryAnswerIsProtected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.signedIn(keyAdmin)
	for _, path := range []string{
		"/console", "/console/", "/console/users", "/console/user?user=x", "/console/status", "/console/sign-in", "/console/static/console.js",
		"/console/nothing", "/console/user", "/console/users?domain=unknown", "/console/messages", "/console/messages/msg_x", "/console/trace?user=x",
		"/console/broadcasts", "/console/broadcasts/new", "/console/logins", "/console/logins.csv", "/console/logins?from=x",
	} {
		a := c.get(path)
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-store", "X-Frame-Options": "DENY",
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
				"form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		if inline := regexp.MustCompile(`(?i)<style|<script[^>]*>[^<]|\sstyle=|\son[a-z]+=|href="javascript:`).FindString(a.body); inline != "" && !strings.Contains(path, "static") {
			t.Errorf("%s has something inline: %q", path, inline)
		}
		if external := regexp.MustCompile(`(?:src|href|action)="(?:https?:)?//[^"]*`).FindString(a.body); external != "" {
			t.Errorf("%s loads or leads to something elsewhere: %s", path, external)
		}
	}
}

// acts are all forms that change something, with what they need.
var acts = map[string]url.Values{
	"/console/user/handle?domain=&user=user%2F%2Fbob":    {"handle": {"@bob"}},
	"/console/user/unlink?domain=&user=user%2F%2Falice":  {},
	"/console/user/link?domain=&user=user%2F%2Fbob":      {},
	"/console/user/confirm?domain=&user=user%2F%2Fbob":   {"code": {"123456"}},
	"/console/user/message?domain=&user=user%2F%2Falice": {"text": {"hello"}},
	"/console/sign-out": {},
}

// OWASP ASVS 3.5: a form of another page, another session or another site does nothing.
func TestForeignFormIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.link("", "user//alice", alice)
	c, other := w.signedIn(keyAdmin), w.signedIn(keyAdmin)
	before := w.Footprint()
	for path, form := range acts {
		for name, try := range map[string]func() answer{
			"no token":         func() answer { return c.post(path, with(form, "csrf", "")) },
			"another session":  func() answer { return c.post(path, with(form, "csrf", other.csrf)) },
			"another site":     func() answer { return c.post(path, with(form, "csrf", c.csrf), "Sec-Fetch-Site", "cross-site") },
			"another origin":   func() answer { return c.post(path, with(form, "csrf", c.csrf), "Origin", "https://evil.example") },
			"a sibling's page": func() answer { return c.post(path, with(form, "csrf", c.csrf), "Sec-Fetch-Site", "same-site") },
		} {
			if a := try(); a.status != http.StatusForbidden {
				t.Errorf("%s, %s: %d %s", path, name, a.status, a.location)
			}
		}
		if a := c.get(path); a.status != http.StatusNotFound && a.status != http.StatusMethodNotAllowed {
			t.Errorf("GET %s: %d", path, a.status)
		}
		if a := w.client().post(path, with(form, "csrf", c.csrf)); a.status != http.StatusUnauthorized {
			t.Errorf("%s without a session: %d", path, a.status)
		}
	}
	if w.Footprint() != before {
		t.Error("something was written")
	}
	a := w.client().post("/console/sign-in", url.Values{"key": {keyAdmin}}, "Sec-Fetch-Site", "cross-site")
	if a.status != http.StatusForbidden || a.header.Get("Set-Cookie") != "" {
		t.Errorf("another site signs in: %d", a.status)
	}
	c.get("/console/users").want(t, http.StatusOK)
}

// A browser that sends no Sec-Fetch-Site, an old one or one on plain http, tells where a form comes from by its Origin alone. The policy
// must have it tell: it says null under no-referrer (Fetch, "append a request Origin header").
func TestOriginOfOwnFormIsAccepted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.client()
	page := c.get("/console/sign-in").want(t, http.StatusOK)
	origin := w.server.URL
	if page.header.Get("Referrer-Policy") == "no-referrer" {
		origin = "null"
	}
	c.post("/console/sign-in", url.Values{"key": {keyAdmin}}, "Origin", origin).want(t, http.StatusSeeOther)
	c.tokenOf("/console/users")
	c.post("/console/user/handle?domain=&user=bob", url.Values{"handle": {"@bob_tg"}}, "Origin", origin).want(t, http.StatusSeeOther)
	c.post("/console/user/unlink?domain=&user=bob", url.Values{}, "Origin", "null").want(t, http.StatusForbidden, "came from another website")
}

// A key does no more in the console than in the API.
func TestKeyMayDoTheSameAsInTheAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.link("", "user//alice", alice)
	for path, form := range acts {
		if path == "/console/sign-out" {
			continue
		}
		corp := w.signedIn(keyCorp)
		corp.post(path, with(form, "csrf", corp.csrf)).want(t, http.StatusForbidden, "may not use this domain")
		reader := w.signedIn(keyOnly)
		a := reader.post(path, with(form, "csrf", reader.csrf))
		if needsScope := !strings.Contains(path, "/handle"); (a.status == http.StatusForbidden) != needsScope {
			t.Errorf("%s with the scope admin alone: %d %s", path, a.status, a.body)
		}
		w.Clock.Advance(10 * 60e9)
	}
	corp := w.signedIn(keyCorp)
	for _, path := range []string{"/console/users?domain=", "/console/user?domain=&user=user%2F%2Falice", "/console/users?domain=unknown"} {
		corp.get(path).want(t, http.StatusForbidden, "This key may not use this domain")
	}
	if a := corp.get("/console/users"); strings.Contains(a.body, "My Server") || strings.Contains(a.body, "alice") {
		t.Error("a key sees a domain that is not its own")
	}
	w.signedIn(keyAdmin).get("/console/users?domain=unknown").want(t, http.StatusNotFound, "This domain does not exist")
	reader := w.signedIn(keyOnly)
	page := reader.get("/console/user?domain=&user=user%2F%2Falice").want(t, http.StatusOK, "needs the scope <code>link</code>", "needs the scope <code>send</code>")
	if strings.Contains(page.body, `data-testid="unlink"`) || strings.Contains(page.body, `data-testid="send"`) {
		t.Error("it is offered what would be refused")
	}
}

// Whatever comes in an address or a form: words, and never a fault of telegate's own.
func TestInvalidInputIsExplained(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.many("", 60)
	c := w.signedIn(keyAdmin)
	long := strings.Repeat("a", 300)
	for path, status := range map[string]int{
		"/console/users?query=" + long:                                 http.StatusUnprocessableEntity,
		"/console/users?query=" + strings.Repeat("a", 9000):            http.StatusRequestURITooLong,
		"/console/users?query=%ff%fe":                                  http.StatusBadRequest,
		"/console/users?query=%zz":                                     http.StatusBadRequest,
		"/console/users?query=a;b":                                     http.StatusBadRequest,
		"/console/users?query=%00":                                     http.StatusUnprocessableEntity,
		"/console/users?query=%25_%5C":                                 http.StatusOK,
		"/console/users?query=%27%20OR%201%3D1%20--":                   http.StatusOK,
		"/console/users?after=" + long:                                 http.StatusUnprocessableEntity,
		"/console/users?after=zzzz":                                    http.StatusOK,
		"/console/users?after=%0Auser000001":                           http.StatusUnprocessableEntity, // as it comes: no id has a new line
		"/console/users?after=" + url.QueryEscape("user000001'; DROP"): http.StatusOK,
		"/console/users?domain=" + long:                                http.StatusUnprocessableEntity,
		"/console/users?domain=unknown":                                http.StatusNotFound,
		"/console/users?page=-1&limit=1000000":                         http.StatusOK,
		"/console/user":                                                http.StatusUnprocessableEntity,
		"/console/user?user=":                                          http.StatusUnprocessableEntity,
		"/console/user?user=" + long:                                   http.StatusUnprocessableEntity,
		"/console/user?user=nobody":                                    http.StatusOK,
		"/console/user?user=a%0Ab":                                     http.StatusUnprocessableEntity,
		"/console/user?user=%F0%9F%99%82":                              http.StatusOK,
		"/console/user?user=nobody&part=nothing":                       http.StatusOK,
		"/console/user?user=nobody&part=link":                          http.StatusOK,
		"/console/static/../console.go":                                http.StatusTemporaryRedirect,
		"/console/static/%2e%2e%2fpages%2flayout.html":                 http.StatusNotFound,
		"/console/static/nothing.js":                                   http.StatusNotFound,
		"/console/nothing":                                             http.StatusNotFound,
		"/console/users/":                                              http.StatusNotFound,
	} {
		a := c.get(path)
		if a.status != status {
			t.Errorf("%.60s: %d, want %d: %.300s", path, a.status, status, a.body)
		}
		if status >= 400 && !strings.Contains(path, "static") && (!strings.Contains(a.body, `data-testid="refusal"`) || !strings.Contains(a.body, "<h1>")) {
			t.Errorf("%.60s is not answered in words: %.300s", path, a.body)
		}
	}
	user := "?domain=&user=user000001"
	for name, tt := range map[string]struct {
		path   string
		form   url.Values
		status int
		flash  string
	}{
		"no handle":             {"/console/user/handle" + user, url.Values{}, http.StatusSeeOther, "not a Telegram username"},
		"no username":           {"/console/user/handle" + user, url.Values{"handle": {"<script>"}}, http.StatusSeeOther, "not a Telegram username"},
		"a long handle":         {"/console/user/handle" + user, url.Values{"handle": {long}}, http.StatusUnprocessableEntity, ""},
		"nothing to send":       {"/console/user/message" + user, url.Values{"text": {" \n "}}, http.StatusSeeOther, "Write a text first"},
		"too much to send":      {"/console/user/message" + user, url.Values{"text": {strings.Repeat("a", 16<<10+1)}}, http.StatusSeeOther, "16 KiB"},
		"no text":               {"/console/user/message" + user, url.Values{"text": {"\xff"}}, http.StatusSeeOther, "16 KiB"},
		"to nobody":             {"/console/user/message?domain=&user=nobody", url.Values{"text": {"hi"}}, http.StatusSeeOther, "no linked chat"},
		"far too much":          {"/console/user/message" + user, url.Values{"text": {strings.Repeat("a", 300<<10)}}, http.StatusRequestEntityTooLarge, ""},
		"nothing begun":         {"/console/user/confirm" + user, url.Values{"code": {"123456"}}, http.StatusSeeOther, "Enter the code"},
		"a link to a stranger":  {"/console/user/link" + user, url.Values{"handle": {"@stranger"}}, http.StatusSeeOther, "does not know the owner"},
		"nothing to unlink":     {"/console/user/unlink?domain=&user=nobody", url.Values{}, http.StatusSeeOther, "nothing left to unlink"},
		"an unknown domain":     {"/console/user/unlink?domain=unknown&user=nobody", url.Values{}, http.StatusNotFound, ""},
		"no user":               {"/console/user/unlink?domain=&user=", url.Values{}, http.StatusUnprocessableEntity, ""},
		"two domains, two ways": {"/console/user/unlink?domain=&user=nobody", url.Values{"domain": {"unknown"}}, http.StatusNotFound, ""},
	} {
		a := c.post(tt.path, tt.form)
		if a.status != tt.status {
			t.Errorf("%s: %d, want %d: %.300s", name, a.status, tt.status, a.body)
			continue
		}
		if tt.flash != "" {
			if page := c.get(strings.SplitN(a.location, "#", 2)[0]); !strings.Contains(page.body, `role="alert"`) || !strings.Contains(page.body, tt.flash) {
				t.Errorf("%s: the page does not say %q", name, tt.flash)
			}
		}
	}
}

// What goes wrong inside is for the log; the page says where to look, and nothing more.
func TestInternalErrorIsNotShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.signedIn(keyAdmin)
	w.noError(w.DB.Close())
	a := c.get("/console/users")
	if a.status != http.StatusInternalServerError || strings.Contains(a.body, "database is closed") || !strings.Contains(a.body, "req_") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if !strings.Contains(w.Log.String(), "database is closed") {
		t.Error("the log does not have the reason")
	}
	if a := w.client().post("/console/sign-in", url.Values{"key": {keyAdmin}}); a.status != http.StatusInternalServerError || a.header.Get("Set-Cookie") != "" {
		t.Errorf("somebody is let in without an entry in the audit: %d", a.status)
	}
}

func TestTooManyStartedLinksMustWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.signedIn(keyAdmin)
	for range linking.MaxStarts {
		c.post("/console/user/link?domain=&user=bob", url.Values{}).want(t, http.StatusSeeOther)
	}
	c.post("/console/user/link?domain=&user=bob", url.Values{}).want(t, http.StatusSeeOther)
	c.get("/console/user?domain=&user=bob").want(t, http.StatusOK, "Too many links were started for this user. Try again in 10 minutes.")
}

// A link that was begun is shown to the session that began it: whoever has its address could claim it.
func TestPendingLinkIsShownOnlyToItsSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.signedIn(keyAdmin)
	c.post("/console/user/link?domain=&user=bob", url.Values{}).want(t, http.StatusSeeOther)
	c.get("/console/user?domain=&user=bob").want(t, http.StatusOK, "https://t.me/SomeBot?start=")
	for _, other := range []answer{c.get("/console/user?domain=&user=carol"), w.signedIn(keyAdmin).get("/console/user?domain=&user=bob")} {
		if strings.Contains(other.body, "?start=") {
			t.Error("another page shows the link")
		}
	}
	if strings.Contains(w.Log.String(), "?start=") {
		t.Error("the log has the link")
	}
}

func TestInvitationsAreListedAndWithdrawn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.many("", 60)
	c := w.signedIn(keyAdmin)
	for _, user := range []string{"aaron", "user000010", "user000049", "user000049a", "zoe"} {
		c.post("/console/user/handle?domain=&user="+user, url.Values{"handle": {"@h_" + user}}).want(t, http.StatusSeeOther)
	}
	var seen []string
	path := "/console/users?domain="
	for range 5 {
		page := c.get(path).want(t, http.StatusOK).body
		for _, m := range regexp.MustCompile(`data-user="([^"]+)"`).FindAllStringSubmatch(page, -1) {
			seen = append(seen, m[1])
		}
		next := regexp.MustCompile(`data-testid="next" href="([^"]+)"`).FindStringSubmatch(page)
		if next == nil {
			break
		}
		path = strings.ReplaceAll(next[1], "&amp;", "&")
	}
	if len(seen) != 63 || seen[0] != "aaron" || seen[62] != "zoe" {
		t.Errorf("%d users: %v", len(seen), seen)
	}
	for i := 1; i < len(seen); i++ {
		if seen[i] <= seen[i-1] {
			t.Errorf("%s comes after %s", seen[i], seen[i-1])
		}
	}
	c.get("/console/users?query=h_zoe").want(t, http.StatusOK, `data-user="zoe"`, "invited as @h_zoe")
	c.post("/console/user/unlink?domain=&user=zoe", url.Values{}).want(t, http.StatusSeeOther)
	if a := c.get("/console/users?query=zoe"); strings.Contains(a.body, `data-user="zoe"`) {
		t.Error("an invitation that was taken back is there")
	}
	w.wantActor("zoe", "console:ops", audit.InvitationSet, audit.InvitationRemoved)
}

func with(form url.Values, name, value string) url.Values {
	all := url.Values{name: {value}}
	for k, v := range form {
		all[k] = v
	}
	return all
}
