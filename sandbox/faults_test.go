package sandbox_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"telegate/sandbox"
)

// cutOff calls a method whose connection must be closed without an answer.
func (w *world) cutOff(method string, p params) {
	w.t.Helper()
	body := url.Values{}
	for k, v := range p {
		if s, ok := v.(string); ok {
			body.Set(k, s)
		}
	}
	resp, err := w.request(w.t.Context(), http.MethodPost, "/bot"+token+"/"+method, "application/x-www-form-urlencoded", []byte(body.Encode()))
	if err == nil {
		resp.Body.Close()
		w.t.Errorf("%s answered %s", method, resp.Status)
	} else if !errors.Is(err, io.EOF) {
		w.t.Errorf("%s: %v", method, err)
	}
}

func TestFaultsAnswerInTelegramsWords(t *testing.T) {
	const (
		restart  = "Internal Server Error: restart"
		conflict = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
		webhook  = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
		flood    = "Too Many Requests: retry after 3"
	)
	const fine = ""
	for _, tc := range []struct {
		name               string
		faults             sandbox.Faults
		code               int
		getMe, poll, sends string
	}{
		{"none", sandbox.Faults{}, 200, fine, fine, fine},
		{"unauthorized", sandbox.Faults{Unauthorized: true}, 401, "Unauthorized", "Unauthorized", "Unauthorized"},
		{"unauthorized, sends only", sandbox.Faults{Unauthorized: true, SendOnly: true}, 401, fine, fine, "Unauthorized"},
		{"conflict", sandbox.Faults{Conflict: true}, 409, fine, conflict, fine},
		{"webhook", sandbox.Faults{WebhookSet: true}, 409, fine, webhook, fine},
		{"flood", sandbox.Faults{FloodWait: 2500 * time.Millisecond}, 429, fine, fine, flood},
		{"flood of polls", sandbox.Faults{PollFloodWait: 3 * time.Second}, 429, flood, flood, fine},
		{"server error", sandbox.Faults{ServerError: true}, 500, restart, restart, restart},
		{"server error, sends only", sandbox.Faults{ServerError: true, SendOnly: true}, 500, fine, fine, restart},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, sandbox.Limits{})
			w.SetFaults(tc.faults)
			if diff := cmp.Diff(tc.faults, w.Faults()); diff != "" {
				t.Error(diff)
			}
			expect := func(method string, p params, description string) {
				t.Helper()
				if description == fine {
					w.ok(method, p)
					return
				}
				a := w.refused(method, p, tc.code, description)
				if want := strings.HasPrefix(description, "Too Many"); (a.RetryHeader == "3") != want || (a.Parameters.RetryAfter == 3) != want {
					t.Errorf("retry_after is %d, the header %q", a.Parameters.RetryAfter, a.RetryHeader)
				}
			}
			expect("getMe", nil, tc.getMe)
			expect("getUpdates", nil, tc.poll)
			expect("sendMessage", w.toAlice("hello", nil), tc.sends)
			delivered := len(w.Messages(w.alice.ID, botName)) == 2
			if delivered != (tc.sends == fine) {
				t.Errorf("delivered is %v", delivered)
			}
			w.SetFaults(sandbox.Faults{})
			w.ok("sendMessage", w.toAlice("well again", nil))
		})
	}
}

func TestDeleteWebhookEndsTheWebhookFault(t *testing.T) {
	w := newWorld(t, sandbox.Limits{})
	if a := w.ok("deleteWebhook", nil); a.Description != "Webhook is already deleted" {
		t.Errorf("answered %q", a.Description)
	}
	w.SetFaults(sandbox.Faults{WebhookSet: true})
	if a := w.ok("getWebhookInfo", nil); !strings.Contains(string(a.Result), `"url":"https://example.com/webhook"`) {
		t.Errorf("answered %s", a.Result)
	}
	if a := w.ok("deleteWebhook", nil); string(a.Result) != "true" || a.Description != "Webhook was deleted" {
		t.Errorf("answered %s %q", a.Result, a.Description)
	}
	w.ok("getUpdates", nil)
	if w.Faults().WebhookSet {
		t.Error("the fault is still on")
	}
	_, err := w.Say(w.alice.ID, botName, "hello")
	w.must(err)
	if a := w.ok("getWebhookInfo", nil); string(a.Result) != `{"url":"","has_custom_certificate":false,"pending_update_count":1}` {
		t.Errorf("answered %s", a.Result)
	}
}

