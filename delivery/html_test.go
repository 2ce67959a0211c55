package delivery_test

import (
	"errors"
	"fmt"
	"html"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"telegate/delivery"
)

func TestHTMLBecomesTextAndEntities(t *testing.T) {
	type entity = delivery.Entity
	for _, tt := range []struct {
		html string
		text string
		want []entity
	}{
		{"", "", nil},
		{"plain", "plain", nil},

		// Every tag, with its other names.
		{"<b>x</b><strong>y</strong>", "xy", []entity{{Type: "bold", Length: 1}, {Type: "bold", Offset: 1, Length: 1}}},
		{"<i>x</i><em>y</em>", "xy", []entity{{Type: "italic", Length: 1}, {Type: "italic", Offset: 1, Length: 1}}},
		{"<u>x</u><ins>y</ins>", "xy", []entity{{Type: "underline", Length: 1}, {Type: "underline", Offset: 1, Length: 1}}},
		{"<s>x</s><strike>y</strike><del>z</del>", "xyz", []entity{
			{Type: "strikethrough", Length: 1}, {Type: "strikethrough", Offset: 1, Length: 1}, {Type: "strikethrough", Offset: 2, Length: 1},
		}},
		{`<tg-spoiler>x</tg-spoiler><span class="tg-spoiler">y</span>`, "xy", []entity{{Type: "spoiler", Length: 1}, {Type: "spoiler", Offset: 1, Length: 1}}},
		{"<code>x</code>", "x", []entity{{Type: "code", Length: 1}}},
		{"<pre>x</pre>", "x", []entity{{Type: "pre", Length: 1}}},
		{"<blockquote>x</blockquote>", "x", []entity{{Type: "blockquote", Length: 1}}},
		{"<blockquote expandable>x</blockquote>", "x", []entity{{Type: "expandable_blockquote", Length: 1}}},
		{"<blockquote cite='' expandable=false odd>x</blockquote>", "x", []entity{{Type: "expandable_blockquote", Length: 1}}},
		{`<tg-emoji emoji-id="5368324170671202286">👍</tg-emoji>`, "👍", []entity{{Type: "custom_emoji", Length: 2, CustomEmojiID: "5368324170671202286"}}},
		{`<tg-time unix="1647531900" format="wDT">22:45</tg-time>`, "22:45", []entity{{Type: "date_time", Length: 5, UnixTime: 1647531900, DateTimeFormat: "wDT"}}},
		{"<tg-time unix=1647531900 format=r>22:45</tg-time>", "22:45", []entity{{Type: "date_time", Length: 5, UnixTime: 1647531900, DateTimeFormat: "r"}}},
		{"<tg-time unix=1647531900>22:45</tg-time>", "22:45", []entity{{Type: "date_time", Length: 5, UnixTime: 1647531900}}},

		// A time that is none, and empty tags, leave their text.
		{"<tg-time>22:45</tg-time>", "22:45", nil},
		{"<tg-time unix=soon>22:45</tg-time>", "22:45", nil},
		{"<tg-time unix=-5>22:45</tg-time>", "22:45", nil},
		{"<tg-time unix=99999999999>22:45</tg-time>", "22:45", nil},
		{"a<b></b><tg-emoji></tg-emoji><tg-time format=x></tg-time>", "a", nil},

		// The language of a pre.
		{`<pre><code class="language-go">x := 1</code></pre>`, "x := 1", []entity{{Type: "pre", Length: 6, Language: "go"}}},
		{`<code class="language-go"><pre>x</pre></code>`, "x", []entity{{Type: "pre", Length: 1, Language: "go"}}},
		{`<pre><code class="language-go"><b>x</b></code></pre>`, "x", []entity{{Type: "pre", Length: 1, Language: "go"}}},
		{`<pre><code>x</code></pre>`, "x", []entity{{Type: "pre", Length: 1}}},
		{`<pre><code class="go">x</code></pre>`, "x", []entity{{Type: "pre", Length: 1}}},
		{`<pre>y<code class="language-go">x</code></pre>`, "yx", []entity{{Type: "pre", Length: 2}}},
		{`<pre><code class="language-go">x</code>y</pre>`, "xy", []entity{{Type: "pre", Length: 2}}},
		{`<code class="language-go">x</code><pre>y</pre>`, "xy", []entity{{Type: "code", Length: 1}, {Type: "pre", Offset: 1, Length: 1}}},
		{`<code class="language-go">x</code>`, "x", []entity{{Type: "code", Length: 1}}},

		// How tags may be written.
		{"<B>x</b><I >y</I\n>", "xy", []entity{{Type: "bold", Length: 1}, {Type: "italic", Offset: 1, Length: 1}}},
		{"<b><i>x</></>", "x", []entity{{Type: "bold", Length: 1}, {Type: "italic", Length: 1}}},
		{"<b class=x  data-y  z='<&gt;>' >x</ >", "x", []entity{{Type: "bold", Length: 1}}},
		{"<a\thref =\n'telegram.org' >x</a>", "x", []entity{{Type: "text_link", Length: 1, URL: "http://telegram.org/"}}},
		{"<a href=Telegram.ORG>x</a>", "x", []entity{{Type: "text_link", Length: 1, URL: "http://telegram.org/"}}},
		{`<a href="https://example.org/?a=1&amp;b=&#x3c;">x</a>`, "x", []entity{{Type: "text_link", Length: 1, URL: "https://example.org/?a=1&b=<"}}},
		{`<a href="a.b" href="https://example.org">x</a>`, "x", []entity{{Type: "text_link", Length: 1, URL: "https://example.org/"}}},
		{`<a href="tg://user?id=42">Bob</a>`, "Bob", []entity{{Type: "text_link", Length: 3, URL: "tg://user?id=42"}}},
		{"<a>example.org/x</a>", "example.org/x", []entity{{Type: "text_link", Length: 13, URL: "http://example.org/x"}}},
		{"<a>here</a> <a href='http://nas/'>nas</a> <a href='javascript:alert(1)'>x</a>", "here nas x", nil},
		{"a > b", "a > b", nil},

		// References.
		{"&lt;&gt;&amp;&quot; &lt&gt;&amp&quot", `<>&" <>&"`, nil},
		{"&#65;&#x42;&#x63 &#128512;&#x1F600;", "ABc 😀😀", nil},
		{"&#39;&#34;", `'"`, nil}, // as Go's html.EscapeString writes them
		{"& && &nbsp; &LT; &ltx; &; &# &#; &#x; &#xg; &#X41; &#0; &#1114111; &#000000065;", "& && &nbsp; &LT; &ltx; &; &# &#; &#x; &#xg; &#X41; &#0; &#1114111; &#000000065;", nil},
		{"https://example.org/?a=1&b=2&lt=3", "https://example.org/?a=1&b=2<=3", nil}, // Telegram takes references without the semicolon
		{"&amp;lt;", "&lt;", nil},

		// Offsets are in UTF-16 units.
		{"😀é<b>👨‍👩‍👧</b>&#128512;<i>שלום</i>\r\n<u>x</u>", "😀é👨‍👩‍👧😀שלום\r\nx", []entity{
			{Type: "bold", Offset: 3, Length: 8}, {Type: "italic", Offset: 13, Length: 4}, {Type: "underline", Offset: 19, Length: 1},
		}},
	} {
		got, err := delivery.ParseHTML(tt.html)
		if err != nil {
			t.Errorf("ParseHTML(%q): %v", tt.html, err)
			continue
		}
		if diff := cmp.Diff(delivery.Text{Text: tt.text, Entities: tt.want}, got); diff != "" {
			t.Errorf("ParseHTML(%q) (-want +got):\n%s", tt.html, diff)
		}
	}
}

