package notify_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"telegate/delivery"
	"telegate/linking"
	"telegate/notify"
	"telegate/twofa"
)

// to is a message to a handle; a code with purpose link, which may go to anybody the bot has met.
func to(handle string) notify.Request {
	return notify.Request{To: handle, Text: "123456", Lane: delivery.LaneCode, Purpose: notify.Link}
}

func TestAUserIsReachedInTheLinkedChatOnly(t *testing.T) {
	w := newWorld(t)
	w.met(alice)
	w.wantRefused("unknown domain", notify.Request{Domain: "elsewhere", User: "alice", Text: "x", Lane: delivery.LaneDirect}, notify.ErrUnknownDomain)
	w.wantRefused("never linked", direct("alice"), notify.ErrNotLinked)
	w.NoError("invite", w.links.Invite(t.Context(), "", "alice", "alice_tg"))
	w.wantRefused("invited only", direct("alice"), notify.ErrNotLinked)
	if _, err := w.links.Start(t.Context(), linking.StartRequest{User: "alice", Handle: "alice_tg"}); err != nil {
		t.Fatal(err)
	}
	w.wantRefused("claimed only", direct("alice"), notify.ErrNotLinked)

	w.link("", "alice", alice)
	if m := w.send(direct("alice")).Message; m.ChatID != alice.ID || m.BotID != botID || m.User != "alice" {
		t.Errorf("goes to chat %d of bot %d for %q", m.ChatID, m.BotID, m.User)
	}
	w.wantRefused("in another domain", notify.Request{Domain: "corp", User: "alice", Text: "x", Lane: delivery.LaneDirect}, notify.ErrNotLinked)
	w.wantRefused("in another case", direct("Alice"), notify.ErrNotLinked)

	w.NoError("block", w.links.ChatBlocked(t.Context(), botID, alice.ID))
	w.wantRefused("blocked", direct("alice"), notify.ErrBlocked)
	w.wantRefused("a code to whoever has blocked", notify.Request{User: "alice", Text: "1", Lane: delivery.LaneCode, Purpose: notify.Login}, notify.ErrBlocked)
	w.met(alice)
	w.send(direct("alice"))

	w.NoError("unlink", w.links.Unlink(t.Context(), "", "alice"))
	w.wantRefused("unlinked", direct("alice"), notify.ErrNotLinked)
}

// Too many wrong codes end the link as a second factor, not as a way to reach the person.
func TestALinkSuspendedForFailuresStillGetsMessages(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alice)
	l, err := w.links.Current(t.Context(), "", "alice")
	w.NoError("current link", err)
	w.NoError("suspend", w.DB.UpdateVerifications(t.Context(), func(tx twofa.Tx) error {
		return tx.SaveFactor(twofa.Factor{LinkID: l.ID, Suspended: true, Failures: twofa.SuspendAt})
	}))
	if m := w.send(direct("alice")).Message; m.ChatID != alice.ID {
		t.Errorf("goes to chat %d, want %d", m.ChatID, alice.ID)
	}
}

func TestARecipientHasToBeNamed(t *testing.T) {
	w := newWorld(t)
	w.wantInvalid("neither user nor handle", notify.Request{Text: "x", Lane: delivery.LaneDirect}, "to")
	for _, handle := range []string{
		"@", "abc", "1alice", "alice tg", "alice\x00", "https://evil.example/alice", "-", "--5", "5.5", "0x10", "1e9",
		"99999999999999999999", strings.Repeat("a", 10_000),
	} {
		w.wantInvalid(handle[:min(len(handle), 30)], to(handle), "to")
	}
}

func TestAHandleIsUnderstoodHoweverItIsTyped(t *testing.T) {
	w := newWorld(t)
	w.met(alice)
	for _, typed := range []string{"@alice_tg", "@@alice_tg", "alice_tg", "ALICE_TG", "@https://t.me/alice_tg"} {
		if m := w.send(to(typed)).Message; m.ChatID != alice.ID || m.User != "" {
			t.Errorf("%q goes to chat %d for user %q, want alice's for nobody by name", typed, m.ChatID, m.User)
		}
	}
}

