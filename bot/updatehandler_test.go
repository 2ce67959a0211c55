package bot_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-telegram/bot/models"

	"telegate/bot"
	"telegate/delivery"
	"telegate/language"
	"telegate/linking"
	"telegate/twofa"
)

// asked records the calls of the handler; calls that it must not make here are nil.
type asked struct {
	bot.Links
	what []string
}

func (a *asked) note(what, of string) error {
	a.what = append(a.what, what+" "+of)
	return nil
}

func (a *asked) Claim(_ context.Context, _ linking.Chat, token string) error {
	return a.note("claim", token)
}
func (a *asked) TokenStatus(context.Context, int64, string) (linking.Status, error) {
	return linking.Pending, nil
}

func (a *asked) Accept(_ context.Context, _, _ int64, id string) error { return a.note("accept", id) }
func (a *asked) NotMe(_ context.Context, _, _ int64, id string) error  { return a.note("not me", id) }
func (a *asked) UnlinkInChat(_ context.Context, _, _ int64, id string) error {
	return a.note("unlink", id)
}

type askedCodes struct {
	bot.Codes
	*asked
}

func (a askedCodes) NotMe(_ context.Context, _, _ int64, id string) error {
	return a.note("not my code", id)
}

type silent struct{ bot.Messages }

func (silent) Reply(context.Context, int64, int64, delivery.Lane, delivery.Body) error { return nil }

func (silent) SendWaiting(context.Context, int64, string) (bool, error) { return false, nil }

// world is an UpdateHandler whose services remember what they were asked to do.
type world struct {
	*asked
	t       *testing.T
	handler *bot.UpdateHandler
	now     time.Time
	status  linking.Status // of every start token
	links   []linking.Link // of every chat
	replies []delivery.Body
	ignored []string
	log     *logs
	update  int64
}

func (w *world) TokenStatus(context.Context, int64, string) (linking.Status, error) {
	return w.status, nil
}
func (w *world) LinksOfChat(context.Context, int64, int64) ([]linking.Link, error) {
	return w.links, nil
}
func (w *world) ChatStarted(context.Context, linking.Chat) error { return w.note("started", "") }
func (w *world) UpdateChat(context.Context, linking.Chat) error  { return nil }
func (w *world) SendWaiting(context.Context, int64, string) (bool, error) {
	return false, w.note("send waiting", "")
}
func (w *world) Reply(_ context.Context, _, _ int64, _ delivery.Lane, body delivery.Body) error {
	w.replies = append(w.replies, body)
	return nil
}
func (w *world) Mute(_ context.Context, _, _ int64, until time.Time) error {
	return w.note("mute", until.Sub(w.now).String())
}
func (w *world) MutedUntil(context.Context, int64, int64) (time.Time, error) {
	return time.Time{}, nil
}

func newWorld(t *testing.T) *world {
	telegram := roundTrip(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(`{"ok":true,"result":true}`))}, nil
	})
	w := &world{asked: &asked{}, t: t, now: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC), log: &logs{}}
	english := language.New()["en"]()
	w.handler = bot.NewUpdateHandler(bot.UpdateHandlerOptions{
		Client: newClient(t, telegram), Links: w, Codes: askedCodes{asked: w.asked}, Messages: w, Now: func() time.Time { return w.now },
		Words: func(string) *language.Words { return english }, Logger: w.log.logger(),
		Username: func() string { return "GateBot" }, OnIgnored: func(reason string) { w.ignored = append(w.ignored, reason) },
	})
	t.Cleanup(w.handler.Close)
	return w
}

// say hands the handler a text from a chat.
func (w *world) say(m models.Message) {
	w.t.Helper()
	w.update++
	if m.Date == 0 {
		m.Date = int(w.now.Unix())
	}
	if err := w.handler.Handle(w.t.Context(), &models.Update{ID: w.update, Message: &m}); err != nil {
		w.t.Fatal(err)
	}
}

func private(chat int64, text string) models.Message {
	return models.Message{From: &models.User{ID: chat}, Chat: models.Chat{ID: chat, Type: models.ChatTypePrivate}, Text: text}
}

func inGroup(chat int64, text string) models.Message {
	return models.Message{From: &models.User{ID: 77}, Chat: models.Chat{ID: chat, Type: models.ChatTypeSupergroup}, Text: text}
}

// claims counts the tokens that were claimed.
func (w *world) claims() int {
	n := 0
	for _, what := range w.what {
		if strings.HasPrefix(what, "claim ") {
			n++
		}
	}
	return n
}

