package meshcentral_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"telegate/api"
	"telegate/sandbox"
)

// version is the tested version of MeshCentral.
const version = "1.1.55"

const (
	botToken = "2000000002:TEST-token-of-the-simulated-bot-00000"
	botName  = "TestBot"
	password = "A-long-passw0rd"
)

// patience is the timeout of a step on a busy machine; MeshCentral itself delays a wrong code by up to 6 seconds.
const patience = 2 * time.Minute

// stage is a real MeshCentral with the plugin, a real telegate, and a simulated Telegram.
type stage struct {
	t           *testing.T // of the step
	whole       *testing.T
	telegram    *sandbox.Telegram
	dir         string
	home        string // holds MeshCentral's node_modules
	data        string // MeshCentral's
	telegate    string // the binary
	address     string // of the gateway
	key         string
	mesh        *process
	meshURL     string
	certificate string // that MeshCentral believes in
	gateway     *process
	admin       *page
	tabs        map[string]func() // closes somebody's
}

// newStage sets up and starts everything. TELEGATE_MESHCENTRAL is the folder that keeps MeshCentral between runs; "1" means a
// folder in the user's cache.
func newStage(t *testing.T) *stage {
	t.Helper()
	home := os.Getenv("TELEGATE_MESHCENTRAL")
	if home == "" {
		t.Skip("make meshcentral runs this with a real MeshCentral")
	}
	s := &stage{t: t, whole: t, tabs: map[string]func(){}, dir: t.TempDir(), home: install(t, home)}
	s.telegram = sandbox.New(sandbox.Options{})
	for _, name := range []string{"Alice", "Bob", "Carol", "Mallory"} {
		username := ""
		if name != "Mallory" {
			username = strings.ToLower(name) + "_tg"
		}
		s.telegram.AddPerson(sandbox.Person{FirstName: name, Username: username, LanguageCode: "en"})
	}
	if _, err := s.telegram.AddBot(botToken, botName, "Test Bot"); err != nil {
		t.Fatal(err)
	}
	botAPI := httptest.NewServer(s.telegram)
	t.Cleanup(func() {
		for _, closeTab := range s.tabs {
			closeTab()
		}
		s.telegram.Close()
		botAPI.Close()
	})

	s.telegate = filepath.Join(s.dir, "telegate")
	s.do("go", "build", "-o", s.telegate, "telegate")
	s.address = "127.0.0.1:" + freePort(t)
	s.data = filepath.Join(s.dir, "meshcentral-data")
	port := freePort(t)
	s.meshURL = "https://localhost:" + port + "/"
	gateway := s.setUp(botAPI.URL)
	s.writeJSON(filepath.Join(s.data, "config.json"), map[string]any{
		"settings": map[string]any{
			"cert": "mesh.example.test", "LANonly": true, "port": json.Number(port), "portBind": "127.0.0.1", "redirPort": 0, "mpsPort": 0,
			"selfUpdate": false, "autoBackup": false, "meshScanner": false, "amtScanner": false, "agentTimeStampServer": false, "rsakeysize": 2048,
			"plugins": map[string]any{"enabled": true, "list": []string{"telegate"}},
		},
		"domains": map[string]any{
			"":     map[string]any{"title": "My Server", "newAccounts": false},
			"corp": map[string]any{"title": "Corp", "newAccounts": false, "passwordRequirements": map[string]any{"msg2factor": false}},
		},
		"messaging": map[string]any{
			"telegate": gateway, "ntfy": map[string]any{"host": s.behindTLS() + "/code", "authorization": "Bearer " + s.key},
		},
	})
	for user, domain := range map[string]string{"admin": "", "alice": "", "bob": "", "mallory": "", "carol": "corp"} {
		s.meshcentral("--createaccount", user, "--pass", password, "--email", user+"@example.com", "--domain", domain)
	}
	s.meshcentral("--adminaccount", "admin")
	s.startGateway()
	s.certificate = s.file("testdata/localhost.crt")
	s.mesh = s.startMeshCentral()
	return s
}

func (s *stage) startMeshCentral() *process {
	s.t.Helper()
	mesh := exec.Command("node", s.arguments()...)
	mesh.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+s.certificate)
	return s.start(mesh, "MeshCentral HTTPS server running")
}

// restartMeshCentral ends all sessions, also the administrator's.
func (s *stage) restartMeshCentral() {
	s.t.Helper()
	s.mesh.stop()
	s.mesh, s.admin = s.startMeshCentral(), nil
}

// file is the absolute path of a test file.
func (s *stage) file(name string) string {
	s.t.Helper()
	path, err := filepath.Abs(name)
	if err != nil {
		s.t.Fatal(err)
	}
	return path
}

