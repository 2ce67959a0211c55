package delivery_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"telegate/delivery"
)

func TestNamesFromOutsideAreSafeToShow(t *testing.T) {
	for name, want := range map[string]string{
		"Alice":                            "Alice",
		"  Alice \n\t Smith ":              "Alice Smith",
		"evil\u202egnp.exe":                "evilgnp.exe", // right-to-left override
		"a\u200bb\u2066c\ufeffd\u00ade":    "abcde",       // zero width, isolate, byte order mark, soft hyphen
		"nul\x00bell\x07":                  "nulbell",
		"private\ue000use":                 "privateuse",
		"bad\xff\xfeutf8":                  "badutf8",
		"👩\u200d👩\u200d👧":                  "👩\u200d👩\u200d👧",
		"مرحبا":                            "مرحبا",
		"":                                 "",
		"\u202e\u200b ":                    "",
		strings.Repeat("x", 20):            strings.Repeat("x", 20),
		strings.Repeat("x", 21):            strings.Repeat("x", 19) + "…",
		strings.Repeat("é", 21):            strings.Repeat("é", 19) + "…",
		strings.Repeat("\u202e", 50) + "a": "a",
	} {
		got := delivery.Displayable(name, 20)
		if got != want {
			t.Errorf("%q is shown as %q, want %q", name, got, want)
		}
		if n := utf8.RuneCountInString(got); n > 20 || !utf8.ValidString(got) {
			t.Errorf("%q is shown as %d characters", name, n)
		}
	}
}
