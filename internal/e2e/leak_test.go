package e2e

import (
	"bytes"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"telegate/api"
	"telegate/delivery"
	"telegate/sandbox"
)

// marker stands in every message text of the leak test.
const marker = "meet-me-at-the-old-mill"

// No token, code, confirm code, start token, API key or message text reaches a log, an answer, a metric, a health page
// or the database file, whatever fails (OWASP ASVS 16.2.5).
func TestNoSecretLeaks(t *testing.T) {
	if testing.Short() {
		t.Skip("it searches everything in many states")
	}
	t.Parallel()
	faults := []struct {
		name string
		sandbox.Faults
	}{
		{"nothing", sandbox.Faults{}},
		{"unauthorized", sandbox.Faults{Unauthorized: true}},
		{"conflict", sandbox.Faults{Conflict: true}},
		{"webhook", sandbox.Faults{WebhookSet: true}},
		{"flood", sandbox.Faults{FloodWait: time.Second}},
		{"poll flood", sandbox.Faults{PollFloodWait: time.Second}},
		{"server error", sandbox.Faults{ServerError: true}},
		{"server error on sends", sandbox.Faults{ServerError: true, SendOnly: true}},
		{"bad gateway", sandbox.Faults{BadGateway: true}},
		{"bad gateway on sends", sandbox.Faults{BadGateway: true, SendOnly: true}},
		{"down", sandbox.Faults{Down: true}},
		{"down on sends", sandbox.Faults{Down: true, SendOnly: true}},
		{"answer lost", sandbox.Faults{LoseAnswer: true}},
		{"hang on sends", sandbox.Faults{Hang: true, SendOnly: true}},
	}
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			leaksNothing(t, f.Faults)
		})
	}
}

// leaksNothing goes through everything while a fault is on, and then searches everything.
func leaksNothing(t *testing.T, f sandbox.Faults) {
	w := newWorld(t)
	w.start()
	w.connected()
	_, startToken, _ := strings.Cut(w.link("", "alice").StartCommand, " ")
	w.link("", "bob")
	v, code := w.signIn("bob", "bob's session")
	after := w.last("bob")
	if _, err := w.telegram.Say(w.person("bob").ID, testBot, "/mute 1h"); err != nil {
		t.Fatal(err)
	}
	w.message("bob", "Muted until", after)

	w.telegram.SetFaults(f)
	w.call("POST", "/v1/verifications/"+v.ID+"/check", api.CheckCode{Code: wrong(code), SessionBinding: "bob's session"}, nil)
	w.call("POST", "/v1/verifications/"+v.ID+"/check", api.CheckCode{Code: code, SessionBinding: "bob's session"}, nil, "Idempotency-Key", "check")
	w.call("POST", "/v1/verifications", loginOf("alice", "alice's session"), &v, "Idempotency-Key", "ver", "Prefer", "wait=1")
	for _, typed := range []string{"000000", marker} {
		w.call("POST", "/v1/verifications/"+v.ID+"/check", api.CheckCode{Code: typed, SessionBinding: "x"}, nil)
	}
	w.call("POST", "/v1/verifications/"+v.ID+"/resend", nil, nil)
	w.call("POST", "/v1/verifications/"+v.ID+"/cancel", nil, nil)
	w.call("POST", "/v1/links", api.StartLink{User: "carol", SessionBinding: marker}, nil)
	w.call("POST", "/v1/links", api.StartLink{User: "dave", Handle: "alice_tg"}, nil)
	for i, m := range []api.SendMessage{
		{User: "alice", Text: marker},
		{User: "bob", Text: "<b>" + marker, Format: "html"},
		{To: "@alice_tg", Text: "123 " + marker, Lane: "code", Purpose: "login", TTL: 60},
		{User: "nobody", Text: marker},
	} {
		w.call("POST", "/v1/messages", m, nil, "Prefer", "wait=1", "Idempotency-Key", "msg "+strconv.Itoa(i))
	}
	w.call("POST", "/v1/messages", map[string]any{"user": "alice", "text": marker, "unknown": marker, "ttl": marker}, nil)
	w.deadLetters()
	var sent api.AcceptedBroadcast
	later := time.Now().Add(time.Hour)
	for _, b := range []api.CreateBroadcast{
		{Text: marker, SendAt: &later}, {Users: api.UserIDs{"nobody"}, Text: marker}, {Text: "<b>" + marker, Format: "html"},
		{Users: api.UserIDs{"alice", "bob", "nobody"}, Text: marker},
	} {
		w.call("POST", "/v1/broadcasts", b, &sent, "Idempotency-Key", delivery.NewID("bc"))
	}
	w.call("GET", "/v1/broadcasts/"+sent.ID, nil, nil, "Prefer", "wait=1")
	w.call("POST", "/v1/broadcasts/"+sent.ID+"/cancel", nil, nil)
	w.call("GET", "/v1/broadcasts", nil, nil)
	_, _ = w.telegram.Say(w.person("alice").ID, testBot, marker)
	w.call("GET", "/v1/users", nil, nil)
	w.call("GET", "/healthz", nil, nil)
	w.call("GET", "/metrics", nil, nil)

	// The answer to whoever asks for a link shows its start token; nothing else may.
	secrets := map[string]string{"bot token": testToken, "API key": w.key, "message text": marker}
	w.mu.Lock()
	answers := w.answers.Bytes()
	w.mu.Unlock()
	w.search("the answers, health and metrics", answers, secrets)
	secrets["start token"] = startToken
	w.search("the log", []byte(w.log.String()), secrets)
	w.search("the database while it runs", w.files(), secrets)
	w.stop()
	w.search("the database after the end", w.files(), secrets)
	w.search("the log after the end", []byte(w.log.String()), secrets)
}

