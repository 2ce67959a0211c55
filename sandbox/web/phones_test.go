package web_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// phone is a phone as the page gets it.
type phone struct {
	ID                        int64
	Key, Name, Username       string
	Language                  string
	Started, Blocked, Deleted bool
	Messages                  []message
}

type message struct {
	ID       int
	FromBot  bool `json:"from_bot"`
	Text     string
	Entities []struct {
		Type           string
		Offset, Length int
		URL            string
	}
	Buttons  [][]map[string]string
	Document *struct {
		FileName string `json:"file_name"`
		Size     int
	}
	Edited bool
}

func (ph phone) texts() []string {
	var texts []string
	for _, m := range ph.Messages {
		texts = append(texts, m.Text)
	}
	return texts
}

func TestAliceBobAndCarolAreThereFromTheStart(t *testing.T) {
	p := newPage(t)
	var got []string
	for _, person := range p.telegram.People() {
		got = append(got, person.FirstName+" @"+person.Username+" "+person.LanguageCode)
	}
	if diff := cmp.Diff([]string{"Alice @alice en", "Bob @bob_tg en", "Carol @carol de"}, got); diff != "" {
		t.Error(diff)
	}
	for _, person := range p.telegram.People() {
		if err := p.telegram.SetUsername(person.ID, person.Username); err != nil { // the server's form must take it, too
			t.Errorf("%s could not have this name: %v", person.FirstName, err)
		}
	}
}

func TestStartThenWrite(t *testing.T) {
	p := newPage(t)
	p.refused(http.StatusConflict, "POST", p.phone("Alice", "say"), object{"text": "hello"})
	if ph := do[phone](p, "POST", p.phone("Alice", "start"), nil); !ph.Started || ph.Key != "alice" {
		t.Errorf("after Start: %+v", ph)
	}
	ph := do[phone](p, "POST", p.phone("Alice", "say"), object{"text": "hello"})
	if diff := cmp.Diff([]string{"/start", "hello"}, ph.texts()); diff != "" {
		t.Error(diff)
	}
}

