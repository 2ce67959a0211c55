package api_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestBodyOver256KiBIsTooLarge(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.link("", "alice", alice)
	const limit = 256 << 10
	body := `{"user":"alice","text":"hello"}`
	padded := body + strings.Repeat(" ", limit-len(body))
	g.call("POST", "/v1/messages", padded).is(202, `{"id":"msg_…","status":"queued"}`)
	g.leavesNothing(func() {
		if p := g.call("POST", "/v1/messages", padded+" ").isProblem(413, "body-too-large"); p.LimitBytes != limit {
			t.Errorf("limit_bytes is %d", p.LimitBytes)
		}
		r := g.request(keyAll, "POST", "/v1/messages", padded+" ")
		r.ContentLength, r.Body = -1, io.NopCloser(strings.NewReader(padded+" ")) // without a Content-Length
		g.do(r).isProblem(413, "body-too-large")
	})
}

func TestIncompleteBodyIsMalformed(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	r := g.request(keyAll, "POST", "/v1/messages", `{"user":"alice","text":"hello"}`)
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"user":`), brokenReader{}))
	g.leavesNothing(func() { g.do(r).isProblem(400, "malformed-request") })
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestBodyNeedsContentTypeJSON(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.link("", "alice", alice)
	body := object{"user": "alice", "text": "hello"}
	for _, kind := range []string{"", "text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
		"application/xml", "application/problem+json", "json", "application/json, text/plain", ";;;", "application/json; q=\"", "*/*"} {
		g.leavesNothing(func() {
			g.call("POST", "/v1/messages", body, "Content-Type", kind).isProblem(415, "unsupported-media-type")
		})
	}
	for _, kind := range []string{"application/json", "application/json; charset=utf-8", "Application/JSON"} {
		g.call("POST", "/v1/messages", body, "Content-Type", kind).is(202, `{"id":"msg_…","status":"queued"}`)
	}
}

func TestHostileHeaders(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	for _, prefer := range []string{"wait=", "wait=-1", "wait=0", "wait=x", "wait", "=", ",,,", "wait=1e9", "respond-async", strings.Repeat("x", 9000), "\x00", `wait="`} {
		if a := g.call("POST", "/v1/links", object{"user": "u" + prefer[:1]}, "Prefer", prefer); a.status >= 500 {
			t.Errorf("Prefer %q: %d %s", prefer, a.status, a.body)
		}
		g.call("GET", "/v1/links/lnk_x", nil, "Prefer", prefer).isProblem(404, "not-found")
	}
	for given, kept := range map[string]bool{
		"req-1": true, "a.b_c-D9": true, strings.Repeat("x", 64): true,
		"": false, strings.Repeat("x", 65): false, "a\nb": false, "a\r\nSet-Cookie: x": false, "a b": false, "é": false, `"x"`: false, "<script>": false,
	} {
		got := g.call("GET", "/v1/domains", nil, "X-Request-Id", given).header.Get("X-Request-Id")
		if (got == given) != kept || got == "" {
			t.Errorf("X-Request-Id %q is answered %q", given, got)
		}
	}
	if strings.Contains(g.Log.String(), "Set-Cookie") {
		t.Error("an id that was refused stands in the log")
	}
	for _, key := range []string{strings.Repeat("k", 257), `""`, `"`} {
		g.leavesNothing(func() {
			g.call("POST", "/v1/links", object{"user": "alice"}, "Idempotency-Key", key).isFault("header/Idempotency-Key")
		})
	}
	for _, accept := range []string{"text/html", "application/cbor", "*/*", "application/problem+json", ";q=x", strings.Repeat(",", 1000)} {
		if kind := g.call("GET", "/v1/domains", nil, "Accept", accept).header.Get("Content-Type"); kind != "application/json" {
			t.Errorf("Accept %q is answered in %q", accept, kind)
		}
	}
}

// Whatever the body is, the answer is a success or a problem caused by the caller.
func FuzzBody(f *testing.F) {
	g := newGateway(f)
	g.link("", "alice", alice)
	for _, seed := range []string{
		`{"user":"alice","text":"hello"}`, `{"to":"@alice","text":"1","lane":"code","purpose":"link","ttl":60}`, `{"user":"alice","text":"<b>\ud83d\ude00</b>","format":"html"}`,
		`{"user":"alice","user":"bob","text":""}`, `{"user":"\ud800","text":1e400}`, `[{}]`, `null`, `{"text":{"a":[]}}`, ``,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/messages", strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+keyAll)
		r.Header.Set("Content-Type", "application/json")
		g.server.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Fatalf("%q: %d %s", body, w.Code, w.Body)
		}
		if fault := g.contract.check(r, answer{t, "POST", w.Code, w.Header(), w.Body.String()}); fault != "" {
			t.Fatalf("%q: %s: %s", body, fault, w.Body)
		}
	})
}
