package twofa_test

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/twofa"
)

const firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:142.0) Gecko/20100101 Firefox/142.0"

func (w *world) message(v twofa.Verification) delivery.Part {
	w.T.Helper()
	m, err := w.DB.Load(w.T.Context(), v.MessageID)
	w.NoError("load message", err)
	if m.Lane != delivery.LaneCode || m.Silent || len(m.Body.Parts) != 1 {
		w.T.Fatalf("message of a code: %+v", m)
	}
	return m.Body.Parts[0]
}

func TestTheMessageHasTheCodeFirstAndSaysWhoAsksForIt(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	r := login("alice")
	r.Context = audit.Context{IP: "203.0.113.7", UserAgent: firefox, Location: "Madrid, ES"}
	v := w.create(r)
	code := w.code(v)

	want := delivery.Part{
		Text: delivery.Text{}.Code(code).Plain(" is your sign-in code for ").Bold("My Server").
			Plain(".\n\nIt works once, for 5 minutes, on the page that asked for it. Do not give it to anyone.\n\nRequested by ").
			Code("Firefox on Windows, 203.0.113.7, Madrid, ES").Plain("."),
		Buttons: [][]delivery.Button{
			{{Label: "Copy code", Copy: code}},
			{{Label: "Not me", Callback: "deny:" + v.ID, Style: "danger"}},
		},
	}
	if diff := cmp.Diff(want, w.message(v)); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
	if n := len(want.Buttons[1][0].Callback); n > 64 {
		t.Errorf("the button carries %d bytes, Telegram takes 64", n)
	}
}

// NIST 3.1.3 (note), 3.2.8: a tap that approves is no second factor; intent is shown by typing the code. The only tap there
// is denies.
func TestNoButtonApproves(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alicesChat)
	v := w.create(login("alice"))
	for _, row := range w.message(v).Buttons {
		for _, b := range row {
			if b.Callback != "" && b.Callback != twofa.ButtonNotMe+":"+v.ID || b.URL != "" {
				t.Errorf("button %+v", b)
			}
		}
	}
}

func TestTheMessageNamesPurposeAndTheTimeThatIsLeft(t *testing.T) {
	w := newWorld(t)
	w.link("corp", "alice", alicesChat)
	v := w.create(twofa.CreateRequest{Domain: "corp", User: "alice", Purpose: twofa.Recovery})
	if text := w.message(v).Text.Text; !strings.HasSuffix(text, " is your recovery code for Corp.\n\nIt works once, for 5 minutes, on the page that asked for it. Do not give it to anyone.") {
		t.Errorf("without context: %q", text)
	}
	w.Clock.Advance(3*time.Minute + 15*time.Second)
	v, err := w.codes.Resend(t.Context(), v.ID)
	w.NoError("resend", err)
	if text := w.message(v).Text.Text; !strings.Contains(text, "for 105 seconds") {
		t.Errorf("after a resend: %q", text)
	}
	v = w.create(twofa.CreateRequest{Domain: "corp", User: "alice", Purpose: twofa.Confirm})
	if text := w.message(v).Text.Text; !strings.Contains(text, " is your confirmation code for Corp.") {
		t.Errorf("confirmation: %q", text)
	}
}

