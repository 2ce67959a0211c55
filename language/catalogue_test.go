package language

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"telegate/delivery"
)

func TestEveryLanguageHasEveryTextWithTheSameValues(t *testing.T) {
	all := New()
	english := map[string]string{}
	for _, m := range all[English]().messages {
		english[m.ID] = m.Other
	}
	for code, words := range all {
		t.Run(code, func(t *testing.T) {
			missing := maps.Clone(english)
			for _, m := range words().messages {
				if _, known := missing[m.ID]; !known {
					t.Errorf("%s is no text, or stands twice", m.ID)
					continue
				}
				delete(missing, m.ID)
				for form, text := range map[string]string{"zero": m.Zero, "few": m.Few, "many": m.Many, "other": m.Other} {
					if text == "" && form != "other" {
						continue
					}
					if err := check(m.ID, text, english[m.ID]); err != nil {
						t.Errorf("%s (%s) %v", m.ID, form, err)
					}
				}
				for _, text := range []string{m.One, m.Two} { // which a language may say without the figure
					if _, err := parse(text + " "); err != nil {
						t.Errorf("%s %v", m.ID, err)
					}
				}
				if code != English && m.Other == english[m.ID] && strings.Contains(m.Other, " ") && !strings.HasPrefix(m.ID, "time.") && m.ID != "button.disconnect" {
					t.Errorf("%s is still English", m.ID)
				}
			}
			for key := range missing {
				t.Errorf("%s is missing", key)
			}
			if months := strings.Fields(words().Short("time.months", nil)); len(months) != 12 {
				t.Errorf("%d months: %q", len(months), months)
			}
		})
	}
}

// hostile are values that people choose themselves, or could.
var hostile = []string{
	"“Alice” (user//alice)", "", "<b>bold</b> {code} </code>", "{title}", "\u202egnp.exe\u2069\u2069\u2068", "عليس", "אליס 123",
	"https://evil.example/?code=1 @bot /start x", strings.Repeat("x", 5000), strings.Repeat("👩‍👩‍👧‍👦", 300), "a\nb\r\n\tc\x00\x1b[31m", "\xff\xfe\u2028",
	"&lt;b&gt; %s %!d {{.Code}} $x `y`",
}

func TestEveryTextIsSafeWithHostileValues(t *testing.T) {
	for code, words := range New() {
		t.Run(code, func(t *testing.T) {
			for _, m := range words().messages {
				for _, value := range hostile {
					checkRendered(t, words(), m.ID, m.Other, value)
				}
			}
		})
	}
}

func FuzzSay(f *testing.F) {
	for _, value := range hostile {
		f.Add(value)
	}
	all := New()
	f.Fuzz(func(t *testing.T, value string) {
		for _, words := range []*Words{all["en"](), all["ar"]()} { // one of each direction
			for _, m := range words.messages {
				if slices.Contains([]string{"code.login", "code.origin", "link.question", "button.disconnect", "status.active"}, m.ID) {
					checkRendered(t, words, m.ID, m.Other, value)
				}
			}
		}
	})
}

// checkRendered says a text with a value for all it shows, but for the code, and checks what nothing may change.
func checkRendered(t *testing.T, w *Words, key, text, value string) {
	t.Helper()
	s, err := parse(text)
	if err != nil {
		t.Fatalf("%s %v", key, err)
	}
	values, codes, tagged := Values{}, 0, 0
	for name := range s.values() {
		values[name] = value
	}
	if _, ok := values["code"]; ok {
		values["code"] = "123456"
	}
	shown := delivery.Displayable(value, maxValue)
	for _, p := range s {
		empty := true
		for _, piece := range p.pieces {
			empty = empty && piece.value && piece.text != "code" && shown == ""
		}
		if p.tag != "" && !empty {
			tagged++
		}
		if p.tag == "code" && p.pieces[0] == (piece{"code", true}) {
			codes++
		}
	}
	said := w.Say(key, values)
	if err := delivery.CheckText(said); err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	if units := said.Units(); units > delivery.MaxUnits || strings.HasPrefix(key, "toast.") && units > 200 || strings.HasPrefix(key, "command.") && units > 256 {
		t.Errorf("%s has %d units", key, units)
	}
	if len(said.Entities) != tagged {
		t.Errorf("%s has %d entities, want %d: a value was read as markup", key, len(said.Entities), tagged)
	}
	for _, e := range said.Entities {
		inside := entityText(said, e)
		if e.Type == delivery.EntityCode && strings.ContainsFunc(inside, func(c rune) bool { return unicode.Is(unicode.Bidi_Control, c) }) {
			t.Errorf("%s: what is copied is %q", key, inside)
		}
		if inside == "123456" {
			codes--
		}
	}
	if codes > 0 {
		t.Errorf("%s lost the code: %q", key, said.Text)
	}
	if strings.HasPrefix(key, "code.") && values["code"] != "" && !strings.HasPrefix(said.Text, "123456") {
		t.Errorf("%s does not begin with the code: %q", key, said.Text)
	}
	if opened, closed := strings.Count(said.Text, firstStrongIsolate), strings.Count(said.Text, popIsolate); opened != closed {
		t.Errorf("%s opens %d isolates and closes %d", key, opened, closed)
	}
}

