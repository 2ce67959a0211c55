package api_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
)

// mark is in every text that these tests send. No refusal and no log may repeat it.
const mark = "MARK482913"

// refused checks that an answer is a refusal that repeats nothing.
func (a answer) refused() {
	a.t.Helper()
	if a.status < 400 {
		a.t.Errorf("%s: accepted: %d %s", a.asked, a.status, a.body)
	}
	a.silent()
}

// silent checks that an answer repeats nothing that was sent.
func (a answer) silent() {
	a.t.Helper()
	if said := fmt.Sprint(a.header, a.body); strings.Contains(said, mark) {
		a.t.Errorf("%s: repeated: %s", a.asked, said)
	}
}

func (g *gateway) logIsSilent() {
	g.T.Helper()
	for line := range strings.Lines(g.Log.String()) {
		if strings.Contains(line, mark) {
			g.T.Errorf("logged: %s", line)
		}
	}
}

func TestNoRefusalRepeatsWhatWasSent(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	for call := range bodies {
		method, path := at(call)
		op := g.contract.Paths[strings.Replace(path, "xyz_1", "{id}", 1)][strings.ToLower(method)]
		body := g.contract.Components.Schemas[strings.TrimPrefix(op.RequestBody.Content["application/json"].Schema.Ref, "#/components/schemas/")]
		for name := range body.Properties {
			for _, value := range []any{mark, mark + strings.Repeat("x", 10_000), mark + "\x00", "<b>" + mark, []string{mark}, object{"ip": mark + "\x00", mark + " ": 1}, object{"ip": object{mark: 1}}} {
				if a := g.call(method, path, with(call, name, value)); a.status >= 400 { // an accepted request may show its ids
					a.silent()
				}
			}
			whole, err := json.Marshal(with(call, name, mark))
			if err != nil {
				t.Fatal(err)
			}
			for _, broken := range []string{
				string(whole[:len(whole)-1]), string(whole) + mark, string(whole) + string(whole), mark + string(whole),
				strings.Replace(string(whole), mark, mark+"\xff", 1), strings.Replace(string(whole), mark, mark+`\ud800`, 1),
				strings.Replace(string(whole), "{", `{"`+name+`":"`+mark+`",`, 1), strings.Replace(string(whole), `"`+mark+`"`, mark, 1),
			} {
				g.call(method, path, broken).refused()
			}
		}
		g.call(method, path, with(call, mark+". ", 1)).refused()
		g.call(method, path, `"`+mark+`"`).refused()
		g.call(method, path, mark, "Content-Type", "text/plain").refused()
		g.call(method, path, mark+strings.Repeat("x", 256<<10)).refused()
	}
	g.logIsSilent()
}

func TestNoRefusalRepeatsAddressOrHeaders(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	for _, path := range []string{
		"/" + mark, "/v1/" + mark, "/problems/" + mark, "/v1/links/" + mark, "/v1/links/" + mark + strings.Repeat("x", 100), "/v1/messages/" + mark,
		"/v1/verifications/" + mark + "/check", "/v1/messaging?user=" + mark + "%00", "/v1/messaging?user=a&domain=" + mark,
		"/v1/messaging?user=a&user=" + mark, "/v1/messaging?user=%zz" + mark, "/v1/messaging?user=a&" + url.QueryEscape(mark+" .") + "=1",
		"/v1/users?limit=" + mark, "/v1/users?domain=" + mark,
	} {
		g.call("GET", path, nil).refused()
	}
	for _, header := range []string{"Authorization", "Prefer", "Accept", "X-Request-Id", "Content-Type", "User-Agent", "Cookie"} {
		g.call("POST", "/v1/links/lnk_x/confirm", object{"code": "1"}, header, mark+"\n").refused()
	}
	g.call(mark, "/v1/links", nil).refused()
	g.logIsSilent()
}

// Accepted data is shown only where needed: ids can be read back, codes and texts never.
func TestNoAnswerRepeatsCodesTextsOrBindings(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.link("", "alice", alice)
	link := g.call("POST", "/v1/links", object{"user": "bob", "display_name": mark, "locale": mark, "session_binding": mark})
	link.silent()
	g.Claim(bob, link.str("start_url"))
	g.Accept(bob, link.str("id"))
	for range 2 {
		g.call("POST", "/v1/links/"+link.str("id")+"/confirm", object{"code": mark, "session_binding": mark}).silent()
		g.call("POST", "/v1/links/"+link.str("id")+"/confirm", object{"code": g.Code(bob), "session_binding": "not " + mark}).silent()
	}
	g.call("GET", "/v1/links/"+link.str("id"), nil).silent()

	body := login("alice", mark)
	body["locale"] = mark
	body["context"] = object{"ip": mark, "user_agent": mark, "location": mark}
	created := g.call("POST", "/v1/verifications", body, "Idempotency-Key", "k")
	created.silent()
	path := "/v1/verifications/" + created.str("id")
	code := g.Code(alice)
	for _, a := range []answer{
		g.call("POST", path+"/check", object{"code": mark, "session_binding": mark}),
		g.call("POST", path+"/check", object{"code": code, "session_binding": "not " + mark}),
		g.call("GET", path, nil),
		g.call("POST", path+"/check", object{"code": code, "session_binding": mark}),
	} {
		a.silent()
		if strings.Contains(a.body, code) {
			t.Errorf("%s: the code is told: %s", a.asked, a.body)
		}
	}

	message := g.call("POST", "/v1/messages", object{"user": "alice", "text": mark, "dedupe_key": mark}, "Idempotency-Key", "k")
	message.silent()
	g.call("GET", "/v1/messages/"+message.str("id"), nil).silent()
	g.call("POST", "/v1/messages", object{"user": "alice", "text": mark, "format": "html"}).silent()
	g.call("GET", "/metrics", nil).silent()
	g.logIsSilent()
	if strings.Contains(g.Log.String(), code) || strings.Contains(g.Log.String(), keyAll) {
		t.Error("a code or a key stands in the log")
	}
}

func TestBindingsTextsAndKeysAreNotStoredInTheClear(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.link("", "alice", alice)
	g.call("POST", "/v1/links", object{"user": "bob", "session_binding": mark}, "Idempotency-Key", mark)
	g.call("POST", "/v1/verifications", login("alice", mark), "Idempotency-Key", mark)
	g.call("POST", "/v1/messages", object{"user": "alice", "text": mark, "dedupe_key": mark}, "Idempotency-Key", mark)
	for _, path := range []string{g.Path, g.Path + "-wal"} {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), mark) {
			t.Errorf("it stands in %s", path)
		}
	}
}
