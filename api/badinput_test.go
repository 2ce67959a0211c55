package api_test

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"telegate/api"
)

// at is an endpoint with a body, for ids that do not exist.
func at(call string) (method, path string) {
	method, path, _ = strings.Cut(call, " ")
	return method, strings.Replace(path, "{id}", "xyz_1", 1)
}

// with is a valid body with one member changed.
func with(call, name string, value any) object {
	body := object{}
	maps.Copy(body, bodies[call])
	body[name] = value
	return body
}

func TestInvalidJSONIsMalformed(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	for name, body := range map[string]string{
		"nothing":                 "",
		"white space":             " \n",
		"not JSON":                "user=alice&text=hello",
		"cut off":                 `{"user":"alice","text":"hel`,
		"trailing garbage":        `{"user":"alice","text":"hello"}x`,
		"a second value":          `{"user":"alice","text":"hello"}{"user":"bob","text":"hello"}`,
		"a comma too many":        `{"user":"alice","text":"hello",}`,
		"a comment":               `{"user":"alice","text":"hello"/**/}`,
		"a raw NUL":               "{\"user\":\"ali\x00ce\",\"text\":\"hello\"}",
		"a raw line break":        "{\"user\":\"alice\",\"text\":\"hel\nlo\"}",
		"invalid UTF-8":           "{\"user\":\"ali\xffce\",\"text\":\"hello\"}",
		"UTF-8 of a surrogate":    "{\"user\":\"ali\xed\xa0\x80ce\",\"text\":\"hello\"}",
		"overlong UTF-8":          "{\"user\":\"ali\xc0\xafce\",\"text\":\"hello\"}",
		"UTF-16":                  "\xff\xfe{\x00}\x00",
		"half a pair of escapes":  `{"user":"ali\ud83dce","text":"hello"}`,
		"the second half alone":   `{"user":"ali\ude00ce","text":"hello"}`,
		"two first halves":        `{"user":"ali\ud83d\ud83dce","text":"hello"}`,
		"half behind a backslash": `{"user":"ali\\\ud83d\\ude00","text":"hello"}`,
		"half at the end":         `{"user":"alice","text":"\ud83d"}`,
		"a member twice":          `{"user":"alice","text":"hello","user":"bob"}`,
		"a member twice, escaped": `{"user":"alice","text":"hello","\u0075ser":"bob"}`,
		"twice, deeper":           `{"user":"alice","text":"hello","context":{"ip":"1","ip":"2"}}`,
		"twice, in a list":        `{"user":"alice","text":"hello","context":[{},{"ip":"1","ip":"2"}]}`,
		"nested without end":      strings.Repeat("[", 100_000),
	} {
		t.Run(name, func(t *testing.T) {
			for call := range bodies {
				method, path := at(call)
				g.leavesNothing(func() { g.call(method, path, body).isProblem(400, "malformed-request") })
			}
		})
	}
}