func TestANumericIdReachesAProvenChatAndForAnAdministratorAnyThatTheBotHasMet(t *testing.T) {
	w := newWorld(t)
	w.met(alice, group)
	w.wantRefused("before it is proven", to("5001"), notify.ErrUnproven)
	w.link("", "alice", alice)
	for _, typed := range []string{"5001", "@5001", " 5001 "} { // MeshCentral puts an "@" before whatever was typed
		if m := w.send(to(typed)).Message; m.ChatID != alice.ID {
			t.Errorf("%q goes to chat %d, want %d", typed, m.ChatID, alice.ID)
		}
	}
	for _, stranger := range []string{"5002", "-100501", "0", "-0"} {
		w.wantRefused(stranger, to(stranger), notify.ErrRecipientUnknown)
	}
	alert := notify.Request{To: "-100500", Text: "x", Lane: delivery.LaneDirect, Admin: true}
	if m := w.send(alert).Message; m.ChatID != group.ID {
		t.Errorf("goes to chat %d, want the group", m.ChatID)
	}
	w.NoError("kicked", w.links.ChatBlocked(t.Context(), botID, group.ID))
	w.wantRefused("kicked out of the group", alert, notify.ErrRecipientUnknown)
}

func TestAHandleTheBotHasNotMetIsUnknown(t *testing.T) {
	w := newWorld(t)
	w.met(linking.Chat{BotID: otherBot, ID: 5009, Type: "private", Username: "erin_tg"}, mallory)
	w.wantRefused("never met", to("alice_tg"), notify.ErrRecipientUnknown)
	w.wantRefused("met by another bot", to("erin_tg"), notify.ErrRecipientUnknown)
	w.met(alice)
	w.send(to("alice_tg"))
	w.NoError("block", w.links.ChatBlocked(t.Context(), botID, alice.ID))
	w.wantRefused("blocked", to("alice_tg"), notify.ErrRecipientUnknown)
	w.met(alice)
	w.send(to("alice_tg"))
}

// A handle that nobody has proven may belong to a stranger: it gets codes that prove it, and what an administrator
// writes himself.
func TestAnUnprovenHandleGetsOnlyCodesThatProveIt(t *testing.T) {
	w := newWorld(t)
	w.met(alice)
	for _, tt := range []struct {
		name    string
		lane    delivery.Lane
		purpose notify.Purpose
		scope   string
		ok      bool // to a username
		number  bool // to a chat id, which may be of another tenant
	}{
		{"link code", delivery.LaneCode, notify.Link, "", true, false},
		{"login code", delivery.LaneCode, notify.Login, "", false, false},
		{"login code of an administrator", delivery.LaneCode, notify.Login, "admin", false, false},
		{"message", delivery.LaneDirect, "", "", false, false},
		{"message of one who may invite", delivery.LaneDirect, "", "invite", true, false},
		{"message of an administrator", delivery.LaneDirect, "", "admin", true, true},
		{"alert", delivery.LaneAlert, "", "", false, false},
		{"alert of one who may invite", delivery.LaneAlert, "", "invite", false, false},
		{"alert of an administrator", delivery.LaneAlert, "", "admin", false, false},
	} {
		for _, handle := range []string{"@alice_tg", "5001"} {
			r := notify.Request{
				To: handle, Text: "123456", Lane: tt.lane, Purpose: tt.purpose, Invite: tt.scope != "", Admin: tt.scope == "admin",
			}
			if tt.number || tt.ok && handle != "5001" {
				w.send(r)
			} else {
				w.wantRefused(tt.name+" to "+handle, r, notify.ErrUnproven)
			}
		}
	}
	w.link("corp", "alice", alice) // proven elsewhere is not proven here
	w.wantRefused("message", notify.Request{To: "alice_tg", Text: "x", Lane: delivery.LaneDirect}, notify.ErrUnproven)
	w.link("", "alice", alice)
	for _, handle := range []string{"@alice_tg", "5001"} {
		w.send(notify.Request{To: handle, Text: "x", Lane: delivery.LaneAlert})
		w.send(notify.Request{To: handle, Text: "123456", Lane: delivery.LaneCode, Purpose: notify.Login})
	}
}

