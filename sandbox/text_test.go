package sandbox_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"telegate/sandbox"
)

func TestTextLimitsAreTelegrams(t *testing.T) {
	w := newWorld(t, sandbox.Limits{Off: true})
	for _, tc := range []struct {
		name, text, refusal string
	}{
		{"empty", "", "message text is empty"},
		{"blank", " \n\t ", "text must be non-empty"},
		{"one", "x", ""},
		{"4096", strings.Repeat("x", 4096), ""},
		{"4097", strings.Repeat("x", 4097), "message is too long"},
		{"4096 outside the BMP, counted as code points", strings.Repeat("😀", 4096), ""},
		{"4097 outside the BMP", strings.Repeat("😀", 4097), "message is too long"},
		{"4097 with a blank at the end", strings.Repeat("x", 4096) + " ", ""},
		{"over 32768 bytes", strings.Repeat("x", 32769), "text is too long"},
		{"100000", strings.Repeat("x", 100_000), "text is too long"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w.t = t
			if tc.refusal != "" {
				w.refused("sendMessage", w.toAlice(tc.text, nil), 400, "Bad Request: "+tc.refusal)
				return
			}
			if got := w.sent("sendMessage", w.toAlice(tc.text, nil)).Text; got != strings.TrimSpace(tc.text) {
				t.Errorf("sent %d bytes, want %d", len(got), len(strings.TrimSpace(tc.text)))
			}
		})
	}
	w.t = t
	a := w.post("/bot"+token+"/sendMessage?chat_id="+strconv.FormatInt(w.alice.ID, 10)+"&text=%ff", "", nil)
	if a.Description != "Bad Request: strings must be encoded in UTF-8" {
		t.Errorf("invalid UTF-8 answered %q", a.Description)
	}
}

