package config

import (
	"fmt"
	"io"
	"maps"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"telegate/language"
)

// Render writes the configuration as TOML, with defaults and resolved paths. It shows a secret as "(set)" or "(set, from …)", and
// removes it if it is in a wrong place. The error is the writer's.
func (c *Config) Render(w io.Writer) error {
	r := renderer{}
	fmt.Fprintf(&r.out, "# %s as telegate understands it; secrets are not shown\n", c.file)
	shared := c.Messaging.Telegram
	r.header("messaging", "telegram")
	r.secret("bottoken", shared.BotToken, c.origins["bottoken"])
	r.optional("apiid", shared.APIID, shared.APIID != 0)
	r.secret("apihash", shared.APIHash, c.origins["apihash"])
	r.secret("session", shared.Session, c.origins["session"])
	r.value("baseurl", shared.BaseURL, defaultBaseURL)
	r.proxy(shared)
	r.header("messaging", "telegram", "fallback")
	r.value("enabled", shared.Fallback.Enabled, false)
	r.value("per_day", shared.Fallback.PerDay, defaultFallbackPerDay)
	for _, id := range slices.Sorted(maps.Keys(c.Domains)) {
		r.domain(c.Domains[id], shared, c.origins[originKey(id)])
	}
	r.header("api")
	r.value("listen", c.API.Listen, defaultListen)
	r.optional("tls_cert", c.API.TLSCert, c.API.TLSCert != "")
	r.optional("tls_key", c.API.TLSKey, c.API.TLSKey != "")
	r.optional("public_url", c.API.PublicURL, c.API.PublicURL != "")
	for _, k := range c.API.Keys {
		r.out.WriteString("\n" + KeyTable(k))
	}
	r.header("database")
	r.value("path", c.Database.Path, filepath.Join(filepath.Dir(c.file), defaultDatabase))
	fmt.Fprintf(&r.out, "# its key file: %s\n", tomlValue(c.Database.KeyFile))
	r.header("limits")
	r.value("bot_per_second", c.Limits.BotPerSecond, float64(defaultBotPerSecond))
	r.value("chat_per_second", c.Limits.ChatPerSecond, float64(defaultChatPerSecond))
	r.value("group_per_minute", c.Limits.GroupPerMinute, float64(defaultGroupPerMinute))
	r.value("user_per_day", c.Limits.UserPerDay, defaultUserPerDay)
	r.value("user_broadcasts_per_minute", c.Limits.UserBroadcastsPerMinute, float64(defaultUserBroadcasts))
	r.value("code_digits", c.Limits.CodeDigits, defaultCodeDigits)
	r.value("code_ttl", formatDuration(c.Limits.CodeTTL), formatDuration(defaultCodeTTL))
	r.header("retention")
	r.value("messages_days", c.Retention.MessagesDays, defaultMessagesDays)
	r.value("updates_days", c.Retention.UpdatesDays, defaultUpdatesDays)
	r.value("audit_days", c.Retention.AuditDays, defaultAuditDays)
	r.header("log")
	r.value("level", strings.ToLower(c.Log.Level.String()), strings.ToLower(defaultLogLevel.String()))
	r.value("format", c.Log.Format, defaultLogFormat)
	_, err := io.WriteString(w, c.removeSecrets(r.out.String()))
	return err
}

type renderer struct{ out strings.Builder }

func (r *renderer) domain(d Domain, shared Telegram, origin string) {
	fallback := d.ID
	if d.ID == "" {
		fallback = defaultTitle
	}
	r.header("domains", d.ID)
	r.value("title", d.Title, fallback)
	r.value("language", d.Language, language.English)
	r.value("require_authenticated_at", d.RequireAuthenticatedAt, false)
	switch {
	case d.Telegram.BotToken == "":
		r.out.WriteString("# it has no bot\n")
	case d.Telegram == shared:
		r.out.WriteString("# its bot is the shared one\n")
	}
	for _, code := range slices.Sorted(maps.Keys(d.Texts)) {
		r.header("domains", d.ID, "texts", code)
		for _, key := range slices.Sorted(maps.Keys(d.Texts[code])) {
			fmt.Fprintf(&r.out, "%s = %s\n", key, tomlValue(d.Texts[code][key]))
		}
	}
	r.header("domains", d.ID, "passwordRequirements")
	r.value("msg2factor", d.Msg2Factor, true)
	if d.Telegram == shared {
		return
	}
	r.header("domains", d.ID, "messaging", "telegram")
	r.secret("bottoken", d.Telegram.BotToken, origin)
	r.value("baseurl", d.Telegram.BaseURL, shared.BaseURL)
	r.proxy(d.Telegram)
}

