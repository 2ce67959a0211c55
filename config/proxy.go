package config

import (
	"encoding/base64"
	"encoding/hex"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// MTProxy is a proxy with Telegram's own protocol. It only transports MTProto.
type MTProxy struct {
	Host string // an IP address or a name; empty: no MTProxy
	Port int

	// Secret is from the proxy's owner, in hexadecimal: 32 digits; "dd" and 32; or "ee", 32 and the host name that the connection
	// pretends to use, also in hexadecimal.
	Secret Secret
}

// Address returns host:port, "" without an MTProxy.
func (p MTProxy) Address() string {
	if p.Host == "" {
		return ""
	}
	return net.JoinHostPort(p.Host, strconv.Itoa(p.Port))
}

// MTProtoProxy returns the proxy for MTProto as a URL with a port: that of the Bot API, or mtproxy://secret@host:port. "": none.
func (t Telegram) MTProtoProxy() Secret {
	if p := t.MTProxy; p.Host != "" {
		u := url.URL{Scheme: "mtproxy", User: url.User(p.Secret.Reveal()), Host: p.Address()}
		return Secret(u.String())
	}
	u, err := url.Parse(t.Proxy.Reveal())
	if t.Proxy == "" || err != nil {
		return ""
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), proxyPorts[u.Scheme])
	}
	return Secret(u.String())
}

// proxyPorts are the default ports of proxies in net/http.
var proxyPorts = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}

// proxy reads the proxy: a URL, or MeshCentral's table. At most one of the results is set.
func (t *table) proxy() (Secret, MTProxy) {
	found, ok := t.lookup("proxy")
	if !ok {
		return "", MTProxy{}
	}
	switch found.(type) {
	case string:
		text, ok := t.string("proxy")
		switch {
		case !ok:
			return "", MTProxy{}
		case socksLink.MatchString(text):
			return t.socksLink(text), MTProxy{}
		case proxyLink.MatchString(text):
			return "", t.mtproxyLink(text)
		}
		return t.proxyURL(text), MTProxy{}
	case map[string]any:
		return t.proxyTable(t.table("proxy"))
	default:
		t.fault("proxy", "must be a URL in quotes or a table with ip and port, not %s", kind(found))
		return "", MTProxy{}
	}
}

// proxyURL checks a proxy's URL. Messages do not show it: it may contain a password.
func (t *table) proxyURL(text string) Secret {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || !validPort(u) {
		t.fault("proxy", "must be a URL such as socks5://127.0.0.1:1080 or http://user:password@proxy.example:3128")
		return ""
	}
	switch u.Scheme {
	case "socks5", "socks5h", "http", "https":
	default:
		t.fault("proxy", "must begin with socks5://, socks5h://, http:// or https://")
		return ""
	}
	if _, hasPassword := u.User.Password(); hasPassword {
		t.p.cfg.inlineSecret = true
	}
	return Secret(text)
}

// proxyLink matches MTProxies: mtproxy://secret@host:port, and Telegram's links. socksLink matches Telegram's links to SOCKS5 proxies.
// (https://core.telegram.org/api/links#mtproxy-links and #socks5-proxy-links; the other hosts are Telegram's too.)
var (
	proxyLink = regexp.MustCompile(`^(?i:mtproxy://|` + telegramLink + `proxy\?)`)
	socksLink = regexp.MustCompile(`^(?i:` + telegramLink + `socks\?)`)
)

const telegramLink = `(?:tg:(?://)?|(?:https?://)?(?:www\.)?(?:t\.me|telegram\.me|telegram\.dog)/)`

// socksLink turns a link to a SOCKS5 proxy into its URL.
func (t *table) socksLink(text string) Secret {
	_, parameters, _ := strings.Cut(text, "?")
	query, err := url.ParseQuery(parameters)
	if err != nil {
		t.fault("proxy", "is a link to a SOCKS5 proxy that cannot be read; copy it again")
		return ""
	}
	host, portText := query.Get("server"), query.Get("port")
	port, err := strconv.ParseUint(portText, 10, 16)
	if !validHost(host) || err != nil || port == 0 {
		t.fault("proxy", "is a link to a SOCKS5 proxy that lacks its server or port; copy it again")
		return ""
	}
	socks := url.URL{Scheme: "socks5", Host: net.JoinHostPort(host, portText)}
	switch user, password := query.Get("user"), query.Get("pass"); {
	case password != "":
		socks.User = url.UserPassword(user, password)
	case user != "":
		socks.User = url.User(user)
	}
	return t.proxyURL(socks.String())
}

