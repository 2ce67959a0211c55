package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"telegate/sandbox"
)

// patient is somebody whose telegate doctor examines.
type patient struct {
	*world
	net    network
	file   string
	listen string
	text   string
}

// newPatient makes one whose files are there, whose Telegram is the simulated one, and whose data centres are listeners on loopback.
func newPatient(t *testing.T) *patient {
	t.Helper()
	p := &patient{world: newWorld(t), listen: freeAddress(t)}
	p.net = network{ // this machine's, and nothing beyond it
		lookup: func(context.Context, string) ([]netip.Addr, error) { return nil, &net.DNSError{IsNotFound: true} },
		dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			if !strings.HasPrefix(address, "127.0.0.1:") {
				return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ENETUNREACH)}
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		},
		dataCentres: []string{listener(t, nil), listener(t, nil)},
	}
	p.text = p.configText(p.listen)
	p.file = filepath.Join(p.world.dir, "telegate.toml")
	return p
}

// listener is an address that answers connections with handle, or by hanging up.
func listener(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if handle == nil {
				c.Close()
			} else {
				go handle(c)
			}
		}
	}()
	return l.Addr().String()
}

// write writes the configuration with its way to Telegram replaced by other lines.
func (p *patient) write(way string) {
	p.t.Helper()
	text := p.text
	if way != "" {
		text = strings.Replace(text, "baseurl = "+strconv.Quote(p.botAPI), way, 1)
	}
	if err := os.WriteFile(p.file, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// examine runs the command and returns its exit status, what it prints and the findings by rung.
func (p *patient) examine(args ...string) (status int, text string, by map[string]finding) {
	p.t.Helper()
	var out, errOut syncBuffer
	con := &console{getenv: func(string) string { return "" }, stdout: &out, stderr: &errOut, network: p.net}
	args = append([]string{"doctor", "--config", p.file}, args...)
	status = runCommand(p.t.Context(), append(args, "--json"), con)
	var answer struct {
		Status   string
		Findings []finding
	}
	if err := json.Unmarshal([]byte(out.String()), &answer); err != nil {
		p.t.Fatalf("not JSON: %v\n%s%s", err, &out, &errOut)
	}
	by = map[string]finding{}
	for _, f := range answer.Findings {
		if old, there := by[f.Rung]; there {
			f.Detail, f.Next = old.Detail+"\n"+f.Detail, old.Next+"\n"+f.Next
			f.Status = worst([]finding{old, f})
		}
		by[f.Rung] = f
	}
	if (answer.Status == rungFail) != (status == exitFailed) {
		p.t.Errorf("exit status %d of a whole that is %s", status, answer.Status)
	}
	return status, out.String() + errOut.String(), by
}

// finds checks one rung.
func finds(t *testing.T, by map[string]finding, rung, status, words string) {
	t.Helper()
	f, there := by[rung]
	if !there || f.Status != status || !strings.Contains(f.Detail+" → "+f.Next, words) {
		t.Errorf("%s: want %s and %q, got %+v", rung, status, words, f)
	}
}

func TestDoctorFindsAHealthyTelegateWell(t *testing.T) {
	p := newPatient(t)
	p.write("")
	p.startText(p.text)
	p.connected()
	var out syncBuffer
	con := &console{getenv: func(string) string { return "" }, stdout: &out, stderr: &out, network: p.net}
	if status := runCommand(t.Context(), []string{"doctor", "-c", p.file}, con); status != exitOK {
		t.Errorf("exit status %d", status)
	}
	for _, line := range []string{
		"ok    config          " + p.file + " is valid.", "ok    database        ", "ok    key file        ", "ok    disk            ",
		"skip  dns             127.0.0.1 is an address", "ok    ipv4            127.0.0.1:", "skip  ipv6            ",
		"ok    clock           It agrees with 127.0.0.1:", "ok    bot 2000000002  Telegram takes the token: Test Bot, @TestBot.",
		"ok    webhook         @TestBot has none.", "ok    mtproto         All 2 data centres can be reached.",
		"ok    gateway         It runs on " + p.listen + " and is ok.",
	} {
		if !strings.Contains("\n"+blanks.ReplaceAllString(out.String(), " "), "\n"+blanks.ReplaceAllString(line, " ")) {
			t.Errorf("no line %q in\n%s", line, &out)
		}
	}
	if strings.Contains(out.String(), testToken[11:]) || strings.Contains(out.String(), p.key) {
		t.Errorf("a secret is shown:\n%s", &out)
	}
}

var blanks = regexp.MustCompile(` +`)

func TestDoctorLooksAtTheFiles(t *testing.T) {
	p := newPatient(t)
	database := filepath.Join(p.world.dir, "telegate.db")

	_, _, by := p.examine()
	finds(t, by, "config", rungFail, "telegate setup")
	finds(t, by, "dns", rungFail, "No name server knows api.telegram.org") // the way to Telegram is looked at all the same

	p.write("baseurl = " + strconv.Quote(p.botAPI) + "\nbottokn = 'x'")
	_, _, by = p.examine()
	finds(t, by, "config", rungFail, `telegate.toml:5: unknown key "bottokn"`)

	p.write("")
	_, _, by = p.examine()
	finds(t, by, "config", rungOK, "is valid")
	finds(t, by, "database", rungOK, "is not there yet")
	finds(t, by, "key file", rungOK, "is not there yet")
	finds(t, by, "gateway", rungSkip, "No gateway answers on "+p.listen)

	for _, file := range []string{p.file, database, database + ".key"} {
		if err := os.WriteFile(file, []byte(read(t, p.file)), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, _, by = p.examine()
	finds(t, by, "config", rungFail, "chmod 600 "+p.file)
	finds(t, by, "database", rungWarn, "chmod 600 "+database)
	finds(t, by, "key file", rungFail, "chmod 600 "+database+".key")

	if err := os.Remove(database + ".key"); err != nil {
		t.Fatal(err)
	}
	_, _, by = p.examine()
	finds(t, by, "key file", rungFail, "Put back the file that was made with this database.")

	p.text = strings.Replace(p.text, strconv.Quote(database), strconv.Quote(filepath.Join(p.world.dir, "gone", "telegate.db")), 1)
	p.write("")
	_, _, by = p.examine()
	finds(t, by, "database", rungFail, "mkdir -p "+filepath.Join(p.world.dir, "gone"))
	if by["disk"].Rung != "" {
		t.Errorf("free space of a folder that is not there: %+v", by["disk"])
	}
}

func TestDoctorTellsTheFamiliesApart(t *testing.T) {
	p := newPatient(t)
	server := p.overTLS()
	trusted := server.roots
	hung := listener(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 1<<20)) }) // takes everything and says nothing
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
		"both work":        {"192.0.2.1 2001:db8::1", nil, "ok", "ok", trusted, "ipv6", rungOK, "[2001:db8::1]:443 answers", "ipv4", rungOK},
		"no IPv6 address":  {"192.0.2.1", nil, "ok", "ok", trusted, "ipv6", rungSkip, "has no such address", "ipv4", rungOK},
		"no IPv6 here":     {"192.0.2.1 2001:db8::1", nil, "ok", "none", trusted, "ipv6", rungSkip, "This machine has no IPv6", "ipv4", rungOK},
		"IPv6 swallowed":   {"192.0.2.1 2001:db8::1", nil, "ok", "hung", trusted, "ipv6", rungWarn, "does not answer in time. → Nothing to do: telegate takes the other", "ipv4", rungOK},
		"IPv4 blocked":     {"192.0.2.1 2001:db8::1", nil, "refused", "ok", trusted, "ipv4", rungWarn, "refuses the connection", "ipv6", rungOK},
		"both blocked":     {"192.0.2.1 2001:db8::1", nil, "refused", "refused", trusted, "ipv4", rungFail, "set proxy, or baseurl", "ipv6", rungFail},
		"foreign TLS":      {"192.0.2.1", nil, "ok", "", x509.NewCertPool(), "ipv4", rungFail, "a certificate that is not its own", "ipv6", rungSkip},
		"no TLS":           {"192.0.2.1", nil, "plain", "", trusted, "ipv4", rungFail, "does not speak TLS", "ipv6", rungSkip},
		"unknown name":     {"", &net.DNSError{IsNotFound: true}, "", "", trusted, "dns", rungFail, "No name server knows example.com", "clock", rungSkip},
		"silent resolver":  {"", &net.DNSError{IsTimeout: true}, "", "", trusted, "dns", rungFail, "does not answer for example.com", "clock", rungSkip},
		"machine with IP6": {"2001:db8::1", nil, "", "ok", trusted, "ipv6", rungOK, "answers", "ipv4", rungSkip},
	} {
		t.Run(name, func(t *testing.T) {
			p.net.lookup = func(context.Context, string) ([]netip.Addr, error) {
				var all []netip.Addr
				for _, a := range strings.Fields(test.addresses) {
					all = append(all, netip.MustParseAddr(a))
				}
				return all, test.lookup
			}
			p.net.roots = test.roots
			p.net.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
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
			by := map[string]finding{}
			for _, w := range p.doctor().ways() {
				for _, f := range w.examine(t.Context()) {
					by[f.Rung] = f
				}
			}
			finds(t, by, test.rung, test.status, test.words)
			finds(t, by, test.otherRung, test.otherState, "")
		})
	}
}

