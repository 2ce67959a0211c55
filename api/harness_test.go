package api_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"telegate/api"
	"telegate/db"
	"telegate/db/dbtest"
	"telegate/delivery"
	"telegate/linking"
	"telegate/notify"
	"telegate/twofa"
)

// The keys of the tests, by what they may do. Their hashes stand in the server's options.
const (
	keyAll    = "key-all"    // every domain, every scope
	keyCorp   = "key-corp"   // every scope in the domain corp
	keyLink   = "key-link"   // one scope each, in every domain
	keyVerify = "key-verify" //
	keySend   = "key-send"   //
	keyAdmin  = "key-admin"  //
)

const botID = 1000

// gateway is the API over the real rooms on a real database; Telegram is played by the test.
type gateway struct {
	t        *testing.T
	clock    *dbtest.Clock
	db       *db.DB
	path     string // of the database
	domains  *domains
	outbox   *outbox
	links    *linking.Service
	codes    *twofa.Service
	messages *notify.Service
	server   *api.Server
	log      *safeBuffer
	contract contract
}

// newGateway makes a gateway; the functions may change the server's options before it is made.
func newGateway(t *testing.T, change ...func(*api.Options)) *gateway {
	t.Helper()
	g := &gateway{
		t: t, clock: dbtest.NewClock(), path: filepath.Join(t.TempDir(), "telegate.db"), log: &safeBuffer{},
		domains: newDomains(), outbox: &outbox{},
	}
	g.db = dbtest.OpenAt(t, g.path, g.clock.Now, nil)
	logger := slog.New(slog.NewTextHandler(g.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	g.links = linking.New(g.db, g.domains, g.db.MACKey("confirm code"), g.clock.Now, logger)
	g.codes = twofa.New(g.db, g.domains, g.db.MACKey("code"), twofa.Settings{Digits: 6, Lifetime: 5 * time.Minute}, g.clock.Now, logger)
	g.messages = notify.New(g.db, g.domains, g.outbox, g.clock.Now, logger)
	every := []api.Scope{"link", "verify", "send", "admin"}
	o := api.Options{
		Links: g.links, Verifications: g.codes, Messages: g.messages, Domains: g.domains,
		Keys: []api.Key{
			{Name: "all", Hash: hash(keyAll), Domains: []string{"*"}, Scopes: every},
			{Name: "corp", Hash: hash(keyCorp), Domains: []string{"corp"}, Scopes: every},
			{Name: "link", Hash: hash(keyLink), Domains: []string{"*"}, Scopes: every[0:1]},
			{Name: "verify", Hash: hash(keyVerify), Domains: []string{"*"}, Scopes: every[1:2]},
			{Name: "send", Hash: hash(keySend), Domains: []string{"*"}, Scopes: every[2:3]},
			{Name: "admin", Hash: hash(keyAdmin), Domains: []string{"*"}, Scopes: every[3:4]},
		},
		Answers: g.db, AnswerKey: g.db.MACKey("idempotency"), Watcher: g.db,
		Health: func(context.Context) []api.Component {
			return []api.Component{{Name: "database", Status: api.HealthOK}}
		},
		Ready:   g.db.Ready,
		Metrics: prometheus.NewRegistry(), Private: true, Version: "1.2.3", Now: g.clock.Now, Logger: logger,
	}
	for _, f := range change {
		f(&o)
	}
	g.server = api.New(o)
	g.contract = readContract(t, g.server)
	return g
}

func hash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// domains is a configuration that a test can change: "" and corp, and off, where msg2factor is off.
type domains struct {
	mu      sync.Mutex
	list    map[string]api.Domain
	offline bool // the bot has no way to Telegram
}

func newDomains() *domains {
	return &domains{list: map[string]api.Domain{
		"":     {ID: "", Title: "My Server", Msg2Factor: true, Bot: "SomeBot", BotState: "connected"},
		"corp": {ID: "corp", Title: "Corp", Msg2Factor: true, Bot: "SomeBot", BotState: "connected"},
		"off":  {ID: "off", Title: "Off", Msg2Factor: false, Bot: "SomeBot", BotState: "connected"},
	}}
}

func (d *domains) set(domain api.Domain) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list[domain.ID] = domain
}

func (d *domains) setOffline(offline bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.offline = offline
}

func (d *domains) Domain(id string) (api.Domain, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	domain, ok := d.list[id]
	return domain, ok
}

func (d *domains) Domains() []api.Domain {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []api.Domain
	for _, domain := range d.list {
		list = append(list, domain)
	}
	slices.SortFunc(list, func(a, b api.Domain) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

func (d *domains) Title(id string) (string, bool) {
	domain, ok := d.Domain(id)
	return domain.Title, ok
}

func (d *domains) Bot(id string) (int64, string) {
	domain, _ := d.Domain(id)
	return botID, domain.Bot
}

func (d *domains) Msg2Factor(id string) bool {
	domain, _ := d.Domain(id)
	return domain.Msg2Factor
}

func (d *domains) CanSend(int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.offline
}

// outbox says of one message that it is on its way right now.
type outbox struct {
	mu       sync.Mutex
	inFlight string
}

func (o *outbox) InFlight(id string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return id == o.inFlight
}

func (o *outbox) take(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.inFlight = id
}

// safeBuffer is a buffer that many may write to.
type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// object is a JSON object.
type object = map[string]any

// answer is what the API has said.
type answer struct {
	t      *testing.T
	asked  string
	status int
	header http.Header
	body   string
}

// do sends a request and checks what holds for every answer.
func (g *gateway) do(r *http.Request) answer {
	g.t.Helper()
	w := httptest.NewRecorder()
	g.server.ServeHTTP(w, r)
	a := answer{g.t, r.Method + " " + r.URL.String(), w.Code, w.Header(), w.Body.String()}
	g.checkAnswer(r, a)
	return a
}

// checkAnswer holds every answer against the house rules and the contract.
func (g *gateway) checkAnswer(r *http.Request, a answer) {
	g.t.Helper()
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		g.t.Errorf("%s: Cache-Control is %q", a.asked, got)
	}
	if a.header.Get("X-Request-Id") == "" {
		g.t.Errorf("%s: no X-Request-Id", a.asked)
	}
	if a.status >= 400 {
		g.checkProblem(a)
	}
	if a.status == http.StatusTooManyRequests && a.header.Get("Retry-After") == "" {
		g.t.Errorf("%s: 429 without Retry-After", a.asked)
	}
	if fault := g.contract.check(r, a); fault != "" {
		g.t.Errorf("%s: %d breaks the contract: %s\n%s", a.asked, a.status, fault, a.body)
	}
}

// sentence is what people are told: it begins with a capital or a word of the API, and ends.
var sentence = regexp.MustCompile(`^[A-Za-z/].{10,}\.$`)

func (g *gateway) checkProblem(a answer) {
	g.t.Helper()
	p := a.problem()
	switch {
	case a.header.Get("Content-Type") != "application/problem+json":
		g.t.Errorf("%s: %d with Content-Type %q", a.asked, a.status, a.header.Get("Content-Type"))
	case p.Status != a.status || p.Title == "" || !strings.HasPrefix(p.Type, "/problems/"):
		g.t.Errorf("%s: not a whole problem: %s", a.asked, a.body)
	case !sentence.MatchString(p.Detail):
		g.t.Errorf("%s: the detail is no sentence: %q", a.asked, p.Detail)
	case p.Instance != a.header.Get("X-Request-Id"):
		g.t.Errorf("%s: instance %q is not the request's id %q", a.asked, p.Instance, a.header.Get("X-Request-Id"))
	case (p.Type == "/problems/validation-failed") != (len(p.Errors) > 0):
		g.t.Errorf("%s: errors do not go with the type: %s", a.asked, a.body)
	}
}

// call makes a call with every right. The body is JSON as it is, or something to encode; headers are names and values.
func (g *gateway) call(method, path string, body any, headers ...string) answer {
	g.t.Helper()
	return g.as(keyAll, method, path, body, headers...)
}

// as makes a call with a key.
func (g *gateway) as(key, method, path string, body any, headers ...string) answer {
	g.t.Helper()
	return g.do(g.request(key, method, path, body, headers...))
}

func (g *gateway) request(key, method, path string, body any, headers ...string) *http.Request {
	g.t.Helper()
	var content io.Reader
	switch body := body.(type) {
	case nil:
	case string:
		content = strings.NewReader(body)
	default:
		data, err := json.Marshal(body)
		if err != nil {
			g.t.Fatal(err)
		}
		content = bytes.NewReader(data)
	}
	r := httptest.NewRequestWithContext(g.t.Context(), method, path, content)
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

// is checks the status and the whole body, whose strings may end in "…" for whatever follows, or in "=…" for anything
// at all.
func (a answer) is(status int, want string) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s: status %d, want %d: %s", a.asked, a.status, status, a.body)
	}
	if diff := diffJSON(a.t, want, a.body); diff != "" {
		a.t.Fatalf("%s: %s\ngot  %s\nwant %s", a.asked, diff, a.body, want)
	}
	return a
}

// isProblem checks the kind of a problem.
func (a answer) isProblem(status int, slug string) api.Problem {
	a.t.Helper()
	p := a.problem()
	if a.status != status || p.Type != "/problems/"+slug {
		a.t.Fatalf("%s: %d %s, want %d %s: %s", a.asked, a.status, p.Type, status, slug, a.body)
	}
	return p
}

// isFault checks that one member is found at fault.
func (a answer) isFault(pointer string) {
	a.t.Helper()
	p := a.isProblem(http.StatusUnprocessableEntity, "validation-failed")
	if len(p.Errors) != 1 || p.Errors[0].Pointer != pointer || p.Errors[0].Detail == "" {
		a.t.Errorf("%s: want one fault at %s: %s", a.asked, pointer, a.body)
	}
}

func (a answer) problem() api.Problem {
	a.t.Helper()
	var p api.Problem
	a.into(&p)
	return p
}

func (a answer) into(v any) {
	a.t.Helper()
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		a.t.Fatalf("%s: %d is not JSON: %v\n%s", a.asked, a.status, err, a.body)
	}
}

