package console_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"telegate/api"
	"telegate/console"
	"telegate/internal/audit"
	"telegate/internal/gatewaytest"
	"telegate/twofa"
)

// withAccount gives the key of the administrator an account, alice's.
func withAccount(o *console.Options) { o.Keys[0].User = "user//alice" }

func TestOnlyAnAdministratorsKeyOpensTheConsole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, key := range map[string]string{
		"none": "", "unknown": "tgk_unknown", "without admin": keySend, "a digest": gatewaytest.Hash(keyAdmin), "very long": strings.Repeat("k", 100_000),
		"broken text": "\xff\xfe", "markup": "<script>alert(1)</script>",
	} {
		c := w.client()
		if a := c.post("/console/sign-in", url.Values{"key": {key}}, "X-Forwarded-For", "203.0.113."+string('0'+byte(len(name)%10))); a.status != http.StatusForbidden ||
			a.header.Get("Set-Cookie") != "" || strings.Contains(a.body, "<script>alert") {
			t.Errorf("%s: %d, cookie %q", name, a.status, a.header.Get("Set-Cookie"))
		}
	}
	if strings.Contains(w.Log.String(), keyAdmin) || strings.Contains(w.Log.String(), "tgk_unknown") {
		t.Error("a key stands in the log")
	}
	w.signedIn(keyAdmin).get("/console/users").want(t, http.StatusOK, "Users")
}

// OWASP ASVS 3.3: the cookie is out of reach for scripts, other sites and, over TLS, other hosts.
func TestTheCookieIsProtected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for proto, want := range map[string][2]string{
		"http": {"telegate=", "/console"}, "https": {"__Host-telegate=", "/"}, "HTTPS": {"__Host-telegate=", "/"}, "https, http": {"__Host-telegate=", "/"},
	} {
		a := w.client().post("/console/sign-in", url.Values{"key": {keyAdmin}}, "X-Forwarded-Proto", proto)
		cookie := a.header.Get("Set-Cookie")
		if !strings.HasPrefix(cookie, want[0]) || !strings.Contains(cookie, "; Path="+want[1]+";") || !strings.Contains(cookie, "HttpOnly") ||
			!strings.Contains(cookie, "SameSite=Strict") || strings.Contains(cookie, "Secure") != (proto != "http") || strings.Contains(cookie, "Domain") {
			t.Errorf("%s: %q", proto, cookie)
		}
		if hsts := a.header.Get("Strict-Transport-Security"); (hsts != "") != (proto != "http") {
			t.Errorf("%s: Strict-Transport-Security is %q", proto, hsts)
		}
		if value := strings.TrimPrefix(strings.Split(cookie, ";")[0], want[0]); len(value) != 43 { // 256 bits
			t.Errorf("%s: %q", proto, value)
		}
	}
}

func TestASessionEndsIdleAtItsLimitAndWithItsKey(t *testing.T) {
	t.Parallel()
	in := func(c *client) bool { return c.get("/console/users").status == http.StatusOK }
	t.Run("idle", func(t *testing.T) {
		w := newWorld(t)
		c := w.signedIn(keyAdmin)
		for range 3 {
			w.Clock.Advance(29 * time.Minute)
			if !in(c) {
				t.Fatal("it ended although it was used")
			}
		}
		w.Clock.Advance(29 * time.Minute)
		c.get("/console/status", "X-Live", "1").want(t, http.StatusOK) // a page that refreshes itself is nobody at work
		w.Clock.Advance(time.Minute)
		if in(c) {
			t.Error("it lives on after half an hour without anybody")
		}
	})
	t.Run("after 12 hours", func(t *testing.T) {
		w := newWorld(t)
		c := w.signedIn(keyAdmin)
		for range 35 {
			w.Clock.Advance(20 * time.Minute)
			in(c)
		}
		w.Clock.Advance(19 * time.Minute)
		if !in(c) {
			t.Error("it ended before 12 hours")
		}
		w.Clock.Advance(time.Minute)
		if in(c) {
			t.Error("it lives on after 12 hours")
		}
	})
	t.Run("signed out", func(t *testing.T) {
		w := newWorld(t)
		c := w.signedIn(keyAdmin)
		old := c.cookie()
		c.post("/console/sign-out", url.Values{}).want(t, http.StatusSeeOther)
		if a := w.client().get("/console/users", "Cookie", old); a.status == http.StatusOK {
			t.Error("the cookie opens the console after signing out")
		}
		w.wantNoted(audit.ConsoleSignedOut, "ops")
	})
	t.Run("key removed", func(t *testing.T) {
		w := newWorld(t)
		c := w.signedIn(keyAdmin)
		w.console.SetKeys(keys()[1:])
		if in(c) {
			t.Error("it outlives its key")
		}
		w.console.SetKeys(keys())
		if in(c) {
			t.Error("it came back with its key")
		}
	})
	t.Run("key narrowed", func(t *testing.T) {
		w := newWorld(t)
		c := w.signedIn(keyAdmin)
		narrow := keys()
		narrow[0].Domains = []string{"corp"}
		w.console.SetKeys(narrow)
		c.get("/console/users?domain=").want(t, http.StatusForbidden, "may not use this domain")
		narrow[0].Scopes = narrow[0].Scopes[:3]
		w.console.SetKeys(narrow)
		if in(c) {
			t.Error("it outlives the scope admin")
		}
	})
}