func TestHTMLEntitiesNestAsTheBotAPIAllows(t *testing.T) {
	for _, tt := range []struct{ html, want string }{
		{"<b>a<i>b<s>c</s></i>d</b>", "bold 0+4, italic 1+2, strikethrough 2+1"},
		{"<i><b>a</b></i>", "bold 0+1, italic 0+1"},
		{"<b>a<b>b</b>c</b>", "bold 0+3"},
		{"<b>a<strong>b</strong></b><b>c</b>", "bold 0+2, bold 2+1"},
		{"<b>a <a href=x.org>b</a> c</b>", "bold 0+5, text_link 2+1"},
		{"<a href=x.org>a <b>b</b></a>", "text_link 0+3, bold 2+1"},
		{"<a href=x.org>a<a href=y.org>b</a></a>", "text_link 0+2"},
		{"<a>a<a href=y.org>b</a></a>", "text_link 1+1"}, // the outer one is no link
		{"<a href=x.org>a<code>b</code></a>", "text_link 0+2"},
		{"<a href=x.org><code>b</code></a>", "code 0+1"},

		// Code and pre hold nothing, and only a quote holds them.
		{"<code>a<b>b</b></code>", "code 0+2"},
		{"<pre>a<a href=x.org>b</a></pre>", "pre 0+2"},
		{"<b>a<code>b</code>c</b>", "bold 0+1, code 1+1, bold 2+1"},
		{"<b><code>b</code></b>", "code 0+1"},
		{"<b><i>a<pre>b</pre></i>c</b>", "bold 0+1, italic 0+1, pre 1+1, bold 2+1"},
		{"<blockquote>a<pre>b</pre>c</blockquote>", "blockquote 0+3, pre 1+1"},

		// Quotes do not nest, and styles around code do not reach over the edge of a quote.
		{"<blockquote>a<blockquote expandable>b</blockquote></blockquote>", "blockquote 0+2"},
		{"<a href=x.org>a<blockquote>b</blockquote></a>", "text_link 0+2"},
		{"<a href=x.org><blockquote>b</blockquote></a>", "blockquote 0+1, text_link 0+1"},
		{"<b><blockquote>a</blockquote></b>", "blockquote 0+1, bold 0+1"},
		{"<b>a<blockquote>b<code>c</code>d</blockquote>e</b>", "bold 0+1, blockquote 1+3, bold 1+1, code 2+1, bold 3+1, bold 4+1"},
		{"<b>a<blockquote>b</blockquote></b>", "bold 0+1, blockquote 1+1, bold 1+1"},
	} {
		text, err := delivery.ParseHTML(tt.html)
		if err != nil {
			t.Errorf("ParseHTML(%q): %v", tt.html, err)
			continue
		}
		var got []string
		for _, e := range text.Entities {
			got = append(got, fmt.Sprintf("%s %d+%d", e.Type, e.Offset, e.Length))
		}
		if diff := cmp.Diff(tt.want, strings.Join(got, ", ")); diff != "" {
			t.Errorf("ParseHTML(%q) (-want +got):\n%s", tt.html, diff)
		}
		checkNesting(t, text)
	}
}

