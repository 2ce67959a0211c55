// Package servicetest is what the tests of linking, twofa and notify share: a real database with a clock, a log that must
// hold no secret, and a view of the chats.
package servicetest

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"

	"telegate/db"
	"telegate/db/dbtest"
	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/language"
)

// World is what a service works with in a test.
type World struct {
	T      testing.TB
	Clock  *dbtest.Clock
	Path   string // of the database
	DB     *db.DB
	Log    *Log
	Logger *slog.Logger

	mu      sync.Mutex
	secrets []string // must not be in the log; guarded by mu
}

// New makes a world. When the test ends, it checks that no secret given to Keep is in the log (OWASP ASVS 16.2.5).
func New(t testing.TB) *World {
	t.Helper()
	w := &World{T: t, Clock: dbtest.NewClock(), Path: filepath.Join(t.TempDir(), "telegate.db"), Log: &Log{}}
	w.Logger = slog.New(slog.NewTextHandler(w.Log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.DB = dbtest.OpenAt(t, w.Path, w.Clock.Now, nil)
	t.Cleanup(func() {
		for _, s := range w.secrets {
			if strings.Contains(w.Log.String(), s) {
				t.Errorf("the log holds the secret %q:\n%s", s, w.Log)
			}
		}
	})
	return w
}

// Keep remembers secrets for the check of the log.
func (w *World) Keep(secrets ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.secrets = append(w.secrets, secrets...)
}

// NoError ends the test on an error.
func (w *World) NoError(what string, err error) {
	w.T.Helper()
	if err != nil {
		w.T.Fatalf("%s: %v", what, err)
	}
}

// Load reads a message.
func (w *World) Load(id string) delivery.Message {
	w.T.Helper()
	m, err := w.DB.Load(w.T.Context(), id)
	w.NoError("load message", err)
	return m
}

// Queued lists the queued messages to a chat, oldest first; botID 0: from any bot.
func (w *World) Queued(botID, chatID int64) []delivery.Message {
	w.T.Helper()
	queued, err := w.DB.Waiting(w.T.Context(), 0, 10_000)
	w.NoError("list messages", err)
	var list []delivery.Message
	for _, q := range queued {
		if q.ChatID == chatID && (botID == 0 || q.BotID == botID) {
			list = append(list, w.Load(q.ID))
		}
	}
	return list
}

// Audit lists the audit of a user, oldest first.
func (w *World) Audit(domain, user string) []audit.Entry {
	w.T.Helper()
	entries, err := w.DB.AuditTrail(w.T.Context(), domain, user, time.Time{})
	w.NoError("read audit", err)
	return entries
}

// FirstCode reads the code of a message. It must be the first entity and start the text.
func FirstCode(t testing.TB, b delivery.Body) string {
	t.Helper()
	if len(b.Parts) != 1 || len(b.Parts[0].Text.Entities) == 0 {
		t.Fatalf("message with a code has %d parts: %+v", len(b.Parts), b)
	}
	text, e := b.Parts[0].Text, b.Parts[0].Text.Entities[0]
	if e.Type != delivery.EntityCode || e.Offset != 0 {
		t.Fatalf("message does not begin with a code: %+v", text)
	}
	return string(utf16.Decode(utf16.Encode([]rune(text.Text))[:e.Length]))
}

// OtherCode differs from a code in the last digit.
func OtherCode(code string) string {
	last := code[len(code)-1]
	return code[:len(code)-1] + string('0'+(last-'0'+1)%10)
}

// Languages is the part of Domains that is the same in all tests: every username exists, no link needs a sign-in, and texts are
// in the language that is asked for.
type Languages struct{}

// ResolveUsername implements linking.Domains.
func (Languages) ResolveUsername(context.Context, int64, string) (bool, error) { return true, nil }

// RequiresAuthentication implements linking.Domains.
func (Languages) RequiresAuthentication(string) bool { return false }

// Words implements linking.Domains.
func (Languages) Words(_, call, person string) *language.Words {
	return Catalogues[language.Pick(call, person, "")]()
}

// BotWords implements linking.Domains.
func (l Languages) BotWords(_ int64, person string) *language.Words { return l.Words("", "", person) }

// Catalogues are the texts of all languages.
var Catalogues = language.New()

// Log is a log in memory, safe for concurrent use.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
