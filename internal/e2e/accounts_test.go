package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"telegate/api"
	"telegate/bot"
	"telegate/delivery"
	"telegate/gateway"
	"telegate/linking"
	"telegate/sandbox"
	"telegate/userclient"
	"telegate/userclient/datacenter"
)

const (
	testAppHash = "0123456789abcdef0123456789abcdef"
	testBotID   = 2000000002
)

// helper is the account that telegate may use.
var helper = datacenter.Account{ID: 810000001, AccessHash: 71, Username: "helper_tg", Name: "Helper", Phone: "+34611111111"}

// dataCentres bounds how many tests talk to data centres of their own side by side: agreeing on a key takes a second of computing, and
// the program gives it 15.
var dataCentres = make(chan struct{}, (parallel+1)/3)

// dataCentre gives a world Telegram's data centres beside the simulated Bot API, with the same people and bot, and the helper.
// It returns the helper's session.
func (w *world) dataCentre() (tel *datacenter.Telegram, session string) {
	w.t.Helper()
	dataCentres <- struct{}{}
	w.t.Cleanup(func() { <-dataCentres })
	tel = datacenter.Start(w.t, 2)
	tel.Add(helper, datacenter.Account{ID: testBotID, AccessHash: 72, Username: testBot, Name: "Test Bot", Token: testToken})
	for _, p := range w.telegram.People() {
		tel.Add(datacenter.Account{ID: p.ID, AccessHash: 1000 + p.ID, Username: p.Username, Name: p.FirstName, Phone: fmt.Sprintf("+346%08d", p.ID%100000000)})
	}
	w.servers = tel.Servers()
	s, _, err := userclient.StartSignIn(w.t.Context(), userclient.App{ID: 1234567, Hash: testAppHash, Servers: w.servers})
	if err != nil {
		w.t.Fatal(err)
	}
	defer s.Cancel()
	if _, err := s.Phone(w.t.Context(), helper.Phone); err != nil {
		w.t.Fatal(err)
	}
	step, err := s.Code(w.t.Context(), tel.Code(helper.Phone))
	if err != nil || step.Done == nil {
		w.t.Fatalf("sign in: %+v, %v", step, err)
	}
	return tel, step.Done.Session.Encode()
}

// withFallback is the configuration with a fallback: the bot over MTProto, and with a session the account too.
func (w *world) withFallback(session, more string) string {
	text := fmt.Sprintf("apiid = 1234567\napihash = %q\n", testAppHash)
	if session != "" {
		text += fmt.Sprintf("session = %q\n", session)
	}
	text += "[messaging.telegram.fallback]\nenabled = true\n" + more + "\n[domains.\"\"]"
	return strings.Replace(w.configText("127.0.0.1:0"), `[domains.""]`, text, 1)
}

// alone is the configuration without a bot.
func (w *world) alone(session, more string) string {
	text := w.configText("127.0.0.1:0")
	text = strings.Replace(text, fmt.Sprintf("bottoken = %q", testToken),
		fmt.Sprintf("apiid = 1234567\napihash = %q\nsession = %q", testAppHash, session), 1)
	return strings.Replace(text, "[limits]\n", "[limits]\n"+more+"\n", 1)
}

func (w *world) clientConnected(c *userclient.Client) {
	w.t.Helper()
	w.eventually(c.Name()+" is connected", func() bool { return c.Status().State == userclient.StateConnected })
}

// sentTo are the messages that have come to somebody through the data centres, and hold a phrase.
func (w *world) sentTo(tel *datacenter.Telegram, name, phrase string) []datacenter.Sent {
	var list []datacenter.Sent
	for _, m := range tel.Sent() {
		if m.To == w.person(name).ID && strings.Contains(m.Text, phrase) {
			list = append(list, m)
		}
	}
	return list
}

func (w *world) shows(tel *datacenter.Telegram, name, phrase string) datacenter.Sent {
	w.t.Helper()
	w.eventually(name+" is shown "+phrase, func() bool { return len(w.sentTo(tel, name, phrase)) > 0 })
	return w.sentTo(tel, name, phrase)[0]
}

