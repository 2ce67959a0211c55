package delivery_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"telegate/delivery"
)

const (
	family  = "👨‍👩‍👧‍👦"                                                       // four people and three joiners, 11 units
	flag    = "🇪🇸"                                                            // a pair of regional indicators, 4 units
	england = "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f" // tag characters, 14 units
	wave    = "👋🏽"                                                            // a skin tone, 4 units
	keycap  = "1\ufe0f\u20e3"                                                 // a variation selector and an enclosing mark, 3 units
	accent  = "e\u0301\u0323"                                                 // two combining marks, 3 units
	hangul  = "\u1112\u1161\u11ab"                                            // decomposed Hangul, 3 units
)

// splitStyles are types of entities that may be cut.
var splitStyles = []string{"bold", "italic", "underline", "code", "pre", "text_link", "blockquote"}

// a makes n units of text without white space.
func a(n int) string { return strings.Repeat("a", n) }

func TestTextOfOneMessageComesBackAsItIs(t *testing.T) {
	for _, text := range []delivery.Text{
		delivery.Plain("x"),
		delivery.Plain("  x \n"),
		delivery.Plain("a").Bold("b"),
		delivery.Plain(a(4096)),
		delivery.Plain(strings.Repeat("😀", 2048)),
	} {
		parts, ok := delivery.Split(text)
		if diff := cmp.Diff([]delivery.Text{text}, parts); !ok || diff != "" {
			t.Errorf("ok is %v, (-want +got):\n%s", ok, diff)
		}
	}
}

func TestTextOfNothingHasNoParts(t *testing.T) {
	for _, s := range []string{"", " \n", strings.Repeat("\u200b", 100_000), strings.Repeat(" ", 100_000)} {
		if parts, ok := delivery.Split(delivery.Plain(s)); !ok || len(parts) != 0 {
			t.Errorf("%d units of nothing make %d parts, ok is %v", len(s), len(parts), ok)
		}
	}
}

func TestTextIsCutAtTheMostPleasantPlace(t *testing.T) {
	for _, tt := range []struct {
		name string
		text string
		want []string
	}{
		{"a paragraph before a line", a(2500) + "\n\n" + a(600) + "\n" + a(600) + " " + a(600), []string{a(2500), a(600) + "\n" + a(600) + " " + a(600)}},
		{"a line before a word", a(2500) + "\n" + a(600) + " " + a(1500), []string{a(2500), a(600) + " " + a(1500)}},
		{"a word before a character", a(2500) + " " + a(2500), []string{a(2500), a(2500)}},
		{"a character if nothing else", a(5000), []string{a(4096), a(904)}},
		{"the last paragraph", a(2100) + "\n\n" + a(900) + "\n\n" + a(2000), []string{a(2100) + "\n\n" + a(900), a(2000)}},
		{"not too early", a(100) + "\n\n" + a(3000) + " " + a(2000), []string{a(100) + "\n\n" + a(3000), a(2000)}},
		{"a word however early", a(10) + " " + a(5000), []string{a(10), a(4096), a(904)}},
		// Cutting at the paragraphs would make five parts.
		{"a late line for one part less", strings.Repeat(a(2200)+"\n\n"+a(1600)+"\n"+a(150)+"\n", 4), slices.Repeat([]string{a(2200) + "\n\n" + a(1600) + "\n" + a(150)}, 4)},
		// Cutting at the lines, 496 units before the limit, would make five parts.
		{"a late word for one part less", strings.Repeat(a(3600)+"\n"+a(400)+" "+a(90)+" ", 4), slices.Repeat([]string{a(3600) + "\n" + a(400) + " " + a(90)}, 4)},
		{"white space at the limit", a(4096) + " \n " + a(10), []string{a(4096), a(10)}},
		{"white space over the limit", a(4090) + strings.Repeat(" ", 100) + a(10), []string{a(4090), a(10)}},
		{"a paragraph whose end lies over the limit", a(4095) + "\n \n" + a(10), []string{a(4095), a(10)}},
		{"CRLF lines", a(2500) + "\r\n" + a(1000) + " " + a(1000), []string{a(2500), a(1000) + " " + a(1000)}},
		{"CRLF paragraphs", a(2500) + "\r\n\r\n" + a(1000) + "\r\n" + a(1000), []string{a(2500), a(1000) + "\r\n" + a(1000)}},
		{"CRLF over the limit", a(4095) + "\r\n" + a(10), []string{a(4095), a(10)}},
		{"white space around it all", " \n" + a(3000) + " " + a(3000) + "\t ", []string{a(3000), a(3000)}},
		{"a full-width space", a(2500) + "\u3000" + a(2500), []string{a(2500), a(2500)}},
		{"but no no-break space", a(3000) + "\u00a0" + a(3000), []string{a(3000) + "\u00a0" + a(1095), a(1905)}},
		{"nor a narrow or a figure one", a(3000) + "\u202f" + a(500) + "\u2007" + a(3000), []string{a(3000) + "\u202f" + a(500) + "\u2007" + a(594), a(2406)}},
		{"a mark on a newline", a(2500) + "\n\u0301" + a(2500), []string{a(2500), "\u0301" + a(2500)}},
		{"a joiner before a space", a(2500) + "\u200d " + a(2500), []string{a(2500) + "\u200d", a(2500)}},
		{"right-to-left words", strings.Repeat("שלום ", 1000), []string{strings.TrimSpace(strings.Repeat("שלום ", 819)), strings.TrimSpace(strings.Repeat("שלום ", 181))}},
		{"Chinese", strings.Repeat("漢", 5000), []string{strings.Repeat("漢", 4096), strings.Repeat("漢", 904)}},
		{"invisible parts are left out", a(4096) + strings.Repeat("\u200b", 4096) + a(10), []string{a(4096), a(10)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			parts, ok := delivery.Split(delivery.Plain(tt.text))
			var got []string
			for _, part := range parts {
				got = append(got, part.Text)
			}
			if !ok || !slices.Equal(got, tt.want) {
				t.Errorf("ok is %v, parts are %s, want %s", ok, lengths(got), lengths(tt.want))
			}
		})
	}
}

