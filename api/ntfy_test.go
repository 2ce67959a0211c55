package api_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"unicode/utf16"

	"telegate/delivery"
	"telegate/internal/gatewaytest"
	"telegate/notify"
)

// topic links alice in a domain and returns her topic.
func (g *gateway) topic(domain string) string {
	g.T.Helper()
	g.link(domain, "alice", alice)
	l, err := g.Links.Current(g.T.Context(), domain, "alice")
	if err != nil {
		g.T.Fatal(err)
	}
	topic, err := g.Topics.Of(g.T.Context(), l.ID)
	if err != nil {
		g.T.Fatal(err)
	}
	return topic
}

// publish sends a publish request as curl does: the text as body, without a key.
func (g *gateway) publish(path, text string, headers ...string) answer {
	g.T.Helper()
	return g.as("", "POST", path, text, append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)...)
}

// read is the text of the newest message to alice, with bold parts in asterisks.
func (g *gateway) read() string {
	g.T.Helper()
	text := g.Last(alice).Body.Parts[0].Text
	if len(text.Entities) == 0 {
		return text.Text
	}
	e := text.Entities[0]
	if len(text.Entities) > 1 || e.Type != delivery.EntityBold || e.Offset != 0 {
		g.T.Fatalf("formatted by %+v", text.Entities)
	}
	units := utf16.Encode([]rune(text.Text))
	return "*" + string(utf16.Decode(units[:e.Length])) + "*" + string(utf16.Decode(units[e.Length:]))
}

func (a answer) isPublished(message string) answer {
	a.t.Helper()
	var o object
	a.into(&o)
	if a.status != http.StatusOK || o["event"] != "message" || o["message"] != message || !strings.HasPrefix(o["id"].(string), "msg_") {
		a.t.Fatalf("%s: %d %s", a.asked, a.status, a.body)
	}
	return a
}

// isRefused checks an error in ntfy's format.
func (a answer) isRefused(status int, slug, words string) {
	a.t.Helper()
	a.isProblem(status, slug)
	var o object
	a.into(&o)
	if said, _ := o["error"].(string); !strings.Contains(said, words) || o["http"] != float64(status) || o["code"] != float64(status*100) {
		a.t.Errorf("%s: %s", a.asked, a.body)
	}
}

func TestAlertNeedsOnlyATopic(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	topic := g.topic("")
	a := g.publish("/"+topic, "Backup done <b>&\" – Grüße\nline 2")
	a.isPublished("Backup done <b>&\" – Grüße\nline 2")
	if a.header.Get("Connection") != "close" || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", a.header)
	}
	m := g.Last(alice)
	if m.ID != a.str("id") || m.Lane != delivery.LaneAlert || m.User != "alice" || m.Silent {
		t.Errorf("stored as %+v", m)
	}
	if got := g.read(); got != "Backup done <b>&\" – Grüße\nline 2" {
		t.Errorf("reads %q", got)
	}
	g.as("", "PUT", "/"+strings.ToUpper(topic), "put").isPublished("put")
	g.publish("/"+topic, "").isPublished("triggered")
	g.publish("/"+topic+"?message=from+the+query&title=T", "").isPublished("from the query")
	g.logIsSilent()
	if log := g.Log.String(); strings.Contains(log, topic) || strings.Contains(log, "Backup") {
		t.Error("the log holds the topic or the text")
	}
}

