package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"telegate/api"
	"telegate/config"
	"telegate/doctor"
	"telegate/gateway"
	"telegate/internal/logging"
	"telegate/sandbox"
	"telegate/userclient"
)

// patience is how long a test waits for something that takes milliseconds.
const patience = 20 * time.Second

const (
	testToken = "2000000002:TEST-token-of-the-simulated-bot-00000"
	testBot   = "TestBot"
)

// world is a whole telegate, run by its own wiring, with a simulated Telegram on the other side.
type world struct {
	t        *testing.T
	telegram *sandbox.Telegram
	botAPI   string // its base URL
	dir      string
	key      string
	limits   string                         // further lines of the configuration, under [limits]
	toml     string                         // and at its end
	servers  []userclient.Server            // Telegram's data centres; none without MTProto
	source   func() (*config.Config, error) // what a reload reads; nil without a file
	check    func(context.Context) []doctor.Finding

	url  string
	log  *syncBuffer
	stop func()

	mu      sync.Mutex
	answers bytes.Buffer // everything the API has answered; guarded by mu
}

// syncBuffer is a buffer that many may write to.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// newWorld makes a world with alice, bob and carol in it, whose gateway is not running yet.
func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldWith(t, sandbox.Limits{Off: true}) // pacing has tests of its own
}

func newWorldWith(t *testing.T, limits sandbox.Limits) *world {
	t.Helper()
	telegram := sandbox.New(sandbox.Options{Limits: limits})
	t.Cleanup(telegram.Close)
	if _, err := telegram.AddBot(testToken, testBot, "Test Bot"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"alice", "bob", "carol"} {
		telegram.AddPerson(sandbox.Person{FirstName: strings.ToUpper(name[:1]) + name[1:], Username: name + "_tg", LanguageCode: "en"})
	}
	botAPI := httptest.NewServer(telegram)
	t.Cleanup(func() { telegram.Close(); botAPI.Close() })
	key, err := config.NewAPIKey()
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, telegram: telegram, botAPI: botAPI.URL, dir: t.TempDir(), key: key, log: &syncBuffer{}}
}

// configText is the configuration as an administrator would write it.
func (w *world) configText(listen string) string {
	return fmt.Sprintf(`
[messaging.telegram]
bottoken = %q
baseurl = %q
[domains.""]
title = "My Server"
[domains.corp]
title = "Corp"
[domains.corp.passwordRequirements]
msg2factor = false
[api]
listen = %q
%s
[database]
path = %q
[limits]
bot_per_second = 1000
chat_per_second = 10
%s
[log]
level = "debug"
%s
`, testToken, w.botAPI, listen,
		config.KeyTable(config.Key{Name: "test", Hash: config.HashAPIKey(w.key), Domains: []string{"*"}, Scopes: []string{"link", "verify", "send", "admin"}}),
		filepath.Join(w.dir, "telegate.db"), w.limits, w.toml)
}

// start runs the gateway until the test ends, or stop is called.
func (w *world) start() *gateway.Gateway {
	w.t.Helper()
	return w.startText(w.configText("127.0.0.1:0"))
}

// startText is start with another configuration.
func (w *world) startText(text string) *gateway.Gateway {
	w.t.Helper()
	cfg, err := config.Parse("test.toml", []byte(text), func(string) string { return "" })
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	g, err := gateway.Open(ctx, gateway.Options{Config: cfg, Source: w.source, Check: w.check, Logger: logging.New(w.log, cfg), DataCentres: w.servers})
	if err != nil {
		cancel()
		w.t.Fatal(err)
	}
	w.url = g.Address()
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				w.t.Errorf("the gateway ended with %v", err)
			}
		case <-time.After(patience):
			w.t.Error("the gateway does not stop")
		}
	})
	w.t.Cleanup(w.stop)
	return g
}

// connected waits until the bot has reached Telegram.
func (w *world) connected() {
	w.t.Helper()
	w.eventually("the bot is connected", func() bool { return w.botState() == "connected" })
}

func (w *world) botState() string {
	var list api.DomainList
	w.call("GET", "/v1/domains", nil, &list)
	return list.Domains[0].State
}

// eventually asks again and again until something holds: for what no channel tells.
func (w *world) eventually(what string, holds func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			w.t.Fatalf("waited in vain until %s\nlog:\n%s", what, w.log)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// call makes one call of the API and answers its status; a body goes out as JSON, and the answer into out, which is left
// alone by a problem unless it is one.
func (w *world) call(method, path string, body, out any, header ...string) int {
	w.t.Helper()
	status, data, err := w.try(method, path, body, header...)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, problem := out.(*api.Problem); out != nil && (problem || status < 300) {
		if err := json.Unmarshal(data, out); err != nil {
			w.t.Fatalf("%s %s answered %d %s: %v", method, path, status, data, err)
		}
	}
	return status
}

// try is call for those who expect that nobody answers.
func (w *world) try(method, path string, body any, header ...string) (int, []byte, error) {
	var r io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		r = bytes.NewReader(data)
	}
	req, err := http.NewRequest(method, w.url+path, r)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+w.key)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	w.mu.Lock()
	defer w.mu.Unlock()
	fmt.Fprintf(&w.answers, "%s %s → %d %v %s\n", method, path, resp.StatusCode, resp.Header, data)
	return resp.StatusCode, data, err
}

