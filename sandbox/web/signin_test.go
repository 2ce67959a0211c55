package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func (p *page) cookie() *http.Cookie {
	p.t.Helper()
	u, err := url.Parse(p.url + "/server/session")
	if err != nil {
		p.t.Fatal(err)
	}
	for _, c := range p.browser.Jar.Cookies(u) {
		return c
	}
	p.t.Fatal("there is no cookie")
	return nil
}

func TestPasswordIsEnoughWhereNothingIsLinked(t *testing.T) {
	p := newPage(t)
	if s := do[state](p, "GET", "/server/session", nil); s.Stage != "signed_out" {
		t.Errorf("before: %+v", s)
	}
	s := p.signInAs("alice")
	if s.Stage != "signed_in" || s.User != "alice" || s.SignedInWith != "password" || !s.Progress.SignedIn || s.Progress.SignedInWithCode {
		t.Errorf("after: %+v", s)
	}
	if got := p.gateway.last("GET", "/v1/messaging").Query; got != "domain=&user=alice" {
		t.Errorf("asked for %q", got)
	}
	if s := do[state](p, "GET", "/server/session", nil); s.Stage != "signed_in" || s.Telegram == nil || s.Telegram.Linked {
		t.Errorf("after a reload: %+v", s)
	}
}

func TestPasswordIsEnoughWhereMsg2factorIsOff(t *testing.T) {
	p := newPage(t)
	p.gateway.on("GET", "/v1/messaging", 200, unusable("msg2factor_disabled"))
	s := do[state](p, "POST", "/server/signin", object{"user": "alice", "password": "x"})
	if s.Stage != "signed_in" || s.SignedInWith != "password" || s.Telegram.Reasons[0] != "msg2factor_disabled" {
		t.Errorf("%+v", s)
	}
}

func TestFactorThatCannotBeUsedNowKeepsTheDoorShut(t *testing.T) {
	for _, reason := range []string{"link_suspended", "chat_blocked_bot", "cooling_off", "transport_down", "something_new"} {
		t.Run(reason, func(t *testing.T) {
			p := newPage(t)
			p.gateway.on("GET", "/v1/messaging", 200, unusable(reason))
			refusal := p.refused(http.StatusForbidden, "POST", "/server/signin", object{"user": "alice", "password": "x"})
			if diff := cmp.Diff([]string{reason}, refusal.Reasons); diff != "" {
				t.Error(diff)
			}
			if s := do[state](p, "GET", "/server/session", nil); s.Stage != "signed_out" {
				t.Errorf("the stage is %s", s.Stage)
			}
		})
	}
}

func TestGatewayThatCannotBeAskedKeepsTheDoorShut(t *testing.T) {
	answers := map[string]func(*page){
		"down":       func(p *page) { p.gateway.server.Close() },
		"no problem": func(p *page) { p.gateway.on("GET", "/v1/messaging", 500, "<h1>oops</h1>") },
		"not JSON":   func(p *page) { p.gateway.on("GET", "/v1/messaging", 200, "<h1>hello</h1>") },
		"empty":      func(p *page) { p.gateway.on("GET", "/v1/messaging", 200, object{}) },
		"a bad key": func(p *page) {
			p.gateway.on("GET", "/v1/messaging", 401, object{"title": "Invalid credentials", "detail": "The key is unknown."})
		},
		"wrong types": func(p *page) {
			p.gateway.on("GET", "/v1/messaging", 200, object{"usable_for_2fa": "no", "reasons": []string{"not_linked"}})
		},
	}
	for name, arrange := range answers {
		t.Run(name, func(t *testing.T) {
			p := newPage(t)
			arrange(p)
			status, answer := p.send("POST", "/server/signin", object{"user": "alice", "password": "x"})
			if status < 400 {
				t.Fatalf("status %d: %s", status, answer)
			}
			if refusal := decode[problem](t, answer); refusal.Title == "" || refusal.Detail == "" {
				t.Errorf("the problem says too little: %s", answer)
			}
			if strings.Contains(string(answer), apiKey) || strings.Contains(string(answer), "<h1>") {
				t.Errorf("the answer tells too much: %s", answer)
			}
			if s := do[state](p, "GET", "/server/session", nil); s.Stage != "signed_out" {
				t.Errorf("the stage is %s", s.Stage)
			}
		})
	}
}

