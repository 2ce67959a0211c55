package logging

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"telegate/config"
)

// Text from outside cannot add lines to the log or control the terminal of its reader (OWASP ASVS 16.4.1).
func TestLogLinesCannotBeForged(t *testing.T) {
	const typed = "alice\r\ntime=2026-01-01 level=ERROR msg=forged\x1b[2J\u2028{\"level\":\"ERROR\"}\x00"
	for _, format := range []string{"text", "json"} {
		var out bytes.Buffer
		cfg := &config.Config{}
		cfg.Log.Format = format
		log := New(&out, cfg)
		log.With("user", typed).Info(typed, "domain", typed, "error", typedError(typed))
		line, rest, _ := strings.Cut(out.String(), "\n")
		if rest != "" || strings.ContainsAny(line, "\r\x1b\x00\u2028") {
			t.Errorf("%s: %q", format, out.String())
		}
		var parsed map[string]any
		if format == "json" && (json.Unmarshal([]byte(line), &parsed) != nil || parsed["user"] != typed || parsed["level"] != "INFO") {
			t.Errorf("json: %s", line)
		}
	}
}

type typedError string

func (e typedError) Error() string { return string(e) }

// After Reconfigure a log has the new level, and hides the new secrets and the old ones.
func TestReconfigureChangesLevelAndSecrets(t *testing.T) {
	var out bytes.Buffer
	cfg := &config.Config{}
	cfg.Messaging.Telegram.BotToken = "the-old-token"
	log := New(&out, cfg)
	child := log.With("bot", 1)
	child.Debug("before")
	next := &config.Config{}
	next.Log.Level, next.Messaging.Telegram.BotToken = slog.LevelDebug, "the-new-token"
	Reconfigure(log, next)
	child.Debug("after", "error", errors.New("the-old-token and the-new-token"))
	if got := out.String(); strings.Contains(got, "before") || !strings.Contains(got, "msg=after bot=1 error=\"[secret] and [secret]\"") {
		t.Errorf("%s", got)
	}
}
