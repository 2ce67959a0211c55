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

// lower logs one level down: what is news inside the library is detail to telegate. The library's own details fall below
// every level that can be configured, which matters because some of them show what was sent.
type lower struct{ slog.Handler }

func (h lower) Enabled(ctx context.Context, level slog.Level) bool {
	return level > slog.LevelDebug && h.Handler.Enabled(ctx, level-levelStep)
}

func (h lower) Handle(ctx context.Context, r slog.Record) error {
	r.Level -= levelStep
	return h.Handler.Handle(ctx, r)
}

func (h lower) WithAttrs(attrs []slog.Attr) slog.Handler { return lower{h.Handler.WithAttrs(attrs)} }

func (h lower) WithGroup(name string) slog.Handler { return lower{h.Handler.WithGroup(name)} }

// ear is the library's logger. It passes on what is above debug, and listens for one thing that the library tells nobody
// else: that Telegram asks for quiet at the first call of a connection. The library answers that with more calls, for 30 s
// (demand F1).
type ear struct {
	log.Logger
	flood func(err error)
}

func (e ear) Enabled(context.Context, log.Level) bool { return true }

func (e ear) Log(ctx context.Context, level log.Level, message string, attrs ...log.Attr) {
	if level > log.LevelDebug {
		if e.Logger.Enabled(ctx, level) {
			e.Logger.Log(ctx, level, message, attrs...)
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
		// A wait of a moment is left to the library: Telegram asks for 0 s where connections come close together.
		if wait, ok := tgerr.AsFloodWait(a.Value.Error()); ok && wait > codePatience {
			e.flood(a.Value.Error())
		}
	}
}
