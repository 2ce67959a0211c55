package notify_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"telegate/db"
	"telegate/db/dbtest"
	"telegate/delivery"
	"telegate/language"
	"telegate/linking"
	"telegate/notify"
)

const (
	botID    = 7001
	otherBot = 7002
)

// The people: each has a private chat with the bot.
var (
	alice   = linking.Chat{BotID: botID, ID: 5001, Type: "private", Username: "alice_tg", FirstName: "Alice"}
	bob     = linking.Chat{BotID: botID, ID: 5002, Type: "private", Username: "bob_tg", FirstName: "Bob"}
	mallory = linking.Chat{BotID: botID, ID: 5666, Type: "private", FirstName: "Mallory"}
	group   = linking.Chat{BotID: botID, ID: -100500, Type: "supergroup", FirstName: "Admins"}
)

// world is the acceptance of messages with a real database and real links.
type world struct {
	t        *testing.T
	clock    *dbtest.Clock
	db       *db.DB
	domains  *domains
	outbox   inFlight
	links    *linking.Service
	messages *notify.Service
	log      bytes.Buffer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, clock: dbtest.NewClock(), outbox: inFlight{},
		domains: &domains{
			titles: map[string]string{"": "My Server", "corp": "Corp"},
			bots:   map[string]int64{"": botID, "corp": botID}, // two domains may share a bot
			off:    map[string]bool{},
		},
	}
	logger := slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.db = dbtest.Open(t, w.clock.Now)
	w.links = linking.New(w.db, w.domains, w.db.MACKey("confirm code"), w.clock.Now, logger)
	w.messages = notify.New(w.db, w.domains, w.outbox, w.clock.Now, logger)
	return w
}

// met makes the bot know chats: their people have pressed Start.
func (w *world) met(chats ...linking.Chat) {
	w.t.Helper()
	for _, c := range chats {
		w.noError("met", w.links.ChatStarted(w.t.Context(), c))
	}
}

// link links a user by bot.
func (w *world) link(domain, user string, chat linking.Chat) {
	w.t.Helper()
	started, err := w.links.Start(w.t.Context(), linking.StartRequest{Domain: domain, User: user})
	w.noError("start link", err)
	w.noError("claim", w.links.Claim(w.t.Context(), chat, strings.TrimPrefix(started.Command, "/start ")))
	w.noError("accept", w.links.Accept(w.t.Context(), chat.BotID, chat.ID, started.Link.ID))
	list := w.waiting(chat)
	text := list[len(list)-1].Body.Parts[0].Text.Text
	c, err := w.links.Confirm(w.t.Context(), started.Link.ID, text[:linking.ConfirmDigits], "")
	w.noError("confirm", err)
	if c.Result != linking.ResultVerified {
		w.t.Fatalf("link of %s: %s, want verified", user, c.Result)
	}
}

func (w *world) send(r notify.Request) notify.Accepted {
	w.t.Helper()
	a, err := w.messages.Send(w.t.Context(), r)
	w.noError("send", err)
	return a
}

// wantRefused checks that a message is refused and leaves nothing behind.
func (w *world) wantRefused(what string, r notify.Request, want error) {
	w.t.Helper()
	before := w.queued()
	if a, err := w.messages.Send(w.t.Context(), r); !errors.Is(err, want) || a.Message.ID != "" {
		w.t.Errorf("%s: %v, want %v", what, err, want)
	}
	if n := w.queued() - before; n != 0 {
		w.t.Errorf("%s: %d messages were queued", what, n)
	}
}

// wantInvalid checks that a message is refused because of one member.
func (w *world) wantInvalid(what string, r notify.Request, field string) {
	w.t.Helper()
	before := w.queued()
	_, err := w.messages.Send(w.t.Context(), r)
	var invalid *notify.InvalidError
	if !errors.As(err, &invalid) || invalid.Field != field || invalid.Detail == "" {
		w.t.Errorf("%s: %v, want the %s refused", what, err, field)
	}
	if n := w.queued() - before; n != 0 {
		w.t.Errorf("%s: %d messages were queued", what, n)
	}
}

func (w *world) queued() int {
	w.t.Helper()
	list, err := w.db.Waiting(w.t.Context(), 0, 10_000)
	w.noError("list messages", err)
	return len(list)
}

// waiting lists what is on its way to a chat, oldest first.
func (w *world) waiting(chat linking.Chat) []delivery.Message {
	w.t.Helper()
	queued, err := w.db.Waiting(w.t.Context(), 0, 10_000)
	w.noError("list messages", err)
	var list []delivery.Message
	for _, q := range queued {
		if q.ChatID == chat.ID && q.BotID == chat.BotID {
			list = append(list, w.load(q.ID))
		}
	}
	return list
}

func (w *world) load(id string) delivery.Message {
	w.t.Helper()
	m, err := w.db.Load(w.t.Context(), id)
	w.noError("load message", err)
	return m
}

func (w *world) noError(what string, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("%s: %v", what, err)
	}
}

// wantRate checks that an error is a limit on codes.
func wantRate(t *testing.T, err error, limit int, after time.Duration) {
	t.Helper()
	var rate *notify.RateError
	if !errors.As(err, &rate) || rate.Limit != limit || rate.RetryAfter != after {
		t.Errorf("%#v, want a limit of %d for another %v", err, limit, after)
	}
}

// domains are the configured domains of a test.
type domains struct {
	titles map[string]string
	bots   map[string]int64
	off    map[string]bool // msg2factor = false
}

// ResolveUsername implements notify.Domains: these domains have bots.
func (d *domains) ResolveUsername(context.Context, int64, string) (bool, error) { return true, nil }

func (d *domains) Title(domain string) (string, bool) {
	title, ok := d.titles[domain]
	return title, ok
}

// Words implements linking.Domains: in the language that is asked for.
func (d *domains) Words(_, call, person string) *language.Words {
	return catalogues[language.Pick(call, person, "")]()
}

func (d *domains) BotWords(_ int64, person string) *language.Words { return d.Words("", "", person) }

var catalogues = language.New()

func (d *domains) Bot(domain string) (int64, string) { return d.bots[domain], "SomeBot" }
func (d *domains) Msg2Factor(domain string) bool     { return !d.off[domain] }

// inFlight is what a transport has right now.
type inFlight map[string]bool

func (f inFlight) InFlight(id string) bool { return f[id] }
