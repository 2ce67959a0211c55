package bot_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"telegate/bot"
	"telegate/delivery"
)

func text(s string) delivery.Part { return delivery.Part{Text: delivery.Text{Text: s}} }

// refusal is a Bot API server that answers every call with an error.
func refusal(code int, description, parameters string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		if parameters != "" {
			parameters = `,"parameters":` + parameters
		}
		fmt.Fprintf(w, `{"ok":false,"error_code":%d,"description":%q%s}`, code, description, parameters)
	})
}

func TestPartGoesOutAsPlainTextWithEntities(t *testing.T) {
	buttons := [][]delivery.Button{
		{{Label: "Link", Callback: "link:1", Style: "success"}, {Label: "Not me", Callback: "no:1", Style: "danger"}},
		{{Label: "Copy", Copy: "123456"}, {Label: "Open", URL: "https://example.org/a?b=c&d"}},
		{},
	}
	keyboard := `{"inline_keyboard":[[{"text":"Link","style":"success","callback_data":"link:1"},{"text":"Not me","style":"danger","callback_data":"no:1"}],` +
		`[{"text":"Copy","copy_text":{"text":"123456"}},{"text":"Open","url":"https://example.org/a?b=c&d"}]]}`
	formatted := delivery.Text{Text: "<b>&_*[123456", Entities: []delivery.Entity{
		{Type: "code", Offset: 7, Length: 6}, {Type: "pre", Offset: 0, Length: 1, Language: "go"}, {Type: "text_link", Offset: 1, Length: 1, URL: "https://example.org"},
		{Type: "date_time", Offset: 2, Length: 1, UnixTime: 1700000000, DateTimeFormat: "r"}, {Type: "custom_emoji", Offset: 3, Length: 1, CustomEmojiID: "5"},
	}}
	entities := `[{"type":"code","offset":7,"length":6},{"type":"pre","offset":0,"length":1,"language":"go"},{"type":"text_link","offset":1,"length":1,"url":"https://example.org"},` +
		`{"type":"date_time","offset":2,"length":1,"unix_time":1700000000,"date_time_format":"r"},{"type":"custom_emoji","offset":3,"length":1,"custom_emoji_id":"5"}]`
	tests := map[string]struct {
		to     delivery.Recipient
		part   delivery.Part
		method string
		fields map[string]string
	}{
		"text alone": {
			delivery.Recipient{ChatID: 4503599627370495}, text("<b>&_*["), "sendMessage",
			map[string]string{"chat_id": "4503599627370495", "text": "<b>&_*[", "link_preview_options": `{"is_disabled":true}`},
		},
		"silent with entities and buttons": {
			delivery.Recipient{ChatID: -1001234567890, Silent: true}, delivery.Part{Text: formatted, Buttons: buttons}, "sendMessage",
			map[string]string{"chat_id": "-1001234567890", "text": formatted.Text, "entities": entities, "link_preview_options": `{"is_disabled":true}`, "disable_notification": "true", "reply_markup": keyboard},
		},
		"file": {
			delivery.Recipient{ChatID: 7, Silent: true}, delivery.Part{Text: formatted, Buttons: buttons, File: &delivery.File{Name: "message.txt", Content: []byte("all of it\x00")}}, "sendDocument",
			map[string]string{"chat_id": "7", "caption": formatted.Text, "caption_entities": entities, "disable_notification": "true", "reply_markup": keyboard, "document message.txt": "all of it\x00"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var path string
			got := map[string]string{}
			c := newClient(t, connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				path = r.URL.Path
				if err := r.ParseMultipartForm(1 << 20); err != nil {
					t.Error(err)
				}
				for k, v := range r.MultipartForm.Value {
					got[k] = strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(v[0])
				}
				for k, files := range r.MultipartForm.File {
					f, _ := files[0].Open()
					content, _ := io.ReadAll(f)
					got[k+" "+files[0].Filename] = string(content)
				}
				fmt.Fprint(w, `{"ok":true,"result":{"message_id":1}}`)
			})))
			if err := c.Send(t.Context(), test.to, test.part); err != nil {
				t.Fatal(err)
			}
			if want := "/bot" + testToken + "/" + test.method; path != want {
				t.Errorf("path %q, want %q", path, want)
			}
			if diff := cmp.Diff(test.fields, got); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnswerNewerThanTheModelsStillMeansDelivered(t *testing.T) {
	for _, result := range []string{`true`, `[]`, `{"message_id":"x"}`, `{"message_id":1,"chat":5}`, `{"message_id":1,"forward_origin":{"type":"from_the_future"}}`} {
		c := newClient(t, connect(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"ok":true,"result":`+result+`}`)
		})))
		if err := c.Send(t.Context(), delivery.Recipient{ChatID: 1}, text("x")); err != nil {
			t.Errorf("%s: %v", result, err)
		}
	}
}

// fate is a SendError without its texts.
type fate struct {
	Class            delivery.Class
	Unknown, Network bool
	Reason           delivery.Reason
}

func fateOf(t *testing.T, err error) fate {
	t.Helper()
	var e *delivery.SendError
	if !errors.As(err, &e) {
		t.Fatalf("error %v (%T), want a *delivery.SendError", err, err)
	}
	if !strings.HasSuffix(e.Failure.Detail, ".") || e.Err == nil {
		t.Errorf("detail %q, cause %v", e.Failure.Detail, e.Err)
	}
	return fate{e.Class, e.Unknown, e.Network, e.Failure.Reason}
}

func TestUnsentAndUnknownAreToldApart(t *testing.T) {
	unsent := fate{Class: delivery.Transient, Network: true, Reason: delivery.ReasonUnreachable}
	unknown := fate{Class: delivery.Transient, Unknown: true, Reason: delivery.ReasonUnreachable}
	refused := fate{Class: delivery.Transient, Reason: delivery.ReasonUnreachable}
	dialError := func(err error) *http.Transport {
		return &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, err }}
	}
	reply := func(status int, body string) http.RoundTripper {
		return connect(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}))
	}
	for name, test := range map[string]struct {
		transport http.RoundTripper
		want      fate
	}{
		"name not found":             {dialError(&net.DNSError{Err: "no such host", Name: "telegram.test", IsNotFound: true}), unsent},
		"connection refused":         {dialError(&net.OpError{Op: "dial", Err: errors.New("connection refused")}), unsent},
		"cut before the request":     {cutAfter(t, 0), unsent},
		"cut in the request":         {cutAfter(t, 300), unsent},
		"cut instead of an answer":   {connect(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })), unknown},
		"cut within the answer":      {connect(t, http.HandlerFunc(cutAnswer)), unknown},
		"502 page":                   {reply(502, "<html><h1>502 Bad Gateway</h1></html>"), unknown},
		"504 page":                   {reply(504, "<html>"), unknown},
		"500 page":                   {reply(500, ""), unknown},
		"captive portal":             {reply(200, "<html>Please log in</html>"), unknown},
		"wrong shape":                {reply(200, `{"ok":"yes"}`), unknown},
		"empty object":               {reply(200, `{}`), unknown},
		"endless answer":             {reply(200, `{"ok":true,"result":"`+strings.Repeat("x", 9<<20)+`"}`), unknown},
		"403 page of a firewall":     {reply(403, "<html>Blocked by policy</html>"), unsent},
		"413 page of a proxy":        {reply(413, "<html>"), unsent},
		"redirect":                   {reply(302, ""), unsent},
		"500 of Telegram":            {connect(t, refusal(500, "Internal Server Error: restart", "")), refused},
		"502 in Telegram's own form": {connect(t, refusal(502, "Bad Gateway", "")), refused},
		"413 in Telegram's own form": {connect(t, refusal(413, "Request Entity Too Large", "")), refused},
		"421 of an own server":       {connect(t, refusal(421, "Misdirected Request", "")), refused},
	} {
		t.Run(name, func(t *testing.T) {
			err := newClient(t, test.transport).Send(t.Context(), delivery.Recipient{ChatID: 1}, text(strings.Repeat("x", 4096)))
			if diff := cmp.Diff(test.want, fateOf(t, err)); diff != "" {
				t.Errorf("(-want +got):\n%s\n%v", diff, err)
			}
		})
	}
}

func TestRequestThatWasBegunAndNotSeenToFailIsUnknown(t *testing.T) {
	// As when the context ends between the last write and net/http's note of it.
	transport := roundTrip(func(r *http.Request) (*http.Response, error) {
		httptrace.ContextClientTrace(r.Context()).WroteHeaders()
		return nil, errors.New("canceled")
	})
	got := fateOf(t, newClient(t, transport).Send(t.Context(), delivery.Recipient{ChatID: 1}, text("x")))
	if want := (fate{Class: delivery.Transient, Unknown: true, Reason: delivery.ReasonUnreachable}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// cutAfter is a network whose connections break after n bytes.
func cutAfter(t *testing.T, n int) *http.Transport {
	return &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		t.Cleanup(func() { far.Close() })
		return &brittle{Conn: near, left: n}, nil
	}}
}

type brittle struct {
	net.Conn
	left int
}

func (b *brittle) Write(p []byte) (int, error) {
	if b.left < len(p) {
		return b.left, errors.New("broken pipe")
	}
	b.left -= len(p)
	return len(p), nil
}

func cutAnswer(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100")
	fmt.Fprint(w, `{"ok":true,"result":`)
	panic(http.ErrAbortHandler)
}

func TestFailedTLSHandshakeIsSurelyNotSent(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = (&logs{}).std()
	defer untrusted.Close()
	for name, base := range map[string]string{"no TLS": "https" + strings.TrimPrefix(plain.URL, "http"), "unknown authority": untrusted.URL} {
		c, err := bot.NewClient(bot.Options{Token: testToken, BaseURL: base})
		if err != nil {
			t.Fatal(err)
		}
		got := fateOf(t, c.Send(t.Context(), delivery.Recipient{ChatID: 1}, text("x")))
		if want := (fate{Class: delivery.Transient, Network: true, Reason: delivery.ReasonUnreachable}); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
		c.Close()
	}
}

func TestSendWithoutAnswerEndsAfterHalfAMinuteAsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, connect(t, &script{answer: func(ctx context.Context, _ request) string { <-ctx.Done(); return "" }}))
		start := time.Now()
		got := fateOf(t, c.Send(t.Context(), delivery.Recipient{ChatID: 1}, text("x")))
		if want := (fate{Class: delivery.Transient, Unknown: true, Reason: delivery.ReasonUnreachable}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		if d := time.Since(start); d != 30*time.Second {
			t.Errorf("ended after %v", d)
		}
	})
}

func TestEndOfTheMessagesTimeIsNotBlamedOnTheNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		stuck := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }}
		got := fateOf(t, newClient(t, stuck).Send(ctx, delivery.Recipient{ChatID: 1}, text("x")))
		if want := (fate{Class: delivery.Transient, Reason: delivery.ReasonUnreachable}); got != want {
			t.Errorf("before writing: %+v, want %+v", got, want)
		}
		ctx, cancel = context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		c := newClient(t, connect(t, &script{answer: func(ctx context.Context, _ request) string { <-ctx.Done(); return "" }}))
		got = fateOf(t, c.Send(ctx, delivery.Recipient{ChatID: 1}, text("x")))
		if want := (fate{Class: delivery.Transient, Unknown: true, Reason: delivery.ReasonUnreachable}); got != want {
			t.Errorf("after writing: %+v, want %+v", got, want)
		}
	})
}

func TestFloodTellsHowLongToWait(t *testing.T) {
	for _, test := range []struct {
		parameters, header string
		want               time.Duration
	}{
		{`{"retry_after":17}`, "3", 17 * time.Second},
		{"", "3", 3 * time.Second},
		{"", "", time.Second},
		{`{"retry_after":-5}`, "soon", time.Second},
	} {
		c := newClient(t, connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", test.header)
			refusal(429, "Too Many Requests: retry after 17", test.parameters).ServeHTTP(w, r)
		})))
		err := c.Send(t.Context(), delivery.Recipient{ChatID: 1}, text("x"))
		if got := fateOf(t, err); got != (fate{Class: delivery.Flood, Reason: delivery.ReasonLimited}) {
			t.Errorf("%+v", got)
		}
		var e *delivery.SendError
		if errors.As(err, &e); e.RetryAfter != test.want {
			t.Errorf("%+v: retry after %v", test, e.RetryAfter)
		}
	}
}

func TestMigratedGroupTellsItsNewID(t *testing.T) {
	c := newClient(t, connect(t, refusal(400, "Bad Request: words that may change", `{"migrate_to_chat_id":-1009007199254740991}`)))
	err := c.Send(t.Context(), delivery.Recipient{ChatID: -5}, text("x"))
	var e *delivery.SendError
	if !errors.As(err, &e) || e.Class != delivery.Migrated || e.MigrateTo != -1009007199254740991 {
		t.Errorf("%+v", e)
	}
}

func TestCommandsAndCallbackAnswersReachTelegram(t *testing.T) {
	got := map[string]map[string]string{}
	c := newClient(t, connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fields := map[string]string{}
		if err := r.ParseMultipartForm(1 << 20); err != nil {
			t.Error(err)
		}
		for k, v := range r.MultipartForm.Value {
			fields[k] = v[0]
		}
		got[r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]] = fields
		fmt.Fprint(w, `{"ok":true,"result":true}`)
	})))
	if err := errors.Join(
		c.AnswerCallback(t.Context(), "42", "Too late.", true),
		c.RemoveButtons(t.Context(), 7, 8),
		c.SetCommands(t.Context(), "", []bot.Command{{Name: "help", Description: "What I can do"}}),
	); err != nil {
		t.Fatal(err)
	}
	commands, _ := json.Marshal([]map[string]string{{"command": "help", "description": "What I can do"}})
	want := map[string]map[string]string{
		"answerCallbackQuery":    {"callback_query_id": "42", "text": "Too late.", "show_alert": "true"},
		"editMessageReplyMarkup": {"chat_id": "7", "message_id": "8"},
		"setMyCommands":          {"commands": string(commands)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAMessageGoesIntoItsTopic(t *testing.T) {
	for thread, want := range map[int]string{44: "44", 0: ""} {
		var got string
		c := newClient(t, connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got = r.FormValue("message_thread_id")
			_, _ = io.WriteString(w, `{"ok":true,"result":{"message_id":1,"date":1,"chat":{"id":1}}}`)
		})))
		if err := c.Send(t.Context(), delivery.Recipient{ChatID: -1, Thread: thread}, text("x")); err != nil || got != want {
			t.Errorf("topic %d: sent as %q, %v", thread, got, err)
		}
	}
}
