package web_test

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"telegate/sandbox"
	"telegate/sandbox/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	token   = "123456789:AAabcdefghijklmnopqrstuvwxyz012345678"
	botName = "GateBot"
	apiKey  = "tg_sandbox_key"
)

// page is the page in front of a real simulated Telegram and a fake gateway,
// with one browser that keeps its cookies.
type page struct {
	t        *testing.T
	telegram *sandbox.Telegram
	gateway  *fakeGateway
	web      *web.Server
	url      string
	browser  *http.Client
}

func newPage(t *testing.T) *page {
	t.Helper()
	telegram := sandbox.New(sandbox.Options{Limits: sandbox.Limits{Off: true}})
	if _, err := telegram.AddBot(token, botName, "Gate Bot"); err != nil {
		t.Fatal(err)
	}
	gateway := newFakeGateway(t)
	w := web.New(web.Options{Telegram: telegram, Bot: botName, GatewayURL: gateway.server.URL, APIKey: apiKey})
	server := httptest.NewServer(w)
	p := &page{t: t, telegram: telegram, gateway: gateway, web: w, url: server.URL, browser: newBrowser(t)}
	t.Cleanup(func() {
		w.Close()
		p.browser.CloseIdleConnections()
		server.Close()
		telegram.Close()
	})
	return p
}

func newBrowser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, Transport: &http.Transport{}}
}

// id is the id of a person who is there from the start.
func (p *page) id(name string) int64 {
	p.t.Helper()
	for _, person := range p.telegram.People() {
		if person.FirstName == name {
			return person.ID
		}
	}
	p.t.Fatalf("nobody is called %s", name)
	return 0
}

// phone is the path of something on somebody's phone.
func (p *page) phone(name, action string) string {
	return strings.TrimSuffix("/phones/"+strconv.FormatInt(p.id(name), 10)+"/"+action, "/")
}

// send sends a request with a JSON body, or none where it is nil, and returns
// the answer's status and body.
func (p *page) send(method, path string, body any, headers ...string) (int, []byte) {
	p.t.Helper()
	var payload io.Reader
	if text, isText := body.(string); isText {
		payload = strings.NewReader(text)
	} else if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			p.t.Fatal(err)
		}
		payload = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, payload)
	if err != nil {
		p.t.Fatal(err)
	}
	if payload != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := p.browser.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return res.StatusCode, answer
}

// do sends a request that must succeed and decodes its answer.
func do[T any](p *page, method, path string, body any) T {
	p.t.Helper()
	status, answer := p.send(method, path, body)
	if status != http.StatusOK {
		p.t.Fatalf("%s %s: status %d: %s", method, path, status, answer)
	}
	return decode[T](p.t, answer)
}

// refused sends a request that must be answered with a problem of this status.
func (p *page) refused(status int, method, path string, body any, headers ...string) problem {
	p.t.Helper()
	got, answer := p.send(method, path, body, headers...)
	if got != status {
		p.t.Fatalf("%s %s: status %d, want %d: %s", method, path, got, status, answer)
	}
	refusal := decode[problem](p.t, answer)
	if refusal.Title == "" || refusal.Detail == "" && len(refusal.Reasons) == 0 {
		p.t.Fatalf("%s %s: the problem says too little: %s", method, path, answer)
	}
	if refusal.Status != status {
		p.t.Fatalf("%s %s: the problem says status %d, want %d", method, path, refusal.Status, status)
	}
	return refusal
}

func decode[T any](t *testing.T, body []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("decode %s: %v", body, err)
	}
	return v
}

type problem struct {
	Type       string
	Title      string
	Status     int
	Detail     string
	Reasons    []string
	RetryAfter int    `json:"retry_after"`
	StartURL   string `json:"start_url"`
	Errors     []struct{ Pointer, Detail string }
}

// bot calls the Bot API, as the gateway's bot would.
func (p *page) bot(method string, body map[string]any) {
	p.t.Helper()
	payload, err := json.Marshal(body)
	if err != nil {
		p.t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/bot"+token+"/"+method, bytes.NewReader(payload))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	p.telegram.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		p.t.Fatalf("%s: %s", method, w.Body)
	}
}

// fakeGateway answers as telegate's API would, with whatever a test tells it.
type fakeGateway struct {
	t      *testing.T
	server *httptest.Server

	mu      sync.Mutex // guards everything below
	answers map[string]func(apiRequest) (status int, body any)
	got     []apiRequest
}

// apiRequest is a request that reached the gateway.
type apiRequest struct {
	Method, Path string
	Query        string
	Header       http.Header
	Body         map[string]any

	done <-chan struct{} // the caller has given up
}

func newFakeGateway(t *testing.T) *fakeGateway {
	g := &fakeGateway{t: t, answers: map[string]func(apiRequest) (int, any){}}
	g.server = httptest.NewServer(g)
	t.Cleanup(g.server.Close)
	return g
}

// on says how a call is answered from now on.
func (g *fakeGateway) on(method, path string, status int, body any) {
	g.onDo(method, path, func(apiRequest) (int, any) { return status, body })
}

func (g *fakeGateway) onDo(method, path string, answer func(apiRequest) (int, any)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answers[method+" "+path] = answer
}

// last is the newest request of a call; it fails the test where there is none.
func (g *fakeGateway) last(method, path string) apiRequest {
	g.t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := len(g.got) - 1; i >= 0; i-- {
		if g.got[i].Method == method && g.got[i].Path == path {
			return g.got[i]
		}
	}
	g.t.Fatalf("the gateway got no %s %s", method, path)
	return apiRequest{}
}

// count is how often a call was made.
func (g *fakeGateway) count(method, path string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for _, r := range g.got {
		if r.Method == method && r.Path == path {
			n++
		}
	}
	return n
}

