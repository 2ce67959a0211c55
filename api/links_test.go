package api_test

import (
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"
	"time"

	"rsc.io/qr"

	"telegate/delivery"
	"telegate/internal/gatewaytest"
	"telegate/linking"
)

func TestLinkByBotFromStartToConfirmation(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	started := g.call("POST", "/v1/links", object{
		"domain": "corp", "user": "user//alice", "display_name": "Alice", "locale": "en", "session_binding": "s1",
	}).is(201, `{
		"id": "lnk_…", "status": "pending", "method": "bot",
		"start_url": "https://t.me/SomeBot?start=…", "app_url": "tg://resolve?domain=SomeBot&start=…", "start_command": "/start …",
		"qr_svg": "data:image/svg+xml;base64,…", "expires_at": "2026-11-02T09:10:00Z", "expires_in": 600}`)
	id := started.str("id")
	if at := started.header.Get("Location"); at != "/v1/links/"+id {
		t.Errorf("Location is %q", at)
	}
	token := strings.TrimPrefix(started.str("start_command"), "/start ")
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`).MatchString(token) {
		t.Errorf("the token %q is not 32 bytes in base64url", token)
	}
	if !strings.HasSuffix(started.str("start_url"), "="+token) || !strings.HasSuffix(started.str("app_url"), "="+token) {
		t.Error("the three ways do not carry one token")
	}

	g.Clock.Advance(time.Minute)
	g.call("GET", "/v1/links/"+id, nil).is(200, `{
		"id": "`+id+`", "domain": "corp", "user": "user//alice", "status": "pending", "method": "bot", "expires_in": 540}`)
	confirm := func(code, binding string) answer {
		t.Helper()
		return g.call("POST", "/v1/links/"+id+"/confirm", object{"code": code, "session_binding": binding})
	}
	confirm("123456", "s1").is(200, `{"verified":false,"result":"not_claimed","attempts_remaining":5}`)

	g.Claim(alice, started.str("start_url"))
	g.call("GET", "/v1/links/"+id, nil).is(200, `{
		"id": "`+id+`", "domain": "corp", "user": "user//alice", "status": "claimed", "method": "bot", "label": "Alice (@alice)", "expires_in": 540}`)

	g.Accept(alice, id)
	code := g.Code(alice)
	confirm(gatewaytest.WrongCode(code), "s1").is(200, `{"verified":false,"result":"incorrect","attempts_remaining":4}`)
	confirm(code, "s2").is(200, `{"verified":false,"result":"binding_mismatch","attempts_remaining":3}`)
	typed := code[:3] + " " + code[3:5] + "-" + code[5:]
	confirm(typed, "s1").is(200, `{"verified":true,"result":"verified","attempts_remaining":2}`)
	confirm(code, "s1").is(200, `{"verified":false,"result":"already_used","attempts_remaining":2}`)
	g.call("GET", "/v1/links/"+id, nil).is(200, `{
		"id": "`+id+`", "domain": "corp", "user": "user//alice", "status": "verified", "method": "bot", "label": "Alice (@alice)",
		"verified_at": "2026-11-02T09:01:00Z", "expires_in": 0}`)
}

func TestLinkByHandle(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.start(alice)
	a := g.call("POST", "/v1/links", object{"user": "user//alice", "handle": "https://t.me/Alice"}).is(201, `{
		"id": "lnk_…", "status": "claimed", "method": "handle", "label": "Alice (@alice)",
		"expires_at": "2026-11-02T09:10:00Z", "expires_in": 600}`)
	g.call("POST", "/v1/links/"+a.str("id")+"/confirm", object{"code": g.Code(alice)}).
		is(200, `{"verified":true,"result":"verified","attempts_remaining":4}`)
}

func TestEveryEndOfALinkIsReported(t *testing.T) {
	t.Parallel()
	const closed = `{"verified":false,"result":"%s","attempts_remaining":%d}`
	for result, c := range map[string]struct {
		end       func(g *gateway, id string)
		status    string
		remaining int
	}{
		"expired": {func(g *gateway, _ string) { g.Clock.Advance(linking.Lifetime) }, "expired", 5},
		"exhausted": {func(g *gateway, id string) {
			code := gatewaytest.WrongCode(g.Code(alice))
			for range linking.ConfirmAttempts {
				g.call("POST", "/v1/links/"+id+"/confirm", object{"code": code})
			}
		}, "exhausted", 0},
		"denied": {func(g *gateway, id string) {
			if err := g.Links.NotMe(g.T.Context(), gatewaytest.BotID, alice.ID, id); err != nil {
				g.T.Fatal(err)
			}
		}, "denied", 5},
		"canceled": {func(g *gateway, _ string) { g.call("POST", "/v1/links", object{"user": "alice"}) }, "canceled", 5},
	} {
		t.Run(result, func(t *testing.T) {
			g := newGateway(t)
			started := g.call("POST", "/v1/links", object{"user": "alice"})
			id := started.str("id")
			g.Claim(alice, started.str("start_url"))
			g.Accept(alice, id)
			code := g.Code(alice)
			c.end(g, id)
			g.call("POST", "/v1/links/"+id+"/confirm", object{"code": code}).is(200, fmt.Sprintf(closed, result, c.remaining))
			a := g.call("GET", "/v1/links/"+id, nil)
			if got := a.str("status"); got != c.status {
				t.Errorf("the link is %s, want %s", got, c.status)
			}
		})
	}
}

// The image is compared module by module with the QR code of the same text.
func TestQRCodeIsTheStartURL(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	started := g.call("POST", "/v1/links", object{"user": "alice"})
	svg, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(started.str("qr_svg"), "data:image/svg+xml;base64,"))
	if err != nil {
		t.Fatal(err)
	}
	var picture struct {
		XMLName xml.Name `xml:"http://www.w3.org/2000/svg svg"`
		ViewBox string   `xml:"viewBox,attr"`
		Paths   []struct {
			D    string `xml:"d,attr"`
			Fill string `xml:"fill,attr"`
		} `xml:"path"`
	}
	if err := xml.Unmarshal(svg, &picture); err != nil || len(picture.Paths) != 2 {
		t.Fatalf("not the picture: %v\n%s", err, svg)
	}
	want, err := qr.Encode(started.str("start_url"), qr.M)
	if err != nil {
		t.Fatal(err)
	}
	if box := fmt.Sprintf("0 0 %d %[1]d", want.Size+8); picture.ViewBox != box || picture.Paths[0].Fill != "#fff" {
		t.Errorf("the quiet zone: viewBox %q over %q, want %q over white", picture.ViewBox, picture.Paths[0].Fill, box)
	}
	black, drawn := map[string]bool{}, map[string]bool{}
	for y := range want.Size {
		for x := range want.Size {
			if want.Black(x, y) {
				black[fmt.Sprintf("M%d %dh1v1h-1z", x+4, y+4)] = true
			}
		}
	}
	for _, module := range strings.SplitAfter(picture.Paths[1].D, "z") {
		if module != "" {
			drawn[module] = true
		}
	}
	if !maps.Equal(black, drawn) {
		t.Error("the modules are not those of the code")
	}
}

// A server that makes and checks its own codes sends the id of the message with the code. The chat that got it is linked to the
// user, even if the username changes its owner.
func TestLinkOnTheCallersWord(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.start(alice)
	vouch := func(key string, body object) answer {
		t.Helper()
		for member, v := range map[string]any{"domain": "corp", "user": "user/corp/alice", "handle": "@alice", "verified_by": "caller"} {
			if _, ok := body[member]; !ok {
				body[member] = v
			}
		}
		return g.as(key, "POST", "/v1/links", body)
	}
	id := g.call("POST", "/v1/messages", object{"domain": "corp", "to": "@@alice", "text": "123456 is your code", "lane": "code", "purpose": "link"}).str("id")
	g.ended(id, delivery.StatusDelivered, nil)

	// Only a key that could have sent the code can vouch for it, and it must give all members.
	if p := vouch(keyLink, object{"message": id}).isProblem(403, "insufficient-scope"); p.RequiredScope != "send" {
		t.Errorf("the scope that is missing: %q", p.RequiredScope)
	}
	vouch(keySend, object{"message": id}).isProblem(403, "insufficient-scope")
	for pointer, body := range map[string]object{
		"#/message":         {},
		"#/handle":          {"message": id, "handle": ""},
		"#/verified_by":     {"message": id, "verified_by": ""},
		"#/session_binding": {"message": id, "session_binding": "s"},
	} {
		vouch(keyAll, body).isFault(pointer)
	}

	linked := vouch(keyAll, object{"message": id, "display_name": "Alice"}).is(201, `{
		"id":"lnk_…","status":"verified","method":"caller","label":"Alice (@alice)","expires_at":"2026-11-02T09:00:00Z","expires_in":0}`)
	again := vouch(keyAll, object{"message": id}) // the answer was lost: the same call returns the same link
	if again.status != 201 || again.str("id") != linked.str("id") {
		t.Errorf("again: %d %s", again.status, again.body)
	}
	for reason, body := range map[string]object{
		"used": {"message": id, "user": "user/corp/mallory"}, "unknown_message": {"message": id, "domain": ""},
	} {
		if p := vouch(keyAll, body).isProblem(409, "proof-refused"); p.Reason != reason {
			t.Errorf("refused because of %q, want %q", p.Reason, reason)
		}
	}

	g.start(person(999, "alice")) // the username changes its owner
	g.call("POST", "/v1/messages", object{"domain": "corp", "user": "user/corp/alice", "text": "654321", "lane": "code", "purpose": "login"}).
		is(202, `{"id":"msg_…","status":"queued"}`)
	if text := g.Last(alice).Body.Parts[0].Text.Text; text != "654321" {
		t.Errorf("alice's chat got %q", text)
	}
}
