package config_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"

	"telegate/config"
)

func render(t *testing.T, c *config.Config) string {
	t.Helper()
	var out strings.Builder
	if err := c.Render(&out); err != nil {
		t.Fatal(err)
	}
	if _, err := toml.Decode(out.String(), &map[string]any{}); err != nil {
		t.Errorf("the rendering is not TOML: %v\n%s", err, out.String())
	}
	return out.String()
}

func TestRenderShowsWhatIsUnderstood(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, "corp.token", corpToken, 0o600)
	file := filepath.Join(folder, "telegate.toml")
	c, err := config.Parse(file, []byte(`
[messaging.telegram]
bottoken = "`+token+`"
proxy = "socks5://alice:wonderland@127.0.0.1:1080"
[domains.corp]
passwordRequirements.msg2factor = false
messaging.telegram = { bottoken_file = "corp.token" }
[domains."north.west"]
title = 'The "North"'
[[api.keys]]
name = "mesh"
hash = "`+hash+`"
domains = ["corp"]
scopes = ["link"]
[database]
path = "data/t.db"
[limits]
chat_per_second = 0.5
code_ttl = 90
`), env(map[string]string{"TELEGATE_MESSAGING_TELEGRAM_APIHASH": apiHash}))
	if err != nil {
		t.Fatal(err)
	}
	want := `# FOLDER/telegate.toml as telegate understands it; secrets are not shown

[messaging.telegram]
bottoken = "(set)"
# apiid is not set
apihash = "(set, from TELEGATE_MESSAGING_TELEGRAM_APIHASH)"
# session is not set
baseurl = "https://api.telegram.org" # default
proxy = "socks5://alice:xxxxx@127.0.0.1:1080"

[messaging.telegram.fallback]
enabled = false # default
per_day = 50 # default

[domains.""]
title = "telegate" # default
language = "en" # default
require_authenticated_at = false # default
# its bot is the shared one

[domains."".passwordRequirements]
msg2factor = true # default

[domains.corp]
title = "corp" # default
language = "en" # default
require_authenticated_at = false # default

[domains.corp.passwordRequirements]
msg2factor = false

[domains.corp.messaging.telegram]
bottoken = "(set, from file corp.token)"
baseurl = "https://api.telegram.org" # default
proxy = "socks5://alice:xxxxx@127.0.0.1:1080"

[domains."north.west"]
title = "The \"North\""
language = "en" # default
require_authenticated_at = false # default
# its bot is the shared one

[domains."north.west".passwordRequirements]
msg2factor = true # default

[api]
listen = "127.0.0.1:8080" # default
# tls_cert is not set
# tls_key is not set
# public_url is not set

[[api.keys]]
name = "mesh"
hash = "` + hash + `"
domains = ["corp"]
scopes = ["link"]

[database]
path = "FOLDER/data/t.db"
# its key file: "FOLDER/data/t.db.key"

[limits]
bot_per_second = 30.0 # default
chat_per_second = 0.5
group_per_minute = 20.0 # default
user_per_day = 200 # default
user_broadcasts_per_minute = 6.0 # default
code_digits = 6 # default
code_ttl = "1m30s"

[retention]
messages_days = 30 # default
updates_days = 7 # default
audit_days = 400 # default

[log]
level = "info" # default
format = "text" # default
`
	if diff := cmp.Diff(want, strings.ReplaceAll(render(t, c), folder, "FOLDER")); diff != "" {
		t.Error(diff)
	}
}

// TestRenderingOfDefaultsIsTheDefault puts the bot back into a rendering, which must then mean the same.
func TestRenderingOfDefaultsIsTheDefault(t *testing.T) {
	c := parse(t, bot+"[domains.corp]")
	again := parse(t, strings.Replace(render(t, c), `"(set)"`, "'"+token+"'", 1))
	if diff := cmp.Diff(c, again, ignorePrivate, secrets); diff != "" {
		t.Error(diff)
	}
}

func TestRenderHidesASecretThatStandsElsewhereToo(t *testing.T) {
	out := render(t, parse(t, bot+"apihash = '"+apiHash+"'\nsession = '"+session+"'\n"+
		"[domains.a]\ntitle = '"+apiHash+"'\n[domains.b]\ntitle = 'x "+corpToken+" y'\n[database]\npath = '/var/"+session+".db'"))
	for _, secret := range []string{token, apiHash, session, corpToken} {
		if strings.Contains(out, secret) {
			t.Errorf("shows a secret:\n%s", out)
		}
	}
}

type brokenWriter struct{}

var errBroken = errors.New("broken pipe")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestRenderReportsTheWritersError(t *testing.T) {
	if err := parse(t, bot).Render(brokenWriter{}); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}
