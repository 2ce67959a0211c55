package console_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"telegate/api"
	"telegate/console"
	"telegate/db"
	"telegate/db/dbtest"
	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/internal/secret"
	"telegate/language"
	"telegate/linking"
	"telegate/notify"
	"telegate/twofa"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"))
}

// The keys of the tests, by what they may do.
const (
	keyAdmin = "tgk_admin" // every domain, every scope
	keyCorp  = "tgk_corp"  // every scope in the domain corp
	keyOnly  = "tgk_only"  // admin alone, in every domain
	keySend  = "tgk_send"  // no administrator
)

const botID = 1000

// world is the console over the real rooms on a real database, behind the API's listener; Telegram is played by the test.
type world struct {
	t          testing.TB
	clock      *dbtest.Clock
	db         *db.DB
	path       string
	domains    *domains
	links      *linking.Service
	codes      *twofa.Service
	messages   *notify.Service
	broadcasts *notify.Broadcaster
	console    *console.Console
	server     *httptest.Server
	log        *safeBuffer
}

// newWorld makes a world; the functions may change the console's options before it is made.
func newWorld(t testing.TB, change ...func(*console.Options)) *world {
	t.Helper()
	w := &world{
		t: t, clock: dbtest.NewClock(), path: filepath.Join(t.TempDir(), "telegate.db"), domains: newDomains(), log: &safeBuffer{},
	}
	w.db = dbtest.OpenAt(t, w.path, w.clock.Now, nil)
	logger := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.links = linking.New(w.db, w.domains, w.db.MACKey("confirm code"), w.clock.Now, logger)
	w.codes = twofa.New(w.db, w.domains, w.db.MACKey("code"), twofa.Settings{Digits: 6, Lifetime: 5 * time.Minute}, w.clock.Now, logger)
	w.messages = notify.New(w.db, w.domains, outbox{}, w.clock.Now, logger)
	w.broadcasts = notify.NewBroadcaster(notify.BroadcasterOptions{
		Store: w.db, Domains: w.domains, Outbox: outbox{}, Watcher: w.db, Pace: notify.Pace{PerSecond: 30}, Now: w.clock.Now, Logger: logger,
	})
	o := console.Options{
		Links: w.links, Verifications: w.codes, Messages: w.messages, Broadcasts: w.broadcasts, Domains: w.domains, Store: w.db,
		Keys: keys(), Status: w.status, QR: api.QRSVG, Explain: api.Explain, Version: "1.2.3", Now: w.clock.Now, Logger: logger,
	}
	for _, f := range change {
		f(&o)
	}
	w.console = console.New(o)
	w.server = httptest.NewServer(api.New(api.Options{
		Links: w.links, Verifications: w.codes, Messages: w.messages, Broadcasts: w.broadcasts, Console: w.console,
		Answers: w.db, AnswerKey: w.db.MACKey("idempotency"), Watcher: w.db, Metrics: prometheus.NewRegistry(),
		Private: true, Version: "1.2.3", Now: w.clock.Now, Logger: logger,
	}))
	t.Cleanup(w.server.Close)
	return w
}

func keys() []console.Key {
	every := []console.Scope{"link", "verify", "send", "admin"}
	return []console.Key{
		{Name: "ops", Hash: hash(keyAdmin), Domains: []string{"*"}, Scopes: every},
		{Name: "corp-ops", Hash: hash(keyCorp), Domains: []string{"corp"}, Scopes: every},
		{Name: "reader", Hash: hash(keyOnly), Domains: []string{"*"}, Scopes: every[3:]},
		{Name: "sender", Hash: hash(keySend), Domains: []string{"*"}, Scopes: every[2:3]},
	}
}

func hash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// status is how the page of that name finds the world: busy, with a bot in trouble.
func (w *world) status(context.Context) (console.Status, error) {
	now := w.clock.Now()
	return console.Status{
		Parts: []console.Part{
			{Name: "database", Tone: "good", State: "ok"},
			{Name: "bot @SomeBot", Tone: "good", State: "connected", Since: now.Add(-72 * time.Hour)},
			{Name: "bot @CorpBot", Tone: "warn", State: "unauthorized", Since: now.Add(-10 * time.Minute),
				Detail: "Telegram refuses the bot token. Take the current one from @BotFather (/mybots, API Token), put it into the config and restart telegate."},
		},
		Lanes: []console.Lane{
			{Lane: delivery.LaneCode}, {Lane: delivery.LaneDirect, Waiting: 3, Oldest: now.Add(-2 * time.Minute)},
			{Lane: delivery.LaneAlert}, {Lane: delivery.LaneBroadcast, Waiting: 1480, Oldest: now.Add(-4 * time.Minute)},
		},
		Pauses: []console.Pause{{Bot: "@SomeBot", ChatID: 501, Until: now.Add(35 * time.Second)}},
		Limits: []console.Limit{
			{Name: "bot_per_second", Value: "30", Words: "messages of a bot in a second, to all chats together"},
			{Name: "chat_per_second", Value: "1", Words: "messages to one person in a second"},
		},
	}, nil
}