func TestPublishRendersAsInNtfysApps(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	topic := g.topic("")
	for _, tt := range []struct {
		headers []string
		want    string
		silent  bool
	}{
		{[]string{"Title", "Disk full", "Priority", "urgent"}, "*Disk full*\ntext", false},
		{[]string{"X-Title", "<Disk> & co", "Priority", "5"}, "*<Disk> & co*\ntext", false},
		{[]string{"t", "short", "p", "low"}, "*short*\ntext", true},
		{[]string{"Tags", "warning, nas,backup", "X-Priority", "1"}, "⚠️ text\n\nnas, backup", true},
		{[]string{"Title", "=?UTF-8?B?R3LDvMOfZQ==?=", "Tags", "tada"}, "*🎉 Grüße*\ntext", false},
		{[]string{"Title", "roh: Grüße"}, "*roh: Grüße*\ntext", false},
		{[]string{"Title", "Latin: Gr\xfc\xdfe"}, "*Latin: Grüße*\ntext", false},
		{[]string{"Click", "https://nas.example/?a=1&b=2", "Attach", "https://nas.example/log.txt"}, "text\n\nhttps://nas.example/?a=1&b=2\n\nhttps://nas.example/log.txt", false},
		{[]string{"Attach", "https://nas.example/log.txt", "Filename", "log.txt"}, "text\n\nhttps://nas.example/log.txt", false},
		{[]string{"Title", "T", "Click", "https://nas.example/?a=1&b=2"}, "*T*\ntext\n\nhttps://nas.example/?a=1&b=2", false},
		{[]string{"Priority", "u=1, i"}, "text", false}, // sent by browsers (RFC 9218)
		{[]string{"Markdown", "yes", "Icon", "https://nas.example/i.png", "Actions", "view, Open, https://nas.example", "Cache", "no", "X-Whatever", "x"}, "text", false},
	} {
		g.publish("/"+topic, "text", tt.headers...).isPublished("text")
		if got := g.read(); got != tt.want {
			t.Errorf("%q reads %q, want %q", tt.headers, got, tt.want)
		}
		if silent := g.Last(alice).Silent; silent != tt.silent {
			t.Errorf("%q: silent is %v", tt.headers, silent)
		}
	}
}

func TestPublishJSON(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	topic := g.topic("")
	a := g.as("", "POST", "/", object{
		"topic": topic, "message": "text", "title": "Title", "priority": 2, "tags": []string{"skull", "nas"}, "click": "https://nas.example",
		"markdown": true, "icon": "https://nas.example/i.png", "actions": []object{{"action": "view"}}, "unknown": 1,
	})
	a.is(200, `{"id":"msg_…","time":`+jsonNumber(a, "time")+`,"expires":`+jsonNumber(a, "expires")+`,"event":"message","topic":"`+topic+
		`","title":"Title","message":"text","priority":2,"tags":["skull","nas"],"click":"https://nas.example"}`)
	if got := g.read(); got != "*💀 Title*\ntext\n\nhttps://nas.example\n\nnas" || !g.Last(alice).Silent {
		t.Errorf("reads %q", got)
	}
	for body, slug := range map[string]string{
		"": "malformed-request", "hello": "malformed-request", "[]": "malformed-request", `{"topic":5}`: "malformed-request",
		"{\"topic\":\"a\xff\"}": "malformed-request", `{}`: "validation-failed", `{"message":"x"}`: "validation-failed",
		`{"topic":"` + topic + `","priority":6}`: "validation-failed", `{"topic":"` + topic + `","priority":-1}`: "validation-failed",
		`{"topic":"` + topic + `","delay":"1h"}`: "unsupported-publication", `{"topic":"` + topic + `","filename":"a.txt"}`: "unsupported-publication",
		`{"topic":"nobody"}`: "not-found",
	} {
		if p := g.as("", "PUT", "/", body).problem(); p.Type != "/problems/"+slug {
			t.Errorf("%q: %s, want %s", body, p.Type, slug)
		}
	}
}

func jsonNumber(a answer, name string) string {
	_, rest, _ := strings.Cut(a.body, `"`+name+`":`)
	number, _, _ := strings.Cut(rest, ",")
	return number
}

