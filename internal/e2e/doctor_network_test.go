package e2e

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"telegate/doctor"
)

func TestDoctorTellsTheFamiliesApart(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for connections that hang")
	}
	t.Parallel()
	p := newPatient(t)
	server := p.overTLS()
	trusted := server.roots
	hung := listener(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }) // takes everything and says nothing
	plain := listener(t, func(c net.Conn) { _, _ = c.Write([]byte("SSH-2.0-x\r\n")) })
	p.write("baseurl = 'https://example.com'")
	for name, test := range map[string]struct {
		addresses  string
		lookup     error
		v4, v6     string // where the connection goes; an error's text otherwise
		roots      *x509.CertPool
		rung       string
		status     string
		words      string
		otherRung  string
		otherState string
	}{
		"both work":        {"192.0.2.1 2001:db8::1", nil, "ok", "ok", trusted, "ipv6", doctor.OK, "[2001:db8::1]:443 answers", "ipv4", doctor.OK},
		"no IPv6 address":  {"192.0.2.1", nil, "ok", "ok", trusted, "ipv6", doctor.Skip, "has no such address", "ipv4", doctor.OK},
		"no IPv6 here":     {"192.0.2.1 2001:db8::1", nil, "ok", "none", trusted, "ipv6", doctor.Skip, "This machine has no IPv6", "ipv4", doctor.OK},
		"IPv6 swallowed":   {"192.0.2.1 2001:db8::1", nil, "ok", "hung", trusted, "ipv6", doctor.Warn, "does not answer in time. → Nothing to do: telegate uses the other", "ipv4", doctor.OK},
		"IPv4 blocked":     {"192.0.2.1 2001:db8::1", nil, "refused", "ok", trusted, "ipv4", doctor.Warn, "refuses the connection", "ipv6", doctor.OK},
		"both blocked":     {"192.0.2.1 2001:db8::1", nil, "refused", "refused", trusted, "ipv4", doctor.Fail, "set proxy, or baseurl", "ipv6", doctor.Fail},
		"foreign TLS":      {"192.0.2.1", nil, "ok", "", x509.NewCertPool(), "ipv4", doctor.Fail, "a certificate of another server", "ipv6", doctor.Skip},
		"no TLS":           {"192.0.2.1", nil, "plain", "", trusted, "ipv4", doctor.Fail, "does not speak TLS", "ipv6", doctor.Skip},
		"unknown name":     {"", &net.DNSError{IsNotFound: true}, "", "", trusted, "dns", doctor.Fail, "No name server knows example.com", "clock", doctor.Skip},
		"silent resolver":  {"", &net.DNSError{IsTimeout: true}, "", "", trusted, "dns", doctor.Fail, "does not answer for example.com", "clock", doctor.Skip},
		"machine with IP6": {"2001:db8::1", nil, "", "ok", trusted, "ipv6", doctor.OK, "answers", "ipv4", doctor.Skip},
	} {
		t.Run(name, func(t *testing.T) {
			p.net.Lookup = func(context.Context, string) ([]netip.Addr, error) {
				var all []netip.Addr
				for _, a := range strings.Fields(test.addresses) {
					all = append(all, netip.MustParseAddr(a))
				}
				return all, test.lookup
			}
			p.net.Roots = test.roots
			p.net.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				goal := test.v4
				if strings.HasPrefix(address, "[") {
					goal = test.v6
				}
				switch to := map[string]string{"ok": server.Listener.Addr().String(), "hung": hung, "plain": plain}[goal]; {
				case !strings.HasSuffix(address, ":443"), to == "" && goal == "":
					return nil, errors.New("nothing there")
				case goal == "refused":
					return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
				case goal == "none":
					return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ENETUNREACH)}
				default:
					return new(net.Dialer).DialContext(ctx, network, to)
				}
			}
			by := map[string]doctor.Finding{}
			for _, c := range p.doctor().Checks() {
				if c.Name() != "network" {
					continue
				}
				for _, f := range c.Run(t.Context()) {
					by[f.Check] = f
				}
			}
			finds(t, by, test.rung, test.status, test.words)
			finds(t, by, test.otherRung, test.otherState, "")
		})
	}
}

// doctor is the one that the command would make.
func (p *patient) doctor() *doctor.Doctor {
	p.t.Helper()
	return doctor.New(doctor.Options{Path: p.file, Getenv: func(string) string { return "" }, Network: p.net, DataCentres: p.servers})
}

