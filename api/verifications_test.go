package api_test

import (
	"fmt"
	"testing"
	"time"

	"telegate/delivery"
	"telegate/internal/gatewaytest"
	"telegate/twofa"
)

// verification is the expected answer for a verification, at 09:00 plus the time the clock was moved.
func verification(id, status string, in, remaining, sends, resendIn int, delivered string) string {
	return fmt.Sprintf(`{
		"id": %q, "domain": "", "user": "alice", "purpose": "login", "status": %q, "reported": false, "method": "code",
		"expires_at": "2026-11-02T09:05:00Z", "expires_in": %d, "attempts": {"max": 5, "remaining": %d},
		"sends": {"used": %d, "max": 3, "resend_in": %d}, "delivery": {"status": %q, "failure": null}}`,
		id, status, in, remaining, sends, resendIn, delivered)
}

func TestVerificationIsCreatedWithAllItsMembers(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.link("corp", "user//alice", alice)
	a := g.call("POST", "/v1/verifications", object{
		"domain": "corp", "user": "user//alice", "purpose": "recovery", "session_binding": "s1", "locale": "en",
		"context": object{"ip": "203.0.113.7", "user_agent": "Firefox", "location": "Madrid, ES"},
	}).is(201, `{
		"id": "ver_…", "domain": "corp", "user": "user//alice", "purpose": "recovery", "status": "pending", "reported": false,
		"method": "code", "expires_at": "2026-11-02T09:05:00Z", "expires_in": 300, "attempts": {"max": 5, "remaining": 5},
		"sends": {"used": 1, "max": 3, "resend_in": 30}, "delivery": {"status": "queued", "failure": null}}`)
	if at := a.header.Get("Location"); at != "/v1/verifications/"+a.str("id") {
		t.Errorf("Location is %q", at)
	}
}

func TestVerificationFromCreationToApproval(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.link("", "alice", alice)
	id := g.verify("alice", "s1")
	code := g.Code(alice)
	check := func(code, binding string) answer {
		t.Helper()
		return g.call("POST", "/v1/verifications/"+id+"/check", object{"code": code, "session_binding": binding})
	}
	result := func(approved bool, result string, v string, remaining int) string {
		return fmt.Sprintf(`{"approved":%v,"result":%q,"attempts_remaining":%d,"verification":%s}`, approved, result, remaining, v)
	}
	message := g.Last(alice).ID
	g.Outbox.Take(message)
	g.call("GET", "/v1/verifications/"+id, nil).is(200, verification(id, "pending", 300, 5, 1, 30, "queued"))
	g.ended(message, delivery.StatusDelivered, nil)
	g.Clock.Advance(10 * time.Second)
	g.call("GET", "/v1/verifications/"+id, nil).is(200, verification(id, "pending", 290, 5, 1, 20, "delivered"))

	check(gatewaytest.WrongCode(code), "s1").is(200, result(false, "incorrect", verification(id, "pending", 290, 4, 1, 20, "delivered"), 4))
	check(code, "s2").is(200, result(false, "binding_mismatch", verification(id, "pending", 290, 3, 1, 20, "delivered"), 3))
	check(code[:3]+"-"+code[3:], "s1").is(200, result(true, "approved", verification(id, "approved", 0, 0, 1, 0, "delivered"), 0))
	check(code, "s1").is(200, result(false, "already_used", verification(id, "approved", 0, 0, 1, 0, "delivered"), 0))
	g.call("GET", "/v1/verifications/"+id, nil).is(200, verification(id, "approved", 0, 0, 1, 0, "delivered"))
}

func TestResendAnswersTheVerificationWithItsExpiryUnmoved(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.link("", "alice", alice)
	id := g.verify("alice", "s1")
	g.Clock.Advance(30 * time.Second)
	g.call("POST", "/v1/verifications/"+id+"/resend", nil).is(200, verification(id, "pending", 270, 5, 2, 60, "queued"))
	g.Clock.Advance(60 * time.Second)
	g.call("POST", "/v1/verifications/"+id+"/resend", nil).is(200, verification(id, "pending", 210, 5, 3, 0, "queued"))
}

func TestCancelAnswersTheVerification(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.link("", "alice", alice)
	id := g.verify("alice", "s1")
	for range 2 {
		g.call("POST", "/v1/verifications/"+id+"/cancel", nil).is(200, `{
			"id": "`+id+`", "domain": "", "user": "alice", "purpose": "login", "status": "canceled", "cancel_reason": "caller",
			"reported": false, "method": "code", "expires_at": "2026-11-02T09:05:00Z", "expires_in": 0,
			"attempts": {"max": 5, "remaining": 0}, "sends": {"used": 1, "max": 3, "resend_in": 0},
			"delivery": {"status": "canceled", "failure": null}}`)
	}
}

func TestEveryEndOfAVerificationIsReported(t *testing.T) {
	t.Parallel()
	for result, end := range map[string]func(g *gateway, id string){
		"expired": func(g *gateway, _ string) { g.Clock.Advance(5 * time.Minute) },
		"exhausted": func(g *gateway, id string) {
			code := gatewaytest.WrongCode(g.Code(alice))
			for range twofa.MaxAttempts {
				g.call("POST", "/v1/verifications/"+id+"/check", object{"code": code, "session_binding": "s1"})
			}
		},
		"denied": func(g *gateway, id string) {
			if err := g.Codes.NotMe(g.T.Context(), gatewaytest.BotID, alice.ID, id); err != nil {
				g.T.Fatal(err)
			}
			var v struct{ Reported bool }
			if g.call("GET", "/v1/verifications/"+id, nil).into(&v); !v.Reported {
				g.T.Error("Not me is not reported")
			}
		},
		"canceled": func(g *gateway, id string) {
			g.verify("alice", "s1")
			if why := g.call("GET", "/v1/verifications/"+id, nil).str("cancel_reason"); why != "superseded" {
				g.T.Errorf("cancel_reason is %q", why)
			}
		},
		"failed": func(g *gateway, id string) {
			message := g.Last(alice).ID
			g.ended(message, delivery.StatusFailed, &delivery.Failure{Reason: delivery.ReasonBlockedByUser, Detail: "The person has blocked the bot."})
			if err := g.Codes.FailUndeliverable(g.T.Context(), message); err != nil {
				g.T.Fatal(err)
			}
			var v struct{ Delivery object }
			g.call("GET", "/v1/verifications/"+id, nil).into(&v)
			want := object{"status": "failed", "failure": object{"reason": "blocked_by_user", "detail": "The person has blocked the bot."}}
			if diff := diffValue("#/delivery", want, v.Delivery); diff != "" {
				g.T.Error(diff)
			}
		},
	} {
		t.Run(result, func(t *testing.T) {
			g := newGateway(t)
			g.link("", "alice", alice)
			id := g.verify("alice", "s1")
			code := g.Code(alice)
			end(g, id)
			var c struct {
				Approved     bool
				Result       string
				Verification struct{ Status string }
			}
			g.call("POST", "/v1/verifications/"+id+"/check", object{"code": code, "session_binding": "s1"}).into(&c)
			if c.Approved || c.Result != result || c.Verification.Status != result {
				t.Errorf("a right code after the end: %+v, want %s", c, result)
			}
		})
	}
}