// mtproxyLink reads one of the links to an MTProxy.
func (t *table) mtproxyLink(text string) MTProxy {
	u, err := url.Parse(text)
	if err != nil {
		t.fault("proxy", "is a link to an MTProxy that cannot be read; copy it again")
		return MTProxy{}
	}
	host, portText, secret := u.Hostname(), u.Port(), u.User.Username()
	if u.Scheme != "mtproxy" {
		query := u.Query()
		host, portText, secret = query.Get("server"), query.Get("port"), query.Get("secret")
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if !validHost(host) || err != nil || port == 0 {
		t.fault("proxy", "is a link to an MTProxy that lacks its server or port; copy it again")
		return MTProxy{}
	}
	return t.mtproxy("proxy", MTProxy{Host: host, Port: int(port), Secret: Secret(secret)})
}

// proxyTable turns MeshCentral's table, which is GramJS's, into a socks5 URL or an MTProxy.
func (t *table) proxyTable(proxy *table) (Secret, MTProxy) {
	defer proxy.close()
	host, hasHost := proxy.string("ip")
	port := proxy.integer("port", 0, 1, 65535)
	user, hasUser := proxy.string("username")
	password, hasPassword := proxy.string("password")
	isMTProxy := proxy.boolean("MTProxy", false)
	secret, hasSecret := proxy.string("secret")
	socks := proxy.integer("socksType", 5, 4, 5)
	timeout := proxy.integer("timeout", 0, 1, 3600)

	switch {
	case hasHost && !validHost(host):
		proxy.fault("ip", "must be an IP address or a host name")
		return "", MTProxy{}
	case !hasHost || port == 0:
		t.fault("proxy", "needs ip and port")
		return "", MTProxy{}
	}
	if timeout != 0 {
		proxy.warn("timeout", "is not used: telegate has its own timeouts")
	}
	switch {
	case isMTProxy && !hasSecret:
		proxy.fault("secret", "is missing: an MTProxy is reached with the secret its owner gave out")
		return "", MTProxy{}
	case isMTProxy:
		return "", proxy.mtproxy("secret", MTProxy{Host: host, Port: int(port), Secret: Secret(secret)})
	case hasSecret:
		proxy.fault("secret", "belongs to an MTProxy; set MTProxy = true, or give a SOCKS5 proxy username and password")
		return "", MTProxy{}
	case socks == 4:
		proxy.fault("socksType", "must be 5; SOCKS4 is not supported")
		return "", MTProxy{}
	case hasPassword && !hasUser:
		proxy.fault("password", "needs a username beside it")
		return "", MTProxy{}
	}
	u := url.URL{Scheme: "socks5", Host: net.JoinHostPort(host, strconv.FormatInt(port, 10))}
	if hasPassword {
		u.User = url.UserPassword(user, password)
	} else if hasUser {
		u.User = url.User(user)
	}
	return t.proxyURL(u.String()), MTProxy{}
}

// mtproxy checks the secret of an MTProxy, from a key, and warns that the Bot API cannot use the proxy.
func (t *table) mtproxy(key string, p MTProxy) MTProxy {
	t.p.cfg.inlineSecret = true
	secret, ok := decodeProxySecret(p.Secret.Reveal())
	switch n := len(secret); {
	case !ok:
		t.fault(key, "holds no MTProxy secret, which is hexadecimal or base64")
	case n == 17 && secret[0] == 0xee:
		t.fault(key, `holds an MTProxy secret that is cut off: behind "ee" and 32 hexadecimal digits follows a host name`)
	case n == 16, n == 17 && secret[0] == 0xdd, n > 17 && secret[0] == 0xee:
		t.warn("proxy", "is an MTProxy, which carries MTProto only; the Bot API connects without a proxy")
		p.Secret = Secret(hex.EncodeToString(secret))
		return p
	default:
		t.fault(key, `holds an MTProxy secret of the wrong length, %d bytes: it has 16 (32 hexadecimal digits), or "dd" and 16, or "ee", 16 and a host name`, n)
	}
	return MTProxy{}
}

// decodeProxySecret decodes hexadecimal or, as in newer links, base64 of either alphabet.
func decodeProxySecret(text string) ([]byte, bool) {
	if secret, err := hex.DecodeString(text); err == nil {
		return secret, len(secret) > 0
	}
	plain := strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(text, "="))
	secret, err := base64.RawURLEncoding.DecodeString(plain)
	return secret, err == nil && !hexDigits.MatchString(text)
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)

// validHost reports whether a text is an IP address or may be a host's name.
func validHost(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil || len(host) <= 253 && hostName.MatchString(host)
}
