package config_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"telegate/config"
)

func TestTokenHasTheShapeBotFatherPrints(t *testing.T) {
	const isNot = `telegate.toml:2: messaging.telegram.bottoken is not a bot token; ` +
		`@BotFather prints one as 6 to 12 digits, a colon and at least 30 letters, digits, "-" or "_"`
	long := strings.Repeat("a", 30)
	for _, good := range []string{token, "123456:" + long, "123456789012:" + long + "-_", " \t" + token + "\\r\\n"} {
		c := parse(t, "[messaging.telegram]\nbottoken = \""+good+"\"")
		if got := c.Messaging.Telegram.BotToken.Reveal(); got != strings.TrimSpace(strings.TrimSuffix(good, "\\r\\n")) {
			t.Errorf("%q was read as %q", good, got)
		}
	}
	for _, bad := range []string{
		"12345:" + long, "1234567890123:" + long, "123456:" + long[1:], "123456" + long, ":" + long, "123456::" + long,
		"abcdef:" + long, "123456:" + long + "%", "123456:" + long + " x", "123456:" + long + "\\n" + long, "bot123456:" + long,
		"123456:" + long + "ü", "١٢٣٤٥٦:" + long, "123456:" + long + "\\u0000", "<token>",
	} {
		got := faults(t, "[messaging.telegram]\nbottoken = \""+bad+"\"", noEnv)
		if diff := cmp.Diff([]string{isNot}, got); diff != "" {
			t.Errorf("%q: %s", bad, diff)
		}
	}
}

func TestBotIDIsTheNumberBeforeTheColon(t *testing.T) {
	for text, want := range map[string]int64{
		token:                                   123456789,
		"999999999999:" + token[10:]:            999999999999,
		"":                                      0,
		"123456789":                             0,
		"123456789:short":                       0,
		"1234567890123456789012:" + token[10:]:  0,
		"https://api.telegram.org/bot" + token:  0,
		strings.Repeat("1", 12) + ":" + "a b c": 0,
	} {
		if got := config.BotID(config.Secret(text)); got != want {
			t.Errorf("%q: %d", text, got)
		}
	}
}

func TestUserSessionKeysAreCheckedAndKept(t *testing.T) {
	c := parse(t, bot+"apiid = 2147483647\napihash = '"+strings.ToUpper(apiHash)+"'\nsession = '"+session[:len(session)-2]+"=='")
	got := c.Messaging.Telegram
	if got.APIID != 2147483647 || got.APIHash.Reveal() != strings.ToUpper(apiHash) || got.Session.Reveal() != session[:len(session)-2]+"==" {
		t.Error("a key was not kept")
	}
	const session342 = "messaging.telegram.session is not a session, which is one line of at least 342 base64 characters"
	const hash32 = "messaging.telegram.apihash is not an API hash, which is 32 hexadecimal digits; see https://my.telegram.org/apps"
	withID := bot + "apiid = 5\napihash = '" + apiHash + "'\n"
	for line, want := range map[string]string{
		"apiid = 0":                        "messaging.telegram.apiid must be from 1 to 2147483647",
		"apiid = -5":                       "messaging.telegram.apiid must be from 1 to 2147483647",
		"apiid = 2147483648":               "messaging.telegram.apiid must be from 1 to 2147483647",
		"apihash = '" + apiHash[1:] + "'":  strings.Replace(hash32, "digits;", "digits and not 31;", 1),
		"apihash = '" + apiHash + "00'":    strings.Replace(hash32, "digits;", "digits and not 34;", 1),
		"apihash = '" + apiHash[1:] + "g'": hash32,
		"apihash = '" + token + "'":        "messaging.telegram.apihash is a bot token, not an API hash; it belongs in bottoken",
		"apihash = '" + session + "'":      "messaging.telegram.apihash is a user session, not an API hash; it belongs in session",
	} {
		if diff := cmp.Diff([]string{"telegate.toml:3: " + want}, faults(t, bot+line, noEnv)); diff != "" {
			t.Errorf("%s: %s", line, diff)
		}
	}
	for value, want := range map[string]string{
		"'" + session[:341] + "'":       session342 + "; this one has 341 and seems cut off",
		"'" + session + "!'":            session342,
		"\"" + session + "\\n" + "A\"":  session342,
		"'''" + session + "\n" + "a'''": session342,
		"'" + token + "'":               "messaging.telegram.session is a bot token, not a user session; it belongs in bottoken",
		"'" + apiHash + "'":             "messaging.telegram.session is an API hash, not a user session; it belongs in apihash",
	} {
		if diff := cmp.Diff([]string{"telegate.toml:5: " + want}, faults(t, withID+"session = "+value, noEnv)); diff != "" {
			t.Errorf("%s: %s", value, diff)
		}
	}
	for value, want := range map[string]string{
		session: "is a user session, not a bot token; it belongs in session",
		apiHash: "is an API hash, not a bot token; it belongs in apihash",
		"tgk_x": "is an API key of telegate, not a bot token; tokens are from @BotFather",
	} {
		want = "telegate.toml:2: messaging.telegram.bottoken " + want
		if diff := cmp.Diff([]string{want}, faults(t, "[messaging.telegram]\nbottoken = '"+value+"'", noEnv)); diff != "" {
			t.Errorf("%s: %s", value, diff)
		}
	}
}

