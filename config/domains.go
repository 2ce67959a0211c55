package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"telegate/language"
)

var domainCharacters = regexp.MustCompile(`^[\p{L}\p{N}._-]*$`)

// isDomainID reports whether a text in lower case is a valid domain id. "*" is not: it means all domains in a key.
// Lengths are not part of the patterns: compiling those would take 50 ms at each start.
func isDomainID(id string) bool {
	return utf8.RuneCountInString(id) <= 64 && domainCharacters.MatchString(id)
}

// maxTitle is the longest domain title and key name, in characters: they are used in short messages and log lines.
const maxTitle = 64

// domains reads [domains.ID] for every id, and adds the default domain.
func (t *table) domains(shared Telegram) map[string]Domain {
	all := t.table("domains")
	domains := map[string]Domain{}
	words := map[string]string{} // of environment variables, to ids
	for _, lower := range slices.Sorted(maps.Keys(all.values)) {
		e := all.values[lower]
		line := t.p.lines[all.at.key(e.key)]
		values, isTable := e.value.(map[string]any)
		switch {
		case !isDomainID(lower):
			t.p.faultAt(line, all.dotted(quoted(e.key)), `a domain id is up to 64 letters, digits, "-", "_" and "."`)
			continue
		case !isTable:
			t.p.faultAt(line, domainName(lower), "%s must be a table, not %s", domainName(lower), kind(e.value))
			continue
		case e.key != lower:
			t.p.warn("domain %s is called %s, as MeshCentral calls it: ids are lower case", quoted(e.key), quoted(lower))
		}
		name := domainName(lower)
		d := t.p.table(name, "in ["+name+"]", all.at.key(e.key), values).domain(lower, shared)
		domains[lower] = d
		t.p.checkEnvName(words, lower)
	}
	if _, ok := domains[""]; !ok {
		domains[""] = t.p.table(domainName(""), "", "", nil).domain("", shared)
	}
	return domains
}

// originKey is the key of a domain's bot token in Config.origins. Shared secrets have their own names there.
func originKey(domain string) string { return "domains." + domain }

// domainName is the name of a domain's table in messages: domains.corp or domains."".
func domainName(id string) string {
	if name := quoted(id); id == "" || name != `"`+id+`"` || strings.Contains(id, ".") {
		return "domains." + name
	}
	return "domains." + id
}

// domain reads one domain.
func (t *table) domain(id string, shared Telegram) Domain {
	defer t.close()
	d := Domain{ID: id, Title: id, Msg2Factor: true, Telegram: shared}
	if id == "" {
		d.Title = defaultTitle
	}
	if title, ok := t.label("title"); ok {
		d.Title = title
	}

	d.Language = t.choice("language", language.English, language.Codes()...)
	d.Texts = t.texts("texts")
	d.RequireAuthenticatedAt = t.boolean("require_authenticated_at", false)

	password := t.table("passwordRequirements")
	defer password.close()
	if found, there := password.lookup("msg2factor"); there {
		on, isBool := found.(bool)
		if !isBool {
			password.fault("msg2factor", "must be true or false without quotes, not %s; only false turns the second factor off", kind(found))
		}
		d.Msg2Factor = on
	}

	messaging := t.table("messaging")
	defer messaging.close()
	telegram := messaging.table("telegram")
	defer telegram.close()
	bot, token := telegram.bot("TELEGATE_DOMAINS_" + envName(id) + "_MESSAGING_TELEGRAM_")
	if !token.present {
		if shared.BotToken == "" && !t.p.hasUser && len(t.values) > 0 {
			unless := ""
			if t.p.hasApp {
				unless = ", or telegate session import has kept a user's session"
			}
			t.p.warn("%s has no bot: nobody there can link an account until it or [messaging.telegram] has a bottoken%s", t.name, unless)
		}
		for _, name := range []string{"baseurl", "proxy"} {
			if _, there := telegram.lookup(name); there {
				telegram.fault(name, "needs a bottoken beside it: without a bot of its own the domain uses the shared one as it is")
			}
		}
		return d
	}
	t.p.cfg.origins[originKey(id)] = token.origin
	d.Telegram.BotToken = bot.BotToken
	if bot.BaseURL != "" {
		d.Telegram.BaseURL = bot.BaseURL
	}
	if bot.Proxy != "" || bot.MTProxy.Host != "" {
		d.Telegram.Proxy, d.Telegram.MTProxy = bot.Proxy, bot.MTProxy
	}
	telegram.addBot(d.Telegram)
	return d
}

// label reads a string that is shown on one line.
func (t *table) label(name string) (string, bool) {
	text, ok := t.string(name)
	if ok && !isLabel(text) {
		t.fault(name, "must be one line of at most %d characters", maxTitle)
		return "", false
	}
	return text, ok
}

func isLabel(text string) bool {
	return utf8.RuneCountInString(text) <= maxTitle && utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

// TitleFault says why a text cannot be the title of a domain, as the end of a sentence; "" if it can.
func TitleFault(text string) string {
	switch {
	case strings.TrimSpace(text) == "":
		return "is empty"
	case !isLabel(strings.TrimSpace(text)):
		return fmt.Sprintf("must be one line of at most %d characters", maxTitle)
	default:
		return ""
	}
}

// envName is a domain id in the name of an environment variable.
func envName(id string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToUpper(id))
}

// checkEnvName reports a set variable that belongs to two domains.
func (p *parser) checkEnvName(words map[string]string, id string) {
	word := envName(id)
	other, taken := words[word]
	words[word] = id
	variable := "TELEGATE_DOMAINS_" + word + "_MESSAGING_TELEGRAM_BOTTOKEN"
	if taken && (p.getenv(variable) != "" || p.getenv(variable+"_FILE") != "") {
		p.faultInEnv(variable, "could mean %s or %s; give both their bottoken in the file", quoted(other), quoted(id))
	}
}
