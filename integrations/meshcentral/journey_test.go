package meshcentral_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"telegate/integrations/meshcentral"
)

// The whole journey through MeshCentral's own pages, as in its documentation. Each step continues the one before.
func TestMeshCentral(t *testing.T) {
	s := newStage(t)
	browser := chrome(t)
	for _, step := range []struct {
		name string
		do   func(*stage, context.Context)
	}{
		{"who has not pressed Start gets the code when he does, and the administrator sees why", unknownToTheBot},
		{"a handle is registered with a code", registers},
		{"after a restart nobody is disconnected by what others do with the account", othersChangeTheAccount},
		{"Connect Telegram links by the bot, in both interfaces", connects},
		{"the code signs in", signsIn},
		{"an administrator sees the handle and writes to it", administratorWrites},
		{"the login report names the factor", loginReport},
		{"a name that changes hands reaches nobody new", nameChangesHands},
		{"a handle set by an administrator is proven by the code that signs in", administratorEdits},
		{"a login token changes no second factor, as a program either", loginToken},
		{"codes that are refused become few events, with the name of the user who asked", fewEvents},
		{"a key without the scope invite holds up no report of others", keyLacksInvite},
		{"the gateway may be away at every step", gatewayIsAway},
		{"the Plugins page installs it from the gateway, without a restart", pluginsPage},
		{"without the plugin, ntfy's route takes codes to a topic", byTopic},
		{"without msg2factor messages go on, and no code is asked for", withoutSecondFactor},
	} {
		t.Run(step.name, func(t *testing.T) {
			s.t = t
			s.restartMeshCentral() // what the plugin knows must not hang on how long MeshCentral has been up
			step.do(s, browser)
			s.running()
		})
		s.t = t
		if t.Failed() {
			return
		}
	}
}

func unknownToTheBot(s *stage, browser context.Context) {
	alice := s.signIn(browser, "alice", "")
	alice.account()
	alice.register("alice_tg") // MeshCentral asks for a code whatever has become of it
	admin := s.asAdmin(browser)
	admin.Click("#LeftMenuMyEvents")
	admin.Reads("body", "The person opens https://t.me/TestBot and presses Start")
	admin.shot("event")
	if n := s.last("Alice"); n != 0 {
		s.t.Errorf("alice's phone shows message %d", n)
	}
	if err := s.telegram.Start(s.person("Alice"), botName, ""); err != nil {
		s.t.Fatal(err)
	}
	alice.write(codeBox, s.code("Alice", "My Server verification code is: ", 0)) // the dialog is still open
	alice.Click(dialogOK)
	s.message("Alice", "Connected.", 0)
	alice.See("#authMessagingCheck")
	alice.removeHandle()
	s.message("Alice", "Disconnected.", 0)
	s.eventually("alice is not linked", func() bool { return !s.messaging("", "user//alice").Linked })
}

func registers(s *stage, browser context.Context) {
	s.pressStart("Alice")
	alice := s.signIn(browser, "alice", "")
	alice.account()
	alice.shot("account")
	alice.manage()
	alice.Reads("#telegateHint", "pressed Start at @TestBot")
	alice.closeDialog()
	after := s.last("Alice")
	alice.register("alice_tg")
	code := s.code("Alice", "My Server verification code is: ", after)
	alice.write(codeBox, wrong(code))
	alice.Click(dialogOK)
	alice.Until("the dialog opens again, empty", `document.querySelector("`+codeBox+`")?.value === "" && document.querySelector("`+codeBox+`").offsetParent`)
	alice.shot("code")
	alice.write(codeBox, code)
	alice.Click(dialogOK)
	s.message("Alice", "Connected. Sign-in codes and messages for the account “alice” (user//alice) on My Server", after)
	alice.See("#authMessagingCheck")
	m := s.messaging("", "user//alice")
	if !m.Linked || !m.UsableFor2FA || m.Link.Handle != "@alice_tg" {
		s.t.Errorf("telegate has %+v", m)
	}
}