// doctor is the one that the command would make.
func (p *patient) doctor() *doctor {
	p.t.Helper()
	return newDoctor(p.file, func(string) string { return "" }, p.net)
}

func TestDoctorLooksAtTheClock(t *testing.T) {
	p := newPatient(t)
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
		{20 * time.Second, "", rungOK, "It agrees with"},
		{-time.Hour, "", rungWarn, "ahead of"},
		{time.Hour, "", rungWarn, "behind"},
		{time.Hour, "\napiid = 5\napihash = '" + madeUpHash + "'", rungFail, "chrony"},
	} {
		off = test.off
		p.write("baseurl = '" + server.URL + "'" + test.more)
		_, _, by := p.examine()
		finds(t, by, "clock", test.status, test.words)
	}
}

func TestDoctorLooksAtTheProxy(t *testing.T) {
	p := newPatient(t)
	server := p.overTLS()
	p.net.roots = server.roots
	for name, kind := range proxied {
		proxy := newTestProxy(t, server.Listener.Addr().String(), kind.serve)
		way := "baseurl = 'https://example.com'\nproxy = " + kind.url(proxy.address)
		p.write(way)
		_, text, by := p.examine()
		finds(t, by, "proxy", rungOK, proxy.address+" lets through to example.com:443.")
		finds(t, by, "clock", rungOK, "It agrees with example.com.")
		finds(t, by, "mtproto", rungOK, "All 2 data centres can be reached.")
		if _, ok := by["ipv4"]; ok {
			t.Errorf("%s: the direct way was tried, which the proxy is there to avoid", name)
		}
		for _, address := range p.net.dataCentres {
			if _, ok := proxy.asked.Load(address); !ok {
				t.Errorf("%s: data centre %s was not reached through the proxy", name, address)
			}
		}
		p.write(strings.Replace(way, proxyPassword, "drink-me-now", 1))
		_, wrong, by := p.examine()
		finds(t, by, "proxy", rungFail, proxy.address+" wants another user and password.")
		if strings.Contains(text+wrong, proxyPassword) || strings.Contains(wrong, "drink-me-now") || strings.Contains(text+wrong, proxyUser) {
			t.Errorf("%s: the proxy's user or password is shown:\n%s%s", name, text, wrong)
		}
	}
	p.write("baseurl = 'https://example.com'\nproxy = 'socks5://127.0.0.1:1'")
	_, _, by := p.examine()
	finds(t, by, "proxy", rungFail, "127.0.0.1:1 refuses the connection. → Check host, port and scheme of proxy")
	p.write("baseurl = 'https://example.com'\nproxy = 'http://" + server.Listener.Addr().String() + "'")
	_, _, by = p.examine()
	finds(t, by, "proxy", rungFail, "Check host, port and scheme of proxy")
}

