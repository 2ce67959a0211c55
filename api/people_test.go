package api_test

import (
	"net/http"
	"strings"

	"telegate/delivery"
	"telegate/internal/gatewaytest"
	"telegate/linking"
)

// person is a Telegram user, as the bot sees them.
func person(id int64, username string) linking.Chat {
	return gatewaytest.Person(id, username, strings.ToUpper(username[:1])+username[1:], "")
}

var (
	alice = person(501, "alice")
	bob   = person(502, "bob")
)

// start is a tap on Start without a token.
func (g *gateway) start(who linking.Chat) {
	g.T.Helper()
	if err := g.Links.ChatStarted(g.T.Context(), who); err != nil {
		g.T.Fatal(err)
	}
}

// ended records the outcome of a message, as the dispatcher does.
func (g *gateway) ended(id string, status delivery.Status, failure *delivery.Failure) {
	g.T.Helper()
	p := delivery.Progress{ID: id, Status: status, SentParts: 1, Attempts: 1, Failure: failure, Ended: g.Clock.Now()}
	if status == delivery.StatusDelivered {
		p.Transport = "bot"
	}
	if err := g.DB.SaveProgress(g.T.Context(), p); err != nil {
		g.T.Fatal(err)
	}
}

// link links a user to a chat, through the API and the chat, and returns the id of the link.
func (g *gateway) link(domain, user string, who linking.Chat) string {
	g.T.Helper()
	started := g.call("POST", "/v1/links", object{"domain": domain, "user": user})
	id := started.str("id")
	g.Claim(who, started.str("start_url"))
	g.Accept(who, id)
	g.call("POST", "/v1/links/"+id+"/confirm", object{"code": g.Code(who)}).
		is(200, `{"verified":true,"result":"verified","attempts_remaining":4}`)
	return id
}

// login is the body that starts a verification.
func login(user, binding string) object {
	return object{"user": user, "purpose": "login", "session_binding": binding}
}

// verify starts a verification for a linked user and returns its id.
func (g *gateway) verify(user, binding string) string {
	g.T.Helper()
	a := g.call("POST", "/v1/verifications", login(user, binding))
	if a.status != http.StatusCreated {
		g.T.Fatalf("create verification: %d %s", a.status, a.body)
	}
	return a.str("id")
}