func TestSignInNeedsNameAndPassword(t *testing.T) {
	p := newPage(t)
	p.gateway.on("GET", "/v1/messaging", 200, notLinked)
	p.refused(http.StatusUnprocessableEntity, "POST", "/server/signin", object{"password": "x"})
	p.refused(http.StatusUnprocessableEntity, "POST", "/server/signin", object{"user": "alice"})
	p.refused(http.StatusUnauthorized, "POST", "/server/signin", object{"user": "mallory", "password": "x"})
	p.refused(http.StatusUnauthorized, "POST", "/server/signin", object{"user": "Alice", "password": "x"})
	if n := p.gateway.count("GET", "/v1/messaging"); n != 0 {
		t.Errorf("the gateway was asked %d times", n)
	}
}

func TestCodeFromTelegramSignsIn(t *testing.T) {
	p := newPage(t)
	s := p.passwordAs("alice")
	if s.Stage != "second_factor" || s.Hint != "@a…e" || s.Verification != nil {
		t.Fatalf("after the password: %+v", s)
	}
	p.gateway.on("POST", "/v1/verifications", 201, pendingVerification())
	s = do[state](p, "POST", "/server/signin/code", nil)
	if s.Verification == nil || s.Verification.Status != "pending" || s.Verification.Sends.ResendIn != 30 || s.Verification.ExpiresIn != 300 {
		t.Fatalf("after the code was sent: %+v", s)
	}
	created := p.gateway.last("POST", "/v1/verifications").Body
	binding, _ := created["session_binding"].(string)
	if !strings.HasPrefix(binding, "sha256:") || strings.Contains(binding, p.cookie().Value) {
		t.Errorf("the binding is %q", binding)
	}
	delete(created, "session_binding")
	want := object{"domain": "", "user": "alice", "purpose": "login", "context": object{"ip": "127.0.0.1", "user_agent": "Go-http-client/1.1"}}
	if diff := cmp.Diff(want, created); diff != "" {
		t.Error(diff)
	}

	p.gateway.on("POST", "/v1/verifications/ver_1/check", 200, object{"approved": true, "result": "approved", "attempts_remaining": 4, "verification": with(pendingVerification(), "status", "approved")})
	s = do[state](p, "POST", "/server/signin/check", object{"code": " 482 913 "})
	if s.Stage != "signed_in" || s.SignedInWith != "Messaging" || !s.Progress.SignedInWithCode || !s.Checked.Approved {
		t.Errorf("after the check: %+v", s)
	}
	if diff := cmp.Diff(object{"code": "482913", "session_binding": binding}, p.gateway.last("POST", "/v1/verifications/ver_1/check").Body); diff != "" {
		t.Error(diff)
	}
}

func TestLongNameOfABrowserIsCut(t *testing.T) {
	p := newPage(t)
	p.passwordAs("alice")
	p.gateway.on("POST", "/v1/verifications", 201, pendingVerification())
	if status, answer := p.send("POST", "/server/signin/code", nil, "User-Agent", strings.Repeat("é", 2000)); status != http.StatusOK {
		t.Fatalf("status %d: %s", status, answer)
	}
	told := p.gateway.last("POST", "/v1/verifications").Body["context"].(object)
	if told["user_agent"] != strings.Repeat("é", 512) {
		t.Errorf("the gateway was told %q", told["user_agent"])
	}
}

// offered does the first step and has a code sent.
func (p *page) offered() {
	p.t.Helper()
	p.passwordAs("alice")
	p.gateway.on("POST", "/v1/verifications", 201, pendingVerification())
	do[state](p, "POST", "/server/signin/code", nil)
}

func TestOnlyAnApprovedCheckSignsIn(t *testing.T) {
	for result, status := range map[string]string{
		"incorrect": "pending", "denied": "denied", "exhausted": "exhausted", "expired": "expired", "canceled": "canceled",
		"already_used": "approved", "binding_mismatch": "pending", "failed": "failed", "pending": "pending",
		"approved": "approved", // contradicts "approved": false, which decides
	} {
		t.Run(result, func(t *testing.T) {
			p := newPage(t)
			p.offered()
			p.gateway.on("POST", "/v1/verifications/ver_1/check", 200, object{"approved": false, "result": result, "attempts_remaining": 3, "verification": with(pendingVerification(), "status", status)})
			s := do[state](p, "POST", "/server/signin/check", object{"code": "000000"})
			if s.Stage != "second_factor" || s.Checked.Result != result || s.Checked.AttemptsRemaining != 3 || s.Verification.Status != status {
				t.Errorf("%+v", s)
			}
			p.refused(http.StatusUnauthorized, "POST", "/server/messages", object{"user": "bob", "text": "x", "lane": "direct"})
		})
	}
}