func TestDoctorLooksAtTheBotAndItsWebhook(t *testing.T) {
	p := newPatient(t)
	p.write("")
	for _, test := range []struct {
		faults              sandbox.Faults
		rung, status, words string
	}{
		{sandbox.Faults{Unauthorized: true}, "bot 2000000002", rungFail, "@BotFather"},
		{sandbox.Faults{Down: true}, "bot 2000000002", rungFail, "unreachable"},
		{sandbox.Faults{BadGateway: true}, "bot 2000000002", rungFail, "Something that is not the Bot API answers"},
		{sandbox.Faults{PollFloodWait: time.Minute}, "bot 2000000002", rungWarn, "1m0s"},
		{sandbox.Faults{WebhookSet: true}, "webhook", rungFail, "example.com"},
	} {
		p.telegram.SetFaults(test.faults)
		_, text, by := p.examine()
		finds(t, by, test.rung, test.status, test.words)
		if strings.Contains(text, testToken[11:]) {
			t.Errorf("%+v: the token is shown:\n%s", test.faults, text)
		}
	}
	if !p.telegram.Faults().WebhookSet {
		t.Error("doctor has changed something")
	}
}

func TestDoctorLooksAtTheDataCentres(t *testing.T) {
	p := newPatient(t)
	app := "baseurl = " + strconv.Quote(p.botAPI) + "\napiid = 5\napihash = '" + madeUpHash + "'\n"
	good := p.net.dataCentres[0]
	secret := "dd" + madeUpHash
	for _, test := range []struct {
		way           string
		dataCentres   []string
		status, words string
	}{
		{app, []string{good, good}, rungOK, "All 2"},
		{app, []string{good, "127.0.0.1:1"}, rungWarn, "Data centres 2 cannot be reached"},
		{app, []string{"127.0.0.1:1", "127.0.0.1:1"}, rungFail, "None of Telegram's data centres"},
		{"", []string{"127.0.0.1:1", "127.0.0.1:1"}, rungSkip, "only apiid, apihash and session need them"},
		{app + "proxy = 'mtproxy://" + secret + "@" + good + "'", nil, rungOK, "The MTProxy " + good + " answers"},
		{app + "proxy = 'mtproxy://" + secret + "@127.0.0.1:1'", nil, rungFail, "The MTProxy 127.0.0.1:1 refuses the connection"},
	} {
		p.net.dataCentres = test.dataCentres
		p.write(test.way)
		_, text, by := p.examine()
		finds(t, by, "mtproto", test.status, test.words)
		if strings.Contains(text, madeUpHash) {
			t.Errorf("a secret is shown:\n%s", text)
		}
	}
}

