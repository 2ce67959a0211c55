package linking_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/internal/servicetest"
	"telegate/linking"
)

const (
	botID    = 7001
	otherBot = 7002
)

// The people: each has a private chat with the bot.
var (
	alice   = linking.Chat{BotID: botID, ID: 5001, Type: "private", Username: "alice_tg", FirstName: "Alice", LastName: "Liddell", Language: "en"}
	bob     = linking.Chat{BotID: botID, ID: 5002, Type: "private", Username: "bob_tg", FirstName: "Bob", Language: "en-gb"}
	mallory = linking.Chat{BotID: botID, ID: 5666, Type: "private", FirstName: "Mallory"}
)

// world is linking with a real database and what the people see in their chats.
type world struct {
	*servicetest.World
	domains *domains
	links   *linking.Service
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{
		World: servicetest.New(t),
		domains: &domains{
			titles: map[string]string{"": "My Server", "corp": "Corp"},
			bots:   map[string]string{"": "MyBot", "corp": "CorpBot"},
			ids:    map[string]int64{"": botID, "corp": otherBot},
		},
	}
	w.links = w.service(w.DB)
	return w
}

func (w *world) service(store linking.Store) *linking.Service {
	return linking.New(store, w.domains, w.DB.MACKey("confirm code"), w.Clock.Now, w.Logger)
}

// start begins a link by bot and answers it with its token.
func (w *world) start(r linking.StartRequest) (linking.Link, string) {
	w.T.Helper()
	s, err := w.links.Start(w.T.Context(), r)
	w.NoError("start", err)
	token := strings.TrimPrefix(s.Command, "/start ")
	w.Keep(token)
	return s.Link, token
}

func (w *world) claim(chat linking.Chat, token string) {
	w.T.Helper()
	w.NoError("claim", w.links.Claim(w.T.Context(), chat, token))
}

func (w *world) accept(chat linking.Chat, l linking.Link) {
	w.T.Helper()
	w.NoError("accept", w.links.Accept(w.T.Context(), chat.BotID, chat.ID, l.ID))
}

// link goes the whole way by bot.
func (w *world) link(domain, user string, chat linking.Chat) linking.Link {
	w.T.Helper()
	l, token := w.start(linking.StartRequest{Domain: domain, User: user})
	w.claim(chat, token)
	w.accept(chat, l)
	w.wantConfirm(l, w.code(chat), "", linking.ResultVerified, 4)
	return w.get(l)
}

func (w *world) get(l linking.Link) linking.Link {
	w.T.Helper()
	now, err := w.links.Get(w.T.Context(), l.ID)
	w.NoError("get", err)
	return now
}

func (w *world) wantConfirm(l linking.Link, code, binding string, want linking.Result, remaining int) {
	w.T.Helper()
	c, err := w.links.Confirm(w.T.Context(), l.ID, code, binding)
	w.NoError("confirm", err)
	if c.Result != want || c.AttemptsRemaining != remaining {
		w.T.Errorf("confirm: %s with %d attempts left, want %s with %d", c.Result, c.AttemptsRemaining, want, remaining)
	}
}

func (w *world) wantStatus(l linking.Link, status linking.Status, reason string) {
	w.T.Helper()
	if now := w.get(l); now.Status != status || now.Reason != reason {
		w.T.Errorf("link of %s is %s %q, want %s %q", l.User, now.Status, now.Reason, status, reason)
	}
}

// wantCurrent checks which chat a user is linked to; the zero chat: to none.
func (w *world) wantCurrent(domain, user string, chat linking.Chat) {
	w.T.Helper()
	l, err := w.links.Current(w.T.Context(), domain, user)
	switch {
	case errors.Is(err, linking.ErrNotFound) && chat.ID == 0:
	case err != nil || l.ChatID != chat.ID || l.BotID != chat.BotID:
		w.T.Errorf("%s has chat %d (%v), want %d", user, l.ChatID, err, chat.ID)
	}
}

// chat lists the queued messages to a chat, oldest first.
func (w *world) chat(chat linking.Chat) []delivery.Message {
	w.T.Helper()
	return w.Queued(chat.BotID, chat.ID)
}

// last is the newest message to a chat.
func (w *world) last(chat linking.Chat) delivery.Message {
	w.T.Helper()
	list := w.chat(chat)
	if len(list) == 0 {
		w.T.Fatalf("nothing was written to %s", chat.FirstName)
	}
	return list[len(list)-1]
}

// wantLast checks how the newest message to a chat begins, and its buttons by what they send back.
func (w *world) wantLast(chat linking.Chat, beginning string, callbacks ...string) {
	w.T.Helper()
	part := w.last(chat).Body.Parts[0]
	if !strings.HasPrefix(part.Text.Text, beginning) {
		w.T.Errorf("%s reads %q, want %q …", chat.FirstName, part.Text.Text, beginning)
	}
	var got []string
	for _, row := range part.Buttons {
		for _, b := range row {
			if b.Callback != "" {
				got = append(got, b.Callback)
			}
		}
	}
	if strings.Join(got, " ") != strings.Join(callbacks, " ") {
		w.T.Errorf("%s has the buttons %q, want %q", chat.FirstName, got, callbacks)
	}
}

// code reads the code at the beginning of the newest message to a chat.
func (w *world) code(chat linking.Chat) string {
	w.T.Helper()
	code := servicetest.FirstCode(w.T, w.last(chat).Body)
	w.Keep(code)
	return code
}

// trail lists the audit of a user, as "event outcome".
func (w *world) trail(domain, user string) []string {
	w.T.Helper()
	var list []string
	for _, e := range w.Audit(domain, user) {
		list = append(list, strings.TrimSpace(string(e.Event)+" "+e.Outcome))
	}
	return list
}

func (w *world) count(domain, user string, event audit.Event) int {
	n := 0
	for _, line := range w.trail(domain, user) {
		if strings.HasPrefix(line, string(event)) {
			n++
		}
	}
	return n
}

// wantRate checks that an error is a limit.
func wantRate(t *testing.T, err error, scope string, after time.Duration) {
	t.Helper()
	var rate *linking.RateError
	if !errors.As(err, &rate) || rate.Scope != scope || rate.Limit != 5 || rate.RetryAfter != after {
		t.Errorf("%#v, want a limit of 5 of the %s for another %v", err, scope, after)
	}
}

// domains are the configured domains of a test.
type domains struct {
	servicetest.Languages
	titles map[string]string
	bots   map[string]string // usernames
	ids    map[string]int64
	lookUp func(username string) (bool, error) // asks Telegram who has a username; nil: somebody has it
	strict bool                                // require_authenticated_at
}

func (d *domains) ResolveUsername(_ context.Context, _ int64, username string) (bool, error) {
	if d.lookUp == nil {
		return true, nil
	}
	return d.lookUp(username)
}

func (d *domains) Title(domain string) (string, bool) {
	title, ok := d.titles[domain]
	return title, ok
}

func (d *domains) RequiresAuthentication(string) bool { return d.strict }

func (d *domains) Bot(domain string) (int64, string) { return d.ids[domain], d.bots[domain] }
