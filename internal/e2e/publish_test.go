package e2e

import (
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"telegate/api"
)

var topicShape = regexp.MustCompile(`\b[a-z2-7]{32}\b`)

// asked writes to the bot and waits for what it answers.
func (w *world) asked(name, text, phrase string) string {
	w.t.Helper()
	after := w.last(name)
	if _, err := w.telegram.Say(w.person(name).ID, testBot, text); err != nil {
		w.t.Fatal(err)
	}
	return w.message(name, phrase, after).Text
}

// publish posts a text as a client of ntfy does, with nothing but the topic.
func (w *world) publish(topic, text string) (int, string) {
	w.t.Helper()
	resp, err := http.Post(w.url+"/"+topic, "", strings.NewReader(text))
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

// A person gives programs a topic from the chat, replaces it, and takes it away.
func TestAProgramWritesToAPersonByTheTopicFromTheChat(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.connected()
	w.link("", "alice")
	w.link("corp", "alice")
	said := w.asked("alice", "/topic", "as with ntfy")
	topics := topicShape.FindAllString(said, -1)
	if len(topics) != 3 || topics[0] != topics[2] || topics[0] == topics[1] { // one for each account, and an example
		t.Fatalf("the bot said %q", said)
	}
	for _, topic := range topics[:2] {
		after := w.last("alice")
		if status, body := w.publish(topic, "The backup is done"); status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
		w.message("alice", "The backup is done", after)
	}
	if again := w.asked("alice", "/topic", "as with ntfy"); again != said {
		t.Errorf("asked again: %q", again)
	}

	renewed := topicShape.FindAllString(w.asked("alice", "/topic NEW", "no longer works"), -1)
	if status, body := w.publish(topics[0], "x"); status != http.StatusNotFound || !strings.Contains(body, `"error":"This topic does not exist`) {
		t.Errorf("the old topic: %d %s", status, body)
	}
	if status, body := w.publish(renewed[0], "x"); status != http.StatusOK {
		t.Errorf("the new one: %d %s", status, body)
	}
	w.asked("alice", "/topic off", "Programs can no longer write to you")
	if status, _ := w.publish(renewed[0], "x"); status != http.StatusNotFound {
		t.Errorf("after /topic off: %d", status)
	}
	if log := w.log.String(); strings.Contains(log, topics[0]) || strings.Contains(log, renewed[0]) {
		t.Error("a topic is in the log")
	}
}

// With the gateway's public address in the configuration, the bot's example is complete: a person copies it and it works.
func TestTheBotShowsTheWholeAddressOfATopic(t *testing.T) {
	t.Parallel()
	f := newFiled(t)
	f.link("", "alice")
	if said := f.asked("alice", "/topic", "as with ntfy"); !strings.Contains(said, "ask the administrator") || strings.Contains(said, f.url) {
		t.Errorf("without an address the bot said %q", said)
	}
	f.change("[api]", "[api]\npublic_url = \""+f.url+"/\"")
	if done := f.reload(); !slices.Equal(done.Changed, []string{"api.public_url"}) || len(done.NeedsRestart) != 0 {
		t.Errorf("%+v", done)
	}
	said := f.asked("alice", "/topic", "For example")
	topics := topicShape.FindAllString(said, -1)
	if len(topics) != 2 || strings.Count(said, f.url+"/"+topics[0]) != 2 || strings.Contains(said, "administrator") || strings.Contains(said, "ADDRESS") {
		t.Fatalf("the bot said %q", said)
	}
	after := f.last("alice")
	if status, body := f.publish(topics[0], "The backup is done"); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	f.message("alice", "The backup is done", after)
}

// Somebody registers a handle at a server before he has ever met the bot: Start brings the code, and the code proves the handle.
func TestStartBringsTheCodeThatWasWaitingAndItProvesTheHandle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.connected()
	var p api.Problem
	code := api.SendMessage{To: "@alice_tg", Text: "My Server verification code is: 123456", Lane: "code", Purpose: "link", TTL: 120}
	w.want(http.StatusConflict, "POST", "/v1/messages", code, &p)
	if p.Type != "/problems/recipient-unknown" || p.MessageID == "" || p.StartURL != "https://t.me/"+testBot || p.ExpiresIn != 120 {
		t.Fatalf("%+v", p)
	}
	if err := w.telegram.Start(w.person("bob").ID, testBot, ""); err != nil { // somebody else
		t.Fatal(err)
	}
	w.message("bob", "not connected to an account", 0)
	if err := w.telegram.Start(w.person("alice").ID, testBot, ""); err != nil {
		t.Fatal(err)
	}
	w.message("alice", "My Server verification code is: 123456", 0)
	w.want(http.StatusOK, "GET", "/v1/messages/"+p.MessageID, nil, nil, "Prefer", "wait=10")
	var started api.StartedLink
	w.want(http.StatusCreated, "POST", "/v1/links", api.StartLink{User: "alice", Handle: "@alice_tg", VerifiedBy: "caller", Message: p.MessageID}, &started)
	if started.Status != "verified" || started.Label != "Alice (@alice_tg)" {
		t.Errorf("linked: %+v", started)
	}
	w.message("alice", "Connected.", 0)
	for _, m := range w.telegram.Messages(w.person("alice").ID, testBot) {
		if strings.Contains(m.Text, "not connected to an account") {
			t.Error("she was told how to connect as well")
		}
	}
	for _, m := range w.telegram.Messages(w.person("bob").ID, testBot) {
		if strings.Contains(m.Text, "123456") {
			t.Error("bob got the code")
		}
	}
}
