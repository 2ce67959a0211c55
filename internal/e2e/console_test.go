package e2e

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"telegate/api"
	"telegate/config"
	"telegate/delivery"
	"telegate/internal/secret"
	"telegate/sandbox"
)

// consoleClient is a browser at the console of a running gateway.
type consoleClient struct {
	w    *world
	http *http.Client
}

func (w *world) consoleClient() *consoleClient {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	c := &consoleClient{w, &http.Client{Jar: jar}}
	w.t.Cleanup(c.http.CloseIdleConnections)
	return c
}

// open asks for a page, or with a form sends it, and follows where that leads.
func (c *consoleClient) open(path string, form url.Values) (page string, at *url.URL) {
	c.w.t.Helper()
	var resp *http.Response
	var err error
	if form == nil {
		resp, err = c.http.Get(c.w.url + path)
	} else {
		resp, err = c.http.PostForm(c.w.url+path, form)
	}
	if err != nil {
		c.w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.w.t.Fatal(err)
	}
	return string(body), resp.Request.URL
}

// The console of the real gateway: its administrator has linked Telegram, so the key leads to a code, which comes by Telegram and opens
// it; then it says how the gateway is doing, in words.
func TestConsoleOfARunningGateway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	own := "tgk_" + secret.Token()
	w.startText(w.configText("127.0.0.1:0") + config.KeyTable(config.Key{
		Name: "alice", Hash: config.HashAPIKey(own), Domains: []string{"*"}, Scopes: []string{"admin", "link", "send"}, User: "alice",
	}))
	w.connected()
	w.link("", "alice")
	c := w.consoleClient()

	before := w.last("alice")
	page, at := c.open("/console/sign-in", url.Values{"key": {own}, "next": {"/console/status"}})
	if at.Path != "/console/sign-in/code" {
		t.Fatalf("the key leads to %s: %s", at, page)
	}
	code := w.code(w.message("alice", "is your sign-in code", before))
	token := regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindStringSubmatch(page)
	page, at = c.open("/console/sign-in/code", url.Values{"code": {code}, "csrf": {token[1]}})
	if at.Path != "/console/status" || !strings.Contains(page, "Everything works.") || !strings.Contains(page, "bot @"+testBot) {
		t.Fatalf("the code leads to %s: %s", at, page)
	}
	page, _ = c.open("/console/users", nil)
	if !strings.Contains(page, `data-user="alice"`) || !strings.Contains(page, "Alice (@alice_tg)") {
		t.Errorf("users: %s", page)
	}

	w.telegram.SetFaults(sandbox.Faults{Unauthorized: true})
	w.eventually("the page says that the token is refused", func() bool {
		page, _ := c.open("/console/status", nil)
		return strings.Contains(page, "unauthorized") && strings.Contains(page, "@BotFather") && strings.Contains(page, "needs attention")
	})
	page, at = w.consoleClient().open("/console/sign-in", url.Values{"key": {own}}) // no code can be sent
	if at.Path != "/console/sign-in" || !strings.Contains(page, "telegate status first") {
		t.Errorf("without Telegram: %s %s", at, page)
	}
}

// The page Status and GET /v1/status tell of the same pauses and lanes, with bots by their names.
func TestTheAPITellsWhatThePageStatusTells(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := w.start()
	w.connected()
	bot := config.BotID(testToken)
	until := time.Now().Add(time.Hour).Truncate(time.Second)
	for _, p := range []delivery.Pause{
		{BotID: bot, ChatID: 770_501, Until: until}, {BotID: bot, Until: until.Add(-time.Minute)}, {BotID: delivery.UserSession, ChatID: 770_502, Until: until.Add(-2 * time.Hour)},
	} {
		if err := g.DB().SavePause(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	page, err := g.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var q api.Queue
	w.want(http.StatusOK, "GET", "/v1/status", nil, &q)
	if len(q.Pauses) != 2 || len(page.Pauses) != 2 || q.Pauses[0].Bot != "@"+testBot || q.Pauses[0].Chat != 0 || q.Pauses[1].Chat != 770_501 || !q.Pauses[1].Until.Equal(until) {
		t.Errorf("pauses: %+v, and on the page %+v", q.Pauses, page.Pauses)
	}
	if len(q.Lanes) != 4 || q.Lanes[0].Lane != "code" || q.Lanes[3].Lane != "broadcast" || len(page.Lanes) != 4 {
		t.Errorf("lanes: %+v, and on the page %+v", q.Lanes, page.Lanes)
	}
	if len(q.Limits) != len(page.Limits) || len(q.Limits) == 0 || q.Limits[0].Value != page.Limits[0].Value {
		t.Errorf("limits: %+v, and on the page %+v", q.Limits, page.Limits)
	}
}
