package userclient

import (
	"context"
	"log/slog"
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
