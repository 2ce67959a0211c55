//go:build !nomtproto

package userclient

import (
	"context"
	"log/slog"

	"github.com/gotd/log"
	"github.com/gotd/td/tgerr"
)

// levelStep is the distance between two levels of slog.
const levelStep = slog.LevelInfo - slog.LevelDebug

// debugHandler logs the library's messages one level lower. Its debug messages are below every level that can be configured:
// they must not be logged, because some of them contain what was sent.
type debugHandler struct{ slog.Handler }

func (h debugHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level > slog.LevelDebug && h.Handler.Enabled(ctx, level-levelStep)
}

func (h debugHandler) Handle(ctx context.Context, r slog.Record) error {
	r.Level -= levelStep
	return h.Handler.Handle(ctx, r)
}

func (h debugHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return debugHandler{h.Handler.WithAttrs(attrs)}
}

func (h debugHandler) WithGroup(name string) slog.Handler {
	return debugHandler{h.Handler.WithGroup(name)}
}

// listeningLogger is the library's logger. It passes on messages above debug. Two messages are the only sign of a problem, and
// it reports them: a flood wait at the first call of a connection, which the library repeats for 30 s, to onFlood; and a message of
// Telegram that the library refuses, perhaps because of the clock, to onRefused.
type listeningLogger struct {
	log.Logger
	onFlood   func(err error)
	onRefused func(err error)
}

func (l listeningLogger) Enabled(context.Context, log.Level) bool { return true }

func (l listeningLogger) Log(ctx context.Context, level log.Level, message string, attrs ...log.Attr) {
	if level > log.LevelDebug && l.Logger.Enabled(ctx, level) {
		l.Logger.Log(ctx, level, message, attrs...)
	}
	for _, a := range attrs {
		if a.Value.Kind() != log.KindError {
			continue
		}
		switch err := a.Value.Error(); message {
		case "Retrying connection initialization":
			// The library handles short waits: Telegram asks for 0 s if connections come close together.
			if wait, ok := tgerr.AsFloodWait(err); ok && wait > maxCodeWait {
				l.onFlood(err)
			}
		case "Ignoring rejected message":
			l.onRefused(err)
		}
	}
}
