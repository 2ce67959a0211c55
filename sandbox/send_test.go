package sandbox_test

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"telegate/sandbox"
)

func TestBotMayWriteOnlyToWhomTelegramAllows(t *testing.T) {
	w := newWorld(t, sandbox.Limits{Off: true})
	bots, err := w.AddBot("223456789:AAabcdefghijklmnopqrstuvwxyz012345678", "OtherBot", "")
	w.must(err)
	gone := w.AddPerson(sandbox.Person{FirstName: "Carol"})
	w.must(w.Start(gone.ID, botName, ""))
	w.must(w.Deactivate(gone.ID))
	blocker := w.AddPerson(sandbox.Person{FirstName: "Dave"})
	w.must(w.Start(blocker.ID, botName, ""))
	w.must(w.Block(blocker.ID, botName))

	for _, tc := range []struct {
		name        string
		chat        any
		code        int
		description string
	}{
		{"never started", w.bob.ID, 403, "Forbidden: bot can't initiate conversation with a user"},
		{"blocked", blocker.ID, 403, "Forbidden: bot was blocked by the user"},
		{"deactivated", gone.ID, 403, "Forbidden: user is deactivated"},
		{"a bot", bots.ID, 403, "Forbidden: the bot can't send messages to the bot"},
		{"unknown person", 424242, 400, "Bad Request: chat not found"},
		{"unknown group", -424242, 400, "Bad Request: chat not found"},
		{"zero", 0, 400, "Bad Request: chat not found"},
		{"username of a person", "@alice", 400, "Bad Request: chat not found"},
		{"words", "not_a_chat", 400, "Bad Request: chat not found"},
		{"empty", "", 400, "Bad Request: chat_id is empty"},
		{"absent", nil, 400, "Bad Request: chat_id is empty"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := params{"text": "hello"}
			if tc.chat != nil {
				p["chat_id"] = tc.chat
			}
			w.t = t
			w.refused("sendMessage", p, tc.code, tc.description)
		})
	}
	w.t = t
	w.must(w.Unblock(blocker.ID, botName))
	w.ok("sendMessage", params{"chat_id": blocker.ID, "text": "hello"})
	w.must(w.Start(w.bob.ID, botName, ""))
	w.ok("sendMessage", params{"chat_id": w.bob.ID, "text": "hello"})
}

