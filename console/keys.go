package console

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// Scope is what a key may do.
type Scope string

// The scopes that pages need. Every page needs scopeAdmin.
const (
	scopeLink  Scope = "link"
	scopeSend  Scope = "send"
	scopeAdmin Scope = "admin"
)

// Key is an API key. It holds only the digest of the key itself.
type Key struct {
	Name    string
	Hash    string   // "sha256:" and 64 hexadecimal digits
	Domains []string // everyDomain for all
	Scopes  []Scope

	// User and UserDomain are the administrator's own account, if the key has one. If it is linked, signing in also needs a code.
	User, UserDomain string
}

// everyDomain in a key means every domain. It is not the id of a domain.
const everyDomain = "*"

func (k Key) allows(domain string) bool {
	return slices.Contains(k.Domains, everyDomain) || slices.Contains(k.Domains, domain)
}

func (k Key) may(scope Scope) bool { return slices.Contains(k.Scopes, scope) }

// keyring finds keys by their digest.
type keyring map[string]Key

// SetKeys replaces the keys. Each request checks the key of its session, so a session ends with the first request after its key
// was removed or lost the scope admin.
func (c *Console) SetKeys(keys []Key) {
	ring := keyring{}
	for _, k := range keys {
		ring[k.Hash] = k
	}
	c.keys.Store(&ring)
}

// administrator returns the key with a digest, if it may use the console.
func (c *Console) administrator(hash string) (Key, bool) {
	k, ok := (*c.keys.Load())[hash]
	return k, ok && k.may(scopeAdmin)
}

// hashKey computes Key.Hash. The keys are 256 random bits, so the timing of a lookup reveals nothing.
func hashKey(key string) string {
	sum := sha256.Sum256([]byte(strings.TrimSpace(key)))
	return "sha256:" + hex.EncodeToString(sum[:])
}
