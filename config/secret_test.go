package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"

	"telegate/config"
)

func TestSecretIsNeverPrinted(t *testing.T) {
	secret := config.Secret(token)
	telegram := config.Telegram{BotToken: secret, Proxy: "http://alice:" + config.Secret(token) + "@proxy.example"}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%f", "%20s", "%T"} {
		fmt.Fprintf(&out, verb+"\n", secret)
		fmt.Fprintf(&out, verb+"\n", telegram)
		fmt.Fprintf(&out, verb+"\n", []any{&secret, map[config.Secret]int{secret: 1}, telegram})
		fmt.Fprintf(&out, verb+"\n", &telegram)
	}
	logger := slog.New(slog.NewJSONHandler(&out, nil))
	logger.Info("message", "token", secret, "telegram", telegram)
	slog.New(slog.NewTextHandler(&out, nil)).Info("message", "token", secret, "telegram", telegram)
	if err := json.NewEncoder(&out).Encode(telegram); err != nil {
		t.Fatal(err)
	}
	if err := toml.NewEncoder(&out).Encode(telegram); err != nil {
		t.Fatal(err)
	}
	c := parse(t, strings.Replace(sample, `bottoken_file = "corp.token"`, "bottoken = '"+corpToken+"'", 1))
	fmt.Fprintf(&out, "%v %+v %#v %+v", c, c, c, *c)
	logger.Info("message", "config", c)
	slog.New(slog.NewTextHandler(&out, nil)).Info("message", "config", c)
	fmt.Fprintln(&out, fmt.Errorf("wrapped: %w", fmt.Errorf("%v", secret)), secret.String(), secret.GoString())
	for _, other := range []string{corpToken, apiHash, session} {
		if strings.Contains(out.String(), other) {
			t.Errorf("printed:\n%s", out.String())
		}
	}
	if strings.Contains(out.String(), token[10:]) || strings.Contains(out.String(), fmt.Sprintf("%x", token[10:])) {
		t.Errorf("printed:\n%s", out.String())
	}
	if secret.Reveal() != token {
		t.Error("Reveal does not")
	}
	if got := fmt.Sprint(config.Secret("")); got != "" {
		t.Errorf("an empty secret prints as %q", got)
	}
}