func TestNoCutFallsWithinACharacter(t *testing.T) {
	for name, character := range map[string]string{
		"pair": "😀", "family": family, "flag": flag, "tag sequence": england, "skin tone": wave, "keycap": keycap, "marks": accent,
		"Hangul": hangul, "Devanagari": "कि", "rainbow": "🏳️‍🌈", "mark on a space": "\u3000\u0308", "mark on a plain space": " \u0308",
	} {
		t.Run(name, func(t *testing.T) {
			units := delivery.Plain(character).Units()
			for offset := range units + 1 { // the limit falls before, into and behind a character
				text := a(4096-offset) + character + character + character
				parts, ok := delivery.Split(delivery.Plain(text))
				if !ok || len(parts) != 2 {
					t.Fatalf("at offset %d: %d parts, ok is %v", offset, len(parts), ok)
				}
				want := a(4096 - offset)
				if offset == units {
					want += character
				}
				if parts[0].Text != want {
					t.Errorf("at offset %d the first part ends in %q", offset, parts[0].Text[min(len(parts[0].Text), 4096-offset-1):])
				}
				if parts[0].Text+parts[1].Text != text {
					t.Errorf("at offset %d something is lost", offset)
				}
			}
		})
	}
}

func TestFlagsInARowAreCutBetweenFlags(t *testing.T) {
	for _, before := range []int{0, 1, 2, 3} {
		text := a(before) + strings.Repeat(flag, 1500)
		parts, ok := delivery.Split(delivery.Plain(text))
		if !ok || len(parts) != 2 || !strings.HasPrefix(parts[1].Text, flag) || (len(parts[0].Text)-before)%len(flag) != 0 {
			t.Errorf("behind %d letters: %d parts, ok is %v, the second begins with %q", before, len(parts), ok, parts[1].Text[:8])
		}
	}
}

func TestCharacterLongerThanAPartIsCutBetweenCodePoints(t *testing.T) {
	text := "x " + "e" + strings.Repeat("\U0001e8d0", 3000) + " y" // a letter under 3,000 marks of two units
	parts, ok := delivery.Split(delivery.Plain(text))
	if !ok {
		t.Fatal("ok is false")
	}
	checkSplit(t, delivery.Plain(text), parts)
}

