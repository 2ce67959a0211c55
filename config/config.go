// Package config turns telegate.toml into a Config.
//
// The names are MeshCentral's, and keys match in any case. Every fault of a file is reported at once, with its line and, for a misspelt
// key, the nearest known name. No error, warning or rendering shows the value of a secret.
package config

import (
	"log/slog"
	"time"
)

// Config is a whole, valid configuration. Each field is set: what the file leaves out holds its default.
type Config struct {
	// Messaging is [messaging]: the ways to Telegram that all domains share.
	Messaging Messaging

	// Domains are the tables [domains.ID] by id. Ids are lower case, as in MeshCentral, which lowers every key of its configuration.
	// The default domain, "", is always there.
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

	// Warnings are sentences for the administrator about what works but should be looked at. They hold no secret.
	Warnings []string

	file         string            // the file as it was named to Load or Parse
	origins      map[string]string // where a shared secret, or by originKey a domain's, came from if not from the file itself: "from file corp.token"
	inlineSecret bool              // the file itself holds a secret
}

// Messaging is [messaging].
type Messaging struct {
	// Telegram is [messaging.telegram], the shared bot and user session.
	Telegram Telegram
}

// Telegram is a [messaging.telegram] table: one bot, how to reach the Bot API, and a user session. A domain's own table,
// [domains.ID.messaging.telegram], takes bottoken, baseurl and proxy only.
type Telegram struct {
	// BotToken is "bottoken", the token @BotFather printed: 6 to 12 digits, a colon, and at least 30 letters, digits, "-" or "_". Also
	// from bottoken_file or TELEGATE_MESSAGING_TELEGRAM_BOTTOKEN; for a domain TELEGATE_DOMAINS_<ID>_MESSAGING_TELEGRAM_BOTTOKEN, the
	// id in upper case with "_" for all but A-Z and 0-9. Empty where there is no bot; a Config has at least one, or a Session, or APIID
	// and APIHash for one that the database keeps.
	BotToken Secret

	// APIID is "apiid", the number of the application at https://my.telegram.org/apps, above 0; 0 where not set. Also from
	// TELEGATE_MESSAGING_TELEGRAM_APIID. A Session without BotToken needs it, and APIHash; so does Fallback.
	APIID int

	// APIHash is "apihash", the 32 hexadecimal digits that belong to APIID. Also from apihash_file or
	// TELEGATE_MESSAGING_TELEGRAM_APIHASH.
	APIHash Secret

	// Session is "session", the login of a Telegram user in base64, a GramJS (MeshCentral) or Telethon string. Also from session_file
	// or TELEGATE_MESSAGING_TELEGRAM_SESSION. With a bot it is used by the Fallback only; without one everything goes through it.
	Session Secret

	// BaseURL is "baseurl", the Bot API server without the "/bot" part and without a final slash, http or https. Default
	// https://api.telegram.org. A domain without its own takes the shared one.
	BaseURL string

	// Proxy is "proxy", the way to the Bot API and to MTProto: a URL with the scheme socks5, socks5h, http or https, which net/http's
	// Transport.Proxy takes, or MeshCentral's table (ip, port, username, password, MTProxy, secret, socksType, timeout), which becomes
	// a socks5 URL. Empty means no proxy. It is a Secret because it may hold a password. A domain without its own takes the shared one.
	Proxy Secret

	// MTProxy is "proxy" where that is an MTProxy: MeshCentral's table with MTProxy = true, or a tg://proxy link. It cannot carry the
	// Bot API, which then goes without a proxy.
	MTProxy MTProxy

	// Fallback is "fallback". Domains with a bot of their own have the shared one.
	Fallback Fallback
}

// Fallback is [messaging.telegram.fallback]: other ways for codes and direct messages where a bot fails, over MTProto. First the bot
// itself signs in there, then Session is used, if there is one.
type Fallback struct {
	// Enabled is "enabled". Default false: Telegram may limit or close an account that writes to people who do not know it.
	Enabled bool

	// PerDay is "per_day", how many messages the account of Session sends in a day (UTC) at most. Default 50, 1 to 1000: accounts
	// were limited after about 50 messages to strangers. The bot over MTProto has no such limit.
	PerDay int
}

// Domain is [domains.ID], a tenant as in MeshCentral.
type Domain struct {
	// ID is the name of the table in lower case: up to 64 letters, digits, "-", "_" and ".". Empty for the default domain.
	ID string

	// Title is "title", what people see in messages, 1 to 64 characters. Default the id; "telegate" for the default domain.
	Title string

	// Language is "language", the code of the language (language.Codes) to speak to people whose own is not known. Default en.
	// MeshCentral has no such key: it goes by the browser.
	Language string

	// Texts are the tables "texts.LANGUAGE": texts of the operator's own by language and key, each of which has passed language.Check.
	Texts map[string]map[string]string

	// Msg2Factor is "passwordRequirements.msg2factor": whether Telegram may be a second factor. Default true; only the literal false
	// turns it off, and anything but true and false is a fault.
	Msg2Factor bool

	// Telegram is the domain's own bot, or the shared one where it has none.
	Telegram Telegram
}

