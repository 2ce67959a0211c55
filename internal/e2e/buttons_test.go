package e2e

import (
	"net/http"
	"regexp"
	"testing"

	"telegate/api"
	"telegate/bot"
	"telegate/delivery"
	"telegate/linking"
	"telegate/sandbox"
	"telegate/twofa"
	"telegate/userclient"
	"telegate/userclient/datacenter"
)

// A person's account can send no buttons: it sends links that tap them, and those work once the bot is there again, for the one
// they were sent to alone.
func TestButtonsOfAPersonsAccountAreLinksThatWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tel, session := w.dataCentre()
	g := w.startText(w.withFallback(session, ""))
	w.connected()
	w.link("", "alice")
	w.link("", "bob")
	tel.Fail("auth.importBotAuthorization", datacenter.Refusal(400, "ACCESS_TOKEN_INVALID"))
	tel.Revoke(testBotID) // its way over MTProto is closed
	w.clientConnected(g.UserSession())
	w.eventually("the bot over MTProto has stopped", func() bool {
		return g.OverMTProto(testBotID).Status().State != userclient.StateConnected
	})
	w.telegram.SetFaults(sandbox.Faults{Down: true})
	var v api.Verification
	w.want(http.StatusCreated, "POST", "/v1/verifications", loginOf("alice", "s"), &v)
	m := w.shows(tel, "alice", "is your sign-in code")
	link := regexp.MustCompile(`Not me: (https://t\.me/` + testBot + `\?start=\w+)`).FindStringSubmatch(m.Text)
	if m.From != helper.ID || m.Markup != nil || link == nil {
		t.Fatalf("it came from %d with buttons %v: %s", m.From, m.Markup, m.Text)
	}
	w.telegram.SetFaults(sandbox.Faults{})
	w.eventually("the bot is back", func() bool { return g.Bot(testBotID).Status().State == bot.StateConnected })
	w.opens("bob", link[1])
	w.message("bob", "This button no longer works", w.last("bob")-1)
	w.opens("alice", link[1])
	w.message("alice", "The sign-in was stopped. Someone who knows your password", 0)
	w.want(http.StatusOK, "GET", "/v1/verifications/"+v.ID, nil, &v)
	if v.Status != string(twofa.Denied) {
		t.Errorf("the verification is %s", v.Status)
	}
	w.opens("alice", link[1])
	w.message("alice", "This button no longer works", 0)
}

func (w *world) opens(name, link string) {
	w.t.Helper()
	if err := w.telegram.Open(w.person(name).ID, link); err != nil {
		w.t.Fatal(err)
	}
}

// The links of "Connect" and "Not me" under the question do what the buttons do.
func TestAQuestionIsAnsweredByLinks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.connected()
	tap := func(callback string) string {
		return "https://t.me/" + testBot + "?start=" + delivery.Button{Callback: callback}.StartPayload()
	}
	ask := func() api.StartedLink {
		var l api.StartedLink
		w.want(http.StatusCreated, "POST", "/v1/links", api.StartLink{User: "alice"}, &l)
		after := w.last("alice")
		w.opens("alice", l.StartURL)
		w.message("alice", "Connect this Telegram chat", after)
		return l
	}
	l := ask()
	w.opens("bob", tap(linking.ButtonAccept+":"+l.ID))
	w.message("bob", "This button no longer works", 0)
	w.opens("alice", tap(linking.ButtonAccept+":"+l.ID))
	code := w.code(w.message("alice", "is the code to connect", 0))
	var c api.Confirmation
	w.want(http.StatusOK, "POST", "/v1/links/"+l.ID+"/confirm", api.ConfirmLink{Code: code}, &c)
	if !c.Verified {
		t.Errorf("confirmed: %+v", c)
	}
	denied := ask()
	w.opens("alice", tap(linking.ButtonNotMe+":"+denied.ID))
	w.message("alice", "Nothing was connected.", 0)
}
