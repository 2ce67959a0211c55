package console_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"telegate/api"
	"telegate/console"
	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/internal/gatewaytest"
	"telegate/internal/secret"
	"telegate/linking"
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

// world is the console over real services, behind the API's listener; the test plays Telegram.
type world struct {
	*gatewaytest.Gateway
	console *console.Console
	server  *httptest.Server
}

// newWorld sets up a world; the functions may change the console's options first.
func newWorld(t testing.TB, change ...func(*console.Options)) *world {
	t.Helper()
	w := &world{Gateway: gatewaytest.New(t, nil,
		api.Domain{ID: "", Title: "My Server", Msg2Factor: true, Bot: "SomeBot", BotState: "connected"},
		api.Domain{ID: "corp", Title: "Corp", Msg2Factor: true, Bot: "SomeBot", BotState: "connected"})}
	o := console.Options{
		Links: w.Links, Verifications: w.Codes, Messages: w.Messages, Broadcasts: w.Broadcasts, Domains: domains{all: w.Domains}, Store: w.DB,
		Keys: keys(), Status: w.status, QR: api.QRSVG, Explain: api.Explain, Version: "1.2.3", Now: w.Clock.Now, Logger: w.Logger,
	}
	for _, f := range change {
		f(&o)
	}
	w.console = console.New(o)
	w.server = httptest.NewServer(api.New(api.Options{
		Links: w.Links, Verifications: w.Codes, Messages: w.Messages, Broadcasts: w.Broadcasts, Console: w.console,
		Answers: w.DB, AnswerKey: w.DB.MACKey("idempotency"), Watcher: w.DB, Metrics: prometheus.NewRegistry(),
		Private: true, Version: "1.2.3", Now: w.Clock.Now, Logger: w.Logger,
	}))
	t.Cleanup(w.server.Close)
	return w
}

func keys() []console.Key {
	every := []console.Scope{"link", "verify", "send", "admin"}
	return []console.Key{
		{Name: "ops", Hash: gatewaytest.Hash(keyAdmin), Domains: []string{"*"}, Scopes: every},
		{Name: "corp-ops", Hash: gatewaytest.Hash(keyCorp), Domains: []string{"corp"}, Scopes: every},
		{Name: "reader", Hash: gatewaytest.Hash(keyOnly), Domains: []string{"*"}, Scopes: every[3:]},
		{Name: "sender", Hash: gatewaytest.Hash(keySend), Domains: []string{"*"}, Scopes: every[2:3]},
	}
}