// An old proof is of the old name: whoever takes over a name has to prove himself anew, and a sign-in code does not
// follow the name at all while the account it first meant is linked.
func TestATakenOverHandleIsNotProvenByAnOlderLink(t *testing.T) {
	w := newWorld(t)
	w.met(alice, mallory)
	w.link("", "alice", alice)
	w.link("", "mallory", mallory)
	message := notify.Request{To: "@alice_tg", Text: "x", Lane: delivery.LaneDirect}
	code := notify.Request{To: "@alice_tg", Text: "123456", Lane: delivery.LaneCode, Purpose: notify.Login}
	w.send(message)

	w.Clock.Advance(time.Hour)
	heir := mallory
	heir.Username = "alice_tg"
	w.met(heir)
	w.wantRefused("message", message, notify.ErrRecipientChanged)
	w.wantRefused("code", code, notify.ErrRecipientChanged)

	w.Clock.Advance(time.Hour)
	w.link("", "mallory", heir)
	w.wantRefused("code while alice is linked", code, notify.ErrRecipientChanged)
	if m := w.send(message).Message; m.ChatID != mallory.ID {
		t.Errorf("after the proof it goes to chat %d, want %d", m.ChatID, mallory.ID)
	}
}

// OWASP ASVS 6.3.4: what stops telegate's own codes stops a caller's sign-in codes too, by user and by handle.
func TestACallersSignInCodesStopWhereTelegatesOwnDo(t *testing.T) {
	for name, c := range map[string]struct {
		factor func(*twofa.Factor, time.Time)
		want   func(error) bool
	}{
		"suspended": {func(f *twofa.Factor, _ time.Time) { f.Suspended = true },
			func(err error) bool { return errors.Is(err, notify.ErrSuspended) }},
		"cooling off": {func(f *twofa.Factor, now time.Time) { f.CoolingUntil = now.Add(20 * time.Minute) }, func(err error) bool {
			var cooling *notify.CoolingOffError
			return errors.As(err, &cooling) && cooling.RetryAfter == 20*time.Minute
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.met(alice)
			w.link("", "alice", alice)
			w.NoError("change the factor", w.DB.UpdateVerifications(t.Context(), func(tx twofa.Tx) error {
				f, err := tx.Factor("", "alice")
				if err != nil {
					return err
				}
				c.factor(&f, w.Clock.Now())
				return tx.SaveFactor(f)
			}))
			for _, r := range []notify.Request{{User: "alice"}, {To: "@alice_tg"}, {To: "5001"}} {
				r.Text, r.Lane, r.Purpose = "123456", delivery.LaneCode, notify.Login
				if _, err := w.messages.Send(t.Context(), r); !c.want(err) {
					t.Errorf("%+v: %v", r, err)
				}
				r.Purpose = notify.Link
				w.send(r)
			}
			w.send(notify.Request{User: "alice", Text: "x", Lane: delivery.LaneDirect})
		})
	}
}

