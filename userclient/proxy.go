package userclient

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gotd/td/telegram/dcs"
	"golang.org/x/net/proxy"
)

// ErrProxy: the proxy is not written as one. Errors that wrap it show neither password nor secret.
var ErrProxy = errors.New("proxy")

// secretSize is the key inside an MTProxy secret, in bytes.
const secretSize = 16

// ParseProxy reads a proxy's address:
//
//	socks5://user:password@host:1080   (socks5h means the same: names are always resolved by the proxy)
//	http://user:password@host:3128     (CONNECT; https encrypts the way to the proxy)
//	mtproxy://SECRET@host:443
//	tg://proxy?server=host&port=443&secret=SECRET, and the same as https://t.me/proxy?…
//
// An MTProxy secret is 32 hexadecimal digits; before them may stand "dd", or "ee", which needs the name of a website in
// hexadecimal behind them. The base64 spelling that some links use is read too.
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

// hostPort is where the proxy listens; a port that is left out is the usual one, as in net/http.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"socks5": "1080", "socks5h": "1080", "http": "80", "https": "443", "mtproxy": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// proxySecret reads an MTProxy secret and says what is wrong with one that is not.
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

// resolver finds the way to a data centre.
func resolver(through *url.URL) (dcs.Resolver, error) {
	direct := &net.Dialer{Timeout: dialTimeout, KeepAliveConfig: net.KeepAliveConfig{Enable: true}}
	if through == nil {
		return dcs.Plain(dcs.PlainOptions{Dial: direct.DialContext}), nil
	}
	switch through.Scheme {
	case "mtproxy":
		secret, err := proxySecret(through.User.Username())
		if err != nil {
			return nil, err
		}
		r, err := dcs.MTProxy(hostPort(through), secret, dcs.MTProxyOptions{Dial: direct.DialContext})
		if err != nil {
			return nil, fmt.Errorf("%w: the MTProxy secret cannot be read", ErrProxy) // the library's error shows it
		}
		return r, nil
	case "socks5", "socks5h":
		var login *proxy.Auth
		if through.User != nil {
			password, _ := through.User.Password()
			login = &proxy.Auth{User: through.User.Username(), Password: password}
		}
		dialer, err := proxy.SOCKS5("tcp", hostPort(through), login, direct)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrProxy, err)
		}
		return dcs.Plain(dcs.PlainOptions{Dial: dialer.(proxy.ContextDialer).DialContext}), nil
	case "http", "https":
		return dcs.Plain(dcs.PlainOptions{Dial: httpTunnel{proxy: through, direct: direct}.DialContext}), nil
	default:
		return nil, fmt.Errorf("%w: %q is not among socks5, socks5h, http, https and mtproxy", ErrProxy, through.Scheme)
	}
}

// httpTunnel dials through an HTTP proxy's CONNECT.
type httpTunnel struct {
	proxy  *url.URL
	direct *net.Dialer
}

// DialContext opens a tunnel to address. Both the dial and the proxy's answer have dialTimeout.
func (t httpTunnel) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := t.direct.DialContext(ctx, network, hostPort(t.proxy))
	if err != nil {
		return nil, fmt.Errorf("connect to the proxy: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	tunnel, err := t.open(ctx, conn, address)
	if err != nil || !stop() {
		conn.Close()
		return nil, errors.Join(err, ctx.Err())
	}
	return tunnel, nil
}

func (t httpTunnel) open(ctx context.Context, conn net.Conn, address string) (net.Conn, error) {
	if err := conn.SetDeadline(time.Now().Add(dialTimeout)); err != nil {
		return nil, err
	}
	if t.proxy.Scheme == "https" {
		conn = tls.Client(conn, &tls.Config{ServerName: t.proxy.Hostname()})
	}
	req := (&http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address, Header: http.Header{}}).WithContext(ctx)
	if user := t.proxy.User; user != nil {
		password, _ := user.Password()
		req.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)))
	}
	if err := req.Write(conn); err != nil {
		return nil, fmt.Errorf("ask the proxy for a tunnel: %w", err)
	}
	r := bufio.NewReader(conn)
	answer, err := http.ReadResponse(r, req)
	if err != nil {
		return nil, fmt.Errorf("read the proxy's answer: %w", err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the proxy answers %d to CONNECT", answer.StatusCode)
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	return tunneled{conn, r}, nil
}

// tunneled reads first what came along with the proxy's answer.
type tunneled struct {
	net.Conn
	r *bufio.Reader
}

func (c tunneled) Read(b []byte) (int, error) { return c.r.Read(b) }
