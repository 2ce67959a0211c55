// Package config turns telegate.toml into a Config.
//
// The names are MeshCentral's, and keys match in any case. All faults of a file are reported together, each with its line and, for
// a misspelt key, the nearest known name. No error, warning or rendering contains a secret.
package config

import (
	"log/slog"
	"time"
)

// Config is a complete, valid configuration. Missing keys have their default.
type Config struct {
	// Messaging is [messaging]: the connection to Telegram that all domains share.
	Messaging Messaging

	// Domains are the tables [domains.ID] by id. Ids are lower case, as in MeshCentral, which lowers all keys of its configuration.
	// The default domain, "", always exists.
	Domains map[string]Domain

	// API is [api]: where the gateway listens and who may call it.
	API API

	// Database is [database].
	Database Database

	// Limits is [limits].
	Limits Limits

	// Retention is [retention].
	Retention Retention

	// Log is [log].
	Log Log

	// Warnings are sentences for the administrator about things that work but should be checked. They contain no secret.
	Warnings []string

	file         string            // the name given to Load or Parse
	origins      map[string]string // the origin of a shared secret, or by originKey a domain's, if it is not the file itself: "from file corp.token"
	inlineSecret bool              // the file itself contains a secret
}

// Messaging is [messaging].
type Messaging struct {
	// Telegram is [messaging.telegram], the shared bot and user session.
	Telegram Telegram
}

// Telegram is a [messaging.telegram] table: one bot, how to reach the Bot API, and a user session. A domain's own table,
// [domains.ID.messaging.telegram], takes bottoken, baseurl and proxy only.
type Telegram struct {
	// BotToken is "bottoken", the token from @BotFather: 6 to 12 digits, a colon, and at least 30 letters, digits, "-" or "_". Also
	// from bottoken_file or TELEGATE_MESSAGING_TELEGRAM_BOTTOKEN; for a domain TELEGATE_DOMAINS_<ID>_MESSAGING_TELEGRAM_BOTTOKEN, with
	// the id in upper case and "_" for everything except A-Z and 0-9. Empty: no bot. A Config has at least one bot, or a Session, or
	// APIID and APIHash for a session in the database.
	BotToken Secret

	// APIID is "apiid", the number of the application at https://my.telegram.org/apps, above 0; 0 if not set. Also from
	// TELEGATE_MESSAGING_TELEGRAM_APIID. A Session without BotToken needs it, and APIHash; so does Fallback.
	APIID int

	// APIHash is "apihash", the 32 hexadecimal digits that belong to APIID. Also from apihash_file or
	// TELEGATE_MESSAGING_TELEGRAM_APIHASH.
	APIHash Secret

	// Session is "session", the login of a Telegram user in base64, a GramJS (MeshCentral) or Telethon string. Also from session_file
	// or TELEGATE_MESSAGING_TELEGRAM_SESSION. With a bot only the Fallback uses it; without a bot it sends everything.
	Session Secret

	// BaseURL is "baseurl", the Bot API server without the "/bot" part and without a final slash, http or https. Default
	// https://api.telegram.org. A domain without its own takes the shared one.
	BaseURL string

	// Proxy is "proxy", for the Bot API and MTProto: a URL with the scheme socks5, socks5h, http or https, valid for net/http's
	// Transport.Proxy, or MeshCentral's table (ip, port, username, password, MTProxy, secret, socksType, timeout), which becomes a
	// socks5 URL. Empty: no proxy. It is a Secret because it may contain a password. A domain without its own uses the shared one.
	Proxy Secret

	// MTProxy is "proxy" if that is an MTProxy: MeshCentral's table with MTProxy = true, or a tg://proxy link. It cannot transport
	// the Bot API, which then uses no proxy.
	MTProxy MTProxy

	// Fallback is "fallback". Domains with their own bot use the shared one.
	Fallback Fallback
}

// Fallback is [messaging.telegram.fallback]: other routes, over MTProto, for codes and direct messages if a bot fails. The first
// is the bot itself, signed in over MTProto; the second is Session, if there is one.
type Fallback struct {
	// Enabled is "enabled". Default false: Telegram may limit or close an account that writes to people who do not know it.
	Enabled bool

	// PerDay is "per_day", the most messages per day (UTC) that the account of Session sends. Default 50, 1 to 1000: Telegram limited
	// accounts after about 50 messages to strangers. The bot over MTProto has no such limit.
	PerDay int
}

// Domain is [domains.ID], a tenant as in MeshCentral.
type Domain struct {
	// ID is the name of the table in lower case: up to 64 letters, digits, "-", "_" and ".". Empty for the default domain.
	ID string

	// Title is "title", the name shown in messages, 1 to 64 characters. Default the id; "telegate" for the default domain.
	Title string

	// Language is "language", the language (language.Codes) for people whose own is unknown. Default en. MeshCentral has no such key:
	// it uses the browser's language.
	Language string

	// Texts are the tables "texts.LANGUAGE": the operator's own texts by language and key, all checked by language.Check.
	Texts map[string]map[string]string

	// Msg2Factor is "passwordRequirements.msg2factor": whether Telegram may be a second factor. Default true. Only true and false are
	// valid.
	Msg2Factor bool

	// RequireAuthenticatedAt is "require_authenticated_at": whether a link needs the time at which the user has authenticated, not
	// longer ago than linking.AuthenticationLimit. Default false.
	RequireAuthenticatedAt bool

	// Telegram is the domain's own bot, or the shared one.
	Telegram Telegram
}