func TestInvalidPublishRequestIsExplained(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	topic := g.topic("")
	g.leavesNothing(func() {
		g.publish("/nobody", "text").isRefused(404, "not-found", "Send /topic")
		g.publish("/"+topic[1:], "text").isRefused(404, "not-found", "This topic does not exist")
		g.publish("/"+topic, "\x89PNG\r\n\x1a\n\x00\xff").isRefused(400, "unsupported-publication", "no files")
		g.publish("/"+topic, "\xff", "Attach", "https://nas.example/log.txt").isRefused(400, "unsupported-publication", "no files")
		g.publish("/"+topic, "text", "Filename", "log.txt").isRefused(400, "unsupported-publication", "no files")
		g.publish("/"+topic, "text", "In", "1h").isRefused(400, "unsupported-publication", "at once")
		g.publish("/"+topic+"?delay=1h", "text").isRefused(400, "unsupported-publication", "at once")
		g.publish("/"+topic, "text", "Email", "alice@example.com").isRefused(400, "unsupported-publication", "mail")
		g.publish("/"+topic, "text", "X-Call", "yes").isRefused(400, "unsupported-publication", "calls")
		g.publish("/"+topic, "text", "Priority", "hot").isRefused(422, "validation-failed", "header/Priority: must be 1 to 5")
		g.publish("/"+topic, strings.Repeat("a", 16<<10+1)).isRefused(413, "body-too-large", "16 KiB")
		g.publish("/"+topic, strings.Repeat("a", 256<<10+1), "Authorization", "Bearer "+keySend).isRefused(413, "body-too-large", "256 KiB")
		g.publish("/"+topic, strings.Repeat("a", 100_001), "Authorization", "Bearer "+keySend).isRefused(422, "validation-failed", "text: ")
		g.publish("/"+topic, "a\x00b").isRefused(422, "validation-failed", "text: ")
		g.publish("/"+topic, "text", "Cookie", strings.Repeat("x", 32<<10)).isRefused(431, "headers-too-large", "32 KiB")
		r := g.request("", "POST", "/"+topic, "text")
		r.Body = brokenBody{}
		g.do(r).isRefused(400, "malformed-request", "completely")
	})
	for path, status := range map[string]int{"/v1": 401, "/healthz": 405, "/metrics": 405, "/problems/x": 405, "/" + topic + "/x": 404, "/code/" + topic + "/x": 404} {
		if a := g.as("", "POST", path, object{}); a.status != status {
			t.Errorf("%s: %d, want %d", path, a.status, status)
		}
	}
	for _, path := range []string{"/" + topic, "/" + topic + "/json", "/" + topic + "/auth"} { // topics cannot be read
		g.as("", "GET", path, nil).isProblem(404, "not-found")
	}
}

type brokenBody struct{ brokenReader }

func (brokenBody) Close() error { return nil }

func TestACodeNeedsAKeyBesideTheTopic(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	topic := g.topic("")
	path := "/code/" + topic
	g.publish(path, "My Server access token is: 123456").isRefused(401, "invalid-credentials", "a topic alone is not enough")
	g.publish(path, "x", "Authorization", "Bearer "+keySend).isPublished("x")
	m := g.Last(alice)
	if m.Lane != delivery.LaneCode || m.Purpose != string(notify.Login) || m.Expires.Sub(m.Created).Seconds() != 300 || m.Silent {
		t.Errorf("stored as %+v", m)
	}

	// It is a code in every way: it ignores a mute, and is refused where codes are.
	if err := g.Messages.Mute(t.Context(), gatewaytest.BotID, alice.ID, g.Clock.Now().Add(3600e9)); err != nil {
		t.Fatal(err)
	}
	muted := g.publish("/"+topic, "an alert").isPublished("an alert").str("id")
	g.publish(path, "a code", "Authorization", "Bearer "+keySend, "Priority", "min").isPublished("a code")
	if got := g.read(); got != "a code" || g.Last(alice).Silent {
		t.Errorf("reads %q", got)
	}
	if m, err := g.Messages.Get(t.Context(), muted); err != nil || m.Failure == nil || m.Failure.Reason != delivery.ReasonMuted {
		t.Errorf("the alert: %+v, %v", m, err)
	}
	for range notify.MaxLoginCodes - 2 {
		g.publish(path, "a code", "Authorization", "Bearer "+keySend).isPublished("a code")
	}
	g.publish(path, "a code", "Authorization", "Bearer "+keySend).isRefused(429, "rate-limited", "Too many codes")
}