// Whoever signs in writes the browser's name, and servers pass on addresses they were told; titles and places come from
// databases. None of it may look like something the bot says, hide what it says, or become a link to tap.
func TestHostileValuesCannotSpeakForTheBot(t *testing.T) {
	const sentence = "Your account is locked, go to https://evil.example"
	for _, tt := range []struct {
		name    string
		title   string
		context audit.Context
		origin  string // as it is shown; empty: there is no such line
	}{
		{"new lines", "My\nServer\r\n\u2028\u2029\x85", audit.Context{IP: "203.0.113.7\n", UserAgent: firefox + "\nx", Location: "Madrid\n\n000000 is your code"},
			"Firefox on Windows, Madrid 000000 is your code"},
		{"directions", "My\u202e Server\u2066\u200f", audit.Context{IP: "203.0.113.7", Location: "\u202eSE ,dirdaM\u2069\u200e"}, "203.0.113.7, SE ,dirdaM"},
		{"invisible", "My\u200b Ser\u00adver\ufeff\x00\x1b[31m", audit.Context{Location: "\u200b\ufeff\x00"}, ""},
		{"not UTF-8", "My \xffServer\xfe", audit.Context{Location: "Madrid\xff", IP: "\xff", UserAgent: "\xff\xfe/1.0"}, "Madrid"},
		{"markup", "<b>My Server</b>", audit.Context{Location: "*Madrid* `x` <a href='https://evil.example'>x</a>"}, "*Madrid* `x` <a href='https://evil.example'>x</a>"},
		{"a sentence for a browser", "My Server", audit.Context{UserAgent: sentence}, ""},
		{"a sentence with a version", "My Server", audit.Context{UserAgent: sentence + "/1.0 (X11; Linux x86_64)"}, ""},
		{"an address for a browser", "My Server", audit.Context{UserAgent: "Mozilla/5.0 (compatible; t.me/evil)"}, ""},
		{"a sentence for an address", "My Server", audit.Context{IP: sentence}, ""},
		{"a mapped address", "My Server", audit.Context{IP: "::ffff:203.0.113.7"}, "203.0.113.7"},
		{"a list of addresses", "My Server", audit.Context{IP: "203.0.113.7, evil.example"}, ""},
		{"a zone", "My Server", audit.Context{IP: "fe80::1%" + sentence}, "fe80::1"},
		{"very long", strings.Repeat("S", 5000), audit.Context{UserAgent: strings.Repeat("A/1 ", 5000), Location: strings.Repeat("é", 5000)}, strings.Repeat("é", 79) + "…"},
		{"nothing", "", audit.Context{}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.link("", "alice", alicesChat)
			w.domains.setTitle("", tt.title)
			r := login("alice")
			r.Context = tt.context
			v := w.create(r)
			part, code := w.message(v), w.code(v)

			if !strings.HasPrefix(part.Text.Text, code+" is your sign-in code for ") {
				t.Errorf("text begins %.60q", part.Text.Text)
			}
			if i := strings.IndexFunc(part.Text.Text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
				t.Errorf("text has an unprintable character at %d: %q", i, part.Text.Text)
			}
			paragraphs := strings.Split(part.Text.Text, "\n\n")
			wantParagraphs := 2
			if tt.origin != "" {
				wantParagraphs = 3
				if want := "Requested by " + tt.origin + "."; paragraphs[len(paragraphs)-1] != want {
					t.Errorf("origin: %q, want %q", paragraphs[len(paragraphs)-1], want)
				}
			}
			if len(paragraphs) != wantParagraphs || strings.Count(part.Text.Text, "\n") != 2*(wantParagraphs-1) {
				t.Errorf("text has %d paragraphs, want %d: %q", len(paragraphs), wantParagraphs, part.Text.Text)
			}
			for _, e := range part.Text.Entities {
				if e.Type != delivery.EntityCode && e.Type != delivery.EntityBold || e.URL != "" {
					t.Errorf("entity %+v", e)
				}
			}
			if last := part.Text.Entities[len(part.Text.Entities)-1]; tt.origin != "" && last.Type != delivery.EntityCode {
				t.Errorf("the origin stands in %s; only in code Telegram makes no links", last.Type)
			}
			if err := delivery.CheckText(part.Text); err != nil {
				t.Errorf("Telegram would refuse it: %v", err)
			}
		})
	}
}

func TestClientNamesTheBrowsersThatPeopleUse(t *testing.T) {
	for userAgent, want := range map[string][2]string{
		firefox: {"Firefox", "Windows"},
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36":                                      {"Chrome", "Linux"},
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0":              {"Edge", "Windows"},
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15":                      {"Safari", "macOS"},
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1":    {"Safari", "iOS"},
		"Mozilla/5.0 (Linux; Android 15; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36": {"Samsung Browser", "Android"},
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 OPR/122.0.0.0":              {"Opera", "Windows"},
		"Mozilla/5.0 (X11; Linux x86_64) MeshCentral": {"", "Linux"},
		"curl/8.5.0": {},
		"":           {},
	} {
		if browser, system := twofa.Client(userAgent); browser != want[0] || system != want[1] {
			t.Errorf("Client(%q) = %q, %q, want %q", userAgent, browser, system, want)
		}
	}
}

// Nothing of the header is repeated: whatever it holds, the answer is one of a few.
func FuzzClient(f *testing.F) {
	for _, s := range []string{firefox, "curl/8.5.0", "evil.example/1.0 (Linux; Android)", "a/b (c; d) e/f", "((((", ";;;;/", "\xff/\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, userAgent string) {
		browser, system := twofa.Client(userAgent)
		for _, name := range []string{browser, system} {
			if len(name) > 24 || strings.ContainsFunc(name, func(r rune) bool { return r != ' ' && (r < 'a' || 'z' < r) && (r < 'A' || 'Z' < r) }) {
				t.Errorf("Client(%q) = %q, %q", userAgent, browser, system)
			}
		}
	})
}