// OWASP ASVS 6.3.1: trying keys is slow, for one address; another is not in its way.
func TestSignInsAreRateLimitedPerAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	try := func(address, key string) answer {
		return w.client().post("/console/sign-in", url.Values{"key": {key}}, "X-Forwarded-For", "198.51.100.99, "+address)
	}
	for range 10 {
		try("203.0.113.7", "tgk_no").want(t, http.StatusForbidden)
	}
	a := try("203.0.113.7", keyAdmin).want(t, http.StatusTooManyRequests, "Too many attempts")
	if a.header.Get("Retry-After") == "" {
		t.Error("nothing says when to try again")
	}
	for i := range 10 {
		try("2001:db8::"+string('0'+byte(i)), "tgk_no").want(t, http.StatusForbidden)
	}
	try("2001:db8::ffff", keyAdmin).want(t, http.StatusTooManyRequests) // one household
	try("203.0.113.8", keyAdmin).want(t, http.StatusSeeOther)
	w.Clock.Advance(31 * time.Second)
	try("203.0.113.7", keyAdmin).want(t, http.StatusSeeOther)
}

// OWASP ASVS 3.7.2: next leads to the console's own pages only.
func TestNextLeadsOnlyToTheConsole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for next, want := range map[string]string{
		"/console/user?domain=&user=user%2F%2Falice": "/console/user?domain=&user=user%2F%2Falice",
		"/console/status":                    "/console/status",
		"":                                   "/console/users",
		"https://evil.example/console/users": "/console/users",
		"//evil.example/console/users":       "/console/users",
		"/\\evil.example":                    "/console/users",
		"/console//evil.example":             "/console/users",
		"/console/../v1/users":               "/console/users",
		"/console/%2e%2e/v1/users":           "/console/users",
		"/console/sign-out":                  "/console/users",
		"javascript:alert(1)":                "/console/users",
		"/consoleevil":                       "/console/users",
		"/v1/users":                          "/console/users",
		"https:/console/users":               "/console/users",
		"\r\nSet-Cookie: a=b":                "/console/users",
	} {
		a := w.client().post("/console/sign-in", url.Values{"key": {keyAdmin}, "next": {next}}, "X-Forwarded-For", "203.0.113."+string('0'+byte(len(next)%10)))
		if a.status != http.StatusSeeOther || a.location != want {
			t.Errorf("%q leads to %q (%d), want %q", next, a.location, a.status, want)
		}
		if a.header.Get("Set-Cookie") == "a=b" {
			t.Errorf("%q sets a header", next)
		}
	}
	a := w.client().get("/console/user?domain=corp&user=bob")
	if want := "/console/sign-in?next=%2Fconsole%2Fuser%3Fdomain%3Dcorp%26user%3Dbob"; a.location != want {
		t.Errorf("a page leads to %q, want %q", a.location, want)
	}
}