func TestHTMLFaultsAreFoundAtTheirByte(t *testing.T) {
	for _, tt := range []struct {
		html   string
		offset int
		reason string // a part of it
	}{
		// Tags that are not Telegram's, and what is no tag.
		{"a<br>b", 1, "does not know this tag"},
		{"é😀<h1>x</h1>", 6, "does not know this tag"}, // bytes, not units
		{"<b/>", 0, "does not know this tag"},
		{"<script>alert(1)</script>", 0, "does not know this tag"},
		{"<!-- x -->", 0, "does not know this tag"},
		{"a < b", 2, "does not know this tag"},
		{"1<2 and 3>2", 1, "does not know this tag"},
		{"<>", 0, "does not know this tag"},
		{"<tg-spoilers>x</tg-spoilers>", 0, "does not know this tag"},
		{"&lt;b> <", 7, "does not end"},
		{"a<3", 1, "does not end"},
		{"a<b", 1, "does not end"},
		{"a<b  ", 1, "does not end"},
		{"<b>x</b><", 8, "does not end"},

		// Tags that are not closed, or not open.
		{"<b>bold", 0, "this <b> is never closed"},
		{"x<b>y<i>z", 5, "this <i> is never closed"},
		{"x<b>y<i>z</i>", 1, "this <b> is never closed"},
		{"<b>x</i>", 4, "</b> must come first"},
		{"<b><i>x</b></i>", 7, "</i> must come first"},
		{"<strong>x</b>", 9, "</strong> must come first"},
		{"<a href=x.org>x</b>", 15, "</a> must come first"},
		{"x</b>", 1, "closes nothing"},
		{"<b>x</b></b>", 8, "closes nothing"},
		{"x</", 1, "closes nothing"},
		{"<i>a</i   ", 4, "closing tag does not end"},
		{"<i>a</i x>", 4, "closing tag does not end"},

		// Attributes.
		{"<b =x>y</b>", 3, "name of an attribute"},
		{"x<b a/>y</b>", 5, "name of an attribute"},
		{`<b "x">y</b>`, 3, "name of an attribute"},
		{"<a href=>x</a><a href=http://a.b>x</a>", 22, "value without quotes"},
		{"<a href=a.b/c>x</a>", 8, "value without quotes"},
		{"<a href=a,b", 8, "value without quotes"},
		{"<a href=x", 0, "does not end"},
		{`<a href="x>y</a>`, 0, "does not end"},
		{"<a href='x'", 0, "does not end"},
		{"<a href=  ", 0, "does not end"},
		{"z<a href", 1, "does not end"},
		{"<span>x</span>", 0, `class="tg-spoiler"`},
		{`<span class="spoiler">x</span>`, 0, `class="tg-spoiler"`},
		{"<tg-emoji>👍</tg-emoji>", 0, "emoji-id"},
		{"a<tg-emoji emoji-id=0>👍</tg-emoji>", 1, "emoji-id"},
		{"<tg-emoji emoji-id=025>👍</tg-emoji>", 0, "emoji-id"},
		{"<tg-emoji emoji-id=99999999999999999999>👍</tg-emoji>", 0, "emoji-id"},
		{"a<tg-time unix=5 format=x>now</tg-time>", 1, "format of a tg-time"},
		{`<tg-time unix=5 format="rT">now</tg-time>`, 0, "format of a tg-time"},

		// References that are no characters, and bytes that are not UTF-8.
		{"ab&#xD83D;&#xDE00;", 2, "surrogate"},
		{"&#57311", 0, "surrogate"},
		{`<a href="x&#xdfff;">x</a>`, 10, "surrogate"},
		{"a\x00b", 1, "NUL"},
		{"é\xffb", 2, "not UTF-8"},
		{"<b>\xed\xa0\x80</b>", 3, "not UTF-8"},
	} {
		text, err := delivery.ParseHTML(tt.html)
		var fault *delivery.HTMLError
		if !errors.As(err, &fault) {
			t.Errorf("ParseHTML(%q) = %+v, %v, want an *HTMLError", tt.html, text, err)
			continue
		}
		if fault.Offset != tt.offset || !strings.Contains(fault.Reason, tt.reason) {
			t.Errorf("ParseHTML(%q) finds %q at byte %d, want %q at byte %d", tt.html, fault.Reason, fault.Offset, tt.reason, tt.offset)
		}
		if diff := cmp.Diff(delivery.Text{}, text); diff != "" {
			t.Errorf("ParseHTML(%q) answers a text beside the error:\n%s", tt.html, diff)
		}
	}
}