// API is [api].
type API struct {
	// Listen is "listen": host:port, or unix:/absolute/path of at most 103 bytes (the smallest sun_path of all systems). Default
	// 127.0.0.1:8080. Port 0 is any free port. An address that other machines can reach needs TLSCert and TLSKey; that includes an
	// empty host, 0.0.0.0 and any host name except localhost.
	Listen string

	// TLSCert and TLSKey are "tls_cert" and "tls_key", the PEM files of a certificate chain and its key; both or none. Relative paths
	// start at the folder of the configuration. The files must be valid when the configuration is read.
	TLSCert, TLSKey string

	// PublicURL is "public_url": the address at which people's programs reach the gateway, through a proxy perhaps; http or https, without a
	// final slash. The bot shows it with a topic. Empty: the bot tells people to ask the administrator.
	PublicURL string

	// Keys are the tables [[api.keys]], one per caller. Without any, nobody can call the gateway.
	Keys []Key
}

// Key is [[api.keys]]: one caller and what it may do. "telegate key create" prints the table.
type Key struct {
	// Name is "name", 1 to 64 characters, unique. Logs show it.
	Name string

	// Hash is "hash": "sha256:" and the SHA-256 of the key in 64 lower-case hexadecimal digits, as HashAPIKey makes it; unique.
	Hash string

	// Domains is "domains": the ids of configured domains that the key may use, or "*" for all. At least one.
	Domains []string

	// Scopes is "scopes": any of link, verify, send, invite and admin (which includes invite). At least one.
	Scopes []string

	// User and UserDomain are "user" and "user_domain": the account of the key's administrator, 1 to 256 characters, and its configured
	// domain, by default "". If that user has linked Telegram, signing in to the console with the key also needs a code. Only with the
	// scope admin; empty: no account.
	User, UserDomain string
}

// Database is [database].
type Database struct {
	// Path is "path", the SQLite file. Default telegate.db. A relative path starts at the folder of the configuration.
	Path string

	// KeyFile is Path + ".key", with the keys that encrypt secrets in the database. It cannot be set.
	KeyFile string
}

// Limits is [limits]: the sending rates, and the format of sign-in codes. The default rates are Telegram's limits
// (https://core.telegram.org/bots/faq#broadcasting-to-users); telegate sends more slowly after error 429.
type Limits struct {
	// BotPerSecond is "bot_per_second", messages of one bot to all its chats. Default 30; 1 to 1000, Telegram's paid ceiling.
	BotPerSecond float64

	// ChatPerSecond is "chat_per_second", messages to one private chat. Default 1; 0.1 to 10.
	ChatPerSecond float64

	// GroupPerMinute is "group_per_minute", messages to one group. Default 20; 1 to 60.
	GroupPerMinute float64

	// UserPerDay is "user_per_day", all messages per day (UTC) of a user session that replaces a bot. Default 200; 1 to 5000; a quarter
	// is not available to broadcasts. Telegram publishes no limit for persons.
	UserPerDay int

	// UserBroadcastsPerMinute is "user_broadcasts_per_minute", messages of broadcasts through such a session. Default 6; 1 to 60.
	UserBroadcastsPerMinute float64

	// CodeDigits is "code_digits", the length of a sign-in code. Default 6; 6 to 8. NIST SP 800-63B-4 §3.1.3.2 asks for at least 6.
	CodeDigits int

	// CodeTTL is "code_ttl", how long a sign-in code is valid: a string such as "5m", or an integer of seconds. Default 5 minutes; 30
	// seconds to 10 minutes, the maximum of NIST SP 800-63B-4 §3.1.3.2.
	CodeTTL time.Duration
}

// Retention is [retention]: how many days data that is no longer needed is kept.
type Retention struct {
	// MessagesDays is "messages_days", for finished messages with their attempts, and for refused ones in the audit. Default 30; 1 to
	// 3650.
	MessagesDays int

	// UpdatesDays is "updates_days", for the ids of handled updates. Default 7; 2 to 365, because Telegram keeps an update for a day.
	UpdatesDays int

	// AuditDays is "audit_days", for the audit, the source of the login report, and for finished broadcasts. Default 400; 1 to 3650.
	AuditDays int
}

// Log is [log].
type Log struct {
	// Level is "level": debug, info, warn or error. Default info.
	Level slog.Level

	// Format is "format": text or json. Default text.
	Format string
}

// Defaults of optional keys.
const (
	defaultTitle          = "telegate"
	defaultBaseURL        = "https://api.telegram.org"
	defaultListen         = "127.0.0.1:8080"
	defaultDatabase       = "telegate.db"
	defaultBotPerSecond   = 30
	defaultChatPerSecond  = 1
	defaultGroupPerMinute = 20
	defaultUserPerDay     = 200
	defaultUserBroadcasts = 6
	defaultFallbackPerDay = 50
	defaultCodeDigits     = 6
	defaultCodeTTL        = 5 * time.Minute
	defaultMessagesDays   = 30
	defaultUpdatesDays    = 7
	defaultAuditDays      = 400
	defaultLogLevel       = slog.LevelInfo
	defaultLogFormat      = "text"
)
