package config

import (
	"math"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// SharedEnv is the prefix of the environment variables of [messaging.telegram], before the key in upper case.
const SharedEnv = "TELEGATE_MESSAGING_TELEGRAM_"

// BotID returns the id of a token's bot, 0 if the string is not a token.
func BotID(token Secret) int64 {
	if !botTokenPattern.MatchString(token.Reveal()) {
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

	bot, token := telegram.bot(SharedEnv)
	if bot.BaseURL == "" {
		bot.BaseURL = defaultBaseURL
	}
	if token.present {
		t.p.cfg.origins["bottoken"] = token.origin
		telegram.addBot(bot)
	}
	var apiID, apiHash, session bool
	bot.APIID, apiID = telegram.apiID()
	bot.APIHash, apiHash = telegram.formatted("apihash", APIHashFault)
	bot.Session, session = telegram.formatted("session", SessionFault)
	t.p.hasUser, t.p.hasApp = session, apiID && apiHash
	for _, needed := range []struct {
		name  string
		there bool
	}{{"apiid", apiID}, {"apihash", apiHash}} {
		const why = "is missing: a user session works with apiid and apihash only; both are at https://my.telegram.org/apps"
		switch {
		case needed.there || !session:
		case token.present: // the bot does not need it
			telegram.warn(needed.name, why)
		default:
			telegram.fault(needed.name, why)
		}
	}
	bot.Fallback = telegram.fallback(apiID && apiHash)
	if session && token.present && !bot.Fallback.Enabled {
		telegram.warn("session", "is not used: the bot sends everything; to use it as a fallback, set enabled = true in [messaging.telegram.fallback]")
	}
	return Messaging{Telegram: bot}
}

// fallback reads the table "fallback". app says whether apiid and apihash were given.
func (t *table) fallback(app bool) Fallback {
	fallback := t.table("fallback")
	defer fallback.close()
	f := Fallback{Enabled: fallback.boolean("enabled", false), PerDay: int(fallback.integer("per_day", defaultFallbackPerDay, 1, 1000))}
	if f.Enabled && !app {
		fallback.fault("enabled", "needs apiid and apihash in [messaging.telegram]; both are at https://my.telegram.org/apps")
	}
	return f
}

// apiID reads the application's number; present: one was given.
func (t *table) apiID() (id int, there bool) {
	const variable = SharedEnv + "APIID"
	id = int(t.integer("apiid", 0, 1, math.MaxInt32))
	_, there = t.lookup("apiid")
	if text := strings.TrimSpace(t.p.getenv(variable)); text != "" {
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil || n < 1 {
			t.p.faultInEnv(variable, "must be a number from 1 to %d", math.MaxInt32)
		}
		return int(n), true
	}
	return id, there
}

// bot reads the common keys of the shared table and a domain's. token says where the token was found.
func (t *table) bot(envTable string) (bot Telegram, token secretSource) {
	token = t.secret("bottoken", envTable)
	if fault := BotTokenFault(token.value.Reveal()); token.value != "" && fault != "" {
		token.fault("%s", fault)
		token.value = ""
	}
	bot = Telegram{BotToken: token.value, BaseURL: t.baseURL()}
	bot.Proxy, bot.MTProxy = t.proxy()
	return bot, token
}

// addBot adds a table's bot to the bots of the configuration. Two tables may have the same bot, with equal settings.
func (t *table) addBot(bot Telegram) {
	id := BotID(bot.BotToken)
	other, known := t.p.bots[id]
	t.p.bots[id] = bot
	switch {
	case id == 0 || !known: // an invalid token is already reported; its id 0 means that there is a bot
	case other.BotToken != bot.BotToken:
		t.fault("bottoken", "is another token of a bot that is also elsewhere in the file; one of the two is out of date")
	case other.BaseURL != bot.BaseURL || other.Proxy != bot.Proxy || other.MTProxy != bot.MTProxy:
		t.fault("bottoken", "belongs to a bot that is elsewhere in the file with another baseurl or proxy; a bot can have only one")
	}
}

// formatted reads a secret and checks its format; present: one was given, valid or not.
func (t *table) formatted(name string, fault func(string) string) (value Secret, there bool) {
	secret := t.secret(name, SharedEnv)
	if text := fault(secret.value.Reveal()); secret.value != "" && text != "" {
		secret.fault("%s", text)
		return "", true
	}
	t.p.cfg.origins[name] = secret.origin
	return secret.value, secret.present
}

// baseURL reads the Bot API server, "" if not set. Messages do not show it: people paste a whole URL with the token.
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
		t.fault("baseurl", "must not contain a user or password")
		return ""
	case strings.Contains(u.Path+"/", "/bot/") || botPath.MatchString(u.Path):
		t.fault("baseurl", "must be the host without /bot and anything after it, such as %s", defaultBaseURL)
		return ""
	case u.Scheme == "http" && IsPublic(u.Hostname()):
		t.warn("baseurl", "sends the bot token unencrypted to another machine; use https there")
	}
	return strings.TrimRight(text, "/")
}

// botPath matches the part of a URL that contains the token.
var botPath = regexp.MustCompile(`/bot[0-9]`)

// validPort reports whether the port of a URL is valid or missing.
func validPort(u *url.URL) bool {
	if u.Port() == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	_, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil
}

// IsPublic reports whether other machines can reach this host. Every name except localhost counts, because its address can change.
func IsPublic(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return err != nil || !addr.IsLoopback()
}
