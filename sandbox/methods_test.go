package sandbox_test

import (
	"encoding/json"
	"strings"
	"testing"

	"telegate/sandbox"
)

func TestGetMeTellsTheBot(t *testing.T) {
	w := newWorld(t, sandbox.Limits{})
	want := `{"id":123456789,"is_bot":true,"first_name":"Gate","username":"GateBot","can_join_groups":true,` +
		`"can_read_all_group_messages":false,"supports_inline_queries":false,"can_connect_to_business":false,"has_main_web_app":false}`
	if got := string(w.ok("getMe", nil).Result); got != want {
		t.Errorf("got %s", got)
	}
}

func TestGetChatKnowsOnlyWhomTheBotHasMet(t *testing.T) {
	w := newWorld(t, sandbox.Limits{})
	want := `{"id":5000000001,"first_name":"Alice","last_name":"Doe","username":"alice","type":"private","active_usernames":["alice"],"accent_color_id":0,"max_reaction_count":11}`
	if got := string(w.ok("getChat", params{"chat_id": w.alice.ID}).Result); got != want {
		t.Errorf("got %s", got)
	}
	w.refused("getChat", params{"chat_id": w.bob.ID}, 400, "Bad Request: chat not found")
	w.refused("getChat", nil, 400, "Bad Request: chat_id is empty")
	w.must(w.Block(w.alice.ID, botName))
	w.ok("getChat", params{"chat_id": w.alice.ID})
	w.must(w.Deactivate(w.alice.ID))
	w.ok("getChat", params{"chat_id": w.alice.ID})
}

func TestCommandsAreKeptPerScopeAndLanguage(t *testing.T) {
	w := newWorld(t, sandbox.Limits{})
	set := func(commands, scope, language string) params {
		return params{"commands": commands, "scope": scope, "language_code": language}
	}
	const help = `[{"command":"help","description":"Help"}]`
	const here = `{"type":"chat","chat_id":5000000001}`
	w.ok("setMyCommands", set(help, "", ""))
	w.ok("setMyCommands", set(`[{"command":"/hilfe","description":"Hilfe"}]`, `{"type":"default"}`, "de"))
	w.ok("setMyCommands", set(`[]`, here, ""))
	for _, tc := range []struct{ scope, language, want string }{
		{"", "", help},
		{`{"type":"default"}`, "", help},
		{"", "de", `[{"command":"hilfe","description":"Hilfe"}]`},
		{here, "", `[]`},
		{`{"type":"all_private_chats"}`, "", `[]`},
	} {
		if got := string(w.ok("getMyCommands", params{"scope": tc.scope, "language_code": tc.language}).Result); got != tc.want {
			t.Errorf("%s %s: got %s, want %s", tc.scope, tc.language, got, tc.want)
		}
	}
	many, err := json.Marshal(make([]map[string]string, 101))
	w.must(err)
	for _, tc := range []struct{ commands, scope, refusal string }{
		{`{`, "", "can't parse commands JSON object"},
		{`{}`, "", "expected an Array of BotCommand"},
		{`[1]`, "", "can't parse BotCommand: expected an Object"},
		{`[{"command":"x"}]`, "", `can't parse BotCommand: Can't find field "description"`},
		{`[{"command":"","description":"x"}]`, "", "command must be non-empty"},
		{`[{"command":"x","description":""}]`, "", "command description must be non-empty"},
		{`[{"command":"` + strings.Repeat("x", 33) + `","description":"x"}]`, "", "command length must not exceed 32"},
		{`[{"command":"x","description":"` + strings.Repeat("x", 257) + `"}]`, "", "command description length must not exceed 256"},
		{`[{"command":"bad command","description":"x"}]`, "", "BOT_COMMAND_INVALID"},
		{string(many), "", "BOT_COMMANDS_TOO_MUCH"},
		{help, `[]`, "can't parse BotCommandScope: expected an Object"},
		{help, `{"type":"invalid"}`, "can't parse BotCommandScope: Unsupported type specified"},
		{help, `{"type":"chat"}`, `can't parse BotCommandScope: Can't find field "chat_id"`},
		{help, `{"type":"chat_member","chat_id":5000000001}`, `can't parse BotCommandScope: Can't find field "user_id"`},
		{help, `{"type":"chat","chat_id":42}`, "chat not found"},
	} {
		w.refused("setMyCommands", set(tc.commands, tc.scope, ""), 400, "Bad Request: "+tc.refusal)
	}
}
