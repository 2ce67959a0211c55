//go:build !nomtproto

package userclient

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/gotd/td/telegram/dcs"
	"golang.org/x/net/proxy"
)

// hostPort is the proxy's address; the default port is the same as in net/http.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"socks5": "1080", "socks5h": "1080", "http": "80", "https": "443", "mtproxy": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// resolver returns gotd's resolver for direct connections or through a proxy.
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
	return tunnelConn{conn, r}, nil
}

// tunnelConn first reads what arrived together with the proxy's answer.
type tunnelConn struct {
	net.Conn
	r *bufio.Reader
}

func (c tunnelConn) Read(b []byte) (int, error) { return c.r.Read(b) }
