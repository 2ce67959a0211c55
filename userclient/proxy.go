package userclient

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// ErrProxy: the proxy's address is invalid. Errors that wrap it show neither password nor secret.
var ErrProxy = errors.New("proxy")

// secretSize is the key inside an MTProxy secret, in bytes.
const secretSize = 16

// ParseProxy reads a proxy's address:
//
//	socks5://user:password@host:1080   (socks5h means the same: the proxy always resolves names)
//	http://user:password@host:3128     (CONNECT; https encrypts the connection to the proxy)
//	mtproxy://SECRET@host:443
//	tg://proxy?server=host&port=443&secret=SECRET, and the same as https://t.me/proxy?…
//
// An MTProxy secret is 32 hexadecimal digits. "dd" may precede them, or "ee" with the name of a website in hexadecimal after
// them. The base64 form of some links works too.
func ParseProxy(address string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil {
		return nil, fmt.Errorf("%w: the address cannot be read; it looks like socks5://127.0.0.1:1080", ErrProxy)
	}
	if u.Scheme == "tg" && u.Host == "proxy" || (u.Host == "t.me" || u.Host == "telegram.me") && u.Path == "/proxy" {
		q := u.Query()
		u = &url.URL{Scheme: "mtproxy", User: url.User(q.Get("secret")), Host: net.JoinHostPort(q.Get("server"), q.Get("port"))}
		if q.Get("server") == "" || q.Get("port") == "" {
			u.Host = ""
		}
	}
	switch u.Scheme {
	case "mtproxy":
		if _, err := proxySecret(u.User.Username()); err != nil {
			return nil, err
		}
	case "socks5", "socks5h", "http", "https":
	default:
		return nil, fmt.Errorf("%w: %q is not among socks5, socks5h, http, https and mtproxy", ErrProxy, u.Scheme)
	}
	if u.Hostname() == "" {
		return nil, fmt.Errorf("%w: the host is missing, as in %s://proxy.example:1080", ErrProxy, u.Scheme)
	}
	return u, nil
}

// proxySecret decodes an MTProxy secret. Its error says what is wrong.
func proxySecret(text string) ([]byte, error) {
	secret, err := hex.DecodeString(text)
	if err != nil {
		secret, err = base64.RawURLEncoding.DecodeString(strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(text), "="))
	}
	wrong := func(format string, args ...any) ([]byte, error) {
		return nil, fmt.Errorf("%w: the MTProxy secret "+format, append([]any{ErrProxy}, args...)...)
	}
	switch {
	case text == "":
		return wrong("is missing; it stands before the @, as in mtproxy://SECRET@host:443")
	case err != nil:
		return wrong("is neither hexadecimal nor base64")
	case len(secret) == secretSize:
	case len(secret) < secretSize:
		return wrong("has %d bytes, and %d are needed (32 hexadecimal digits): its end is missing", len(secret), secretSize)
	case secret[0] == 0xdd && len(secret) != 1+secretSize:
		return wrong("has %d bytes behind dd, and %d are needed", len(secret)-1, secretSize)
	case secret[0] == 0xdd:
	case secret[0] == 0xee && len(secret) == 1+secretSize:
		return wrong("begins with ee and lacks the name of the website behind it: its end is missing")
	case secret[0] == 0xee && !isHostName(secret[1+secretSize:]):
		return wrong("begins with ee and does not end with the name of a website")
	case secret[0] == 0xee:
	default:
		return wrong("has %d bytes; it is %d, or dd and %d, or ee, %d and the name of a website", len(secret), secretSize, secretSize, secretSize)
	}
	return secret, nil
}

func isHostName(b []byte) bool {
	return len(b) > 0 && len(b) <= 253 && len(bytes.Trim(b, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-")) == 0
}
