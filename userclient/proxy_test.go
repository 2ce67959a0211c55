package userclient_test

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"telegate/userclient"
	"testing"
)

var (
	proxyKey   = []byte("0123456789abcdef")
	plainKey   = hex.EncodeToString(proxyKey)
	paddedKey  = "dd" + plainKey
	fakeTLSKey = "ee" + plainKey + hex.EncodeToString([]byte("example.com"))
)

// The error for an invalid proxy says what is wrong and never shows the secret.
func TestAWrongProxyIsNamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ address, says string }{
		"nothing":               {"", "is not among"},
		"no scheme":             {"127.0.0.1:1080", "cannot be read"},
		"another scheme":        {"socks4://127.0.0.1:1080", "socks4"},
		"no host":               {"http://:3128", "host is missing"},
		"no secret":             {"mtproxy://127.0.0.1:443", "is missing"},
		"a short secret":        {"mtproxy://" + plainKey[:30] + "@127.0.0.1:443", "has 15 bytes, and 16 are needed"},
		"half a digit":          {"mtproxy://" + plainKey[:31] + "z@127.0.0.1:443", "has 24 bytes"}, // read as base64
		"no digits at all":      {"mtproxy://!!@127.0.0.1:443", "neither hexadecimal nor base64"},
		"dd with too much":      {"mtproxy://" + paddedKey + "00@127.0.0.1:443", "behind dd"},
		"ee without a website":  {"mtproxy://ee" + plainKey + "@127.0.0.1:443", "lacks the name of the website"},
		"ee with no name":       {"mtproxy://ee" + plainKey + "0001@127.0.0.1:443", "name of a website"},
		"another first byte":    {"mtproxy://aa" + plainKey + "@127.0.0.1:443", "has 17 bytes"},
		"a link without server": {"https://t.me/proxy?port=443&secret=" + plainKey, "host is missing"},
	} {
		_, err := userclient.ParseProxy(c.address)
		if !errors.Is(err, userclient.ErrProxy) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), plainKey[:10]) {
			t.Errorf("%s: the secret is shown: %v", name, err)
		}
	}
	for _, secret := range []string{plainKey, paddedKey, fakeTLSKey, base64.RawURLEncoding.EncodeToString(append([]byte{0xdd}, proxyKey...))} {
		for _, address := range []string{"mtproxy://" + secret + "@proxy.example:443", "https://t.me/proxy?server=proxy.example&port=443&secret=" + secret} {
			u, err := userclient.ParseProxy(address)
			if err != nil || u.Scheme != "mtproxy" || u.Host != "proxy.example:443" {
				t.Errorf("%s: %v, %v", address, u, err)
			}
		}
	}
}