func TestBadGatewayIsHTMLThatEchoesThePath(t *testing.T) {
	w := newWorld(t, sandbox.Limits{})
	w.SetFaults(sandbox.Faults{BadGateway: true})
	resp, err := w.request(t.Context(), http.MethodGet, "/bot"+token+"/getMe", "", nil)
	w.must(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	w.must(err)
	if resp.StatusCode != http.StatusBadGateway || resp.Header.Get("Content-Type") != "text/html" || !strings.Contains(string(body), "/bot"+token+"/getMe") {
		t.Errorf("answered %d %s", resp.StatusCode, body)
	}
	if c := w.Calls(); c[len(c)-1].Code != 502 {
		t.Errorf("the transcript tells %+v", c[len(c)-1])
	}
}

func TestResetBreaksTheConnectionOffBeforeAnythingHappens(t *testing.T) {
	w := newWorld(t, sandbox.Limits{})
	w.SetFaults(sandbox.Faults{Reset: true})
	before := len(w.Messages(w.alice.ID, botName))
	resp, err := w.request(t.Context(), http.MethodGet, "/bot"+token+"/sendMessage?chat_id=5000000001&text=hello", "", nil)
	if err == nil {
		resp.Body.Close()
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client read %v, want a reset", err)
	}
	if n := len(w.Messages(w.alice.ID, botName)); n != before {
		t.Errorf("%d messages arrived", n-before)
	}
	if c := w.Calls(); c[len(c)-1].Code != 0 || c[len(c)-1].Delivered {
		t.Errorf("the transcript tells %+v", c[len(c)-1])
	}
}

func TestDownCutsTheConnectionBeforeAnythingHappens(t *testing.T) {
	w := newWorld(t, sandbox.Limits{})
	w.SetFaults(sandbox.Faults{Down: true})
	w.cutOff("getMe", nil)
	w.cutOff("sendMessage", params{"chat_id": "5000000001", "text": "hello"})
	if n := len(w.Messages(w.alice.ID, botName)); n != 1 {
		t.Errorf("the phone shows %d messages", n)
	}
	if c := w.Calls(); c[len(c)-1].Code != 0 || c[len(c)-1].Delivered {
		t.Errorf("the transcript tells %+v", c[len(c)-1])
	}
	w.SetFaults(sandbox.Faults{Down: true, SendOnly: true})
	w.ok("getMe", nil)
	w.cutOff("sendMessage", params{"chat_id": "5000000001", "text": "hello"})
}

func TestLostAnswerLeavesTheMessageDelivered(t *testing.T) {
	w := newWorld(t, sandbox.Limits{})
	w.SetFaults(sandbox.Faults{LoseAnswer: true})
	w.ok("getMe", nil)
	w.cutOff("sendMessage", params{"chat_id": "5000000001", "text": "hello"})
	if got := w.lastMessage().Text; got != "hello" {
		t.Errorf("the phone shows %q", got)
	}
	if c := w.Calls(); c[len(c)-1].Code != 0 || !c[len(c)-1].Delivered {
		t.Errorf("the transcript tells %+v", c[len(c)-1])
	}
	w.refused("sendMessage", w.toAlice("", nil), 400, "Bad Request: message text is empty") // a refusal is not lost
}

func TestEveryNthSendFails(t *testing.T) {
	w := newWorld(t, sandbox.Limits{Off: true})
	w.SetFaults(sandbox.Faults{FailEvery: 3})
	for i := 1; i <= 9; i++ {
		w.ok("getMe", nil) // does not count
		if i%3 == 0 {
			w.refused("sendMessage", w.toAlice("hello", nil), 500, "Internal Server Error: restart")
		} else {
			w.ok("sendMessage", w.toAlice("hello", nil))
		}
	}
	if n := len(w.Messages(w.alice.ID, botName)); n != 7 {
		t.Errorf("the phone shows %d messages", n)
	}

	w.SetFaults(sandbox.Faults{LoseEvery: 2})
	for range 3 {
		w.ok("sendMessage", w.toAlice("hello", nil))
		w.refused("sendMessage", w.toAlice("", nil), 400, "Bad Request: message text is empty") // does not count
		w.cutOff("sendMessage", params{"chat_id": "5000000001", "text": "hello"})
	}
	if n := len(w.Messages(w.alice.ID, botName)); n != 13 {
		t.Errorf("the phone shows %d messages", n)
	}
}

func TestHangEndsWhenTheClientGivesUp(t *testing.T) {
	w := newWorld(t, sandbox.Limits{})
	w.SetFaults(sandbox.Faults{Hang: true})
	events, unsubscribe := w.Subscribe()
	defer unsubscribe()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		resp, err := w.request(ctx, http.MethodPost, "/bot"+token+"/sendMessage", "application/json", []byte(`{"text":"x"}`))
		if err == nil {
			resp.Body.Close()
		}
		ended <- err
	}()
	for e := range events {
		if e.Kind == "call" { // the server has it
			break
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the request ended with %v", err)
	}
	w.server.Close() // waits for the handler, which has to notice
	if n := len(w.Messages(w.alice.ID, botName)); n != 1 {
		t.Errorf("the phone shows %d messages", n)
	}
}

func TestHangEndsWithClose(t *testing.T) {
	w := newWorld(t, sandbox.Limits{})
	w.SetFaults(sandbox.Faults{Hang: true})
	events, unsubscribe := w.Subscribe()
	defer unsubscribe()
	go func() {
		for e := range events {
			if e.Kind == "call" {
				w.Close()
				return
			}
		}
	}()
	w.cutOff("getMe", nil)
}

func TestFaultsEndLongPollsThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPollWorld(t)
		ended := w.poll(`{"timeout":50}`)
		time.Sleep(time.Second)
		w.SetFaults(sandbox.Faults{Unauthorized: true})
		w.expect("a revoked token", ended, polled{401, 0, "Unauthorized", time.Second})

		w.SetFaults(sandbox.Faults{})
		ended = w.poll(`{"offset":1,"timeout":50}`)
		time.Sleep(time.Second)
		w.SetFaults(sandbox.Faults{Down: true})
		w.expect("a connection that breaks", ended, polled{took: time.Second})

		w.SetFaults(sandbox.Faults{})
		ended = w.poll(`{"offset":2,"timeout":50}`)
		time.Sleep(time.Second)
		w.SetFaults(sandbox.Faults{FloodWait: time.Second})
		w.expect("a fault that does not concern it", ended, polled{200, 0, "", time.Second})
	})
}
