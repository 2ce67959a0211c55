package sandbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"telegate/sandbox"
)

// payload decodes the single update that waits, without its id.
func (w *world) payload(offset int) map[string]any {
	w.t.Helper()
	var list []map[string]any
	w.must(json.Unmarshal(w.ok("getUpdates", params{"offset": offset}).Result, &list))
	if len(list) != 1 {
		w.t.Fatalf("%d updates: %v", len(list), list)
	}
	if _, ok := list[0]["update_id"].(float64); !ok {
		w.t.Errorf("update_id is %v", list[0]["update_id"])
	}
	delete(list[0], "update_id")
	w.forgetUpdates()
	return list[0]
}

// decode makes of wanted JSON what payload makes of the real one.
func decode(t *testing.T, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestStartSendsWhatTelegramSends(t *testing.T) {
	w := newWorld(t, sandbox.Limits{})
	w.must(w.Start(w.bob.ID, botName, "abc_-123"))
	want := decode(t, `{"message":{"message_id":2,"date":1795435200,"text":"/start abc_-123",
		"from":{"id":5000000002,"is_bot":false,"first_name":"Bob","username":"bobby"},
		"chat":{"id":5000000002,"type":"private","first_name":"Bob","username":"bobby"},
		"entities":[{"offset":0,"length":6,"type":"bot_command"}]}}`)
	if diff := cmp.Diff(want, w.payload(1)); diff != "" {
		t.Error(diff)
	}
	if !w.Started(w.bob.ID, "@gatebot") {
		t.Error("Started says no")
	}
}

func TestCommandsAreMarkedInUTF16Units(t *testing.T) {
	w := newWorld(t, sandbox.Limits{})
	for i, tc := range []struct {
		text string
		want []sandbox.Entity
	}{
		{"/help", []sandbox.Entity{{Type: "bot_command", Length: 5}}},
		{"😀 /mute 2h /unmute@GateBot", []sandbox.Entity{{Type: "bot_command", Offset: 3, Length: 5}, {Type: "bot_command", Offset: 12, Length: 15}}},
		{"/a /b", []sandbox.Entity{{Type: "bot_command", Length: 2}, {Type: "bot_command", Offset: 3, Length: 2}}},
		{"see https://example.com/path or a/b", nil},
		{"/", nil},
		{"hello", nil},
	} {
		id, err := w.Say(w.alice.ID, botName, tc.text)
		w.must(err)
		if m := w.lastMessage(); m.ID != id || m.FromBot || m.From != w.alice.ID || !cmp.Equal(m.Entities, tc.want) {
			t.Errorf("%d: %q: %+v, want %+v", i, tc.text, m, tc.want)
		}
	}
}

func TestTapSendsACallbackQuery(t *testing.T) {
	w := newWorld(t, sandbox.Limits{})
	m := w.sent("sendMessage", w.toAlice("really?", params{"reply_markup": json.RawMessage(
		`{"inline_keyboard":[[{"text":"Yes","callback_data":"y:1"},{"text":"Site","url":"https://example.com/"}],[{"text":"Copy","copy_text":{"text":"123"}}]]}`)}))
	w.must(w.Tap(w.alice.ID, botName, m.MessageID, "Yes"))
	got := w.payload(1)
	query := got["callback_query"].(map[string]any)
	instance, _ := query["chat_instance"].(string)
	id, _ := query["id"].(string)
	if instance == "" || len(id) < 10 {
		t.Errorf("id %q, chat_instance %q", id, instance)
	}
	delete(query, "chat_instance")
	delete(query, "id")
	want := decode(t, `{"callback_query":{"data":"y:1",
		"from":{"id":5000000001,"is_bot":false,"first_name":"Alice","last_name":"Doe","username":"alice","language_code":"en"},
		"message":{"message_id":2,"date":1795435200,"text":"really?",
			"from":{"id":123456789,"is_bot":true,"first_name":"Gate","username":"GateBot"},
			"chat":{"id":5000000001,"type":"private","first_name":"Alice","last_name":"Doe","username":"alice"},
			"reply_markup":{"inline_keyboard":[[{"text":"Yes","callback_data":"y:1"},{"text":"Site","url":"https://example.com/"}],[{"text":"Copy","copy_text":{"text":"123"}}]]}}}}`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	for _, tc := range []struct {
		id     int
		button string
		want   error
	}{
		{m.MessageID, "No", sandbox.ErrNoButton},
		{m.MessageID, "Site", sandbox.ErrNotCallback},
		{m.MessageID, "Copy", sandbox.ErrNotCallback},
		{99, "Yes", sandbox.ErrNoMessage},
	} {
		if err := w.Tap(w.alice.ID, botName, tc.id, tc.button); !errors.Is(err, tc.want) {
			t.Errorf("tap %d %q: %v, want %v", tc.id, tc.button, err, tc.want)
		}
	}
}

func TestTapIsAnsweredOnceWithin150Seconds(t *testing.T) {
	w := newWorld(t, sandbox.Limits{})
	m := w.sent("sendMessage", w.toAlice("?", params{"reply_markup": json.RawMessage(`{"inline_keyboard":[[{"text":"Yes","callback_data":"y"}]]}`)}))
	offset := 0
	tap := func() string {
		t.Helper()
		w.must(w.Tap(w.alice.ID, botName, m.MessageID, "Yes"))
		offset++
		id := w.updates(offset)[0].Callback.ID
		w.forgetUpdates()
		return id
	}
	const tooOld = "Bad Request: query is too old and response timeout expired or query ID is invalid"

	id := tap()
	w.refused("answerCallbackQuery", params{"callback_query_id": id, "text": strings.Repeat("é", 201)}, 400, "Bad Request: MESSAGE_TOO_LONG")
	w.ok("answerCallbackQuery", params{"callback_query_id": id, "text": strings.Repeat("é", 200)})
	if got := w.Toast(w.alice.ID, botName); got != strings.Repeat("é", 200) {
		t.Errorf("the phone shows %q", got)
	}
	w.refused("answerCallbackQuery", params{"callback_query_id": id}, 400, tooOld)
	w.refused("answerCallbackQuery", params{"callback_query_id": "invalid"}, 400, tooOld)
	w.refused("answerCallbackQuery", nil, 400, tooOld)

	id = tap()
	w.clock.Advance(150 * time.Second)
	w.ok("answerCallbackQuery", params{"callback_query_id": id})
	if got := w.Toast(w.alice.ID, botName); got != "" {
		t.Errorf("the phone shows %q", got)
	}
	id = tap()
	w.clock.Advance(151 * time.Second)
	w.refused("answerCallbackQuery", params{"callback_query_id": id}, 400, tooOld)
}

func TestBlockAndUnblockTellTheBot(t *testing.T) {
	w := newWorld(t, sandbox.Limits{})
	member := `{"user":{"id":123456789,"is_bot":true,"first_name":"Gate","username":"GateBot"},"status":"member"}`
	kicked := `{"user":{"id":123456789,"is_bot":true,"first_name":"Gate","username":"GateBot"},"status":"kicked","until_date":0}`
	change := func(before, after string) map[string]any {
		return decode(t, `{"my_chat_member":{"date":1795435200,
			"chat":{"id":5000000001,"type":"private","first_name":"Alice","last_name":"Doe","username":"alice"},
			"from":{"id":5000000001,"is_bot":false,"first_name":"Alice","last_name":"Doe","username":"alice","language_code":"en"},
			"old_chat_member":`+before+`,"new_chat_member":`+after+`}}`)
	}
	w.must(w.Block(w.alice.ID, botName))
	w.must(w.Block(w.alice.ID, botName)) // nothing new
	if diff := cmp.Diff(change(member, kicked), w.payload(1)); diff != "" {
		t.Error(diff)
	}
	if !w.Blocked(w.alice.ID, botName) {
		t.Error("Blocked says no")
	}
	if _, err := w.Say(w.alice.ID, botName, "hello"); !errors.Is(err, sandbox.ErrBlocked) {
		t.Errorf("say: %v", err)
	}
	w.must(w.Unblock(w.alice.ID, botName))
	if diff := cmp.Diff(change(kicked, member), w.payload(2)); diff != "" {
		t.Error(diff)
	}

	w.must(w.Block(w.alice.ID, botName))
	w.forgetUpdates()
	w.must(w.Start(w.alice.ID, botName, "again"))
	got := w.updates(3)
	if len(got) != 2 || got[0].Member == nil || got[0].Member.New.Status != "member" || got[1].Message == nil {
		t.Errorf("Start after a block told %+v", got)
	}
	if err := w.Block(w.bob.ID, botName); !errors.Is(err, sandbox.ErrNotStarted) {
		t.Errorf("block without start: %v", err)
	}
}

func TestLinksOpenTheBot(t *testing.T) {
	w := newWorld(t, sandbox.Limits{})
	for _, link := range []string{
		"https://t.me/GateBot?start=abc", "http://t.me/gatebot?start=abc", "t.me/GateBot/?start=abc",
		"https://telegram.me/GateBot?start=abc", "https://www.telegram.dog/GateBot?start=abc",
		"tg://resolve?domain=GateBot&start=abc", "tg:resolve?domain=GateBot&start=abc", " https://t.me/GateBot?start=abc\n",
	} {
		if err := w.Open(w.alice.ID, link); err != nil {
			t.Errorf("%q: %v", link, err)
		} else if got := w.lastMessage().Text; got != "/start abc" {
			t.Errorf("%q sent %q", link, got)
		}
	}
	w.must(w.Open(w.alice.ID, "https://t.me/GateBot"))
	if got := w.lastMessage().Text; got != "/start" {
		t.Errorf("a bare link sent %q", got)
	}
	for link, want := range map[string]error{
		"https://example.com/GateBot?start=abc": sandbox.ErrNoLink,
		"https://t.me/":                         sandbox.ErrNoLink,
		"https://t.me/GateBot/5?start=abc":      sandbox.ErrNoLink,
		"tg://msg?text=x":                       sandbox.ErrNoLink,
		"":                                      sandbox.ErrNoLink,
		"https://t.me/%zz":                      sandbox.ErrNoLink,
		"https://t.me/NoSuchBot?start=abc":      sandbox.ErrUnknownBot,
	} {
		if err := w.Open(w.alice.ID, link); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", link, err, want)
		}
	}
	for _, payload := range []string{"a b", "ä", strings.Repeat("x", 65), "a\n"} {
		if err := w.Start(w.alice.ID, botName, payload); err == nil {
			t.Errorf("payload %q was taken", payload)
		}
	}
}

func TestPhonesRefuseWhatTelegramRefuses(t *testing.T) {
	w := newWorld(t, sandbox.Limits{})
	if _, err := w.Say(w.bob.ID, botName, "hello"); !errors.Is(err, sandbox.ErrNotStarted) {
		t.Errorf("say before Start: %v", err)
	}
	if _, err := w.Say(42, botName, "hello"); !errors.Is(err, sandbox.ErrUnknownPerson) {
		t.Errorf("say by nobody: %v", err)
	}
	if _, err := w.Say(w.alice.ID, "NoSuchBot", "hello"); !errors.Is(err, sandbox.ErrUnknownBot) {
		t.Errorf("say to nobody: %v", err)
	}
	for _, text := range []string{"", " \n ", strings.Repeat("x", 4097)} {
		if _, err := w.Say(w.alice.ID, botName, text); err == nil {
			t.Errorf("a text of %d was taken", len(text))
		}
	}
	w.must(w.Deactivate(w.alice.ID))
	if !w.Deactivated(w.alice.ID) || w.Deactivated(w.bob.ID) {
		t.Error("Deactivated is wrong")
	}
	for what, err := range map[string]error{
		"start":      w.Start(w.alice.ID, botName, ""),
		"block":      w.Block(w.alice.ID, botName),
		"tap":        w.Tap(w.alice.ID, botName, 1, "x"),
		"username":   w.SetUsername(w.alice.ID, "alice2"),
		"deactivate": w.Deactivate(w.alice.ID),
	} {
		if !errors.Is(err, sandbox.ErrDeactivated) {
			t.Errorf("%s after deletion: %v", what, err)
		}
	}
}

func TestUsernamesChangeHands(t *testing.T) {
	w := newWorld(t, sandbox.Limits{})
	w.must(w.SetUsername(w.bob.ID, "@Alice"))
	alice, _ := w.Person(w.alice.ID)
	bob, _ := w.Person(w.bob.ID)
	if alice.Username != "" || bob.Username != "Alice" {
		t.Errorf("alice has %q, bob has %q", alice.Username, bob.Username)
	}
	w.must(w.SetUsername(w.bob.ID, ""))
	carol := w.AddPerson(sandbox.Person{FirstName: "Carol", Username: "bobby"})
	if carol.ID == 0 || carol.Username != "bobby" {
		t.Errorf("carol is %+v", carol)
	}
	dave := w.AddPerson(sandbox.Person{FirstName: "Dave", Username: "BOBBY"})
	if carol, _ := w.Person(carol.ID); carol.Username != "" || dave.Username != "BOBBY" {
		t.Errorf("carol has %q, dave has %q", carol.Username, dave.Username)
	}
	for _, bad := range []string{"abc", "1abc", "with space", "ünïcode", strings.Repeat("x", 33), botName} {
		if err := w.SetUsername(dave.ID, bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	if got := w.AddPerson(sandbox.Person{Username: botName}).Username; got != "" {
		t.Errorf("a person took the username of a bot: %q", got)
	}
	if err := w.SetUsername(42, "somebody"); !errors.Is(err, sandbox.ErrUnknownPerson) {
		t.Errorf("username of nobody: %v", err)
	}
	if people := w.People(); len(people) != 5 || people[0].ID != w.alice.ID {
		t.Errorf("people are %+v", people)
	}
	// The chat goes on under the id, whatever the name.
	w.ok("sendMessage", w.toAlice("hello", nil))
}

func TestBotsMustBeRegisteredProperly(t *testing.T) {
	w := newWorld(t, sandbox.Limits{})
	for what, bot := range map[string][2]string{
		"no colon":       {"notatoken", "SomeBot"},
		"short secret":   {"323456789:short", "SomeBot"},
		"line break":     {"323456789:AAabcdefghijklmnopqrstuvwxyz012345678\n", "SomeBot"},
		"same number":    {"123456789:BBabcdefghijklmnopqrstuvwxyz012345678", "SomeBot"},
		"same username":  {"323456789:AAabcdefghijklmnopqrstuvwxyz012345678", "gatebot"},
		"person's name":  {"323456789:AAabcdefghijklmnopqrstuvwxyz012345678", "alice"},
		"short username": {"323456789:AAabcdefghijklmnopqrstuvwxyz012345678", "bot"},
	} {
		if _, err := w.AddBot(bot[0], bot[1], ""); err == nil {
			t.Errorf("%s was taken", what)
		} else if strings.Contains(err.Error(), bot[0]) {
			t.Errorf("%s: the error tells the token", what)
		}
	}
	if bots := w.Bots(); len(bots) != 1 || bots[0].ID != 123456789 || bots[0].Username != botName || bots[0].Token != token {
		t.Errorf("bots are %+v", bots)
	}
}

func TestWaitMessageReturnsAsSoonAsOneIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPollWorld(t)
		go func() {
			time.Sleep(time.Second)
			_ = w.Start(w.alice, botName, "")
			time.Sleep(time.Second)
			_, _ = w.Say(w.alice, botName, "second")
		}()
		begin := time.Now()
		if m, err := w.WaitMessage(t.Context(), w.alice, botName, nil); err != nil || m.Text != "/start" || time.Since(begin) != time.Second {
			t.Errorf("%+v after %v, %v", m, time.Since(begin), err)
		}
		second := func(m sandbox.Message) bool { return m.Text == "second" }
		if m, err := w.WaitMessage(t.Context(), w.alice, botName, second); err != nil || m.Text != "second" || time.Since(begin) != 2*time.Second {
			t.Errorf("%+v after %v, %v", m, time.Since(begin), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		never := func(sandbox.Message) bool { return false }
		if _, err := w.WaitMessage(ctx, w.alice, botName, never); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waiting in vain: %v", err)
		}
		if _, err := w.WaitMessage(t.Context(), w.alice, "NoSuchBot", nil); !errors.Is(err, sandbox.ErrUnknownBot) {
			t.Errorf("waiting at an unknown bot: %v", err)
		}
	})
}

func TestEventsTellWhatChangedAndNeverBlock(t *testing.T) {
	w := newWorld(t, sandbox.Limits{Off: true})
	events, cancel := w.Subscribe()
	next := func(kind string) sandbox.Event {
		t.Helper()
		for {
			select {
			case e := <-events:
				if e.Kind == kind {
					return e
				}
			default:
				t.Fatalf("no event %q", kind)
			}
		}
	}
	m := w.sent("sendMessage", w.toAlice("hello", params{"reply_markup": json.RawMessage(`{"inline_keyboard":[[{"text":"Yes","callback_data":"y"}]]}`)}))
	want := sandbox.Event{Kind: "message", Person: w.alice.ID, Bot: botName}
	if got := next("message"); got != want {
		t.Errorf("got %+v", got)
	}
	next("call")
	w.ok("editMessageText", params{"chat_id": w.alice.ID, "message_id": m.MessageID, "text": "bye"})
	next("edited")
	w.ok("deleteMessage", params{"chat_id": w.alice.ID, "message_id": m.MessageID})
	next("deleted")
	w.must(w.Block(w.alice.ID, botName))
	next("chat")
	w.must(w.SetUsername(w.alice.ID, ""))
	next("person")
	w.SetFaults(sandbox.Faults{})
	next("faults")
	for range 1000 {
		w.SetFaults(sandbox.Faults{}) // nobody reads: the surplus is dropped
	}
	cancel()
	cancel()
	n := 0
	for range events {
		n++
	}
	if n == 0 || n >= 1000 {
		t.Errorf("%d events were kept", n)
	}
	w.SetFaults(sandbox.Faults{})
}