func TestTheTokenOfAnOpenLinkIsAlwaysHandled(t *testing.T) {
	for name, flood := range map[string]func(w *world){
		"forty people in one moment": func(*world) {},
		"groups that flood": func(w *world) {
			for i := range int64(500) {
				w.say(inGroup(-100-i, "/id"))
			}
		},
		"strangers that flood": func(w *world) {
			w.status = ""
			for i := range int64(500) {
				w.say(private(10_000+i, "/start x"))
			}
			w.what = nil
		},
		"their own chatter before": func(w *world) {
			for i := range int64(40 * 10) {
				w.say(private(1+i%40, "hello?"))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			flood(w)
			w.status = linking.Pending
			for chat := range int64(40) {
				w.say(private(1+chat, "/start TOKEN"))
			}
			if n := w.claims(); n != 40 {
				t.Errorf("%d of 40 links were opened", n)
			}
		})
	}
}

func TestAnswersToUnknownTokensAreLimitedCountedAndLogged(t *testing.T) {
	w := newWorld(t)
	for range 100 {
		w.say(private(5, "/start guess"))
	}
	if n := w.claims(); n != 4 {
		t.Errorf("%d of 100 guesses of one chat were answered, want 4", n)
	}
	if len(w.ignored) != 96 || w.ignored[0] != bot.IgnoredRateLimited || !strings.Contains(w.log.String(), "updates not answered") {
		t.Errorf("%d ignored (%v), log %s", len(w.ignored), w.ignored[:1], w.log)
	}
	if n := strings.Count(strings.Join(w.what, "\n"), "send waiting"); n != 100 {
		t.Errorf("a waiting code was looked for %d times, want each time", n)
	}
}

func TestACommandEndsAtAnyWhiteSpace(t *testing.T) {
	w := newWorld(t)
	w.status = linking.Pending
	for _, text := range []string{"/start TOKEN", "/start\nTOKEN", "/start\u00a0TOKEN", "/start\tTOKEN", " /start  TOKEN\r\n", "\u200e/start TOKEN\u200b", "/START TOKEN", "/start@GateBot\nTOKEN",
		"/start TOKEN please", "/start TOKEN\nhttps://t.me/GateBot", "／ｓｔａｒｔ　TOKEN"} {
		w.what = nil
		if w.say(private(5, text)); len(w.what) == 0 || w.what[0] != "claim TOKEN" {
			t.Errorf("%q: %v", text, w.what)
		}
	}
	w.links = []linking.Link{{}}
	for text, want := range map[string]string{"/mute\t2h": "2h0m0s", "/mute\u00a030m": "30m0s", "/mute ٢h": "2h0m0s", "/mute １d": "24h0m0s", "/mute 1 h 30 m\u200e": "1h30m0s", "／ｍｕｔｅ　２ｈ": "2h0m0s"} {
		w.what = nil
		if w.say(private(5, text)); len(w.what) == 0 || w.what[0] != "mute "+want {
			t.Errorf("%q: %v", text, w.what)
		}
	}
}

func TestCommandsForAnotherBotAreSilenceInGroups(t *testing.T) {
	for text, want := range map[string]int{"/id": 1, "/id@GateBot": 1, "/id@gatebot": 1, "/id\nplease": 1, "/start@GateBot x": 1, "/id@OtherBot": 0, "/start@OtherBot x": 0, "/id@": 1, "id": 0, "/help": 0} {
		w := newWorld(t)
		if w.say(inGroup(-100, text)); len(w.replies) != want {
			t.Errorf("%q got %d answers, want %d", text, len(w.replies), want)
		}
	}
}

func TestAnonymousAdministratorsAndChannelsLearnTheIDOfTheChat(t *testing.T) {
	w := newWorld(t)
	for _, from := range []int64{1087968824, 136817688} { // @GroupAnonymousBot, @Channel_Bot
		m := inGroup(-100, "/id@GateBot")
		m.From, m.SenderChat = &models.User{ID: from, IsBot: true}, &models.Chat{ID: -100}
		if w.say(m); len(w.replies) != 1 || !strings.Contains(w.replies[0].Parts[0].Text.Text, "-100") {
			t.Errorf("%d got %v", from, w.replies)
		}
		w.replies = nil
	}
	m := inGroup(-100, "/id")
	m.From = &models.User{ID: 99, IsBot: true}
	if w.say(m); len(w.replies) != 0 {
		t.Error("another bot got an answer")
	}
}

func TestTheAnswerGoesIntoTheTopicOfTheCommand(t *testing.T) {
	w := newWorld(t)
	m := inGroup(-100, "/id")
	m.MessageThreadID, m.IsTopicMessage = 44, true
	w.say(m)
	m.MessageThreadID, m.IsTopicMessage = 45, false // a thread of replies, which is no topic
	w.say(m)
	if len(w.replies) != 2 || w.replies[0].Thread != 44 || w.replies[1].Thread != 0 {
		t.Errorf("answers %+v", w.replies)
	}
}

