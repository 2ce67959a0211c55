// Package logging makes the log: slog without secrets.
package logging

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"

	"telegate/config"
	"telegate/delivery"
)

// New makes the log of a configuration. The log replaces the secrets of the configuration, also inside errors.
func New(w io.Writer, cfg *config.Config) *slog.Logger {
	c := &settings{}
	c.set(cfg)
	options := &slog.HandlerOptions{Level: &c.level}
	var h slog.Handler = slog.NewTextHandler(w, options)
	if cfg.Log.Format == "json" {
		h = slog.NewJSONHandler(w, options)
	}
	return slog.New(scrubHandler{h, c})
}

// Reconfigure changes the configuration of a log made by New, and of every log made from it. The old secrets stay hidden.
func Reconfigure(log *slog.Logger, cfg *config.Config) {
	if h, ok := log.Handler().(scrubHandler); ok {
		h.settings.set(cfg)
	}
}

// settings are the settings that can change while the log is in use.
type settings struct {
	level   slog.LevelVar
	secrets atomic.Pointer[strings.Replacer]

	pairs []string // only for set, which one goroutine at a time may call
}

func (c *settings) set(cfg *config.Config) {
	c.level.Set(cfg.Log.Level)
	for _, s := range SecretsOf(cfg) {
		if s != "" && !slices.Contains(c.pairs, s.Reveal()) {
			c.pairs = append(c.pairs, s.Reveal(), "[secret]")
		}
	}
	c.secrets.Store(strings.NewReplacer(c.pairs...))
}

// SecretsOf are all secrets of a configuration.
func SecretsOf(cfg *config.Config) []config.Secret {
	shared := cfg.Messaging.Telegram
	secrets := []config.Secret{shared.BotToken, shared.APIHash, shared.Session, shared.Proxy, shared.MTProxy.Secret}
	for _, d := range cfg.Domains {
		secrets = append(secrets, d.Telegram.BotToken, d.Telegram.Proxy, d.Telegram.MTProxy.Secret)
	}
	return secrets
}

// scrubHandler removes secrets from log records and adds the request id.
type scrubHandler struct {
	slog.Handler
	settings *settings
}

func (h scrubHandler) replace(text string) string { return h.settings.secrets.Load().Replace(text) }

// Handle implements slog.Handler.
func (h scrubHandler) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, h.replace(r.Message), r.PC)
	request := delivery.Request(ctx)
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "request" {
			request = "" // the record already has it
		}
		clean.AddAttrs(h.scrub(a))
		return true
	})
	if request != "" {
		clean.AddAttrs(slog.String("request", request))
	}
	return h.Handler.Handle(ctx, clean)
}

// WithAttrs implements slog.Handler.
func (h scrubHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = h.scrub(a)
	}
	return scrubHandler{h.Handler.WithAttrs(clean), h.settings}
}

// WithGroup implements slog.Handler.
func (h scrubHandler) WithGroup(name string) slog.Handler {
	return scrubHandler{h.Handler.WithGroup(name), h.settings}
}

func (h scrubHandler) scrub(a slog.Attr) slog.Attr {
	switch v := a.Value.Resolve(); v.Kind() {
	case slog.KindString:
		return slog.String(a.Key, h.replace(v.String()))
	case slog.KindAny:
		return slog.String(a.Key, h.replace(fmt.Sprint(v.Any())))
	case slog.KindGroup:
		group := make([]slog.Attr, len(v.Group()))
		for i, member := range v.Group() {
			group[i] = h.scrub(member)
		}
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(group...)}
	default:
		return a
	}
}
