//go:build !nomtproto

package userclient_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/gotd/td/tg"
	"github.com/gotd/td/tgerr"

	"telegate/db/dbtest"
	"telegate/delivery"
	"telegate/userclient"
)

// The bot over MTProto is the same bot: people it has met, groups, buttons, and one login for all restarts.
func TestTheBotOverMTProto(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tel.AddGroup(-700, 0)
	r.tel.AddGroup(-1001234567890, 55)
	c := r.bot()
	if s := c.Status(); s.Me.ID != robot.ID || !s.Me.Bot || s.Me.Username != "TestBot" || c.Name() != "bot-mtproto" {
		t.Errorf("%s, status %+v", c.Name(), s)
	}
	text := delivery.Plain("Your code is ").Code("123456")
	part := delivery.Part{Text: text, Buttons: [][]delivery.Button{
		{{Label: "Copy", Copy: "123456"}, {Label: "Not me", Callback: "deny:1", Style: "danger"}}, {}, {{Label: "Open", URL: "https://example.com"}},
	}}
	for _, to := range []int64{alice.ID, -700, -1001234567890} {
		c.must(delivery.Recipient{ChatID: to, Lane: delivery.LaneCode, MessageID: fmt.Sprint("msg_to_", to)}, part)
		sent := r.tel.Sent()
		m := sent[len(sent)-1]
		if m.From != robot.ID || m.To != to || m.Text != text.Text {
			t.Errorf("message %+v", m)
		}
		rows := m.Markup.(*tg.ReplyInlineMarkup).Rows
		if len(rows) != 2 || len(rows[0].Buttons) != 2 {
			t.Fatalf("buttons: %v", rows)
		}
		if b, ok := rows[0].Buttons[0].Type.(*tg.InlineButtonTypeCopy); !ok || b.CopyText != "123456" {
			t.Errorf("copy: %v", rows[0].Buttons[0])
		}
		if b, ok := rows[0].Buttons[1].Type.(*tg.InlineButtonTypeCallback); !ok || string(b.Data) != "deny:1" || !rows[0].Buttons[1].Style.BgDanger {
			t.Errorf("callback: %v", rows[0].Buttons[1])
		}
		if b, ok := rows[1].Buttons[0].Type.(*tg.InlineButtonTypeURL); !ok || b.URL != "https://example.com" {
			t.Errorf("url: %v", rows[1].Buttons[0])
		}
		r.tel.Rename(alice.ID, "someone") // a bot goes by the id
	}
	c.stop()
	c = r.bot()
	c.must(code(alice.ID, "msg_2"))
	if n := r.tel.Calls("auth.importBotAuthorization"); n != 1 {
		t.Errorf("%d logins", n)
	}
	if n := r.tel.Calls("contacts.resolveUsername"); n != 0 {
		t.Errorf("asked for names %d times", n)
	}
}

func TestTheBotDoesNotKnowEverybody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.bot()
	if e := c.send(code(5000000009, "msg_1")); e == nil || e.Class != delivery.RecipientPermanent || e.Failure.Reason != delivery.ReasonNeverStarted {
		t.Errorf("a stranger: %v", e)
	}
	if e := c.send(code(-1009999999999, "msg_1")); e == nil || e.Class != delivery.RecipientPermanent || e.Failure.Reason != delivery.ReasonKicked {
		t.Errorf("a foreign group: %v", e)
	}
}

// A bot has no daily cap and no rule against broadcasts; those are for people's accounts.
func TestTheBotIsNotCapped(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.bot(func(o *userclient.Options) { o.DailyCap = 1 })
	for _, id := range []string{"1", "2", "3"} {
		c.must(delivery.Recipient{ChatID: alice.ID, Lane: delivery.LaneBroadcast, MessageID: "msg_" + id}, delivery.Part{Text: delivery.Plain("news")})
	}
}

// A bot whose login was ended signs in again with a new key. If Telegram ends that login at once too, the client stops.
func TestTheBotSignsInAgainOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.bot().stop()
	r.tel.Revoke(robot.ID)
	clock := dbtest.NewClock()
	r.now = clock.Now
	c := r.bot()
	if n := r.tel.Calls("auth.importBotAuthorization"); n != 2 {
		t.Errorf("%d logins", n)
	}
	clock.Advance(time.Minute)
	r.tel.Revoke(robot.ID)
	if s := await(t, c.alarms); s.State != userclient.StateRevoked {
		t.Errorf("status %+v", s)
	}
	if n := r.tel.Calls("auth.importBotAuthorization"); n != 2 {
		t.Errorf("%d logins", n)
	}
}

func TestARefusedBotTokenIsFinal(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.start(func(o *userclient.Options) { o.BotToken = "2000000002:AAAnotherAnotherAnotherAnotherAnother" })
	if s := await(t, c.alarms); s.State != userclient.StateSignedOut || s.Detail == "" {
		t.Errorf("status %+v", s)
	}
	if data, err := r.db.Session(t.Context(), "bot 2000000002"); err != nil || data != nil {
		t.Errorf("a session of nobody was kept: %v, %v", data, err)
	}
}

// A new token of the bot causes a new login, because the old session may be invalid.
func TestANewTokenSignsInAnew(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.bot().stop()
	next := robot
	next.Token = "2000000002:AANewNewNewNewNewNewNewNewNewNewNew"
	r.tel.Add(next)
	c := r.start(func(o *userclient.Options) { o.BotToken = next.Token })
	await(t, c.connected)
	if n := r.tel.Calls("auth.importBotAuthorization"); n != 2 {
		t.Errorf("%d logins", n)
	}
}

// A bot of another data centre moves there, also after a restart.
func TestTheBotMovesToItsDataCentre(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2, 4)
	r.tel.Fail("auth.importBotAuthorization", tgerr.New(303, "USER_MIGRATE_4"))
	c := r.bot()
	c.must(code(alice.ID, "msg_1"))
	c.stop()
	r.bot().must(code(alice.ID, "msg_2"))
	if n := r.tel.Calls("auth.importBotAuthorization"); n != 2 { // refused in one, taken in the other
		t.Errorf("%d logins", n)
	}
}