func TestCommandsOfAnotherHourAreCountedAndTheClockIsNamed(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		m := private(5, "/status")
		m.Date = int(w.now.Add(-7300 * time.Second).Unix())
		w.say(m)
	}
	if len(w.replies) != 0 || len(w.ignored) != 3 || w.ignored[0] != bot.IgnoredOld {
		t.Errorf("%d answers, ignored %v", len(w.replies), w.ignored)
	}
	if n := strings.Count(w.log.String(), "clock"); n != 1 {
		t.Errorf("%d log lines name the clock, want 1: %s", n, w.log)
	}
}

// A chat is private if its id is its user's. Everything else cannot claim a link.
func TestOnlyAPrivateChatClaimsALink(t *testing.T) {
	for name, m := range map[string]models.Message{
		"group":               inGroup(-100, "/start TOKEN"),
		"another user's chat": {From: &models.User{ID: 6}, Chat: models.Chat{ID: 5, Type: models.ChatTypePrivate}, Text: "/start TOKEN"},
		"bot":                 {From: &models.User{ID: 5, IsBot: true}, Chat: models.Chat{ID: 5, Type: models.ChatTypePrivate}, Text: "/start TOKEN"},
		"nobody":              {Chat: models.Chat{ID: 5, Type: models.ChatTypePrivate}, Text: "/start TOKEN"},
		"channel":             {From: &models.User{ID: 5}, Chat: models.Chat{ID: 5, Type: models.ChatTypeChannel}, Text: "/start TOKEN"},
		"unknown type":        {From: &models.User{ID: 5}, Chat: models.Chat{ID: 5, Type: "agent"}, Text: "/start TOKEN"},
	} {
		w := newWorld(t)
		w.status = linking.Pending
		if w.say(m); w.claims() != 0 {
			t.Errorf("%s claimed a link", name)
		}
	}
}

// Start tokens are random. One that looks like an unknown button claims its link like any other. The known buttons
// work as links.
func TestATokenThatLooksLikeAButtonClaimsItsLink(t *testing.T) {
	telegram := roundTrip(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(`{"ok":true,"result":true}`))}, nil
	})
	a := &asked{}
	english := language.New()["en"]()
	h := bot.NewUpdateHandler(bot.UpdateHandlerOptions{
		Client: newClient(t, telegram), Links: a, Codes: askedCodes{asked: a}, Messages: silent{}, Now: time.Now,
		Words: func(string) *language.Words { return english }, Logger: slog.New(slog.DiscardHandler),
	})
	defer h.Close()
	tap := func(action, of string) string { return delivery.Button{Callback: action + ":" + of}.StartPayload() }
	for payload, want := range map[string]string{
		"4Qk8j2mC0sJYk1yq3mO4h6l7b8n9v0c1x2z3a4s5d6f": "claim 4Qk8j2mC0sJYk1yq3mO4h6l7b8n9v0c1x2z3a4s5d6f",
		"tap_j2mC0sJYk1yq3mO4h6l7b_n9v0c1x2z3a4s5d6f": "claim tap_j2mC0sJYk1yq3mO4h6l7b_n9v0c1x2z3a4s5d6f",
		"tap__j2mC0sJYk1yq3mO4h6l7bn9v0c1x2z3a4s5d6f": "claim tap__j2mC0sJYk1yq3mO4h6l7bn9v0c1x2z3a4s5d6f",
		"tap_accept-mC0sJYk1yq3mO4h6_n9v0c1x2z3a4s5d": "claim tap_accept-mC0sJYk1yq3mO4h6_n9v0c1x2z3a4s5d",
		tap(linking.ButtonAccept, "lnk_1"):            "accept lnk_1",
		tap(linking.ButtonNotMe, "lnk_1"):             "not me lnk_1",
		tap(linking.ButtonUnlink, "lnk_1"):            "unlink lnk_1",
		tap(twofa.ButtonNotMe, "ver_1"):               "not my code ver_1",
	} {
		a.what = nil
		err := h.Handle(t.Context(), &models.Update{ID: 7, Message: &models.Message{
			From: &models.User{ID: 501}, Chat: models.Chat{ID: 501, Type: models.ChatTypePrivate}, Text: "/start " + payload,
		}})
		if got := fmt.Sprint(a.what); err != nil || got != "["+want+"]" {
			t.Errorf("%s: %s, %v; want %s", payload, got, err, want)
		}
	}
}