func TestAnAdministratorWithALinkNeedsACode(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withAccount)
	w.link("", "user//alice", alice)
	c := w.client()
	a := c.post("/console/sign-in", url.Values{"key": {keyAdmin}, "next": {"/console/status"}}).want(t, http.StatusSeeOther)
	if a.location != "/console/sign-in/code" {
		t.Fatalf("the key alone leads to %s", a.location)
	}
	before := c.cookie()
	if a := c.get("/console/users"); a.status == http.StatusOK {
		t.Fatal("the key alone opens the console")
	}
	c.tokenOf("/console/sign-in/code")
	code := w.Code(alice)
	c.post("/console/sign-in/code", url.Values{"code": {gatewaytest.WrongCode(code)}}).want(t, http.StatusForbidden, "4 attempts left")
	if a := c.get("/console/users"); a.status == http.StatusOK {
		t.Fatal("a wrong code opens the console")
	}
	if a := c.post("/console/sign-in/code", url.Values{"code": {code}}).want(t, http.StatusSeeOther); a.location != "/console/status" {
		t.Errorf("the code leads to %s", a.location)
	}
	c.get("/console/users").want(t, http.StatusOK)
	if c.cookie() == before {
		t.Error("the cookie from before the code is the session's")
	}
	if a := w.client().get("/console/users", "Cookie", before); a.status == http.StatusOK {
		t.Error("the cookie from before the code opens the console")
	}
	w.wantNoted(audit.ConsoleSignedIn, "ops")
}

func TestWithoutALinkTheKeyIsEnough(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withAccount)
	w.signedIn(keyAdmin).get("/console/users").want(t, http.StatusOK)
}

// It fails closed: whatever keeps the code from being sent keeps the sign-in out, and the page says what to do.
func TestNoSignInIfNoCodeCanBeSent(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		trouble func(w *world)
		words   string
	}{
		"Telegram is down":    {func(w *world) { w.Domains.SetOffline(true) }, "Telegram cannot be reached"},
		"the bot is blocked":  {func(w *world) { w.noError(w.Links.ChatBlocked(w.T.Context(), gatewaytest.BotID, alice.ID)) }, "blocked the bot"},
		"msg2factor is off":   {func(w *world) { w.Domains.Set(api.Domain{Title: "My Server", Bot: "SomeBot"}) }, "msg2factor = false"},
		"Not me":              {(*world).notMe, "denied with Not me"},
		"too many were asked": {(*world).manyCodes, "Too many codes were requested"},
		"many wrong codes":    {(*world).throttle, "Too many wrong codes in a row. Try again in 30 seconds."},
		"suspended":           {(*world).suspend, "telegate users unlink user//alice"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, withAccount)
			w.link("", "user//alice", alice)
			tt.trouble(w)
			c := w.client()
			a := c.post("/console/sign-in", url.Values{"key": {keyAdmin}}).want(t, http.StatusForbidden, tt.words)
			if a.header.Get("Set-Cookie") != "" {
				t.Error("a cookie was set")
			}
			if a := c.get("/console/users"); a.status == http.StatusOK {
				t.Error("the console is open")
			}
			w.wantNoted(audit.ConsoleRefused, "ops")
		})
	}
}

