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

// floodLogger is the library's logger. It passes on messages above debug. One debug message is the only sign of a flood wait
// at the first call of a connection, which the library repeats for 30 s: floodLogger reports it to onFlood.
type floodLogger struct {
	log.Logger
	onFlood func(err error)
}

func (l floodLogger) Enabled(context.Context, log.Level) bool { return true }

func (l floodLogger) Log(ctx context.Context, level log.Level, message string, attrs ...log.Attr) {
	if level > log.LevelDebug {
		if l.Logger.Enabled(ctx, level) {
			l.Logger.Log(ctx, level, message, attrs...)
		}
		return
	}
	if message != "Retrying connection initialization" {
		return
	}
	for _, a := range attrs {
		if a.Value.Kind() != log.KindError {
			continue
		}
		// The library handles short waits: Telegram asks for 0 s if connections come close together.
		if wait, ok := tgerr.AsFloodWait(a.Value.Error()); ok && wait > maxCodeWait {
			l.onFlood(a.Value.Error())
		}
	}
}
