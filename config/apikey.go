package config

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"
)

// keyPrefix marks an API key, for people and for scanners for leaked secrets.
const keyPrefix = "tgk_"

// NewAPIKey returns a new key: "tgk_" and 32 bytes of crypto/rand in base64url, 47 characters. The configuration stores only its
// HashAPIKey; the key itself is shown once.
func NewAPIKey() (key string, err error) {
	random := make([]byte, 32)
	if _, err := rand.Read(random); err != nil {
		return "", fmt.Errorf("make API key: %w", err)
	}
	return keyPrefix + base64.RawURLEncoding.EncodeToString(random), nil
}

// HashAPIKey returns the value of Key.Hash for a key. SHA-256 without salt is enough: 256 random bits cannot be guessed.
func HashAPIKey(key string) string {
	sum := sha256.Sum256([]byte(key))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// KeyTable returns the [[api.keys]] table of a key, to paste into the file.
func KeyTable(k Key) string {
	table := fmt.Sprintf("[[api.keys]]\nname = %s\nhash = %s\ndomains = %s\nscopes = %s\n",
		tomlValue(k.Name), tomlValue(k.Hash), tomlValue(k.Domains), tomlValue(k.Scopes))
	if k.User != "" {
		table += fmt.Sprintf("user = %s\nuser_domain = %s\n", tomlValue(k.User), tomlValue(k.UserDomain))
	}
	return table
}

// tomlValue returns a string, number, boolean or array of strings as TOML writes it.
func tomlValue(v any) string {
	line, err := toml.Marshal(map[string]any{"v": v})
	if err != nil {
		return `""` // impossible: the library rejects only types that are not used here
	}
	return strings.TrimSpace(strings.TrimPrefix(string(line), "v = "))
}