// str is a member of the answer that is a string.
func (a answer) str(name string) string {
	a.t.Helper()
	var o object
	a.into(&o)
	s, ok := o[name].(string)
	if !ok {
		a.t.Fatalf("%s: no string %s: %s", a.asked, name, a.body)
	}
	return s
}

// diffJSON tells the first difference between an answer and what was wanted of it.
func diffJSON(t *testing.T, want, got string) string {
	t.Helper()
	var w, g any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatalf("the test's own JSON: %v\n%s", err, want)
	}
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		return "not JSON: " + err.Error()
	}
	return diffValue("#", w, g)
}

func diffValue(at string, want, got any) string {
	if w, ok := want.(string); ok && strings.HasSuffix(w, "…") {
		g, isString := got.(string)
		if prefix := strings.TrimSuffix(w, "…"); !isString || !strings.HasPrefix(g, prefix) || len(g) == len(prefix) {
			return fmt.Sprintf("%s is %v, want %s", at, got, w)
		}
		return ""
	}
	w, ok := want.(object)
	if !ok {
		if list, isList := want.([]any); isList {
			return diffList(at, list, got)
		}
		if want != got {
			return fmt.Sprintf("%s is %v, want %v", at, got, want)
		}
		return ""
	}
	g, ok := got.(object)
	if !ok {
		return fmt.Sprintf("%s is %v, want an object", at, got)
	}
	for name := range g {
		if _, wanted := w[name]; !wanted {
			return at + "/" + name + " is not wanted"
		}
	}
	for name, v := range w {
		value, there := g[name]
		if !there {
			return at + "/" + name + " is missing"
		}
		if diff := diffValue(at+"/"+name, v, value); diff != "" {
			return diff
		}
	}
	return ""
}