func TestUserSessionAloneIsAConfigurationIfItHasIDAndHash(t *testing.T) {
	user := "[messaging.telegram]\nsession = '" + session + "'\n"
	c := parse(t, user+"apiid = 5\napihash = '"+apiHash+"'")
	if got := c.Messaging.Telegram; got.BotToken != "" || got.Session.Reveal() != session || got.APIID != 5 {
		t.Errorf("read as %+v", got)
	}
	if diff := cmp.Diff([]string{
		"telegate.toml:1: messaging.telegram.apihash is missing: a user session works with apiid and apihash only; both are at https://my.telegram.org/apps",
		"telegate.toml:1: messaging.telegram.apiid is missing: a user session works with apiid and apihash only; both are at https://my.telegram.org/apps",
	}, faults(t, user, noEnv)); diff != "" {
		t.Error(diff)
	}
	variables := map[string]string{"TELEGATE_MESSAGING_TELEGRAM_APIID": " 5\n", "TELEGATE_MESSAGING_TELEGRAM_APIHASH": apiHash}
	c, err := config.Parse("telegate.toml", []byte(user), env(variables))
	if err != nil || c.Messaging.Telegram.APIID != 5 {
		t.Errorf("the environment was read as %v, %v", c, err)
	}
	for _, bad := range []string{"x", "0", "-1", "2147483648"} {
		variables["TELEGATE_MESSAGING_TELEGRAM_APIID"] = bad
		want := []string{"environment: TELEGATE_MESSAGING_TELEGRAM_APIID must be a number from 1 to 2147483647"}
		if diff := cmp.Diff(want, faults(t, user, env(variables))); diff != "" {
			t.Errorf("%s: %s", bad, diff)
		}
	}
	// Beside a bot the session is an extra, which must not keep the bot from working.
	c = parse(t, bot+"session = '"+session+"'")
	if got := strings.Join(c.Warnings, "\n"); !strings.Contains(got, "messaging.telegram.apiid is missing") {
		t.Errorf("no warning in %q", got)
	}
}

// The session may be in the database, which config cannot know; a warning says so.
func TestIDAndHashAloneAreAConfigurationWithAWarning(t *testing.T) {
	c := parse(t, "[messaging.telegram]\napiid = 5\napihash = '"+apiHash+"'\n[domains.corp]\ntitle = 'Corp'")
	if diff := cmp.Diff([]string{
		"domains.corp has no bot: nobody there can link an account until it or [messaging.telegram] has a bottoken, or telegate session import has kept a user's session",
		"there are no [[api.keys]], so nobody can call the gateway; print one with: telegate key create",
		"messaging.telegram has neither a bottoken nor a session: telegate works as the user whose session telegate session import has kept, and does not start without one",
	}, c.Warnings); diff != "" {
		t.Error(diff)
	}
}

