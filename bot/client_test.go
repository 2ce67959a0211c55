package bot_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"telegate/bot"
	"telegate/delivery"
)

func TestTokenThatCannotBeOneIsRefusedAndNeverShown(t *testing.T) {
	for name, token := range map[string]string{
		"empty":               "",
		"no colon":            "123456789" + testKey,
		"id too short":        "12345:" + testKey,
		"id too long":         "1234567890123:" + testKey,
		"id with a letter":    "12345678x:" + testKey,
		"key too short":       "123456789:" + testKey[:29],
		"blank inside":        "123456789:" + testKey[:20] + " " + testKey[20:],
		"line break inside":   "123456789:" + testKey[:20] + "\n" + testKey[20:],
		"percent sign":        "123456789:" + testKey + "%",
		"two tokens":          testToken + "\n" + testToken,
		"with bot before it":  "bot" + testToken,
		"quoted":              `"` + testToken + `"`,
		"letters of elsewhen": "123456789:" + strings.Repeat("ä", 35),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := bot.NewClient(bot.Options{Token: token})
			if !errors.Is(err, bot.ErrTokenShape) {
				t.Fatalf("error %v, want ErrTokenShape", err)
			}
			if strings.Contains(err.Error(), testKey[:20]) {
				t.Errorf("the error shows the token: %v", err)
			}
		})
	}
}

func TestBlanksAroundTheTokenAreDropped(t *testing.T) {
	c, err := bot.NewClient(bot.Options{Token: " " + testToken + "\r\n"})
	if err != nil {
		t.Fatal(err)
	}
	if c.ID() != testBot || c.Name() != "bot" {
		t.Errorf("ID %d, name %q", c.ID(), c.Name())
	}
}

func TestBaseURLAndProxyAreChecked(t *testing.T) {
	for _, base := range []string{"api.telegram.org", "ftp://api.telegram.org", "https://", "https://x/?a=b", "https://x/#f", "http://a b"} {
		if _, err := bot.NewClient(bot.Options{Token: testToken, BaseURL: base}); err == nil {
			t.Errorf("base URL %q is accepted", base)
		}
	}
	for proxy, good := range map[string]bool{"http://p:3128": true, "https://p": true, "socks5://u:secret@p:1080": true, "socks5h://p": true, "socks4://p": false, "p:3128": false} {
		u, err := url.Parse(proxy)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := bot.NewClient(bot.Options{Token: testToken, Proxy: u}); (err == nil) != good {
			t.Errorf("proxy %q: %v", proxy, err)
		}
	}
}