func TestEntitiesHaveTelegramsLimits(t *testing.T) {
	w := newWorld(t, sandbox.Limits{Off: true})
	list := func(n, bytes int) json.RawMessage {
		var all []map[string]any
		for i := range n {
			all = append(all, map[string]any{"type": "text_link", "offset": i, "length": 1, "url": "https://e.example/" + strings.Repeat("x", bytes)})
		}
		raw, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	text := strings.Repeat("x", 120)
	w.ok("sendMessage", w.toAlice(text, params{"entities": list(120, 5)}))
	if n := len(w.lastMessage().Entities); n != 100 {
		t.Errorf("%d of 120 entities are shown, want 100", n)
	}
	w.refused("sendMessage", w.toAlice(text, params{"entities": list(60, 150)}), 400, "Bad Request: ENTITIES_TOO_LONG")
}

func TestEntitiesAreCheckedInUTF16Units(t *testing.T) {
	w := newWorld(t, sandbox.Limits{Off: true})
	bold := func(offset, length int) string {
		return fmt.Sprintf(`[{"type":"bold","offset":%d,"length":%d}]`, offset, length)
	}
	for _, tc := range []struct {
		name, text, entities, refusal string
		want                          []sandbox.Entity
	}{
		{"whole text", "a😀b", bold(0, 4), "", []sandbox.Entity{{Type: "bold", Offset: 0, Length: 4}}},
		{"after an emoji", "a😀b", bold(3, 1), "", []sandbox.Entity{{Type: "bold", Offset: 3, Length: 1}}},
		{"one too long", "a😀b", bold(3, 2), "entity beginning at UTF-16 offset 3 ends after the end of the text at UTF-16 offset 5", nil},
		{"at the end", "a😀b", bold(4, 1), "entity beginning at UTF-16 offset 4 ends after the end of the text at UTF-16 offset 5", nil},
		{"after the end", "hello", bold(100, 1), "entity begins after the end of the text at UTF-16 offset 100", nil},
		{"begins in an emoji", "a😀b", bold(2, 2), "entity begins in a middle of a UTF-16 symbol at byte offset 5", nil},
		{"ends in an emoji", "a😀b", bold(1, 1), "entity beginning at UTF-16 offset 1 ends in a middle of a UTF-16 symbol at byte offset 5", nil},
		{"negative offset", "hello", bold(-1, 1), "receive an entity with incorrect offset -1", nil},
		{"negative length", "hello", bold(0, -1), "receive an entity with incorrect length -1", nil},
		{"empty ones are dropped", "hello", bold(2, 0), "", nil},
		{"not an object", "hello", `[1]`, "can't parse MessageEntity: expected an Object", nil},
		{"no type", "hello", `[{"offset":0,"length":1}]`, `can't parse MessageEntity: Can't find field "type"`, nil},
		{"unknown type", "hello", `[{"type":"blink","offset":0,"length":1}]`, "can't parse MessageEntity: Unsupported type specified", nil},
		{"wrong number", "hello", `[{"type":"bold","offset":"x","length":1}]`, `can't parse MessageEntity: Field "offset" must be a valid Number`, nil},
		{"link without url", "hello", `[{"type":"text_link","offset":0,"length":1}]`, `can't parse MessageEntity: Can't find field "url"`, nil},
		{"wrong link", "hello", `[{"type":"text_link","offset":0,"length":1,"url":"not-a-url"}]`, "entity URL 'not-a-url' is invalid: Wrong HTTP URL", nil},
		{"empty link", "hello", `[{"type":"text_link","offset":0,"length":1,"url":""}]`, "entity URL '' is invalid: URL host is empty", nil},
		{"link", "hello", `[{"type":"text_link","offset":0,"length":1,"url":"example.com"}]`, "", []sandbox.Entity{{Type: "text_link", Length: 1, URL: "http://example.com/"}}},
		{"unknown mention", "hello", `[{"type":"text_mention","offset":0,"length":1,"user":{"id":0}}]`, "user not found", nil},
		{"date", "hello", `[{"type":"date_time","offset":0,"length":5,"unix_time":1700000000,"date_time_format":"r"}]`, "", []sandbox.Entity{{Type: "date_time", Length: 5, UnixTime: 1700000000, DateTimeFormat: "r"}}},
		{"what Telegram finds itself", "/start", `[{"type":"bot_command","offset":0,"length":6}]`, "", nil},
		{"not an array counts as none", "hello", `{"type":"bold"}`, "", nil},
		{"sorted, the outer first", "hello", `[{"type":"italic","offset":1,"length":1},{"type":"bold","offset":0,"length":2},{"type":"code","offset":0,"length":5}]`, "",
			[]sandbox.Entity{{Type: "code", Length: 5}, {Type: "bold", Length: 2}, {Type: "italic", Offset: 1, Length: 1}}},
		{"moved by the trimming", "  \r\na bold  ", `[{"type":"bold","offset":6,"length":6}]`, "", []sandbox.Entity{{Type: "bold", Offset: 2, Length: 4}}},
		{"nothing left by the trimming", "hello  ", bold(5, 2), "", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w.t = t
			p := w.toAlice(tc.text, params{"entities": json.RawMessage(tc.entities)})
			if tc.refusal != "" {
				w.refused("sendMessage", p, 400, "Bad Request: "+tc.refusal)
				return
			}
			w.ok("sendMessage", p)
			if diff := cmp.Diff(tc.want, w.lastMessage().Entities, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestHTMLIsParsedAsTelegramDoes(t *testing.T) {
	w := newWorld(t, sandbox.Limits{Off: true})
	for _, tc := range []struct {
		html, text, refusal string
		want                []sandbox.Entity
	}{
		{"<b>bold</b> <i>it</i>", "bold it", "", []sandbox.Entity{{Type: "bold", Length: 4}, {Type: "italic", Offset: 5, Length: 2}}},
		{"<b><i>both</i></b>", "both", "", []sandbox.Entity{{Type: "italic", Length: 4}, {Type: "bold", Length: 4}}},
		{"😀<u>x</u>", "😀x", "", []sandbox.Entity{{Type: "underline", Offset: 2, Length: 1}}},
		{"a &lt;b&gt; &amp; &quot;c&quot; &#39;d&#x27; &nbsp; & &#0;", "a <b> & \"c\" 'd' &nbsp; & &#0;", "", nil},
		{`<a href="http://example.com/?a=1&amp;b=2">x</a>`, "x", "", []sandbox.Entity{{Type: "text_link", Length: 1, URL: "http://example.com/?a=1&b=2"}}},
		{`<a href='http://localhost/'>x</a>`, "x", "", nil},
		{`<a>example.com</a>`, "example.com", "", []sandbox.Entity{{Type: "text_link", Length: 11, URL: "http://example.com/"}}},
		{`<span class="tg-spoiler">x</span><tg-spoiler>y</tg-spoiler>`, "xy", "", []sandbox.Entity{{Type: "spoiler", Length: 1}, {Type: "spoiler", Offset: 1, Length: 1}}},
		{`<pre><code class="language-go">x</code></pre>`, "x", "", []sandbox.Entity{{Type: "pre", Length: 1, Language: "go"}}},
		{`<pre>x</pre><code class="language-go">y</code>`, "xy", "", []sandbox.Entity{{Type: "pre", Length: 1}, {Type: "code", Offset: 1, Length: 1}}},
		{"<blockquote expandable>x</blockquote>", "x", "", []sandbox.Entity{{Type: "expandable_blockquote", Length: 1}}},
		{`<tg-time unix="1700000000" format="r">soon</tg-time>`, "soon", "", []sandbox.Entity{{Type: "date_time", Length: 4, UnixTime: 1700000000, DateTimeFormat: "r"}}},
		{"<B>x</b>", "x", "", []sandbox.Entity{{Type: "bold", Length: 1}}},
		{"<b></b>x", "x", "", nil},
		{"<b>x</>", "x", "", []sandbox.Entity{{Type: "bold", Length: 1}}},
		{"a < b", "", `Unsupported start tag "" at byte offset 2`, nil},
		{"<script>x</script>", "", `Unsupported start tag "script" at byte offset 0`, nil},
		{"<b>x", "", `Can't find end tag corresponding to start tag "b"`, nil},
		{"x</b>", "", "Unexpected end tag at byte offset 1", nil},
		{"<b><i>test</b></i>", "", `Unmatched end tag at byte offset 10, expected "</i>", found "</b>"`, nil},
		{"<b", "", "Unclosed start tag at byte offset 0", nil},
		{"<b>x</b", "", "Unclosed end tag at byte offset 4", nil},
		{"<b class>x</b>", "", `Expected equal sign in declaration of an attribute of the tag "b" at byte offset 0`, nil},
		{`<span>x</span>`, "", `Tag "span" must have class "tg-spoiler" at byte offset 0`, nil},
		{`<a href="x`, "", "Unclosed start tag at byte offset 0", nil},
		{`<a href=x/y>z</a>`, "", "Unexpected end of name token at byte offset 8", nil},
		{`<tg-emoji emoji-id="x">y</tg-emoji>`, "", "Invalid custom emoji identifier specified", nil},
	} {
		t.Run(tc.html, func(t *testing.T) {
			w.t = t
			p := w.toAlice(tc.html, params{"parse_mode": "HTML"})
			if tc.refusal != "" {
				w.refused("sendMessage", p, 400, "Bad Request: can't parse entities: "+tc.refusal)
				return
			}
			w.ok("sendMessage", p)
			m := w.lastMessage()
			if m.Text != tc.text {
				t.Errorf("text is %q, want %q", m.Text, tc.text)
			}
			if diff := cmp.Diff(tc.want, m.Entities, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
	w.t = t
	for _, mode := range []string{"Markdown", "MarkdownV2", "BBCode"} {
		w.refused("sendMessage", w.toAlice("x", params{"parse_mode": mode}), 400, "Bad Request: unsupported parse_mode")
	}
	w.ok("sendMessage", w.toAlice("x", params{"parse_mode": "none"}))
}
