// Package secret makes codes, tokens and their digests. All randomness is crypto/rand (NIST SP 800-63B-4 §3.2.12, OWASP
// ASVS 6.5.3).
package secret

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/big"
)

// Code makes a code of 1-18 decimal digits. Each value is equally likely: rand.Int rejects instead of folding, so there is
// no bias.
func Code(digits int) string {
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil)
	n, err := rand.Int(rand.Reader, limit)
	if err != nil {
		panic("crypto/rand failed: " + err.Error()) // documented never to happen; never return a guessable code
	}
	return fmt.Sprintf("%0*d", digits, n)
}

// Token makes 256 random bits as 43 characters of [A-Za-z0-9_-], which a Telegram deep link can carry (1-64 of these
// characters). NIST SP 800-63B-4 §4.1.2.2 asks for 112 bits.
func Token() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Hash is the SHA-256 of a secret that cannot be guessed, such as a token. Codes need a Key instead.
func Hash(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}

// Key is a key for MACs that is stored outside the database, so that a reader of the database cannot try all million codes
// (OWASP ASVS 6.5.2).
type Key []byte

// MAC is the HMAC-SHA256 of the parts; each has its length in front, so no two lists of parts look alike.
func (k Key) MAC(parts ...string) []byte {
	h := hmac.New(sha256.New, k)
	for _, p := range parts {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	return h.Sum(nil)
}

// Equal compares two digests in constant time. An empty digest equals nothing, so a wiped one never matches.
func Equal(a, b []byte) bool { return len(a) > 0 && hmac.Equal(a, b) }