func TestFormattingSurvivesTheCut(t *testing.T) {
	text := delivery.Plain("").Bold(a(3000)).Pre(a(1000)+"\n"+a(1000), "go").Plain(" ").Link(a(4000), "https://example.org/").Plain("b")
	parts, ok := delivery.Split(text)
	want := []delivery.Text{
		{Text: a(4000), Entities: []delivery.Entity{{Type: "bold", Length: 3000}, {Type: "pre", Offset: 3000, Length: 1000, Language: "go"}}},
		{Text: a(1000), Entities: []delivery.Entity{{Type: "pre", Length: 1000, Language: "go"}}},
		{Text: a(4000) + "b", Entities: []delivery.Entity{{Type: "text_link", Length: 4000, URL: "https://example.org/"}}},
	}
	if diff := cmp.Diff(want, parts); !ok || diff != "" {
		t.Errorf("ok is %v (-want +got):\n%s", ok, diff)
	}
}

func TestNestedFormattingSurvivesTheCut(t *testing.T) {
	text, err := delivery.ParseHTML("<blockquote expandable>" + a(2000) + "<b>" + a(1000) + "<i>" + a(3000) + "</i></b></blockquote>")
	if err != nil {
		t.Fatal(err)
	}
	parts, ok := delivery.Split(text)
	want := []delivery.Text{
		{Text: a(4096), Entities: []delivery.Entity{
			{Type: "expandable_blockquote", Length: 4096}, {Type: "bold", Offset: 2000, Length: 2096}, {Type: "italic", Offset: 3000, Length: 1096},
		}},
		{Text: a(1904), Entities: []delivery.Entity{
			{Type: "expandable_blockquote", Length: 1904}, {Type: "bold", Length: 1904}, {Type: "italic", Length: 1904},
		}},
	}
	if diff := cmp.Diff(want, parts); !ok || diff != "" {
		t.Errorf("ok is %v (-want +got):\n%s", ok, diff)
	}
}

func TestWhatMeansSomethingOnlyAsAWholeFallsBackToItsTextAtACut(t *testing.T) {
	for _, e := range []delivery.Entity{
		{Type: "custom_emoji", CustomEmojiID: "5"},
		{Type: "date_time", UnixTime: 1647531900, DateTimeFormat: "t"},
	} {
		e.Offset, e.Length = 4090, 12
		cut := delivery.Text{Text: a(5000), Entities: []delivery.Entity{e}}
		e.Offset = 4096
		whole := delivery.Text{Text: a(5000), Entities: []delivery.Entity{e}}
		parts, _ := delivery.Split(cut)
		if len(parts[0].Entities)+len(parts[1].Entities) != 0 {
			t.Errorf("%s goes on over the cut: %+v", e.Type, parts)
		}
		if parts, _ = delivery.Split(whole); len(parts[1].Entities) != 1 || parts[1].Entities[0].Length != 12 {
			t.Errorf("%s beside the cut is lost", e.Type)
		}
	}
}

func TestUpToFourPartsAreMadeAndNoMore(t *testing.T) {
	for _, tt := range []struct {
		name string
		text string
		want int // parts, 0 if there would be too many
	}{
		{"four full parts", a(4 * 4096), 4},
		{"one more unit", a(4*4096 + 1), 0},
		{"the white space at cuts does not count", a(4096) + " " + a(4096) + "\n\n\n" + a(4096) + "\r\n" + a(4096) + " ", 4},
		{"100,000 units", a(100_000), 0},
		// Cutting at paragraphs of 2,100 units would take 7 parts.
		{"pleasant cuts are given up for it", strings.Repeat(a(2100)+"\n\n", 7), 4},
		// Between words it would take 5 parts.
		{"even words are", strings.Repeat(a(3500)+" ", 4) + a(2000), 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := delivery.Plain(tt.text)
			parts, ok := delivery.Split(text)
			if ok != (tt.want > 0) || len(parts) != tt.want {
				t.Fatalf("%d parts, ok is %v, want %d", len(parts), ok, tt.want)
			}
			if ok {
				checkSplit(t, text, parts)
			}
		})
	}
}