// A stranger with the topic can fill the chat with alerts for a while, but cannot block codes.
func TestAlertsUseUpNoCodes(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	topic := g.topic("")
	for range notify.TopicBurst {
		g.publish("/"+topic, "x").isPublished("x")
	}
	g.publish("/"+topic, "x").isRefused(429, "rate-limited", "Too many messages")
	g.publish("/code/"+topic, "My Server access token is: 123456", "Authorization", "Bearer "+keySend).isPublished("My Server access token is: 123456")
}

func TestCodePathMustMatchWhole(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	topic := g.topic("")
	body := `{"topic":"` + topic + `","message":"x"}`
	for _, path := range []string{"/code", "/code/"} {
		g.publish(path, body).isRefused(401, "invalid-credentials", "a topic alone is not enough")
		g.publish(path, body, "Authorization", "Bearer "+keySend).isPublished("x")
		if m := g.Last(alice); m.Lane != delivery.LaneCode {
			t.Errorf("%s: in the lane %s", path, m.Lane)
		}
	}
	g.publish("/code"+topic, "x").isRefused(404, "not-found", "This topic does not exist") // a topic may begin with these letters
}

func TestPublishAcceptsEveryFormOfKey(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	path := "/code/" + g.topic("")
	basic := func(user, password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	query := func(header string) string { return "?auth=" + base64.RawURLEncoding.EncodeToString([]byte(header)) }
	for _, header := range []string{"Bearer " + keySend, "bearer  " + keySend, basic("", keySend), basic("meshcentral", keySend)} {
		g.publish(path, "x", "Authorization", header).isPublished("x")
		g.publish(path+query(header), "x").isPublished("x")
	}
	for name, header := range map[string]string{
		"unknown key": "Bearer tgk_unknown", "no key": "Bearer", "other scheme": "Digest x", "user as key": basic(keySend, ""), "broken": "Basic %%%", "bare": keySend,
	} {
		a := g.publish(path, "x", "Authorization", header)
		if p := a.problem(); p.Type != "/problems/invalid-credentials" || a.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %s", name, a.body)
		}
	}
	g.publish(path+"?auth=%25", "x").isRefused(401, "invalid-credentials", "telegate does not know this key")
	for _, route := range []string{path, strings.TrimPrefix(path, "/code")} { // a key that is sent must be valid, even if it is not needed
		g.publish(route, "x", "Authorization", "Bearer nonsense").isRefused(401, "invalid-credentials", "does not know this key")
		g.publish(route, "x", "Authorization", "Bearer "+keyVerify).isRefused(403, "insufficient-scope", "the scope send")
		g.publish(route, "x", "Authorization", "Bearer "+keyCorp).isRefused(403, "domain-not-allowed", "the topic's owner")
	}
}

func TestTopicIsRateLimited(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	topic := g.topic("")
	for range notify.TopicBurst {
		g.publish("/"+topic, "x").isPublished("x")
	}
	a := g.publish("/"+topic, "x")
	a.isRefused(429, "rate-limited", "Too many messages were sent to this topic")
	if p := a.problem(); p.Scope != "topic" || a.header.Get("Retry-After") != "5" {
		t.Errorf("%s, Retry-After %s", a.body, a.header.Get("Retry-After"))
	}
}

func TestTopicOfAnUnreachableUserIsExplained(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	topic := g.topic("")
	g.store.refuse(delivery.ErrStorageFull)
	g.publish("/"+topic, "x").isRefused(503, "storage-full", "Free space")
	g.store.refuse(nil)
	if err := g.Links.ChatBlocked(t.Context(), gatewaytest.BotID, alice.ID); err != nil {
		t.Fatal(err)
	}
	g.publish("/"+topic, "x").isRefused(409, "recipient-blocked", "blocked the bot")
	if err := g.Links.Unlink(t.Context(), "", "alice"); err != nil {
		t.Fatal(err)
	}
	g.publish("/"+topic, "x").isRefused(404, "not-found", "This topic does not exist")
}