func TestBaseURLIsTheHostAlone(t *testing.T) {
	for text, want := range map[string]string{
		"https://api.telegram.org":        "https://api.telegram.org",
		"https://api.telegram.org/":       "https://api.telegram.org",
		"http://127.0.0.1:8081":           "http://127.0.0.1:8081",
		"http://[::1]:8081":               "http://[::1]:8081",
		"https://proxy.example/telegram/": "https://proxy.example/telegram",
		"https://bot.example/robot":       "https://bot.example/robot",
	} {
		if got := parse(t, bot+"baseurl = '"+text+"'").Messaging.Telegram.BaseURL; got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
	const url, host = "must be a URL such as https://api.telegram.org", "must be the host without /bot and anything after it, such as https://api.telegram.org"
	for text, want := range map[string]string{
		"api.telegram.org":                              url,
		"ftp://api.telegram.org":                        url,
		"https://":                                      url,
		"https://:443":                                  url,
		"https://api.telegram.org:":                     url,
		"https://api.telegram.org:70000":                url,
		"https://api.telegram.org?x=y":                  url,
		"https://api.telegram.org#x":                    url,
		"https://api.telegram.org/%zz":                  url,
		"https://alice:pw@api.telegram.org":             "must not contain a user or password",
		"https://api.telegram.org/bot":                  host,
		"https://api.telegram.org/bot/":                 host,
		"https://api.telegram.org/bot" + token:          host,
		"https://api.telegram.org/bot" + token + "/foo": host,
	} {
		want = "telegate.toml:3: messaging.telegram.baseurl " + want
		if diff := cmp.Diff([]string{want}, faults(t, bot+"baseurl = '"+text+"'", noEnv)); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

func TestUnencryptedBaseURLAwayFromThisMachineIsAWarning(t *testing.T) {
	const warning = "messaging.telegram.baseurl sends the bot token unencrypted to another machine; use https there"
	for text, warned := range map[string]bool{
		"http://telegram.example": true, "http://10.0.0.5:8081": true,
		"http://localhost:8081": false, "http://127.0.0.2": false, "https://telegram.example": false,
	} {
		c := parse(t, bot+"baseurl = '"+text+"'")
		if got := strings.Contains(strings.Join(c.Warnings, "\n"), warning); got != warned {
			t.Errorf("%s: %q", text, c.Warnings)
		}
	}
}

func TestProxyIsAURLOrMeshCentralsTable(t *testing.T) {
	for source, want := range map[string]string{
		"proxy = 'socks5://127.0.0.1:1080'":                                                    "socks5://127.0.0.1:1080",
		"proxy = 'socks5h://proxy.example'":                                                    "socks5h://proxy.example",
		"proxy = 'http://alice:p%40ss@proxy.example:3128/'":                                    "http://alice:p%40ss@proxy.example:3128/",
		"proxy = 'https://[2001:db8::1]:443'":                                                  "https://[2001:db8::1]:443",
		"[messaging.telegram.proxy]\nip = '10.0.0.1'\nport = 1080":                             "socks5://10.0.0.1:1080",
		"proxy = 'https://t.me/socks?server=10.0.0.1&port=1080'":                               "socks5://10.0.0.1:1080",
		"proxy = 'tg://socks?server=proxy.example&port=1080&user=alice&pass=p%3A%40%2F%20w'":   "socks5://alice:p%3A%40%2F%20w@proxy.example:1080",
		"proxy = 'https://telegram.me/socks?server=2001%3Adb8%3A%3A1&port=1&user=alice&pass='": "socks5://alice@[2001:db8::1]:1",
		"proxy = 'HTTPS://www.T.me/SOCKS?server=10.0.0.1&port=1080'":                           "socks5://10.0.0.1:1080",
		"proxy = 't.me/socks?server=10.0.0.1&port=1080'":                                       "socks5://10.0.0.1:1080",
		"proxy = {ip = '2001:db8::1', port = 1080, socksType = 5}":                             "socks5://[2001:db8::1]:1080",
		"proxy = {IP = 'proxy.example', Port = 1, username = 'alice'}":                         "socks5://alice@proxy.example:1",
		"proxy = {ip = '::1', port = 9, username = 'alice', password = 'p:@/ w'}":              "socks5://alice:p%3A%40%2F%20w@[::1]:9",
		"proxy = {ip = '::1', port = 9, mtproxy = false, timeout = 2}":                         "socks5://[::1]:9",
	} {
		proxy := parse(t, bot+source).Messaging.Telegram.Proxy.Reveal()
		if proxy != want {
			t.Errorf("%s: %s", source, proxy)
		}
		// net/http has to make the same of it.
		u, err := url.Parse(proxy)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := http.ProxyURL(u)(nil); err != nil || got.Hostname() == "" {
			t.Errorf("%s: net/http takes it as %v, %v", source, got, err)
		}
	}
	const form = "messaging.telegram.proxy must be a URL such as socks5://127.0.0.1:1080 or http://user:password@proxy.example:3128"
	for source, want := range map[string]string{
		"proxy = '127.0.0.1:1080'":                                 form,
		"proxy = 'proxy.example'":                                  form,
		"proxy = 'https://t.me/socks?port=1080'":                   "messaging.telegram.proxy is a link to a SOCKS5 proxy that lacks its server or port; copy it again",
		"proxy = 'tg://socks?server=10.0.0.1&port=0'":              "messaging.telegram.proxy is a link to a SOCKS5 proxy that lacks its server or port; copy it again",
		"proxy = 't.me/socks?server=a&port=1&pass=%zz'":            "messaging.telegram.proxy is a link to a SOCKS5 proxy that cannot be read; copy it again",
		"proxy = 'https://t.example/socks?server=10.0.0.1&port=1'": form,
		"proxy = 'socks5://'":                                      form,
		"proxy = 'socks5://10.0.0.1:99999'":                        form,
		"proxy = 'socks5://alice:pw@10.0.0.1:1080/path'":           form,
		"proxy = 'http://alice:p%zz@10.0.0.1'":                     form,
		"proxy = 'socks4://10.0.0.1:1080'":                         "messaging.telegram.proxy must begin with socks5://, socks5h://, http:// or https://",
		"proxy = 1080":                                             "messaging.telegram.proxy must be a URL in quotes or a table with ip and port, not an integer",
		"proxy = ''":                                               "messaging.telegram.proxy is empty; give it a value or remove the key",
		"proxy = {}":                                               "messaging.telegram.proxy needs ip and port",
		"proxy = {ip = '10.0.0.1'}":                                "messaging.telegram.proxy needs ip and port",
		"proxy = {ip = 'alice@10.0.0.1', port = 1}":                "messaging.telegram.proxy.ip must be an IP address or a host name",
		"proxy = {ip = '10.0.0.1', port = 1, socksType = 4}":       "messaging.telegram.proxy.socksType must be 5; SOCKS4 is not supported",
		"proxy = {ip = '10.0.0.1', port = 1, socksType = 5.0}":     "messaging.telegram.proxy.socksType must be an integer, not a decimal number",
		"proxy = {ip = '10.0.0.1', port = 1, password = 'x'}":      "messaging.telegram.proxy.password needs a username beside it",
		"proxy = {ip = '10.0.0.1', port = 1, MTProxy = 'true'}":    "messaging.telegram.proxy.MTProxy must be true or false, without quotes, not a string",
		"proxy = {ip = '10.0.0.1', port = 1080, timeout = 0}":      "messaging.telegram.proxy.timeout must be from 1 to 3600",
		"proxy = {ip = '10.0.0.1', port = 1, secret = 'x'}":        "messaging.telegram.proxy.secret belongs to an MTProxy; set MTProxy = true, or give a SOCKS5 proxy username and password",
		"proxy = [{ip = '10.0.0.1', port = 1080}]":                 "messaging.telegram.proxy must be a URL in quotes or a table with ip and port, not an array",
		"proxy = {ip = '10.0.0.1', port = 1080, usrname = 'user'}": `unknown key "usrname" in [messaging.telegram.proxy]; did you mean "username"?`,
	} {
		if diff := cmp.Diff([]string{"telegate.toml:3: " + want}, faults(t, bot+source, noEnv)); diff != "" {
			t.Errorf("%s: %s", source, diff)
		}
	}
}

func TestMTProxyIsForMTProtoOnly(t *testing.T) {
	const host = "6578616d706c652e636f6d" // example.com
	for source, want := range map[string]string{
		"proxy = {ip = '10.0.0.1', port = 443, MTProxy = true, secret = '" + strings.ToUpper(apiHash) + "', socksType = 5}": apiHash,
		"proxy = {ip = '10.0.0.1', port = 443, MTProxy = true, secret = 'dd" + apiHash + "', timeout = 2}":                  "dd" + apiHash,
		"proxy = {ip = '10.0.0.1', port = 443, MTProxy = true, secret = 'ee" + apiHash + host + "'}":                        "ee" + apiHash + host,
		"proxy = 'tg://proxy?server=10.0.0.1&port=443&secret=dd" + apiHash + "'":                                            "dd" + apiHash,
		"proxy = 'https://telegram.me/proxy?server=10.0.0.1&port=443&secret=dd" + apiHash + "'":                             "dd" + apiHash,
		"proxy = 'http://telegram.dog/proxy?server=10.0.0.1&port=443&secret=dd" + apiHash + "'":                             "dd" + apiHash,
		"proxy = 'tg:proxy?server=10.0.0.1&port=443&secret=dd" + apiHash + "'":                                              "dd" + apiHash,
		"proxy = 't.me/proxy?server=10.0.0.1&port=443&secret=dd" + apiHash + "'":                                            "dd" + apiHash,
		"proxy = 'mtproxy://dd" + apiHash + "@10.0.0.1:443'":                                                                "dd" + apiHash,
		"proxy = 'https://t.me/proxy?server=10.0.0.1&port=443&secret=7gECAwQFBgcICQoLDA0OD_9leGFtcGxlLmNvbQ'":               "ee0102030405060708090a0b0c0d0e0fff" + host,
	} {
		c := parse(t, bot+source)
		got := c.Messaging.Telegram
		if got.Proxy != "" || got.MTProxy.Address() != "10.0.0.1:443" || got.MTProxy.Secret.Reveal() != want {
			t.Errorf("%s was read as %q, %s %s", source, got.Proxy.Reveal(), got.MTProxy.Address(), got.MTProxy.Secret.Reveal())
		}
		if url := got.MTProtoProxy().Reveal(); url != "mtproxy://"+want+"@10.0.0.1:443" {
			t.Errorf("%s is for MTProto %s", source, url)
		}
		const warning = "proxy is an MTProxy, which carries MTProto only; the Bot API connects without a proxy"
		if !strings.Contains(strings.Join(c.Warnings, "\n"), warning) {
			t.Errorf("%s: warnings %q", source, c.Warnings)
		}
		shown := render(t, c)
		if strings.Contains(shown, want) || !strings.Contains(shown, `proxy = {ip = "10.0.0.1", port = 443, MTProxy = true, secret = "(set)"}`) {
			t.Errorf("%s is shown as\n%s", source, shown)
		}
	}
	const length = `holds an MTProxy secret of the wrong length, %d bytes: it has 16 (32 hexadecimal digits), or "dd" and 16, or "ee", 16 and a host name`
	const table = "proxy = {ip = '10.0.0.1', port = 443, MTProxy = true, secret = '%s'}"
	const lacks = " is a link to an MTProxy that lacks its server or port; copy it again"
	const none = " holds no MTProxy secret, which is hexadecimal or base64"
	for source, want := range map[string]string{
		fmt.Sprintf(table, apiHash[2:]):                                            ".secret " + fmt.Sprintf(length, 15),
		fmt.Sprintf(table, "dd"+apiHash+"00"):                                      ".secret " + fmt.Sprintf(length, 18),
		fmt.Sprintf(table, "00"+apiHash):                                           ".secret " + fmt.Sprintf(length, 17),
		fmt.Sprintf(table, "ee"+apiHash):                                           `.secret holds an MTProxy secret that is cut off: behind "ee" and 32 hexadecimal digits follows a host name`,
		fmt.Sprintf(table, apiHash[1:]):                                            ".secret" + none,
		fmt.Sprintf(table, "not a secret!"):                                        ".secret" + none,
		"proxy = {ip = '10.0.0.1', port = 443, MTProxy = true}":                    ".secret is missing: an MTProxy is reached with the secret its owner gave out",
		"proxy = 'tg://proxy?server=10.0.0.1&secret=" + apiHash + "'":              lacks,
		"proxy = 'tg://proxy?port=1&secret=" + apiHash + "'":                       lacks,
		"proxy = 'tg://proxy?server=alice@10.0.0.1&port=1&secret=" + apiHash + "'": lacks,
		"proxy = 'https://t.me/proxy?server=10.0.0.1&port=1&secret=00'":            " " + fmt.Sprintf(length, 1),
		"proxy = 'https://t.me/proxy?server=10.0.0.1&port=1&secret=%zz'":           none,
	} {
		want = "telegate.toml:3: messaging.telegram.proxy" + want
		if diff := cmp.Diff([]string{want}, faults(t, bot+source, noEnv)); diff != "" {
			t.Errorf("%s: %s", source, diff)
		}
	}
}

func TestMTProtoGoesThroughTheSameProxyWithItsPort(t *testing.T) {
	for proxy, want := range map[string]string{
		"socks5://alice:pw@10.0.0.1:9": "socks5://alice:pw@10.0.0.1:9",
		"socks5h://proxy.example":      "socks5h://proxy.example:1080",
		"http://[::1]":                 "http://[::1]:80",
		"https://proxy.example":        "https://proxy.example:443",
	} {
		if got := parse(t, bot+"proxy = '"+proxy+"'").Messaging.Telegram.MTProtoProxy().Reveal(); got != want {
			t.Errorf("%s: %s", proxy, got)
		}
	}
	if got := parse(t, bot).Messaging.Telegram.MTProtoProxy(); got != "" {
		t.Errorf("without a proxy: %s", got.Reveal())
	}
}

func TestDomainsProxyTakesThePlaceOfTheSharedOne(t *testing.T) {
	c := parse(t, bot+"proxy = 'tg://proxy?server=10.0.0.1&port=443&secret="+apiHash+"'\n[domains.corp.messaging.telegram]\nbottoken = '"+corpToken+
		"'\nproxy = 'socks5://10.0.0.2:1080'\n[domains.other]\n")
	if got := c.Domains["corp"].Telegram; got.Proxy.Reveal() != "socks5://10.0.0.2:1080" || got.MTProxy.Host != "" {
		t.Errorf("corp goes through %q and %q", got.Proxy.Reveal(), got.MTProxy.Host)
	}
	if got := c.Domains["other"].Telegram; got.MTProxy.Host != "10.0.0.1" {
		t.Errorf("other goes through %q", got.MTProxy.Host)
	}
}