// signInOver asks for a code and takes it from the data centres.
func (w *world) signInOver(tel *datacenter.Telegram, name, binding string) (code string, took time.Duration) {
	w.t.Helper()
	before, began := len(w.sentTo(tel, name, "is your sign-in code")), time.Now()
	var v api.Verification
	w.want(http.StatusCreated, "POST", "/v1/verifications", loginOf(name, binding), &v)
	w.eventually("a code has come", func() bool { return len(w.sentTo(tel, name, "is your sign-in code")) > before })
	took = time.Since(began)
	code = codePattern.FindString(w.sentTo(tel, name, "is your sign-in code")[before].Text)
	var c api.Check
	w.want(http.StatusOK, "POST", "/v1/verifications/"+v.ID+"/check", api.CheckCode{Code: code, SessionBinding: binding}, &c)
	if !c.Approved {
		w.t.Fatalf("the code was not approved: %+v", c)
	}
	return code, took
}

// The Bot API fails while a code is due, in whatever way: the code arrives through the bot itself over MTProto, once and soon.
func TestACodeArrivesOverMTProtoWhileTheBotAPIIsGone(t *testing.T) {
	w := newWorld(t)
	tel, _ := w.dataCentre()
	g := w.startText(w.withFallback("", ""))
	w.connected()
	w.link("", "alice")
	w.link("", "bob")
	w.clientConnected(g.OverMTProto(testBotID))
	for i, fault := range []struct {
		name  string
		f     sandbox.Faults
		limit time.Duration
	}{
		{"down", sandbox.Faults{Down: true}, 3 * time.Second},
		{"hanging", sandbox.Faults{Hang: true}, 5 * time.Second},
		{"500", sandbox.Faults{ServerError: true}, 3 * time.Second},
		{"401", sandbox.Faults{Unauthorized: true}, 3 * time.Second},
	} {
		w.telegram.SetFaults(fault.f)
		name := []string{"alice", "bob"}[i%2] // who may not sign in too often
		code, took := w.signInOver(tel, name, fault.name)
		t.Logf("%s: the code took %v", fault.name, took)
		if took > fault.limit {
			t.Errorf("%s: the code took %v, at most %v", fault.name, took, fault.limit)
		}
		w.telegram.SetFaults(sandbox.Faults{})
		w.eventually("the bot is back", func() bool { return g.Bot(testBotID).Status().State == bot.StateConnected })
		time.Sleep(200 * time.Millisecond)
		if n := len(w.sentTo(tel, name, code)); n != 1 || len(tel.Sent()) != i+1 {
			t.Errorf("%s: the code came %d times", fault.name, n)
		}
	}
	if m := tel.Sent()[0]; m.From != testBotID || m.Markup == nil {
		t.Errorf("it came from %d with buttons %v, want the bot itself with its buttons", m.From, m.Markup)
	}
}

// Without the bot over MTProto a person's account helps out, to the linked numeric id alone, and no oftener than its cap allows.
func TestThePersonsAccountHelpsOutWithinItsRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tel, session := w.dataCentre()
	g := w.startText(w.withFallback(session, "per_day = 2"))
	w.connected()
	w.link("", "alice")
	w.link("", "bob")
	tel.Revoke(testBotID) // its way over MTProto is closed
	w.clientConnected(g.UserSession())
	w.eventually("the bot over MTProto has stopped", func() bool {
		return g.OverMTProto(testBotID).Status().State != userclient.StateConnected
	})
	tel.Fail("auth.importBotAuthorization", datacenter.Refusal(400, "ACCESS_TOKEN_INVALID"))
	tel.Rename(w.person("bob").ID, "")
	tel.Add(datacenter.Account{ID: 810000009, AccessHash: 79, Username: "bob_tg", Name: "Mallory", Phone: "+34600000009"})
	w.telegram.SetFaults(sandbox.Faults{Down: true})

	var v api.Verification
	w.want(http.StatusCreated, "POST", "/v1/verifications", loginOf("bob", "s"), &v)
	w.signInOver(tel, "alice", "one")
	w.signInOver(tel, "alice", "two")
	if m := w.sentTo(tel, "alice", "is your sign-in code")[0]; m.From != helper.ID || m.Markup != nil {
		t.Errorf("it came from %d with buttons %v, want the helper without", m.From, m.Markup)
	}
	var third api.Verification
	w.want(http.StatusCreated, "POST", "/v1/verifications", loginOf("alice", "three"), &third)
	time.Sleep(time.Second)
	if n := len(w.sentTo(tel, "alice", "is your sign-in code")); n != 2 {
		t.Errorf("%d codes came through the account, its cap is 2", n)
	}
	for _, m := range tel.Sent() {
		if m.To == 810000009 || m.To == w.person("bob").ID {
			t.Errorf("bob's code went to %d, and his name has changed hands", m.To)
		}
	}
	if s := w.log.String(); strings.Contains(s, session) {
		t.Error("the session stands in the log")
	}
}