func TestValidEscapesAreAccepted(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.link("", "alice", alice)
	for text, want := range map[string]string{
		`\ud83d\ude00`: "😀", `\\ud83d`: `\ud83d`, `\u0041`: "A", `\ufffd`: "\ufffd", `\"\ud83d\ude00\"`: `"😀"`, `a\\`: `a\`,
	} {
		g.call("POST", "/v1/messages", `{"user":"alice","text":"`+text+`"}`).is(202, `{"id":"msg_…","status":"queued"}`)
		if got := g.Last(alice).Body.Parts[0].Text.Text; got != want {
			t.Errorf("%s arrived as %q", text, got)
		}
	}
}

func TestBodyMustBeAnObjectWithKnownMembers(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	for call := range bodies {
		method, path := at(call)
		t.Run(call, func(t *testing.T) {
			g.leavesNothing(func() {
				for _, body := range []string{`[]`, `[{"user":"alice"}]`, `"user"`, `1`, `null`, `true`} {
					g.call(method, path, body).isFault("#")
				}
				g.call(method, path, with(call, "nonsense", 1)).isFault("#/nonsense")
				g.call(method, path, with(call, "domian", "corp")).isFault("#/domian")
				for _, name := range []string{"482913", "a/b", "~", "a.b.c d", "", "\x00", strings.Repeat("x", 10_000), "имя", "$schema"} {
					a := g.call(method, path, with(call, name, 1))
					if p := a.isProblem(422, "validation-failed"); len(p.Errors[0].Pointer) > 40 ||
						name != "" && strings.Contains(a.body, name) {
						t.Errorf("an unknown member's name is repeated: %s", a.body)
					}
				}
				for name, value := range bodies[call] {
					capital := with(call, strings.ToUpper(name), value)
					g.call(method, path, capital).isFault("#/" + strings.ToUpper(name))
				}
			})
		})
	}
}

func TestMembersOfTheWrongTypeAreListed(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	for call := range bodies {
		method, path := at(call)
		op := g.contract.Paths[strings.Replace(path, "xyz_1", "{id}", 1)][strings.ToLower(method)]
		body := g.contract.Components.Schemas[strings.TrimPrefix(op.RequestBody.Content["application/json"].Schema.Ref, "#/components/schemas/")]
		for name, member := range body.Properties {
			for _, value := range []any{1, 1.5, true, []string{"a"}, object{"b": "c"}, "text"} {
				kind := kindOf(roundTrip(t, value))
				if slices.Contains(member.Type, kind) || member.Ref != "" && kind == "object" {
					continue
				}
				t.Run(call+" "+name+" "+kind, func(t *testing.T) {
					g.leavesNothing(func() {
						p := g.call(method, path, with(call, name, value)).isProblem(422, "validation-failed")
						if !slices.ContainsFunc(p.Errors, func(f api.Fault) bool { return f.Pointer == "#/"+name }) {
							t.Errorf("not pointed at: %+v", p.Errors)
						}
					})
				})
			}
		}
		for _, name := range body.Required {
			short := object{}
			maps.Copy(short, bodies[call])
			delete(short, name)
			g.call(method, path, short).isFault("#/" + name)
			g.call(method, path, with(call, name, nil)).isFault("#/" + name)
		}
	}
}

func roundTrip(t *testing.T, v any) (decoded any) {
	t.Helper()
	data, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(data, &decoded)
	}
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

func TestMembersOutOfRangeAreListed(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	long := strings.Repeat("x", 10_000)
	for _, c := range []struct {
		call, name string
		value      any
		pointer    string
	}{
		{"POST /v1/links", "user", "", "#/user"},
		{"POST /v1/links", "user", long, "#/user"},
		{"POST /v1/links", "user", "ali\x00ce", "#/user"},
		{"POST /v1/links", "user", "ali\nce", "#/user"},
		{"POST /v1/links", "user", "ali\x7fce", "#/user"},
		{"POST /v1/links", "domain", long, "#/domain"},
		{"POST /v1/links", "display_name", long, "#/display_name"},
		{"POST /v1/links", "locale", long, "#/locale"},
		{"POST /v1/links", "session_binding", long, "#/session_binding"},
		{"POST /v1/links", "handle", long, "#/handle"},
		{"POST /v1/links", "handle", "al", "#/handle"},
		{"POST /v1/links", "handle", "not a name", "#/handle"},
		{"POST /v1/links", "handle", "ali\x00ce", "#/handle"},
		{"POST /v1/links/{id}/confirm", "code", long, "#/code"},
		{"POST /v1/links/{id}/confirm", "session_binding", long, "#/session_binding"},
		{"PUT /v1/messaging", "user", "", "#/user"},
		{"PUT /v1/messaging", "user", long, "#/user"},
		{"PUT /v1/messaging", "user", "ali\x00ce", "#/user"},
		{"PUT /v1/messaging", "handle", "", "#/handle"},
		{"PUT /v1/messaging", "handle", long, "#/handle"},
		{"PUT /v1/messaging", "handle", "https://example.org/alice", "#/handle"},
		{"POST /v1/verifications", "user", "", "#/user"},
		{"POST /v1/verifications", "user", long, "#/user"},
		{"POST /v1/verifications", "user", "ali\x00ce", "#/user"},
		{"POST /v1/verifications", "purpose", "", "#/purpose"},
		{"POST /v1/verifications", "purpose", "link", "#/purpose"},
		{"POST /v1/verifications", "purpose", "login", "#/session_binding"},
		{"POST /v1/verifications", "session_binding", long, "#/session_binding"},
		{"POST /v1/verifications", "context", object{"ip": long}, "#/context/ip"},
		{"POST /v1/verifications", "context", object{"user_agent": long}, "#/context/user_agent"},
		{"POST /v1/verifications", "context", object{"location": long}, "#/context/location"},
		{"POST /v1/verifications", "context", object{"nonsense": 1}, "#/context/nonsense"},
		{"POST /v1/verifications/{id}/check", "code", long, "#/code"},
		{"POST /v1/verifications/{id}/check", "session_binding", long, "#/session_binding"},
		{"POST /v1/messages", "user", "", "#/user"},
		{"POST /v1/messages", "user", long, "#/user"},
		{"POST /v1/messages", "user", "ali\x00ce", "#/user"},
		{"POST /v1/messages", "to", "@alice", "#/to"},
		{"POST /v1/messages", "text", "", "#/text"},
		{"POST /v1/messages", "text", "hel\x00lo", "#/text"},
		{"POST /v1/messages", "format", "markdown", "#/format"},
		{"POST /v1/messages", "lane", "broadcast", "#/lane"},
		{"POST /v1/messages", "lane", "code", "#/purpose"},
		{"POST /v1/messages", "purpose", "link", "#/purpose"},
		{"POST /v1/messages", "purpose", "recovery", "#/purpose"},
		{"POST /v1/messages", "ttl", 9, "#/ttl"},
		{"POST /v1/messages", "ttl", 0, "#/ttl"},
		{"POST /v1/messages", "ttl", -60, "#/ttl"},
		{"POST /v1/messages", "ttl", 604_801, "#/ttl"},
		{"POST /v1/messages", "ttl", 1e30, "#/ttl"},
		{"POST /v1/messages", "dedupe_key", long, "#/dedupe_key"},
	} {
		method, path := at(c.call)
		g.leavesNothing(func() { g.call(method, path, with(c.call, c.name, c.value)).isFault(c.pointer) })
	}
}

func TestInvalidMessagesAreExplained(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	for body, pointer := range map[string]string{
		`{"text":"hello"}`:                                                     "#/user",
		`{"to":"","text":"hello"}`:                                             "#/to",
		`{"to":"al","text":"hello"}`:                                           "#/to",
		`{"to":"12345678901234567890","text":"hello"}`:                         "#/to",
		`{"user":"alice","text":"<b>hello","format":"html"}`:                   "#/text",
		`{"user":"alice","text":"<script>","format":"html"}`:                   "#/text",
		`{"user":"alice","text":"<b></b>","format":"html"}`:                    "#/text",
		`{"user":"alice","text":"hi","lane":"code","purpose":"x"}`:             "#/purpose",
		`{"user":"alice","text":"1","lane":"code","purpose":"link","ttl":601}`: "#/ttl",
		`{"user":"alice","text":"hi","ttl":60.5}`:                              "#/ttl",
		`{"domain":null,"user":"alice","text":"hi"}`:                           "#/domain",
		`{"user":null,"to":"1001","text":"hi"}`:                                "#/user",
		`{"user":"alice","text":null}`:                                         "#/text",
	} {
		g.leavesNothing(func() { g.call("POST", "/v1/messages", body).isFault(pointer) })
	}
}

// RFC 8259 lets a reader skip a byte order mark, and for JSON Schema 60.0 is an integer.
func TestJSONIsReadAsOtherProgramsWriteIt(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.link("", "alice", alice)
	for _, body := range []string{
		"\ufeff" + `{"user":"alice","text":"1.0e5 and 6e1"}`, `{"user":"alice","text":"hi","ttl":60.0}`, `{"user":"alice","text":"hi","ttl":6e1}`, `{"user":"alice","text":"hi","ttl":6E+1}`,
	} {
		if a := g.call("POST", "/v1/messages", body); a.status != 202 {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	if p := g.call("POST", "/v1/messages", "\x1f\x8b\x08", "Content-Encoding", "gzip").isProblem(415, "unsupported-media-type"); !strings.Contains(p.Detail, "compression") {
		t.Errorf("a compressed body is refused with %q", p.Detail)
	}
}

func TestUnusualIDsRoundTrip(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	for i, user := range []string{
		"user//alice", "/", "a/../b", "a b", "%2F%00", "名前", "👩‍👩‍👧", "\u202ealice\u202c", "\u200f", "é", "e\u0301", "'; DROP TABLE links; --",
		`"quoted"`, `back\slash`, "<b>bold</b>", "\ufffd", "?user=bob&domain=corp", strings.Repeat("ü", 256),
	} {
		who := person(int64(600+i), "person"+string(rune('a'+i)))
		id := g.link("corp", user, who)
		for path, name := range map[string]string{
			"/v1/links/" + id:            "user",
			"/v1/users?domain=corp":      "",
			"/v1/messaging?domain=corp&": "",
		} {
			switch {
			case name != "":
				if got := g.call("GET", path, nil).str(name); got != user {
					t.Errorf("%q came back as %q", user, got)
				}
			case strings.HasPrefix(path, "/v1/users"):
				var list struct{ Users []struct{ User string } }
				g.call("GET", path+"&query="+url.QueryEscape(user), nil).into(&list)
				if !slices.ContainsFunc(list.Users, func(u struct{ User string }) bool { return u.User == user }) {
					t.Errorf("%q is not among %q", user, list.Users)
				}
			default:
				var m struct{ Linked bool }
				if g.call("GET", path+"user="+url.QueryEscape(user), nil).into(&m); !m.Linked {
					t.Errorf("%q is not linked", user)
				}
			}
		}
	}
}

func TestSimilarIDsAreDifferent(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.link("", "é", alice)
	for _, other := range []string{"e\u0301", "É", "e", " é", "é "} {
		g.call("GET", "/v1/messaging?user="+url.QueryEscape(other), nil).is(200, noLink)
	}
}

func TestImpossibleIDInThePath(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	for _, path := range []string{"/v1/links/", "/v1/verifications/", "/v1/messages/"} {
		g.call("GET", path+strings.Repeat("x", 10_000), nil).isFault("path/id")
		for _, id := range []string{"x", "%00", "%ff", "a%2Fb", "%F0%9F%98%80", "..%2f..", "lnk_", "'%20OR%201=1"} {
			g.call("GET", path+id, nil).isProblem(404, "not-found")
		}
	}
}

func TestAmbiguousQueryIsRefused(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	for query, pointer := range map[string]string{
		"":                                    "query/user",
		"user=":                               "query/user",
		"domain=corp":                         "query/user",
		"user=alice&usr=bob":                  "query/usr",
		"user=alice&482913=1":                 "query",
		"user=alice&user=bob":                 "query/user",
		"user=alice&domain=&domain=corp":      "query/domain",
		"user=ali%00ce":                       "query/user",
		"user=" + strings.Repeat("x", 10_000): "query/user",
		"user=alice&domain=" + strings.Repeat("x", 65): "query/domain",
	} {
		for _, method := range []string{"GET", "DELETE"} {
			g.leavesNothing(func() { g.call(method, "/v1/messaging?"+query, nil).isFault(pointer) })
		}
	}
	for _, query := range []string{"user=alice&domain=%zz", "domain=corp;user=alice", "user=%", "user=ali%ffce", "user=alice&%ff=1"} {
		g.call("GET", "/v1/messaging?"+query, nil).isProblem(400, "malformed-request")
	}
}
