package delivery_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"telegate/delivery"
)

func TestUnitsAreCountedAsTelegramDoes(t *testing.T) {
	for _, tt := range []struct {
		text string
		want int
	}{
		{"", 0},
		{"code", 4},
		{"größe", 5},
		{"日本語", 3},
		{"😀", 2},
		{"👨‍👩‍👧", 8}, // three pairs and two joiners
		{"🇪🇸", 4},
		{"e\u0301", 2},
		{"שלום", 4},
		{"\r\n", 2},
		{"a\xffb", 3}, // a byte that is not UTF-8
	} {
		if got := delivery.Plain(tt.text).Units(); got != tt.want {
			t.Errorf("Plain(%q).Units() = %d, want %d", tt.text, got, tt.want)
		}
	}
}

func TestBuilderNeverReadsValuesAsMarkup(t *testing.T) {
	hostile := `<b>_*[x](y)</b> &amp; `
	got := delivery.Plain(hostile).Bold(hostile).Code(hostile).Plain(hostile)
	if want := strings.Repeat(hostile, 4); got.Text != want {
		t.Errorf("text is %q, want %q", got.Text, want)
	}
	n := len(hostile)
	want := []delivery.Entity{{Type: "bold", Offset: n, Length: n}, {Type: "code", Offset: 2 * n, Length: n}}
	if diff := cmp.Diff(want, got.Entities); diff != "" {
		t.Errorf("entities (-want +got):\n%s", diff)
	}
}

