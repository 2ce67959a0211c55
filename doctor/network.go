package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"telegate/config"
)

// Network is the doctor's access to the network.
type Network struct {
	Lookup      func(ctx context.Context, host string) ([]netip.Addr, error)
	Dial        func(ctx context.Context, network, address string) (net.Conn, error)
	Roots       *x509.CertPool // nil: the system's
	DataCentres []string       // host:port, in the order of their numbers
}

// RealNetwork is the real network. The data centres are those that Telegram's own apps start with (tdesktop, mtproto_dc_options.cpp).
func RealNetwork() Network {
	return Network{
		Lookup: func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		},
		Dial: (&net.Dialer{Timeout: CheckTimeout}).DialContext, // net/http abandons a dial without ending it
		DataCentres: []string{
			"149.154.175.53:443", "149.154.167.41:443", "149.154.175.100:443", "149.154.167.91:443", "91.108.56.191:443",
		},
	}
}

// endpoint is a Bot API server and the proxy to it.
type endpoint struct {
	net          Network
	base         *url.URL
	proxy        *url.URL // nil: none
	needsMTProto bool     // needs a correct clock
}

func (e endpoint) equal(other endpoint) bool {
	return e.base.String() == other.base.String() && fmt.Sprint(e.proxy) == fmt.Sprint(other.proxy)
}

// check checks one endpoint: the name, IPv4 and IPv6 with TLS, the proxy, and the clock.
func (e endpoint) check(ctx context.Context) []Finding {
	clock := make(chan Finding, 1)
	go func() { clock <- e.clock(ctx) }()
	var findings []Finding
	if e.proxy != nil {
		addresses, dns := e.resolve(ctx, e.proxy.Hostname())
		findings = append(findings, dns)
		if len(addresses) > 0 {
			findings = append(findings, e.throughProxy(ctx))
		}
	} else {
		addresses, dns := e.resolve(ctx, e.base.Hostname())
		findings = append(findings, dns)
		if len(addresses) > 0 {
			findings = append(findings, e.families(ctx, addresses)...)
		}
	}
	return append(findings, <-clock)
}

// resolve looks up a host.
func (e endpoint) resolve(ctx context.Context, host string) ([]netip.Addr, Finding) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}, Finding{"dns", Skip, host + " is an address and needs no DNS.", ""}
	}
	ctx, cancel := context.WithTimeout(ctx, CheckTimeout/2)
	defer cancel()
	addresses, err := e.net.Lookup(ctx, host)
	var unknown *net.DNSError
	switch {
	case errors.As(err, &unknown) && unknown.IsNotFound:
		return nil, Finding{"dns", Fail, "No name server knows " + host + ".", "Check the spelling of baseurl and proxy, and whether the name server filters Telegram."}
	case err != nil || len(addresses) == 0:
		return nil, Finding{"dns", Fail, "The name server does not answer for " + host + ".", "Check /etc/resolv.conf and the network."}
	}
	return addresses, Finding{"dns", OK, fmt.Sprintf("%s has %d addresses.", host, len(addresses)), ""}
}

// families checks IPv4 and IPv6 separately, with TLS: a route may let the first packets pass and drop the rest.
func (e endpoint) families(ctx context.Context, addresses []netip.Addr) []Finding {
	findings := []Finding{{Check: "ipv4"}, {Check: "ipv6"}}
	errs := make([]error, 2)
	var both sync.WaitGroup
	for i := range findings {
		both.Go(func() { findings[i], errs[i] = e.family(ctx, findings[i].Check, addresses) })
	}
	both.Wait()
	for i := range findings {
		f, other := &findings[i], findings[1-i]
		switch {
		case errs[i] == nil:
		case other.Status == OK && noRoute(errs[i]):
			f.Status, f.Detail, f.Next = Skip, "This machine has no "+strings.Replace(f.Check, "ip", "IP", 1)+"; the other family works.", ""
		case other.Status == OK:
			f.Status = Warn
			f.Next = "Nothing to do: telegate uses the other family. To avoid the delay, repair this route or turn it off."
		}
	}
	return findings
}

// noRoute reports whether the machine has no route for an address family.
func noRoute(err error) bool {
	return errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.EADDRNOTAVAIL)
}