func TestStatusApprovedAloneSignsNobodyIn(t *testing.T) {
	p := newPage(t)
	p.offered()
	p.gateway.on("GET", "/v1/verifications/ver_1", 200, with(pendingVerification(), "status", "approved"))
	if s := do[state](p, "GET", "/server/session", nil); s.Stage != "second_factor" {
		t.Errorf("the stage is %s", s.Stage)
	}
}

func TestNotMeIsSeenWhileWaiting(t *testing.T) {
	p := newPage(t)
	p.offered()
	p.gateway.onDo("GET", "/v1/verifications/ver_1", func(r apiRequest) (int, any) {
		if r.Header.Get("Prefer") != "wait=25" {
			t.Errorf("Prefer is %q", r.Header.Get("Prefer"))
		}
		return 200, with(pendingVerification(), "status", "denied")
	})
	if s := do[state](p, "GET", "/server/session?follow=true", nil); s.Verification.Status != "denied" || s.Stage != "second_factor" {
		t.Errorf("%+v", s)
	}
	do[state](p, "GET", "/server/session?follow=true", nil)
	if n := p.gateway.count("GET", "/v1/verifications/ver_1"); n != 1 {
		t.Errorf("a finished verification was asked for %d times", n)
	}
}

func TestCloseEndsLongPolls(t *testing.T) {
	p := newPage(t)
	p.offered()
	asked := make(chan struct{})
	p.gateway.onDo("GET", "/v1/verifications/ver_1", func(r apiRequest) (int, any) {
		close(asked)
		<-r.done
		return 200, pendingVerification()
	})
	go func() {
		<-asked
		p.web.Close()
	}()
	p.refused(http.StatusServiceUnavailable, "GET", "/server/session?follow=true", nil)
}

func TestVerificationThatTheGatewayForgotIsDropped(t *testing.T) {
	p := newPage(t)
	p.offered()
	if s := do[state](p, "GET", "/server/session", nil); s.Stage != "second_factor" || s.Verification != nil {
		t.Errorf("%+v", s)
	}
}

func TestResendShowsTheNewCountdown(t *testing.T) {
	p := newPage(t)
	p.offered()
	p.gateway.on("POST", "/v1/verifications/ver_1/resend", 429, object{"type": "/problems/resend-too-soon", "title": "Resend too soon", "status": 429, "detail": "The next send is possible in 28 s.", "retry_after": 28})
	refusal := p.refused(http.StatusTooManyRequests, "POST", "/server/signin/resend", nil)
	if refusal.Type != "/problems/resend-too-soon" || refusal.RetryAfter != 28 || refusal.Detail != "The next send is possible in 28 s." {
		t.Errorf("the problem came through as %+v", refusal)
	}
	p.gateway.on("POST", "/v1/verifications/ver_1/resend", 200, with(pendingVerification(), "sends", object{"used": 2, "max": 3, "resend_in": 60}))
	if s := do[state](p, "POST", "/server/signin/resend", nil); s.Verification.Sends.Used != 2 || s.Verification.Sends.ResendIn != 60 {
		t.Errorf("%+v", s.Verification)
	}
}

func TestProblemOfTheGatewayIsHandedOn(t *testing.T) {
	p := newPage(t)
	p.passwordAs("alice")
	p.gateway.on("POST", "/v1/verifications", 422, object{"type": "/problems/validation-failed", "title": "Validation failed", "status": 422, "detail": "One field is wrong.",
		"errors": []object{{"pointer": "/context/ip", "detail": "is not an address"}}})
	refusal := p.refused(http.StatusUnprocessableEntity, "POST", "/server/signin/code", nil)
	if refusal.Title != "Validation failed" || len(refusal.Errors) != 1 || refusal.Errors[0].Pointer != "/context/ip" {
		t.Errorf("%+v", refusal)
	}
	if s := do[state](p, "GET", "/server/session", nil); s.Stage != "second_factor" || s.Verification != nil {
		t.Errorf("%+v", s)
	}
}

func TestBackVoidsTheCode(t *testing.T) {
	p := newPage(t)
	p.offered()
	p.gateway.on("POST", "/v1/verifications/ver_1/cancel", 200, with(pendingVerification(), "status", "canceled"))
	if s := do[state](p, "POST", "/server/signin/cancel", nil); s.Stage != "signed_out" || s.User != "" || s.Verification != nil {
		t.Errorf("%+v", s)
	}
	if n := p.gateway.count("POST", "/v1/verifications/ver_1/cancel"); n != 1 {
		t.Errorf("canceled %d times", n)
	}
	p.refused(http.StatusConflict, "POST", "/server/signin/check", object{"code": "123456"})
}

