package sandbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/go-telegram/bot"
	"github.com/go-telegram/bot/models"

	"telegate/sandbox"
)

// newLibrary is the Bot API client that telegate uses, pointed at w.
func newLibrary(w *world, options ...bot.Option) *bot.Bot {
	w.t.Helper()
	b, err := bot.New(token, append(options, bot.WithServerURL(w.server.URL), bot.WithHTTPClient(0, w.server.Client()),
		bot.WithErrorsHandler(func(error) {}))...)
	w.must(err)
	return b
}

func TestLibraryCanDoEverything(t *testing.T) {
	w := newWorld(t, sandbox.Limits{Off: true})
	ctx := t.Context()
	b := newLibrary(w, bot.UseTestEnvironment())

	me, err := b.GetMe(ctx)
	w.must(err)
	if me.ID != 123456789 || !me.IsBot || me.Username != botName || me.FirstName != "Gate" {
		t.Errorf("getMe gave %+v", me)
	}
	keyboard := &models.InlineKeyboardMarkup{InlineKeyboard: [][]models.InlineKeyboardButton{{
		{Text: "Yes", CallbackData: "yes", Style: "success"}, {Text: "Copy", CopyText: &models.CopyTextButton{Text: "123 456"}},
	}}}
	sent, err := b.SendMessage(ctx, &bot.SendMessageParams{
		ChatID: w.alice.ID, Text: "code: <123456> \"ü\"", ReplyMarkup: keyboard, DisableNotification: true,
		Entities:           []models.MessageEntity{{Type: models.MessageEntityTypeCode, Offset: 7, Length: 6}},
		LinkPreviewOptions: &models.LinkPreviewOptions{IsDisabled: new(true)},
	})
	w.must(err)
	m := w.lastMessage()
	if m.ID != sent.ID || m.Text != "code: <123456> \"ü\"" || !m.Silent || len(m.Entities) != 1 || m.Entities[0].Offset != 7 ||
		len(m.Buttons) != 1 || m.Buttons[0][0] != (sandbox.Button{Text: "Yes", CallbackData: "yes", Style: "success"}) || m.Buttons[0][1].CopyText != "123 456" {
		t.Errorf("the phone shows %+v", m)
	}
	if sent.Text != m.Text || sent.Chat.ID != w.alice.ID || sent.From.ID != me.ID || sent.ReplyMarkup.InlineKeyboard[0][0].CallbackData != "yes" || len(sent.Entities) != 1 {
		t.Errorf("the answer is %+v", sent)
	}
	edited, err := b.EditMessageText(ctx, &bot.EditMessageTextParams{ChatID: w.alice.ID, MessageID: sent.ID, Text: "used", ReplyMarkup: keyboard})
	w.must(err)
	if edited.Text != "used" || w.lastMessage().Text != "used" {
		t.Errorf("edited to %+v", edited)
	}
	_, err = b.EditMessageReplyMarkup(ctx, &bot.EditMessageReplyMarkupParams{ChatID: w.alice.ID, MessageID: sent.ID})
	w.must(err)
	file, err := b.SendDocument(ctx, &bot.SendDocumentParams{
		ChatID: w.alice.ID, Caption: "all of it", Document: &models.InputFileUpload{Filename: "full.txt", Data: strings.NewReader("text")},
	})
	w.must(err)
	if file.Document == nil || file.Document.FileName != "full.txt" || file.Caption != "all of it" || string(w.lastMessage().Document.Content) != "text" {
		t.Errorf("the file is %+v", file.Document)
	}
	if done, err := b.DeleteMessage(ctx, &bot.DeleteMessageParams{ChatID: w.alice.ID, MessageID: sent.ID}); err != nil || !done {
		t.Errorf("delete: %v, %v", done, err)
	}
	chat, err := b.GetChat(ctx, &bot.GetChatParams{ChatID: w.alice.ID})
	w.must(err)
	if chat.ID != w.alice.ID || chat.Type != models.ChatTypePrivate || chat.Username != "alice" || chat.FirstName != "Alice" {
		t.Errorf("the chat is %+v", chat)
	}
	commands := []models.BotCommand{{Command: "help", Description: "What I can do"}}
	if done, err := b.SetMyCommands(ctx, &bot.SetMyCommandsParams{Commands: commands}); err != nil || !done {
		t.Errorf("set commands: %v, %v", done, err)
	}
	if got, err := b.GetMyCommands(ctx, &bot.GetMyCommandsParams{}); err != nil || len(got) != 1 || got[0] != commands[0] {
		t.Errorf("commands are %+v, %v", got, err)
	}
	if got, err := b.GetMyCommands(ctx, &bot.GetMyCommandsParams{LanguageCode: "de"}); err != nil || len(got) != 0 {
		t.Errorf("commands in German are %+v, %v", got, err)
	}
	if done, err := b.DeleteWebhook(ctx, &bot.DeleteWebhookParams{}); err != nil || !done {
		t.Errorf("delete webhook: %v, %v", done, err)
	}
	if info, err := b.GetWebhookInfo(ctx); err != nil || info.URL != "" {
		t.Errorf("webhook is %+v, %v", info, err)
	}
}