// want fails the test unless a call answers that status.
func (w *world) want(status int, method, path string, body, out any, header ...string) {
	w.t.Helper()
	if got := w.call(method, path, body, out, header...); got != status {
		w.mu.Lock()
		defer w.mu.Unlock()
		lines := strings.Split(strings.TrimSpace(w.answers.String()), "\n")
		w.t.Fatalf("%s %s answered %d, want %d:\n%s", method, path, got, status, lines[len(lines)-1])
	}
}

// person finds somebody by the name in front of "_tg".
func (w *world) person(name string) sandbox.Person {
	w.t.Helper()
	for _, p := range w.telegram.People() {
		if p.Username == name+"_tg" || p.FirstName == name {
			return p
		}
	}
	w.t.Fatalf("nobody is called %s", name)
	return sandbox.Person{}
}

// message waits for a message on a phone whose text holds a phrase, behind the one with the id after.
func (w *world) message(name, phrase string, after int) sandbox.Message {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	m, err := w.telegram.WaitMessage(ctx, w.person(name).ID, testBot, func(m sandbox.Message) bool {
		return m.FromBot && m.ID > after && strings.Contains(m.Text, phrase)
	})
	if err != nil {
		w.t.Fatalf("%s's phone never showed %q: %v\nlog:\n%s", name, phrase, err, w.log)
	}
	return m
}

// last is the id of the newest message on a phone.
func (w *world) last(name string) int {
	messages := w.telegram.Messages(w.person(name).ID, testBot)
	if len(messages) == 0 {
		return 0
	}
	return messages[len(messages)-1].ID
}

func (w *world) tap(name string, m sandbox.Message, button string) {
	w.t.Helper()
	if err := w.telegram.Tap(w.person(name).ID, testBot, m.ID, button); err != nil {
		w.t.Fatalf("%s taps %s: %v", name, button, err)
	}
}

var codePattern = regexp.MustCompile(`^[0-9]{6,8}\b`)

// code reads the code a message begins with.
func (w *world) code(m sandbox.Message) string {
	w.t.Helper()
	code := codePattern.FindString(m.Text)
	if code == "" {
		w.t.Fatalf("no code in %q", m.Text)
	}
	return code
}

// link links a user to the phone of the same name, all the way.
func (w *world) link(domain, name string) api.StartedLink {
	w.t.Helper()
	var started api.StartedLink
	w.want(http.StatusCreated, "POST", "/v1/links", api.StartLink{Domain: domain, User: name, DisplayName: name}, &started)
	after := w.last(name)
	if err := w.telegram.Open(w.person(name).ID, started.StartURL); err != nil {
		w.t.Fatal(err)
	}
	question := w.message(name, "Connect this Telegram chat", after)
	w.tap(name, question, "Connect")
	code := w.code(w.message(name, "is the code to connect", question.ID))
	var c api.Confirmation
	w.want(http.StatusOK, "POST", "/v1/links/"+started.ID+"/confirm", api.ConfirmLink{Code: code}, &c)
	if !c.Verified {
		w.t.Fatalf("the link was not verified: %+v", c)
	}
	w.message(name, "Connected.", question.ID)
	return started
}

// signIn asks for a code and answers the verification and the code on the phone.
func (w *world) signIn(name, session string) (api.Verification, string) {
	w.t.Helper()
	after := w.last(name)
	var v api.Verification
	w.want(http.StatusCreated, "POST", "/v1/verifications", loginOf(name, session), &v)
	return v, w.code(w.message(name, "is your sign-in code", after))
}

func loginOf(name, session string) api.CreateVerification {
	return api.CreateVerification{User: name, Purpose: "login", SessionBinding: session, Context: api.Context{
		IP: "203.0.113.7", UserAgent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:142.0) Gecko/20100101 Firefox/142.0", Location: "Madrid, ES",
	}}
}

// files are the bytes of everything in the folder but the key file.
func (w *world) files() []byte {
	w.t.Helper()
	var all []byte
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".key") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(w.dir, e.Name()))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			w.t.Fatal(err)
		}
		all = append(all, data...)
	}
	return all
}

func decode(t *testing.T, data []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
}
