package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"telegate/api"
	"telegate/cli"
	"telegate/config"
	"telegate/internal/exit"
)

// Both samples of MeshCentral's documentation, a bot's login and a user's, with real values in place of its zeros, are imported and
// serve: links, and a sign-in with a code.
func TestBothLoginsOfMeshCentralsConfigurationServe(t *testing.T) {
	t.Parallel()
	for name, login := range map[string]func(session string) string{
		"bot":  func(string) string { return fmt.Sprintf(`"bottoken": %q`, testToken) },
		"user": func(session string) string { return fmt.Sprintf(`"session": %q`, session) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			tel, session := w.dataCentre()
			source := filepath.Join(w.dir, "config.json")
			sample := fmt.Sprintf(`{
"settings": {
"Cert": "devbox.mesh.meshcentral.com",
},
"domains": {
"": {
"title": "My Server"
}
},
"messaging": {
"telegram": {
"apiid": 1234567,
"apihash": %q,
%s
}
}
}`, testAppHash, login(session))
			if err := os.WriteFile(source, []byte(sample), 0o600); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(w.dir, "telegate.toml")
			if status, out := w.telegate("", "config", "import", source, "--out", file); status != exit.OK || strings.Contains(out, session) {
				t.Fatalf("import: %d %s", status, out)
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			// What a test needs besides: its own Bot API server, address, key and folder.
			whole := strings.Replace(string(text), "[messaging.telegram]\n", fmt.Sprintf("[messaging.telegram]\nbaseurl = %q\n", w.botAPI), 1) +
				fmt.Sprintf("\n[api]\nlisten = \"127.0.0.1:0\"\n%s[database]\npath = %q\n", config.KeyTable(config.Key{
					Name: "test", Hash: config.HashAPIKey(w.key), Domains: []string{"*"}, Scopes: []string{"link", "verify", "send", "admin"},
				}), filepath.Join(w.dir, "telegate.db"))
			g := w.startText(whole)
			w.eventually("the log says how Telegram is connected", func() bool {
				return strings.Contains(w.log.String(), "Telegram client is "+name+" connected.")
			})
			if name == "user" {
				w.clientConnected(g.UserSession())
				w.linkByHandle(tel, "alice")
				w.signInOver(tel, "alice", "s")
				return
			}
			w.connected()
			w.link("", "alice")
			v, code := w.signIn("alice", "s")
			var c api.Check
			w.want(http.StatusOK, "POST", "/v1/verifications/"+v.ID+"/check", api.CheckCode{Code: code, SessionBinding: "s"}, &c)
			if !c.Approved {
				t.Errorf("the code was not approved: %+v", c)
			}
		})
	}
}

// Standard output that goes into a file for everybody's eyes takes the secrets with it: that is said, and only then.
func TestImportIntoAFileThatOthersCanReadSaysSo(t *testing.T) {
	t.Parallel()
	const token = `{"messaging": {"telegram": {"bottoken": "123456789:AAFk-3jf_Kd8sQpZx7Lm2Vb9Yt4Wc6Nr1Hg"}}}`
	for name, c := range map[string]struct {
		source string
		mode   os.FileMode
		warns  bool
	}{
		"for all":            {token, 0o644, true},
		"for the owner":      {token, 0o600, false},
		"without any secret": {`{"domains": {"": {"title": "My Server"}}}`, 0o644, false},
		"with a proxy":       {`{"messaging": {"telegram": {"proxy": {"ip": "127.0.0.1", "port": 1080, "socksType": 5, "username": "alice", "password": "the old mill"}}}}`, 0o644, true},
		"a placeholder":      {`{"messaging": {"telegram": {"bottoken": "0000"}}}`, 0o644, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			source := filepath.Join(dir, "config.json")
			if err := os.WriteFile(source, []byte(c.source), 0o600); err != nil {
				t.Fatal(err)
			}
			made, err := os.Create(filepath.Join(dir, "telegate.toml"))
			if err != nil {
				t.Fatal(err)
			}
			defer made.Close()
			if err := made.Chmod(c.mode); err != nil {
				t.Fatal(err)
			}
			var stderr strings.Builder
			status := cli.Main(t.Context(), []string{"config", "import", source}, func(string) string { return "" }, strings.NewReader(""), made, &stderr)
			if warned := strings.Contains(stderr.String(), "chmod 600"); status != exit.OK || warned != c.warns {
				t.Errorf("exit status %d, a warning: %v, want %v:\n%s", status, warned, c.warns, stderr.String())
			}
			for _, secret := range []string{"AAFk-3jf", "the old mill"} {
				if strings.Contains(stderr.String(), secret) {
					t.Errorf("standard error shows a secret:\n%s", stderr.String())
				}
			}
		})
	}
}
