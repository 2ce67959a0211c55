package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"telegate/api"
	"telegate/config"
)

// Both samples of MeshCentral's documentation, a bot's login and a user's, with real values in place of its zeros, are imported and
// serve: links, and a sign-in with a code.
func TestBothLoginsOfMeshCentralsConfigurationServe(t *testing.T) {
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
			if status, out := w.telegate("", "config", "import", source, "--out", file); status != exitOK || strings.Contains(out, session) {
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
				w.clientConnected(g.mtproto.person)
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