func TestStepsOutOfOrderAreRefused(t *testing.T) {
	p := newPage(t)
	for _, path := range []string{"/server/signin/code", "/server/signin/resend", "/server/signin/cancel"} {
		p.refused(http.StatusConflict, "POST", path, nil)
	}
	p.refused(http.StatusConflict, "POST", "/server/signin/check", object{"code": "123456"})
	p.passwordAs("alice")
	p.refused(http.StatusConflict, "POST", "/server/signin/check", object{"code": "123456"})
	p.refused(http.StatusConflict, "POST", "/server/signin/resend", nil)
	p.gateway.on("POST", "/v1/verifications", 201, pendingVerification())
	do[state](p, "POST", "/server/signin/code", nil)
	p.refused(http.StatusUnprocessableEntity, "POST", "/server/signin/check", object{"code": "  "})
	p.refused(http.StatusUnprocessableEntity, "POST", "/server/signin/check", object{})
	p.refused(http.StatusRequestEntityTooLarge, "POST", "/server/signin/check", object{"code": strings.Repeat("1", 70_000)})
	if n := p.gateway.count("POST", "/v1/verifications/ver_1/check"); n != 0 {
		t.Errorf("the gateway was asked to check %d times", n)
	}
}

func TestEveryChangeOfRightsChangesTheCookie(t *testing.T) {
	p := newPage(t)
	p.offered()
	first := p.cookie()
	p.gateway.on("POST", "/v1/verifications/ver_1/check", 200, object{"approved": true, "result": "approved"})
	do[state](p, "POST", "/server/signin/check", object{"code": "123456"})
	second := p.cookie()
	do[state](p, "POST", "/server/signout", nil)
	third := p.cookie()
	if first.Value == second.Value || second.Value == third.Value {
		t.Error("the cookie stayed the same")
	}
	for _, old := range []*http.Cookie{first, second} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+"/server/session", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.AddCookie(old)
		other := newBrowser(t)
		res, err := other.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer other.CloseIdleConnections()
		defer res.Body.Close()
		var body [512]byte
		n, _ := res.Body.Read(body[:])
		if !strings.Contains(string(body[:n]), `"stage":"signed_out"`) {
			t.Errorf("an old cookie still opens the session: %s", body[:n])
		}
	}
}

func TestCookieIsOutOfReachOfScripts(t *testing.T) {
	p := newPage(t)
	p.gateway.on("GET", "/v1/messaging", 200, notLinked)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/server/signin", strings.NewReader(`{"user":"alice","password":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := p.browser.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	c := res.Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/server" || c.MaxAge != 0 || len(c.Value) < 26 {
		t.Errorf("the cookie is %s", c)
	}
}

func TestProgressOutlivesSigningOut(t *testing.T) {
	p := newPage(t)
	p.offered()
	p.gateway.on("POST", "/v1/verifications/ver_1/check", 200, object{"approved": true, "result": "approved"})
	do[state](p, "POST", "/server/signin/check", object{"code": "123456"})
	s := do[state](p, "POST", "/server/signout", nil)
	if s.Stage != "signed_out" || !s.Progress.SignedIn || !s.Progress.Linked || !s.Progress.SignedInWithCode {
		t.Errorf("%+v", s)
	}
}

func TestBrowsersDoNotShareSessions(t *testing.T) {
	p := newPage(t)
	p.signInAs("alice")
	p.browser = newBrowser(t)
	defer p.browser.CloseIdleConnections()
	if s := do[state](p, "GET", "/server/session", nil); s.Stage != "signed_out" {
		t.Errorf("the other browser is %s", s.Stage)
	}
}

func TestTraceHidesSecretsAndCutsLongTexts(t *testing.T) {
	p := newPage(t)
	p.offered()
	p.gateway.on("POST", "/v1/verifications/ver_1/check", 200, object{"approved": false, "result": "incorrect", "note": strings.Repeat("é", 500), "numbers": make([]int, 200)})
	s := do[state](p, "POST", "/server/signin/check", object{"code": "482913"})
	newest := s.Exchanges[0]
	if newest.Path != "/v1/verifications/ver_1/check" || string(newest.Request) != `{"code":"•••","session_binding":"•••"}` {
		t.Errorf("%s: %s", newest.Path, newest.Request)
	}
	if answer := string(newest.Answer); !strings.Contains(answer, strings.Repeat("é", 96)+`…"`) || strings.Contains(answer, strings.Repeat("é", 97)) {
		t.Errorf("the answer is shown as %s", answer)
	}
	if len(s.Exchanges) != 3 { // capability, verification, check
		t.Errorf("%d exchanges are shown", len(s.Exchanges))
	}
}
