package api_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"telegate/api"
)

// serve runs the gateway at an address until stop is called, which returns the result of Run.
func (g *gateway) serve(address, cert, key string) (at net.Addr, stop func() error) {
	g.T.Helper()
	l, err := api.Listen(g.T.Context(), address, cert, key)
	if err != nil {
		g.T.Fatal(err)
	}
	return g.serveOn(l)
}

func (g *gateway) serveOn(l net.Listener) (at net.Addr, stop func() error) {
	g.T.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.server.Run(ctx, l) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	g.T.Cleanup(func() {
		if err := stop(); err != nil {
			g.T.Errorf("Run: %v", err)
		}
	})
	return l.Addr(), stop
}

// get sends a request over the network.
func get(t *testing.T, client *http.Client, url string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+keyAll)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// newClient has its own transport, whose connections end with the test.
func newClient(t *testing.T, transport *http.Transport) *http.Client {
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestServesOnLoopbackAndStopsGracefully(t *testing.T) {
	t.Parallel()
	g, w := newWatchedGateway(t)
	at, stop := g.serve("127.0.0.1:0", "", "")
	client := newClient(t, &http.Transport{})
	if resp, body := get(t, client, "http://"+at.String()+"/v1/domains"); resp.StatusCode != http.StatusOK || !strings.Contains(body, "My Server") {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	id := g.call("POST", "/v1/links", object{"user": "alice"}).str("id")
	var resp *http.Response
	var body string
	var done sync.WaitGroup
	done.Go(func() { resp, body = get(t, client, "http://"+at.String()+"/v1/links/"+id, "Prefer", "wait=25") })
	<-w.begun
	if err := stop(); err != nil { // ends the wait, sends the answer, and stops
		t.Errorf("Run: %v", err)
	}
	done.Wait()
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, `"pending"`) {
		t.Errorf("who waited at the stop: %d %s", resp.StatusCode, body)
	}
	if conn, err := net.Dial("tcp", at.String()); err == nil {
		conn.Close()
		t.Error("it still listens")
	}
}

func TestRunFailsWhenItsListenerFails(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	l, err := api.Listen(t.Context(), "127.0.0.1:0", "", "")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := g.server.Run(t.Context(), l); err == nil || !errors.Is(err, net.ErrClosed) {
		t.Errorf("Run: %v", err)
	}
}

func TestRawRequests(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	at, _ := g.serve("127.0.0.1:0", "", "")
	const head = "Host: x\r\nAuthorization: Bearer " + keyAll + "\r\nContent-Type: application/json\r\nConnection: close\r\n"
	body := `{"user":"alice"}`
	for name, c := range map[string]struct{ request, status string }{
		"body in chunks":      {"POST /v1/links HTTP/1.1\r\n" + head + "Transfer-Encoding: chunked\r\n\r\n8\r\n" + body[:8] + "\r\n8\r\n" + body[8:] + "\r\n0\r\n\r\n", "201"},
		"asks to continue":    {"POST /v1/links HTTP/1.1\r\n" + head + "Expect: 100-continue\r\nContent-Length: 16\r\n\r\n" + body, "201"},
		"no length, no body":  {"POST /v1/links HTTP/1.1\r\n" + head + "\r\n", "400"},
		"path is not clean":   {"GET //v1/domains HTTP/1.1\r\n" + head + "\r\n", "307"},
		"path is hidden":      {"GET /%76%31/domains HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "401"},
		"leaves the path":     {"GET /healthz/../v1/domains HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "307"},
		"expects a miracle":   {"POST /v1/links HTTP/1.1\r\n" + head + "Expect: miracle\r\nContent-Length: 16\r\n\r\n" + body, "417"},
		"headers too large":   {"GET /v1/domains HTTP/1.1\r\n" + head + "Cookie: " + strings.Repeat("x", 64<<10) + "\r\n\r\n", "431 Request Header Fields Too Large\r\nCache-Control: no-store\r\nContent-Type: application/problem+json"},
		"address too long":    {"GET /v1/messaging?user=" + strings.Repeat("x", 64<<10) + " HTTP/1.1\r\n" + head + "\r\n", "431 Request Header Fields Too Large\r\nCache-Control: no-store\r\nContent-Type: application/problem+json"},
		"more than announced": {"POST /v1/links HTTP/1.1\r\n" + head + "Content-Length: 15\r\n\r\n" + body, "400"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", at.String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, c.request); err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(conn)
			if err != nil && len(answer) == 0 {
				t.Fatal(err)
			}
			text := strings.TrimPrefix(string(answer), "HTTP/1.1 100 Continue\r\n\r\n")
			if !strings.HasPrefix(text, "HTTP/1.1 "+c.status) {
				t.Errorf("want %s:\n%s", c.status, text)
			}
		})
	}
}

func TestServesTLS(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	certFile, keyFile, pool := makeCertificate(t)
	at, _ := g.serve("127.0.0.1:0", certFile, keyFile)
	for _, http2 := range []bool{false, true} {
		client := newClient(t, &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: http2})
		resp, body := get(t, client, "https://"+at.String()+"/v1/domains")
		if resp.StatusCode != http.StatusOK || (resp.ProtoMajor == 2) != http2 {
			t.Errorf("%s %d %s", resp.Proto, resp.StatusCode, body)
		}
	}
	old := newClient(t, &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+at.String()+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := old.Do(r); err == nil {
		resp.Body.Close()
		t.Error("it speaks TLS 1.1")
	}
}

func TestInvalidCertificateIsReported(t *testing.T) {
	t.Parallel()
	certFile, _, _ := makeCertificate(t)
	if l, err := api.Listen(t.Context(), "127.0.0.1:0", certFile, "nothing.pem"); err == nil || !strings.Contains(err.Error(), "TLS certificate") {
		t.Errorf("Listen: %v %v", l, err)
	}
}

// makeCertificate writes a certificate for 127.0.0.1 and its key.
func makeCertificate(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))
	return certFile, keyFile, pool
}