// RFC 9218: browsers and proxies send a Priority of their own. Whatever its form, it says nothing about the message.
func TestAPriorityOfHTTPIsAsIfItWereNotThere(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	topic := g.topic("")
	for i, priority := range []string{"u=1, i", "i, u=2", "u=3, i=?1", "u=2;foo=1", "i=?0", "u=5", "i", "u=1,i", " u=0 , x=y", "i;a=b"} {
		for _, own := range []string{"Prio", "P", "X-Priority"} {
			g.publish("/"+topic, "m", "Priority", priority, own, "min").isPublished("m")
			if !g.Last(alice).Silent {
				t.Errorf("%d: with Priority: %s, %s: min is not silent", i, priority, own)
			}
		}
		g.publish("/"+topic+"?priority=low", "m", "Priority", priority).isPublished("m")
		if !g.Last(alice).Silent {
			t.Errorf("with Priority: %s, ?priority=low is not silent", priority)
		}
	}
	for _, lines := range [][]string{{"u=1", "min"}, {"min", "u=1"}, {"", "low"}} { // the proxy's line beside the sender's
		r := g.request("", "POST", "/"+topic, "m")
		r.Header["Priority"] = lines
		g.do(r).isPublished("m")
		if !g.Last(alice).Silent {
			t.Errorf("Priority: %q is not silent", lines)
		}
	}
	for _, priority := range []string{"u=9", "x", "6", "u", "i=1", "urgently"} {
		g.publish("/"+topic, "m", "Priority", priority).isRefused(422, "validation-failed", "Priority")
	}
}

// A header can hold no line break, so ntfy's clients write it as a backslash and an n.
func TestALineBreakInAHeaderIsWrittenAsNtfyDoes(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	topic := g.topic("")
	g.as("", "PUT", "/"+topic, nil, "X-Message", `disk full\nsda1 at 97 %`).isPublished("disk full\nsda1 at 97 %")
	g.as("", "PUT", "/"+topic+`?message=one%5Cntwo`, nil).isPublished("one\ntwo")
	g.publish("/"+topic, `in a body it stays: \n`).isPublished(`in a body it stays: \n`)
}

func TestEveryTagOfNtfyBecomesItsEmoji(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	topic := g.topic("")
	g.publish("/"+topic, "hello", "Tags", "battery,house,package,warning,stop_sign,construction,information_source,thumbsup,+1,mine").isPublished("hello")
	if got := g.read(); got != "🔋🏠📦⚠️🛑🚧ℹ️👍👍 hello\n\nmine" {
		t.Errorf("the person reads %q", got)
	}
}

func TestATitleInAnyCharacterSetIsDecoded(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	topic := g.topic("")
	for word, want := range map[string]string{
		"=?windows-1252?Q?St=F6rung_=80?=": "Störung €", "=?ISO-8859-15?Q?=A4_5?=": "€ 5", "=?utf-8?B?w7xiZXI=?=": "über", "=?nonsense?Q?x?=": "=?nonsense?Q?x?=",
	} {
		g.publish("/"+topic, "m", "Title", word)
		if got := g.read(); got != "*"+want+"*\nm" {
			t.Errorf("%s: the person reads %q", word, got)
		}
	}
}

// A stranger must not be able to make telegate hold large bodies.
func TestAnUnknownKeyRaisesNoLimit(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	topic := g.topic("")
	text := strings.Repeat("x", 17<<10)
	g.publish("/"+topic, text, "Authorization", "Bearer junk").isRefused(413, "body-too-large", "")
	g.publish("/"+topic, text).isRefused(413, "body-too-large", "")
	if a := g.publish("/"+topic, text, "Authorization", "Bearer "+keySend); a.status != 200 {
		t.Errorf("with a key: %d %s", a.status, a.body)
	}
}