// domains is a configuration that a test can change: "" and corp.
type domains struct {
	mu   sync.Mutex
	list map[string]console.Domain
	down bool // the bot has no way to Telegram
}

func newDomains() *domains {
	return &domains{list: map[string]console.Domain{
		"":     {ID: "", Title: "My Server", Msg2Factor: true, Bot: "SomeBot", State: "connected"},
		"corp": {ID: "corp", Title: "Corp", Msg2Factor: true, Bot: "SomeBot", State: "connected"},
	}}
}

func (d *domains) set(domain console.Domain) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list[domain.ID] = domain
}

func (d *domains) setDown(down bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down = down
}

func (d *domains) Domain(id string) (console.Domain, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	domain, ok := d.list[id]
	return domain, ok
}

func (d *domains) Domains() []console.Domain {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []console.Domain
	for _, domain := range d.list {
		list = append(list, domain)
	}
	slices.SortFunc(list, func(a, b console.Domain) int { return strings.Compare(a.ID, b.ID) })
	return list
}

func (d *domains) HasBot(id int64) bool { return id == botID }

func (d *domains) ResolveUsername(context.Context, int64, string) (bool, error) { return true, nil }

func (d *domains) Title(id string) (string, bool) {
	domain, ok := d.Domain(id)
	return domain.Title, ok
}

// Words implements linking.Domains: in the language that is asked for.
func (d *domains) Words(_, call, person string) *language.Words {
	return catalogues[language.Pick(call, person, "")]()
}

func (d *domains) BotWords(_ int64, person string) *language.Words { return d.Words("", "", person) }

var catalogues = language.New()

func (d *domains) Bot(id string) (int64, string) {
	domain, _ := d.Domain(id)
	if domain.NoBot {
		return delivery.UserSession, ""
	}
	return botID, domain.Bot
}

func (d *domains) Msg2Factor(id string) bool {
	domain, _ := d.Domain(id)
	return domain.Msg2Factor
}

func (d *domains) CanSend(int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.down
}

type outbox struct{}

func (outbox) InFlight(string) bool { return false }

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

// person is somebody with Telegram, as the bot meets them.
func person(id int64, username, first, last string) linking.Chat {
	return linking.Chat{BotID: botID, ID: id, Type: "private", Username: username, FirstName: first, LastName: last, Language: "en"}
}

var alice = person(501, "alice", "Alice", "")

