package sandbox_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"telegate/sandbox"
)

// OnCall hears what stands in the transcript, in the same order: what was answered, refused and cut off.
func TestOnCallHearsTheTranscript(t *testing.T) {
	var heard []sandbox.Call
	tg := sandbox.New(sandbox.Options{OnCall: func(c sandbox.Call) { heard = append(heard, c) }})
	server := httptest.NewServer(tg)
	defer server.Close()
	defer tg.Close()
	if _, err := tg.AddBot(token, botName, ""); err != nil {
		t.Fatal(err)
	}
	alice := tg.AddPerson(sandbox.Person{ID: 7, FirstName: "Alice"})
	if err := tg.Start(alice.ID, botName, ""); err != nil {
		t.Fatal(err)
	}
	call := func(path string) {
		resp, err := http.Get(server.URL + "/bot" + token + path)
		if err == nil {
			resp.Body.Close()
		}
	}
	call("/sendMessage?chat_id=7&text=hello")
	call("/sendMessage?chat_id=8&text=hello")
	tg.SetFaults(sandbox.Faults{LoseAnswer: true})
	call("/sendMessage?chat_id=7&text=again")
	calls := tg.Calls() // net/http repeats a GET whose answer it has lost
	if len(calls) < 3 || !calls[0].Delivered || calls[1].Code != 400 || calls[2].Code != 0 {
		t.Fatalf("the transcript is %+v", calls)
	}
	if d := cmp.Diff(calls, heard); d != "" {
		t.Error(d)
	}
}