// othersChangeTheAccount: any user may add another to a device group, which changes that account.
func othersChangeTheAccount(s *stage, browser context.Context) {
	before := s.last("Alice")
	s.meshctrl("mallory", "AddDeviceGroup", "--name", "Everybody")
	group := regexp.MustCompile(`mesh//[^"]+`).FindString(s.meshctrl("mallory", "ListDeviceGroups", "--json"))
	s.meshctrl("mallory", "AddUserToDeviceGroup", "--id", group, "--userid", "user//alice", "--fullrights")
	admin := s.asAdmin(browser)
	admin.userPage("alice")
	admin.Reads("#p30html", "telegram:@alice_tg")
	// Reports are made in their order: this one comes after what the change of alice's account might have caused.
	admin.userPage("bob")
	admin.editHandle("bob_tg")
	s.eventually("bob is invited", func() bool { return s.messaging("", "user//bob").Invitation != nil })
	admin.editHandle("")
	s.eventually("bob is not invited", func() bool { return s.messaging("", "user//bob").Invitation == nil })
	if !s.messaging("", "user//alice").Linked {
		s.t.Error("alice is not linked any more")
	}
	if last := s.last("Alice"); last != before {
		s.t.Errorf("alice's phone got message %d", last)
	}
}

func connects(s *stage, browser context.Context) {
	bob := s.signIn(browser, "bob", "")
	bob.account()
	bob.connect("Bob")
	bob.signOut()

	after := s.last("Bob") // MeshCentral has the handle, and sends its codes there
	bob = s.signIn(browser, "bob", "?sitestyle=3")
	bob.askForCode()
	bob.typeCode(s.code("Bob", "My Server access token is: ", after))
	bob.account()
	bob.follow("Connect Telegram")
	bob.Reads("#telegateStatus", "Connected so far: Bob (@bob_tg).")
	bob.closeDialog()
	bob.connect("Bob")
	bob.removeHandle()
	bob.manage()
	bob.Reads("#telegateHint", "pressed Start at @TestBot")
	bob.closeDialog()
	s.message("Bob", "Disconnected.", after)
	s.eventually("bob is not linked", func() bool { return !s.messaging("", "user//bob").Linked })
}

func signsIn(s *stage, browser context.Context) {
	after := s.last("Alice")
	alice := s.signIn(browser, "alice", "")
	alice.See("#tokenInput")
	alice.shot("sign-in")
	alice.askForCode()
	code := s.code("Alice", "My Server access token is: ", after)
	alice.typeCode(wrong(code))
	alice.Reads("body", "Invalid token, try again.")
	alice.shot("wrong-code")
	alice.typeCode(code)
	alice.account()
	alice.signOut()

	again := s.signIn(browser, "alice", "") // a code works once
	again.See("#tokenInput")
	again.typeCode(code)
	again.Reads("body", "Invalid token, try again.")
}

func administratorWrites(s *stage, browser context.Context) {
	admin := s.asAdmin(browser)
	admin.Click("#LeftMenuMyUsers")
	admin.See(`#p3users img[title="Verified messaging account"]`)
	admin.shot("bubble")
	admin.userPage("alice")
	admin.Reads("#p30html", "telegram:@alice_tg")
	admin.shot("user")
	after := s.last("Alice")
	admin.writeTo("Maintenance tonight <b>&\"' – Grüße")
	s.message("Alice", "Maintenance tonight <b>&\"' – Grüße", after)
	admin.notified("Message succes")
	admin.shot("message-sent")
}

func loginReport(s *stage, browser context.Context) {
	admin := s.asAdmin(browser)
	admin.Click("#LeftMenuMyEvents")
	admin.Click("#EventsReport")
	admin.Click(`#p60 input[value="Generate Report..."]`)
	admin.choose("#d2reportType", "3") // User Logins
	admin.Click(dialogOK)
	admin.Reads("#p60report", "Messenging") //nolint:misspell // MeshCentral's spelling
	admin.Reads("#p60report", "Incorrect 2nd factor")
	admin.shot("login-report")
}

// Messages for alice go to the id of her chat, even if another account has her username.
func nameChangesHands(s *stage, browser context.Context) {
	for _, change := range []struct{ who, name string }{{"Alice", "alice_new"}, {"Mallory", "alice_tg"}} {
		if err := s.telegram.SetUsername(s.person(change.who), change.name); err != nil {
			s.t.Fatal(err)
		}
	}
	s.pressStart("Mallory") // the bot learns that the name is his now
	mallorys, after := s.last("Mallory"), s.last("Alice")

	alice := s.signIn(browser, "alice", "")
	alice.askForCode()
	alice.typeCode(s.code("Alice", "My Server access token is: ", after))
	alice.account()
	admin := s.asAdmin(browser)
	admin.userPage("alice")
	admin.writeTo("Only for alice")
	s.message("Alice", "Only for alice", after)

	mallory := s.signIn(browser, "mallory", "") // and he cannot register it either
	mallory.account()
	mallory.register("alice_tg")
	admin.Click("#LeftMenuMyEvents")
	admin.Reads("body", "belongs to another Telegram account")
	if now := s.last("Mallory"); now != mallorys {
		s.t.Errorf("the new owner of the name got %q", s.message("Mallory", "", mallorys).Text)
	}
	if s.messaging("", "user//mallory").Linked {
		s.t.Error("mallory is linked")
	}
}

