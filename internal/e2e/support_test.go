package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"telegate/api"
	"telegate/cli"
	"telegate/config"
	"telegate/internal/exit"
	"telegate/internal/secret"
	"telegate/internal/version"
	"telegate/sandbox"
)

// unpack reads a bundle.
func unpack(t *testing.T, path string) map[string]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the bundle is not private: %v %v", info, err)
	}
	zipped, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for archive := tar.NewReader(zipped); ; {
		head, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		files[strings.TrimPrefix(head.Name, "telegate-support/")] = string(data)
	}
}

// Whatever telegate knows, the bundle holds no secret and no user's name, also where a log that is added to it does.
func TestTheSupportBundleHoldsNoSecret(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	p.dataCentre()
	const (
		apiHash       = "3f81c0b2a95d4e7796e8d1c2b3a4f506"
		proxyUser     = "erika"
		proxyPassword = "looking-glass-4711"
		corpToken     = "2000000009:CORP-bot-of-the-simulated-telegram-000"
	)
	session := "1" + strings.Repeat("Ab+/", 92)
	proxied := "[domains.corp.messaging.telegram]\nbottoken = '" + corpToken + "'\nproxy = 'http://" + proxyUser + ":" + proxyPassword + "@127.0.0.1:9'\n[api]"
	p.text = strings.Replace(p.text, "[api]", proxied, 1)
	p.text = strings.Replace(p.text, `name = "test"`, "name = 'alices-own-key'", 1) + config.KeyTable(config.Key{
		Name: "carols-own-key", Hash: config.HashAPIKey("tgk_" + secret.Token()), Domains: []string{"*"}, Scopes: []string{"admin"}, User: "carol", UserDomain: "corp",
	})
	p.write("baseurl = '" + p.botAPI + "'\napiid = 5\napihash = '" + apiHash + "'\nsession = '" + session + "'")
	p.startText(strings.Replace(p.text, proxied, "[api]", 1))
	p.connected()
	_, startToken, _ := strings.Cut(p.link("", "alice").StartCommand, " ")
	v, code := p.signIn("alice", "alice's-browser-session")
	p.want(http.StatusOK, "POST", "/v1/verifications/"+v.ID+"/check", api.CheckCode{Code: wrong(code), SessionBinding: "alice's-browser-session"}, nil)
	p.telegram.SetFaults(sandbox.Faults{ServerError: true, SendOnly: true})
	p.want(http.StatusAccepted, "POST", "/v1/messages", api.SendMessage{User: "alice", Text: marker}, nil)
	p.eventually("a send has failed", func() bool { return strings.Contains(p.log.String(), "send failed") })
	key := strings.TrimSpace(read(t, filepath.Join(p.dir, "telegate.db.key")))

	secrets := map[string]string{
		"bot token": testToken, "its secret half": strings.TrimPrefix(testToken, "2000000002:"), "a domain's token": corpToken, "API hash": apiHash,
		"session": session, "proxy password": proxyPassword, "API key": p.key, "start token": startToken, "sign-in code": code,
		"text": marker, "session binding": "alice's-browser-session", "key file": key, "user": "alice", "handle": "alice_tg", "address": "203.0.113.7", "newer address": "2001:db8:0:1::7",
		"short address": "2001:db8::9", "shortest address": "::1", "address of both": "::ffff:203.0.113.8",
		"key's name": "alices-own-key", "key's user": "carol",
	}
	var log strings.Builder
	log.WriteString(p.log.String())
	for _, s := range secrets { // as a program less careful would write them
		log.WriteString("level=INFO msg=odd token=" + strconv.Quote(s) + " ip=" + s + " address=" + s + "\n")
	}
	log.WriteString("level=INFO msg=\"the code " + code + " of @alice_tg from 203.0.113.7:4711 and 2001:db8:0:1::7, 2001:db8::9, [::1]:80, ::ffff:203.0.113.8, " + startToken + "\"\n")
	log.WriteString(`level=INFO msg=odd user=alice name="Alice Liddell" to=@alice_tg` + "\n" + `{"level":"INFO","user":"alice","name":"Alice \"Liddell\""}` + "\n")

	out := filepath.Join(t.TempDir(), "bundle.tar.gz")
	var stdout, stderr bytes.Buffer
	con := &cli.Env{Getenv: func(string) string { return "" }, Stdin: strings.NewReader(log.String()), Stdout: &stdout, Stderr: &stderr, Network: p.net, DataCentres: p.servers}
	if status := cli.Run(t.Context(), []string{"support", "--config", p.file, "--out", out, "--log", "-"}, con); status != 0 {
		t.Fatalf("%d %s", status, &stderr)
	}
	files := unpack(t, out)
	if strings.Contains(files["config.toml"], `"corp"`) {
		t.Errorf("config.toml says where the user of a key is:\n%s", files["config.toml"])
	}
	for name, text := range files {
		for what, s := range secrets {
			if strings.Contains(text, s) {
				at := strings.Index(text, s)
				t.Errorf("%s holds the %s: …%s", name, what, text[max(0, at-60):min(len(text), at+60)])
			}
		}
		if strings.Contains(text, "Liddell") {
			t.Errorf("%s holds a name", name)
		}
	}
	for name, want := range map[string]string{
		"version.txt": "telegate " + version.Version, "config.toml": `bottoken = "(set)"`, "doctor.json": `"rung": "integrity"`, "health.json": `"name":"bot @TestBot"`,
		"metrics.txt": "telegate_queue_messages", "database.json": `"integrity": "ok"`, "failures.json": `"reason": "unreachable"`, "log.txt": "send failed", "README.txt": "removed",
	} {
		if !strings.Contains(files[name], want) {
			t.Errorf("%s has no %q:\n%s", name, want, files[name])
		}
	}
	var database struct {
		Schema int64            `json:"schema"`
		Rows   map[string]int64 `json:"rows"`
	}
	decode(t, []byte(files["database.json"]), &database)
	if database.Schema < 5 || database.Rows["links"] != 1 || database.Rows["messages"] == 0 {
		t.Errorf("%+v", database)
	}
	if status := cli.Run(t.Context(), []string{"support", "--config", p.file, "--out", out}, con); status != exit.Failed || !strings.Contains(stderr.String(), "already exists") {
		t.Errorf("onto itself: %d %s", status, &stderr)
	}
}

