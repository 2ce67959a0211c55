package config

import (
	"math"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// SharedEnv begins the environment variables of [messaging.telegram]; the name of the key in upper case follows.
const SharedEnv = "TELEGATE_MESSAGING_TELEGRAM_"

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

	bot, token := telegram.bot(SharedEnv)
	if bot.BaseURL == "" {
		bot.BaseURL = defaultBaseURL
	}
	if token.there {
		t.p.cfg.origins["bottoken"] = token.from
		telegram.addBot(bot)
	}
	var apiID, apiHash, session bool
	bot.APIID, apiID = telegram.apiID()
	bot.APIHash, apiHash = telegram.shaped("apihash", APIHashFault)
	bot.Session, session = telegram.shaped("session", SessionFault)
	t.p.hasUser, t.p.hasApp = session, apiID && apiHash
	for _, needed := range []struct {
		name  string
		there bool
	}{{"apiid", apiID}, {"apihash", apiHash}} {
		const why = "is missing: a user session works with apiid and apihash only; both are at https://my.telegram.org/apps"
		switch {
		case needed.there || !session:
		case token.there: // the bot works without
			telegram.warn(needed.name, why)
		default:
			telegram.fault(needed.name, why)
		}
	}
	bot.Fallback = telegram.fallback(apiID && apiHash)
	if session && token.there && !bot.Fallback.Enabled {
		telegram.warn("session", "is not used: everything goes through the bot; [messaging.telegram.fallback] with enabled = true lets it help out")
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

// apiID reads the number of the application, and says whether one was given.
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

// bot reads what the shared table and a domain's have in common, and says where the token was found.
func (t *table) bot(envTable string) (bot Telegram, token given) {
	token = t.secret("bottoken", envTable)
	if fault := BotTokenFault(token.value.Reveal()); token.value != "" && fault != "" {
		token.fault("%s", fault)
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

// shaped reads a secret that has to have a shape, and says whether one was given, good or not.
func (t *table) shaped(name string, fault func(string) string) (value Secret, there bool) {
	secret := t.secret(name, SharedEnv)
	if text := fault(secret.value.Reveal()); secret.value != "" && text != "" {
		secret.fault("%s", text)
		return "", true
	}
	t.p.cfg.origins[name] = secret.from
	return secret.value, secret.there
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
