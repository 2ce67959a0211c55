package e2e

import (
	"net/http"
	"strings"
	"testing"

	"telegate/api"
	"telegate/sandbox"
)

// Whoever ends a message, and however: telegate_messages_total counts it, once.
func TestEveryEndOfAMessageIsCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.connected()
	w.link("", "alice")
	counted := func(labels string) bool {
		_, data, err := w.try("GET", "/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(data), "telegate_messages_total{"+labels+"} 1\n")
	}

	var sent api.AcceptedMessage
	w.want(http.StatusAccepted, "POST", "/v1/messages", api.SendMessage{User: "alice", Text: "hello", Lane: "alert"}, &sent)
	w.eventually("a delivered one is counted", func() bool { return counted(`lane="alert",reason="",status="delivered"`) })

	if _, err := w.telegram.Say(w.person("alice").ID, testBot, "/mute 2h"); err != nil {
		t.Fatal(err)
	}
	w.message("alice", "/unmute", w.last("alice")-1)
	w.want(http.StatusAccepted, "POST", "/v1/messages", api.SendMessage{User: "alice", Text: "hello", Lane: "alert"}, &sent)
	w.eventually("a muted one is counted", func() bool { return counted(`lane="alert",reason="muted",status="failed"`) })

	w.telegram.SetFaults(sandbox.Faults{Down: true})
	var v api.Verification
	w.want(http.StatusCreated, "POST", "/v1/verifications", loginOf("alice", "s"), &v)
	for range 2 { // the second time there is nothing to cancel
		w.want(http.StatusOK, "POST", "/v1/verifications/"+v.ID+"/cancel", nil, &v)
	}
	w.eventually("a canceled one is counted", func() bool { return counted(`lane="code",reason="",status="canceled"`) })
}