// behindTLS puts a TLS proxy before the gateway, which MeshCentral's ntfy provider needs, and returns its host and port.
func (s *stage) behindTLS() string {
	s.t.Helper()
	cert, err := tls.LoadX509KeyPair(s.file("testdata/localhost.crt"), s.file("testdata/localhost.key"))
	if err != nil {
		s.t.Fatal(err)
	}
	proxy := httptest.NewUnstartedServer(httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: s.address}))
	proxy.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	proxy.Config.IdleTimeout = 5 * time.Second
	proxy.StartTLS()
	s.whole.Cleanup(proxy.Close)
	_, port, err := net.SplitHostPort(proxy.Listener.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	return "localhost:" + port
}

// topic links a telegate user to a phone with the API, and asks the bot for the topic.
func (s *stage) topic(name string) string {
	s.t.Helper()
	after := s.last(name)
	var started api.StartedLink
	s.post("/v1/links", api.StartLink{User: name}, &started)
	if err := s.telegram.Open(s.person(name), started.StartURL); err != nil {
		s.t.Fatal(err)
	}
	question := s.message(name, "Connect this Telegram chat", after)
	if err := s.telegram.Tap(s.person(name), botName, question.ID, "Connect"); err != nil {
		s.t.Fatal(err)
	}
	var confirmed api.Confirmation
	s.post("/v1/links/"+started.ID+"/confirm", api.ConfirmLink{Code: s.code(name, "is the code to connect", question.ID)}, &confirmed)
	s.message(name, "Connected.", question.ID)
	if _, err := s.telegram.Say(s.person(name), botName, "/topic"); err != nil {
		s.t.Fatal(err)
	}
	return regexp.MustCompile(`\b[a-z2-7]{32}\b`).FindString(s.message(name, "as with ntfy", question.ID).Text)
}

// post makes a successful call of telegate's API.
func (s *stage) post(path string, body, out any) {
	s.t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodPost, "http://"+s.address+path, bytes.NewReader(data))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	s.ask(r, out)
}

// ask makes a call with the key and reads the answer.
func (s *stage) ask(r *http.Request, out any) {
	s.t.Helper()
	r.Header.Set("Authorization", "Bearer "+s.key)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil || resp.StatusCode >= 300 {
		s.t.Fatalf("%s %s: %s, %v", r.Method, r.URL, resp.Status, err)
	}
}

// install installs MeshCentral into the folder, unless it is already there.
func install(t *testing.T, home string) string {
	t.Helper()
	if home == "1" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		home = filepath.Join(cache, "telegate", "meshcentral-"+version)
	}
	var installed struct{ Version string }
	data, _ := os.ReadFile(filepath.Join(home, "node_modules", "meshcentral", "package.json"))
	if _ = json.Unmarshal(data, &installed); installed.Version == version {
		return home
	}
	if err := os.MkdirAll(home, 0o700); err != nil {
		t.Fatal(err)
	}
	npm := exec.Command("nice", "npm", "install", "--no-audit", "--no-fund", "--prefix", home, "meshcentral@"+version)
	if out, err := npm.CombinedOutput(); err != nil {
		t.Fatalf("install MeshCentral: %v\n%s", err, out)
	}
	return home
}