// Whose account the session is, and whose keys there are, the bundle does not tell.
func TestTheSupportBundleDoesNotTellWhoseTheSessionIs(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	_, session := p.dataCentre()
	p.text = strings.Replace(p.alone(session, ""), `name = "test"`, "name = 'alices-own-key'\nuser = 'alice'\nuser_domain = ''", 1)
	p.write("")
	out := filepath.Join(p.dir, "bundle.tar.gz")
	var stdout, stderr bytes.Buffer
	con := &cli.Env{Getenv: func(string) string { return "" }, Stdout: &stdout, Stderr: &stderr, Network: p.net, DataCentres: p.servers}
	if status := cli.Run(t.Context(), []string{"support", "--config", p.file, "--out", out}, con); status != 0 {
		t.Fatalf("%d %s", status, &stderr)
	}
	files := unpack(t, out)
	if !strings.Contains(files["doctor.json"], "It signs in.") || !strings.Contains(files["config.toml"], `user = "(removed)"`) {
		t.Errorf("%s\n%s", files["doctor.json"], files["config.toml"])
	}
	for name, text := range files {
		for _, who := range []string{helper.Name, helper.Username, "alice"} {
			if strings.Contains(text, who) {
				t.Errorf("%s holds %s:\n%s", name, who, text)
			}
		}
	}
}

// A configuration that cannot be read, and a gateway that does not run, are what the bundle is for.
func TestTheSupportBundleIsMadeWhenNothingWorks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "telegate.toml")
	if err := os.WriteFile(file, []byte("[messaging.telegram]\nbottoken = '"+testToken+"'\nnonsense = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "bundle.tar.gz")
	var stdout, stderr bytes.Buffer
	con := &cli.Env{Getenv: func(string) string { return "" }, Stdout: &stdout, Stderr: &stderr, Network: newPatient(t).net}
	if status := cli.Run(t.Context(), []string{"support", "--config", file, "--out", out}, con); status != 0 {
		t.Fatalf("%d %s", status, &stderr)
	}
	files := unpack(t, out)
	if !strings.Contains(files["config.txt"], "telegate.toml:3") || !json.Valid([]byte(files["doctor.json"])) {
		t.Errorf("%v", files)
	}
	for name, text := range files {
		if strings.Contains(text, testToken) {
			t.Errorf("%s holds the token", name)
		}
	}
}