// A handle means the account that it meant when the domain first used it.
func TestAHandleThatHasChangedHandsIsRefusedUntilTheNewHolderProvesHimself(t *testing.T) {
	w := newWorld(t)
	w.met(alice)
	w.link("", "alice", alice)
	message := notify.Request{To: "@alice_tg", Text: "x", Lane: delivery.LaneDirect}
	w.send(message)

	heir := mallory
	heir.Username = "Alice_TG"
	w.met(heir)
	admin := message
	admin.Admin = true
	for name, r := range map[string]notify.Request{"message": message, "an administrator's": admin, "link code": to("@alice_tg")} {
		w.wantRefused(name, r, notify.ErrRecipientChanged)
	}
	inCorp := to("@alice_tg")
	inCorp.Domain = "corp"
	if m := w.send(inCorp).Message; m.ChatID != mallory.ID { // that domain has never used it: it means the holder now
		t.Errorf("corp's first use goes to chat %d, want %d", m.ChatID, mallory.ID)
	}
	w.link("corp", "mallory", heir)
	w.wantRefused("proven in another domain", message, notify.ErrRecipientChanged)

	w.link("", "mallory", heir)
	if m := w.send(message).Message; m.ChatID != mallory.ID {
		t.Errorf("after the proof it goes to chat %d, want %d", m.ChatID, mallory.ID)
	}
	back := alice // and back again: the meaning is mallory's now
	w.met(linking.Chat{BotID: botID, ID: mallory.ID, Type: "private", Username: "mallory_tg"}, back)
	w.NoError("unlink", w.links.Unlink(t.Context(), "", "alice"))
	w.wantRefused("back with its first holder, who is unlinked", message, notify.ErrRecipientChanged)
}

func TestAHandleThatIsGivenUpStillMeansItsFirstHolder(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alice)
	message := notify.Request{To: "@alice_tg", Text: "x", Lane: delivery.LaneDirect}
	w.send(message)
	renamed := alice
	renamed.Username = "alice_new"
	w.met(renamed)
	if m := w.send(message).Message; m.ChatID != alice.ID {
		t.Errorf("goes to chat %d, want %d", m.ChatID, alice.ID)
	}
}

func TestARefusedMessageDoesNotPinAHandle(t *testing.T) {
	w := newWorld(t)
	w.met(alice)
	w.wantRefused("unproven", notify.Request{To: "@alice_tg", Text: "x", Lane: delivery.LaneDirect}, notify.ErrUnproven)
	heir := mallory
	heir.Username = "alice_tg"
	w.met(heir)
	if m := w.send(to("@alice_tg")).Message; m.ChatID != mallory.ID {
		t.Errorf("goes to chat %d, want the holder at the first use, %d", m.ChatID, mallory.ID)
	}
}

// A person's chat has the same id with every bot, so changing the domain's bot is no way around the pin.
func TestAHandleKeepsItsMeaningWhenTheDomainChangesItsBot(t *testing.T) {
	w := newWorld(t)
	w.met(alice)
	w.send(to("@alice_tg"))
	w.domains.bots[""] = otherBot
	w.wantRefused("the new bot has met nobody", to("@alice_tg"), notify.ErrRecipientUnknown)

	heir := mallory
	heir.BotID, heir.Username = otherBot, "alice_tg"
	w.met(heir)
	w.wantRefused("the new bot has met somebody else under the name", to("@alice_tg"), notify.ErrRecipientChanged)

	hers := alice
	hers.BotID = otherBot
	w.met(hers)
	if m := w.send(to("@alice_tg")).Message; m.ChatID != alice.ID || m.BotID != otherBot {
		t.Errorf("goes to chat %d of bot %d, want alice's with the new bot", m.ChatID, m.BotID)
	}
}

// The limits are looked at last, so a refusal names the cause that the caller can do something about.
func TestALimitIsTheLastReasonToRefuse(t *testing.T) {
	w := newWorld(t)
	w.met(alice)
	for range notify.MaxLinkCodes {
		w.send(to("@alice_tg"))
	}
	_, err := w.messages.Send(t.Context(), to("@alice_tg"))
	wantRate(t, err, notify.MaxLinkCodes, 10*time.Minute)
	invalid := to("@alice_tg")
	invalid.Text = ""
	w.wantInvalid("empty", invalid, "text")
	w.NoError("block", w.links.ChatBlocked(t.Context(), botID, alice.ID))
	if _, err := w.messages.Send(t.Context(), to("@alice_tg")); !errors.Is(err, notify.ErrRecipientUnknown) {
		t.Errorf("blocked: %v, want ErrRecipientUnknown", err)
	}
}
