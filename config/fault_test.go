package config_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"telegate/config"
)

// faults parses an invalid configuration and returns the lines of the error.
func faults(t *testing.T, source string, getenv func(string) string) []string {
	t.Helper()
	c, err := config.Parse("telegate.toml", []byte(source), getenv)
	var all *config.Error
	if !errors.As(err, &all) {
		t.Fatalf("not refused: %v\n%s", err, source)
	}
	if c != nil {
		t.Error("a refused file gave a configuration")
	}
	var lines []string
	for _, f := range all.Faults {
		lines = append(lines, f.String())
	}
	if err.Error() != strings.Join(lines, "\n") {
		t.Errorf("the error does not list its faults: %v", err)
	}
	return lines
}

// TestFaultsNameTheLineAndWhatToDo adds each snippet to a file whose first two lines are a valid bot, so that it begins at line 3.
func TestFaultsNameTheLineAndWhatToDo(t *testing.T) {
	key := "[[api.keys]]\nname = 'mesh'\nhash = '" + hash + "'\ndomains = ['*']\nscopes = ['send']\n"
	for _, test := range []struct{ name, source, want string }{
		// Unknown keys
		{"near a key", "bottokn_file = 'x'", `telegate.toml:3: unknown key "bottokn_file" in [messaging.telegram]; did you mean "bottoken_file"?`},
		{"near with underscore", "api_id = 1", `telegate.toml:3: unknown key "api_id" in [messaging.telegram]; did you mean "apiid"?`},
		{"near nothing", "[log]\nfile = 'x'", `telegate.toml:4: unknown key "file" in [log]; known keys are level, format`},
		{"unknown table", "[databse]\npath = 'x'", `telegate.toml:3: unknown key "databse" at the top level; did you mean "database"?`},
		{"in a domain", "[domains.corp]\ntitel = 'x'", `telegate.toml:4: unknown key "titel" in [domains.corp]; did you mean "title"?`},
		{"in the default domain", "[domains.\"\"]\ntitel = 'x'", `telegate.toml:4: unknown key "titel" in [domains.""]; did you mean "title"?`},
		{"under passwordRequirements", "[domains.corp.passwordrequirements]\nmsgfactor = false",
			`telegate.toml:4: unknown key "msgfactor" in [domains.corp.passwordRequirements]; did you mean "msg2factor"?`},
		{"a session in a domain", "[domains.corp.messaging.telegram]\nsession = ''",
			`telegate.toml:4: unknown key "session" in [domains.corp.messaging.telegram]; known keys are bottoken, bottoken_file, baseurl, proxy`},
		{"in the second key of two", key + "[[api.keys]]\nscope = ['link']\nname = 'b'\nhash = '" + otherHash + "'\ndomains = ['*']\nscopes = ['link']",
			`telegate.toml:9: unknown key "scope" in [[api.keys]]; did you mean "scopes"?`},
		{"in the proxy", "[messaging.telegram.proxy]\nip = '::1'\nport = 1\nhost = 'x'",
			`telegate.toml:6: unknown key "host" in [messaging.telegram.proxy]; known keys are ip, port, username, password, MTProxy, secret, socksType, timeout`},
		{"twice in other case", "[log]\nlevel = 'info'\nLevel = 'warn'", `telegate.toml:5: "Level" and "level" in [log] are the same key; keep one`},
		{"domain twice in other case", "[domains.corp]\n[domains.Corp]", `telegate.toml:4: "Corp" and "corp" in [domains] are the same key; keep one`},

		// Wrong types
		{"number for text", "[log]\nlevel = 3", "telegate.toml:4: log.level must be a string in quotes, not an integer"},
		{"text for number", "[limits]\nbot_per_second = '30'", "telegate.toml:4: limits.bot_per_second must be a number, not a string"},
		{"text for whole number", "apiid = '123'", "telegate.toml:3: messaging.telegram.apiid must be an integer, not a string"},
		{"decimal for whole number", "[limits]\ncode_digits = 6.0", "telegate.toml:4: limits.code_digits must be an integer, not a decimal number"},
		{"date for text", "[database]\npath = 2026-01-02", "telegate.toml:4: database.path must be a string in quotes, not a date or time"},
		{"table for text", "[api.listen]\na = 1", "telegate.toml:3: api.listen must be a string in quotes, not a table"},
		{"text for table", "[domains.corp]\npasswordRequirements = 'x'",
			"telegate.toml:4: domains.corp.passwordRequirements must be a table, not a string"},
		{"list for table", "[[limits]]\ncode_digits = 6", "telegate.toml:3: limits must be a table, not an array"},
		{"text for domain", "[domains]\ncorp = 'x'", "telegate.toml:4: domains.corp must be a table, not a string"},
		{"table for keys", "[api.keys]\nname = 'x'", "telegate.toml:3: api.keys must be an array of tables, each under [[api.keys]], not a table"},
		{"texts for keys", "[api]\nkeys = ['x']", "telegate.toml:4: api.keys must hold tables only, not a string"},
		{"text for a list", "[api]\nkeys = [\n  {name = 'x', hash = '" + hash + "',\n   domains = '*', scopes = ['send']},\n]",
			`telegate.toml:6: api.keys.domains must be an array of strings, such as ["a", "b"], not a string`},
		{"number in a list", "[api]\nkeys = [{name = 'x', hash = '" + hash + "', domains = ['*'], scopes = ['send', 1]}]",
			"telegate.toml:4: api.keys.scopes must hold strings only, not an integer"},
		{"empty text", "[database]\npath = '  '", "telegate.toml:4: database.path is empty; give it a value or remove the key"},

		// Domains
		{"msg2factor as text", "[domains.corp.passwordRequirements]\nmsg2factor = 'false'",
			"telegate.toml:4: domains.corp.passwordRequirements.msg2factor must be true or false without quotes, not a string; only false turns the second factor off"},
		{"msg2factor as number", "[domains.\"\"]\npasswordRequirements.msg2factor = 0",
			`telegate.toml:4: domains."".passwordRequirements.msg2factor must be true or false without quotes, not an integer; only false turns the second factor off`},
		{"msg2factor as table", "[domains.\"a.b\".passwordRequirements]\nmsg2factor = { methods = ['code'] }",
			`telegate.toml:4: domains."a.b".passwordRequirements.msg2factor must be true or false without quotes, not a table; only false turns the second factor off`},
		{"title of two lines", "[domains.corp]\ntitle = \"a\\nb\"", "telegate.toml:4: domains.corp.title must be one line of at most 64 characters"},
		{"long title", "[domains.corp]\ntitle = '" + strings.Repeat("ü", 65) + "'",
			"telegate.toml:4: domains.corp.title must be one line of at most 64 characters"},
		{"domain with a slash", "[domains.'a/b']", `telegate.toml:3: a domain id is up to 64 letters, digits, "-", "_" and "."`},
		{"domain called all", "[domains.'*']", `telegate.toml:3: a domain id is up to 64 letters, digits, "-", "_" and "."`},
		{"domain too long", "[domains." + strings.Repeat("a", 65) + "]", `telegate.toml:3: a domain id is up to 64 letters, digits, "-", "_" and "."`},
		{"baseurl without bot", "[domains.corp.messaging.telegram]\nbaseurl = 'https://tg.example'",
			"telegate.toml:4: domains.corp.messaging.telegram.baseurl needs a bottoken beside it: without a bot of its own the domain uses the shared one as it is"},
		{"same bot, other token", "[domains.corp.messaging.telegram]\nbottoken = '" + token + "x'",
			"telegate.toml:4: domains.corp.messaging.telegram.bottoken is another token of a bot that is also elsewhere in the file; one of the two is out of date"},
		{"same bot, other way", "[domains.corp.messaging.telegram]\nbottoken = '" + token + "'\nproxy = 'http://127.0.0.1:1'",
			"telegate.toml:4: domains.corp.messaging.telegram.bottoken belongs to a bot that is elsewhere in the file with another baseurl or proxy; a bot can have only one"},

		// API
		{"public port", "[api]\nlisten = ':8080'", public},
		{"all addresses", "[api]\nlisten = '0.0.0.0:8080'", public},
		{"all addresses of IPv6", "[api]\nlisten = '[::]:8080'", public},
		{"private network", "[api]\nlisten = '192.168.1.5:8080'", public},
		{"name", "[api]\nlisten = 'gateway.example:8080'", public},
		{"no port", "[api]\nlisten = '127.0.0.1'", "telegate.toml:4: api.listen must be host:port, such as 127.0.0.1:8080, or unix:/path"},
		{"port too high", "[api]\nlisten = '127.0.0.1:65536'", "telegate.toml:4: api.listen must be host:port, such as 127.0.0.1:8080, or unix:/path"},
		{"port by name", "[api]\nlisten = 'localhost:http'", "telegate.toml:4: api.listen must be host:port, such as 127.0.0.1:8080, or unix:/path"},
		{"relative socket", "[api]\nlisten = 'unix:api.sock'",
			"telegate.toml:4: api.listen must name a unix socket by its absolute path of at most 103 bytes: unix:/run/telegate/api.sock"},
		{"long socket", "[api]\nlisten = 'unix:/" + strings.Repeat("s", 103) + "'",
			"telegate.toml:4: api.listen must name a unix socket by its absolute path of at most 103 bytes: unix:/run/telegate/api.sock"},
		{"half a certificate", "[api]\ntls_key = 'key.pem'", "telegate.toml:3: api.tls_cert and tls_key belong together; set both or none"},
		{"certificate that is not there", "[api]\ntls_cert = 'cert.pem'\ntls_key = 'key.pem'",
			"telegate.toml:4: api.tls_cert names a file that cannot be read: no such file or directory (relative paths start at the folder of the configuration)"},
		{"key without anything", "[[api.keys]]", "telegate.toml:3: api.keys.domains is missing; print a complete section with: telegate key create\n" +
			"telegate.toml:3: api.keys.hash is missing; print a complete section with: telegate key create\n" +
			"telegate.toml:3: api.keys.name is missing; print a complete section with: telegate key create\n" +
			"telegate.toml:3: api.keys.scopes is missing; print a complete section with: telegate key create"},
		{"key without prefix", "[[api.keys]]\nname = 'mesh'\nhash = '" + hash[7:] + "'\ndomains = ['*']\nscopes = ['send']",
			`telegate.toml:5: api.keys.hash must be "sha256:" and 64 hexadecimal digits, as telegate key create prints it`},
		{"key itself", "[[api.keys]]\nname = 'mesh'\nhash = 'tgk_" + strings.Repeat("k", 43) + "'\ndomains = ['*']\nscopes = ['send']",
			"telegate.toml:5: api.keys.hash is the key itself; only its hash belongs here, and this key should be replaced: telegate key create"},
		{"unknown domain", "[[api.keys]]\nname = 'mesh'\nhash = '" + hash + "'\ndomains = ['', 'corp']\nscopes = ['send']",
			`telegate.toml:6: api.keys.domains names "corp", which is not a configured domain; "*" means all`},
		{"unknown scope", "[[api.keys]]\nname = 'mesh'\nhash = '" + hash + "'\ndomains = ['*']\nscopes = ['send', 'read']",
			`telegate.toml:7: api.keys.scopes holds "read", which is none of link, verify, send, invite, admin`},
		{"account without admin", "[[api.keys]]\nname = 'mesh'\nhash = '" + hash + "'\ndomains = ['*']\nscopes = ['send']\nuser = 'alice'",
			"telegate.toml:8: api.keys.user is only for keys with the scope admin: the console asks this account for a code"},
		{"account of two lines", "[[api.keys]]\nname = 'mesh'\nhash = '" + hash + "'\ndomains = ['*']\nscopes = ['admin']\nuser = \"a\\nb\"",
			"telegate.toml:8: api.keys.user must be one line of at most 256 characters"},
		{"account in no domain", "[[api.keys]]\nname = 'mesh'\nhash = '" + hash + "'\ndomains = ['*']\nscopes = ['admin']\nuser = 'a'\nuser_domain = 'corp'",
			`telegate.toml:9: api.keys.user_domain is "corp", which is not a configured domain`},
		{"domain of no account", "[[api.keys]]\nname = 'mesh'\nhash = '" + hash + "'\ndomains = ['*']\nscopes = ['admin']\nuser_domain = ''",
			"telegate.toml:8: api.keys.user_domain is the domain of user, which is missing"},
		{"domain of a kind", "[[api.keys]]\nname = 'mesh'\nhash = '" + hash + "'\ndomains = ['*']\nscopes = ['admin']\nuser = 'a'\nuser_domain = 1",
			"telegate.toml:9: api.keys.user_domain must be a string in quotes, not an integer"},
		{"no scope", "[[api.keys]]\nname = 'mesh'\nhash = '" + hash + "'\ndomains = ['*']\nscopes = []",
			"telegate.toml:7: api.keys.scopes must not be empty"},
		{"name twice", key + "[[api.keys]]\nname = 'mesh'\nhash = '" + otherHash + "'\ndomains = ['*']\nscopes = ['link']",
			"telegate.toml:9: api.keys.name is the name of another key as well; names tell callers apart in the log"},
		{"hash twice", key + "[[api.keys]]\nname = 'other'\nhash = '" + hash + "'\ndomains = ['*']\nscopes = ['link']",
			"telegate.toml:10: api.keys.hash is the hash of another key as well; print a new one with: telegate key create"},

		// Database, limits, log
		{"database in memory", "[database]\npath = ':memory:'", "telegate.toml:4: database.path must be the path of a file: the gateway must store accepted messages on disk"},
		{"database by URL", "[database]\npath = 'file:x?mode=memory'", "telegate.toml:4: database.path must be the path of a file: the gateway must store accepted messages on disk"},
		{"database with NUL", "[database]\npath = \"a\\u0000b\"", "telegate.toml:4: database.path must be the path of a file: the gateway must store accepted messages on disk"},
		{"too slow", "[limits]\nbot_per_second = 0", "telegate.toml:4: limits.bot_per_second must be from 1 to 1000 messages a second"},
		{"too fast", "[limits]\nbot_per_second = 1000.5", "telegate.toml:4: limits.bot_per_second must be from 1 to 1000 messages a second"},
		{"not a number", "[limits]\nchat_per_second = nan", "telegate.toml:4: limits.chat_per_second must be from 0.1 to 10 messages a second"},
		{"infinite", "[limits]\ngroup_per_minute = inf", "telegate.toml:4: limits.group_per_minute must be from 1 to 60 messages a minute"},
		{"short code", "[limits]\ncode_digits = 5", "telegate.toml:4: limits.code_digits must be from 6 to 8: NIST SP 800-63B-4 §3.1.3.2 asks for at least 6 digits"},
		{"long code", "[limits]\ncode_digits = 9", "telegate.toml:4: limits.code_digits must be from 6 to 8"},
		{"code for long", "[limits]\ncode_ttl = '10m1s'", "telegate.toml:4: limits.code_ttl must be from 30s to 10m: NIST SP 800-63B-4 §3.1.3.2 ends a code after 10 minutes"},
		{"code for ever", "[limits]\ncode_ttl = 9223372036854775807", "telegate.toml:4: limits.code_ttl must be from 30s to 10m: NIST SP 800-63B-4 §3.1.3.2 ends a code after 10 minutes"},
		{"code for a moment", "[limits]\ncode_ttl = 29", "telegate.toml:4: limits.code_ttl must be from 30s to 10m: less is too short to read and type a code"},
		{"code for less than nothing", "[limits]\ncode_ttl = -9223372036854775808", "telegate.toml:4: limits.code_ttl must be from 30s to 10m: less is too short to read and type a code"},
		{"half seconds", "[limits]\ncode_ttl = '60.5s'", "telegate.toml:4: limits.code_ttl must be whole seconds"},
		{"no unit", "[limits]\ncode_ttl = '300'", `telegate.toml:4: limits.code_ttl must be a duration such as "5m" or "90s", or a number of seconds`},
		{"decimal seconds", "[limits]\ncode_ttl = 300.0", `telegate.toml:4: limits.code_ttl must be a duration such as "5m" or "90s", or a number of seconds`},
		{"messages for a moment", "[retention]\nmessages_days = 0", "telegate.toml:4: retention.messages_days must be from 1 to 3650"},
		{"updates for a day", "[retention]\nupdates_days = 1", "telegate.toml:4: retention.updates_days must be from 2 to 365"},
		{"audit for ever", "[retention]\naudit_days = 9999", "telegate.toml:4: retention.audit_days must be from 1 to 3650"},
		{"audit as a duration", "[retention]\naudit_days = '400d'", "telegate.toml:4: retention.audit_days must be an integer, not a string"},
		{"unknown level", "[log]\nlevel = 'verbose'", "telegate.toml:4: log.level must be one of debug, info, warn, error"},
		{"unknown format", "[log]\nformat = 'xml'", "telegate.toml:4: log.format must be one of text, json"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := strings.Join(faults(t, bot+test.source+"\n", noEnv), "\n")
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

const public = "telegate.toml:4: api.listen can be reached from other machines, so it needs tls_cert and tls_key; " +
	"or listen on 127.0.0.1:8080 or on unix:/path and let a TLS proxy answer for it"

func TestBrokenTOMLNamesTheLine(t *testing.T) {
	for _, test := range []struct{ name, source, want string }{
		{"text that begins like a number", "[log]\nlevel = info", "telegate.toml:4: not valid TOML: there is something after the value; put strings in quotes, and each key on its own line"},
		{"text without quotes", "[log]\nlevel = debug", "telegate.toml:4: not valid TOML: this is not a value; put strings in quotes"},
		{"no value", "[log]\nlevel =\n", "telegate.toml:4: not valid TOML: this is not a value; put strings in quotes"},
		{"number with letters", "apihash = 123abc", "telegate.toml:3: not valid TOML: there is something after the value; put strings in quotes, and each key on its own line"},
		{"leading zeros", "apiid = 00000000", "telegate.toml:3: not valid TOML: this is not a value; put strings in quotes"},
		{"number out of range", "apiid = 92233720368547758089", "telegate.toml:3: not valid TOML: this is not a value; put strings in quotes"},
		{"open quote", "[log]\nlevel = 'info\nformat = 'text'", "telegate.toml:4: not valid TOML: a string does not end on its line; its closing quote is missing"},
		{"open at the end", "[api]\nkeys = [", "telegate.toml:4: not valid TOML: the file ends inside a value; a closing quote or bracket is missing"},
		{"no equals sign", "[log]\nlevel 'info'", "telegate.toml:4: not valid TOML: after a key comes = and its value; put names with characters other than letters, digits, _ and - in quotes"},
		{"colon", "[log]\nlevel: 'info'", "telegate.toml:4: not valid TOML: after a key comes = and its value; put names with characters other than letters, digits, _ and - in quotes"},
		{"key twice", "[log]\nlevel = 'info'\nlevel = 'info'", "telegate.toml:5: not valid TOML: this key or table is defined twice"},
		{"table twice", "[log]\n[api]\n[log]", "telegate.toml:5: not valid TOML: this key or table is defined twice"},
		{"empty table name", "[]", "telegate.toml:3: not valid TOML: a table is written [name], an array of tables [[name]]"},
		{"half a list header", "[[api.keys]\nname = 'x'", "telegate.toml:3: not valid TOML: a table is written [name], an array of tables [[name]]"},
		{"Windows path", "[database]\npath = \"C:\\data\"", `telegate.toml:4: not valid TOML: a backslash in "…" begins an escape such as \n; write two of them, or use '…'`},
		{"missing comma", "[api]\nkeys = ['a' 'b']", "telegate.toml:4: not valid TOML: commas separate the elements of an array or inline table, and a bracket closes it"},
		{"control character", "[log]\nlevel = 'a\x01'", "telegate.toml:4: not valid TOML: the file contains a control character; save it as plain text"},
		{"Latin-1", "[log]\nlevel = '\xfc'", "telegate.toml: the file is not UTF-8 text; save it as UTF-8"},
		{"too large", strings.Repeat("#", 256<<10), "telegate.toml: the file is larger than 256 KiB"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff([]string{test.want}, faults(t, bot+test.source, noEnv)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestByteOrderMarkDoesNotMoveLines(t *testing.T) {
	got := faults(t, "\ufeff[logs]\r\nlevel = 'info'\r\n"+strings.ReplaceAll(bot, "\n", "\r\n")+"botoken_file = 'x'\r\n", noEnv)
	want := []string{
		`telegate.toml:1: unknown key "logs" at the top level; did you mean "log"?`,
		`telegate.toml:5: unknown key "botoken_file" in [messaging.telegram]; did you mean "bottoken_file"?`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got = faults(t, "\ufeff\n\nx\n", noEnv)
	if len(got) != 1 || !strings.HasPrefix(got[0], "telegate.toml:3: not valid TOML: ") {
		t.Errorf("broken TOML: %q", got)
	}
}

func TestFaultyBotIsNotCalledMissingAsWell(t *testing.T) {
	for source, want := range map[string]string{
		"bottoken = 5":      "telegate.toml:2: messaging.telegram.bottoken must be a string in quotes, not an integer",
		"bottoken = ''":     "telegate.toml:2: messaging.telegram.bottoken is empty; give it a value or remove the key",
		"bottoken_file = 5": "telegate.toml:2: messaging.telegram.bottoken_file must be a string in quotes, not an integer",
	} {
		if diff := cmp.Diff([]string{want}, faults(t, "[messaging.telegram]\n"+source, noEnv)); diff != "" {
			t.Errorf("%s: %s", source, diff)
		}
	}
}

func TestAllFaultsAreReportedInTheOrderOfTheFile(t *testing.T) {
	got := faults(t, `
[log]
level = "loud"
[api]
listen = ":80"
[messaging.telegram]
bottokn = "x"
apihash = "short"
[domains.corp]
passwordRequirements = { msg2factor = "no" }
`, env(map[string]string{"TELEGATE_MESSAGING_TELEGRAM_SESSION": "short"}))
	want := []string{
		"telegate.toml:3: log.level must be one of debug, info, warn, error",
		"telegate.toml:5: api.listen can be reached from other machines, so it needs tls_cert and tls_key; " +
			"or listen on 127.0.0.1:8080 or on unix:/path and let a TLS proxy answer for it",
		"telegate.toml:6: messaging.telegram.apiid is missing: a user session works with apiid and apihash only; both are at https://my.telegram.org/apps",
		`telegate.toml:7: unknown key "bottokn" in [messaging.telegram]; did you mean "bottoken"?`,
		"telegate.toml:8: messaging.telegram.apihash is not an API hash, which is 32 hexadecimal digits; see https://my.telegram.org/apps",
		"telegate.toml:10: domains.corp.passwordRequirements.msg2factor must be true or false without quotes, not a string; only false turns the second factor off",
		"environment: TELEGATE_MESSAGING_TELEGRAM_SESSION is not a session, which is one line of at least 342 base64 characters",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFaultCarriesItsParts(t *testing.T) {
	_, err := config.Parse("/etc/telegate.toml", []byte(bot+"[log]\nformat = 'xml'"), noEnv)
	var all *config.Error
	if !errors.As(err, &all) {
		t.Fatal(err)
	}
	want := []config.Fault{{File: "/etc/telegate.toml", Line: 4, Key: "log.format", Message: "log.format must be one of text, json"}}
	if diff := cmp.Diff(want, all.Faults); diff != "" {
		t.Error(diff)
	}
}

func TestNoBotAtAllIsAFault(t *testing.T) {
	want := []string{"telegate.toml: no bot token: set messaging.telegram.bottoken to the one @BotFather printed " +
		"(or bottoken_file to a file that holds it, or the variable TELEGATE_MESSAGING_TELEGRAM_BOTTOKEN); telegate setup asks for it and writes it"}
	for _, source := range []string{"", "# nothing\n", "[messaging.telegram]\napiid = 5", "[messaging.telegram]\napihash = '" + apiHash + "'"} {
		if diff := cmp.Diff(want, faults(t, source, noEnv)); diff != "" {
			t.Errorf("%q: %s", source, diff)
		}
	}
}