func TestButtonsAreCheckedAndShown(t *testing.T) {
	w := newWorld(t, sandbox.Limits{Off: true})
	one := func(button string) string { return `{"inline_keyboard":[[` + button + `]]}` }
	data := func(n int) string { return one(`{"text":"t","callback_data":"` + strings.Repeat("x", n) + `"}`) }
	copied := func(n int) string { return one(`{"text":"t","copy_text":{"text":"` + strings.Repeat("é", n) + `"}}`) }
	for _, tc := range []struct {
		name, markup, refusal string
		want                  [][]sandbox.Button
	}{
		{"callback", data(1), "", [][]sandbox.Button{{{Text: "t", CallbackData: "x"}}}},
		{"64 bytes", data(64), "", [][]sandbox.Button{{{Text: "t", CallbackData: strings.Repeat("x", 64)}}}},
		{"65 bytes", data(65), "BUTTON_DATA_INVALID", nil},
		{"no data", data(0), "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard", nil},
		{"copy", copied(256), "", [][]sandbox.Button{{{Text: "t", CopyText: strings.Repeat("é", 256)}}}},
		{"copy too long", copied(257), "BUTTON_COPY_TEXT_INVALID", nil},
		{"copy nothing", copied(0), "BUTTON_COPY_TEXT_INVALID", nil},
		{"link", one(`{"text":"t","url":"https://example.com/x","style":"primary"}`), "", [][]sandbox.Button{{{Text: "t", URL: "https://example.com/x", Style: "primary"}}}},
		{"link to an address", one(`{"text":"t","url":"http://192.168.1.5:8080"}`), "", [][]sandbox.Button{{{Text: "t", URL: "http://192.168.1.5:8080/"}}}},
		{"link to an IPv6 address", one(`{"text":"t","url":"http://[::1]:8080/x"}`), "", [][]sandbox.Button{{{Text: "t", URL: "http://[::1]:8080/x"}}}},
		{"link to localhost", one(`{"text":"t","url":"http://localhost:8080/"}`), "inline keyboard button URL 'http://localhost:8080/' is invalid: Wrong HTTP URL", nil},
		{"link by ftp", one(`{"text":"t","url":"ftp://example.com"}`), "inline keyboard button URL 'ftp://example.com' is invalid: Unsupported URL protocol", nil},
		{"tg link", one(`{"text":"t","url":"tg://user?id=1"}`), "", [][]sandbox.Button{{{Text: "t", URL: "tg://user?id=1"}}}},
		{"no text", one(`{"callback_data":"x"}`), `can't parse inline keyboard button: Can't find field "text"`, nil},
		{"empty text", one(`{"text":"","callback_data":"x"}`), "inline keyboard button text must be non-empty", nil},
		{"wrong text", one(`{"text":[],"callback_data":"x"}`), `can't parse inline keyboard button: Field "text" must be of type String`, nil},
		{"wrong style", one(`{"text":"t","callback_data":"x","style":"pink"}`), "can't parse inline keyboard button: Unsupported button style specified", nil},
		{"not simulated", one(`{"text":"t","web_app":{"url":"https://example.com"}}`), "can't parse inline keyboard button: the simulated Telegram has no web_app buttons", nil},
		{"not an object", one(`1`), "can't parse inline keyboard button: InlineKeyboardButton must be an Object", nil},
		{"not rows", `{"inline_keyboard":[{}]}`, `field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays`, nil},
		{"not an array", `{"inline_keyboard":1}`, `field "inline_keyboard" must be of type Array`, nil},
		{"not JSON", `{`, "can't parse reply keyboard markup JSON object", nil},
		{"not a markup", `[]`, "object expected as reply markup", nil},
		{"101 buttons", `{"inline_keyboard":[` + strings.Repeat(`[{"text":"t","callback_data":"x"}],`, 100) + `[{"text":"t","callback_data":"x"}]]}`, "reply markup is too long", nil},
		{"empty rows", `{"inline_keyboard":[[],[{"text":"t","callback_data":"x"}]]}`, "", [][]sandbox.Button{{{Text: "t", CallbackData: "x"}}}},
		{"reply keyboard", `{"keyboard":[["yes"]]}`, "", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w.t = t
			p := w.toAlice("hello", params{"reply_markup": tc.markup})
			if tc.refusal != "" {
				w.refused("sendMessage", p, 400, "Bad Request: "+tc.refusal)
				return
			}
			w.ok("sendMessage", p)
			if diff := cmp.Diff(tc.want, w.lastMessage().Buttons); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSentMessageShowsItsOptions(t *testing.T) {
	w := newWorld(t, sandbox.Limits{Off: true})
	first := w.sent("sendMessage", w.toAlice("first", nil))
	if first.Date != w.clock.Now().Unix() || first.Chat.ID != w.alice.ID || first.Chat.Type != "private" {
		t.Errorf("sent %+v", first)
	}
	reply := w.sent("sendMessage", w.toAlice("second", params{
		"disable_notification": true, "protect_content": "True",
		"link_preview_options": json.RawMessage(`{"is_disabled":true}`),
		"reply_parameters":     params{"message_id": first.MessageID},
	}))
	if reply.MessageID <= first.MessageID || reply.ReplyTo == nil || reply.ReplyTo.MessageID != first.MessageID {
		t.Errorf("sent %+v", reply)
	}
	if m := w.lastMessage(); !m.Silent || !m.Protected || !m.FromBot || m.ReplyTo != first.MessageID || m.ChatID != w.alice.ID {
		t.Errorf("shown %+v", m)
	}
	w.refused("sendMessage", w.toAlice("x", params{"reply_parameters": params{"message_id": 9999}}), 400, "Bad Request: message to be replied not found")
	w.refused("sendMessage", w.toAlice("x", params{"reply_parameters": params{}}), 400, `Bad Request: can't parse reply parameters: Can't find field "message_id"`)
	w.ok("sendMessage", w.toAlice("x", params{"reply_parameters": params{"message_id": 9999, "allow_sending_without_reply": true}}))
	w.refused("sendMessage", w.toAlice("x", params{"message_thread_id": 5}), 400, "Bad Request: message thread not found")
	w.refused("sendMessage", w.toAlice("x", params{"business_connection_id": "x"}), 400, "Bad Request: business connection not found")
	w.refused("sendMessage", w.toAlice("x", params{"allow_paid_broadcast": true}), 400, "Bad Request: FLOODSKIP_NOT_ALLOWED")
	w.refused("sendMessage", w.toAlice("x", params{"link_preview_options": "junk"}), 400, "Bad Request: can't parse link preview options JSON object")
}

// document sends a file by multipart.
func (w *world) document(name, content string, fields map[string]string) answer {
	w.t.Helper()
	var body bytes.Buffer
	mw := multipart.NewWriter(&body)
	for k, v := range fields {
		w.must(mw.WriteField(k, v))
	}
	if name != "" {
		part, err := mw.CreateFormFile("document", name)
		w.must(err)
		_, err = part.Write([]byte(content))
		w.must(err)
	}
	w.must(mw.Close())
	return w.post("/bot"+token+"/sendDocument", mw.FormDataContentType(), body.Bytes())
}

func TestDocumentsArriveWithCaptionAndContent(t *testing.T) {
	w := newWorld(t, sandbox.Limits{Off: true})
	id := strconv.FormatInt(w.alice.ID, 10)
	a := w.document("report.txt", "line\n", map[string]string{"chat_id": id, "caption": "<b>the</b> report", "parse_mode": "HTML"})
	if !a.OK {
		t.Fatal(a.Description)
	}
	var sent struct {
		Caption  string
		Document map[string]any
	}
	w.must(json.Unmarshal(a.Result, &sent))
	if sent.Caption != "the report" || sent.Document["file_name"] != "report.txt" || sent.Document["mime_type"] != "text/plain" || sent.Document["file_size"] != 5.0 || sent.Document["file_id"] == "" {
		t.Errorf("answered %+v", sent)
	}
	m := w.lastMessage()
	if m.Text != "the report" || m.Document == nil || m.Document.FileName != "report.txt" || string(m.Document.Content) != "line\n" || m.Document.Size != 5 {
		t.Errorf("shown %+v", m)
	}
	for _, tc := range []struct {
		name, content, refusal string
		fields                 map[string]string
	}{
		{"", "", "there is no document in the request", map[string]string{"chat_id": id}},
		{"", "", "wrong file identifier/HTTP URL specified", map[string]string{"chat_id": id, "document": "some-id"}},
		{"empty.txt", "", "file must be non-empty", map[string]string{"chat_id": id}},
		{"a.txt", "x", "message caption is too long", map[string]string{"chat_id": id, "caption": strings.Repeat("x", 1025)}},
		{"a.txt", "x", "chat_id is empty", nil},
	} {
		if a := w.document(tc.name, tc.content, tc.fields); a.Status != 400 || a.Description != "Bad Request: "+tc.refusal {
			t.Errorf("%v answered %d %q", tc, a.Status, a.Description)
		}
	}
	if !w.document("a.txt", "x", map[string]string{"chat_id": id, "caption": strings.Repeat("x", 1024)}).OK {
		t.Error("a caption of 1024 was refused")
	}
	w.refused("editMessageText", w.toAlice("x", params{"message_id": m.ID}), 400, "Bad Request: there is no text in the message to edit")
}

func TestOldFileContentsAreForgotten(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	w := newWorld(t, sandbox.Limits{Off: true})
	fields := map[string]string{"chat_id": strconv.FormatInt(w.alice.ID, 10)}
	for range 3 {
		if a := w.document("big.bin", strings.Repeat("x", 30<<20), fields); !a.OK {
			t.Fatal(a.Description)
		}
	}
	var kept []bool
	for _, m := range w.Messages(w.alice.ID, botName) {
		if m.Document != nil {
			kept = append(kept, m.Document.Content != nil)
		}
	}
	if diff := cmp.Diff([]bool{false, true, true}, kept); diff != "" {
		t.Error(diff)
	}
}

func TestChatKeepsItsLast1000Messages(t *testing.T) {
	w := newWorld(t, sandbox.Limits{Off: true})
	for i := range 1500 {
		_, err := w.Say(w.alice.ID, botName, strconv.Itoa(i))
		w.must(err)
	}
	all := w.Messages(w.alice.ID, botName)
	if len(all) < 900 || len(all) > 1000 || all[len(all)-1].Text != "1499" {
		t.Errorf("%d messages, the last %q", len(all), all[len(all)-1].Text)
	}
}

func TestEditsChangeTheBotsOwnMessages(t *testing.T) {
	w := newWorld(t, sandbox.Limits{Off: true})
	buttons := json.RawMessage(`{"inline_keyboard":[[{"text":"Yes","callback_data":"y"}]]}`)
	m := w.sent("sendMessage", w.toAlice("before", params{"reply_markup": buttons}))
	at := func(more params) params {
		p := params{"chat_id": w.alice.ID, "message_id": m.MessageID}
		for k, v := range more {
			p[k] = v
		}
		return p
	}
	const notModified = "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message"

	w.refused("editMessageText", at(params{"text": "before", "reply_markup": buttons}), 400, notModified)
	w.clock.Advance(time.Minute)
	edited := w.sent("editMessageText", at(params{"text": "after", "reply_markup": buttons}))
	if edited.Text != "after" || edited.EditDate != edited.Date+60 {
		t.Errorf("edited %+v", edited)
	}
	if got := w.lastMessage(); got.Text != "after" || !got.Edited || len(got.Buttons) != 1 {
		t.Errorf("shown %+v", got)
	}
	w.ok("editMessageReplyMarkup", at(nil))
	if got := w.lastMessage(); got.Text != "after" || len(got.Buttons) != 0 {
		t.Errorf("shown %+v", got)
	}
	w.refused("editMessageReplyMarkup", at(nil), 400, notModified)
	w.ok("editMessageReplyMarkup", at(params{"reply_markup": buttons}))
	w.ok("editMessageText", at(params{"text": "after"})) // without buttons, so the buttons go
	if got := w.lastMessage(); len(got.Buttons) != 0 {
		t.Errorf("shown %+v", got)
	}

	said, err := w.Say(w.alice.ID, botName, "mine")
	w.must(err)
	w.refused("editMessageText", at(params{"text": "x", "message_id": said}), 400, "Bad Request: message can't be edited")
	w.refused("editMessageText", at(params{"text": "x", "message_id": 999999}), 400, "Bad Request: message to edit not found")
	w.refused("editMessageText", params{"text": "x"}, 400, "Bad Request: message identifier is not specified")
	w.refused("editMessageText", at(params{"text": ""}), 400, "Bad Request: message text is empty")
	w.refused("editMessageText", params{"chat_id": 1, "message_id": 1, "text": "x"}, 400, "Bad Request: chat not found")
	w.must(w.Block(w.alice.ID, botName))
	w.ok("editMessageText", at(params{"text": "of a blocked bot"}))
	w.must(w.Deactivate(w.alice.ID))
	w.refused("editMessageText", at(params{"text": "x"}), 403, "Forbidden: user is deactivated")
}

func TestMessagesCanBeDeletedFor48Hours(t *testing.T) {
	w := newWorld(t, sandbox.Limits{Off: true})
	old := w.sent("sendMessage", w.toAlice("old", nil))
	w.clock.Advance(48*time.Hour - time.Minute)
	young := w.sent("sendMessage", w.toAlice("young", nil))
	said, err := w.Say(w.alice.ID, botName, "mine")
	w.must(err)
	w.clock.Advance(2 * time.Minute)
	at := func(id int) params { return params{"chat_id": w.alice.ID, "message_id": id} }
	w.refused("deleteMessage", at(old.MessageID), 400, "Bad Request: message can't be deleted")
	w.ok("deleteMessage", at(young.MessageID))
	w.ok("deleteMessage", at(said))
	w.refused("deleteMessage", at(young.MessageID), 400, "Bad Request: message to delete not found")
	w.refused("deleteMessage", params{"message_id": 1}, 400, "Bad Request: chat_id is empty")
	if m := w.lastMessage(); m.ID != old.MessageID {
		t.Errorf("the phone shows %+v", m)
	}
}