// TestEverySecretHasAFileAndAnEnvironmentTwin reads each secret from each source, and from two at once.
func TestEverySecretHasAFileAndAnEnvironmentTwin(t *testing.T) {
	shared := func(c *config.Config) config.Telegram { return c.Messaging.Telegram }
	corp := func(c *config.Config) config.Telegram { return c.Domains["corp-1"].Telegram }
	for _, secret := range []struct {
		table, key, variable string
		value, other         string
		read                 func(*config.Config) config.Secret
	}{
		{"messaging.telegram", "bottoken", "TELEGATE_MESSAGING_TELEGRAM_BOTTOKEN", corpToken, token,
			func(c *config.Config) config.Secret { return shared(c).BotToken }},
		{"messaging.telegram", "apihash", "TELEGATE_MESSAGING_TELEGRAM_APIHASH", apiHash, strings.Repeat("f", 32),
			func(c *config.Config) config.Secret { return shared(c).APIHash }},
		{"messaging.telegram", "session", "TELEGATE_MESSAGING_TELEGRAM_SESSION", session, strings.Repeat("f", 350),
			func(c *config.Config) config.Secret { return shared(c).Session }},
		{"domains.corp-1.messaging.telegram", "bottoken", "TELEGATE_DOMAINS_CORP_1_MESSAGING_TELEGRAM_BOTTOKEN", corpToken, token,
			func(c *config.Config) config.Secret { return corp(c).BotToken }},
	} {
		folder := t.TempDir()
		write(t, folder, "value", "\t"+secret.value+" \r\n\n", 0o600)
		write(t, folder, "other", secret.other, 0o600)
		inline := func(v string) string { return secret.key + " = '" + v + "'\n" }
		fromFile := func(f string) string { return secret.key + "_file = '" + f + "'\n" }
		for _, test := range []struct {
			name, lines string
			env         map[string]string
			want        string // a fault, or "" where the value has to be read
		}{
			{"key", inline(secret.value), nil, ""},
			{"file", fromFile("value"), nil, ""},
			{"absolute file", fromFile(filepath.Join(folder, "value")), nil, ""},
			{"environment", "", map[string]string{secret.variable: " " + secret.value + "\n"}, ""},
			{"file of the environment", "", map[string]string{secret.variable + "_FILE": "value"}, ""},
			{"environment beats the key", inline(secret.other), map[string]string{secret.variable: secret.value}, ""},
			{"environment beats the file", fromFile("other"), map[string]string{secret.variable: secret.value}, ""},
			{"file of the environment beats the key", inline(secret.other), map[string]string{secret.variable + "_FILE": "value"}, ""},
			{"environment beats a file that is not there", fromFile("gone"), map[string]string{secret.variable: secret.value}, ""},
			{"blank environment", inline(secret.value), map[string]string{secret.variable: " "}, ""},
			{"key and file", inline(secret.value) + fromFile("value"), nil,
				fmt.Sprintf("telegate.toml:3: %s.%s_file and %s give the same secret; keep one", secret.table, secret.key, secret.key)},
			{"both in the environment", "", map[string]string{secret.variable: secret.value, secret.variable + "_FILE": "value"},
				fmt.Sprintf("environment: %s_FILE and %s give the same secret; keep one", secret.variable, secret.variable)},
		} {
			t.Run(secret.variable+"/"+test.name, func(t *testing.T) {
				source := "[" + secret.table + "]\n" + test.lines
				environment := map[string]string{}
				if secret.key != "bottoken" { // some bot has to be there
					environment["TELEGATE_MESSAGING_TELEGRAM_BOTTOKEN"] = token
				}
				for name, value := range test.env {
					environment[name] = value
				}
				c, err := config.Parse(filepath.Join(folder, "telegate.toml"), []byte(source), env(environment))
				if test.want != "" {
					if err == nil || strings.ReplaceAll(err.Error(), folder+"/", "") != test.want {
						t.Errorf("got %v", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if got := secret.read(c).Reveal(); got != secret.value {
					t.Errorf("read %q", got)
				}
			})
		}
	}
}

func TestDefaultDomainsVariableHasAnEmptyID(t *testing.T) {
	c, err := config.Parse("telegate.toml", []byte(bot), env(map[string]string{"TELEGATE_DOMAINS__MESSAGING_TELEGRAM_BOTTOKEN": corpToken}))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Domains[""].Telegram.BotToken.Reveal(); got != corpToken {
		t.Errorf("read %q", got)
	}
}

func TestVariableThatMeansTwoDomainsIsAFault(t *testing.T) {
	const source = "[domains.a-b]\n[domains.a_b]\n"
	got := faults(t, bot+source, env(map[string]string{"TELEGATE_DOMAINS_A_B_MESSAGING_TELEGRAM_BOTTOKEN": corpToken}))
	want := []string{`environment: TELEGATE_DOMAINS_A_B_MESSAGING_TELEGRAM_BOTTOKEN could mean "a-b" or "a_b"; give both their bottoken in the file`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	parse(t, bot+source) // as long as the variable is not set
}

func TestSecretFileThatCannotServeIsAFault(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, "empty", " \n", 0o600)
	write(t, folder, "large", strings.Repeat("a", 64<<10+1), 0o600)
	write(t, folder, "hash", apiHash, 0o600)
	for file, want := range map[string]string{
		"gone":               "names a file that cannot be read: no such file or directory (relative paths start at the folder of the configuration)",
		"/gone/for/ever":     "names a file that cannot be read: no such file or directory",
		"empty":              "names an empty file",
		"large":              "names a file that is larger than 64 KiB",
		".":                  "names a file that cannot be read: is a directory",
		"a\\u0000b":          "names a file that cannot be read: invalid argument",
		token:                "is a bot token; this key needs the path of a file, the key without _file the token",
		"hash":               "names a file whose content is an API hash, not a bot token; it belongs in apihash",
		"empty/is/no/folder": "names a file that cannot be read: not a directory",
	} {
		_, err := config.Parse(filepath.Join(folder, "telegate.toml"), []byte("[messaging.telegram]\nbottoken_file = \""+file+"\""), noEnv)
		want = filepath.Join(folder, "telegate.toml") + ":2: messaging.telegram.bottoken_file " + want
		if err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", file, err, want)
		}
	}
	_, err := config.Parse(filepath.Join(folder, "telegate.toml"), nil, env(map[string]string{"TELEGATE_MESSAGING_TELEGRAM_BOTTOKEN_FILE": "empty"}))
	if err == nil || err.Error() != "environment: TELEGATE_MESSAGING_TELEGRAM_BOTTOKEN_FILE names an empty file" {
		t.Errorf("got %v", err)
	}
}

func TestSecretFileOthersCanReadIsAWarning(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, "open", token, 0o604)
	write(t, folder, "closed", token, 0o640)
	const end = " names a file that everybody on this machine can read; run chmod 600 on it"
	for _, test := range []struct {
		source string
		env    map[string]string
		want   string
	}{
		{"[messaging.telegram]\nbottoken_file = 'open'", nil, "messaging.telegram.bottoken_file" + end},
		{"[messaging.telegram]\nbottoken_file = 'closed'", nil, ""},
		{"", map[string]string{"TELEGATE_MESSAGING_TELEGRAM_BOTTOKEN_FILE": "open"}, "TELEGATE_MESSAGING_TELEGRAM_BOTTOKEN_FILE" + end},
	} {
		c, err := config.Parse(filepath.Join(folder, "telegate.toml"), []byte(test.source), env(test.env))
		if err != nil {
			t.Fatal(err)
		}
		warned := strings.Contains(strings.Join(c.Warnings, "\n"), end)
		if warned != (test.want != "") || warned && c.Warnings[0] != test.want {
			t.Errorf("%q: %q", test.source, c.Warnings)
		}
	}
}

// TestNoMessageShowsAMisplacedSecret puts every kind of secret into every place for a text, a key or a path, in every TOML notation,
// and checks all output.
func TestNoMessageShowsAMisplacedSecret(t *testing.T) {
	planted := map[string]string{
		"token":          token,
		"API hash":       apiHash,
		"session":        session,
		"API key":        "tgk_" + strings.Repeat("Zk9", 14) + "Q",
		"proxy password": "http://alice:s3cr3t-p4ssw0rd-of-alice@proxy.example:3128",
	}
	templates := strings.Split(strings.TrimSpace(`
[messaging.telegram]\nbottoken = @
[messaging.telegram]\nbottoken = [@]
[messaging.telegram]\nbottoken_file = @
[messaging.telegram]\nbottokn = @
[messaging.telegram]\n@ = 1
[messaging.telegram]\n@ = 1\n@ = 2
[messaging.telegram]\n@.x = 1\n@ = 2
[messaging.telegram]\napiid = @
[messaging.telegram]\napihash = @
[messaging.telegram]\napihash_file = @
[messaging.telegram]\nsession = @
[messaging.telegram]\nsession_file = @
[messaging.telegram]\nbaseurl = @
[messaging.telegram]\nproxy = @
[messaging.telegram]\nproxy = {ip = @, port = 1}
[messaging.telegram]\nproxy = {ip = '::1', port = @}
[messaging.telegram]\nproxy = {ip = '::1', port = 1, secret = @, socksType = 4}
[messaging.telegram]\nproxy = {ip = '::1', port = 1, MTProxy = true, secret = @}
[messaging.telegram]\nproxy = {ip = '::1', port = 1, username = 'alice', password = @, timeout = 1}
[messaging.telegram]\nproxy = {ip = '::1', port = 1, MTProxy = @}
[messaging]\ntelegram = @
[messaging]\n@ = 1
messaging = @
@ = @
[@]
[[@]]
[@]\n[@]
[domains]\ncorp = @
[domains.@]
[domains.@]\ntitel = 'x'
[domains.@]\npasswordRequirements.msg2factor = 1
[domains.@]\nmessaging.telegram.bottoken = @
[domains.corp]\ntitle = @
[domains.corp.passwordRequirements]\nmsg2factor = @
[domains.corp.passwordRequirements]\n@ = @
[domains.corp.messaging.telegram]\nbottoken = @
[domains.corp.messaging.telegram]\nbottoken_file = @
[domains.corp.messaging.telegram]\nsession = @
[api]\nlisten = @
[api]\ntls_cert = @\ntls_key = @
[api]\nkeys = @
[api]\nkeys = [@]
[[api.keys]]\n@ = 1
[[api.keys]]\nname = @\nhash = @\ndomains = [@]\nscopes = [@]
[[api.keys]]\nname = @\nhash = 'HASH'\ndomains = ['*']\nscopes = ['send']\n[[api.keys]]\nname = @\nhash = 'HASH'\ndomains = ['*']\nscopes = ['send']
[database]\npath = @
[limits]\nbot_per_second = @
[limits]\ncode_digits = @
[limits]\ncode_ttl = @
[log]\nlevel = @
[log]\nformat = @
[log]\nlevel @
[log] @
# @\n[log
`), "\n")
	quotes := []string{"'@'", `"@"`, `"""@"""`, "@", "'@", `"@`, `"@\q"`, "x@", "{@", "[@", "'''\n@", "\"\x01@\"", `"@\u12"`}
	count := 0
	for kind, secret := range planted {
		bare := secret
		if kind == "proxy password" {
			bare = "s3cr3t-p4ssw0rd-of-alice"
		}
		// Pieces count as well: half a token is a secret, too, but the bot's id is not one.
		pieces := []string{bare}
		if kind == "token" {
			pieces = []string{bare[10:22], bare[30:]}
		}
		for _, template := range templates {
			for _, quote := range quotes {
				source := strings.NewReplacer(`\n`, "\n", "HASH", hash, "@", strings.ReplaceAll(quote, "@", secret)).Replace(template)
				for _, withBot := range []string{"", "x = 1\n"} {
					variables := map[string]string{"TELEGATE_DOMAINS_CORP_MESSAGING_TELEGRAM_BOTTOKEN_FILE": secret}
					if withBot == "" {
						variables = map[string]string{"TELEGATE_MESSAGING_TELEGRAM_BOTTOKEN": "777777:" + strings.Repeat("b", 35)}
					}
					out, rendering := everything(withBot+source, env(variables))
					count++
					if kind == "token" || kind == "API key" { // the others are known by their place only
						out += rendering
					}
					for _, piece := range pieces {
						if strings.Contains(out, piece) {
							t.Fatalf("a %s shows.\n--- file\n%s\n--- output\n%s", kind, source, out)
						}
					}
				}
			}
		}
	}
	t.Logf("%d files", count)
}

// everything is all output of config for a file: its error in several forms, or its warnings and its rendering.
func everything(source string, getenv func(string) string) (messages, rendering string) {
	c, err := config.Parse("telegate.toml", []byte(source), getenv)
	if err != nil {
		return fmt.Sprintf("%v\n%+v\n%#v", err, err, err), ""
	}
	var out strings.Builder
	if err := c.Render(&out); err != nil {
		return err.Error(), ""
	}
	return strings.Join(c.Warnings, "\n"), out.String()
}

func TestEnvironmentIsNotShownEither(t *testing.T) {
	for _, name := range []string{"BOTTOKEN", "BOTTOKEN_FILE", "APIHASH", "APIHASH_FILE", "SESSION", "SESSION_FILE"} {
		for _, value := range []string{token + "!", token[10:], "bot" + token, token} {
			out, rendering := everything("", env(map[string]string{"TELEGATE_MESSAGING_TELEGRAM_" + name: value}))
			if strings.Contains(out+rendering, token[10:]) {
				t.Errorf("%s: %s%s", name, out, rendering)
			}
		}
	}
}