func TestBuilderPlacesEntitiesInUnits(t *testing.T) {
	got := delivery.Plain("😀 ").Bold("größe").Plain(" ").Italic("🇪🇸").Code("1234").Pre("x := 1", "go").Link("here", "https://example.org/a?b=c")
	want := delivery.Text{
		Text: "😀 größe 🇪🇸1234x := 1here",
		Entities: []delivery.Entity{
			{Type: "bold", Offset: 3, Length: 5},
			{Type: "italic", Offset: 9, Length: 4},
			{Type: "code", Offset: 13, Length: 4},
			{Type: "pre", Offset: 17, Length: 6, Language: "go"},
			{Type: "text_link", Offset: 23, Length: 4, URL: "https://example.org/a?b=c"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBuilderMakesNoEntityOfNothing(t *testing.T) {
	got := delivery.Plain("a").Bold("").Italic("").Code("").Pre("", "go").Link("", "")
	if diff := cmp.Diff(delivery.Plain("a"), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTextsFromOneBeginningDoNotDisturbEachOther(t *testing.T) {
	base := delivery.Plain("").Bold("a").Bold("b").Bold("c") // three appends leave room behind the slice
	one, two := base.Italic("1"), base.Code("2")
	if one.Entities[3].Type != "italic" || two.Entities[3].Type != "code" || len(base.Entities) != 3 {
		t.Errorf("one ends in %s, two in %s, base has %d entities", one.Entities[3].Type, two.Entities[3].Type, len(base.Entities))
	}
}

func TestAppendKeepsFormatting(t *testing.T) {
	tail := delivery.Plain("x ").Bold("y")
	got := delivery.Plain("😀").Italic("i").Append(tail)
	want := delivery.Text{Text: "😀ix y", Entities: []delivery.Entity{
		{Type: "italic", Offset: 2, Length: 1}, {Type: "bold", Offset: 5, Length: 1},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if tail.Entities[0].Offset != 2 {
		t.Errorf("the appended text was changed: offset %d", tail.Entities[0].Offset)
	}
}

func TestLinkShowsAnAddressThatTelegramRefuses(t *testing.T) {
	for _, tt := range []struct{ label, url, text, link string }{
		{"site", "https://example.org", "site", "https://example.org/"},
		{"", "https://example.org/x", "https://example.org/x", "https://example.org/x"},
		{"nas", "http://nas:8080/", "nas (http://nas:8080/)", ""},
		{"http://nas/", "http://nas/", "http://nas/", ""},
		{"mail", "mailto:bob@example.org", "mail (mailto:bob@example.org)", ""},
		{"label", "", "label", ""},
	} {
		got := delivery.Plain("").Link(tt.label, tt.url)
		link := ""
		if len(got.Entities) == 1 {
			link = got.Entities[0].URL
		}
		if got.Text != tt.text || link != tt.link {
			t.Errorf("Link(%q, %q) = %q linked to %q, want %q linked to %q", tt.label, tt.url, got.Text, link, tt.text, tt.link)
		}
	}
}

// The addresses and the verdicts follow TDLib's check_link and parse_url.
func TestLinksAreTakenAsTelegramTakesThem(t *testing.T) {
	taken := map[string]string{
		"telegram.org":               "http://telegram.org/",
		"telegram.org?x=1":           "http://telegram.org/?x=1",
		"telegram.org#top":           "http://telegram.org/#top",
		"HTTPS://Example.Org/A":      "https://Example.Org/A",
		"https://example.org/100%":   "https://example.org/100%",
		"https://example.org:8443/x": "https://example.org:8443/x",
		"http://192.168.1.5":         "http://192.168.1.5/",
		"http://[2001:db8::1]:80/":   "http://[2001:db8::1]:80/",
		"https://münchen.example/":   "https://münchen.example/",
		"http://bob:pw@example.org":  "http://bob:pw@example.org/",
		"example.org/?u=http://nas":  "http://example.org/?u=http://nas",
		"tg://user?id=42":            "tg://user?id=42",
		"TG:resolve?domain=SomeBot":  "tg://resolve?domain=SomeBot",
		"ton://transfer/x":           "ton://transfer/x",
		"tonsite://example.ton":      "tonsite://example.ton/",
	}
	for url, want := range taken {
		got := delivery.Plain("").Link("x", url)
		if len(got.Entities) != 1 || got.Entities[0].URL != want {
			t.Errorf("Link(x, %q) = %+v, want a link to %q", url, got, want)
		}
	}
	for _, url := range []string{
		"nas", "http://localhost/", "http://nas/a.b", "ftp://example.org", "javascript:alert(1)", "javascript://example.org/%0aalert(1)",
		"data:text/html,a.b", "mailto:bob@example.org", "tel:+34123456", "https://", "https:///a.b", "http://.", "http://a b.c",
		"http://a\nb.c", "http://a<b.c", "http://a.b:0/", "http://a.b:70000/", "http://a.b:/", "http://a.b:http/", "http://a@b@c.d",
		"http://::1", "http://[::1", "http://[::1%25eth0]/", "http://[1.2.3.4]/", "http://[zz]/", "http://[]/", "http://1.2::3/", "http://%zz.b/", " https://example.org",
		"tg://user:pw@x", "tg://a.b", "tg:", "ton://a.b", "https://" + strings.Repeat("a.", 300) + "org",
	} {
		if got := delivery.Plain("").Link("x", url); len(got.Entities) != 0 {
			t.Errorf("Link(x, %q) links to %q", url, got.Entities[0].URL)
		}
	}
}

func TestTextHasTheShapeOfTheBotAPI(t *testing.T) {
	text := delivery.Text{Text: "abc", Entities: []delivery.Entity{
		{Type: delivery.EntityTextLink, Length: 1, URL: "https://example.org/"},
		{Type: delivery.EntityCustomEmoji, Offset: 1, Length: 1, CustomEmojiID: "5"},
		{Type: delivery.EntityDateTime, Offset: 2, Length: 1, UnixTime: 1647531900, DateTimeFormat: "wDT"},
	}}
	got, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"text":"abc","entities":[{"type":"text_link","offset":0,"length":1,"url":"https://example.org/"},` +
		`{"type":"custom_emoji","offset":1,"length":1,"custom_emoji_id":"5"},` +
		`{"type":"date_time","offset":2,"length":1,"unix_time":1647531900,"date_time_format":"wDT"}]}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if plain, _ := json.Marshal(delivery.Plain("a")); string(plain) != `{"text":"a"}` {
		t.Errorf("a plain text is %s", plain)
	}
}

func TestTextsThatCannotBeSentAreRefusedWithTheReason(t *testing.T) {
	entity := func(offset, length int) delivery.Text {
		return delivery.Text{Text: "a😀b", Entities: []delivery.Entity{{Type: "bold", Offset: offset, Length: length}}}
	}
	for _, tt := range []struct {
		name string
		text delivery.Text
		want error
	}{
		{"a letter", delivery.Plain("a"), nil},
		{"control characters beside a letter", delivery.Plain("a\x01\t\r\n\x7f"), nil},
		{"a right-to-left word", delivery.Plain("שלום"), nil},
		{"a mark alone", delivery.Plain("\u0301"), nil},
		{"the longest", delivery.Plain(strings.Repeat("a", 100_000)), nil},
		{"an entity over everything", entity(0, 4), nil},
		{"an entity around a pair", entity(1, 2), nil},

		{"nothing", delivery.Plain(""), delivery.ErrTextEmpty},
		{"white space", delivery.Plain(" \t\r\n\u2003\u3000"), delivery.ErrTextEmpty},
		{"control characters", delivery.Plain("\x01\x1f"), delivery.ErrTextEmpty},
		{"invisible characters", delivery.Plain("\u200b\u200d\u200f\ufeff\u00a0\u2800\U000e0041"), delivery.ErrTextEmpty},
		{"what Telegram drops", delivery.Plain("\u202e\u2028\u030a\u0333\u033f"), delivery.ErrTextEmpty},
		{"one too many", delivery.Plain(strings.Repeat("a", 100_001)), delivery.ErrTextTooLong},
		{"one too many in pairs", delivery.Plain(strings.Repeat("😀", 50_000) + "a"), delivery.ErrTextTooLong},
		{"a lone byte", delivery.Plain("a\xff"), delivery.ErrTextInvalid},
		{"half of a pair", delivery.Plain("a\xed\xa0\x80"), delivery.ErrTextInvalid},
		{"NUL", delivery.Plain("a\x00b"), delivery.ErrTextInvalid},
		{"an entity before the text", entity(-1, 2), delivery.ErrTextInvalid},
		{"an entity behind the text", entity(4, 1), delivery.ErrTextInvalid},
		{"an entity that ends behind the text", entity(0, 5), delivery.ErrTextInvalid},
		{"an entity of nothing", entity(0, 0), delivery.ErrTextInvalid},
		{"an entity that overflows", entity(2, int(^uint(0)>>1)), delivery.ErrTextInvalid},
		{"an entity that begins in a pair", entity(2, 1), delivery.ErrTextInvalid},
		{"an entity that ends in a pair", entity(0, 2), delivery.ErrTextInvalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := delivery.CheckText(tt.text)
			if !errors.Is(err, tt.want) {
				t.Fatalf("CheckText = %v, want %v", err, tt.want)
			}
			if err != nil && !strings.HasPrefix(err.Error(), tt.want.Error()+": ") {
				t.Errorf("%q does not say why", err)
			}
		})
	}
}

// checkLinear fails if f takes more than linear time: for eight times the size, linear is 8 times the time and quadratic 64 times.
func checkLinear(t *testing.T, f func(size int)) {
	t.Helper()
	fastest := func(size int) time.Duration {
		best := time.Hour
		for range 5 {
			start := time.Now()
			f(size)
			best = min(best, time.Since(start))
		}
		return best
	}
	const small, large = 25_000, 200_000
	var report string
	for range 20 { // a busy machine can spoil many measurements, but no quadratic reader passes one
		short, long := fastest(small), fastest(large)
		if long < 32*max(short, 20*time.Microsecond) {
			return
		}
		report = fmt.Sprintf("%d units take %v, %d units take %v", small, short, large, long)
	}
	t.Error(report)
}