// Whatever text is put together from characters, words, lines and formatting: no cut falls within a character, all parts can be
// sent, nothing but white space is lost, and every character keeps its formatting.
func TestAnyTextIsSplitWithoutHarm(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pieces := []string{family, flag, england, wave, keycap, accent, hangul, "a", "b", "ß", "漢", "😀", "שָׁ", "ع", "1", " ", " ", "\n", "\n\n", "\r\n", "\t", "\u3000", "\u00a0"}
	for round := range 150 {
		var text delivery.Text
		boundaries := map[int]bool{}
		var b strings.Builder
		few := random.Perm(len(pieces))[:2+random.IntN(len(pieces)-2)]
		for units, size := 0, 3000+random.IntN(15000); units < size; {
			piece := pieces[few[random.IntN(len(few))]]
			for range 1 + random.IntN(40) { // so that words and lines of all lengths come about
				boundaries[b.Len()] = true
				b.WriteString(piece)
				units += delivery.Plain(piece).Units()
			}
		}
		text.Text = b.String()
		for range random.IntN(20) {
			from := random.IntN(text.Units())
			text.Entities = append(text.Entities, delivery.Entity{
				Type: splitStyles[random.IntN(len(splitStyles))], Offset: from, Length: 1 + random.IntN(text.Units()-from),
			})
		}
		parts, ok := delivery.Split(text)
		if !ok {
			if text.Units() <= 4*4096-4*16 { // a part can fall short of the limit by one character
				t.Fatalf("round %d: %d units do not fit into four parts", round, text.Units())
			}
			checkPreview(t, text)
			continue
		}
		for _, begin := range checkSplit(t, text, parts) {
			if !boundaries[begin] {
				t.Fatalf("round %d: a cut falls into a character at byte %d: %q", round, begin, text.Text[begin-10:begin+10])
			}
		}
	}
}

func TestPreviewIsACaptionWithRoomForANote(t *testing.T) {
	const note = "…"
	for _, tt := range []struct {
		name string
		text string
		want string
	}{
		{"words", strings.Repeat("word ", 5000), strings.TrimSpace(strings.Repeat("word ", 184)) + note},
		{"a paragraph", a(800) + "\n\n" + strings.Repeat("word ", 5000), a(800) + note},
		{"no white space", a(20_000), a(921) + note},
		{"families", strings.Repeat(family, 2000), strings.Repeat(family, 83) + note},
		{"leading white space", "\n\n  " + a(20_000), a(921) + note},
		{"a short text", "short", "short"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := delivery.Preview(delivery.Plain(tt.text)); got.Text != tt.want {
				t.Errorf("Preview has %d units: %q…, want %d", got.Units(), got.Text[max(0, len(got.Text)-100):], delivery.Plain(tt.want).Units())
			}
		})
	}
	text := delivery.Plain("").Bold(a(500)).Code(a(20_000))
	want := []delivery.Entity{{Type: "bold", Length: 500}, {Type: "code", Offset: 500, Length: 421}}
	if diff := cmp.Diff(want, delivery.Preview(text).Entities); diff != "" {
		t.Errorf("entities (-want +got):\n%s", diff)
	}
}

func TestSplitTakesLinearTime(t *testing.T) {
	if testing.Short() {
		t.Skip("long: measures time")
	}
	for name, piece := range map[string]string{
		"spaces": " ", "newlines": "\n", "invisible": "\u200b", "marks": "\u0301", "joiners": "\u200d", "flags": "\U0001f1e6", "letters": "a",
		"words": "a ", "CRLF": "\r\n", "marked spaces": " \u0301", "letters far apart": "a" + strings.Repeat(" ", 5000),
	} {
		t.Run(name, func(t *testing.T) {
			checkLinear(t, func(size int) {
				units := delivery.Plain(piece).Units()
				text := delivery.Plain("x" + strings.Repeat(piece, size/units) + "y")
				delivery.Split(text)
				delivery.Preview(text)
			})
		})
	}
	t.Run("entities", func(t *testing.T) {
		checkLinear(t, func(size int) {
			text := delivery.Plain(a(16_000))
			for i := range size {
				text.Entities = append(text.Entities, delivery.Entity{Type: "bold", Offset: i % 16_000, Length: 1})
			}
			delivery.Split(text)
		})
	})
}

