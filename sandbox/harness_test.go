package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"telegate/sandbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	token   = "123456789:AAabcdefghijklmnopqrstuvwxyz012345678"
	botName = "GateBot"
)

// clock is a clock that only moves when it is told to.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// world is a simulated Telegram behind real HTTP, with one bot and two people:
// alice has pressed Start, bob has not.
type world struct {
	*sandbox.Telegram
	t          *testing.T
	clock      *clock
	server     *httptest.Server
	alice, bob sandbox.Person
}

func newWorld(t *testing.T, limits sandbox.Limits) *world {
	t.Helper()
	c := &clock{now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	w := &world{Telegram: sandbox.New(sandbox.Options{Now: c.Now, Limits: limits}), t: t, clock: c}
	w.server = httptest.NewServer(w.Telegram)
	t.Cleanup(func() {
		w.Close()
		w.server.Close()
	})
	if _, err := w.AddBot(token, botName, "Gate"); err != nil {
		t.Fatal(err)
	}
	w.alice = w.AddPerson(sandbox.Person{FirstName: "Alice", LastName: "Doe", Username: "alice", LanguageCode: "en"})
	w.bob = w.AddPerson(sandbox.Person{FirstName: "Bob", Username: "bobby"})
	w.must(w.Start(w.alice.ID, botName, ""))
	w.forgetUpdates()
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// forgetUpdates drops what waits for the bot, without a getUpdates call.
func (w *world) forgetUpdates() {
	w.t.Helper()
	w.ok("deleteWebhook", params{"drop_pending_updates": true})
}

type params map[string]any

// answer is what the Bot API answered.
type answer struct {
	Status      int    `json:"-"`
	RetryHeader string `json:"-"`

	OK          bool            `json:"ok"`
	Result      json.RawMessage `json:"result"`
	ErrorCode   int             `json:"error_code"`
	Description string          `json:"description"`
	Parameters  struct {
		RetryAfter      int   `json:"retry_after"`
		MigrateToChatID int64 `json:"migrate_to_chat_id"`
	} `json:"parameters"`
}

// call sends a request as JSON and reads the answer.
func (w *world) call(method string, p params) answer {
	w.t.Helper()
	body, err := json.Marshal(p)
	w.must(err)
	return w.post("/bot"+token+"/"+method, "application/json", body)
}

// request sends any request.
func (w *world) request(ctx context.Context, verb, path, contentType string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, verb, w.server.URL+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", contentType)
	return w.server.Client().Do(req)
}

// post sends a body of any kind and reads the answer.
func (w *world) post(path, contentType string, body []byte) answer {
	w.t.Helper()
	resp, err := w.request(w.t.Context(), http.MethodPost, path, contentType, body)
	w.must(err)
	a, err := readAnswer(resp)
	w.must(err)
	return a
}

func readAnswer(resp *http.Response) (answer, error) {
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{Status: resp.StatusCode, RetryHeader: resp.Header.Get("Retry-After")}
	if err := json.Unmarshal(raw, &a); err != nil {
		return a, fmt.Errorf("%d %s: %w", resp.StatusCode, raw, err)
	}
	return a, nil
}

// ok calls a method that must succeed.
func (w *world) ok(method string, p params) answer {
	w.t.Helper()
	a := w.call(method, p)
	if !a.OK || a.Status != http.StatusOK {
		w.t.Fatalf("%s answered %d %q", method, a.Status, a.Description)
	}
	return a
}

// refused calls a method that must fail in these words, with the code as HTTP
// status and in the body.
func (w *world) refused(method string, p params, code int, description string) answer {
	w.t.Helper()
	a := w.call(method, p)
	if a.OK || a.Status != code || a.ErrorCode != code || a.Description != description {
		w.t.Errorf("%s(%v) answered %d %d %q, want %d %q", method, p, a.Status, a.ErrorCode, a.Description, code, description)
	}
	return a
}

// sent is the message that a sending method has sent.
func (w *world) sent(method string, p params) message {
	w.t.Helper()
	var m message
	w.must(json.Unmarshal(w.ok(method, p).Result, &m))
	return m
}

type message struct {
	MessageID int    `json:"message_id"`
	Text      string `json:"text"`
	Date      int64  `json:"date"`
	EditDate  int64  `json:"edit_date"`
	Chat      struct {
		ID   int64  `json:"id"`
		Type string `json:"type"`
	} `json:"chat"`
	ReplyTo *message `json:"reply_to_message"`
}

// update is an update with everything that the tests look at.
type update struct {
	UpdateID int              `json:"update_id"`
	Message  *json.RawMessage `json:"message"`
	Callback *struct {
		ID      string `json:"id"`
		Data    string `json:"data"`
		Message message
	} `json:"callback_query"`
	Member *struct {
		New struct {
			Status string `json:"status"`
		} `json:"new_chat_member"`
	} `json:"my_chat_member"`
}

// updates fetches what waits. Every call uses a limit and an offset that no
// earlier one used, so that it is never held back.
func (w *world) updates(offset int) []update {
	w.t.Helper()
	var list []update
	w.must(json.Unmarshal(w.ok("getUpdates", params{"offset": offset}).Result, &list))
	return list
}

// lastMessage is what alice's phone shows last.
func (w *world) lastMessage() sandbox.Message {
	w.t.Helper()
	all := w.Messages(w.alice.ID, botName)
	if len(all) == 0 {
		w.t.Fatal("the chat is empty")
	}
	return all[len(all)-1]
}

// toAlice is a message to alice, with more parameters.
func (w *world) toAlice(text string, more params) params {
	p := params{"chat_id": w.alice.ID, "text": text}
	for k, v := range more {
		p[k] = v
	}
	return p
}
