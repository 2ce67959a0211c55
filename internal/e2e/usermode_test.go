package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"telegate/api"
	"telegate/doctor"
	"telegate/internal/exit"
	"telegate/userclient/datacenter"
)

// aloneWithout is the configuration of user mode whose session is not in the file.
func (w *world) aloneWithout(more string) string {
	return strings.Replace(w.alone("", more), "session = \"\"\n", "", 1)
}

// A session that was imported is enough for user mode. Without one telegate does not start, and says what to do.
func TestAnImportedSessionAloneStartsUserMode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tel, session := w.dataCentre()
	file, text := filepath.Join(w.dir, "telegate.toml"), w.aloneWithout("")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, out := w.telegate("", "serve", "--config", file); status != exit.Usage || !strings.Contains(out, "telegate session import") {
		t.Fatalf("without a session: %d %s", status, out)
	}
	if status, out := w.telegate(session, "session", "import", "--config", file); status != exit.OK {
		t.Fatalf("import: %d %s", status, out)
	}
	g := w.startText(text)
	w.clientConnected(g.UserSession())
	w.linkByHandle(tel, "alice")
	w.signInOver(tel, "alice", "s")
}

// When the day's messages are used up, nobody is offered a code that could not arrive, and the health says why.
func TestTheDailyCapIsSaidWhenItIsReached(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tel, session := w.dataCentre()
	g := w.startText(w.alone(session, "user_per_day = 3"))
	w.clientConnected(g.UserSession())
	w.linkByHandle(tel, "alice")
	w.shows(tel, "alice", "Connected.")
	w.signInOver(tel, "alice", "s")
	var m api.Messaging
	w.want(http.StatusOK, "GET", "/v1/messaging?user=alice", nil, &m)
	if m.UsableFor2FA || fmt.Sprint(m.Reasons) != "[transport_down]" {
		t.Errorf("the capability is %+v", m)
	}
	var p api.Problem
	w.want(http.StatusConflict, "POST", "/v1/verifications", loginOf("alice", "t"), &p)
	if p.Type != "/problems/factor-unavailable" {
		t.Errorf("a code beyond the cap: %+v", p)
	}
	if c := componentOf(g, t, "user session"); c.State != "used_up" || c.Status != api.HealthDegraded || !strings.Contains(c.Detail, "midnight UTC") {
		t.Errorf("health: %+v", c)
	}
	if !strings.Contains(metricsOf(w), `telegate_account_state{account="user session",state="used_up"} 1`) {
		t.Error("the metrics do not say so")
	}
}

// A broadcast uses up its share of the day and then waits, with the reason; a code arrives all the same.
func TestABroadcastInUserModeLeavesRoomForCodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tel, session := w.dataCentre()
	g := w.startText(w.alone(session, "user_per_day = 4\nuser_broadcasts_per_minute = 60")) // three for broadcasts
	w.clientConnected(g.UserSession())
	w.linkByHandle(tel, "alice") // one message
	w.shows(tel, "alice", "Connected.")
	w.want(http.StatusAccepted, "POST", "/v1/broadcasts", api.CreateBroadcast{Users: []string{"alice"}, Text: "First news."}, nil)
	w.shows(tel, "alice", "First news.")
	w.want(http.StatusAccepted, "POST", "/v1/broadcasts", api.CreateBroadcast{Users: []string{"alice"}, Text: "More news."}, nil)
	w.eventually("the reason why the second waits is told", func() bool {
		var told api.Trace
		w.want(http.StatusOK, "GET", "/v1/trace?user=alice", nil, &told)
		return strings.Contains(fmt.Sprint(told), "reserved for codes")
	})
	w.signInOver(tel, "alice", "s")
	if n := len(w.sentTo(tel, "alice", "More news.")); n != 0 {
		t.Errorf("the broadcast took what was kept: %d", n)
	}
}

