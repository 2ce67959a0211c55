package config

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// The shapes of Telegram's secrets. A session holds a 2048-bit authorization key, which is 342 characters of base64.
var (
	tokenShape   = regexp.MustCompile(`^[0-9]{6,12}:[A-Za-z0-9_-]{30,}$`)
	apiHashShape = regexp.MustCompile(`^[0-9A-Fa-f]{32}$`)
	sessionShape = regexp.MustCompile(`^[A-Za-z0-9+/_-]{342,}={0,2}$`)
)

// sharedEnv begins the environment variables of [messaging.telegram].
const sharedEnv = "TELEGATE_MESSAGING_TELEGRAM_"

// BotID returns the id of the bot a token belongs to, 0 for a string that is not a token.
func BotID(token Secret) int64 {
	if !tokenShape.MatchString(token.Reveal()) {
		return 0
	}
	digits, _, _ := strings.Cut(token.Reveal(), ":")
	id, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0
	}
	return id
}

// messaging reads [messaging].
func (t *table) messaging() Messaging {
	messaging := t.table("messaging")
	defer messaging.close()
	telegram := messaging.table("telegram")
	defer telegram.close()

	bot, token := telegram.bot(sharedEnv)
	if bot.BaseURL == "" {
		bot.BaseURL = defaultBaseURL
	}
	if token.there {
		t.p.cfg.origins["bottoken"] = token.from
		telegram.addBot(bot)
	}
	bot.APIID = int(telegram.integer("apiid", 0, 1, 1<<31-1))
	bot.APIHash = telegram.shaped("apihash", apiHashShape, "is not an API hash, which is 32 hexadecimal digits; see https://my.telegram.org/apps")
	bot.Session = telegram.shaped("session", sessionShape, "is not a session, which is one line of at least 342 base64 characters")
	if bot.APIID != 0 || bot.APIHash != "" || bot.Session != "" {
		t.p.warn("messaging.telegram: apiid, apihash and session are kept for the user session, which this release does not use yet")
	}
	return Messaging{Telegram: bot}
}

// bot reads what the shared table and a domain's have in common, and says where the token was found.
func (t *table) bot(envTable string) (bot Telegram, token given) {
	token = t.secret("bottoken", envTable)
	if token.value != "" && !tokenShape.MatchString(token.value.Reveal()) {
		token.fault(`is not a bot token; @BotFather prints one as 6 to 12 digits, a colon and at least 30 letters, digits, "-" or "_"`)
		token.value = ""
	}
	bot = Telegram{BotToken: token.value, BaseURL: t.baseURL()}
	bot.Proxy, bot.MTProxy = t.proxy()
	return bot, token
}

// addBot adds a table's bot to those of the whole configuration. Two tables may name the same bot, in the same words.
func (t *table) addBot(bot Telegram) {
	id := BotID(bot.BotToken)
	other, known := t.p.bots[id]
	t.p.bots[id] = bot
	switch {
	case id == 0 || !known: // a faulty token has been reported, and stays as 0: there is a bot
	case other.BotToken != bot.BotToken:
		t.fault("bottoken", "is another token of a bot that stands elsewhere in the file; one of the two is out of date")
	case other.BaseURL != bot.BaseURL || other.Proxy != bot.Proxy || other.MTProxy != bot.MTProxy:
		t.fault("bottoken", "is that of a bot which stands elsewhere with another baseurl or proxy; a bot has one way to Telegram")
	}
}

// shaped reads a secret that has to match a shape. isNot completes the sentence of the fault.
func (t *table) shaped(name string, shape *regexp.Regexp, isNot string) Secret {
	secret := t.secret(name, sharedEnv)
	if secret.value != "" && !shape.MatchString(secret.value.Reveal()) {
		secret.fault("%s", isNot)
		return ""
	}
	t.p.cfg.origins[name] = secret.from
	return secret.value
}

// baseURL reads the Bot API server, "" where it is not set. Messages do not show it: people paste the whole URL of a call, token included.
func (t *table) baseURL() string {
	text, ok := t.string("baseurl")
	if !ok {
		return ""
	}
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", u.RawQuery != "", u.Fragment != "", !validPort(u):
		t.fault("baseurl", "must be a URL such as %s", defaultBaseURL)
		return ""
	case u.User != nil:
		t.fault("baseurl", "must not hold a user or password")
		return ""
	case strings.Contains(u.Path+"/", "/bot/") || botPath.MatchString(u.Path):
		t.fault("baseurl", "must be the host without /bot and what follows it, such as %s", defaultBaseURL)
		return ""
	case u.Scheme == "http" && isPublic(u.Hostname()):
		t.warn("baseurl", "sends the bot token unencrypted to another machine; use https there")
	}
	return strings.TrimRight(text, "/")
}

// botPath matches the part of a call's URL that holds the token.
var botPath = regexp.MustCompile(`/bot[0-9]`)

