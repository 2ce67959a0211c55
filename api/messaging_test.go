package api_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"telegate/api"
	"telegate/delivery"
	"telegate/internal/gatewaytest"
	"telegate/twofa"
)

const (
	noLink  = `{"linked":false,"usable_for_2fa":false,"usable_for_notifications":false,"reasons":["not_linked"],"link":null,"invitation":null}`
	invited = `{"linked":false,"usable_for_2fa":false,"usable_for_notifications":false,"reasons":["not_linked"],"link":null,
		"invitation":{"handle":"@alice","created_at":"2026-11-02T09:00:00Z"}}`
)

// capability is the answer of GET /v1/messaging for a linked user.
func capability(link string, usable2FA, usableNotify bool, status string, reasons string) string {
	return fmt.Sprintf(`{"linked":true,"usable_for_2fa":%v,"usable_for_notifications":%v,"reasons":[%s],"invitation":null,
		"link":{"id":%q,"status":%q,"handle":"@alice","name":"Alice","verified_at":"2026-11-02T09:00:00Z"}}`,
		usable2FA, usableNotify, reasons, link, status)
}

func TestMessagingExplainsWhatWorks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		domain            string
		change            func(g *gateway)
		usable, notify    bool
		status, reasonsIn string
	}{
		"all well":                      {"", func(*gateway) {}, true, true, "verified", ``},
		"msg2factor":                    {"off", func(*gateway) {}, false, true, "verified", `"msg2factor_disabled"`},
		"offline":                       {"", func(g *gateway) { g.Domains.SetOffline(true) }, false, true, "verified", `"transport_down"`},
		"its bot is configured no more": {"", func(g *gateway) { g.Domains.ChangeBot() }, false, false, "verified", `"transport_down"`},
		"blocked": {"", func(g *gateway) {
			if err := g.Links.ChatBlocked(g.T.Context(), gatewaytest.BotID, alice.ID); err != nil {
				g.T.Fatal(err)
			}
		}, false, false, "suspended", `"chat_blocked_bot"`},
		"after Not me": {"", func(g *gateway) {
			if err := g.Codes.NotMe(g.T.Context(), gatewaytest.BotID, alice.ID, g.verify("alice", "s")); err != nil {
				g.T.Fatal(err)
			}
		}, false, true, "verified", `"cooling_off"`},
		"too many wrong codes": {"", suspend, false, true, "suspended", `"link_suspended"`},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t)
			link := g.link(c.domain, "alice", alice)
			c.change(g)
			g.call("GET", "/v1/messaging?domain="+c.domain+"&user=alice", nil).
				is(200, capability(link, c.usable, c.notify, c.status, c.reasonsIn))
		})
	}
}

// suspend sends wrong codes until alice's link is suspended, and moves the clock to stay within all limits.
func suspend(g *gateway) {
	for wrongs := 0; wrongs < twofa.SuspendAt; {
		g.Clock.Advance(6 * time.Minute)
		a := g.call("POST", "/v1/verifications", login("alice", "s"))
		if a.status != 201 {
			g.Clock.Advance(24 * time.Hour)
			continue
		}
		id, code := a.str("id"), gatewaytest.WrongCode(g.Code(alice))
		for range twofa.MaxAttempts {
			c := g.call("POST", "/v1/verifications/"+id+"/check", object{"code": code, "session_binding": "s"})
			if c.status != 200 {
				break
			}
			wrongs++
		}
	}
}

func TestUnknownUserIsNotLinked(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.call("GET", "/v1/messaging?user=alice", nil).is(200, noLink)
	g.call("GET", "/v1/messaging?domain=&user=alice", nil).is(200, noLink)
}

func TestInvitationEndsWithTheLink(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.call("PUT", "/v1/messaging", object{"domain": "", "user": "alice", "handle": "t.me/alice"}).is(200, invited)
	g.call("GET", "/v1/messaging?user=alice", nil).is(200, invited)
	link := g.link("", "alice", alice)
	g.call("GET", "/v1/messaging?user=alice", nil).is(200, capability(link, true, true, "verified", ""))
}