func entityText(t delivery.Text, e delivery.Entity) string {
	var b strings.Builder
	unit := 0
	for _, c := range t.Text {
		if unit >= e.Offset && unit < e.Offset+e.Length {
			b.WriteRune(c)
		}
		unit += (delivery.Text{Text: string(c)}).Units()
	}
	return b.String()
}

func TestOppositeDirectionIsIsolatedButNotTheCode(t *testing.T) {
	const open, end = firstStrongIsolate, popIsolate
	all := New()
	values := Values{"code": "123456", "title": "My Server", "time": "5 دقائق"}
	arabic := all["ar"]().Say("code.login", values)
	if want := "123456 هو رمز تسجيل دخولك إلى " + open + "My Server" + end + "."; !strings.HasPrefix(arabic.Text, want) {
		t.Errorf("in Arabic: %q", arabic.Text)
	}
	if e := arabic.Entities[0]; e.Type != delivery.EntityCode || e.Offset != 0 || e.Length != 6 {
		t.Errorf("the code is %+v", e)
	}
	if bold := entityText(arabic, arabic.Entities[1]); bold != "My Server" {
		t.Errorf("in bold is %q", bold)
	}
	english := all["en"]().Say("code.login", Values{"code": "123456", "title": "خادمي", "time": "5 minutes"})
	if want := "123456 is your sign-in code for " + open + "خادمي" + end + "."; !strings.HasPrefix(english.Text, want) {
		t.Errorf("in English: %q", english.Text)
	}
	if plain := all["en"]().Say("code.login", values); strings.Contains(plain.Text, open+"My") {
		t.Errorf("what needs no isolation has it: %q", plain.Text)
	}
	if got := all["ar"]().Isolated("/status"); got != open+"/status"+end {
		t.Errorf("a command in Arabic is %q", got)
	}
}

func TestMarkupIsParsedAndErrorsAreReported(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "is empty",
		"a < b":                     "has a < that is no part",
		"a > b":                     "has a > that is no part",
		"{Code}":                    "has a { that is no part",
		"}":                         "has a } that is no part",
		"<u>x</u>":                  "has a < that is no part",
		"<b>x":                      "lacks </b>",
		"x</b>":                     "has </b> without its beginning",
		"<b>x</i>":                  "has </i> without its beginning",
		"<b></b>":                   "has nothing between <b> and </b>",
		"<b><code>{code}</code>":    "tags do not nest",
		"<b>a <b>b</b></b>":         "tags do not nest",
		"<code>{code</code>":        "has a { that is no part",
		"<b>{a}</b> <i>{b}</i> {c}": "",
	} {
		_, err := parse(text)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestCustomTextMustKeepItsValues(t *testing.T) {
	all := New()
	for _, tt := range []struct{ key, text, want string }{
		{"code.login", "<code>{code}</code> opens {title} for {time}.", ""},
		{"code.login", "Your code for {title}, good for {time}: <code>{code}</code>", "must begin with <code>{code}</code>"},
		{"code.login", " <code>{code}</code> {title} {time}", "must begin with <code>{code}</code>"},
		{"code.login", "<code>x{code}</code> {title} {time}", "must begin with <code>{code}</code>"},
		{"code.login", "<code>{code}</code>, {title} {time}", ""},
		{"code.login", "<code>{code}</code>\n{title} {time}", ""},
		{"code.login", "<code>{code}0</code> {title} {time}", "must have {code} alone in <code>…</code>"},
		{"code.login", "<code>{code}{time}</code> {title}", "must have {code} alone in <code>…</code>"},
		{"code.login", "<code>{code}</code> {title} {time} <code>1{code}</code>", "must have {code} alone in <code>…</code>"},
		{"code.login", "<code>{code}</code>77 {title} {time}", "must have a space or a punctuation mark behind <code>{code}</code>"},
		{"code.login", "<code>{code}</code><b>77</b> {title} {time}", "must have a space or a punctuation mark behind <code>{code}</code>"},
		{"code.login", "<code>{code}</code><code>7</code> {title} {time}", "must have a space or a punctuation mark behind <code>{code}</code>"},
		{"code.login", "<code>{code}</code>\u200b7 {title} {time}", "must have a space or a punctuation mark behind <code>{code}</code>"},
		{"code.login", "<code>{code}</code>{title} {time}", "must have a space or a punctuation mark behind <code>{code}</code>"},
		{"code.login", "<code>{code}</code>は {title} {time}", "must have a space or a punctuation mark behind <code>{code}</code>"},
		{"code.login", "{code} opens {title} for {time}", "must have {code} in <code>…</code>"},
		{"code.login", "<code>{code}</code> {code} {title} {time}", "must have {code} in <code>…</code>"},
		{"code.login", "Your code is in the message below, for {title} and {time}.", "lacks {code}"},
		{"code.login", "<code>{code}</code> for {title}", "lacks {time}"},
		{"code.login", "<code>{code}</code> {title} {time} {account}", "has {account}, which is not known here; there is {code}, {time}, {title}"},
		{"link.question", "Connect {account} on {title}? {button}", "must have {account} in <code>…</code>"},
		{"code.origin", "From {origin}", "must have {origin} in <code>…</code>"},
		{"bot.test", "Works, {name}.", "has {name}, which is not known here; there is none"},
		{"bot.test", strings.Repeat("x", 1001), "has 1001 characters, at most 1000 fit"},
		{"bot.test", "a\x07b", "has a line break or a control character"},
		{"button.link", "One\nTwo", "has a line break or a control character"},
		{"button.link", strings.Repeat("x", 41), "has 41 characters, at most 40 fit"},
		{"button.link", "<b>Link</b>", "has formatting where Telegram shows none"},
		{"toast.stale", strings.Repeat("x", 201), "at most 200 fit"},
		{"command.mute", strings.Repeat("x", 101), "at most 100 fit"},
		{"message.attached", strings.Repeat("x", 101), "at most 100 fit"},
		{"code.lgoin", "x", "is no text that telegate knows"},
		{"bot.test", "a <br> b", "has a < that is no part of a tag"},
	} {
		err := all.Check(tt.key, tt.text)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s = %.60q: %v, want %q", tt.key, tt.text, err, tt.want)
		}
	}
	keys := all.Keys()
	if !slices.Contains(keys, "code.login") || slices.ContainsFunc(keys, func(k string) bool { return strings.HasPrefix(k, "time.") }) {
		t.Errorf("own texts can stand for %q", keys)
	}
}