// family checks the first address of one family.
func (e endpoint) family(ctx context.Context, name string, addresses []netip.Addr) (Finding, error) {
	ctx, cancel := context.WithTimeout(ctx, CheckTimeout/2)
	defer cancel()
	for _, addr := range addresses {
		if addr.Unmap().Is4() != (name == "ipv4") {
			continue
		}
		address := net.JoinHostPort(addr.Unmap().String(), portOf(e.base))
		start := time.Now()
		conn, err := e.net.Dial(ctx, "tcp", address)
		if err == nil {
			stop := context.AfterFunc(ctx, func() { conn.Close() })
			err = e.handshake(ctx, conn)
			stop()
			conn.Close()
		}
		if err != nil {
			detail, next := connectionTrouble(err)
			return Finding{name, Fail, address + " " + detail, next}, err
		}
		return Finding{name, OK, fmt.Sprintf("%s answers within %d ms.", address, time.Since(start).Milliseconds()), ""}, nil
	}
	return Finding{name, Skip, e.base.Hostname() + " has no such address.", ""}, nil
}

func (e endpoint) handshake(ctx context.Context, conn net.Conn) error {
	if e.base.Scheme != "https" {
		return nil
	}
	return tls.Client(conn, &tls.Config{ServerName: e.base.Hostname(), RootCAs: e.net.Roots}).HandshakeContext(ctx)
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "http":
		return "80"
	case strings.HasPrefix(u.Scheme, "socks5"):
		return "1080"
	default:
		return "443"
	}
}

// connectionTrouble explains the error of a connection and what to do.
func connectionTrouble(err error) (detail, next string) {
	const firewall = "Check the network and the firewall. If Telegram is blocked, set proxy, or baseurl to your own Bot API server."
	var unknown x509.UnknownAuthorityError
	var wrongName x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var timeout net.Error
	switch {
	case errors.As(err, &unknown), errors.As(err, &wrongName):
		return "answers with a certificate of another server.", "Something on the way intercepts TLS, such as a firewall. Exclude Telegram there, or set a proxy."
	case errors.As(err, &invalid):
		return "answers with a certificate that is not valid now.", "Check the clock of this machine; otherwise something on the way intercepts TLS."
	case errors.As(err, &record):
		return "does not speak TLS.", "Check scheme and port of baseurl; otherwise something on the way answers instead."
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, net.ErrClosed), errors.As(err, &timeout) && timeout.Timeout():
		return "does not answer in time.", firewall
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refuses the connection.", firewall
	default:
		return "cannot be reached.", firewall
	}
}

// throughProxy asks the proxy for a tunnel to the Bot API.
func (e endpoint) throughProxy(ctx context.Context) Finding {
	ctx, cancel := context.WithTimeout(ctx, CheckTimeout)
	defer cancel()
	target := net.JoinHostPort(e.base.Hostname(), portOf(e.base))
	err := e.net.tunnel(ctx, e.proxy, target)
	if e.base.Scheme == "http" && strings.HasPrefix(e.proxy.Scheme, "http") { // such requests need no tunnel
		var status int
		if status, _, err = e.head(ctx); err == nil && status == http.StatusProxyAuthRequired {
			err = tunnelError{status}
		}
	}
	if err != nil {
		return proxyFinding(e.proxy, target, err)
	}
	return Finding{"proxy", OK, fmt.Sprintf("%s connects to %s.", e.proxy.Host, target), ""}
}

// tunnelError is a refusal by a proxy.
type tunnelError struct{ status int }

func (e tunnelError) Error() string { return fmt.Sprintf("the proxy answered %d", e.status) }

var errTunnelOpen = errors.New("the tunnel is open")

// tunnel opens a connection to an address through a proxy, and closes it.
func (n Network) tunnel(ctx context.Context, proxy *url.URL, address string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	status := 0
	transport := &http.Transport{
		Proxy: http.ProxyURL(proxy), DialContext: n.Dial, DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: n.Roots},
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
			if status = resp.StatusCode; status == http.StatusOK {
				return errTunnelOpen
			}
			return tunnelError{status}
		},
	}
	defer transport.CloseIdleConnections()
	if strings.HasPrefix(proxy.Scheme, "socks5") { // TLS begins when the proxy has connected
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{TLSHandshakeStart: func() { cancel(errTunnelOpen) }})
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+address+"/", nil)
	if err != nil {
		return err
	}
	resp, err := transport.RoundTrip(req)
	if err == nil {
		return resp.Body.Close()
	}
	if errors.Is(err, errTunnelOpen) || errors.Is(context.Cause(ctx), errTunnelOpen) {
		return nil
	}
	return err
}