// deadLetters sends bob, who is muted, what is kept because it does not arrive, asks for it in every way there is, and sends it
// again.
func (w *world) deadLetters() {
	w.t.Helper()
	var dead api.AcceptedMessage
	w.want(http.StatusAccepted, "POST", "/v1/messages", api.SendMessage{User: "bob", Text: marker}, &dead)
	for i, body := range []api.ResendMessage{{Text: "<b>" + marker, Format: "html"}, {}, {Text: marker}} {
		w.call("POST", "/v1/messages/"+dead.ID+"/resend", body, nil, "Idempotency-Key", "resend "+strconv.Itoa(i))
	}
	var list api.MessageList
	w.want(http.StatusOK, "GET", "/v1/messages?status=dead&user=bob", nil, &list)
	if len(list.Messages) != 2 || list.Messages[1].ID != dead.ID || list.Messages[1].ResentAs != list.Messages[0].ID {
		w.t.Errorf("the dead letters: %+v", list.Messages)
	}
	w.call("GET", "/v1/messages/"+dead.ID, nil, nil)
	for _, user := range []string{"alice", "bob", "nobody", "@alice_tg"} {
		w.want(http.StatusOK, "GET", "/v1/trace?user="+user, nil, nil)
	}
}

var aCode = regexp.MustCompile(`^[0-9]{6}\b`)

// search fails for each secret, and each code that ever stood on a phone, that is found in the data as a word of its
// own.
func (w *world) search(where string, data []byte, secrets map[string]string) {
	w.t.Helper()
	if len(data) == 0 {
		w.t.Fatalf("%s: nothing to search", where)
	}
	for what, s := range secrets {
		if i := bytes.Index(data, []byte(s)); i >= 0 {
			w.t.Errorf("%s holds the %s: …%q…", where, what, data[max(0, i-80):min(len(data), i+len(s)+20)])
		}
	}
	codes := 0
	for _, p := range w.telegram.People() {
		for _, m := range w.telegram.Messages(p.ID, testBot) {
			code := aCode.FindString(m.Text)
			if code == "" {
				continue
			}
			codes++
			if loc := regexp.MustCompile(`\b` + code + `\b`).FindIndex(data); loc != nil {
				w.t.Errorf("%s holds the code of %q: …%q…", where, m.Text[:40], data[max(0, loc[0]-60):min(len(data), loc[1]+20)])
			}
		}
	}
	if codes < 3 {
		w.t.Errorf("only %d codes ever arrived: the search would find nothing", codes)
	}
}