func diffList(at string, want []any, got any) string {
	g, ok := got.([]any)
	if !ok || len(g) != len(want) {
		return fmt.Sprintf("%s is %v, want %v", at, got, want)
	}
	for i := range want {
		if diff := diffValue(fmt.Sprintf("%s/%d", at, i), want[i], g[i]); diff != "" {
			return diff
		}
	}
	return ""
}

// person is somebody with Telegram, as the bot meets them.
func person(id int64, username string) linking.Chat {
	return linking.Chat{
		BotID: botID, ID: id, Type: "private", Username: username,
		FirstName: strings.ToUpper(username[:1]) + username[1:], Language: "en",
	}
}

var (
	alice = person(501, "alice")
	bob   = person(502, "bob")
)

// open is what a tap on a deep link does: the chat claims the token.
func (g *gateway) open(who linking.Chat, startURL string) {
	g.t.Helper()
	u, err := url.Parse(startURL)
	if err != nil {
		g.t.Fatal(err)
	}
	if err := g.links.Claim(g.t.Context(), who, u.Query().Get("start")); err != nil {
		g.t.Fatal(err)
	}
}

// accept is the tap on Link.
func (g *gateway) accept(who linking.Chat, linkID string) {
	g.t.Helper()
	if err := g.links.Accept(g.t.Context(), botID, who.ID, linkID); err != nil {
		g.t.Fatal(err)
	}
}

