package e2e

import (
	"net/http"
	"testing"

	"telegate/api"
)

// An account can have several usernames, and its updates name only the first. Whichever the server was given leads to it.
func TestASecondUsernameIsRecognized(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.connected()
	if err := w.telegram.AddUsername(w.person("alice").ID, "second_name"); err != nil {
		t.Fatal(err)
	}
	code := api.SendMessage{To: "@Second_Name", Text: "123456 is your code", Lane: "code", Purpose: "link"}
	w.want(http.StatusConflict, "POST", "/v1/messages", code, nil) // it waits
	if err := w.telegram.Start(w.person("alice").ID, testBot, ""); err != nil {
		t.Fatal(err)
	}
	m := w.message("alice", "123456", 0)
	var sent api.AcceptedMessage
	w.want(http.StatusAccepted, "POST", "/v1/messages", code, &sent) // now it is known
	w.message("alice", "123456", m.ID)
	w.eventually("the code is delivered", func() bool {
		var got api.Message
		w.want(http.StatusOK, "GET", "/v1/messages/"+sent.ID, nil, &got)
		return got.Status == "delivered"
	})
	w.want(http.StatusCreated, "POST", "/v1/links", api.StartLink{User: "alice", Handle: "t.me/second_name", VerifiedBy: "caller", Message: sent.ID}, nil)

	var link api.StartedLink
	w.want(http.StatusCreated, "POST", "/v1/links", api.StartLink{User: "other", Handle: "second_name"}, &link)
	w.want(http.StatusConflict, "POST", "/v1/links", api.StartLink{User: "other", Handle: "third_name"}, nil)

	// The name changes hands: it no longer leads to alice, and the account that it meant stays the one it means here.
	if err := w.telegram.AddUsername(w.person("bob").ID, "second_name"); err != nil {
		t.Fatal(err)
	}
	if err := w.telegram.Start(w.person("bob").ID, testBot, ""); err != nil {
		t.Fatal(err)
	}
	w.message("bob", "not connected", 0)
	w.want(http.StatusConflict, "POST", "/v1/messages", code, nil)
}