func (g *fakeGateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	request := apiRequest{Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Header: r.Header, done: r.Context().Done()}
	if body, _ := io.ReadAll(r.Body); len(body) > 0 {
		if err := json.Unmarshal(body, &request.Body); err != nil {
			g.t.Errorf("%s %s: the body is not JSON: %s", r.Method, r.URL.Path, body)
		}
	}
	g.mu.Lock()
	g.got = append(g.got, request)
	answer := g.answers[r.Method+" "+r.URL.Path]
	g.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer "+apiKey {
		g.t.Errorf("%s %s came without the API key", r.Method, r.URL.Path)
	}
	if answer == nil {
		answer = func(apiRequest) (int, any) {
			return http.StatusNotFound, map[string]any{"title": "Not found", "status": 404, "detail": "There is nothing here."}
		}
	}
	status, body := answer(request)
	switch body := body.(type) {
	case nil:
		w.WriteHeader(status)
	case string:
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	default:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if err := json.NewEncoder(w).Encode(body); err != nil {
			g.t.Error(err)
		}
	}
}

// object is a JSON object.
type object = map[string]any

// notLinked and linked are what GET /v1/messaging says of a user.
var (
	notLinked = object{"linked": false, "usable_for_2fa": false, "usable_for_notifications": false, "reasons": []string{"not_linked"}}
	linked    = object{"linked": true, "usable_for_2fa": true, "usable_for_notifications": true, "reasons": []string{},
		"link": object{"id": "lnk_1", "status": "verified", "handle": "@alice", "name": "Alice"}}
)

// unusable is the capability of a user who is linked but cannot get a code.
func unusable(reason string) object {
	return object{"linked": true, "usable_for_2fa": false, "usable_for_notifications": false, "reasons": []string{reason},
		"link": object{"id": "lnk_1", "status": "verified", "handle": "@alice", "name": "Alice"}}
}

// pendingVerification is a verification whose code is on its way.
func pendingVerification() object {
	return object{"id": "ver_1", "status": "pending", "expires_in": 300,
		"attempts": object{"max": 5, "remaining": 5}, "sends": object{"used": 1, "max": 3, "resend_in": 30},
		"delivery": object{"status": "queued", "failure": nil}}
}

func with(o object, key string, value any) object {
	changed := object{}
	for k, v := range o {
		changed[k] = v
	}
	changed[key] = value
	return changed
}

// state is what My Server answers.
type state struct {
	Stage        string
	User         string
	SignedInWith string `json:"signed_in_with"`
	Hint         string
	Verification *struct {
		ID        string
		Status    string
		ExpiresIn int `json:"expires_in"`
		Attempts  struct{ Max, Remaining int }
		Sends     struct {
			Used, Max int
			ResendIn  int `json:"resend_in"`
		}
		Delivery struct {
			Status  string
			Failure *struct{ Reason, Detail string }
		}
	}
	Checked *struct {
		Approved          bool
		Result            string
		AttemptsRemaining int `json:"attempts_remaining"`
	}
	Link *struct {
		ID, Status, Method, Label string
		StartURL                  string `json:"start_url"`
		StartCommand              string `json:"start_command"`
		QRSVG                     string `json:"qr_svg"`
		ExpiresIn                 int    `json:"expires_in"`
	}
	Confirmation *struct {
		Verified          bool
		Result            string
		AttemptsRemaining int `json:"attempts_remaining"`
	}
	Telegram *struct {
		Linked       bool
		UsableFor2FA bool `json:"usable_for_2fa"`
		Reasons      []string
	}
	Message  *struct{ ID, Status string }
	Progress struct {
		SignedIn         bool `json:"signed_in"`
		Linked           bool
		SignedInWithCode bool `json:"signed_in_with_code"`
	}
	Exchanges []struct {
		Method, Path    string
		Request, Answer json.RawMessage
		Status          int
	}
	Problem *problem
}

// signInAs signs somebody in who has not linked Telegram.
func (p *page) signInAs(user string) state {
	p.t.Helper()
	p.gateway.on("GET", "/v1/messaging", 200, notLinked)
	return do[state](p, "POST", "/server/signin", object{"user": user, "password": "x"})
}

// passwordAs does the first step for somebody who has.
func (p *page) passwordAs(user string) state {
	p.t.Helper()
	p.gateway.on("GET", "/v1/messaging", 200, linked)
	return do[state](p, "POST", "/server/signin", object{"user": user, "password": "x"})
}

// sendDocument lets the bot send a file.
func (p *page) sendDocument(name, fileName, content string) {
	p.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	if err := form.WriteField("chat_id", strconv.FormatInt(p.id(name), 10)); err != nil {
		p.t.Fatal(err)
	}
	file, err := form.CreateFormFile("document", fileName)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := io.WriteString(file, content); err != nil {
		p.t.Fatal(err)
	}
	if err := form.Close(); err != nil {
		p.t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/bot"+token+"/sendDocument", &body)
	r.Header.Set("Content-Type", form.FormDataContentType())
	w := httptest.NewRecorder()
	p.telegram.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		p.t.Fatalf("sendDocument: %s", w.Body)
	}
}

// callbackID is the id of the newest callback query that waits for the bot.
func (p *page) callbackID() string {
	p.t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/bot"+token+"/getUpdates", nil)
	w := httptest.NewRecorder()
	p.telegram.ServeHTTP(w, r)
	updates := decode[struct {
		Result []struct {
			CallbackQuery *struct{ ID string } `json:"callback_query"`
		}
	}](p.t, w.Body.Bytes())
	for i := len(updates.Result) - 1; i >= 0; i-- {
		if q := updates.Result[i].CallbackQuery; q != nil {
			return q.ID
		}
	}
	p.t.Fatal("no button was tapped")
	return ""
}