// An account that Telegram limits is turned off, and that is said.
func TestALimitedAccountIsTurnedOffAndSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tel, session := w.dataCentre()
	g := w.startText(w.withFallback(session, ""))
	w.connected()
	w.link("", "alice")
	w.clientConnected(g.UserSession())
	tel.Fail("messages.sendMessage", datacenter.Refusal(400, "PEER_FLOOD"))
	err := g.UserSession().Send(t.Context(), delivery.Recipient{ChatID: w.person("alice").ID, Lane: delivery.LaneCode, MessageID: "m"},
		delivery.Part{Text: delivery.Plain("hello")})
	if err == nil {
		t.Fatal("it was sent")
	}
	health := componentOf(g, t, "user session")
	if health.State != "limited" || health.Status != api.HealthDegraded || !strings.Contains(health.Detail, "@SpamBot") {
		t.Errorf("health: %+v", health)
	}
	if !strings.Contains(w.log.String(), "Telegram account cannot send.") {
		t.Error("the log does not say so")
	}
	if got := metricsOf(w); !strings.Contains(got, `telegate_account_state{account="user session",state="limited"} 1`) {
		t.Errorf("the metrics do not say so")
	}
}

func componentOf(g *gateway.Gateway, t *testing.T, name string) api.Component {
	t.Helper()
	for _, c := range g.Health(t.Context()) {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("health has no %q", name)
	return api.Component{}
}

func metricsOf(w *world) string {
	_, data, err := w.try("GET", "/metrics", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(data)
}

// linkByHandle links a user by the username, all the way, over the data centres.
func (w *world) linkByHandle(tel *datacenter.Telegram, name string) {
	w.t.Helper()
	before := len(w.sentTo(tel, name, "is the code to connect"))
	var started api.StartedLink
	w.want(http.StatusCreated, "POST", "/v1/links", api.StartLink{User: name, Handle: "@" + name + "_tg"}, &started)
	w.eventually("a code has come", func() bool { return len(w.sentTo(tel, name, "is the code to connect")) > before })
	code := codePattern.FindString(w.sentTo(tel, name, "is the code to connect")[before].Text)
	var c api.Confirmation
	w.want(http.StatusOK, "POST", "/v1/links/"+started.ID+"/confirm", api.ConfirmLink{Code: code}, &c)
	if !c.Verified {
		w.t.Fatalf("the link was not verified: %+v", c)
	}
}

// With a session and no bot the whole product works over MTProto, and says what it does not have.
func TestUserMode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tel, session := w.dataCentre()
	g := w.startText(w.alone(session, "user_broadcasts_per_minute = 60"))
	w.clientConnected(g.UserSession())
	w.eventually("the start says how Telegram is connected", func() bool { return strings.Contains(w.log.String(), "Telegram client is user connected.") })
	var list api.DomainList
	w.want(http.StatusOK, "GET", "/v1/domains", nil, &list)
	if d := list.Domains[0]; d.State != "connected" || d.Bot != "" || fmt.Sprint(d.Unavailable) != "[deep_link buttons commands]" {
		t.Errorf("domain: %+v", d)
	}
	var p api.Problem
	w.want(http.StatusConflict, "POST", "/v1/links", api.StartLink{User: "alice"}, &p)
	if p.Type != "/problems/needs-bot" || !strings.Contains(p.Detail, "handle") {
		t.Errorf("a link by bot: %+v", p)
	}
	w.want(http.StatusConflict, "POST", "/v1/links", api.StartLink{User: "alice", Handle: "@nobody_at_all"}, &p)
	if p.Type != "/problems/recipient-unknown" || !strings.Contains(p.Detail, "username") {
		t.Errorf("a handle of nobody: %+v", p)
	}

	w.linkByHandle(tel, "alice")
	linked := w.shows(tel, "alice", "Connected.")
	if strings.Contains(linked.Text, "Not me") || strings.Contains(linked.Text, "/status") {
		t.Errorf("it speaks of what needs a bot: %s", linked.Text)
	}
	w.linkByHandle(tel, "bob")
	w.signInOver(tel, "alice", "s")
	w.want(http.StatusAccepted, "POST", "/v1/messages", api.SendMessage{User: "alice", Text: "The backup is done.", Lane: "direct"}, nil)
	w.shows(tel, "alice", "The backup is done.")
	w.want(http.StatusAccepted, "POST", "/v1/messages", api.SendMessage{To: "@carol_tg", Text: "123456 is your code", Lane: "code", Purpose: "link"}, nil)
	w.shows(tel, "carol", "123456 is your code")
	w.want(http.StatusAccepted, "POST", "/v1/broadcasts", map[string]any{"text": "Maintenance tonight."}, nil)
	w.shows(tel, "alice", "Maintenance tonight.")
	w.shows(tel, "bob", "Maintenance tonight.")
	for _, m := range tel.Sent() {
		if m.From != helper.ID || m.Markup != nil {
			t.Errorf("%q came from %d with buttons %v", m.Text, m.From, m.Markup)
		}
	}

	// A username that changes hands does not take the link along.
	tel.Rename(w.person("alice").ID, "alice_new")
	tel.Add(datacenter.Account{ID: 810000009, AccessHash: 79, Username: "alice_tg", Name: "Mallory", Phone: "+34600000009"})
	w.signInOver(tel, "alice", "t")
	for _, m := range tel.Sent() {
		if m.To == 810000009 {
			t.Errorf("a stranger got %q", m.Text)
		}
	}
	var l linking.Link
	if err := g.DB().ViewLinks(t.Context(), func(tx linking.Tx) (err error) { l, err = tx.CurrentLink("", "alice"); return err }); err != nil || l.BotID != delivery.UserSession {
		t.Errorf("the link is %+v (%v)", l, err)
	}
}

// A restart in a flood wait does not ask Telegram before the wait is over, and loses nothing.
func TestARestartInAFloodWaitOfTheUserSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tel, session := w.dataCentre()
	g := w.startText(w.alone(session, ""))
	w.clientConnected(g.UserSession())
	w.linkByHandle(tel, "alice")
	w.shows(tel, "alice", "Connected.")
	tel.Fail("messages.sendMessage", datacenter.Refusal(420, "FLOOD_WAIT_12"))
	asked := time.Now()
	calls := tel.Calls("messages.sendMessage")
	w.want(http.StatusAccepted, "POST", "/v1/messages", api.SendMessage{User: "alice", Text: "The backup is done.", Lane: "direct"}, nil)
	w.eventually("Telegram has asked for quiet", func() bool { return tel.Calls("messages.sendMessage") == calls+1 })
	time.Sleep(300 * time.Millisecond)
	w.stop()
	w.startText(w.alone(session, ""))
	w.shows(tel, "alice", "The backup is done.")
	if took := time.Since(asked); took < 12*time.Second {
		t.Errorf("it was sent %v after Telegram had asked for 12 s of quiet", took)
	}
	if n := tel.Calls("messages.sendMessage"); n != calls+2 {
		t.Errorf("%d calls, want one that was refused and one that was taken", n-calls)
	}
}
