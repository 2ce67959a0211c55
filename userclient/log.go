//go:build !nomtproto

package userclient

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/gotd/log"
	"github.com/gotd/td/mt"
	"github.com/gotd/td/proto"
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

// The library's messages that are the only sign of something. They are the text in its code.
const (
	logRetryInit = "Retrying connection initialization" // a flood wait at the first call of a connection, which the library repeats for 30 s
	logRejected  = "Ignoring rejected message"          // the library refuses a message of Telegram, perhaps because of the clock
	logHandle    = "Handle message"                     // a message of Telegram; its id is Telegram's time
)

// badMessage is the type of Telegram's refusal of a message (bad_msg_notification), as the library logs it.
var badMessage = fmt.Sprintf("0x%x", mt.BadMsgNotificationTypeID)

// listeningLogger is the library's logger. It passes on messages above debug, tells clock the time of Telegram's messages, and reports
// a flood wait of the first call (onFlood) and a local clock that has just been corrected (onClock).
type listeningLogger struct {
	log.Logger
	clock   *serverClock
	onFlood func(err error)
	onClock func()
}

func (l listeningLogger) Enabled(context.Context, log.Level) bool { return true }

func (l listeningLogger) Log(ctx context.Context, level log.Level, message string, attrs ...log.Attr) {
	if level > log.LevelDebug && l.Logger.Enabled(ctx, level) {
		l.Logger.Log(ctx, level, message, attrs...)
	}
	switch message {
	case logRetryInit:
		// The library handles short waits: Telegram asks for 0 s if connections come close together.
		if wait, ok := tgerr.AsFloodWait(errorIn(attrs)); ok && wait > maxCodeWait {
			l.onFlood(errorIn(attrs))
		}
	case logRejected:
		if l.clock.correctAfterRejection(errorIn(attrs)) {
			l.onClock()
		}
	case logHandle:
		if l.clock.hear(messageIn(attrs)) {
			l.onClock()
		}
	}
}

// errorIn is the error of a log record; nil without one.
func errorIn(attrs []log.Attr) error {
	for _, a := range attrs {
		if a.Value.Kind() == log.KindError {
			return a.Value.Error()
		}
	}
	return nil
}

// messageIn is the message of Telegram in a log record: its id, and whether it refuses a message of the client.
func messageIn(attrs []log.Attr) (id proto.MessageID, refusal bool) {
	for _, a := range attrs {
		switch {
		case a.Key == "msg_id":
			id = proto.MessageID(a.Value.Int64())
		case a.Value.Kind() == log.KindGroup:
			_, inner := messageIn(a.Value.Group())
			refusal = refusal || inner
		case a.Key == "type_id":
			refusal = a.Value.String() == badMessage
		}
	}
	return id, refusal
}
