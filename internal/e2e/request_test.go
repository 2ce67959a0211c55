package e2e

import (
	"net/http"
	"strings"
	"testing"

	"telegate/api"
)

// A request is found again by one id: in its answer, in the message that it made, and in the log up to the attempts to send it.
func TestARequestIsFollowedFromTheCallToTheAttempts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.connected()
	w.link("", "alice")
	const id = "meshcentral-4711.a_b"
	var sent api.AcceptedMessage
	w.want(http.StatusAccepted, "POST", "/v1/messages", api.SendMessage{User: "alice", Text: "hello"}, &sent, "X-Request-Id", id)
	w.message("alice", "hello", 0)
	w.eventually("the log names the send", func() bool {
		for line := range strings.Lines(w.log.String()) {
			if strings.Contains(line, "msg=sent") && strings.Contains(line, "message="+sent.ID) && strings.Contains(line, "request="+id) {
				return true
			}
		}
		return false
	})
	var m api.Message
	w.want(http.StatusOK, "GET", "/v1/messages/"+sent.ID, nil, &m)
	if m.Request != id {
		t.Errorf("the message says %q", m.Request)
	}

	var v api.Verification
	w.want(http.StatusCreated, "POST", "/v1/verifications", loginOf("alice", "s"), &v, "X-Request-Id", "code-4712")
	w.eventually("the log names the code's send", func() bool { return strings.Contains(w.log.String(), "request=code-4712 attempt=1") })

	for _, insane := range []string{"a b", strings.Repeat("x", 65), "a\tb", "ä", "a=b"} {
		w.want(http.StatusAccepted, "POST", "/v1/messages", api.SendMessage{User: "alice", Text: "hello"}, &sent, "X-Request-Id", insane)
		w.want(http.StatusOK, "GET", "/v1/messages/"+sent.ID, nil, &m)
		if !strings.HasPrefix(m.Request, "req_") {
			t.Errorf("%q was taken as %q", insane, m.Request)
		}
	}
	if _, err := w.telegram.Say(w.person("alice").ID, testBot, "/id"); err != nil { // what people say to the bot is a request too
		t.Fatal(err)
	}
	w.eventually("the log names the answer's send", func() bool { return strings.Contains(w.log.String(), "request=update-2000000002-") })
}
