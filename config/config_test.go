package config_test

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"telegate/config"
)

// Secrets in the right format; none is real.
var (
	token     = "123456789:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc"
	corpToken = "987654321:AAFq3PzR0uT5vWxYz1a2B3c4D5e6F7g8H9i"
	apiHash   = "3f81c0b2a95d4e7796e8d1c2b3a4f506"
	session   = "1" + strings.Repeat("Ab+/", 92)
	hash      = "sha256:" + strings.Repeat("0123456789abcdef", 4)
	otherHash = "sha256:" + strings.Repeat("fedcba9876543210", 4)
)

// bot is the shortest valid configuration.
var bot = "[messaging.telegram]\nbottoken = '" + token + "'\n"

// noEnv is an empty environment.
func noEnv(string) string { return "" }

func env(variables map[string]string) func(string) string {
	return func(name string) string { return variables[name] }
}

// parse parses a valid configuration.
func parse(t *testing.T, source string) *config.Config {
	t.Helper()
	c, err := config.Parse("telegate.toml", []byte(source), noEnv)
	if err != nil {
		t.Fatalf("a valid file was refused:\n%v\n%s", err, source)
	}
	return c
}

// write writes a file into a folder.
func write(t *testing.T, folder, name, content string, mode fs.FileMode) string {
	t.Helper()
	file := filepath.Join(folder, name)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, mode); err != nil {
		t.Fatal(err)
	}
	return file
}

var ignorePrivate = cmpopts.IgnoreUnexported(config.Config{})

// secrets compares secrets by their content; cmp would only print the redacted form.
var secrets = cmp.Comparer(func(a, b config.Secret) bool { return a.Reveal() == b.Reveal() })

func TestShortestFileHasAllDefaults(t *testing.T) {
	telegram := config.Telegram{BotToken: config.Secret(token), BaseURL: "https://api.telegram.org", Fallback: config.Fallback{PerDay: 50}}
	want := &config.Config{
		Messaging: config.Messaging{Telegram: telegram},
		Domains:   map[string]config.Domain{"": {Title: "telegate", Language: "en", Msg2Factor: true, Telegram: telegram}},
		API:       config.API{Listen: "127.0.0.1:8080"},
		Database:  config.Database{Path: "telegate.db", KeyFile: "telegate.db.key"},
		Limits:    config.Limits{BotPerSecond: 30, ChatPerSecond: 1, GroupPerMinute: 20, UserPerDay: 200, UserBroadcastsPerMinute: 6, CodeDigits: 6, CodeTTL: 5 * time.Minute},
		Retention: config.Retention{MessagesDays: 30, UpdatesDays: 7, AuditDays: 400},
		Log:       config.Log{Level: slog.LevelInfo, Format: "text"},
		Warnings:  []string{"there are no [[api.keys]], so nobody can call the gateway; print one with: telegate key create"},
	}
	if diff := cmp.Diff(want, parse(t, bot), ignorePrivate, secrets); diff != "" {
		t.Error(diff)
	}
}

// sample has every key.
var sample = `[messaging.telegram]
bottoken = "` + token + `"           # or bottoken_file = "/run/credentials/…", or TELEGATE_MESSAGING_TELEGRAM_BOTTOKEN
apiid = 1234567                      # only for the user session and the bot over MTProto
apihash = "` + apiHash + `"
session = "` + session + `"          # a user session: own, GramJS (MeshCentral) or Telethon string
baseurl = "https://api.telegram.org" # the host, without /bot
proxy = "socks5://127.0.0.1:1080"    # or MeshCentral's table: ip, port, MTProxy, secret, socksType, timeout

[domains.""]
title = "My Server"
[domains."".passwordRequirements]
msg2factor = true
[domains.corp]
title = "Corp"
[domains.corp.messaging.telegram]    # a domain may have its own bot
bottoken_file = "corp.token"

[api]
listen = "127.0.0.1:8080"            # or "unix:/run/telegate/api.sock"; a public address needs tls_cert and tls_key
[[api.keys]]
name = "meshcentral"
hash = "` + hash + `"                # printed by: telegate key create --name meshcentral --domains '*' --scopes link,verify,send
domains = ["*"]
scopes = ["link", "verify", "send"]

[database]
path = "telegate.db"                 # the key file lies beside it: telegate.db.key
[limits]
bot_per_second = 30
chat_per_second = 1
group_per_minute = 20
code_digits = 6
code_ttl = "5m"
[log]
level = "info"
format = "text"
`