// setUp sets up telegate like an administrator, and returns MeshCentral's settings for the gateway.
func (s *stage) setUp(botAPI string) map[string]any {
	s.t.Helper()
	if err := os.MkdirAll(s.data, 0o700); err != nil {
		s.t.Fatal(err)
	}
	type object map[string]any
	s.writeJSON(filepath.Join(s.data, "config.json"), map[string]any{"domains": map[string]any{"": object{}, "corp": object{}}})
	said := s.do(s.telegate, "meshcentral", "setup", "--data", s.data, "--url", "http://"+s.address)
	var printed struct {
		Messaging struct{ Telegate map[string]any }
	}
	if err := json.Unmarshal([]byte(regexp.MustCompile(`(?ms)^    \{$.*^    \}$`).FindString(said)), &printed); err != nil {
		s.t.Fatalf("telegate meshcentral setup: %v\n%s", err, said)
	}
	gateway := printed.Messaging.Telegate
	s.key, _ = gateway["key"].(string)
	table := regexp.MustCompile(`(?s)\[\[api\.keys\]\].*?\n\n`).FindString(said)
	toml := fmt.Sprintf("[messaging.telegram]\nbottoken = %q\nbaseurl = %q\n[domains.\"\"]\ntitle = \"My Server\"\n[domains.corp]\ntitle = \"Corp\"\n"+
		"[domains.corp.passwordRequirements]\nmsg2factor = false\n[api]\nlisten = %q\n%s", botToken, botAPI, s.address, table)
	if err := os.WriteFile(filepath.Join(s.dir, "telegate.toml"), []byte(toml), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return gateway
}

func (s *stage) writeJSON(path string, v any) {
	s.t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// do runs a command and returns its output.
func (s *stage) do(name string, args ...string) string {
	s.t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func (s *stage) arguments(more ...string) []string {
	return append([]string{filepath.Join(s.home, "node_modules", "meshcentral"), "--datapath", s.data, "--filespath", filepath.Join(s.dir, "files")}, more...)
}

func (s *stage) meshcentral(args ...string) { s.t.Helper(); s.do("node", s.arguments(args...)...) }

// meshctrl runs a command of MeshCentral's command line, as a user without a second factor.
func (s *stage) meshctrl(user string, args ...string) string {
	s.t.Helper()
	args = append([]string{filepath.Join(s.home, "node_modules", "meshcentral", "meshctrl.js")}, args...)
	return s.do("node", append(args, "--url", strings.Replace(s.meshURL, "https", "wss", 1), "--loginuser", user, "--loginpass", password)...)
}

// programAsks gives MeshCentral messages as a program does, and returns the answers.
func (s *stage) programAsks(user, password string, messages ...string) string {
	s.t.Helper()
	return s.do("node", append([]string{s.file("testdata/ask.js"), s.home, strings.Replace(s.meshURL, "https", "wss", 1), user, password}, messages...)...)
}

func (s *stage) startGateway() {
	s.t.Helper()
	s.gateway = s.start(exec.Command(s.telegate, "serve", "--config", filepath.Join(s.dir, "telegate.toml")), "telegate is listening")
}

func (s *stage) stopGateway() { s.t.Helper(); s.gateway.stop() }

// running fails the test if MeshCentral has ended or restarted since its start.
func (s *stage) running() {
	s.t.Helper()
	if log := s.mesh.log.String(); strings.Count(log, "MeshCentral HTTPS server running") != 1 || strings.Contains(log, "critical error") {
		s.t.Fatalf("MeshCentral has not stayed up:\n%s", log)
	}
}

// messaging asks telegate for a user's messaging status.
func (s *stage) messaging(domain, user string) api.Messaging {
	s.t.Helper()
	query := url.Values{"domain": {domain}, "user": {user}}
	r, err := http.NewRequest(http.MethodGet, "http://"+s.address+"/v1/messaging?"+query.Encode(), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	var m api.Messaging
	s.ask(r, &m)
	return m
}

// eventually polls until a condition holds.
func (s *stage) eventually(what string, holds func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("waited in vain until %s", what)
		}
	}
}

func (s *stage) person(name string) int64 {
	s.t.Helper()
	for _, p := range s.telegram.People() {
		if p.FirstName == name {
			return p.ID
		}
	}
	s.t.Fatalf("nobody is called %s", name)
	return 0
}

// pressStart presses Start on a phone, and waits for the bot's answer.
func (s *stage) pressStart(name string) {
	s.t.Helper()
	after := s.last(name)
	if err := s.telegram.Start(s.person(name), botName, ""); err != nil {
		s.t.Fatal(err)
	}
	s.message(name, "", after)
}

// message waits for a message of the bot with a phrase on a phone, later than the message with the id after.
func (s *stage) message(name, phrase string, after int) sandbox.Message {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	m, err := s.telegram.WaitMessage(ctx, s.person(name), botName, func(m sandbox.Message) bool {
		return m.FromBot && m.ID > after && strings.Contains(m.Text, phrase)
	})
	if err != nil {
		s.t.Fatalf("%s's phone never showed %q: %v", name, phrase, err)
	}
	return m
}

func (s *stage) last(name string) int {
	s.t.Helper()
	messages := s.telegram.Messages(s.person(name), botName)
	if len(messages) == 0 {
		return 0
	}
	return messages[len(messages)-1].ID
}

var codeShape = regexp.MustCompile(`\b[0-9]{6}\b`)

// code waits for a code on a phone.
func (s *stage) code(name, phrase string, after int) string {
	s.t.Helper()
	return codeShape.FindString(s.message(name, phrase, after).Text)
}

func wrong(code string) string {
	if code[0] == '9' {
		return "0" + code[1:]
	}
	return string(code[0]+1) + code[1:]
}

// freePort is a free port that stays free until it is used, and while telegate is down: the system uses ports from 32768 on for
// outgoing connections.
func freePort(t *testing.T) string {
	t.Helper()
	for range 100 {
		port := strconv.Itoa(10000 + rand.N(22768))
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			return port
		}
	}
	t.Fatal("no free port")
	return ""
}
