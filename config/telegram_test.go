package config_test

import (
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
	for line, want := range map[string]string{
		"apiid = 0":                               "messaging.telegram.apiid must be from 1 to 2147483647",
		"apiid = -5":                              "messaging.telegram.apiid must be from 1 to 2147483647",
		"apiid = 2147483648":                      "messaging.telegram.apiid must be from 1 to 2147483647",
		"apihash = '" + apiHash[1:] + "'":         hash32,
		"apihash = '" + apiHash[1:] + "g'":        hash32,
		"session = '" + session[:341] + "'":       session342,
		"session = '" + session + "!'":            session342,
		"session = \"" + session + "\\n" + "A\"":  session342,
		"session = '''" + session + "\n" + "a'''": session342,
	} {
		if diff := cmp.Diff([]string{"telegate.toml:3: " + want}, faults(t, bot+line, noEnv)); diff != "" {
			t.Errorf("%s: %s", line, diff)
		}
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
	const url, host = "must be a URL such as https://api.telegram.org", "must be the host without /bot and what follows it, such as https://api.telegram.org"
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
		"https://alice:pw@api.telegram.org":             "must not hold a user or password",
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
		"proxy = 'socks5://127.0.0.1:1080'":                                       "socks5://127.0.0.1:1080",
		"proxy = 'socks5h://proxy.example'":                                       "socks5h://proxy.example",
		"proxy = 'http://alice:p%40ss@proxy.example:3128/'":                       "http://alice:p%40ss@proxy.example:3128/",
		"proxy = 'https://[2001:db8::1]:443'":                                     "https://[2001:db8::1]:443",
		"[messaging.telegram.proxy]\nip = '10.0.0.1'\nport = 1080":                "socks5://10.0.0.1:1080",
		"proxy = {ip = '2001:db8::1', port = 1080, socksType = 5}":                "socks5://[2001:db8::1]:1080",
		"proxy = {IP = 'proxy.example', Port = 1, username = 'alice'}":            "socks5://alice@proxy.example:1",
		"proxy = {ip = '::1', port = 9, username = 'alice', password = 'p:@/ w'}": "socks5://alice:p%3A%40%2F%20w@[::1]:9",
		"proxy = {ip = '::1', port = 9, mtproxy = false, timeout = 2}":            "socks5://[::1]:9",
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
		"proxy = [{ip = '10.0.0.1', port = 1080}]":                 "messaging.telegram.proxy must be a URL in quotes or a table with ip and port, not an array",
		"proxy = {ip = '10.0.0.1', port = 1080, usrname = 'user'}": `unknown key "usrname" in [messaging.telegram.proxy]; did you mean "username"?`,
	} {
		if diff := cmp.Diff([]string{"telegate.toml:3: " + want}, faults(t, bot+source, noEnv)); diff != "" {
			t.Errorf("%s: %s", source, diff)
		}
	}
}

// An MTProxy carries MTProto alone; the Bot API goes without a proxy, with a warning.
func TestMTProxyIsForMTProtoAlone(t *testing.T) {
	secret := "dd" + apiHash
	for source, want := range map[string]string{
		"proxy = {ip = '10.0.0.1', port = 443, MTProxy = true, secret = '" + secret + "', socksType = 5, timeout = 2}": "mtproxy://" + secret + "@10.0.0.1:443",
		"proxy = {ip = '2001:db8::1', port = 443, MTProxy = true, secret = '" + apiHash + "'}":                         "mtproxy://" + apiHash + "@[2001:db8::1]:443",
		"proxy = 'mtproxy://" + secret + "@proxy.example:443'":                                                         "mtproxy://" + secret + "@proxy.example:443",
		"proxy = 'tg://proxy?server=proxy.example&port=443&secret=" + secret + "'":                                     "tg://proxy?server=proxy.example&port=443&secret=" + secret,
		"proxy = 'https://t.me/proxy?server=proxy.example&port=443&secret=" + secret + "'":                             "https://t.me/proxy?server=proxy.example&port=443&secret=" + secret,
	} {
		c := parse(t, bot+source)
		got := c.Messaging.Telegram
		if got.MTProxy.Reveal() != want || got.Proxy != "" {
			t.Errorf("%s: MTProxy %s, proxy %s", source, got.MTProxy.Reveal(), got.Proxy.Reveal())
		}
		if c.Warnings[0] != "messaging.telegram.proxy is an MTProxy, which carries MTProto alone; the bot reaches the Bot API without a proxy" {
			t.Errorf("%s: %q", source, c.Warnings)
		}
		var shown strings.Builder
		if err := c.Render(&shown); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(shown.String(), `proxy = "(set, an MTProxy)"`) || strings.Contains(shown.String(), apiHash) {
			t.Errorf("%s: shown as %s", source, shown.String())
		}
	}
	const form = "messaging.telegram.proxy must be an MTProxy as in mtproxy://SECRET@host:443"
	const wrong = "messaging.telegram.proxy.secret is that of no MTProxy"
	for source, want := range map[string]string{
		"proxy = 'mtproxy://proxy.example:443'":                                       form,
		"proxy = 'mtproxy://" + secret + "@proxy.example'":                            form,
		"proxy = 'mtproxy://" + secret + "@:443'":                                     form,
		"proxy = 'mtproxy://dd00@proxy.example:443'":                                  form,
		"proxy = 'tg://proxy?server=x'":                                               form,
		"proxy = {ip = '10.0.0.1', port = 443, MTProxy = true}":                       wrong,
		"proxy = {ip = '10.0.0.1', port = 443, MTProxy = true, secret = 'dd00'}":      wrong,
		"proxy = {ip = '10.0.0.1', port = 443, MTProxy = true, secret = 'not a hex'}": wrong,
	} {
		if got := faults(t, bot+source, noEnv); len(got) != 1 || !strings.HasPrefix(got[0], "telegate.toml:3: "+want) {
			t.Errorf("%s: %q", source, got)
		}
	}
	c := parse(t, bot+"proxy = 'mtproxy://"+secret+"@proxy.example:443'\n[domains.corp.messaging.telegram]\nbottoken = '"+corpToken+"'\nproxy = 'socks5://10.0.0.1:1080'")
	if got := c.Domains["corp"].Telegram; got.MTProxy != "" || got.Proxy != "socks5://10.0.0.1:1080" {
		t.Errorf("a domain with its own proxy: %+v", got)
	}
}
