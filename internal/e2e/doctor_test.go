package e2e

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"telegate/cli"
	"telegate/db/dbtest"
	"telegate/doctor"
	"telegate/internal/exit"
	"telegate/sandbox"
)

// patient is somebody whose telegate doctor examines.
type patient struct {
	*world
	net    doctor.Network
	file   string
	listen string
	text   string
}

// newPatient makes one whose files are there, whose Telegram is the simulated one, and whose data centres are listeners on loopback.
func newPatient(t *testing.T) *patient {
	t.Helper()
	p := &patient{world: newWorld(t), listen: freeAddress(t)}
	p.net = doctor.Network{ // this machine's, and nothing beyond it
		Lookup: func(context.Context, string) ([]netip.Addr, error) { return nil, &net.DNSError{IsNotFound: true} },
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			if !strings.HasPrefix(address, "127.0.0.1:") {
				return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ENETUNREACH)}
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		},
		DataCentres: []string{listener(t, nil), listener(t, nil)},
	}
	p.text = p.configText(p.listen)
	p.file = filepath.Join(p.dir, "telegate.toml")
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
func (p *patient) examine(args ...string) (status int, text string, by map[string]doctor.Finding) {
	p.t.Helper()
	var out, errOut syncBuffer
	con := &cli.Env{Getenv: func(string) string { return "" }, Stdout: &out, Stderr: &errOut, Network: p.net, DataCentres: p.servers}
	args = append([]string{"doctor", "--config", p.file}, args...)
	status = cli.Run(p.t.Context(), append(args, "--json"), con)
	var answer struct {
		Status   string
		Findings []doctor.Finding
	}
	if err := json.Unmarshal([]byte(out.String()), &answer); err != nil {
		p.t.Fatalf("not JSON: %v\n%s%s", err, &out, &errOut)
	}
	by = map[string]doctor.Finding{}
	for _, f := range answer.Findings {
		if old, there := by[f.Check]; there {
			f.Detail, f.Next = old.Detail+"\n"+f.Detail, old.Next+"\n"+f.Next
			f.Status = doctor.Worst([]doctor.Finding{old, f})
		}
		by[f.Check] = f
	}
	if (answer.Status == doctor.Fail) != (status == exit.Failed) {
		p.t.Errorf("exit status %d of a whole that is %s", status, answer.Status)
	}
	return status, out.String() + errOut.String(), by
}

// finds checks one rung.
func finds(t *testing.T, by map[string]doctor.Finding, rung, status, words string) {
	t.Helper()
	f, there := by[rung]
	if !there || f.Status != status || !strings.Contains(f.Detail+" → "+f.Next, words) {
		t.Errorf("%s: want %s and %q, got %+v", rung, status, words, f)
	}
}

