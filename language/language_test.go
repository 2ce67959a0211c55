package language_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"telegate/language"
)

func TestLanguageIsOfCallThenPersonThenDomain(t *testing.T) {
	for _, tt := range []struct{ call, person, domain, want string }{
		{"", "", "", "en"},
		{"de", "fr", "es", "de"},
		{"", "fr", "es", "fr"},
		{"", "", "es", "es"},
		{"en", "de", "de", "en"}, // asked for, and not only what is left
		{"tlh", "pt-br", "de", "pt"},
		{"", "zh-hans", "", "zh"},
		{"zh-Hant-TW", "", "", "zh"},
		{"DE-at", "", "", "de"},
		{"de_CH.UTF-8", "", "", "de"},
		{"C.UTF-8", "it", "", "it"},
		{"da, nl-BE;q=0.9,en;q=0.8", "", "", "nl"}, // an Accept-Language header, as a login page has it
		{"", "de-raw", "", "de"},                   // Telegram's name for a translation by volunteers
		{"zh-chs", "", "", "zh"},                   // MeshCentral's
		{"de;q=0.9", "", "", "de"},
		{"-de", "", "", "en"},
		{"*", "pl", "", "pl"},
		{"und", "pl", "", "pl"},
		{"x-private", "pl", "", "pl"},
		{"; DROP TABLE", "\x00", "🙂", "en"},
		{strings.Repeat("tlh-", 10_000), strings.Repeat(",", 10_000), "uk", "uk"},
	} {
		if got := language.Pick(tt.call, tt.person, tt.domain); got != tt.want {
			t.Errorf("Pick(%.40q, %q, %q) = %s, want %s", tt.call, tt.person, tt.domain, got, tt.want)
		}
	}
}

func TestTheseLanguagesAreThere(t *testing.T) {
	for _, code := range strings.Fields("ar de en es fr it ja nl pl pt ru tr uk zh") {
		if !slices.Contains(language.Codes(), code) {
			t.Errorf("there is no %s", code)
		}
	}
}

func TestDurationsAreInTheFormsOfEachLanguage(t *testing.T) {
	all := language.New()
	for _, tt := range []struct {
		code string
		span time.Duration
		want string
	}{
		{"en", 30 * time.Second, "30 seconds"},
		{"en", 119*time.Second + 400*time.Millisecond, "119 seconds"},
		{"en", 2 * time.Minute, "2 minutes"},
		{"en", 5*time.Minute - 300*time.Millisecond, "5 minutes"},
		{"en", time.Second, "1 second"},
		{"fr", 0, "0 seconde"},
		{"pl", 5 * time.Minute, "5 minut"},
		{"pl", 22 * time.Second, "22 sekundy"},
		{"ru", 21 * time.Minute, "21 минуту"},
		{"ru", 3 * time.Minute, "3 минуты"},
		{"ru", 11 * time.Minute, "11 минут"},
		{"uk", 61 * time.Second, "61 секунду"},
		{"ar", 2 * time.Minute, "دقيقتين"},
		{"ar", 5 * time.Minute, "5 دقائق"},
		{"ar", 20 * time.Minute, "20 دقيقة"},
		{"ja", 5 * time.Minute, "5 分"},
	} {
		if got := all[tt.code]().Span(tt.span); got != tt.want {
			t.Errorf("%v in %s is %q, want %q", tt.span, tt.code, got, tt.want)
		}
	}
	for code, words := range all {
		for n := range 200 { // each number has a form
			words().Span(time.Duration(n) * time.Second)
			words().Span(time.Duration(n) * time.Minute)
		}
		words().Span(1_000_000 * time.Minute) // which is "many" where little else is
		if code != words().Code() {
			t.Errorf("%s calls itself %s", code, words().Code())
		}
	}
}

func TestMomentsAreWrittenAsEachLanguageDoes(t *testing.T) {
	all := language.New()
	at := time.Date(2026, 3, 2, 16, 4, 5, 0, time.FixedZone("", 3600))
	for code, want := range map[string]string{
		"en": "2 March 15:04 UTC", "de": "2. März, 15:04 UTC", "es": "2 de marzo, 15:04 UTC", "ru": "2 марта, 15:04 UTC", "ja": "3月2日 15:04 UTC",
	} {
		if got := all[code]().Moment(at); got != want {
			t.Errorf("in %s: %q, want %q", code, got, want)
		}
	}
	for code, words := range all {
		seen := map[string]bool{}
		for month := time.January; month <= time.December; month++ {
			seen[words().Moment(time.Date(2026, month, 2, 0, 0, 0, 0, time.UTC))] = true
		}
		if len(seen) != 12 {
			t.Errorf("%s has %d months", code, len(seen))
		}
	}
}

func TestCustomTextsReplaceSome(t *testing.T) {
	standard := language.New()
	own := standard.With(map[string]map[string]string{"de": {"bot.test": "Hier ist <b>die IT</b>.", "button.link": "Los"}})
	if got := own["de"]().Say("bot.test", nil); got.Text != "Hier ist die IT." || len(got.Entities) != 1 {
		t.Errorf("own text: %+v", got)
	}
	if got := own["de"]().Short("button.link", nil); got != "Los" {
		t.Errorf("own label: %q", got)
	}
	for _, same := range []struct{ changed, of string }{
		{own["de"]().Short("button.copy", nil), standard["de"]().Short("button.copy", nil)},
		{own["fr"]().Short("button.link", nil), standard["fr"]().Short("button.link", nil)},
		{standard["de"]().Short("button.link", nil), "Verbinden"},
		{own["de"]().Span(time.Minute), "60 Sekunden"},
	} {
		if same.changed != same.of {
			t.Errorf("%q has become %q", same.of, same.changed)
		}
	}
}