func TestUnlinkOnceAndNoMore(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	link := g.link("", "alice", alice)
	if a := g.call("DELETE", "/v1/messaging?domain=&user=alice", nil); a.status != 204 || a.body != "" {
		t.Fatalf("unlink: %d %s", a.status, a.body)
	}
	g.call("GET", "/v1/messaging?user=alice", nil).is(200, noLink)
	if got := g.call("GET", "/v1/links/"+link, nil); got.str("status") != "revoked" || got.str("reason") != "unlinked" {
		t.Errorf("the link: %s", got.body)
	}
	g.call("DELETE", "/v1/messaging?domain=&user=alice", nil).isProblem(404, "not-found")
}

func TestDomainsAreThoseOfTheKey(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	corp := `{"id":"corp","title":"Corp","msg2factor":true,"bot":"@SomeBot","state":"connected"}`
	g.as(keyCorp, "GET", "/v1/domains", nil).is(200, `{"domains":[`+corp+`],"scopes":["link","verify","send","invite","admin"]}`)
	off, _ := g.Domains.Domain("off")
	off.Bot, off.BotState = "", "unauthorized"
	g.Domains.Set(off)
	g.as(keySend, "GET", "/v1/domains", nil).is(200, `{"domains":[
		{"id":"","title":"My Server","msg2factor":true,"bot":"@SomeBot","state":"connected"}, `+corp+`,
		{"id":"off","title":"Off","msg2factor":false,"bot":"","state":"unauthorized"}],"scopes":["send"]}`)
	off.BotState, off.Unavailable = "connected", []string{"deep_link", "buttons", "commands"}
	g.Domains.Set(off)
	g.as(keySend, "GET", "/v1/domains", nil).is(200, `{"domains":[
		{"id":"","title":"My Server","msg2factor":true,"bot":"@SomeBot","state":"connected"}, `+corp+`,
		{"id":"off","title":"Off","msg2factor":false,"bot":"","state":"connected","unavailable":["deep_link","buttons","commands"],
			"unavailable_detail":"`+api.WithoutBot+`"}],"scopes":["send"]}`)
}

func TestUsersArePagedAndSearched(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.call("GET", "/v1/users", nil).is(200, `{"users":[],"next":""}`)
	nameless := person(503, "x")
	nameless.Username, nameless.FirstName = "", "Zoë"
	g.link("", "u1", alice)
	g.link("", "u2", bob)
	g.link("", "u3", nameless)
	g.link("corp", "u4", alice)

	u1 := `{"user":"u1","handle":"@alice","name":"Alice","status":"verified","verified_at":"2026-11-02T09:00:00Z"}`
	u2 := `{"user":"u2","handle":"@bob","name":"Bob","status":"verified","verified_at":"2026-11-02T09:00:00Z"}`
	u3 := `{"user":"u3","handle":"","name":"Zoë","status":"verified","verified_at":"2026-11-02T09:00:00Z"}`
	g.call("GET", "/v1/users?limit=2", nil).is(200, `{"users":[`+u1+`,`+u2+`],"next":"u2"}`)
	g.call("GET", "/v1/users?limit=2&after=u2", nil).is(200, `{"users":[`+u3+`],"next":""}`)
	g.call("GET", "/v1/users?limit=3", nil).is(200, `{"users":[`+u1+`,`+u2+`,`+u3+`],"next":""}`)
	for query, want := range map[string]string{"u1": u1, "BOB": u2, "Zoë": u3, "ZOË": u3, "%": "", "_": "", "nobody": ""} {
		g.call("GET", "/v1/users?query="+url.QueryEscape(query), nil).is(200, `{"users":[`+want+`],"next":""}`)
	}

	// Users who have not confirmed a handle are sorted with all others, and a page can end anywhere.
	for user, handle := range map[string]string{"u0": "@dora", "u2": "@bob_new", "u25": "@dave"} {
		g.call("PUT", "/v1/messaging", object{"user": user, "handle": handle})
	}
	invitation := func(handle string) string {
		return `"invitation":{"handle":"` + handle + `","created_at":"2026-11-02T09:00:00Z"}}`
	}
	u0 := `{"user":"u0","handle":"","name":"","status":"invited","verified_at":null,` + invitation("@dora")
	u2 = strings.TrimSuffix(u2, "}") + "," + invitation("@bob_new")
	u25 := `{"user":"u25","handle":"","name":"","status":"invited","verified_at":null,` + invitation("@dave")
	for _, limit := range []int{1, 2, 3, 4, 5} {
		after := ""
		for page := range slices.Chunk([]string{u0, u1, u2, u25, u3}, limit) {
			var list api.UserList
			a := g.call("GET", fmt.Sprintf("/v1/users?limit=%d&after=%s", limit, after), nil)
			a.into(&list)
			after = list.Next
			a.is(200, `{"users":[`+strings.Join(page, ",")+`],"next":"`+after+`"}`)
		}
		if after != "" {
			t.Errorf("pages of %d do not end: there is something after %q", limit, after)
		}
	}
	// Whatever part of a user the query matches, the whole user is shown.
	for query, want := range map[string]string{"u0": u0, "DAVE": u25, "bob_new": u2, "Bob": u2} {
		g.call("GET", "/v1/users?query="+url.QueryEscape(query), nil).is(200, `{"users":[`+want+`],"next":""}`)
	}
	for _, limit := range []string{"0", "1001", "-1", "many", "1.5"} {
		g.call("GET", "/v1/users?limit="+limit, nil).isFault("query/limit")
	}
}

