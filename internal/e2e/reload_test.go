package e2e

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"telegate/api"
	"telegate/cli"
	"telegate/config"
	"telegate/db/dbtest"
	"telegate/gateway"
)

// filed is a world whose gateway has a configuration file that a test changes.
type filed struct {
	*world
	gateway *gateway.Gateway
	file    string
	text    string
}

func newFiled(t *testing.T) *filed {
	t.Helper()
	return fileOf(newWorld(t))
}

// fileOf starts the gateway of a world that has been set up already.
func fileOf(w *world) *filed {
	w.t.Helper()
	f := &filed{world: w, file: filepath.Join(w.dir, "telegate.toml")}
	f.write(w.configText("127.0.0.1:0"))
	w.source = func() (*config.Config, error) { return config.Load(f.file, func(string) string { return "" }) }
	f.gateway = w.startText(f.text)
	w.connected()
	return f
}

func (f *filed) write(text string) {
	f.t.Helper()
	f.text = text
	if err := os.WriteFile(f.file, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// change replaces pieces of the file: old, new, old, new …
func (f *filed) change(pieces ...string) {
	f.t.Helper()
	for i := 0; i+1 < len(pieces); i += 2 {
		if !strings.Contains(f.text, pieces[i]) {
			f.t.Fatalf("no %q in the file", pieces[i])
		}
	}
	f.write(strings.NewReplacer(pieces...).Replace(f.text))
}

func (f *filed) reload() api.Reloaded {
	f.t.Helper()
	var done api.Reloaded
	f.want(http.StatusOK, "POST", "/v1/reload", nil, &done)
	return done
}

// refused is a reload that must not happen.
func (f *filed) refused() api.Problem {
	f.t.Helper()
	var p api.Problem
	f.want(http.StatusConflict, "POST", "/v1/reload", nil, &p)
	return p
}

// auditOf are the outcomes of the entries with an event, in their order.
func (f *filed) auditOf(event string) []string {
	f.t.Helper()
	return dbtest.AuditOutcomes(f.t, filepath.Join(f.dir, "telegate.db"), event)
}

func (f *filed) title(domain string) string {
	f.t.Helper()
	var list api.DomainList
	f.want(http.StatusOK, "GET", "/v1/domains", nil, &list)
	for _, d := range list.Domains {
		if d.ID == domain {
			return d.Title
		}
	}
	return ""
}

func TestReloadPutsTheFileInForce(t *testing.T) {
	t.Parallel()
	f := newFiled(t)
	f.link("", "alice")
	if done := f.reload(); len(done.Changed)+len(done.NeedsRestart) != 0 {
		t.Errorf("nothing has changed, and it says %+v", done)
	}
	key, err := config.NewAPIKey()
	if err != nil {
		t.Fatal(err)
	}
	f.change(`"My Server"`, `"My House"`, "[limits]", `[limits]
code_digits = 8
`, `"debug"`, `"error"`, "[database]", config.KeyTable(config.Key{Name: "new", Hash: config.HashAPIKey(key), Domains: []string{"*"}, Scopes: []string{"verify"}})+
		"[domains.dev]\ntitle = \"Dev\"\n[retention]\naudit_days = 90\n[database]")
	done := f.reload()
	want := []string{"api.keys", `domains."".title`, "domains.dev", "limits.code_digits", "log.level", "retention.audit_days"}
	if !slices.Equal(done.Changed, want) || len(done.NeedsRestart) != 0 {
		t.Errorf("%+v, want %v", done, want)
	}
	if f.title("") != "My House" || f.title("dev") != "Dev" {
		t.Errorf("titles: %q %q", f.title(""), f.title("dev"))
	}
	if _, code := f.signIn("alice", "s"); len(code) != 8 {
		t.Errorf("a code of %d digits", len(code))
	}
	f.link("dev", "bob") // a new domain works at once with a bot that runs
	f.key = key
	f.want(http.StatusForbidden, "POST", "/v1/reload", nil, nil) // the new key is known, and may not do that
	before := len(f.log.String())
	f.want(http.StatusOK, "GET", "/v1/domains", nil, nil)
	if len(f.log.String()) != before {
		t.Errorf("the log goes on at the old level:\n%s", f.log.String()[before:])
	}
}

// A file with a fault changes nothing, and the answer and the log name the line.
func TestAFaultyFileLeavesTheOldConfigurationInForce(t *testing.T) {
	t.Parallel()
	f := newFiled(t)
	f.link("", "alice")
	good := f.text
	for name, c := range map[string]struct{ from, to, says string }{
		"an unknown key":  {"[limits]", "[limits]\ncode_digit = 8", "code_digits"},
		"a wrong value":   {"[limits]", "[limits]\ncode_digits = 12", "must be from 6 to 8"},
		"no TOML":         {"[limits]", "[limits", "TOML"},
		"a token no more": {testToken, "2000000002:short", "not a bot token"},
	} {
		t.Run(name, func(t *testing.T) {
			f.write(good)
			f.change(c.from, c.to, `"My Server"`, `"Changed"`)
			before := len(f.log.String())
			p := f.refused()
			line := f.file + ":"
			if p.Type != "/problems/configuration-refused" || len(p.Errors) == 0 || !strings.Contains(p.Errors[0].Detail, c.says) || !strings.HasPrefix(p.Errors[0].Pointer, line) {
				t.Errorf("%+v", p)
			}
			if log := f.log.String()[before:]; !strings.Contains(log, line) || !strings.Contains(log, "is kept") {
				t.Errorf("the log does not name the line:\n%s", log)
			}
			if got := f.title(""); got != "My Server" {
				t.Errorf("half of it is in force: %q", got)
			}
		})
	}
	if err := os.Remove(f.file); err != nil {
		t.Fatal(err)
	}
	if p := f.refused(); !strings.Contains(p.Errors[0].Detail, "telegate.toml") {
		t.Errorf("without a file: %+v", p)
	}
	if _, code := f.signIn("alice", "s"); len(code) != 6 {
		t.Errorf("a code of %d digits", len(code))
	}
}

// msg2factor counts from the reload on: what was pending opens nothing, and the audit says when it was turned off and on.
func TestMsg2FactorTakesEffectWithTheReload(t *testing.T) {
	t.Parallel()
	f := newFiled(t)
	f.link("", "alice")
	v, code := f.signIn("alice", "s")
	f.change("title = \"My Server\"", "title = \"My Server\"\n[domains.\"\".passwordRequirements]\nmsg2factor = false")
	done := f.reload()
	if done.Canceled != 1 || !slices.Equal(done.Changed, []string{`domains."".passwordRequirements.msg2factor`}) {
		t.Errorf("%+v", done)
	}
	var checked api.Check
	f.want(http.StatusOK, "POST", "/v1/verifications/"+v.ID+"/check", api.CheckCode{Code: code, SessionBinding: "s"}, &checked)
	if checked.Approved || checked.Result != "canceled" {
		t.Errorf("the code of before: %+v", checked)
	}
	f.want(http.StatusForbidden, "POST", "/v1/verifications", loginOf("alice", "s2"), nil)
	f.change("msg2factor = false\n[domains.corp]", "msg2factor = true\n[domains.corp]")
	f.reload()
	f.signIn("alice", "s3")
	f.stop()

	f.startText(f.text)
	f.connected()
	f.stop() // a restart with the same switch is nothing, one with another is an act too
	f.change("msg2factor = true\n[domains.corp]", "msg2factor = false\n[domains.corp]")
	f.startText(f.text)
	f.connected()
	f.stop()
	report := f.auditOf("domain.policy_changed")
	want := []string{"msg2factor off", "msg2factor on", "msg2factor off"}
	if !slices.Equal(report, want) {
		t.Errorf("the audit has %q, want %q", report, want)
	}
	if reloads := f.auditOf("config.reloaded"); len(reloads) != 2 || !strings.Contains(reloads[0], "msg2factor") {
		t.Errorf("reloads in the audit: %q", reloads)
	}
}

func TestWhatNeedsARestartIsNamed(t *testing.T) {
	t.Parallel()
	f := newFiled(t)
	f.change(`listen = "127.0.0.1:0"`, `listen = "127.0.0.1:1"`, "telegate.db", "other.db", `level = "debug"`, "level = \"debug\"\nformat = \"json\"",
		"[limits]", "[limits]\nuser_per_day = 7", "[messaging.telegram]", "[messaging.telegram]\nproxy = \"http://user:pass-word-4711@127.0.0.1:9\"",
		"[domains.corp.passwordRequirements]", "[domains.dev]\n[domains.dev.messaging.telegram]\nbottoken = \"2000000009:ANOTHER-bot-of-the-simulated-one-0000\"\n[domains.corp.passwordRequirements]")
	done := f.reload()
	want := []string{"api.listen", "database.path", "domains.dev", "limits.user_per_day", "log.format", "messaging.telegram.proxy"}
	if !slices.Equal(done.NeedsRestart, want) || len(done.Changed) != 0 {
		t.Errorf("%+v, want %v", done, want)
	}
	if again := f.reload(); !slices.Equal(again.NeedsRestart, want) { // it is still so
		t.Errorf("the second time: %+v", again)
	}
	if strings.Contains(f.log.String()+f.answers.String(), "pass-word-4711") {
		t.Error("the proxy's password is shown")
	}
	f.link("", "alice")
}

func TestAGatewayWithoutAFileSaysThatThereIsNothingToReload(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	var p api.Problem
	w.want(http.StatusConflict, "POST", "/v1/reload", nil, &p)
	if !strings.Contains(p.Detail, "without a configuration file") {
		t.Errorf("%+v", p)
	}
}

// systemd hears when telegate is ready, alive, reading its configuration and about to stop; SIGHUP is a reload.
func TestSystemdIsToldAndSighupReloads(t *testing.T) {
	w := newWorld(t)
	p := newProcess(w)
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: filepath.Join(t.TempDir(), "notify")})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	t.Setenv("NOTIFY_SOCKET", socket.LocalAddr().String())
	t.Setenv("WATCHDOG_USEC", "200000")
	p.start()
	heard := func(what string) string {
		t.Helper()
		buf := make([]byte, 4096)
		for {
			if err := socket.SetReadDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			n, err := socket.Read(buf)
			if err != nil {
				t.Fatalf("systemd never heard %s: %v\n%s", what, err, p.out.String())
			}
			if strings.HasPrefix(string(buf[:n]), what) {
				return string(buf[:n])
			}
		}
	}
	hangUp := func() {
		t.Helper()
		if err := p.child.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	heard("READY=1")
	heard("WATCHDOG=1")
	heard("WATCHDOG=1")
	text := read(t, p.config)
	if err := os.WriteFile(p.config, []byte(strings.ReplaceAll(text, "My Server", "My House")), 0o600); err != nil {
		t.Fatal(err)
	}
	hangUp()
	if s := heard("RELOADING=1"); !strings.Contains(s, "MONOTONIC_USEC=") {
		t.Errorf("%q", s)
	}
	if s := heard("READY=1"); !strings.Contains(s, "STATUS=Configuration reloaded.") {
		t.Errorf("%q", s)
	}
	if err := os.WriteFile(p.config, []byte("[nonsense]\n"+text), 0o600); err != nil {
		t.Fatal(err)
	}
	hangUp()
	if s := heard("READY=1"); !strings.Contains(s, "not reloaded") {
		t.Errorf("%q", s)
	}
	p.eventually("the log names the line", func() bool { return strings.Contains(p.out.String(), "telegate.toml:1") })
	p.stop()
	heard("STOPPING=1")
}

// While nothing can be stored no domain changes, since the audit could not say so.
func TestAReloadThatCannotBeWrittenDownDoesNotHappen(t *testing.T) {
	t.Parallel()
	f := newFiled(t)
	g := f.gateway
	f.change(`"My Server"`, `"My House"`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if done, err := g.Reload(ctx); err == nil {
		t.Errorf("%+v", done)
	}
	if got := f.title(""); got != "My Server" {
		t.Errorf("in force: %q", got)
	}
	f.reload()
	if got := f.title(""); got != "My House" {
		t.Errorf("in force: %q", got)
	}
}

// certify writes a fresh certificate, and its key, in place of those that were there.
func certify(t *testing.T, certFile, keyFile string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(nil, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: key}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A renewed certificate is shown from a reload on that happened, and not from one that did not.
func TestAReloadThatDoesNotHappenShowsNoOtherCertificate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cert, key := filepath.Join(w.dir, "cert.pem"), filepath.Join(w.dir, "key.pem")
	certify(t, cert, key)
	text := strings.Replace(w.configText("127.0.0.1:0"), "[api]", "[api]\ntls_cert = '"+cert+"'\ntls_key = '"+key+"'", 1)
	w.source = func() (*config.Config, error) {
		return config.Parse("test.toml", []byte(strings.Replace(text, "My Server", "My House", 1)), func(string) string { return "" })
	}
	g := w.startText(text)
	shown := func() []byte {
		t.Helper()
		dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // which one it is, is the question
		conn, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(g.Address(), "https://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].Raw
	}
	before := shown()
	certify(t, cert, key)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if done, err := g.Reload(ctx); err == nil || !bytes.Equal(shown(), before) {
		t.Errorf("nothing could be written down: %+v, %v, and another certificate is shown", done, err)
	}
	if done, err := g.Reload(t.Context()); err != nil || bytes.Equal(shown(), before) {
		t.Errorf("%+v, %v, and the old certificate is shown", done, err)
	}
}

func TestReloadCommandTellsWhatCameOfIt(t *testing.T) {
	t.Parallel()
	f := newFiled(t)
	command := func(args ...string) (status int, out, errs string) {
		var stdout, stderr bytes.Buffer
		env := map[string]string{"TELEGATE_API": f.url, "TELEGATE_KEY": f.key}
		status = cli.Main(t.Context(), append([]string{"reload"}, args...), func(name string) string { return env[name] }, strings.NewReader(""), &stdout, &stderr)
		return status, stdout.String(), stderr.String()
	}
	if status, out, errs := command(); status != 0 || !strings.Contains(out, "Nothing that telegate can change while it runs has changed") {
		t.Errorf("%d %s %s", status, out, errs)
	}
	f.change(`"My Server"`, `"My House"`, "telegate.db", "other.db")
	if status, out, errs := command(); status != 0 || !strings.Contains(out, `Changed: domains."".title`) || !strings.Contains(out, "need a restart: database.path") {
		t.Errorf("%d %s %s", status, out, errs)
	}
	f.change("[limits]", "[limits]\nnonsense = 1")
	if status, out, errs := command(); status != 1 || out != "" || !strings.Contains(errs, "is kept") || !strings.Contains(errs, f.file+":") || !strings.Contains(errs, "nonsense") {
		t.Errorf("%d %s %s", status, out, errs)
	}
}