func TestDoctorFindsAHealthyTelegateWell(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	p.write("")
	p.startText(p.text)
	p.connected()
	var out syncBuffer
	con := &cli.Env{Getenv: func(string) string { return "" }, Stdout: &out, Stderr: &out, Network: p.net}
	if status := cli.Run(t.Context(), []string{"doctor", "-c", p.file}, con); status != exit.OK {
		t.Errorf("exit status %d", status)
	}
	for _, line := range []string{
		"ok    config          " + p.file + " is valid.", "ok    database        ", "ok    key file        ", "ok    disk            ",
		"skip  dns             127.0.0.1 is an address", "ok    ipv4            127.0.0.1:", "skip  ipv6            ",
		"ok    clock           It agrees with 127.0.0.1:", "ok    bot 2000000002  Telegram accepts the token: Test Bot, @TestBot.",
		"ok    webhook         @TestBot has none.", "skip  mtproto         Not needed: the configuration has no apiid, apihash or session",
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
	t.Parallel()
	p := newPatient(t)
	database := filepath.Join(p.dir, "telegate.db")

	_, _, by := p.examine()
	finds(t, by, "config", doctor.Fail, "telegate setup")
	finds(t, by, "dns", doctor.Fail, "No name server knows api.telegram.org") // the way to Telegram is looked at all the same

	p.write("baseurl = " + strconv.Quote(p.botAPI) + "\nbottokn = 'x'")
	_, _, by = p.examine()
	finds(t, by, "config", doctor.Fail, `telegate.toml:5: unknown key "bottokn"`)
	finds(t, by, "database", doctor.OK, "does not exist yet") // it is looked at whatever else is wrong
	finds(t, by, "network", doctor.Skip, "baseurl and proxy are not known")
	if f := by["dns"]; f.Check != "" {
		t.Errorf("Telegram itself is asked, whatever baseurl is: %+v", f)
	}

	p.write("")
	_, _, by = p.examine()
	finds(t, by, "config", doctor.OK, "is valid")
	finds(t, by, "database", doctor.OK, "does not exist yet")
	finds(t, by, "key file", doctor.OK, "does not exist yet")
	finds(t, by, "gateway", doctor.Skip, "No gateway answers on "+p.listen)

	for _, file := range []string{p.file, database, database + ".key"} {
		if err := os.WriteFile(file, []byte(read(t, p.file)), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, _, by = p.examine()
	finds(t, by, "config", doctor.Fail, "chmod 600 "+p.file)
	finds(t, by, "database", doctor.Warn, "chmod 600 "+database)
	finds(t, by, "key file", doctor.Fail, "chmod 600 "+database+".key")

	if err := os.Remove(database + ".key"); err != nil {
		t.Fatal(err)
	}
	_, _, by = p.examine()
	finds(t, by, "key file", doctor.Fail, "Restore the key file of this database.")

	p.text = strings.Replace(p.text, strconv.Quote(database), strconv.Quote(filepath.Join(p.dir, "gone", "telegate.db")), 1)
	p.write("")
	_, _, by = p.examine()
	finds(t, by, "database", doctor.Fail, "mkdir -p "+filepath.Join(p.dir, "gone"))
	if by["disk"].Check != "" {
		t.Errorf("free space of a folder that is not there: %+v", by["disk"])
	}
}

func TestDoctorLooksAtTheBotAndItsWebhook(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	p.write("")
	for _, test := range []struct {
		faults              sandbox.Faults
		rung, status, words string
	}{
		{sandbox.Faults{Unauthorized: true}, "bot 2000000002", doctor.Fail, "@BotFather"},
		{sandbox.Faults{Down: true}, "bot 2000000002", doctor.Fail, "unreachable"},
		{sandbox.Faults{BadGateway: true}, "bot 2000000002", doctor.Fail, "Something other than the Bot API answers"},
		{sandbox.Faults{PollFloodWait: time.Minute}, "bot 2000000002", doctor.Warn, "1m0s"},
		{sandbox.Faults{WebhookSet: true}, "webhook", doctor.Fail, "example.com"},
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
	if testing.Short() {
		t.Skip("it waits for connections that hang")
	}
	t.Parallel()
	p := newPatient(t)
	p.dataCentre()
	app := "baseurl = " + strconv.Quote(p.botAPI) + "\napiid = 5\napihash = '" + madeUpHash + "'\n"
	good := p.net.DataCentres[0]
	secret := "dd" + madeUpHash
	for _, test := range []struct {
		way           string
		dataCentres   []string
		status, words string
	}{
		{app, []string{good, good}, doctor.OK, "All 2 data centres can be reached, and Telegram answers."},
		{"", []string{good, good}, doctor.Skip, "Not needed"},
		{app, []string{good, "127.0.0.1:1"}, doctor.Warn, "Data centres 2 cannot be reached"},
		{app, []string{"127.0.0.1:1", "127.0.0.1:1"}, doctor.Fail, "None of Telegram's data centres"},
		{"", []string{"127.0.0.1:1", "127.0.0.1:1"}, doctor.Skip, "Not needed"},
		{"baseurl = " + strconv.Quote(p.botAPI) + "\nproxy = 'mtproxy://" + secret + "@" + good + "'", nil, doctor.Skip, "The MTProxy " + good + " accepts connections"},
		{app + "proxy = 'mtproxy://" + secret + "@127.0.0.1:1'", nil, doctor.Fail, "The MTProxy 127.0.0.1:1 refuses the connection"},
	} {
		p.net.DataCentres = test.dataCentres
		p.write(test.way)
		_, text, by := p.examine()
		finds(t, by, "mtproto", test.status, test.words)
		if strings.Contains(text, madeUpHash) {
			t.Errorf("a secret is shown:\n%s", text)
		}
	}
}

// Connections are not enough: a firewall or a proxy that lets nothing but them through is found out.
func TestDoctorTellsConnectionsFromAConversation(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	p.dataCentre()
	p.servers[0].Address = p.net.DataCentres[0] // which hangs up on everybody
	proxy := newTestProxy(t, p.net.DataCentres[0], proxied["socks5"].serve)
	for way, next := range map[string]string{
		"": "Something on the way blocks MTProto: set a proxy.",
		"\nproxy = " + proxied["socks5"].url(proxy.address): "The proxy, or something behind it, blocks MTProto: set another one.",
	} {
		p.write("baseurl = " + strconv.Quote(p.botAPI) + "\napiid = 5\napihash = '" + madeUpHash + "'" + way)
		checks := slices.DeleteFunc(p.doctor().Checks(), func(c doctor.Check) bool { return c.Name() != "mtproto" })
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		findings := checks[0].Run(ctx)
		cancel()
		want := doctor.Finding{Check: "mtproto", Status: doctor.Fail, Detail: "The data centres accept connections, but Telegram does not answer.", Next: next}
		if len(findings) != 1 || findings[0] != want {
			t.Errorf("it found %+v", findings)
		}
	}
}

func TestDoctorAsksTheRunningGateway(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	p.write("")
	stranger := &http.Server{Addr: p.listen, Handler: http.NotFoundHandler()}
	l, err := net.Listen("tcp", p.listen)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = stranger.Serve(l) }()
	_, _, by := p.examine()
	finds(t, by, "gateway", doctor.Fail, "Another program than telegate answers")
	if err := stranger.Close(); err != nil {
		t.Fatal(err)
	}

	p.telegram.SetFaults(sandbox.Faults{Conflict: true})
	p.startText(p.text)
	p.eventually("the bot is in conflict", func() bool { return p.botState() == "conflict" })
	_, _, by = p.examine()
	finds(t, by, "gateway", doctor.Warn, "is degraded")
	finds(t, by, "bot @TestBot", doctor.Warn, "Another program polls this bot")
}

// Doctor looks the database over, and says what to do with one that is damaged or newer.
func TestDoctorLooksTheDatabaseOver(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	p.write("")
	path := filepath.Join(p.dir, "telegate.db")
	dbtest.OpenAt(t, path, time.Now, nil).Close()
	_, _, by := p.examine()
	finds(t, by, "integrity", doctor.OK, "is consistent")
	before, err := os.ReadDir(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4096 * 4 {
		data[4096*3+i] = 0xa5
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, by = p.examine()
	finds(t, by, "integrity", doctor.Fail, "damaged")
	if !strings.Contains(by["integrity"].Next, "telegate restore FILE") {
		t.Errorf("%+v", by["integrity"])
	}
	if err := os.WriteFile(path, []byte("dear diary, today I went to the sea"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, by = p.examine()
	finds(t, by, "integrity", doctor.Fail, "not a database of telegate's")
	if after, err := os.ReadDir(p.dir); err != nil || len(after) != len(before) {
		t.Errorf("doctor has changed the folder: %v %v", after, err)
	}
}

// The console's page Status runs the same checks, but for those that need the database or the session for themselves.
func TestTheConsoleRunsTheChecksOfDoctor(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	p.write("")
	p.check = func(ctx context.Context) []doctor.Finding {
		d := p.doctor()
		return d.Run(ctx, d.LiveChecks())
	}
	p.startText(p.text)
	p.connected()
	c := p.consoleClient()
	page, _ := c.open("/console/sign-in", url.Values{"key": {p.key}, "next": {"/console/status"}})
	token := regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindStringSubmatch(page)
	if token == nil {
		t.Fatalf("no form on the page: %s", page)
	}
	page, _ = c.open("/console/status/checks", url.Values{"csrf": {token[1]}})
	var names []string
	for _, m := range regexp.MustCompile(`data-testid="check" data-name="([^"]+)" data-tone-of="(\w*)"`).FindAllStringSubmatch(page, -1) {
		if m[2] == "bad" {
			t.Errorf("the check %s failed", m[1])
		}
		names = append(names, m[1])
	}
	for _, name := range []string{"config", "database", "key file", "disk", "dns", "clock", "bot 2000000002", "webhook", "mtproto"} {
		if !slices.Contains(names, name) {
			t.Errorf("no check %s in %v", name, names)
		}
	}
	for _, name := range []string{"integrity", "session", "gateway"} {
		if slices.Contains(names, name) {
			t.Errorf("the check %s ran beside the gateway", name)
		}
	}
	if strings.Contains(page, testToken) {
		t.Error("the page shows the token")
	}
}