func administratorEdits(s *stage, browser context.Context) {
	s.pressStart("Bob")
	admin := s.asAdmin(browser)
	admin.userPage("bob")
	admin.editHandle("bob_tg")
	s.eventually("bob is invited", func() bool { return s.messaging("", "user//bob").Invitation != nil })
	if s.messaging("", "user//bob").Linked {
		s.t.Error("bob is linked without any proof")
	}
	after := s.last("Bob")
	bob := s.signIn(browser, "bob", "")
	bob.askForCode()
	bob.typeCode(s.code("Bob", "My Server access token is: ", after))
	bob.account()
	s.message("Bob", "Connected.", after)
	s.eventually("bob is linked", func() bool { return s.messaging("", "user//bob").Linked })

	admin.editHandle("") // and taken away again
	s.message("Bob", "Disconnected.", after)
	s.eventually("bob is not linked", func() bool { return !s.messaging("", "user//bob").Linked })
}

// loginToken: MeshCentral's mark of such a session is missing where a program gives the token to the web socket.
func loginToken(s *stage, _ context.Context) {
	made := s.meshctrl("mallory", "LoginTokens", "--add", "leaked", "--expire", "60")
	token := regexp.MustCompile(`Username: (~t:\S+)\s+Password: (\S+)`).FindStringSubmatch(made)
	if token == nil {
		s.t.Fatalf("MeshCentral's token: %s", made)
	}
	const start = `{"action":"plugin","plugin":"telegate","step":"start","serial":1}`
	if said := s.programAsks(token[1], token[2], start); !strings.Contains(said, "a login token may not change the account") {
		s.t.Errorf("with a login token: %s", said)
	}
	if said := s.programAsks("mallory", password, start); !strings.Contains(said, `"step":"offered"`) {
		s.t.Errorf("with a password: %s", said)
	}
}

func fewEvents(s *stage, _ context.Context) {
	var messages []string
	for i := range 40 {
		messages = append(messages, fmt.Sprintf(`{"action":"verifyMessaging","service":1,"handle":"nobody_%d"}`, i))
	}
	s.programAsks("mallory", password, messages...)
	var events []struct{ Action, Username, Msg string }
	if err := json.Unmarshal([]byte(s.meshctrl("admin", "ListEvents", "--limit", "200", "--json")), &events); err != nil {
		s.t.Fatal(err)
	}
	n := 0
	for _, e := range events {
		if e.Action == "telegate" && strings.Contains(e.Msg, "@nobody_") {
			n++
			if e.Username != "mallory" {
				s.t.Errorf("%q is an event of %q", e.Msg, e.Username)
			}
		}
	}
	if n == 0 || n > 10 {
		s.t.Errorf("40 refused codes became %d events", n)
	}
}

func keyLacksInvite(s *stage, browser context.Context) {
	setScopes := func(from, to string) {
		s.t.Helper()
		s.stopGateway()
		path := filepath.Join(s.dir, "telegate.toml")
		toml, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(toml), from) {
			s.t.Fatalf("no %s in %s: %v", from, toml, err)
		}
		if err := os.WriteFile(path, []byte(strings.Replace(string(toml), from, to, 1)), 0o600); err != nil {
			s.t.Fatal(err)
		}
		s.startGateway()
	}
	const whole, few = `["link", "send", "invite"]`, `["link", "send"]`
	setScopes(whole, few)
	s.restartMeshCentral()
	s.eventually("the plugin warns", func() bool { return strings.Contains(s.mesh.log.String(), `add "invite" to "scopes" of the key`) })
	admin := s.asAdmin(browser)
	admin.userPage("bob")
	admin.editHandle("bob_tg") // an invitation, which is refused
	admin.Click("#LeftMenuMyEvents")
	admin.Reads("body", "telegate was not told of a change of the handle")
	admin.userPage("mallory")
	admin.editHandle("mallory_tg")
	admin.userPage("mallory")
	admin.editHandle("")
	s.eventually("no report waits", func() bool {
		waiting, err := os.ReadFile(filepath.Join(s.data, "telegate-reports.json"))
		return err == nil && string(waiting) == "[]"
	})
	admin.userPage("bob")
	admin.editHandle("")
	setScopes(few, whole)
}

