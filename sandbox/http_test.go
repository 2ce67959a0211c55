package sandbox_test

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"telegate/sandbox"
)

func TestRequestsAreReadFromEveryKindOfBody(t *testing.T) {
	w := newWorld(t, sandbox.Limits{Off: true})
	id := strconv.FormatInt(w.alice.ID, 10)
	form := url.Values{"chat_id": {id}, "text": {"grüße & <mehr>"}}

	var parts bytes.Buffer
	mw := multipart.NewWriter(&parts)
	w.must(mw.WriteField("chat_id", id))
	w.must(mw.WriteField("text", form.Get("text")))
	w.must(mw.Close())
	asJSON, err := json.Marshal(map[string]any{"chat_id": w.alice.ID, "text": form.Get("text")})
	w.must(err)

	for _, tc := range []struct{ name, method, path, contentType, body string }{
		{"multipart", "POST", "/sendMessage", mw.FormDataContentType(), parts.String()},
		{"json", "POST", "/sendMessage", "application/json", string(asJSON)},
		{"json with charset", "POST", "/sendMessage", "application/json; charset=utf-8", string(asJSON)},
		{"urlencoded", "POST", "/sendMessage", "application/x-www-form-urlencoded", form.Encode()},
		{"query of a POST", "POST", "/sendMessage?" + form.Encode(), "", ""},
		{"query of a GET", "GET", "/sendMessage?" + form.Encode(), "", ""},
		{"test environment", "POST", "/test/sendMessage", "application/json", string(asJSON)},
		{"method as parameter", "POST", "/?method=sendMessage", "application/json", string(asJSON)},
		{"method in other case", "POST", "/SENDmessage", "application/json", string(asJSON)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			resp, err := w.request(t.Context(), tc.method, "/bot"+token+tc.path, tc.contentType, []byte(tc.body))
			w.must(err)
			a, err := readAnswer(resp)
			w.must(err)
			if !a.OK {
				t.Fatalf("answered %d %q", a.Status, a.Description)
			}
			if got := resp.Header.Get("Content-Type"); got != "application/json" {
				t.Errorf("Content-Type is %q", got)
			}
			if got := w.lastMessage().Text; got != form.Get("text") {
				t.Errorf("the phone shows %q", got)
			}
		})
	}
	if n := len(w.Messages(w.alice.ID, botName)); n != 10 { // "/start" and nine
		t.Errorf("the phone shows %d messages", n)
	}
}

func TestWrongTokensAreRefusedAsTelegramDoes(t *testing.T) {
	w := newWorld(t, sandbox.Limits{})
	for _, tc := range []struct {
		path, description string
		code              int
	}{
		{"/bot123456789:AAabcdefghijklmnopqrstuvwxyz012345679/getMe", "Unauthorized", 401},
		{"/bot987654321:AAabcdefghijklmnopqrstuvwxyz012345678/getMe", "Unauthorized", 401},
		{"/bot023456789:AAabcdefghijklmnopqrstuvwxyz012345678/getMe", "Unauthorized: invalid token specified", 401},
		{"/bot1:" + strings.Repeat("a", 80) + "/getMe", "Unauthorized: invalid token specified", 401},
		{"/botabc:def/getMe", "Unauthorized: invalid token specified", 401},
		{"/botnotatoken/getMe", "Not Found", 404},
		{"/bot/getMe", "Not Found", 404},
		{"/bot" + token, "Not Found", 404},
		{"/" + token + "/getMe", "Not Found", 404},
		{"/", "Not Found", 404},
		{"/bot" + token + "/", "Not Found: method not found", 404},
		{"/bot" + token + "/getMeNot", "Not Found: method not found", 404},
		{"/bot" + token + "/bot" + token + "/getMe", "Not Found: method not found", 404},
		{"/bot" + token + "%0A/getMe", "Unauthorized", 401},
	} {
		a := w.post(tc.path, "", nil)
		if a.OK || a.Status != tc.code || a.ErrorCode != tc.code || a.Description != tc.description {
			t.Errorf("%s answered %d %d %q, want %d %q", tc.path, a.Status, a.ErrorCode, a.Description, tc.code, tc.description)
		}
	}
	transcript, err := json.Marshal(w.Calls())
	w.must(err)
	if bytes.Contains(transcript, []byte(token)) {
		t.Error("the transcript holds the token")
	}
}

func TestTooLargeBodyIs413(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	w := newWorld(t, sandbox.Limits{})
	body := io.MultiReader(strings.NewReader(`{"text":"`), io.LimitReader(letters{}, 52<<20), strings.NewReader(`"}`))
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/bot"+token+"/sendMessage", body)
	req.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, req)
	if rec.Code != 413 || !strings.Contains(rec.Body.String(), `"description":"Request Entity Too Large"`) {
		t.Errorf("answered %d %s", rec.Code, rec.Body)
	}
}

// letters is an endless reader of the letter x.
type letters struct{}