// The command that the page names unlinks that administrator and nobody else, whatever their id and domain.
func TestASuspendedAdministratorGetsTheRightCommand(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ domain, user, command string }{
		{"", "user//alice", "telegate users unlink user//alice,"},
		{"corp", "alice", "telegate users unlink --domain corp alice,"},
		{"", "alice smith", "telegate users unlink 'alice smith',"},
		{"corp", "alice; o'hara $(id)", `telegate users unlink --domain corp 'alice; o'\''hara $(id)',`},
		{"corp", "-alice", "telegate users unlink --domain corp -- -alice,"},
		{"", "élodie@example.com", "telegate users unlink élodie@example.com,"},
	} {
		w := newWorld(t, func(o *console.Options) { o.Keys[0].User, o.Keys[0].UserDomain = tt.user, tt.domain })
		w.link(tt.domain, tt.user, alice)
		w.suspendUser(tt.domain, tt.user)
		a := w.client().post("/console/sign-in", url.Values{"key": {keyAdmin}})
		if page := html.UnescapeString(a.body); a.status != http.StatusForbidden || !strings.Contains(page, "On the server, run "+tt.command) {
			t.Errorf("%q in %q: %d, the page does not say %q: %s", tt.user, tt.domain, a.status, tt.command, page)
		}
		trail, err := w.DB.AuditTrail(t.Context(), tt.domain, tt.user, time.Time{})
		w.noError(err)
		if !slices.ContainsFunc(trail, func(e audit.Entry) bool {
			return e.Event == audit.ConsoleRefused && strings.Contains(e.Outcome, tt.command)
		}) {
			t.Errorf("%q in %q: the audit does not say %q: %+v", tt.user, tt.domain, tt.command, trail)
		}
	}
}

func TestNotMeEndsTheSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withAccount)
	w.link("", "user//alice", alice)
	c := w.client()
	c.post("/console/sign-in", url.Values{"key": {keyAdmin}}).want(t, http.StatusSeeOther)
	c.tokenOf("/console/sign-in/code")
	code := w.Code(alice)
	w.denyLast()
	c.get("/console/sign-in/code", "X-Live", "1").want(t, http.StatusOK, "denied in Telegram with Not me")
	c.post("/console/sign-in/code", url.Values{"code": {code}}).want(t, http.StatusForbidden, "denied in Telegram")
	if a := c.get("/console/users"); a.status == http.StatusOK {
		t.Error("the console is open")
	}
}

// A code answers for the browser it was asked for in, and for no other.
func TestCodeWorksOnlyInItsSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withAccount)
	w.link("", "user//alice", alice)
	first, second := w.client(), w.client()
	first.post("/console/sign-in", url.Values{"key": {keyAdmin}}).want(t, http.StatusSeeOther)
	code := w.Code(alice)
	second.post("/console/sign-in", url.Values{"key": {keyAdmin}}).want(t, http.StatusSeeOther)
	second.tokenOf("/console/sign-in/code")
	if other := w.Code(alice); other == code {
		t.Skip("the codes are the same, once in a million")
	}
	second.post("/console/sign-in/code", url.Values{"code": {code}}).want(t, http.StatusForbidden)
	if a := second.get("/console/users"); a.status == http.StatusOK {
		t.Error("another session's code opens the console")
	}
}

func TestCodeCanBeResentAndCanceled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withAccount)
	w.link("", "user//alice", alice)
	c := w.client()
	c.post("/console/sign-in", url.Values{"key": {keyAdmin}}).want(t, http.StatusSeeOther)
	c.tokenOf("/console/sign-in/code")
	first := w.Code(alice)
	c.post("/console/sign-in/resend", url.Values{}).want(t, http.StatusForbidden, "just sent", "30 seconds")
	w.Clock.Advance(30 * time.Second)
	c.post("/console/sign-in/resend", url.Values{}).want(t, http.StatusSeeOther)
	if w.Code(alice) == first {
		t.Error("the same code was sent")
	}
	c.post("/console/sign-in/cancel", url.Values{}).want(t, http.StatusSeeOther)
	if a := c.get("/console/sign-in/code"); a.location != "/console/sign-in" {
		t.Errorf("after calling it off: %d %s", a.status, a.location)
	}
}

func TestPendingCodeSessionEndsAfterTenMinutes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withAccount)
	w.link("", "user//alice", alice)
	c := w.client()
	c.post("/console/sign-in", url.Values{"key": {keyAdmin}}).want(t, http.StatusSeeOther)
	c.tokenOf("/console/sign-in/code")
	w.Clock.Advance(5 * time.Minute)
	c.get("/console/sign-in/code").want(t, http.StatusOK, "The code has expired")
	w.Clock.Advance(5 * time.Minute)
	if a := c.get("/console/sign-in/code"); a.location != "/console/sign-in" {
		t.Errorf("after ten minutes: %d %s", a.status, a.location)
	}
}

