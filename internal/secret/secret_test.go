package secret_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"regexp"
	"strconv"
	"testing"

	"telegate/internal/secret"
)

func TestCodesHaveAsManyDigitsAsAskedFor(t *testing.T) {
	for digits := 1; digits <= 18; digits++ {
		shape := regexp.MustCompile(fmt.Sprintf("^[0-9]{%d}$", digits))
		for range 100 {
			if code := secret.Code(digits); !shape.MatchString(code) {
				t.Fatalf("Code(%d) = %q", digits, code)
			}
		}
	}
}

// NIST 3.1.3.2, 3.2.12 and OWASP ASVS 6.5.3, 6.5.4: six digits count as 20 bits only if every code is equally likely.
// Chi-square over each digit's place, over pairs of neighbours and over 1,000 equal ranges of the whole number; the
// bounds are those that an honest draw exceeds less than once in a billion runs.
func TestCodesAreUniform(t *testing.T) {
	const (
		draws  = 200_000
		digits = 6
	)
	var places [digits][10]int
	var pairs [digits - 1][100]int
	var ranges [1000]int
	for range draws {
		code := secret.Code(digits)
		n, err := strconv.Atoi(code)
		if err != nil {
			t.Fatal(err)
		}
		ranges[n/1000]++
		for i := range digits {
			places[i][code[i]-'0']++
			if i > 0 {
				pairs[i-1][10*(code[i-1]-'0')+code[i]-'0']++
			}
		}
	}
	chiSquare := func(counts []int) float64 {
		expected := float64(draws) / float64(len(counts))
		sum := 0.0
		for _, n := range counts {
			sum += (float64(n) - expected) * (float64(n) - expected) / expected
		}
		return sum
	}
	for i := range places {
		if x := chiSquare(places[i][:]); x > 66 { // 9 degrees of freedom
			t.Errorf("digit %d: chi-square is %.1f, want at most 66", i+1, x)
		}
	}
	for i := range pairs {
		if x := chiSquare(pairs[i][:]); x > 212 { // 99 degrees of freedom
			t.Errorf("digits %d and %d: chi-square is %.1f, want at most 212", i+1, i+2, x)
		}
	}
	if x := chiSquare(ranges[:]); x > 1300 { // 999 degrees of freedom
		t.Errorf("ranges: chi-square is %.1f, want at most 1300", x)
	}
}

// NIST 4.1.2.2 (112 bits) and OWASP ASVS 11.5.1 (128 bits): a token alone identifies a link. It has to be one that a
// Telegram deep link carries.
func TestTokensHave256BitsAndFitADeepLink(t *testing.T) {
	seen := map[string]bool{}
	var ones [256]int
	for range 10_000 {
		token := secret.Token()
		if !regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`).MatchString(token) {
			t.Fatalf("token %q", token)
		}
		if seen[token] {
			t.Fatal("the same token twice")
		}
		seen[token] = true
		bits, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil || len(bits) != 32 {
			t.Fatalf("token %q carries %d bytes: %v", token, len(bits), err)
		}
		for i := range ones {
			ones[i] += int(bits[i/8]>>(i%8)) & 1
		}
	}
	for i, n := range ones { // each bit is a fair coin: seven standard deviations of 50 around the middle
		if n < 4650 || n > 5350 {
			t.Errorf("bit %d is set in %d of 10,000 tokens", i, n)
		}
	}
}

func TestHashIsSHA256(t *testing.T) {
	const want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // FIPS 180-2, B.1
	if got := fmt.Sprintf("%x", secret.Hash("abc")); got != want {
		t.Errorf("Hash(abc) = %s, want %s", got, want)
	}
}

func TestMACTellsPartsApart(t *testing.T) {
	key := secret.Key("key")
	lists := [][]string{
		{}, {""}, {"", ""}, {"ab"}, {"a", "b"}, {"ab", ""}, {"", "ab"}, {"b", "a"}, {"a\x00b"}, {"a", "\x00", "b"},
		{"\x00\x00\x00\x00\x00\x00\x00\x01a"},
	}
	for i, a := range lists {
		for j, b := range lists {
			if same := bytes.Equal(key.MAC(a...), key.MAC(b...)); same != (i == j) {
				t.Errorf("MACs of %q and %q are equal: %v", a, b, same)
			}
		}
	}
	if bytes.Equal(key.MAC("a"), secret.Key("another").MAC("a")) {
		t.Error("the MAC does not depend on the key")
	}
	if n := len(key.MAC("a")); n != 32 {
		t.Errorf("a MAC has %d bytes, want 32", n)
	}
}

func TestNothingEqualsAnErasedDigest(t *testing.T) {
	for _, tt := range []struct {
		a, b []byte
		want bool
	}{
		{[]byte("digest"), []byte("digest"), true},
		{[]byte("digest"), []byte("digesT"), false},
		{[]byte("digest"), []byte("diges"), false},
		{nil, nil, false},
		{[]byte{}, []byte{}, false},
		{nil, []byte("digest"), false},
		{[]byte("digest"), nil, false},
	} {
		if got := secret.Equal(tt.a, tt.b); got != tt.want {
			t.Errorf("Equal(%q, %q) = %v, want %v", tt.a, tt.b, got, tt.want)
		}
	}
}
