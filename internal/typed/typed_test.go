package typed

import (
	"testing"
	"unicode"
)

func TestACodeIsReadInTheDigitsOfAnyScript(t *testing.T) {
	for _, s := range []string{
		"286020", "286 020", "286-020", "٢٨٦٠٢٠", "۲۸۶۰۲۰", "２８６０２０", "२८६०२०", "𝟐𝟖𝟔𝟎𝟐𝟎", // Arabic, Persian, full width, Hindi, mathematical
		"286\u00a0020", "286\u202f020", "286\u2009020", "286\u3000020", "\t286020", "286020\r\n", // spaces
		"286\u2010020", "286\u2013020", "286\u2212020", // hyphen, en dash, minus
		"\ufeff286020", "\u200e286020\u200f", "286020\u200b", "286\u00ad020", "\u2066286020\u2069", "2\ufe0f86020", // nobody sees these
	} {
		if got := Digits(s); got != "286020" {
			t.Errorf("Digits(%+q) = %+q", s, got)
		}
	}
}

func TestWhatIsNoDigitStays(t *testing.T) {
	for _, s := range []string{"28602O", "①②③", "²³", "286.020", "286_020", "x", "Ⅻ", "2\u20e38"} {
		if got := Digits(s); got != s {
			t.Errorf("Digits(%+q) = %+q", s, got)
		}
	}
}

// The zero of each script is where a range of Go's table begins, also after a new version of Unicode.
func TestEveryScriptHasTenDigitsFromItsZero(t *testing.T) {
	check := func(lo, hi, stride int) {
		if stride != 1 || (hi-lo+1)%10 != 0 {
			t.Errorf("the range %#x to %#x is no row of ten digits", lo, hi)
		}
	}
	for _, r := range unicode.Nd.R16 {
		check(int(r.Lo), int(r.Hi), int(r.Stride))
	}
	for _, r := range unicode.Nd.R32 {
		check(int(r.Lo), int(r.Hi), int(r.Stride))
	}
}

func TestCleanKeepsWhatPeopleSee(t *testing.T) {
	for in, want := range map[string]string{
		"\u200e@bobby_tg\u200b": "@bobby_tg", " \ufeff@bobby_tg\u00a0": "@bobby_tg", "/mute 2h": "/mute 2h", "": "", "\u2067مرحبا\u2069": "مرحبا",
	} {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%+q) = %+q, want %+q", in, got, want)
		}
	}
}

func FuzzDigits(f *testing.F) {
	f.Add("٢٨٦ 020\u200b")
	f.Fuzz(func(t *testing.T, s string) {
		once := Digits(s)
		if again := Digits(once); again != once {
			t.Errorf("Digits(%q) = %q, and of that %q", s, once, again)
		}
		if len(Clean(s)) > 3*len(s) || len(once) > 3*len(s) { // an invalid byte becomes U+FFFD
			t.Errorf("%q grows", s)
		}
	})
}