func (r *renderer) header(key ...string) {
	fmt.Fprintf(&r.out, "\n[%s]\n", toml.Key(key))
}

// value writes a key, and marks a default.
func (r *renderer) value(key string, v, fallback any) {
	note := ""
	if v == fallback {
		note = " # default"
	}
	fmt.Fprintf(&r.out, "%s = %s%s\n", key, tomlValue(v), note)
}

// optional writes a key that has no default.
func (r *renderer) optional(key string, v any, isSet bool) {
	if !isSet {
		fmt.Fprintf(&r.out, "# %s is not set\n", key)
		return
	}
	fmt.Fprintf(&r.out, "%s = %s\n", key, tomlValue(v))
}

// secret writes whether a secret is set, and its origin.
func (r *renderer) secret(key string, s Secret, origin string) {
	shown := "(set)"
	if origin != "" {
		shown = "(set, " + origin + ")"
	}
	r.optional(key, shown, s != "")
}

// proxy writes the proxy without a password or secret.
func (r *renderer) proxy(t Telegram) {
	if p := t.MTProxy; p.Host != "" {
		fmt.Fprintf(&r.out, "proxy = {ip = %s, port = %d, MTProxy = true, secret = \"(set)\"}\n", tomlValue(p.Host), p.Port)
		return
	}
	shown := "(set)"
	if u, err := url.Parse(t.Proxy.Reveal()); err == nil {
		shown = u.Redacted()
	}
	r.optional("proxy", shown, t.Proxy != "")
}

// formatDuration returns 5m instead of 5m0s.
func formatDuration(d time.Duration) string {
	return strings.Replace(d.String(), "m0s", "m", 1)
}

// secretPattern matches a bot token or an API key.
var secretPattern = regexp.MustCompile(`[0-9]{6,12}:[A-Za-z0-9_-]{30,}|` + keyPrefix + `[A-Za-z0-9_-]{43}`)

// RedactSecrets removes from a text all secrets of the configuration, and anything that looks like a token or key.
func (c *Config) RedactSecrets(text string) string {
	secrets := []Secret{c.Messaging.Telegram.BotToken, c.Messaging.Telegram.Proxy}
	for _, d := range c.Domains {
		secrets = append(secrets, d.Telegram.BotToken, d.Telegram.Proxy, d.Telegram.MTProxy.Secret)
	}
	for _, s := range secrets {
		if s != "" {
			text = strings.ReplaceAll(text, s.Reveal(), "(secret)")
		}
		if u, err := url.Parse(s.Reveal()); err == nil {
			if password, ok := u.User.Password(); ok && password != "" {
				text = strings.ReplaceAll(strings.ReplaceAll(text, u.User.String(), "(secret)"), password, "(secret)")
			}
		}
	}
	for _, k := range c.API.Keys {
		text = strings.ReplaceAll(text, strings.TrimPrefix(k.Hash, "sha256:"), "(secret)")
	}
	return c.removeSecrets(text)
}

// removeSecrets removes secrets from a text, for example one that is in a title by mistake.
func (c *Config) removeSecrets(text string) string {
	shared := c.Messaging.Telegram
	for _, secret := range []Secret{shared.APIHash, shared.Session, shared.MTProxy.Secret} {
		if secret != "" {
			text = strings.ReplaceAll(text, secret.Reveal(), "(secret)")
		}
	}
	return secretPattern.ReplaceAllString(text, "(secret)")
}