// denyLast is a tap on Not me under the code that was sent last.
func (w *world) denyLast() {
	w.T.Helper()
	var v twofa.Verification
	id := w.Last(alice).ID
	w.noError(w.DB.ViewVerifications(w.T.Context(), func(tx twofa.Tx) (err error) {
		v, err = tx.VerificationByMessage(id)
		return err
	}))
	w.noError(w.Codes.NotMe(w.T.Context(), gatewaytest.BotID, alice.ID, v.ID))
}

func (w *world) create(session string) twofa.Verification {
	w.T.Helper()
	v, err := w.Codes.Create(w.T.Context(), twofa.CreateRequest{User: "user//alice", Purpose: twofa.Login, Binding: session})
	w.noError(err)
	return v
}

func (w *world) notMe() {
	w.create("elsewhere")
	w.denyLast()
}

func (w *world) manyCodes() {
	for range 3 {
		w.create("elsewhere")
	}
}

func (w *world) suspend() { w.suspendUser("", "user//alice") }

func (w *world) throttle() {
	w.changeFactor("", "user//alice", func(f *twofa.Factor) { f.Failures, f.WaitUntil = 10, w.Clock.Now().Add(30*time.Second) })
}

func (w *world) suspendUser(domain, user string) {
	w.T.Helper()
	w.changeFactor(domain, user, func(f *twofa.Factor) { f.Suspended = true })
}

func (w *world) changeFactor(domain, user string, change func(f *twofa.Factor)) {
	w.T.Helper()
	w.noError(w.DB.UpdateVerifications(w.T.Context(), func(tx twofa.Tx) error {
		f, err := tx.Factor(domain, user)
		if err != nil {
			return err
		}
		change(&f)
		return tx.SaveFactor(f)
	}))
}

// OWASP ASVS 6.3.1: a proxy that names no address makes one client of all its people; one of them cannot lock the others out at once.
func TestPeopleBehindAProxyThatNamesNoAddressShareAttempts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 60 {
		if a := w.client().post("/console/sign-in", url.Values{"key": {"tgk_no"}}); a.status != http.StatusForbidden {
			t.Fatalf("attempt %d of all together: %d", i+1, a.status)
		}
	}
	a := w.client().post("/console/sign-in", url.Values{"key": {keyAdmin}}).want(t, http.StatusTooManyRequests)
	if a.header.Get("Retry-After") == "" {
		t.Error("nothing says when to try again")
	}
	w.Clock.Advance(2 * time.Second)
	w.client().post("/console/sign-in", url.Values{"key": {keyAdmin}}).want(t, http.StatusSeeOther)
}

// A program on this machine, or a client whose X-Forwarded-For a careless proxy passes on, can name any address.
func TestClaimedAddressesDoNotLiftTheRateLimit(t *testing.T) {
	t.Parallel()
	for name, claim := range map[string]func(i int) string{
		"another address each time": func(i int) string { return fmt.Sprintf("198.51.%d.%d", i/250, i%250) },
		"another network of IPv6":   func(i int) string { return fmt.Sprintf("2001:db8:%x::1", i) },
		"itself":                    func(i int) string { return fmt.Sprintf("127.0.0.%d", i%250+1) },
		"no address":                func(i int) string { return fmt.Sprint("unknown", i) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			tried := 0
			for i := range 200 {
				if a := w.client().post("/console/sign-in", url.Values{"key": {"tgk_no"}}, "X-Forwarded-For", claim(i)); a.status == http.StatusForbidden {
					tried++
				}
			}
			if tried != 60 {
				t.Errorf("%d attempts were allowed, want 60", tried)
			}
		})
	}
}

// What is refused for the address does not use up the attempts of the machine.
func TestOneAddressDoesNotUseUpTheAttemptsOfItsProxy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 200 {
		w.client().post("/console/sign-in", url.Values{"key": {"tgk_no"}}, "X-Forwarded-For", "203.0.113.7")
	}
	w.client().post("/console/sign-in", url.Values{"key": {keyAdmin}}, "X-Forwarded-For", "203.0.113.8").want(t, http.StatusSeeOther)
}