// start is a person pressing Start without a token.
func (g *gateway) start(who linking.Chat) {
	g.t.Helper()
	if err := g.links.Met(g.t.Context(), who); err != nil {
		g.t.Fatal(err)
	}
}

// last is the newest message waiting for a chat.
func (g *gateway) last(who linking.Chat) delivery.Message {
	g.t.Helper()
	queued, err := g.db.Waiting(g.t.Context(), 0, 1000)
	if err != nil {
		g.t.Fatal(err)
	}
	for _, q := range slices.Backward(queued) {
		if q.ChatID == who.ID {
			m, err := g.db.Load(g.t.Context(), q.ID)
			if err != nil {
				g.t.Fatal(err)
			}
			return m
		}
	}
	g.t.Fatalf("nothing waits for %s", who.Username)
	return delivery.Message{}
}

var codeShape = regexp.MustCompile(`^[0-9]{6}\b`)

// code is the code in the newest message to a chat.
func (g *gateway) code(who linking.Chat) string {
	g.t.Helper()
	text := g.last(who).Body.Parts[0].Text.Text
	code := codeShape.FindString(text)
	if code == "" {
		g.t.Fatalf("no code in %q", text)
	}
	return code
}

// wrong is a code that is not the right one.
func wrong(code string) string {
	if code == "000000" {
		return "000001"
	}
	return "000000"
}

// ended notes what became of a message, as the dispatcher does.
func (g *gateway) ended(id string, status delivery.Status, failure *delivery.Failure) {
	g.t.Helper()
	p := delivery.Progress{ID: id, Status: status, SentParts: 1, Attempts: 1, Failure: failure, Ended: g.clock.Now()}
	if status == delivery.StatusDelivered {
		p.Transport = "bot"
	}
	if err := g.db.SaveProgress(g.t.Context(), p); err != nil {
		g.t.Fatal(err)
	}
}

// link links a user to a chat, through the API and the chat, and answers the link's id.
func (g *gateway) link(domain, user string, who linking.Chat) string {
	g.t.Helper()
	started := g.call("POST", "/v1/links", object{"domain": domain, "user": user})
	id := started.str("id")
	g.open(who, started.str("start_url"))
	g.accept(who, id)
	g.call("POST", "/v1/links/"+id+"/confirm", object{"code": g.code(who)}).
		is(200, `{"verified":true,"result":"verified","attempts_remaining":4}`)
	return id
}

// login is the body that starts a second factor.
func login(user, binding string) object {
	return object{"user": user, "purpose": "login", "session_binding": binding}
}

// verify starts a second factor for somebody linked and answers its id.
func (g *gateway) verify(user, binding string) string {
	g.t.Helper()
	a := g.call("POST", "/v1/verifications", login(user, binding))
	if a.status != http.StatusCreated {
		g.t.Fatalf("create verification: %d %s", a.status, a.body)
	}
	return a.str("id")
}

// footprint changes with every byte that is committed to the database.
func (g *gateway) footprint() string {
	g.t.Helper()
	h := sha256.New()
	for _, path := range []string{g.path, g.path + "-wal"} {
		data, err := os.ReadFile(path)
		if err != nil {
			g.t.Fatal(err)
		}
		h.Write(data)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// leavesNothing checks that what f does commits nothing.
func (g *gateway) leavesNothing(f func()) {
	g.t.Helper()
	before := g.footprint()
	f()
	if g.footprint() != before {
		g.t.Error("something was written to the database")
	}
}