func (letters) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestBrokenBodiesAreAnswered(t *testing.T) {
	w := newWorld(t, sandbox.Limits{})
	for _, tc := range []struct {
		name, contentType, body, description string
		code                                 int
	}{
		{"no boundary", "multipart/form-data", "x", "Bad Request: boundary not found", 400},
		{"cut off", "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nhal", "Bad Request: can't parse multipart/form-data", 400},
		{"nameless part", "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n", "Bad Request: field name in multipart/form-data not found", 400},
		// The real server reads what is not an object as no parameters at all.
		{"broken JSON", "application/json", `{"text":`, "Bad Request: message text is empty", 400},
		{"JSON array", "application/json", `["text"]`, "Bad Request: message text is empty", 400},
		{"unknown kind", "text/plain", "text=hello", "Bad Request: message text is empty", 400},
		{"broken escapes", "application/x-www-form-urlencoded", "text=%zz&chat_id=0", "Bad Request: message text is empty", 400},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := w.post("/bot"+token+"/sendMessage", tc.contentType, []byte(tc.body))
			if a.Status != tc.code || a.Description != tc.description {
				t.Errorf("answered %d %q, want %d %q", a.Status, a.Description, tc.code, tc.description)
			}
		})
	}
	resp, err := w.request(t.Context(), http.MethodPut, "/bot"+token+"/getMe", "", nil)
	w.must(err)
	if a, err := readAnswer(resp); err != nil || a.Status != http.StatusNotImplemented {
		t.Errorf("PUT answered %d, %v", a.Status, err)
	}
}

func TestTranscriptTellsEveryAnswer(t *testing.T) {
	w := newWorld(t, sandbox.Limits{})
	before := len(w.Calls())
	w.ok("SENDMESSAGE", w.toAlice("hello", nil))
	w.refused("sendMessage", params{"chat_id": 42, "text": "hello"}, 400, "Bad Request: chat not found")
	w.refused("getNothing", nil, 404, "Not Found: method not found")
	calls := w.Calls()[before:]
	if len(calls) != 3 {
		t.Fatalf("%d calls", len(calls))
	}
	if c := calls[0]; c.Method != "sendMessage" || c.Bot != botName || c.ChatID != w.alice.ID || c.Code != 200 ||
		!c.Delivered || c.Params["text"] != "hello" || !c.Time.Equal(w.clock.Now()) {
		t.Errorf("the first is %+v", c)
	}
	if c := calls[1]; c.Code != 400 || c.Description != "Bad Request: chat not found" || c.Delivered {
		t.Errorf("the second is %+v", c)
	}
	if c := calls[2]; c.Method != "getNothing" || c.Code != 404 {
		t.Errorf("the third is %+v", c)
	}
}

// FuzzRequests sends anything: the answer is always an envelope whose code is
// the HTTP status, and nothing panics.
func FuzzRequests(f *testing.F) {
	f.Add("POST", "sendMessage", "application/json", []byte(`{"chat_id":5000000001,"text":"a😀b","entities":[{"type":"bold","offset":1,"length":2}]}`))
	f.Add("POST", "sendMessage", "application/json", []byte(`{"chat_id":5000000001,"text":"<b>a</b>&amp;<a href='x.y'>z</a>","parse_mode":"HTML"}`))
	f.Add("POST", "sendMessage", "application/json", []byte(`{"chat_id":5000000001,"text":"a","reply_markup":{"inline_keyboard":[[{"text":"t","url":"http://[::1]:80/"}]]}}`))
	f.Add("POST", "sendDocument", "multipart/form-data; boundary=b", []byte("--b\r\nContent-Disposition: form-data; name=\"document\"; filename=\"a.txt\"\r\n\r\nx\r\n--b\r\nContent-Disposition: form-data; name=\"chat_id\"\r\n\r\n5000000001\r\n--b--\r\n"))
	f.Add("GET", "editMessageText?chat_id=5000000001&message_id=1&text=x", "", []byte(nil))
	f.Add("POST", "setMyCommands", "application/x-www-form-urlencoded", []byte(`commands=[{"command":"a","description":"b"}]&scope={"type":"chat","chat_id":5000000001}`))
	f.Add("POST", "getUpdates", "application/json", []byte(`{"offset":-1,"limit":"7","allowed_updates":["message",1]}`))
	f.Fuzz(func(t *testing.T, verb, method, contentType string, body []byte) {
		tg := sandbox.New(sandbox.Options{Limits: sandbox.Limits{Off: true}})
		if _, err := tg.AddBot(token, botName, ""); err != nil {
			t.Fatal(err)
		}
		p := tg.AddPerson(sandbox.Person{})
		if err := tg.Start(p.ID, botName, ""); err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse("/bot" + token + "/" + method)
		if err != nil || bytes.Contains(body, []byte("timeout")) || u.Query().Has("timeout") || u.Path != "/bot"+token+"/"+strings.SplitN(method, "?", 2)[0] {
			t.Skip("not a request, or one that waits")
		}
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", bytes.NewReader(body))
		req.Method, req.URL = verb, u
		req.Header.Set("Content-Type", contentType)
		rec := httptest.NewRecorder()
		tg.ServeHTTP(rec, req)
		var a answer
		if err := json.Unmarshal(rec.Body.Bytes(), &a); err != nil {
			t.Fatalf("answered %d %q: %v", rec.Code, rec.Body, err)
		}
		if a.OK != (rec.Code == 200) || !a.OK && (a.ErrorCode != rec.Code || a.Description == "") {
			t.Fatalf("answered %d %q", rec.Code, rec.Body)
		}
	})
}