func TestDoctorLooksAtTheClock(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	p.dataCentre()
	var off time.Duration
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(off).UTC().Format(http.TimeFormat))
		p.telegram.ServeHTTP(w, r)
	}))
	defer func() { p.telegram.Close(); server.Close() }()
	for _, test := range []struct {
		off           time.Duration
		more          string
		status, words string
	}{
		{20 * time.Second, "", doctor.OK, "It agrees with"},
		{-time.Hour, "", doctor.Warn, "ahead of"},
		{time.Hour, "", doctor.Warn, "behind"},
		{time.Hour, "\napiid = 5\napihash = '" + madeUpHash + "'", doctor.Fail, "chrony"},
	} {
		off = test.off
		p.write("baseurl = '" + server.URL + "'" + test.more)
		_, _, by := p.examine()
		finds(t, by, "clock", test.status, test.words)
	}
}

func TestDoctorLooksAtTheProxy(t *testing.T) {
	t.Parallel()
	for name, kind := range proxied {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPatient(t)
			server := p.overTLS()
			p.net.Roots = server.roots
			proxy := newTestProxy(t, server.Listener.Addr().String(), kind.serve)
			way := "baseurl = 'https://example.com'\nproxy = " + kind.url(proxy.address)
			p.write(way + "\napiid = 5\napihash = '" + madeUpHash + "'")
			_, text, by := p.examine()
			finds(t, by, "proxy", doctor.OK, proxy.address+" connects to example.com:443.")
			finds(t, by, "clock", doctor.OK, "It agrees with example.com.")
			finds(t, by, "mtproto", doctor.Fail, "accept connections, but Telegram does not answer") // these are not Telegram's
			if _, ok := by["ipv4"]; ok {
				t.Error("the direct way was tried, which the proxy is there to avoid")
			}
			for _, address := range p.net.DataCentres {
				if _, ok := proxy.asked.Load(address); !ok {
					t.Errorf("data centre %s was not reached through the proxy", address)
				}
			}
			p.write(strings.Replace(way, proxyPassword, "drink-me-now", 1))
			_, wrong, by := p.examine()
			finds(t, by, "proxy", doctor.Fail, proxy.address+" refuses user and password.")
			if strings.Contains(text+wrong, proxyPassword) || strings.Contains(wrong, "drink-me-now") || strings.Contains(text+wrong, proxyUser) {
				t.Errorf("the proxy's user or password is shown:\n%s%s", text, wrong)
			}
		})
	}
	p := newPatient(t)
	server := p.overTLS()
	p.net.Roots = server.roots
	p.write("baseurl = 'https://example.com'\nproxy = 'socks5://127.0.0.1:1'")
	_, _, by := p.examine()
	finds(t, by, "proxy", doctor.Fail, "127.0.0.1:1 refuses the connection. → Check host, port and scheme of proxy")
	p.write("baseurl = 'https://example.com'\nproxy = 'http://" + server.Listener.Addr().String() + "'")
	_, _, by = p.examine()
	finds(t, by, "proxy", doctor.Fail, "Check host, port and scheme of proxy")
}

// However much hangs, it ends in time.
func TestDoctorEndsInTime(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	user := fmt.Sprintf("[messaging.telegram]\napiid = 5\napihash = %q\nsession = %q\n", madeUpHash, madeUpSession)
	if err := os.WriteFile(p.file, []byte(user+"[database]\npath = 'x.db'\n[api]\nlisten = '"+p.listen+"'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		p.net.Lookup = func(ctx context.Context, _ string) ([]netip.Addr, error) {
			time.Sleep(3900 * time.Millisecond)
			return []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}, nil
		}
		p.net.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, doctor.CheckTimeout)
			defer cancel()
			<-ctx.Done()
			return nil, ctx.Err()
		}
		start := time.Now()
		outside := p.t
		p.t = t
		defer func() { p.t = outside }()
		_, _, by := p.examine()
		took := time.Since(start)
		if took > 20*time.Second {
			t.Errorf("it took %s", took)
		}
		time.Sleep(doctor.CheckTimeout) // until net/http's dials are over
		finds(t, by, "ipv4", doctor.Fail, "does not answer in time")
		finds(t, by, "ipv6", doctor.Fail, "does not answer in time")
		finds(t, by, "mtproto", doctor.Fail, "None of Telegram's data centres")
		finds(t, by, "config", doctor.Warn, "telegate key create")
	})
}