func FuzzSplit(f *testing.F) {
	f.Add("hello", 1, 0, 5)
	f.Add("a "+family, 900, 3, 4000)
	f.Add(flag+"\r\n"+accent, 2000, 4095, 4)
	f.Add("\u200b", 4097, 0, 1)
	f.Add("e\u0301", 4096, 0, 100)
	f.Add("a\xff\u200d ", 3000, 1, 1)
	f.Add("\n\nline\n", 3000, 1, 9)
	f.Fuzz(func(t *testing.T, s string, times, offset, length int) {
		if times < 1 || times > 10_000 || len(s) == 0 || len(s)*times > 300_000 {
			return
		}
		text := delivery.Plain("x" + strings.Repeat(s, times) + "y")
		if offset >= 0 && length > 0 && offset < text.Units() {
			text.Entities = []delivery.Entity{{Type: "bold", Offset: offset, Length: min(length, text.Units()-offset)}}
		}
		parts, ok := delivery.Split(text)
		if ok {
			checkSplit(t, text, parts)
		} else if len(parts) > 0 {
			t.Fatal("parts without ok")
		}
		checkPreview(t, text)
	})
}

// checkSplit makes sure that the parts are the text, and answers at which bytes of it they begin.
func checkSplit(t *testing.T, text delivery.Text, parts []delivery.Text) (begins []int) {
	t.Helper()
	if len(parts) > delivery.MaxParts {
		t.Fatalf("%d parts", len(parts))
	}
	formats := formatsOf(t, text)
	rest, unit := text.Text, 0
	for i, part := range parts {
		skipped := strings.Index(rest, part.Text)
		if skipped < 0 || strings.TrimFunc(rest[:skipped], isInvisible) != "" {
			t.Fatalf("before part %d something is lost", i)
		}
		unit += delivery.Plain(rest[:skipped]).Units()
		rest = rest[skipped:]
		begins = append(begins, len(text.Text)-len(rest))
		rest = rest[len(part.Text):]
		units := part.Units()
		if units > delivery.MaxUnits || strings.TrimFunc(part.Text, isInvisible) == "" {
			t.Fatalf("part %d has %d units: %.40q", i, units, part.Text)
		}
		if utf8.ValidString(text.Text) && !utf8.ValidString(part.Text) {
			t.Fatalf("part %d is not UTF-8", i)
		}
		if want, got := formats[unit:unit+units], formatsOf(t, part); !slices.Equal(got, want) {
			t.Fatalf("part %d has lost formatting", i)
		}
		unit += units
	}
	if strings.TrimFunc(rest, isInvisible) != "" {
		t.Fatalf("the end is lost: %.40q", rest)
	}
	return begins
}

func checkPreview(t *testing.T, text delivery.Text) {
	t.Helper()
	preview := delivery.Preview(text)
	if units := preview.Units(); units > 1024 {
		t.Fatalf("a preview of %d units", units)
	}
	formatsOf(t, preview)
}

// formatsOf is the set of types of each unit, a bit for each type. It fails if an entity is not within the text.
func formatsOf(t *testing.T, text delivery.Text) []uint {
	t.Helper()
	formats := make([]uint, text.Units())
	for _, e := range text.Entities {
		if e.Offset < 0 || e.Length <= 0 || e.Offset+e.Length > len(formats) {
			t.Fatalf("an entity of %d+%d in %d units", e.Offset, e.Length, len(formats))
		}
		for i := e.Offset; i < e.Offset+e.Length; i++ {
			formats[i] |= 1 << slices.Index(splitStyles, e.Type)
		}
	}
	return formats
}

// isInvisible reports whether Telegram would drop r from the ends of a message, or refuse a message of nothing else.
func isInvisible(r rune) bool {
	return unicode.IsSpace(r) || unicode.Is(unicode.Cc, r) && r < ' ' || unicode.Is(unicode.Cf, r) || strings.ContainsRune("\u030a\u0333\u033f\u2800\ufffc", r)
}

func lengths(parts []string) string {
	var b strings.Builder
	for _, part := range parts {
		fmt.Fprintf(&b, "[%d: %.12q…%.12q] ", len(part), part, part[max(0, len(part)-12):])
	}
	return b.String()
}