// socketPath is short: the path of a socket may have about a hundred bytes.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "tg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "api.sock")
}

func TestServesOnAUnixSocketForOwnerAndGroup(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	path := socketPath(t)
	_, stop := g.serve("unix:"+path, "", "")
	info, err := os.Stat(path)
	if err != nil || info.Mode() != fs.ModeSocket|0o660 {
		t.Fatalf("%v %v", info.Mode(), err)
	}
	client := newClient(t, &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}})
	if resp, body := get(t, client, "http://telegate/v1/domains"); resp.StatusCode != http.StatusOK {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if l, err := api.Listen(t.Context(), "unix:"+path, "", ""); err == nil || !strings.Contains(err.Error(), "answers there already") {
		t.Errorf("a live socket was taken over: %v %v", l, err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}
}

func TestStaleSocketIsReplacedButAFileIsNot(t *testing.T) {
	t.Parallel()
	path := socketPath(t)
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	stale.Close()
	g := newGateway(t)
	if _, stop := g.serve("unix:"+path, "", ""); stop() != nil {
		t.Error("it does not serve on a socket left over from a crash")
	}
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := api.Listen(t.Context(), "unix:"+path, "", ""); err == nil {
		l.Close()
		t.Error("a file was taken for a socket")
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "precious" {
		t.Errorf("the file is gone: %q %v", data, err)
	}
}

func TestUsedOrInvalidAddressIsReported(t *testing.T) {
	t.Parallel()
	l, err := api.Listen(t.Context(), "127.0.0.1:0", "", "")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, address := range []string{l.Addr().String(), "127.0.0.1:99999", "nonsense", "unix:/nonexistent/folder/api.sock"} {
		if other, err := api.Listen(t.Context(), address, "", ""); err == nil {
			other.Close()
			t.Errorf("it listens on %s", address)
		} else if !strings.Contains(err.Error(), "listen on "+address) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// A renewed certificate is used for new connections, without a restart.
func TestACertificateIsRenewed(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	certFile, keyFile, _ := makeCertificate(t)
	freshCert, freshKey, pool := makeCertificate(t)
	l, err := api.Listen(t.Context(), "127.0.0.1:0", certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	at, _ := g.serveOn(l)
	client := newClient(t, &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+at.String()+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := client.Do(r); err == nil {
		resp.Body.Close()
		t.Fatal("the test's certificates are the same")
	}
	if _, err := api.Renew(l, freshCert, "nothing.pem"); err == nil {
		t.Error("renewed with nothing")
	}
	show, err := api.Renew(l, freshCert, freshKey)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := client.Do(r); err == nil {
		resp.Body.Close()
		t.Error("it is shown before its time")
	}
	show()
	get(t, client, "https://"+at.String()+"/healthz")
}
