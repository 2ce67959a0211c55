package config_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"telegate/config"
)

// FuzzParse parses any file; PLANTED in it is replaced by a bot token. config must not panic or show the token, every fault must have
// a line of the file, and an accepted configuration must keep the promises of its fields.
func FuzzParse(f *testing.F) {
	f.Add(strings.ReplaceAll(sample, token, "PLANTED"))
	for _, seed := range []string{
		"[messaging.telegram]\nbottoken = 'PLANTED'",
		"[messaging.telegram]\nbottoken = PLANTED",
		"[messaging.telegram]\nbottoken_file = 'PLANTED'",
		"'PLANTED' = 1\n'PLANTED' = 2",
		"[[domains.'PLANTED']]\n[api]\nlisten = ':PLANTED'",
		"[messaging.telegram.proxy]\nip = 'PLANTED'\nport = 1\nMTProxy = true",
		"[[api.keys]]\nname = 'PLANTED'\nhash = 'PLANTED'\ndomains = ['PLANTED']\nscopes = ['PLANTED']",
		"[limits]\ncode_ttl = -1\ncode_digits = 7\nbot_per_second = 1e400",
		"\ufeff[log]\r\nlevel = \"de\\u0062ug\"\r\n",
		"[domains]\nA.title = 'x'\na.title = 'y'\n\"\".passwordRequirements.msg2factor = 'no'",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		const secret = "AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc"
		source = strings.ReplaceAll(source, "PLANTED", "123456789:"+secret)
		// A second, harmless bot in the environment lets more files through to the rules that follow.
		getenv := env(map[string]string{"TELEGATE_MESSAGING_TELEGRAM_BOTTOKEN": "777777:" + strings.Repeat("b", 35)})
		for _, getenv := range []func(string) string{noEnv, getenv} {
			c, err := config.Parse("telegate.toml", []byte(source), getenv)
			var all *config.Error
			switch {
			case err == nil:
				check(t, c, secret)
			case !errors.As(err, &all) || len(all.Faults) == 0 || c != nil:
				t.Fatalf("not an *Error with faults: %v", err)
			default:
				last := 1 + strings.Count(source, "\n")
				for _, fault := range all.Faults {
					if fault.Line < 0 || fault.Line > last || fault.Message == "" {
						t.Errorf("fault %+v in %d lines", fault, last)
					}
				}
			}
			if strings.Contains(fmt.Sprintf("%v %#v", err, all), secret) {
				t.Fatalf("an error shows the token: %v", err)
			}
		}
	})
}

// check checks an accepted configuration against the comments of its fields.
func check(t *testing.T, c *config.Config, secret string) {
	t.Helper()
	bots := 0
	for id, d := range c.Domains {
		if id != d.ID || id != strings.ToLower(id) || d.Title == "" {
			t.Errorf("domain %q: %+v", id, d)
		}
		if d.Telegram.BotToken != "" {
			bots++
			if config.BotID(d.Telegram.BotToken) == 0 {
				t.Error("accepted a token without a bot id")
			}
		}
	}
	shared := c.Messaging.Telegram
	if _, ok := c.Domains[""]; !ok || bots == 0 && shared.Session == "" && (shared.APIID == 0 || shared.APIHash == "") {
		t.Error("no default domain, or no way to Telegram")
	}
	if c.API.Public() && c.API.TLSCert == "" {
		t.Errorf("public without TLS: %q", c.API.Listen)
	}
	for _, k := range c.API.Keys {
		if k.Name == "" || len(k.Hash) != 71 || len(k.Domains) == 0 || len(k.Scopes) == 0 {
			t.Errorf("key %+v", k)
		}
	}
	if l := c.Limits; l.CodeDigits < 6 || l.CodeDigits > 8 || l.CodeTTL < 30e9 || l.CodeTTL > 600e9 ||
		!(l.BotPerSecond >= 1) || !(l.ChatPerSecond >= 0.1) || !(l.GroupPerMinute >= 1) {
		t.Errorf("limits %+v", l)
	}
	out := render(t, c) + strings.Join(c.Warnings, "\n") + fmt.Sprintf("%+v", c.Messaging)
	if strings.Contains(out, "123456789:"+secret) {
		t.Errorf("shows the token:\n%s", out)
	}
}