func TestDoctorAsksTheRunningGateway(t *testing.T) {
	p := newPatient(t)
	p.write("")
	stranger := &http.Server{Addr: p.listen, Handler: http.NotFoundHandler()}
	l, err := net.Listen("tcp", p.listen)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = stranger.Serve(l) }()
	_, _, by := p.examine()
	finds(t, by, "gateway", rungFail, "Something that is not telegate answers")
	if err := stranger.Close(); err != nil {
		t.Fatal(err)
	}

	p.telegram.SetFaults(sandbox.Faults{Conflict: true})
	p.startText(p.text)
	p.eventually("the bot is in conflict", func() bool { return p.botState() == "conflict" })
	_, _, by = p.examine()
	finds(t, by, "gateway", rungWarn, "is degraded")
	finds(t, by, "bot @TestBot", rungWarn, "Another program polls this bot")
}

// However much hangs, it ends in time.
func TestDoctorEndsInTime(t *testing.T) {
	p := newPatient(t)
	user := fmt.Sprintf("[messaging.telegram]\napiid = 5\napihash = %q\nsession = %q\n", madeUpHash, madeUpSession)
	if err := os.WriteFile(p.file, []byte(user+"[database]\npath = 'x.db'\n[api]\nlisten = '"+p.listen+"'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		p.net.lookup = func(ctx context.Context, _ string) ([]netip.Addr, error) {
			time.Sleep(3900 * time.Millisecond)
			return []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}, nil
		}
		p.net.dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, rungTimeout)
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
		time.Sleep(rungTimeout) // until net/http's dials are over
		finds(t, by, "ipv4", rungFail, "does not answer in time")
		finds(t, by, "ipv6", rungFail, "does not answer in time")
		finds(t, by, "mtproto", rungFail, "None of Telegram's data centres")
		finds(t, by, "config", rungWarn, "telegate key new")
	})
}
