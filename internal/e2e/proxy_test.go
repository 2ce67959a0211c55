package e2e

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

const (
	proxyUser     = "alice"
	proxyPassword = "looking-glass"
)

// serveProxy does a proxy's side until the tunnel is there, and returns what the client is to be read from and written to.
type serveProxy func(p *testProxy, c net.Conn, r *bufio.Reader) (io.Reader, io.Writer, bool)

// testProxy is a proxy for SOCKS5 (RFC 1928, 1929) or HTTP, with a user and a password. Whatever host it is asked for, it connects to
// the same address: nobody else can bring telegate there.
type testProxy struct {
	address string
	target  string
	serve   serveProxy
	tls     *tls.Config // of one that is reached over TLS
	tunnels atomic.Int64
	refused atomic.Int64
	asked   sync.Map // the hosts, as they were named
}

func newTestProxy(t *testing.T, target string, serve serveProxy) *testProxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	certified := httptest.NewTLSServer(nil) // the certificate is the same for all of these servers
	t.Cleanup(certified.Close)
	p := &testProxy{address: l.Addr().String(), target: target, serve: serve, tls: certified.TLS.Clone()}
	p.tls.NextProtos = nil
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.handle(c)
		}
	}()
	return p
}

func (p *testProxy) handle(c net.Conn) {
	defer c.Close()
	from, to, ok := p.serve(p, c, bufio.NewReader(c))
	if !ok {
		p.refused.Add(1)
		return
	}
	p.tunnels.Add(1)
	far, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(far, from)
		far.Close()
	}()
	_, _ = io.Copy(to, far)
}

// socks5 speaks SOCKS5 until the tunnel is there.
func socks5(p *testProxy, c net.Conn, r *bufio.Reader) (io.Reader, io.Writer, bool) {
	take := func(n int) []byte {
		b := make([]byte, n)
		_, _ = io.ReadFull(r, b)
		return b
	}
	methods := take(int(take(2)[1]))
	if !strings.Contains(string(methods), "\x02") {
		_, _ = c.Write([]byte{5, 0xff})
		return nil, nil, false
	}
	_, _ = c.Write([]byte{5, 2})
	user := take(int(take(2)[1]))
	password := take(int(take(1)[0]))
	if string(user) != proxyUser || string(password) != proxyPassword {
		_, _ = c.Write([]byte{1, 1})
		return nil, nil, false
	}
	_, _ = c.Write([]byte{1, 0})
	host := ""
	switch take(4)[3] {
	case 1:
		host = net.IP(take(4)).String()
	case 3:
		host = string(take(int(take(1)[0])))
	default:
		return nil, nil, false
	}
	p.asked.Store(net.JoinHostPort(host, strconv.Itoa(int(binary.BigEndian.Uint16(take(2))))), true)
	_, _ = c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	return r, c, true
}