func gatewayIsAway(s *stage, browser context.Context) {
	s.stopGateway()
	admin := s.asAdmin(browser)
	admin.userPage("alice")
	admin.writeTo("Into the void")
	admin.notified("telegate does not answer")
	admin.shot("gateway-away")
	bob := s.signIn(browser, "bob", "") // registering
	bob.account()
	bob.register("bob_tg")
	bob.closeDialog()
	bob.follow("Connect Telegram")
	bob.Reads("#telegateStatus", "This does not work right now. The administrator finds the reason in the server's log.")
	alice := s.signIn(browser, "alice", "") // signing in
	alice.askForCode()
	s.running()

	// What has been decided meanwhile is told when the gateway is back.
	s.startGateway()
	after := s.last("Alice")
	alice = s.signIn(browser, "alice", "")
	alice.askForCode()
	alice.typeCode(s.code("Alice", "My Server access token is: ", after))
	alice.account()
	s.stopGateway()
	alice.removeHandle()
	s.startGateway()
	s.message("Alice", "Disconnected.", after)
	if s.messaging("", "user//alice").Linked {
		s.t.Error("alice is still linked")
	}
	s.signIn(browser, "alice", "").account() // the password is enough now
}

func pluginsPage(s *stage, browser context.Context) {
	admin := s.asAdmin(browser)
	admin.Click("#LeftMenuMyServer")
	admin.Click("#ServerPlugins")
	admin.Click(`input[value="Download Plugin"]`)
	admin.write("#pluginurlinput", "http://"+s.address+meshcentral.ConfigPath)
	admin.Click(dialogOK)
	admin.Until("it can be installed", `document.querySelector("#p42tbl .p42tblRow option[value=install]")`)
	admin.choose("#p42tbl .p42tblRow select", "install")
	admin.Click(dialogOK)
	admin.Reads("#p42tbl .p42tblRow", "Installed")
	admin.shot("plugins")

	s.pressStart("Bob")
	bob := s.signIn(browser, "bob", "") // it has taken the place of the one that was there
	bob.account()
	after := s.last("Bob")
	bob.register("bob_tg")
	code := s.code("Bob", "My Server verification code is: ", after)
	bob.write(codeBox, code)
	bob.Click(dialogOK)
	s.message("Bob", "Connected.", after)
	s.eventually("bob is linked", func() bool { return s.messaging("", "user//bob").Linked })
}

// byTopic: MeshCentral's own ntfy provider, with the topic of a telegate user without a MeshCentral account.
func byTopic(s *stage, browser context.Context) {
	topic := s.topic("Mallory")
	mallory := s.signIn(browser, "mallory", "")
	mallory.account()
	mallory.manage()
	mallory.choose("#d2serviceselect", "64")
	mallory.write(handleBox, topic)
	after := s.last("Mallory")
	mallory.shot("ntfy")
	mallory.Click(dialogOK)
	mallory.write(codeBox, s.code("Mallory", "My Server verification code is: ", after))
	mallory.Click(dialogOK)
	mallory.See("#authMessagingCheck")
	mallory.signOut()
	mallory = s.signIn(browser, "mallory", "")
	mallory.askForCode()
	mallory.typeCode(s.code("Mallory", "My Server access token is: ", after))
	mallory.account()
	admin := s.asAdmin(browser)
	admin.userPage("mallory")
	admin.writeTo("By the topic <b>&\"' – Grüße")
	s.message("Mallory", "By the topic <b>&\"' – Grüße", after)
}

func withoutSecondFactor(s *stage, browser context.Context) {
	s.pressStart("Carol")
	carol := s.signIn(browser, "carol", "corp/")
	carol.account()
	after := s.last("Carol")
	carol.register("carol_tg")
	code := s.code("Carol", "Corp verification code is: ", after)
	carol.write(codeBox, code)
	carol.Click(dialogOK)
	s.message("Carol", "Connected.", after)
	carol.signOut()
	s.signIn(browser, "carol", "corp/").account() // the password alone
	m := s.messaging("corp", "user/corp/carol")
	if !m.Linked || m.UsableFor2FA || !m.UsableForNotifications || strings.Join(m.Reasons, " ") != "msg2factor_disabled" {
		s.t.Errorf("telegate has %+v", m)
	}
}
