package sandbox_test

import (
	"encoding/json"
	"errors"
	"testing"

	"telegate/sandbox"
)

func TestGroupsAdmitAndKickBots(t *testing.T) {
	w := newWorld(t, sandbox.Limits{Off: true})
	g := w.AddGroup("Ops")
	hello := params{"chat_id": g.ID, "text": "hello"}
	if g.ID >= 0 || g.Supergroup {
		t.Errorf("the group is %+v", g)
	}
	w.refused("sendMessage", hello, 400, "Bad Request: chat not found")
	w.must(w.AddToGroup(g.ID, botName))
	w.must(w.AddToGroup(g.ID, botName)) // nothing new
	joined := w.updates(1)
	if len(joined) != 2 || joined[0].Member == nil || joined[0].Member.New.Status != "member" || joined[1].Message == nil {
		t.Errorf("joining told %+v", joined)
	}
	w.forgetUpdates()
	if m := w.sent("sendMessage", hello); m.Chat.ID != g.ID || m.Chat.Type != "group" {
		t.Errorf("sent %+v", m)
	}
	if all := w.Messages(g.ID, botName); len(all) != 1 || all[0].Text != "hello" {
		t.Errorf("the group shows %+v", all)
	}
	w.must(w.RemoveFromGroup(g.ID, botName))
	if left := w.updates(2); len(left) != 2 || left[0].Member == nil || left[0].Member.New.Status != "kicked" {
		t.Errorf("being kicked told %+v", left)
	}
	w.refused("sendMessage", hello, 403, "Forbidden: bot was kicked from the group chat")
	w.must(w.AddToGroup(g.ID, botName))
	w.ok("sendMessage", hello)

	if err := w.AddToGroup(-1, botName); !errors.Is(err, sandbox.ErrUnknownGroup) {
		t.Errorf("unknown group: %v", err)
	}
	if err := w.AddToGroup(g.ID, "NoSuchBot"); !errors.Is(err, sandbox.ErrUnknownBot) {
		t.Errorf("unknown bot: %v", err)
	}
}

func TestMigratedGroupTellsItsNewID(t *testing.T) {
	w := newWorld(t, sandbox.Limits{Off: true})
	g := w.AddGroup("Ops")
	w.must(w.AddToGroup(g.ID, botName))
	w.forgetUpdates()
	id, err := w.MigrateGroup(g.ID)
	w.must(err)
	if id >= -1_000_000_000_000 {
		t.Errorf("the new id is %d", id)
	}
	a := w.refused("sendMessage", params{"chat_id": g.ID, "text": "hello"}, 400, "Bad Request: group chat was upgraded to a supergroup chat")
	if a.Parameters.MigrateToChatID != id || a.Parameters.RetryAfter != 0 {
		t.Errorf("parameters are %+v", a.Parameters)
	}
	if m := w.sent("sendMessage", params{"chat_id": id, "text": "hello"}); m.Chat.Type != "supergroup" {
		t.Errorf("sent %+v", m)
	}
	var service []struct {
		Message struct {
			To   int64 `json:"migrate_to_chat_id"`
			From int64 `json:"migrate_from_chat_id"`
		}
	}
	w.must(json.Unmarshal(w.ok("getUpdates", nil).Result, &service))
	if len(service) != 2 || service[0].Message.To != id || service[1].Message.From != g.ID {
		t.Errorf("the bot heard %+v", service)
	}
	if _, err := w.MigrateGroup(g.ID); err == nil {
		t.Error("a group migrated twice")
	}
	if _, err := w.MigrateGroup(id); err == nil {
		t.Error("a supergroup migrated")
	}
	w.must(w.RemoveFromGroup(id, botName))
	w.refused("sendMessage", params{"chat_id": id, "text": "hello"}, 403, "Forbidden: bot was kicked from the supergroup chat")
	w.refused("getChat", params{"chat_id": id}, 403, "Forbidden: bot was kicked from the supergroup chat")
}

func TestBotsHearOnlyCommandsInGroups(t *testing.T) {
	w := newWorld(t, sandbox.Limits{Off: true})
	g := w.AddGroup("Ops")
	w.must(w.AddToGroup(g.ID, botName))
	w.forgetUpdates()
	for i, tc := range []struct {
		text  string
		heard bool
	}{{"hello", false}, {"/id", true}, {"/id@GateBot now", true}, {"/id@gatebot", true}, {"/id@OtherBot", false}} {
		w.must(w.SayInGroup(w.bob.ID, g.ID, tc.text))
		if got := w.updates(i + 1); (len(got) == 1) != tc.heard {
			t.Errorf("%q: %d updates", tc.text, len(got))
		}
		w.forgetUpdates()
	}
	if n := len(w.Messages(g.ID, botName)); n != 5 {
		t.Errorf("the group shows %d messages", n)
	}
	m := w.sent("sendMessage", params{"chat_id": g.ID, "text": "?", "reply_markup": json.RawMessage(`{"inline_keyboard":[[{"text":"Yes","callback_data":"y"}]]}`)})
	w.must(w.Tap(w.bob.ID, botName, m.MessageID, "Yes"))
	if got := w.updates(99); len(got) != 1 || got[0].Callback == nil || got[0].Callback.Message.Chat.ID != g.ID {
		t.Errorf("a tap in a group told %+v", got)
	}
	said := w.Messages(g.ID, botName)[0]
	w.refused("deleteMessage", params{"chat_id": g.ID, "message_id": said.ID}, 400, "Bad Request: message can't be deleted")
	if err := w.SayInGroup(w.bob.ID, -1, "x"); !errors.Is(err, sandbox.ErrUnknownGroup) {
		t.Errorf("unknown group: %v", err)
	}
}
