package api_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"telegate/delivery"
	"telegate/linking"
)

// person is a Telegram user, as the bot sees them.
func person(id int64, username string) linking.Chat {
	return linking.Chat{
		BotID: botID, ID: id, Type: "private", Username: username,
		FirstName: strings.ToUpper(username[:1]) + username[1:], Language: "en",
	}
}

var (
	alice = person(501, "alice")
	bob   = person(502, "bob")
)

// open is a tap on a deep link: the chat claims the token.
func (g *gateway) open(who linking.Chat, startURL string) {
	g.t.Helper()
	u, err := url.Parse(startURL)
	if err != nil {
		g.t.Fatal(err)
	}
	if err := g.links.Claim(g.t.Context(), who, u.Query().Get("start")); err != nil {
		g.t.Fatal(err)
	}
}

// accept is a tap on Link.
func (g *gateway) accept(who linking.Chat, linkID string) {
	g.t.Helper()
	if err := g.links.Accept(g.t.Context(), botID, who.ID, linkID); err != nil {
		g.t.Fatal(err)
	}
}

// start is a tap on Start without a token.
func (g *gateway) start(who linking.Chat) {
	g.t.Helper()
	if err := g.links.ChatStarted(g.t.Context(), who); err != nil {
		g.t.Fatal(err)
	}
}

// last is the newest queued message to a chat.
func (g *gateway) last(who linking.Chat) delivery.Message {
	g.t.Helper()
	queued, err := g.db.Waiting(g.t.Context(), 0, 1000)
	if err != nil {
		g.t.Fatal(err)
	}
	for _, q := range slices.Backward(queued) {
		if q.ChatID == who.ID {
			m, err := g.db.Load(g.t.Context(), q.ID)
			if err != nil {
				g.t.Fatal(err)
			}
			return m
		}
	}
	g.t.Fatalf("nothing waits for %s", who.Username)
	return delivery.Message{}
}

var codeShape = regexp.MustCompile(`^[0-9]{6}\b`)

// code is the code in the newest message to a chat.
func (g *gateway) code(who linking.Chat) string {
	g.t.Helper()
	text := g.last(who).Body.Parts[0].Text.Text
	code := codeShape.FindString(text)
	if code == "" {
		g.t.Fatalf("no code in %q", text)
	}
	return code
}

// wrong is a wrong code.
func wrong(code string) string {
	if code == "000000" {
		return "000001"
	}
	return "000000"
}

// ended records the outcome of a message, as the dispatcher does.
func (g *gateway) ended(id string, status delivery.Status, failure *delivery.Failure) {
	g.t.Helper()
	p := delivery.Progress{ID: id, Status: status, SentParts: 1, Attempts: 1, Failure: failure, Ended: g.clock.Now()}
	if status == delivery.StatusDelivered {
		p.Transport = "bot"
	}
	if err := g.db.SaveProgress(g.t.Context(), p); err != nil {
		g.t.Fatal(err)
	}
}

// link links a user to a chat, through the API and the chat, and returns the id of the link.
func (g *gateway) link(domain, user string, who linking.Chat) string {
	g.t.Helper()
	started := g.call("POST", "/v1/links", object{"domain": domain, "user": user})
	id := started.str("id")
	g.open(who, started.str("start_url"))
	g.accept(who, id)
	g.call("POST", "/v1/links/"+id+"/confirm", object{"code": g.code(who)}).
		is(200, `{"verified":true,"result":"verified","attempts_remaining":4}`)
	return id
}

// login is the body that starts a verification.
func login(user, binding string) object {
	return object{"user": user, "purpose": "login", "session_binding": binding}
}

// verify starts a verification for a linked user and returns its id.
func (g *gateway) verify(user, binding string) string {
	g.t.Helper()
	a := g.call("POST", "/v1/verifications", login(user, binding))
	if a.status != http.StatusCreated {
		g.t.Fatalf("create verification: %d %s", a.status, a.body)
	}
	return a.str("id")
}
