package config

import (
	"log/slog"
	"strings"
	"time"
)

// database reads [database].
func (t *table) database() Database {
	database := t.table("database")
	defer database.close()
	file, ok := database.string("path")
	switch {
	case !ok:
		file = defaultDatabase
	case strings.HasPrefix(file, ":memory:") || strings.HasPrefix(file, "file:") || strings.ContainsRune(file, 0):
		database.fault("path", "must be the path of a file: the gateway must store accepted messages on disk")
	}
	file = t.p.absolute(file)
	return Database{Path: file, KeyFile: file + ".key"}
}

// limits reads [limits].
func (t *table) limits() Limits {
	limits := t.table("limits")
	defer limits.close()
	return Limits{
		BotPerSecond:   limits.number("bot_per_second", defaultBotPerSecond, 1, 1000, "messages a second"),
		ChatPerSecond:  limits.number("chat_per_second", defaultChatPerSecond, 0.1, 10, "messages a second"),
		GroupPerMinute: limits.number("group_per_minute", defaultGroupPerMinute, 1, 60, "messages a minute"),
		CodeDigits:     limits.codeDigits(),
		CodeTTL:        limits.codeTTL(),
		UserPerDay:     int(limits.integer("user_per_day", defaultUserPerDay, 1, 5000)),

		UserBroadcastsPerMinute: limits.number("user_broadcasts_per_minute", defaultUserBroadcasts, 1, 60, "messages a minute"),
	}
}

func (t *table) codeDigits() int {
	digits, ok := value[int64](t, "code_digits", "an integer")
	switch {
	case !ok:
		return defaultCodeDigits
	case digits < 6:
		t.fault("code_digits", "must be from 6 to 8: NIST SP 800-63B-4 §3.1.3.2 asks for at least 6 digits")
	case digits > 8:
		t.fault("code_digits", "must be from 6 to 8")
	}
	return int(digits)
}

func (t *table) codeTTL() time.Duration {
	ttl := t.duration("code_ttl", defaultCodeTTL)
	switch {
	case ttl < 30*time.Second:
		t.fault("code_ttl", "must be from 30s to 10m: less is too short to read and type a code")
	case ttl > 10*time.Minute:
		t.fault("code_ttl", "must be from 30s to 10m: NIST SP 800-63B-4 §3.1.3.2 ends a code after 10 minutes")
	case ttl%time.Second != 0:
		t.fault("code_ttl", "must be whole seconds")
	}
	return ttl
}

// retention reads [retention].
func (t *table) retention() Retention {
	retention := t.table("retention")
	defer retention.close()
	return Retention{
		MessagesDays: int(retention.integer("messages_days", defaultMessagesDays, 1, 3650)),
		UpdatesDays:  int(retention.integer("updates_days", defaultUpdatesDays, 2, 365)),
		AuditDays:    int(retention.integer("audit_days", defaultAuditDays, 1, 3650)),
	}
}

// log reads [log].
func (t *table) log() Log {
	log := t.table("log")
	defer log.close()
	levels := map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	}
	return Log{
		Level:  levels[log.choice("level", "info", "debug", "info", "warn", "error")],
		Format: log.choice("format", defaultLogFormat, "text", "json"),
	}
}