// A phone shows about 30 characters of a button that has the whole width, and half of that of each of two side by side (Connect and Not
// me). The label of an account begins with the account, since the server's name may be cut off.
func TestButtonsFitOnAPhone(t *testing.T) {
	const alone, sideBySide = 30, 20
	account, title := strings.Repeat("a", 32), strings.Repeat("t", 24)
	for code, words := range New() {
		w := words()
		for key, most := range map[string]int{"button.link": sideBySide, "button.not_me": sideBySide, "button.copy": alone} {
			if label := w.Short(key, nil); utf8.RuneCountInString(label) > most {
				t.Errorf("%s: %s is %q, longer than %d characters", code, key, label, most)
			}
		}
		if link, notMe := w.Short("button.link", nil), w.Short("button.not_me", nil); utf8.RuneCountInString(link+notMe) > 34 {
			t.Errorf("%s: %q and %q do not fit side by side", code, link, notMe)
		}
		if label := strings.TrimLeft(w.Short("button.disconnect", Values{"account": account, "title": title}), "\u2068"); !strings.HasPrefix(label, account) {
			t.Errorf("%s: the label %q does not begin with the account", code, label)
		}
	}
}

// A text that asks people to turn to the administrator names whose, by the server's name, or says "there" after the server's name: an
// account in Telegram has no administrator.
func TestTextsAboutTheAdministratorNameTheServer(t *testing.T) {
	for code, words := range New() {
		for _, m := range words().messages {
			switch m.ID {
			case "link.connected_plain", "link.ended":
				if strings.Count(m.Other, "{title}") != 2 {
					t.Errorf("%s: %s does not name the server whose administrator helps", code, m.ID)
				}
			case "link.replaced", "report.used", "report.action":
				if !strings.Contains(m.Other, "{title}") {
					t.Errorf("%s: %s does not name the server", code, m.ID)
				}
			}
		}
	}
}

// After Not me nobody reads that something was refused, as if the tap had been: the toast points to the message, which says what happened.
func TestNotMeIsNotAnsweredWithARefusal(t *testing.T) {
	for code, refused := range map[string]string{
		"en": "Denied", "de": "Abgelehnt", "fr": "Refusé", "es": "Rechazado", "pt": "Recusado", "it": "Rifiutato", "nl": "Geweigerd", "pl": "Odrzucono",
		"ru": "Отклонено", "uk": "Відхилено", "tr": "Reddedildi", "ar": "تم الرفض", "zh": "已拒绝", "ja": "拒否しました",
	} {
		for _, m := range New()[code]().messages {
			if (m.ID == "toast.denied" || strings.HasPrefix(m.ID, "report.")) && strings.Contains(m.Other, refused) {
				t.Errorf("%s: %s says %q", code, m.ID, m.Other)
			}
		}
	}
}
