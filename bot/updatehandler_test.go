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