func TestLibraryUnderstandsTheErrors(t *testing.T) {
	w := newWorld(t, sandbox.Limits{})
	b := newLibrary(w)
	g := w.AddGroup("Ops")
	w.must(w.AddToGroup(g.ID, botName))
	to, err := w.MigrateGroup(g.ID)
	w.must(err)
	send := func(chat any) error {
		_, err := b.SendMessage(t.Context(), &bot.SendMessageParams{ChatID: chat, Text: "hello"})
		return err
	}
	if err := send(w.bob.ID); !errors.Is(err, bot.ErrorForbidden) {
		t.Errorf("403 became %v", err)
	}
	if err := send(42); !errors.Is(err, bot.ErrorBadRequest) {
		t.Errorf("400 became %v", err)
	}
	var moved *bot.MigrateError
	if err := send(g.ID); !errors.As(err, &moved) || int64(moved.MigrateToChatID) != to {
		t.Errorf("a migration became %v", err)
	}
	for range 3 {
		w.must(send(w.alice.ID))
	}
	var flood *bot.TooManyRequestsError
	if err := send(w.alice.ID); !errors.As(err, &flood) || flood.RetryAfter != 1 {
		t.Errorf("429 became %v", err)
	}
	w.SetFaults(sandbox.Faults{Unauthorized: true})
	if err := send(w.alice.ID); !errors.Is(err, bot.ErrorUnauthorized) {
		t.Errorf("401 became %v", err)
	}
}

func TestUpdatesDecodeWithTheLibrary(t *testing.T) {
	w := newWorld(t, sandbox.Limits{Off: true})
	g := w.AddGroup("Ops")
	w.must(w.AddToGroup(g.ID, botName))
	_, err := w.MigrateGroup(g.ID)
	w.must(err)
	m := w.sent("sendMessage", w.toAlice("?", params{"reply_markup": json.RawMessage(`{"inline_keyboard":[[{"text":"Yes","callback_data":"y"}]]}`)}))
	w.must(w.Tap(w.alice.ID, botName, m.MessageID, "Yes"))
	w.must(w.Block(w.alice.ID, botName))
	w.must(w.Start(w.alice.ID, botName, "abc"))

	var updates []models.Update
	w.must(json.Unmarshal(w.ok("getUpdates", nil).Result, &updates))
	if len(updates) != 8 {
		t.Fatalf("%d updates", len(updates))
	}
	if u := updates[0].MyChatMember; u == nil || u.NewChatMember.Type != models.ChatMemberTypeMember || u.OldChatMember.Type != models.ChatMemberTypeLeft {
		t.Errorf("joining is %+v", u)
	}
	if u := updates[1].Message; u == nil || len(u.NewChatMembers) != 1 || u.Chat.Type != models.ChatTypeGroup {
		t.Errorf("the service message is %+v", u)
	}
	if u := updates[2].Message; u == nil || u.MigrateToChatID >= 0 {
		t.Errorf("the migration is %+v", u)
	}
	if u := updates[4].CallbackQuery; u == nil || u.Data != "y" || u.From.ID != w.alice.ID || u.ChatInstance == "" ||
		u.Message.Type != models.MaybeInaccessibleMessageTypeMessage || u.Message.Message.ID != m.MessageID || u.Message.Message.ReplyMarkup == nil {
		t.Errorf("the tap is %+v", u)
	}
	if u := updates[5].MyChatMember; u == nil || u.NewChatMember.Type != models.ChatMemberTypeBanned || u.Chat.Type != models.ChatTypePrivate {
		t.Errorf("the block is %+v", u)
	}
	if u := updates[6].MyChatMember; u == nil || u.NewChatMember.Type != models.ChatMemberTypeMember {
		t.Errorf("the end of the block is %+v", u)
	}
	if u := updates[7].Message; u == nil || u.Text != "/start abc" || u.From.LanguageCode != "en" || len(u.Entities) != 1 ||
		u.Entities[0].Type != models.MessageEntityTypeBotCommand || u.Date == 0 {
		t.Errorf("the start is %+v", u)
	}
}

func TestLibraryPollsAndAnswers(t *testing.T) {
	w := newWorld(t, sandbox.Limits{Off: true})
	ctx, cancel := context.WithCancel(t.Context())
	b := newLibrary(w, bot.WithNotAsyncHandlers(), bot.WithDefaultHandler(func(ctx context.Context, b *bot.Bot, u *models.Update) {
		if u.Message != nil {
			if _, err := b.SendMessage(ctx, &bot.SendMessageParams{ChatID: u.Message.Chat.ID, Text: "you said " + u.Message.Text}); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		}
	}))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.Start(ctx)
	}()
	_, err := w.Say(w.alice.ID, botName, "hello")
	w.must(err)
	answer, err := w.WaitMessage(ctx, w.alice.ID, botName, func(m sandbox.Message) bool { return m.FromBot })
	w.must(err)
	if answer.Text != "you said hello" {
		t.Errorf("the bot answered %q", answer.Text)
	}
	cancel()
	<-ended
}