// While Telegram has asked to wait, the answers say when a code or message comes, as a time and in seconds. Otherwise they promise
// nothing, and what has ended waits for nothing.
func TestWhatMustWaitSaysWhenItComes(t *testing.T) {
	t.Parallel()
	g := linked(t)
	type promise struct {
		At *time.Time `json:"expected_at"`
		In int        `json:"expected_in"`
	}
	check := func(name string, got promise, want time.Time) {
		t.Helper()
		switch {
		case want.IsZero() != (got.At == nil), want.IsZero() && got.In != 0:
			t.Errorf("%s: %+v, want %v", name, got, want)
		case !want.IsZero() && (!got.At.Equal(want) || got.In != int(want.Sub(g.Clock.Now()).Seconds())):
			t.Errorf("%s: %v in %d s, want %v", name, got.At, got.In, want)
		}
	}
	verification := g.verify("alice", "s1")
	code := g.Last(alice).ID
	message := g.call("POST", "/v1/messages", object{"user": "alice", "text": "hello"}).str("id")
	checkAll := func(when string, ofCode, ofMessage, ofNext time.Time) {
		t.Helper()
		var v struct{ Delivery promise }
		g.call("GET", "/v1/verifications/"+verification, nil).into(&v)
		check(when+": the code", v.Delivery, ofCode)
		var m, next promise
		g.call("GET", "/v1/messages/"+message, nil).into(&m)
		check(when+": the message", m, ofMessage)
		g.call("GET", "/v1/messaging?user=alice", nil).into(&next)
		check(when+": the next code", next, ofNext)
	}
	now := g.Clock.Now()
	checkAll("at once", time.Time{}, time.Time{}, time.Time{})
	g.expected = map[delivery.Waiting]time.Time{
		{MessageID: code}: now.Add(57 * time.Second), {MessageID: message}: now.Add(3 * time.Hour),
		{BotID: gatewaytest.BotID, ChatID: alice.ID}: now.Add(58 * time.Second),
	}
	checkAll("in a pause", now.Add(57*time.Second), now.Add(3*time.Hour), now.Add(58*time.Second))
	var who struct {
		Messaging promise
		Summary   []string
	}
	g.call("GET", "/v1/trace?user=alice", nil).into(&who)
	if !slices.Contains(who.Summary, "A code that is asked for now must wait: it is sent at 2026-11-02T09:00:58Z at the latest.") {
		t.Errorf("the trace does not say so: %q", who.Summary)
	}
	check("in the trace", who.Messaging, now.Add(58*time.Second))
	g.ended(code, delivery.StatusDelivered, nil)
	g.ended(message, delivery.StatusDelivered, nil)
	checkAll("ended", time.Time{}, time.Time{}, now.Add(58*time.Second))
	g.Clock.Advance(2 * time.Minute)
	checkAll("after the pause", time.Time{}, time.Time{}, time.Time{})
}
