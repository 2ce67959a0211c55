package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"telegate/api"
	"telegate/config"
)

// Whatever somebody has typed, he cannot write lines of his own into the log, nor steer the terminal of whoever reads it
// (OWASP ASVS 16.4.1).
func TestLogLinesCannotBeForged(t *testing.T) {
	const typed = "alice\r\ntime=2026-01-01 level=ERROR msg=forged\x1b[2J\u2028{\"level\":\"ERROR\"}\x00"
	for _, format := range []string{"text", "json"} {
		var out bytes.Buffer
		cfg := &config.Config{}
		cfg.Log.Format = format
		log := newLogger(&out, cfg)
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

// A request is found again by one id: in its answer, in the message that it made, and in the log up to the attempts to send it.
func TestARequestIsFollowedFromTheCallToTheAttempts(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.connected()
	w.link("", "alice")
	const id = "meshcentral-4711.a_b"
	var sent api.AcceptedMessage
	w.want(http.StatusAccepted, "POST", "/v1/messages", api.SendMessage{User: "alice", Text: "hello"}, &sent, "X-Request-Id", id)
	w.message("alice", "hello", 0)
	w.eventually("the log names the send", func() bool {
		for line := range strings.Lines(w.log.String()) {
			if strings.Contains(line, "msg=sent") && strings.Contains(line, "message="+sent.ID) && strings.Contains(line, "request="+id) {
				return true
			}
		}
		return false
	})
	var m api.Message
	w.want(http.StatusOK, "GET", "/v1/messages/"+sent.ID, nil, &m)
	if m.Request != id {
		t.Errorf("the message says %q", m.Request)
	}

	var v api.Verification
	w.want(http.StatusCreated, "POST", "/v1/verifications", loginOf("alice", "s"), &v, "X-Request-Id", "code-4712")
	w.eventually("the log names the code's send", func() bool { return strings.Contains(w.log.String(), "request=code-4712 attempt=1") })

	for _, insane := range []string{"a b", strings.Repeat("x", 65), "a\tb", "ä", "a=b"} {
		w.want(http.StatusAccepted, "POST", "/v1/messages", api.SendMessage{User: "alice", Text: "hello"}, &sent, "X-Request-Id", insane)
		w.want(http.StatusOK, "GET", "/v1/messages/"+sent.ID, nil, &m)
		if !strings.HasPrefix(m.Request, "req_") {
			t.Errorf("%q was taken as %q", insane, m.Request)
		}
	}
	if _, err := w.telegram.Say(w.person("alice").ID, testBot, "/id"); err != nil { // what people say to the bot is a request too
		t.Fatal(err)
	}
	w.eventually("the log names the answer's send", func() bool { return strings.Contains(w.log.String(), "request=update-2000000002-") })
}

// A log that is told of another configuration goes by its level and hides its secrets, and those of before.
func TestALogGoesByAnotherConfiguration(t *testing.T) {
	var out bytes.Buffer
	cfg := &config.Config{}
	cfg.Messaging.Telegram.BotToken = "the-old-token"
	log := newLogger(&out, cfg)
	child := log.With("bot", 1)
	child.Debug("before")
	next := &config.Config{}
	next.Log.Level, next.Messaging.Telegram.BotToken = slog.LevelDebug, "the-new-token"
	reconfigureLogger(log, next)
	child.Debug("after", "error", errors.New("the-old-token and the-new-token"))
	if got := out.String(); strings.Contains(got, "before") || !strings.Contains(got, "msg=after bot=1 error=\"[secret] and [secret]\"") {
		t.Errorf("%s", got)
	}
}
