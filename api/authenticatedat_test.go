package api_test

import (
	"fmt"
	"testing"

	"telegate/api"
	"telegate/delivery"
)

func TestALinkShowsWhenTheUserSignedIn(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	at := `"authenticated_at": "2026-11-02T08:53:30Z"`
	id := g.call("POST", "/v1/links", object{"user": "alice", "authenticated_at": "2026-11-02T09:53:30+01:00"}).is(201, `{
		"id": "lnk_…", "status": "pending", "method": "bot",
		"start_url": "https://t.me/SomeBot?start=…", "app_url": "tg://resolve?domain=SomeBot&start=…", "start_command": "/start …",
		"qr_svg": "data:image/svg+xml;base64,…", "expires_at": "2026-11-02T09:10:00Z", "expires_in": 600}`).str("id")
	g.call("GET", "/v1/links/"+id, nil).is(200, `{
		"id": "`+id+`", "domain": "", "user": "alice", "status": "pending", "method": "bot", `+at+`, "expires_in": 600}`)

	g.start(alice)
	message := g.call("POST", "/v1/messages", linkCode).str("id")
	g.ended(message, delivery.StatusDelivered, nil)
	vouched := g.call("POST", "/v1/links", object{
		"user": "bob", "handle": "@alice", "verified_by": "caller", "message": message, "authenticated_at": "2026-11-02T08:53:30Z",
	}).str("id")
	g.call("GET", "/v1/links/"+vouched, nil).is(200, `{
		"id": "`+vouched+`", "domain": "", "user": "bob", "status": "verified", "method": "caller", "label": "Alice (@alice)",
		"verified_at": "2026-11-02T09:00:00Z", `+at+`, "expires_in": 0}`)
	g.call("GET", "/v1/messaging?user=bob", nil).is(200, `{"linked":true,"usable_for_2fa":true,"usable_for_notifications":true,"reasons":[],
		"link":{"id":"`+vouched+`","status":"verified","handle":"@alice","name":"Alice","verified_at":"2026-11-02T09:00:00Z",`+at+`},"invitation":null}`)
	g.call("GET", "/v1/users", nil).is(200, `{"users":[{"user":"bob","handle":"@alice","name":"Alice","status":"verified",
		"verified_at":"2026-11-02T09:00:00Z",`+at+`}],"next":""}`)
}

func TestATimeOfSignInThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.Domains.Set(api.Domain{ID: "corp", Title: "Corp", RequireAuthenticatedAt: true, Bot: "SomeBot"})
	start := func(domain string, at any) answer {
		return g.call("POST", "/v1/links", object{"domain": domain, "user": fmt.Sprintf("user %x", fmt.Sprint(at)), "authenticated_at": at})
	}
	for _, domain := range []string{"", "corp"} {
		for _, at := range []any{
			"", "now", "yesterday", 1793610000, -1, 1.5, true, []string{}, object{}, "1793610000", "2026-11-02", "09:00:00", "2026-11-02 09:00:00Z",
			"2026-11-02T09:00:00", "2026-02-30T09:00:00Z", "2026-11-02T25:00:00Z", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z",
			"2025-11-01T08:59:59Z", "2026-11-02T09:05:01Z", "2026-11-03T09:00:00Z", "9999-12-31T23:59:59Z", "2026-11-02T09:00:00Z\x00", nil,
		} {
			start(domain, at).isFault("#/authenticated_at")
		}
	}
	for at, status := range map[string]int{
		"2026-11-02T09:00:00Z": 201, "2026-11-02T08:00:00.000Z": 201, "2026-11-02T07:59:59Z": 403, "2026-10-02T09:00:00Z": 403,
	} {
		if a := start("corp", at); a.status != status {
			t.Errorf("%s where it is required: %d %s, want %d", at, a.status, a.body, status)
		}
		if a := start("", at); a.status != 201 {
			t.Errorf("%s where it is not required: %d %s", at, a.status, a.body)
		}
	}
}

func TestADomainSaysThatItRequiresTheTimeOfSignIn(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.Domains.Set(api.Domain{ID: "corp", Title: "Corp", Msg2Factor: true, RequireAuthenticatedAt: true, Bot: "SomeBot", BotState: "connected"})
	g.call("GET", "/v1/domains", nil).is(200, `{"domains":[
		{"id":"","title":"My Server","msg2factor":true,"bot":"@SomeBot","state":"connected"},
		{"id":"corp","title":"Corp","msg2factor":true,"require_authenticated_at":true,"bot":"@SomeBot","state":"connected"},
		{"id":"off","title":"Off","msg2factor":false,"bot":"@SomeBot","state":"connected"}],
		"scopes":["link","verify","send","invite","admin"]}`)
}