func TestSampleMeansWhatItSays(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, "corp.token", corpToken+"\n", 0o600)
	c, err := config.Load(write(t, folder, "telegate.toml", sample, 0o600), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	shared := config.Telegram{
		BotToken: config.Secret(token),
		APIID:    1234567,
		APIHash:  config.Secret(apiHash),
		Session:  config.Secret(session),
		BaseURL:  "https://api.telegram.org",
		Proxy:    "socks5://127.0.0.1:1080",
		Fallback: config.Fallback{PerDay: 50},
	}
	corp := shared
	corp.BotToken = config.Secret(corpToken)
	want := &config.Config{
		Messaging: config.Messaging{Telegram: shared},
		Domains: map[string]config.Domain{
			"":     {ID: "", Title: "My Server", Language: "en", Msg2Factor: true, Telegram: shared},
			"corp": {ID: "corp", Title: "Corp", Language: "en", Msg2Factor: true, Telegram: corp},
		},
		API: config.API{Listen: "127.0.0.1:8080", Keys: []config.Key{{
			Name: "meshcentral", Hash: hash, Domains: []string{"*"}, Scopes: []string{"link", "verify", "send"},
		}}},
		Database:  config.Database{Path: filepath.Join(folder, "telegate.db"), KeyFile: filepath.Join(folder, "telegate.db.key")},
		Limits:    config.Limits{BotPerSecond: 30, ChatPerSecond: 1, GroupPerMinute: 20, UserPerDay: 200, UserBroadcastsPerMinute: 6, CodeDigits: 6, CodeTTL: 5 * time.Minute},
		Retention: config.Retention{MessagesDays: 30, UpdatesDays: 7, AuditDays: 400},
		Log:       config.Log{Level: slog.LevelInfo, Format: "text"},
		Warnings: []string{
			"messaging.telegram.session is not used: the bot sends everything; to use it as a fallback, set enabled = true in [messaging.telegram.fallback]",
		},
	}
	if diff := cmp.Diff(want, c, ignorePrivate, secrets); diff != "" {
		t.Error(diff)
	}
}

func TestOrdinaryFileHasNoWarnings(t *testing.T) {
	c := parse(t, bot+`
[domains.""]
title = "My Server"

[[api.keys]]
name = "mesh"
hash = "`+hash+`"
domains = ["*"]
scopes = ["link", "verify", "send"]
`)
	if len(c.Warnings) != 0 || c.Domains[""].Title != "My Server" || len(c.API.Keys) != 1 {
		t.Errorf("read as %+v", c)
	}
}

func TestKeysMatchInAnyCase(t *testing.T) {
	c := parse(t, strings.Replace(`
[MESSAGING.Telegram]
botToken = "TOKEN"
BaseURL = "http://127.0.0.1:8081/"
[DOMAINS.Corp]
TITLE = "Corp Inc."
[DOMAINS.Corp.passwordrequirements]
MSG2FACTOR = false
[Api]
Listen = "[::1]:9090"
[[Api.KEYS]]
Name = "mesh"
HASH = "`+strings.ToUpper(hash)+`"
Domains = ["Corp"]
SCOPES = ["admin"]
[Database]
PATH = "/var/lib/telegate/t.db"
[Limits]
Code_TTL = 90
BOT_PER_SECOND = 2.5
[LOG]
LEVEL = "WARN"
Format = "JSON"
`, "TOKEN", token, 1))
	telegram := config.Telegram{BotToken: config.Secret(token), BaseURL: "http://127.0.0.1:8081", Fallback: config.Fallback{PerDay: 50}}
	want := &config.Config{
		Messaging: config.Messaging{Telegram: telegram},
		Domains: map[string]config.Domain{
			"":     {Title: "telegate", Language: "en", Msg2Factor: true, Telegram: telegram},
			"corp": {ID: "corp", Title: "Corp Inc.", Language: "en", Msg2Factor: false, Telegram: telegram},
		},
		API: config.API{Listen: "[::1]:9090", Keys: []config.Key{{
			Name: "mesh", Hash: hash, Domains: []string{"corp"}, Scopes: []string{"admin"},
		}}},
		Database:  config.Database{Path: "/var/lib/telegate/t.db", KeyFile: "/var/lib/telegate/t.db.key"},
		Limits:    config.Limits{BotPerSecond: 2.5, ChatPerSecond: 1, GroupPerMinute: 20, UserPerDay: 200, UserBroadcastsPerMinute: 6, CodeDigits: 6, CodeTTL: 90 * time.Second},
		Retention: config.Retention{MessagesDays: 30, UpdatesDays: 7, AuditDays: 400},
		Log:       config.Log{Level: slog.LevelWarn, Format: "json"},
		Warnings:  []string{`domain "Corp" is called "corp", as MeshCentral calls it: ids are lower case`},
	}
	if diff := cmp.Diff(want, c, ignorePrivate, secrets); diff != "" {
		t.Error(diff)
	}
}

