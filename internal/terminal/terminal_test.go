package terminal

import (
	"testing"
)

// Long lines break at spaces. The next line is indented to the start of the text.
func TestLinesAreBrokenAtWords(t *testing.T) {
	for _, test := range []struct {
		text  string
		width int
		want  string
	}{
		{"one two three", 0, "one two three"},
		{"one two three", 13, "one two three"},
		{"one two three", 12, "one two\nthree"},
		{"one\ntwo three", 5, "one\ntwo\nthree"},
		{"see https://example.com/a/long/path now", 10, "see\nhttps://example.com/a/long/path\nnow"},
		{"  - first second", 10, "  - first\n    second"},
		{"  bot   needs one thing", 16, "  bot   needs\n        one\n        thing"},
		{"  1) phone     with a code", 20, "  1) phone     with\n               a\n               code"},
		{"äöü äöü", 6, "äöü\näöü"},
		{"", 10, ""},
		{"one", 1, "one"},
	} {
		if got := wrap(test.text, test.width); got != test.want {
			t.Errorf("%q within %d is %q, want %q", test.text, test.width, got, test.want)
		}
	}
}