func TestLinkOpensTheBotWithItsToken(t *testing.T) {
	for _, link := range []string{"https://t.me/GateBot?start=abc", "t.me/GateBot?start=abc", "tg://resolve?domain=GateBot&start=abc"} {
		t.Run(link, func(t *testing.T) {
			p := newPage(t)
			ph := do[phone](p, "POST", p.phone("Bob", "open"), object{"link": link})
			if diff := cmp.Diff([]string{"/start abc"}, ph.texts()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLinkToElsewhereIsRefused(t *testing.T) {
	p := newPage(t)
	for _, link := range []string{"https://example.com/?start=abc", "nonsense", "https://t.me/SomebodyElsesBot?start=abc", "javascript:alert(1)"} {
		p.refused(http.StatusUnprocessableEntity, "POST", p.phone("Bob", "open"), object{"link": link})
	}
	if p.telegram.Started(p.id("Bob"), botName) {
		t.Error("the bot was started")
	}
}

func TestPhoneShowsWhatTheBotSent(t *testing.T) {
	p := newPage(t)
	do[phone](p, "POST", p.phone("Alice", "start"), nil)
	p.bot("sendMessage", object{
		"chat_id": p.id("Alice"), "text": "123456 is your code",
		"entities": []object{{"type": "code", "offset": 0, "length": 6}},
		"reply_markup": object{"inline_keyboard": [][]object{
			{{"text": "Copy", "copy_text": object{"text": "123456"}}, {"text": "Not me", "callback_data": "secret nonce", "style": "danger"}},
			{{"text": "Help", "url": "https://example.com/help"}},
		}},
	})
	_, answer := p.send("POST", p.phone("Alice", "say"), object{"text": "thanks"})
	if strings.Contains(string(answer), "secret nonce") {
		t.Error("the page was told callback data, which only the bot has use for")
	}
	m := decode[phone](t, answer).Messages[1]
	if !m.FromBot || m.Text != "123456 is your code" || len(m.Entities) == 0 || m.Entities[0].Type != "code" || m.Entities[0].Length != 6 {
		t.Errorf("message %+v", m)
	}
	want := [][]map[string]string{
		{{"text": "Copy", "copy_text": "123456"}, {"text": "Not me", "style": "danger"}},
		{{"text": "Help", "url": "https://example.com/help"}},
	}
	if diff := cmp.Diff(want, m.Buttons); diff != "" {
		t.Error(diff)
	}
}

func TestTapReachesTheBot(t *testing.T) {
	p := newPage(t)
	do[phone](p, "POST", p.phone("Alice", "start"), nil)
	p.bot("sendMessage", object{"chat_id": p.id("Alice"), "text": "Link?", "reply_markup": object{"inline_keyboard": [][]object{
		{{"text": "Link", "callback_data": "yes"}, {"text": "Copy", "copy_text": object{"text": "1"}}}}}})
	messages := p.telegram.Messages(p.id("Alice"), botName)
	id := messages[len(messages)-1].ID

	do[phone](p, "POST", p.phone("Alice", "tap"), object{"message_id": id, "button": "Link"})
	p.refused(http.StatusConflict, "POST", p.phone("Alice", "tap"), object{"message_id": id, "button": "Nothing"})
	p.refused(http.StatusUnprocessableEntity, "POST", p.phone("Alice", "tap"), object{"message_id": id, "button": "Copy"})
	p.refused(http.StatusNotFound, "POST", p.phone("Alice", "tap"), object{"message_id": id + 1, "button": "Link"})
}

func TestBlockAndUnblock(t *testing.T) {
	p := newPage(t)
	p.refused(http.StatusConflict, "POST", p.phone("Alice", "block"), nil)
	do[phone](p, "POST", p.phone("Alice", "start"), nil)
	if ph := do[phone](p, "POST", p.phone("Alice", "block"), nil); !ph.Blocked {
		t.Error("the bot is not blocked")
	}
	p.refused(http.StatusConflict, "POST", p.phone("Alice", "say"), object{"text": "hello"})
	if ph := do[phone](p, "POST", p.phone("Alice", "unblock"), nil); ph.Blocked {
		t.Error("the bot is still blocked")
	}
}

func TestUsernameChangesHands(t *testing.T) {
	p := newPage(t)
	if ph := do[phone](p, "PUT", p.phone("Bob", "username"), object{"username": "@alice"}); ph.Username != "alice" || ph.Key != "bob" {
		t.Errorf("Bob's phone: %+v", ph)
	}
	if alice, _ := p.telegram.Person(p.id("Alice")); alice.Username != "" {
		t.Errorf("Alice is still @%s", alice.Username)
	}
	for _, name := range []string{"a b", "1abc", "abc", strings.Repeat("x", 33), "<b>", botName} {
		p.refused(http.StatusUnprocessableEntity, "PUT", p.phone("Bob", "username"), object{"username": name})
	}
}

func TestATelegramHasItsLanguage(t *testing.T) {
	p := newPage(t)
	for _, language := range []string{"pt-br", "zh-hans", ""} {
		if ph := do[phone](p, "PUT", p.phone("Carol", "language"), object{"language": language}); ph.Language != language {
			t.Errorf("Carol's phone is in %q, want %q", ph.Language, language)
		}
	}
	for _, language := range []string{"d", "german", "de_AT", "de-", "<b>", "de\n", strings.Repeat("de-", 20)} {
		p.refused(http.StatusUnprocessableEntity, "PUT", p.phone("Carol", "language"), object{"language": language})
	}
	do[phone](p, "DELETE", p.phone("Carol", ""), nil)
	p.refused(http.StatusConflict, "PUT", p.phone("Carol", "language"), object{"language": "de"})
}

func TestDeletedAccountStaysDeleted(t *testing.T) {
	p := newPage(t)
	if ph := do[phone](p, "DELETE", p.phone("Carol", ""), nil); !ph.Deleted {
		t.Error("the account is still there")
	}
	p.refused(http.StatusConflict, "DELETE", p.phone("Carol", ""), nil)
	p.refused(http.StatusConflict, "POST", p.phone("Carol", "start"), nil)
}

func TestNewPersonGetsAPhone(t *testing.T) {
	p := newPage(t)
	dave := do[phone](p, "POST", "/phones", object{"name": " Dave "})
	if dave.Name != "Dave" || dave.Username != "dave" || dave.Key != "dave" || dave.Started {
		t.Errorf("Dave's phone: %+v", dave)
	}
	second := do[phone](p, "POST", "/phones", object{"name": "Dave"})
	if second.Username != "" || second.Key != "dave-"+strconv.FormatInt(second.ID, 10) {
		t.Errorf("the second Dave's phone: %+v", second)
	}
	if short := do[phone](p, "POST", "/phones", object{"name": "Al"}); short.Username != "al_tg" || short.Key != "al" {
		t.Errorf("Al's phone: %+v", short)
	}
	foreign := do[phone](p, "POST", "/phones", object{"name": "Жанна"})
	if foreign.Username != "" || foreign.Key != "жанна" {
		t.Errorf("Жанна's phone: %+v", foreign)
	}
}

func TestNewPersonNeedsAName(t *testing.T) {
	p := newPage(t)
	for _, name := range []string{"", "  ", strings.Repeat("x", 65)} {
		p.refused(http.StatusUnprocessableEntity, "POST", "/phones", object{"name": name})
	}
	if n := len(p.telegram.People()); n != 3 {
		t.Errorf("there are %d people, want 3", n)
	}
}

func TestPeopleAreBounded(t *testing.T) {
	p := newPage(t)
	for range 47 {
		do[phone](p, "POST", "/phones", object{"name": "Eve"})
	}
	p.refused(http.StatusConflict, "POST", "/phones", object{"name": "Eve"})
}

func TestUnknownPersonIsNotFound(t *testing.T) {
	p := newPage(t)
	bodies := map[string]any{"open": object{"link": "t.me/GateBot"}, "say": object{"text": "x"}, "tap": object{"message_id": 1, "button": "x"}}
	for _, id := range []string{"1", "-1", "alice", "99999999999999999999", "%00"} {
		for _, action := range []string{"start", "open", "say", "tap", "block", "unblock"} {
			p.refused(http.StatusNotFound, "POST", "/phones/"+id+"/"+action, bodies[action])
		}
		p.refused(http.StatusNotFound, "PUT", "/phones/"+id+"/username", object{"username": "x"})
		p.refused(http.StatusNotFound, "DELETE", "/phones/"+id, nil)
		p.refused(http.StatusNotFound, "GET", "/phones/"+id+"/documents/1", nil)
	}
}

func TestMissingFieldsAreNamed(t *testing.T) {
	p := newPage(t)
	do[phone](p, "POST", p.phone("Alice", "start"), nil)
	for action, fields := range map[string]map[string]object{
		"open": {"link": {}},
		"say":  {"text": {"text": "  \n"}},
		"tap":  {"message_id": {"button": "Link"}, "button": {"message_id": 1}},
	} {
		for field, body := range fields {
			if refusal := p.refused(http.StatusUnprocessableEntity, "POST", p.phone("Alice", action), body); !strings.Contains(refusal.Detail, field) {
				t.Errorf("%s without %s: %q", action, field, refusal.Detail)
			}
		}
	}
}

func TestDocumentIsDownloadedAsAFile(t *testing.T) {
	p := newPage(t)
	do[phone](p, "POST", p.phone("Alice", "start"), nil)
	p.sendDocument("Alice", `full "text".html`, "<script>alert(1)</script>")
	ph := do[phone](p, "POST", p.phone("Alice", "say"), object{"text": "thanks"})
	m := ph.Messages[1]
	if m.Document == nil || m.Document.Size != 25 {
		t.Fatalf("message %+v", m)
	}
	res, err := p.browser.Get(p.url + p.phone("Alice", "documents/"+strconv.Itoa(m.ID)))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got := res.Header.Get("Content-Type"); got != "application/octet-stream" {
		t.Errorf("a file of the bot is served as %s", got)
	}
	if got := res.Header.Get("Content-Disposition"); !strings.HasPrefix(got, "attachment") || !strings.Contains(got, "full") {
		t.Errorf("Content-Disposition is %q", got)
	}
	p.refused(http.StatusNotFound, "GET", p.phone("Alice", "documents/"+strconv.Itoa(m.ID+1)), nil)
	p.refused(http.StatusNotFound, "GET", p.phone("Bob", "documents/"+strconv.Itoa(m.ID)), nil)
}

func TestPhoneShowsTheNewestMessages(t *testing.T) {
	p := newPage(t)
	do[phone](p, "POST", p.phone("Alice", "start"), nil)
	for i := range 120 {
		if _, err := p.telegram.Say(p.id("Alice"), botName, strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
	}
	texts := do[phone](p, "POST", p.phone("Alice", "say"), object{"text": "last"}).texts()
	if len(texts) != 100 || texts[99] != "last" || texts[0] != "21" {
		t.Errorf("%d messages, from %q to %q", len(texts), texts[0], texts[len(texts)-1])
	}
}