func TestGetMeTellsWhoTheBotIs(t *testing.T) {
	c := newClient(t, connect(t, &script{answer: func(context.Context, request) string { return me }}))
	got, err := c.GetMe(t.Context())
	if want := (bot.Me{ID: testBot, Username: "GateBot", Name: "Gate"}); err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func TestGetMeWithoutABotInTheAnswerIsAnError(t *testing.T) {
	for _, answer := range []string{`{"ok":true}`, `{"ok":true,"result":{}}`, `{"ok":true,"result":"x"}`, `{"ok":true,"result":null}`} {
		c := newClient(t, connect(t, &script{answer: func(context.Context, request) string { return answer }}))
		if me, err := c.GetMe(t.Context()); err == nil {
			t.Errorf("%s: got %+v, want an error", answer, me)
		}
	}
}

func TestNothingToDoIsNoError(t *testing.T) {
	for _, text := range []string{
		"Bad Request: message is not modified: specified new message content and reply markup are exactly the same",
		"Bad Request: message to edit not found",
		"Bad Request: message can't be edited",
		"Bad Request: query is too old and response timeout expired or query ID is invalid",
	} {
		c := newClient(t, connect(t, refusal(400, text, "")))
		if err := c.AnswerCallback(t.Context(), "1", "", false); err != nil {
			t.Errorf("AnswerCallback: %v", err)
		}
		if err := c.RemoveButtons(t.Context(), 1, 2); err != nil {
			t.Errorf("RemoveButtons: %v", err)
		}
	}
	c := newClient(t, connect(t, refusal(400, "Bad Request: chat not found", "")))
	if c.RemoveButtons(t.Context(), 1, 2) == nil || c.AnswerCallback(t.Context(), "1", "", false) == nil {
		t.Error("another error is swallowed")
	}
}

func TestRequestsCanBeReplayed(t *testing.T) {
	var checked []string
	transport := roundTrip(func(r *http.Request) (*http.Response, error) {
		method := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		checked = append(checked, method)
		body, _ := io.ReadAll(r.Body)
		if r.GetBody == nil || r.ContentLength != int64(len(body)) {
			t.Errorf("%s: GetBody %t, length %d of %d", method, r.GetBody != nil, r.ContentLength, len(body))
			return nil, errors.New("no")
		}
		if len(body) == 0 && r.Body != http.NoBody {
			t.Errorf("%s: the empty body would be sent chunked", method)
		}
		again, err := r.GetBody()
		if err != nil {
			t.Fatal(err)
		}
		if copied, _ := io.ReadAll(again); string(copied) != string(body) {
			t.Errorf("%s: the second body differs", method)
		}
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(me))}, nil
	})
	c := newClient(t, transport)
	_, err := c.GetMe(t.Context())
	err = errors.Join(err,
		c.Send(t.Context(), delivery.Recipient{ChatID: 1}, text("hi")),
		c.Send(t.Context(), delivery.Recipient{ChatID: 1}, delivery.Part{File: &delivery.File{Name: "a", Content: make([]byte, 1<<16)}}))
	if err != nil {
		t.Error(err)
	}
	if got := strings.Join(checked, " "); got != "getMe sendMessage sendDocument" {
		t.Errorf("requests: %s", got)
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	var followed atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Add(1) }))
	defer elsewhere.Close()
	for _, status := range []int{301, 302, 307, 308} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+r.URL.Path, status)
		}))
		defer server.Close()
		c, err := bot.NewClient(bot.Options{Token: testToken, BaseURL: server.URL})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.Send(t.Context(), delivery.Recipient{ChatID: 1}, text("x")); err == nil {
			t.Errorf("status %d counts as delivered", status)
		}
	}
	if followed.Load() != 0 {
		t.Error("the token was sent elsewhere")
	}
}

func TestConnectionsAreKeptAndSharedBySends(t *testing.T) {
	var conns atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"ok":true,"result":{}}`)
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	c, err := bot.NewClient(bot.Options{Token: testToken, BaseURL: server.URL + "/"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const width = 50
	burst := func() {
		var sends sync.WaitGroup
		for range width {
			sends.Go(func() {
				if err := c.Send(t.Context(), delivery.Recipient{ChatID: 1}, text("x")); err != nil {
					t.Error(err)
				}
			})
		}
		sends.Wait()
	}
	for range 5 {
		burst()
	}
	if n := conns.Load(); n > 2*width { // net/http may dial one too many now and then
		t.Errorf("%d connections for 5 times %d sends at a time", n, width)
	}
}

func TestHangingPollHoldsUpNoSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		s.answer = func(ctx context.Context, r request) string {
			switch r.Method {
			case "getMe":
				return me
			case "getUpdates":
				<-ctx.Done()
				return ""
			default:
				return `{"ok":true,"result":{}}`
			}
		}
		r := run(t, connect(t, s), nil, nil)
		synctest.Wait()
		start := time.Now()
		if err := r.client.Send(t.Context(), delivery.Recipient{ChatID: 1}, text("x")); err != nil || time.Since(start) != 0 {
			t.Errorf("send took %v and returned %v", time.Since(start), err)
		}
	})
}

func TestFailedHandshakeTriesTheOtherAddressFamily(t *testing.T) {
	// The listener drops every connection, so no handshake ends well; it has an IPv4 address only, so a dial by IPv6
	// alone cannot reach it.
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var arrived atomic.Int32
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			arrived.Add(1)
			conn.Close()
		}
	}()
	c, err := bot.NewClient(bot.Options{Token: testToken, BaseURL: "https://" + l.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int32{1, 2, 2, 3} { // both families, IPv4, IPv6 in vain, both again
		var e *delivery.SendError
		if err := c.Send(t.Context(), delivery.Recipient{ChatID: 1}, text("x")); !errors.As(err, &e) || !e.Network || e.Unknown {
			t.Errorf("error %+v, want one of the network", e)
		}
		if got := arrived.Load(); got != want {
			t.Errorf("after send %d: %d connections, want %d", i+1, got, want)
		}
	}
	c.Close()
	l.Close()
	<-ended
}

// roundTrip is a network made of one function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