// link links a user to a chat, from start to proof.
func (w *world) link(domain, user string, chat linking.Chat) linking.Link {
	w.t.Helper()
	started, err := w.links.Start(w.t.Context(), linking.StartRequest{Domain: domain, User: user})
	if err != nil {
		w.t.Fatal(err)
	}
	w.claim(chat, started.StartURL)
	w.accept(chat, started.Link.ID)
	if o, err := w.links.Confirm(w.t.Context(), started.Link.ID, w.code(chat), ""); err != nil || o.Result != linking.ResultVerified {
		w.t.Fatalf("confirm: %v, %v", o.Result, err)
	}
	l, err := w.links.Get(w.t.Context(), started.Link.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

// claim is a tap on a deep link.
func (w *world) claim(chat linking.Chat, startURL string) {
	w.t.Helper()
	u, err := url.Parse(startURL)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.links.Claim(w.t.Context(), chat, u.Query().Get("start")); err != nil {
		w.t.Fatal(err)
	}
}

// accept is a tap on Link.
func (w *world) accept(chat linking.Chat, linkID string) {
	w.t.Helper()
	if err := w.links.Accept(w.t.Context(), botID, chat.ID, linkID); err != nil {
		w.t.Fatal(err)
	}
}

// acceptFrom is a tap on Link in the chat that has opened an address.
func (w *world) acceptFrom(chat linking.Chat, startURL string) {
	w.t.Helper()
	u, err := url.Parse(startURL)
	if err != nil {
		w.t.Fatal(err)
	}
	var l linking.Link
	err = w.db.ViewLinks(w.t.Context(), func(tx linking.Tx) (err error) {
		l, err = tx.LinkByToken(secret.Hash(u.Query().Get("start")))
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.accept(chat, l.ID)
}

// wantActor checks that the audit names who did each of some things to a user.
func (w *world) wantActor(user, actor string, events ...audit.Event) {
	w.t.Helper()
	trail, err := w.db.AuditTrail(w.t.Context(), "", user, time.Time{})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, event := range events {
		found := slices.ContainsFunc(trail, func(e audit.Entry) bool { return e.Event == event && e.Actor == actor })
		if !found {
			w.t.Errorf("the audit has no %s by %s: %+v", event, actor, trail)
		}
	}
}

// wantNoted checks that the audit has something about the console, with the key.
func (w *world) wantNoted(event audit.Event, key string) {
	w.t.Helper()
	trail, err := w.db.AuditTrail(w.t.Context(), "", "", time.Time{})
	w.noError(err)
	alices, err := w.db.AuditTrail(w.t.Context(), "", "user//alice", time.Time{})
	w.noError(err)
	for _, e := range append(trail, alices...) {
		if e.Event == event && e.Subject == key && e.Actor == "console:"+key {
			return
		}
	}
	w.t.Errorf("the audit has no %s of %s: %+v", event, key, append(trail, alices...))
}

func (w *world) noError(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// last is the newest message waiting for a chat.
func (w *world) last(chat linking.Chat) delivery.Message {
	w.t.Helper()
	queued, err := w.db.Waiting(w.t.Context(), 0, 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, q := range slices.Backward(queued) {
		if q.ChatID == chat.ID {
			m, err := w.db.Load(w.t.Context(), q.ID)
			if err != nil {
				w.t.Fatal(err)
			}
			return m
		}
	}
	w.t.Fatalf("nothing waits for %s", chat.Username)
	return delivery.Message{}
}

var codeShape = regexp.MustCompile(`^[0-9]{6}\b`)

// code is the code in the newest message to a chat.
func (w *world) code(chat linking.Chat) string {
	w.t.Helper()
	text := w.last(chat).Body.Parts[0].Text.Text
	code := codeShape.FindString(text)
	if code == "" {
		w.t.Fatalf("no code in %q", text)
	}
	return code
}

// client is a browser without JavaScript: it keeps cookies, and follows no redirect.
type client struct {
	w    *world
	http *http.Client
	csrf string
}

func (w *world) client() *client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return &client{w: w, http: &http.Client{
		Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// signedIn is a client that has signed in with a key.
func (w *world) signedIn(key string) *client {
	w.t.Helper()
	c := w.client()
	if a := c.post("/console/sign-in", url.Values{"key": {key}}); a.status != http.StatusSeeOther {
		w.t.Fatalf("sign-in: %d %s", a.status, a.body)
	}
	c.tokenOf("/console/users")
	return c
}

// tokenOf learns the token of the session's forms from a page.
func (c *client) tokenOf(path string) {
	c.w.t.Helper()
	m := regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindStringSubmatch(c.get(path).body)
	if m == nil {
		c.w.t.Fatalf("no form at %s", path)
	}
	c.csrf = m[1]
}

// cookie is the header Cookie that the client sends.
func (c *client) cookie() string {
	u, err := url.Parse(c.w.server.URL + console.Path)
	if err != nil {
		c.w.t.Fatal(err)
	}
	for _, cookie := range c.http.Jar.Cookies(u) {
		return cookie.Name + "=" + cookie.Value
	}
	return ""
}

// answer is a page as it came.
type answer struct {
	status   int
	body     string
	header   http.Header
	location string
}

func (c *client) get(path string, headers ...string) answer {
	c.w.t.Helper()
	return c.do(http.MethodGet, path, nil, headers...)
}

// post sends a form, with the session's token unless the form has one.
func (c *client) post(path string, form url.Values, headers ...string) answer {
	c.w.t.Helper()
	if c.csrf != "" && !form.Has("csrf") {
		form.Set("csrf", c.csrf)
	}
	return c.do(http.MethodPost, path, form, headers...)
}

func (c *client) do(method, path string, form url.Values, headers ...string) answer {
	c.w.t.Helper()
	r, err := http.NewRequestWithContext(c.w.t.Context(), method, c.w.server.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		c.w.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := c.http.Do(r)
	if err != nil {
		c.w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.w.t.Fatal(err)
	}
	return answer{resp.StatusCode, string(body), resp.Header, resp.Header.Get("Location")}
}

// want checks the status of an answer and that its page holds some texts.
func (a answer) want(t testing.TB, status int, texts ...string) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	for _, text := range texts {
		if !strings.Contains(a.body, text) {
			t.Errorf("the page does not say %q: %s", text, a.body)
		}
	}
	return a
}

// many links that many users, user000000 and on.
func (w *world) many(domain string, n int) {
	w.t.Helper()
	w.manyFrom(domain, 0, n)
}

func (w *world) manyFrom(domain string, first, n int) {
	w.t.Helper()
	err := w.db.UpdateLinks(w.t.Context(), func(tx linking.Tx) error {
		for i := first; i < first+n; i++ {
			chat := person(int64(10_000+i), fmt.Sprintf("handle%06d", i), "User", fmt.Sprint(i))
			l := linking.Link{
				ID: delivery.NewID("lnk"), Domain: domain, User: fmt.Sprintf("user%06d", i), Method: linking.ByBot, Status: linking.Verified,
				BotID: botID, ChatID: chat.ID, Created: w.clock.Now(), Verified: w.clock.Now(),
			}
			if err := tx.SaveChat(chat); err != nil {
				return err
			}
			if err := tx.InsertLink(l); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}