// proxy reads the way to Telegram: one for everything, or an MTProxy for MTProto. Both are "" where there is none.
func (t *table) proxy() (all, mtproxy Secret) {
	found, ok := t.lookup("proxy")
	if !ok {
		return "", ""
	}
	switch found.(type) {
	case string:
		text, ok := t.string("proxy")
		switch {
		case !ok:
			return "", ""
		case isMTProxyURL(text):
			return "", t.mtproxy(text)
		}
		return t.proxyURL(text), ""
	case map[string]any:
		return t.proxyTable(t.table("proxy"))
	default:
		t.fault("proxy", "must be a URL in quotes or a table with ip and port, not %s", kind(found))
		return "", ""
	}
}

// isMTProxyURL tells whether a text is meant for an MTProxy.
func isMTProxyURL(text string) bool {
	for _, start := range []string{"mtproxy:", "tg://proxy?", "https://t.me/proxy?", "https://telegram.me/proxy?"} {
		if strings.HasPrefix(text, start) {
			return true
		}
	}
	return false
}

// mtproxySecret is hexadecimal or base64 in either alphabet; userclient says what is wrong inside one.
var mtproxySecret = regexp.MustCompile(`^[A-Za-z0-9+/_-]{22,}={0,2}$`)

// mtproxy checks the parts of an MTProxy's address. Messages do not show it.
func (t *table) mtproxy(text string) Secret {
	u, err := url.Parse(text)
	if err == nil && u.Scheme != "mtproxy" {
		q := u.Query()
		u = &url.URL{Scheme: "mtproxy", User: url.User(q.Get("secret")), Host: net.JoinHostPort(q.Get("server"), q.Get("port"))}
	}
	if err != nil || u.Hostname() == "" || u.Port() == "" || !validPort(u) || !mtproxySecret.MatchString(u.User.Username()) {
		t.fault("proxy", "must be an MTProxy as in mtproxy://SECRET@host:443, with the secret of at least 32 hexadecimal digits, or a link that Telegram shares, or a table with ip, port, MTProxy and secret")
		return ""
	}
	t.warn("proxy", "is an MTProxy, which carries MTProto alone; the bot reaches the Bot API without a proxy")
	t.p.cfg.inlineSecret = true
	return Secret(text)
}

// proxyURL checks a proxy's URL. Messages do not show it: it may hold a password.
func (t *table) proxyURL(text string) Secret {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || !validPort(u) {
		t.fault("proxy", "must be a URL such as socks5://127.0.0.1:1080 or http://user:password@proxy.example:3128")
		return ""
	}
	switch u.Scheme {
	case "socks5", "socks5h", "http", "https":
	default:
		t.fault("proxy", "must begin with socks5://, socks5h://, http:// or https://")
		return ""
	}
	if _, hasPassword := u.User.Password(); hasPassword {
		t.p.cfg.inlineSecret = true
	}
	return Secret(text)
}

// proxyTable turns MeshCentral's table, which is the one of GramJS, into a socks5 URL or the address of an MTProxy.
func (t *table) proxyTable(proxy *table) (all, mtproxy Secret) {
	defer proxy.close()
	host, hasHost := proxy.string("ip")
	port := proxy.integer("port", 0, 1, 65535)
	user, hasUser := proxy.string("username")
	password, hasPassword := proxy.string("password")
	isMTProxy := proxy.boolean("MTProxy", false)
	secret, hasSecret := proxy.string("secret")
	socks := proxy.integer("socksType", 5, 4, 5)
	timeout := proxy.integer("timeout", 0, 1, 3600)

	if _, err := netip.ParseAddr(host); hasHost && err != nil && !hostName.MatchString(host) {
		proxy.fault("ip", "must be an IP address or a host name")
		return "", ""
	}
	switch {
	case !hasHost || port == 0:
		t.fault("proxy", "needs ip and port")
		return "", ""
	case isMTProxy && !mtproxySecret.MatchString(secret):
		t.p.cfg.inlineSecret = t.p.cfg.inlineSecret || hasSecret
		proxy.fault("secret", "is that of no MTProxy; it has at least 32 hexadecimal digits, and begins with dd or ee where it has more")
		return "", ""
	case isMTProxy:
		u := url.URL{Scheme: "mtproxy", User: url.User(secret), Host: net.JoinHostPort(host, strconv.FormatInt(port, 10))}
		return "", t.mtproxy(u.String())
	case socks == 4:
		proxy.fault("socksType", "must be 5; SOCKS4 is not supported")
		return "", ""
	case hasPassword && !hasUser:
		proxy.fault("password", "needs a username beside it")
		return "", ""
	case timeout != 0:
		proxy.warn("timeout", "is not used: telegate has timeouts of its own")
	}
	u := url.URL{Scheme: "socks5", Host: net.JoinHostPort(host, strconv.FormatInt(port, 10))}
	if hasPassword {
		u.User = url.UserPassword(user, password)
	} else if hasUser {
		u.User = url.User(user)
	}
	return t.proxyURL(u.String()), ""
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$`)

// validPort reports whether the port of a URL, if any, is one.
func validPort(u *url.URL) bool {
	if u.Port() == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	_, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil
}

// isPublic reports whether an address at this host is one that other machines can reach. Every name but localhost counts as such, since
// what it stands for can change.
func isPublic(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return err != nil || !addr.IsLoopback()
}