// API is [api].
type API struct {
	// Listen is "listen": host:port, or unix:/absolute/path of at most 103 bytes (the least that any system's sun_path holds). Default
	// 127.0.0.1:8080. Port 0 is any free port. An address other machines can reach needs TLSCert and TLSKey; a host name other than
	// localhost, an empty host and 0.0.0.0 count as such.
	Listen string

	// TLSCert and TLSKey are "tls_cert" and "tls_key", the PEM files of a certificate chain and its key; both or none. Relative paths
	// start at the folder of the configuration. They must load when the configuration does.
	TLSCert, TLSKey string

	// Keys are the tables [[api.keys]], one per caller. With none, nobody can call the gateway.
	Keys []Key
}

// Key is [[api.keys]]: one caller and what it may do. "telegate key create" prints the table.
type Key struct {
	// Name is "name", 1 to 64 characters, unique. It stands in logs.
	Name string

	// Hash is "hash": "sha256:" and the SHA-256 of the key in 64 lower-case hexadecimal digits, as HashAPIKey makes it; unique.
	Hash string

	// Domains is "domains": the ids the key may act for, each of them configured, or "*" for all. At least one.
	Domains []string

	// Scopes is "scopes": any of link, verify, send and admin. At least one.
	Scopes []string

	// User and UserDomain are "user" and "user_domain": the account of the administrator who has the key, 1 to 256 characters, and the
	// configured domain it is in, by default "". Once that user has linked Telegram, signing in to the console with the key needs a code
	// as well. Only with the scope admin; empty: no account.
	User, UserDomain string
}

// Database is [database].
type Database struct {
	// Path is "path", the SQLite file. Default telegate.db. A relative path starts at the folder of the configuration.
	Path string

	// KeyFile is Path + ".key", the keys that seal what is secret in the database. It cannot be set.
	KeyFile string
}

// Limits is [limits]: how fast messages leave, and the shape of sign-in codes. The defaults for sending are the limits Telegram publishes
// at https://core.telegram.org/bots/faq#broadcasting-to-users; telegate lowers its pace by itself when Telegram answers 429.
type Limits struct {
	// BotPerSecond is "bot_per_second", messages of one bot to all its chats. Default 30; 1 to 1000, Telegram's paid ceiling.
	BotPerSecond float64

	// ChatPerSecond is "chat_per_second", messages to one private chat. Default 1; 0.1 to 10.
	ChatPerSecond float64

	// GroupPerMinute is "group_per_minute", messages to one group. Default 20; 1 to 60.
	GroupPerMinute float64

	// UserPerDay is "user_per_day", messages of all kinds that a user session sends in a day (UTC) where it stands in for a bot. Default
	// 200; 1 to 5000; a quarter is kept from broadcasts. Telegram publishes no limit for persons.
	UserPerDay int

	// UserBroadcastsPerMinute is "user_broadcasts_per_minute", messages of broadcasts through such a session. Default 6; 1 to 60.
	UserBroadcastsPerMinute float64

	// CodeDigits is "code_digits", the length of a sign-in code. Default 6; 6 to 8. NIST SP 800-63B-4 §3.1.3.2 asks for at least 6.
	CodeDigits int

	// CodeTTL is "code_ttl", how long a sign-in code is good for: a string such as "5m", or an integer of seconds. Default 5 minutes; 30 seconds
	// to 10 minutes, the cap of NIST SP 800-63B-4 §3.1.3.2.
	CodeTTL time.Duration
}

// Retention is [retention]: how many days things are kept after they have lost their use.
type Retention struct {
	// MessagesDays is "messages_days", of messages that have ended, with their attempts, and of refused ones in the audit. Default 30; 1
	// to 3650.
	MessagesDays int

	// UpdatesDays is "updates_days", of the ids of updates that were handled. Default 7; 2 to 365, since Telegram offers an update for a
	// day.
	UpdatesDays int

	// AuditDays is "audit_days", of the audit, which the login report is read from, and of ended broadcasts. Default 400; 1 to 3650.
	AuditDays int
}

// Log is [log].
type Log struct {
	// Level is "level": debug, info, warn or error. Default info.
	Level slog.Level

	// Format is "format": text or json. Default text.
	Format string
}

// The defaults of everything the file may leave out.
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