// What needs a bot is named with its reason by the program, too.
func TestUserModeSaysOnTheCommandLineWhatItLacks(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	tel, session := p.dataCentre()
	p.text = p.alone(session, "")
	p.write("")
	g := p.startText(p.text)
	p.clientConnected(g.UserSession())
	p.linkByHandle(tel, "alice")
	for _, test := range []struct {
		args []string
		says string
	}{
		{[]string{"status"}, "none  connected"},
		{[]string{"status"}, "no links to open (people link by handle), no buttons such as Not me, and no commands such as /mute"},
		{[]string{"users", "show", "alice"}, "sign-in codes  yes"},
		{[]string{"broadcast", "--everyone", "--dry-run", "Maintenance tonight."}, "takes about 10s.\n"},
		{[]string{"broadcast", "--everyone", "--dry-run", "--ttl", "10s", strings.Repeat("Long news. ", 400)}, "takes about 20s. Messages that are not sent within 10s are dropped"},
	} {
		args := append(test.args, "--api", p.url, "--key", p.key)
		if status, out := p.telegate("", args...); status != exit.OK || !strings.Contains(out, test.says) {
			t.Errorf("%s: %d, no %q in\n%s", strings.Join(test.args, " "), status, test.says, out)
		}
	}
	_, _, by := p.examine()
	finds(t, by, "bot", doctor.Skip, "no links to open (people link by handle)")
}

// A caller that makes and checks its own codes links in user mode as with a bot: to the chat that its code has reached.
func TestACallerVouchesInUserMode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tel, session := w.dataCentre()
	g := w.startText(w.alone(session, ""))
	w.clientConnected(g.UserSession())
	var sent api.AcceptedMessage
	w.want(http.StatusAccepted, "POST", "/v1/messages", api.SendMessage{To: "@carol_tg", Text: "123456 is your code", Lane: "code", Purpose: "link"}, &sent)
	w.eventually("the code has arrived", func() bool {
		var m api.Message
		w.want(http.StatusOK, "GET", "/v1/messages/"+sent.ID, nil, &m)
		return m.Status == "delivered"
	})
	// The name passes to somebody else: the link is to the chat that the code has reached.
	tel.Rename(w.person("carol").ID, "carol_new")
	tel.Add(datacenter.Account{ID: 810000009, AccessHash: 79, Username: "carol_tg", Name: "Mallory", Phone: "+34600000009"})
	w.want(http.StatusCreated, "POST", "/v1/links", api.StartLink{User: "carol", Handle: "@carol_tg", VerifiedBy: "caller", Message: sent.ID}, nil)
	w.shows(tel, "carol", "Connected.")
	w.signInOver(tel, "carol", "s")
	for _, m := range tel.Sent() {
		if m.To == 810000009 {
			t.Errorf("a stranger got %q", m.Text)
		}
	}
	var p api.Problem
	w.want(http.StatusConflict, "POST", "/v1/links", api.StartLink{User: "bob", Handle: "@carol_tg", VerifiedBy: "caller", Message: sent.ID}, &p)
	if p.Type != "/problems/proof-refused" {
		t.Errorf("the same code for somebody else: %+v", p)
	}
}

