package notify_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"telegate/delivery"
	"telegate/internal/servicetest"
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
	*servicetest.World
	domains  *domains
	outbox   inFlight
	links    *linking.Service
	messages *notify.Service
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		World: servicetest.New(t), outbox: inFlight{},
		domains: &domains{
			titles: map[string]string{"": "My Server", "corp": "Corp"},
			bots:   map[string]int64{"": botID, "corp": botID}, // two domains may share a bot
			off:    map[string]bool{},
		},
	}
	w.links = linking.New(w.DB, w.domains, w.DB.MACKey("confirm code"), w.Clock.Now, w.Logger)
	w.messages = notify.New(w.DB, w.domains, w.outbox, w.Clock.Now, w.Logger)
	return w
}

// met makes the bot know chats: their people have pressed Start.
func (w *world) met(chats ...linking.Chat) {
	w.T.Helper()
	for _, c := range chats {
		w.NoError("met", w.links.ChatStarted(w.T.Context(), c))
	}
}

// link links a user by bot.
func (w *world) link(domain, user string, chat linking.Chat) {
	w.T.Helper()
	started, err := w.links.Start(w.T.Context(), linking.StartRequest{Domain: domain, User: user})
	w.NoError("start link", err)
	w.NoError("claim", w.links.Claim(w.T.Context(), chat, strings.TrimPrefix(started.Command, "/start ")))
	w.NoError("accept", w.links.Accept(w.T.Context(), chat.BotID, chat.ID, started.Link.ID))
	list := w.waiting(chat)
	text := list[len(list)-1].Body.Parts[0].Text.Text
	c, err := w.links.Confirm(w.T.Context(), started.Link.ID, text[:linking.ConfirmDigits], "")
	w.NoError("confirm", err)
	if c.Result != linking.ResultVerified {
		w.T.Fatalf("link of %s: %s, want verified", user, c.Result)
	}
}

func (w *world) send(r notify.Request) notify.Accepted {
	w.T.Helper()
	a, err := w.messages.Send(w.T.Context(), r)
	w.NoError("send", err)
	return a
}

// wantRefused checks that a message is refused and leaves nothing behind.
func (w *world) wantRefused(what string, r notify.Request, want error) {
	w.T.Helper()
	before := w.queued()
	if a, err := w.messages.Send(w.T.Context(), r); !errors.Is(err, want) || a.Message.ID != "" {
		w.T.Errorf("%s: %v, want %v", what, err, want)
	}
	if n := w.queued() - before; n != 0 {
		w.T.Errorf("%s: %d messages were queued", what, n)
	}
}

// wantInvalid checks that a message is refused because of one member.
func (w *world) wantInvalid(what string, r notify.Request, field string) {
	w.T.Helper()
	before := w.queued()
	_, err := w.messages.Send(w.T.Context(), r)
	var invalid *notify.InvalidError
	if !errors.As(err, &invalid) || invalid.Field != field || invalid.Detail == "" {
		w.T.Errorf("%s: %v, want the %s refused", what, err, field)
	}
	if n := w.queued() - before; n != 0 {
		w.T.Errorf("%s: %d messages were queued", what, n)
	}
}

func (w *world) queued() int {
	w.T.Helper()
	list, err := w.DB.Waiting(w.T.Context(), 0, 10_000)
	w.NoError("list messages", err)
	return len(list)
}

// waiting lists the queued messages to a chat, oldest first.
func (w *world) waiting(chat linking.Chat) []delivery.Message {
	w.T.Helper()
	return w.Queued(chat.BotID, chat.ID)
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
	servicetest.Languages
	titles map[string]string
	bots   map[string]int64
	off    map[string]bool // msg2factor = false
}

func (d *domains) Title(domain string) (string, bool) {
	title, ok := d.titles[domain]
	return title, ok
}

func (d *domains) Bot(domain string) (int64, string) { return d.bots[domain], "SomeBot" }
func (d *domains) Msg2Factor(domain string) bool     { return !d.off[domain] }

// inFlight is what a transport has right now.
type inFlight map[string]bool

func (f inFlight) InFlight(id string) bool { return f[id] }