// httpConnect speaks HTTP until the tunnel is there.
func httpConnect(p *testProxy, c net.Conn, r *bufio.Reader) (io.Reader, io.Writer, bool) {
	req, err := http.ReadRequest(r)
	if err != nil {
		return nil, nil, false
	}
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte(proxyUser+":"+proxyPassword))
	switch {
	case req.Header.Get("Proxy-Authorization") != want:
		_, _ = io.WriteString(c, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
		return nil, nil, false
	case req.Method != http.MethodConnect:
		_, _ = io.WriteString(c, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
		return nil, nil, false
	}
	p.asked.Store(req.Host, true)
	_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
	return r, c, true
}

// httpsConnect is httpConnect over TLS, with the certificate of overTLS.
func httpsConnect(p *testProxy, c net.Conn, r *bufio.Reader) (io.Reader, io.Writer, bool) {
	secure := tls.Server(buffered{c, r}, p.tls)
	return httpConnect(p, secure, bufio.NewReader(secure))
}

// buffered is a connection of which something may have been read already.
type buffered struct {
	net.Conn
	r *bufio.Reader
}

func (b buffered) Read(data []byte) (int, error) { return b.r.Read(data) }

// tlsServer is a Bot API server that can be https://example.com, for whoever is brought to it.
type tlsServer struct {
	*httptest.Server
	roots    *x509.CertPool
	rootFile string
}

// overTLS makes one for the simulated Telegram.
func (w *world) overTLS() tlsServer {
	w.t.Helper()
	s := tlsServer{Server: httptest.NewUnstartedServer(w.telegram), roots: x509.NewCertPool(), rootFile: filepath.Join(w.t.TempDir(), "ca.pem")}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	w.t.Cleanup(func() { w.telegram.Close(); s.Close() })
	s.roots.AddCert(s.Certificate())
	data := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(s.rootFile, data, 0o600); err != nil {
		w.t.Fatal(err)
	}
	return s
}

// proxied are the proxies that carry the Bot API, each with the URL that a configuration names it by.
var proxied = map[string]struct {
	serve serveProxy
	url   func(address string) string
}{
	"socks5": {socks5, func(address string) string {
		host, port, _ := net.SplitHostPort(address)
		return `{ip = "` + host + `", port = ` + port + `, socksType = 5, username = "` + proxyUser + `", password = "` + proxyPassword + `"}`
	}},
	"http": {httpConnect, func(address string) string {
		return `"http://` + proxyUser + ":" + proxyPassword + "@" + address + `"`
	}},
	"https": {httpsConnect, func(address string) string {
		return `"https://` + proxyUser + ":" + proxyPassword + "@" + address + `"`
	}},
}

// Polling and sending both go through the proxy, and nothing goes past it: the host is one that only the proxy can reach.
func TestPollingAndSendingGoThroughTheProxy(t *testing.T) {
	t.Parallel()
	for name, kind := range proxied {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			server := w.overTLS()
			proxy := newTestProxy(t, server.Listener.Addr().String(), kind.serve)
			listen := freeAddress(t)
			w.url = "http://" + listen
			text := strings.Replace(w.configText(listen), strconv.Quote(w.botAPI), `"https://example.com"`+"\nproxy = "+kind.url(proxy.address), 1)
			file := filepath.Join(w.dir, "telegate.toml")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			child := exec.Command("telegate", "serve", "--config", file)
			child.Env = append(os.Environ(), "SSL_CERT_FILE="+server.rootFile)
			child.Stdout, child.Stderr = w.log, w.log
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _, _ = child.Process.Kill(), child.Wait() })
			w.eventually("the gateway listens", func() bool { _, _, err := w.try("GET", "/readyz", nil); return err == nil })
			w.connected()
			w.link("", "alice") // alice's taps come in by polls, the questions go out by sends

			if proxy.tunnels.Load() < 2 {
				t.Errorf("%d tunnels; polling and sending have a connection each", proxy.tunnels.Load())
			}
			if _, ok := proxy.asked.Load("example.com:443"); !ok {
				t.Error("the proxy was not asked for example.com")
			}
			if strings.Contains(w.log.String(), proxyPassword) {
				t.Errorf("the log shows the proxy's password:\n%s", w.log)
			}
		})
	}
}

// Setup checks a token on the way that the configuration names.
func TestSetupAsksThroughTheProxy(t *testing.T) {
	t.Parallel()
	for name, kind := range proxied {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			server := w.overTLS()
			proxy := newTestProxy(t, server.Listener.Addr().String(), kind.serve)
			before := "[messaging.telegram]\nbaseurl = 'https://example.com'\nproxy = " + kind.url(proxy.address) + "\n"
			dir := folder(t, before)
			child := exec.Command("telegate", "setup", "bot", "--yes")
			child.Dir = dir
			child.Env = append(os.Environ(), "SSL_CERT_FILE="+server.rootFile, "TELEGATE_MESSAGING_TELEGRAM_BOTTOKEN="+testToken)
			out, err := child.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "It is Test Bot") || strings.Contains(string(out), proxyPassword) {
				t.Errorf("%v:\n%s", err, out)
			}
			if got := written(t, dir, "telegate.toml"); got != before+"bottoken = \""+testToken+"\"\n" {
				t.Errorf("telegate.toml became\n%s", got)
			}
			if proxy.tunnels.Load() == 0 {
				t.Error("the proxy was not used")
			}
		})
	}
}

// What a proxy refuses is a state, told without the password.
func TestRefusingProxyIsAState(t *testing.T) {
	t.Parallel()
	for name, kind := range proxied {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			proxy := newTestProxy(t, "127.0.0.1:1", kind.serve)
			wrong := strings.Replace(kind.url(proxy.address), proxyPassword, "drink-me-now", 1)
			text := strings.Replace(w.configText("127.0.0.1:0"), strconv.Quote(w.botAPI), `"https://example.com"`+"\nproxy = "+wrong, 1)
			w.startText(text)
			w.eventually("the bot is unreachable", func() bool { return w.botState() == "unreachable" })
			_, health, err := w.try("GET", "/healthz", nil)
			if err != nil || !strings.Contains(string(health), "Telegram cannot be reached") {
				t.Errorf("healthz says %s, %v", health, err)
			}
			if strings.Contains(w.log.String()+string(health), "drink-me-now") {
				t.Errorf("the password is shown:\n%s\n%s", w.log, health)
			}
			if proxy.refused.Load() == 0 {
				t.Error("the proxy was not asked")
			}
		})
	}
}