func TestMsg2FactorIsOnUnlessLiterallyFalse(t *testing.T) {
	for _, test := range []struct {
		line string
		on   bool
	}{
		{"", true},
		{"msg2factor = true", true},
		{"msg2factor = false", false},
		{"MSG2Factor = false", false},
	} {
		c := parse(t, bot+"[domains.corp.passwordRequirements]\n"+test.line)
		if got := c.Domains["corp"].Msg2Factor; got != test.on {
			t.Errorf("%q: second factor on = %v", test.line, got)
		}
		if !c.Domains[""].Msg2Factor {
			t.Errorf("%q switched the factor of another domain", test.line)
		}
	}
}

func TestDomainWithoutABotUsesTheSharedOne(t *testing.T) {
	c := parse(t, `
[messaging.telegram]
bottoken = "`+token+`"
proxy = "http://127.0.0.1:3128"
[domains.plain]
[domains.corp.messaging.telegram]
bottoken = "`+corpToken+`"
[domains.far.messaging.telegram]
bottoken = "55555555:`+token[10:]+`"
baseurl = "https://telegram.corp.example/api/"
proxy = "socks5://user:pw@10.0.0.1:1080"
[domains.same.messaging.telegram]
bottoken = "`+corpToken+`"
`)
	shared := config.Telegram{BotToken: config.Secret(token), BaseURL: "https://api.telegram.org", Proxy: "http://127.0.0.1:3128", Fallback: config.Fallback{PerDay: 50}}
	corp := shared
	corp.BotToken = config.Secret(corpToken)
	far := config.Telegram{
		BotToken: config.Secret("55555555:" + token[10:]),
		BaseURL:  "https://telegram.corp.example/api",
		Proxy:    "socks5://user:pw@10.0.0.1:1080",
		Fallback: config.Fallback{PerDay: 50},
	}
	for id, want := range map[string]config.Telegram{"": shared, "plain": shared, "corp": corp, "same": corp, "far": far} {
		if diff := cmp.Diff(want, c.Domains[id].Telegram, secrets); diff != "" {
			t.Errorf("domain %q: %s", id, diff)
		}
	}
}

func TestDomainsMayAllHaveBotsOfTheirOwn(t *testing.T) {
	c := parse(t, "[domains.corp.messaging.telegram]\nbottoken = '"+token+"'\n[domains.plain]\ntitle = 'Plain'\n"+
		"[api]\nkeys = [{name = 'a', hash = '"+hash+"', domains = ['*'], scopes = ['send']}]")
	if got := c.Domains[""].Telegram.BotToken; got != "" {
		t.Error("the default domain got a bot from nowhere")
	}
	want := []string{"domains.plain has no bot: nobody there can link an account until it or [messaging.telegram] has a bottoken"}
	if diff := cmp.Diff(want, c.Warnings); diff != "" {
		t.Error(diff)
	}
}

func TestMissingFileSaysWhatToDo(t *testing.T) {
	_, err := config.Load(filepath.Join(t.TempDir(), "telegate.toml"), noEnv)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "--config") {
		t.Errorf("got %v", err)
	}
	_, err = config.Load(t.TempDir(), noEnv)
	if err == nil || !strings.HasPrefix(err.Error(), "read configuration: ") {
		t.Errorf("a folder as configuration: %v", err)
	}
}

func TestFileOthersCanReadIsAWarningIfItHoldsASecret(t *testing.T) {
	folder := t.TempDir()
	keys := "[[api.keys]]\nname = 'a'\nhash = '" + hash + "'\ndomains = ['']\nscopes = ['send']\n"
	write(t, folder, "bot.token", token, 0o600)
	for _, test := range []struct {
		name, source string
		mode         fs.FileMode
		warned       bool
	}{
		{"open", bot + keys, 0o644, true},
		{"closed", bot + keys, 0o600, false},
		{"group", bot + keys, 0o640, false},
		{"nothing secret", "[messaging.telegram]\nbottoken_file = 'bot.token'\n" + keys, 0o644, false},
		{"proxy password", "[messaging.telegram]\nbottoken_file = 'bot.token'\nproxy = 'http://alice:pw@127.0.0.1:1'\n" + keys, 0o644, true},
		{"MTProxy", "[messaging.telegram]\nbottoken_file = 'bot.token'\nproxy = {ip = '::1', port = 1, MTProxy = true, secret = '" + apiHash + "'}\n" + keys, 0o644, true},
	} {
		file := write(t, folder, "telegate.toml", test.source, test.mode)
		c, err := config.Load(file, noEnv)
		if err != nil {
			t.Fatal(err)
		}
		warned := strings.Contains(strings.Join(c.Warnings, "\n"), "run: chmod 600 "+file)
		if warned != test.warned {
			t.Errorf("%s: warnings %q", test.name, c.Warnings)
		}
	}
}