func TestHTMLErrorsQuoteNothingFromTheMessage(t *testing.T) {
	for _, s := range []string{
		"<secret>x", "<b>secret</secret>", "<secret", "</secret>", "<b secret=secret!>", "<b>secret", "<a href='secret", "secret\xff",
		"<tg-emoji emoji-id=secret>x</tg-emoji>", "<tg-time format=secret>x</tg-time>", "<span class=secret>x</span>",
	} {
		_, err := delivery.ParseHTML(s)
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("ParseHTML(%q): %v", s, err)
		}
	}
}

func TestEscapedTextComesBackFromHTML(t *testing.T) {
	for _, s := range []string{"<b>&amp;</b>", `"it's" < 5 & > 3`, "a&#39;b", "host-1_eth0.#x", "日本 😀 שלום\r\n"} {
		got, err := delivery.ParseHTML("<i>" + html.EscapeString(s) + "</i>")
		if err != nil || got.Text != s || len(got.Entities) != 1 || got.Entities[0].Length != delivery.Plain(s).Units() {
			t.Errorf("%q came back as %+v, %v", s, got, err)
		}
	}
}

func TestHTMLIsReadInLinearTime(t *testing.T) {
	if testing.Short() {
		t.Skip("long: measures time")
	}
	for name, piece := range map[string]string{
		"ampersands":   "&",
		"references":   "&#",
		"names":        "&a",
		"tags":         "<b>x</b>",
		"attributes":   "<b a b c=d>x</b>",
		"code in bold": "<b>x<code>y</code>z</b>",
		"links":        "<a>a.b</a>",
	} {
		t.Run(name, func(t *testing.T) {
			checkLinear(t, func(size int) {
				if _, err := delivery.ParseHTML(strings.Repeat(piece, size/len(piece))); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
	for name, pair := range map[string][3]string{
		"nested tags":   {"<b>", "x", "</>"},
		"nested links":  {"<a>", strings.Repeat("a.b", 600), "</>"},
		"nested quotes": {"<blockquote>", "x", "</>"},
		"nested code":   {"<i><code>", "x", "</></>"},
		"half a tag":    {"<b ", "x", ""},
		"half a value":  {"<b a='", "x", ""},
	} {
		t.Run(name, func(t *testing.T) {
			checkLinear(t, func(size int) {
				n := size / len(pair[0]+pair[2])
				_, _ = delivery.ParseHTML(strings.Repeat(pair[0], n) + pair[1] + strings.Repeat(pair[2], n))
			})
		})
	}
}

func FuzzParseHTML(f *testing.F) {
	for _, s := range []string{
		"", "a & b &lt;&#x1F600;", "<b>x<i>y</i></b>", "<a href='https://example.org/?a=1&amp;b'>x</a>", "<pre><code class=\"language-go\">x</code></pre>",
		"<tg-time unix=\"1647531900\" format=\"wDT\">x</tg-time>", "<tg-emoji emoji-id=\"5\">👍</tg-emoji>", "<blockquote expandable>x</blockquote>",
		"<b>a<blockquote>b<code>c</code>d</blockquote>e</b>", "<span class=tg-spoiler>x</span>", "<b", "</", "&#xD800;", "a<b>c</i>", "\xff",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text, err := delivery.ParseHTML(s)
		if err != nil {
			var fault *delivery.HTMLError
			if !errors.As(err, &fault) || fault.Offset < 0 || fault.Offset >= len(s) || fault.Reason == "" {
				t.Fatalf("ParseHTML(%q): %#v", s, err)
			}
			return
		}
		if !utf8.ValidString(text.Text) {
			t.Fatalf("ParseHTML(%q) makes %q", s, text.Text)
		}
		if err := delivery.CheckText(text); errors.Is(err, delivery.ErrTextInvalid) {
			t.Fatalf("ParseHTML(%q) makes %+v: %v", s, text, err)
		}
		checkNesting(t, text)
	})
}

// checkNesting makes sure that entities are sorted and nested as the Bot API allows.
func checkNesting(t *testing.T, text delivery.Text) {
	t.Helper()
	style := map[string]bool{"bold": true, "italic": true, "underline": true, "strikethrough": true, "spoiler": true}
	quote := map[string]bool{"blockquote": true, "expandable_blockquote": true}
	code := map[string]bool{"code": true, "pre": true}
	var open []delivery.Entity
	last := 0
	for _, e := range text.Entities {
		if e.Offset < last {
			t.Fatalf("entities are not sorted: %+v", text.Entities)
		}
		last = e.Offset
		for len(open) > 0 && open[len(open)-1].Offset+open[len(open)-1].Length <= e.Offset {
			open = open[:len(open)-1]
		}
		for _, outer := range open {
			switch {
			case e.Offset+e.Length > outer.Offset+outer.Length:
				t.Fatalf("%+v and %+v cross", outer, e)
			case code[outer.Type], code[e.Type] && !quote[outer.Type], outer.Type == e.Type, quote[outer.Type] && quote[e.Type],
				!quote[outer.Type] && !style[outer.Type] && !style[e.Type]:
				t.Fatalf("%+v holds %+v", outer, e)
			}
		}
		open = append(open, e)
	}
}