// A refusal by a person ends that code with its reason and is not held against the link: the next message goes out again.
func TestARefusalInUserModeEndsThatCodeAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tel, session := w.dataCentre()
	g := w.startText(w.alone(session, "user_per_day = 100"))
	w.clientConnected(g.UserSession())
	w.linkByHandle(tel, "alice")
	w.shows(tel, "alice", "Connected.")
	w.linkByHandle(tel, "bob")
	w.shows(tel, "bob", "Connected.")
	users := []string{"alice", "bob"}
	n := 0
	for name, test := range map[string]struct {
		code          int
		refusal, says string
	}{
		"privacy":     {403, "USER_PRIVACY_RESTRICTED", "privacy settings"},
		"premium":     {406, "PRIVACY_PREMIUM_REQUIRED", "contacts and Premium"},
		"blocked":     {403, "USER_IS_BLOCKED", "must unblock it"},
		"own block":   {400, "YOU_BLOCKED_USER", "The Telegram account that telegate sends with has blocked the user"},
		"no right":    {403, "CHAT_WRITE_FORBIDDEN", "may not write there"},
		"unknown 403": {403, "SOMETHING_NEW", "may not write there"},
	} {
		user := users[n%2] // each may ask for three codes
		n++
		tel.Fail("messages.sendMessage", datacenter.Refusal(test.code, test.refusal))
		var v api.Verification
		w.want(http.StatusCreated, "POST", "/v1/verifications", loginOf(user, name), &v)
		w.eventually("the code fails: "+name, func() bool {
			w.want(http.StatusOK, "GET", "/v1/verifications/"+v.ID, nil, &v)
			return v.Status == "failed" && v.Delivery.Failure != nil
		})
		if !strings.Contains(v.Delivery.Failure.Detail, test.says) {
			t.Errorf("%s: the failure does not say %q: %+v", name, test.says, v.Delivery.Failure)
		}
		var m api.Messaging
		w.want(http.StatusOK, "GET", "/v1/messaging?user="+user, nil, &m)
		if !m.UsableFor2FA || !m.UsableForNotifications || m.Link.Status != "verified" {
			t.Errorf("%s: %+v", name, m)
		}
	}
	var told api.AcceptedMessage
	w.want(http.StatusAccepted, "POST", "/v1/messages", api.SendMessage{User: "alice", Text: "The backup is done.", Lane: "direct"}, &told)
	w.shows(tel, "alice", "The backup is done.")
}

// A deleted account takes nothing ever again: its link is suspended, and the answer says what helps without a bot.
func TestADeletedAccountSuspendsTheLinkInUserMode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tel, session := w.dataCentre()
	g := w.startText(w.alone(session, ""))
	w.clientConnected(g.UserSession())
	w.linkByHandle(tel, "alice")
	w.shows(tel, "alice", "Connected.")
	tel.Fail("messages.sendMessage", datacenter.Refusal(400, "INPUT_USER_DEACTIVATED"))
	w.want(http.StatusCreated, "POST", "/v1/verifications", loginOf("alice", "s"), nil)
	w.eventually("the link is suspended", func() bool {
		var m api.Messaging
		w.want(http.StatusOK, "GET", "/v1/messaging?user=alice", nil, &m)
		return fmt.Sprint(m.Reasons) == "[chat_blocked_bot]"
	})
	var p api.Problem
	w.want(http.StatusConflict, "POST", "/v1/messages", api.SendMessage{User: "alice", Text: "Hello", Lane: "direct"}, &p)
	if p.Type != "/problems/recipient-blocked" || !strings.Contains(p.Detail, "links another account") {
		t.Errorf("%+v", p)
	}
	// Telegram finds the account under its handle after all: messages, codes and broadcasts agree again.
	w.want(http.StatusAccepted, "POST", "/v1/messages", api.SendMessage{To: "@alice_tg", Text: "Still there?", Lane: "direct"}, nil)
	var m api.Messaging
	w.want(http.StatusOK, "GET", "/v1/messaging?user=alice", nil, &m)
	if !m.UsableFor2FA {
		t.Errorf("messaging: %+v", m)
	}
	w.signInOver(tel, "alice", "t")
}

// Whom an account cannot write to is said without a bot and its Start button.
func TestUserModeSaysWhomItCannotWriteTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, session := w.dataCentre()
	g := w.startText(w.alone(session, ""))
	w.clientConnected(g.UserSession())
	for to, want := range map[string]string{
		"-1001234": "needs-bot", "-4": "needs-bot", "@nobody_at_all": "recipient-unknown", "12345678": "recipient-unknown",
	} {
		var p api.Problem
		w.want(http.StatusConflict, "POST", "/v1/messages", api.SendMessage{To: to, Text: "Hello", Lane: "direct"}, &p)
		if p.Type != "/problems/"+want || strings.Contains(p.Detail, "Start") || strings.Contains(p.Detail, "start_url") {
			t.Errorf("%s: %+v", to, p)
		}
	}
}