// proxyFinding explains why a proxy does not work. It shows the address, but not user and password.
func proxyFinding(proxy *url.URL, target string, err error) Finding {
	f := Finding{"proxy", Fail, "", ""}
	var refused tunnelError
	var op *net.OpError
	switch text := err.Error(); {
	case errors.As(err, &refused) && refused.status == http.StatusProxyAuthRequired, strings.Contains(text, "username/password"),
		strings.Contains(text, "no acceptable authentication"):
		f.Detail, f.Next = proxy.Host+" refuses user and password.", "Check both in proxy; in a URL, special characters are written as %40 and the like."
	case errors.As(err, &refused):
		f.Detail = fmt.Sprintf("%s does not connect to %s: it answers %d.", proxy.Host, target, refused.status)
		f.Next = "Allow it in the proxy."
	case errors.As(err, &op) && op.Op == "socks connect" && strings.Contains(text, "connection refused"),
		strings.Contains(text, "host unreachable"), strings.Contains(text, "network unreachable"), strings.Contains(text, "not allowed"):
		f.Detail, f.Next = fmt.Sprintf("%s cannot or may not connect to %s.", proxy.Host, target), "Look at the proxy's own rules and network."
	default:
		detail, _ := connectionTrouble(err)
		f.Detail, f.Next = proxy.Host+" "+detail, "Check host, port and scheme of proxy, and whether the proxy runs."
	}
	return f
}

// head sends a HEAD request for the start page to the Bot API server, or to the proxy before it.
func (e endpoint) head(ctx context.Context) (status int, date string, err error) {
	transport := &http.Transport{DialContext: e.net.Dial, DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: e.net.Roots}}
	if e.proxy != nil {
		transport.Proxy = http.ProxyURL(e.proxy)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, e.base.JoinPath("/").String(), nil)
	if err != nil {
		return 0, "", err
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	return resp.StatusCode, resp.Header.Get("Date"), resp.Body.Close()
}

// maxSkew is the largest difference of the clock that is ok.
const maxSkew = 30 * time.Second

// clock compares this machine's clock with the Bot API server's.
func (e endpoint) clock(ctx context.Context) Finding {
	ctx, cancel := context.WithTimeout(ctx, CheckTimeout)
	defer cancel()
	before := time.Now()
	_, date, err := e.head(ctx)
	if err != nil {
		return Finding{"clock", Skip, "The clock cannot be compared: " + e.base.Host + " does not answer.", ""}
	}
	took := time.Since(before)
	theirs, err := http.ParseTime(date)
	if err != nil {
		return Finding{"clock", Skip, "The clock cannot be compared: " + e.base.Host + " does not say the time.", ""}
	}
	skew := before.Add(took / 2).Sub(theirs).Round(time.Second)
	if skew.Abs() <= maxSkew {
		return Finding{"clock", OK, "It agrees with " + e.base.Host + ".", ""}
	}
	direction := "ahead of"
	if skew < 0 {
		direction = "behind"
	}
	f := Finding{"clock", Warn, fmt.Sprintf("This machine is %s %s %s.", skew.Abs(), direction, e.base.Host), "Set the clock, and keep it right with chrony or systemd-timesyncd."}
	if e.needsMTProto { // MTProto refuses messages with a wrong time
		f.Status = Fail
	}
	return f
}

// endpoints are the different endpoints in the configuration, usually one. The shared one comes first.
func (d *Doctor) endpoints() []endpoint {
	sections := []config.Telegram{d.cfg.Messaging.Telegram}
	for _, id := range slices.Sorted(maps.Keys(d.cfg.Domains)) {
		sections = append(sections, d.cfg.Domains[id].Telegram)
	}
	var found []endpoint
	for _, t := range sections {
		e := endpoint{net: d.net, needsMTProto: d.needsMTProto()}
		base := t.BaseURL
		if base == "" {
			base = "https://api.telegram.org"
		}
		var err error
		if e.base, err = url.Parse(base); err != nil {
			continue // config has checked it
		}
		if t.Proxy != "" {
			if e.proxy, err = url.Parse(t.Proxy.Reveal()); err != nil {
				continue
			}
		}
		if !slices.ContainsFunc(found, e.equal) {
			found = append(found, e)
		}
	}
	return found
}