// status is how the page of that name finds the world: busy, with a bot in trouble.
func (w *world) status(context.Context) (console.Status, error) {
	now := w.Clock.Now()
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

// domains are the domains of the tests as the console sees them.
type domains struct{ all *gatewaytest.Domains }

func (d domains) HasBot(id int64) bool { return id == gatewaytest.BotID }

func (d domains) Domain(id string) (console.Domain, bool) {
	domain, ok := d.all.Domain(id)
	return consoleDomain(domain), ok
}

func (d domains) Domains() []console.Domain {
	var list []console.Domain
	for _, domain := range d.all.Domains() {
		list = append(list, consoleDomain(domain))
	}
	return list
}

func consoleDomain(d api.Domain) console.Domain {
	return console.Domain{ID: d.ID, Title: d.Title, Msg2Factor: d.Msg2Factor, Bot: d.Bot, State: d.BotState, NoBot: len(d.Unavailable) > 0}
}

var person = gatewaytest.Person // a Telegram user, as the bot sees them

var alice = person(501, "alice", "Alice", "")

// link links a user to a chat, from start to proof.
func (w *world) link(domain, user string, chat linking.Chat) linking.Link {
	w.T.Helper()
	started, err := w.Links.Start(w.T.Context(), linking.StartRequest{Domain: domain, User: user})
	if err != nil {
		w.T.Fatal(err)
	}
	w.Claim(chat, started.StartURL)
	w.Accept(chat, started.Link.ID)
	if o, err := w.Links.Confirm(w.T.Context(), started.Link.ID, w.Code(chat), ""); err != nil || o.Result != linking.ResultVerified {
		w.T.Fatalf("confirm: %v, %v", o.Result, err)
	}
	l, err := w.Links.Get(w.T.Context(), started.Link.ID)
	if err != nil {
		w.T.Fatal(err)
	}
	return l
}

// acceptFrom is a tap on Link in the chat that has opened an address.
func (w *world) acceptFrom(chat linking.Chat, startURL string) {
	w.T.Helper()
	u, err := url.Parse(startURL)
	if err != nil {
		w.T.Fatal(err)
	}
	var l linking.Link
	err = w.DB.ViewLinks(w.T.Context(), func(tx linking.Tx) (err error) {
		l, err = tx.LinkByToken(secret.Hash(u.Query().Get("start")))
		return err
	})
	if err != nil {
		w.T.Fatal(err)
	}
	w.Accept(chat, l.ID)
}

// wantActor checks that the audit names who did each of some things to a user.
func (w *world) wantActor(user, actor string, events ...audit.Event) {
	w.T.Helper()
	trail, err := w.DB.AuditTrail(w.T.Context(), "", user, time.Time{})
	if err != nil {
		w.T.Fatal(err)
	}
	for _, event := range events {
		found := slices.ContainsFunc(trail, func(e audit.Entry) bool { return e.Event == event && e.Actor == actor })
		if !found {
			w.T.Errorf("the audit has no %s by %s: %+v", event, actor, trail)
		}
	}
}

// wantNoted checks that the audit has something about the console, with the key.
func (w *world) wantNoted(event audit.Event, key string) {
	w.T.Helper()
	trail, err := w.DB.AuditTrail(w.T.Context(), "", "", time.Time{})
	w.noError(err)
	alices, err := w.DB.AuditTrail(w.T.Context(), "", "user//alice", time.Time{})
	w.noError(err)
	for _, e := range append(trail, alices...) {
		if e.Event == event && e.Subject == key && e.Actor == "console:"+key {
			return
		}
	}
	w.T.Errorf("the audit has no %s of %s: %+v", event, key, append(trail, alices...))
}

func (w *world) noError(err error) {
	w.T.Helper()
	if err != nil {
		w.T.Fatal(err)
	}
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
		w.T.Fatal(err)
	}
	return &client{w: w, http: &http.Client{
		Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// signedIn is a client that has signed in with a key.
func (w *world) signedIn(key string) *client {
	w.T.Helper()
	c := w.client()
	if a := c.post("/console/sign-in", url.Values{"key": {key}}); a.status != http.StatusSeeOther {
		w.T.Fatalf("sign-in: %d %s", a.status, a.body)
	}
	c.tokenOf("/console/users")
	return c
}

// tokenOf learns the token of the session's forms from a page.
func (c *client) tokenOf(path string) {
	c.w.T.Helper()
	m := regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindStringSubmatch(c.get(path).body)
	if m == nil {
		c.w.T.Fatalf("no form at %s", path)
	}
	c.csrf = m[1]
}

// cookie is the header Cookie that the client sends.
func (c *client) cookie() string {
	u, err := url.Parse(c.w.server.URL + console.Path)
	if err != nil {
		c.w.T.Fatal(err)
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
	c.w.T.Helper()
	return c.do(http.MethodGet, path, nil, headers...)
}

// post sends a form, with the session's token unless the form has one.
func (c *client) post(path string, form url.Values, headers ...string) answer {
	c.w.T.Helper()
	if c.csrf != "" && !form.Has("csrf") {
		form.Set("csrf", c.csrf)
	}
	return c.do(http.MethodPost, path, form, headers...)
}

func (c *client) do(method, path string, form url.Values, headers ...string) answer {
	c.w.T.Helper()
	r, err := http.NewRequestWithContext(c.w.T.Context(), method, c.w.server.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		c.w.T.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := c.http.Do(r)
	if err != nil {
		c.w.T.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.w.T.Fatal(err)
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
	w.T.Helper()
	w.manyFrom(domain, 0, n)
}

func (w *world) manyFrom(domain string, first, n int) {
	w.T.Helper()
	err := w.DB.UpdateLinks(w.T.Context(), func(tx linking.Tx) error {
		for i := first; i < first+n; i++ {
			chat := person(int64(10_000+i), fmt.Sprintf("handle%06d", i), "User", fmt.Sprint(i))
			l := linking.Link{
				ID: delivery.NewID("lnk"), Domain: domain, User: fmt.Sprintf("user%06d", i), Method: linking.ByBot, Status: linking.Verified,
				BotID: gatewaytest.BotID, ChatID: chat.ID, Created: w.Clock.Now(), Verified: w.Clock.Now(),
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
		w.T.Fatal(err)
	}
}
