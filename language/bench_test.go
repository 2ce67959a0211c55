package language

import "testing"

func BenchmarkSay(b *testing.B) {
	w := New()["de"]()
	b.ReportAllocs()
	for b.Loop() {
		w.Say("code.login", Values{"code": "123456", "title": "My Server", "time": "5 Minuten"})
	}
}

func BenchmarkSpan(b *testing.B) {
	w := New()["de"]()
	b.ReportAllocs()
	for b.Loop() {
		w.Span(300e9)
	}
}

// BenchmarkRead is what the first word in a language costs.
func BenchmarkRead(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		read("de")
	}
}
