package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"telegate/config"
)

// newLogger makes the log of a configuration. Nothing that is written to it shows a secret of the configuration, even
// if some error has carried one this far (F28).
func newLogger(w io.Writer, cfg *config.Config) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.Log.Level}
	var h slog.Handler = slog.NewTextHandler(w, options)
	if cfg.Log.Format == "json" {
		h = slog.NewJSONHandler(w, options)
	}
	var pairs []string
	for _, s := range secretsOf(cfg) {
		if s != "" {
			pairs = append(pairs, s.Reveal(), "[secret]")
		}
	}
	return slog.New(scrubbing{h, strings.NewReplacer(pairs...)})
}

func secretsOf(cfg *config.Config) []config.Secret {
	shared := cfg.Messaging.Telegram
	secrets := []config.Secret{shared.BotToken, shared.APIHash, shared.Session, shared.Proxy, shared.MTProxy.Secret}
	for _, d := range cfg.Domains {
		secrets = append(secrets, d.Telegram.BotToken, d.Telegram.Proxy, d.Telegram.MTProxy.Secret)
	}
	return secrets
}

// scrubbing takes secrets out of whatever is logged.
type scrubbing struct {
	slog.Handler
	secrets *strings.Replacer
}

// Handle implements slog.Handler.
func (h scrubbing) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, h.secrets.Replace(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(h.scrub(a))
		return true
	})
	return h.Handler.Handle(ctx, clean)
}

// WithAttrs implements slog.Handler.
func (h scrubbing) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = h.scrub(a)
	}
	return scrubbing{h.Handler.WithAttrs(clean), h.secrets}
}

// WithGroup implements slog.Handler.
func (h scrubbing) WithGroup(name string) slog.Handler {
	return scrubbing{h.Handler.WithGroup(name), h.secrets}
}

func (h scrubbing) scrub(a slog.Attr) slog.Attr {
	switch v := a.Value.Resolve(); v.Kind() {
	case slog.KindString:
		return slog.String(a.Key, h.secrets.Replace(v.String()))
	case slog.KindAny:
		return slog.String(a.Key, h.secrets.Replace(fmt.Sprint(v.Any())))
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
