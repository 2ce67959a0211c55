package console

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// Scope is what a key may do.
type Scope string

// The scopes that pages ask for; every page needs scopeAdmin.
const (
	scopeLink  Scope = "link"
	scopeSend  Scope = "send"
	scopeAdmin Scope = "admin"
)

// Key is an API key as the console knows it. The key itself is not known here, only its digest.
type Key struct {
	Name    string
	Hash    string   // "sha256:" and 64 hexadecimal digits
	Domains []string // everyDomain for all
	Scopes  []Scope

	// User and UserDomain name the administrator's own account, if the key has one: once that is linked, signing in needs a code too.
	User, UserDomain string
}

// everyDomain stands for every domain in a key. It is no domain's id.
const everyDomain = "*"

func (k Key) allows(domain string) bool {
	return slices.Contains(k.Domains, everyDomain) || slices.Contains(k.Domains, domain)
}

func (k Key) may(scope Scope) bool { return slices.Contains(k.Scopes, scope) }

// keyring finds keys by their digest.
type keyring map[string]Key

// SetKeys puts other keys in force. A session lives as long as its key: of one that has gone, or may not administrate any
// more, it ends with its next request, and what a key may do is asked each time.
func (c *Console) SetKeys(keys []Key) {
	ring := keyring{}
	for _, k := range keys {
		ring[k.Hash] = k
	}
	c.keys.Store(&ring)
}

// administrator is the key with a digest, if it may use the console.
func (c *Console) administrator(hash string) (Key, bool) {
	k, ok := (*c.keys.Load())[hash]
	return k, ok && k.may(scopeAdmin)
}

// hashKey is what Key.Hash holds for a key. A look-up by the SHA-256 of 256 random bits reveals nothing by its timing.
func hashKey(key string) string {
	sum := sha256.Sum256([]byte(strings.TrimSpace(key)))
	return "sha256:" + hex.EncodeToString(sum[:])
}
