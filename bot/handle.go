package bot

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/go-telegram/bot/models"

	"telegate/delivery"
	"telegate/language"
	"telegate/linking"
	"telegate/twofa"
)

// Links is what people do to links in the chat.
type Links interface {
	Claim(ctx context.Context, chat linking.Chat, token string) error
	Accept(ctx context.Context, botID, chatID int64, linkID string) error
	NotMe(ctx context.Context, botID, chatID int64, linkID string) error
	UnlinkInChat(ctx context.Context, botID, chatID int64, linkID string) error
	LinksOfChat(ctx context.Context, botID, chatID int64) ([]linking.Link, error)
	ChatKnown(ctx context.Context, botID, chatID int64) (bool, error)
	ChatStarted(ctx context.Context, chat linking.Chat) error
	UpdateChat(ctx context.Context, chat linking.Chat) error
	ChatBlocked(ctx context.Context, botID, chatID int64) error
	ChatMigrated(ctx context.Context, botID, from, to int64) error
}

// Codes is what people do to second-factor codes in the chat.
type Codes interface {
	NotMe(ctx context.Context, botID, chatID int64, verificationID string) error
	Reasons(ctx context.Context, domain, user string) ([]twofa.Reason, error)
}

// Messages is what the bot says, and whether the chat wants to hear it.
type Messages interface {
	Reply(ctx context.Context, botID, chatID int64, lane delivery.Lane, body delivery.Body) error
	Mute(ctx context.Context, botID, chatID int64, until time.Time) error
	MutedUntil(ctx context.Context, botID, chatID int64) (time.Time, error)
	// Started sends what was waiting for the holder of a username to press Start, and tells whether there was anything.
	SendWaiting(ctx context.Context, botID int64, username string) (bool, error)
}

// Topics are what programs write to people by.
type Topics interface {
	Of(ctx context.Context, linkID string) (string, error)
	Renew(ctx context.Context, linkID string) (string, error)
	Off(ctx context.Context, linkID string) error
}

// Desk gives updates their meaning: it is where people are answered.
type Desk struct {
	client   *Client
	links    Links
	codes    Codes
	messages Messages
	topics   Topics
	title    func(domain string) string
	words    func(person string) *language.Words
	now      func() time.Time
	log      *slog.Logger
	patience *patience
	taps     tapAnswers
	menus    menus
}

// DeskOptions are what a desk works with.
type DeskOptions struct {
	Client   *Client
	Links    Links
	Codes    Codes
	Messages Messages
	Topics   Topics
	Title    func(domain string) string          // a domain's title for people
	Words    func(person string) *language.Words // in the language of a person's Telegram, else the bot's own; an IETF tag, or empty
	Now      func() time.Time
	Logger   *slog.Logger
}

// NewDesk opens the desk of one bot.
func NewDesk(o DeskOptions) *Desk {
	return &Desk{
		client: o.Client, links: o.Links, codes: o.Codes, messages: o.Messages, topics: o.Topics, title: o.Title, words: o.Words, now: o.Now, log: o.Logger,
		patience: newPatience(o.Now), taps: tapAnswers{client: o.Client, free: make(chan struct{}, tapsAtOnce)},
		menus: menus{set: map[string]bool{}},
	}
}

// Close waits for what the desk does beside the work.
func (d *Desk) Close() { d.taps.busy.Wait() }

// Handle implements Handler. Everything it does may be done twice.
func (d *Desk) Handle(ctx context.Context, u *models.Update) error {
	switch {
	case u.MyChatMember != nil:
		return d.membership(ctx, u.MyChatMember)
	case u.CallbackQuery != nil:
		return d.tap(ctx, u.ID, u.CallbackQuery)
	case u.Message != nil:
		return d.message(ctx, u.ID, u.Message)
	}
	return nil
}

// membership: the person has blocked the bot, or has let it in again (F18).
func (d *Desk) membership(ctx context.Context, m *models.ChatMemberUpdated) error {
	if m.Chat.Type != models.ChatTypePrivate {
		return nil
	}
	switch m.NewChatMember.Type {
	case models.ChatMemberTypeBanned: // "kicked"
		return d.links.ChatBlocked(ctx, d.client.ID(), m.Chat.ID)
	case models.ChatMemberTypeMember:
		known, err := d.links.ChatKnown(ctx, d.client.ID(), m.Chat.ID)
		if err != nil || !known {
			return err
		}
		return d.links.ChatStarted(ctx, d.chat(m.Chat, &m.From))
	}
	return nil
}

// oldCommand is how old a command may be and still be carried out: after an outage nobody expects yesterday's to be.
const oldCommand = time.Hour

func (d *Desk) message(ctx context.Context, updateID int64, m *models.Message) error {
	if m.MigrateToChatID != 0 {
		return d.links.ChatMigrated(ctx, d.client.ID(), m.Chat.ID, m.MigrateToChatID)
	}
	if m.From == nil || m.From.IsBot {
		return nil
	}
	command, argument := parseCommand(m.Text)
	if m.Chat.Type != models.ChatTypePrivate {
		return d.inGroup(ctx, updateID, m, command)
	}
	if m.Chat.ID != m.From.ID { // never so in a private chat; a link must not be built on it
		return nil
	}
	chat := d.chat(m.Chat, m.From)
	d.introduceTo(chat.Language)
	if command == "start" && argument != "" {
		if data, ok := tapped(argument); ok {
			return d.tapByLink(ctx, updateID, chat, data)
		}
		if !d.patience.has(chat.ID, updateID, false) {
			return nil
		}
		if err := d.links.Claim(ctx, chat, argument); err != nil {
			return err
		}
		_, err := d.messages.SendWaiting(ctx, chat.BotID, chat.Username)
		return err
	}
	if command == "start" {
		if err := d.links.ChatStarted(ctx, chat); err != nil {
			return err
		}
		// Who gets the code he has come for needs no word of how to connect an account.
		if sent, err := d.messages.SendWaiting(ctx, chat.BotID, chat.Username); err != nil || sent {
			return err
		}
	} else if err := d.links.UpdateChat(ctx, chat); err != nil {
		return err
	}
	links, err := d.links.LinksOfChat(ctx, chat.BotID, chat.ID)
	if err != nil {
		return err
	}
	if !d.patience.has(chat.ID, updateID, len(links) > 0) {
		return nil
	}
	if command != "start" && d.now().Sub(time.Unix(int64(m.Date), 0)) > oldCommand {
		return nil
	}
	if len(links) == 0 {
		return d.stranger(ctx, chat, command)
	}
	return d.command(ctx, chat, links, command, argument)
}

// inGroup: a bot in a group tells the group's id to whoever asks, and points away everything else that is meant for it.
func (d *Desk) inGroup(ctx context.Context, updateID int64, m *models.Message, command string) error {
	if command == "" || !d.patience.has(m.Chat.ID, updateID, false) {
		return nil
	}
	switch command {
	case "id":
		return d.replyLow(ctx, m.Chat.ID, idText(d.words(m.From.LanguageCode), m.Chat.ID))
	case "start":
		return d.replyLow(ctx, m.Chat.ID, onlyInPrivate(d.words(m.From.LanguageCode)))
	}
	return nil
}

// tap handles a button. What a button sends back is never trusted: the services check that it belongs to the chat.
func (d *Desk) tap(ctx context.Context, updateID int64, q *models.CallbackQuery) error {
	chatID := q.From.ID // a private chat has its person's id; buttons are sent nowhere else
	toast, _, err := d.act(ctx, chatID, q.Data, d.words(q.From.LanguageCode))
	if err != nil {
		return err
	}
	if d.patience.has(chatID, updateID, true) { // nobody needs more taps than that answered
		d.taps.answer(q, toast)
	}
	return nil
}

// tapByLink is a tap of a button that could not be shown: a link has opened the bot instead. What the tap has come to, the services
// tell in the chat themselves.
func (d *Desk) tapByLink(ctx context.Context, updateID int64, chat linking.Chat, data string) error {
	toast, stale, err := d.act(ctx, chat.ID, data, d.words(chat.Language))
	if err != nil || !stale || !d.patience.has(chat.ID, updateID, false) {
		return err
	}
	return d.replyLow(ctx, chat.ID, delivery.Compose(delivery.Plain(toast)))
}

// actions are what act can do.
var actions = []string{linking.ButtonAccept, linking.ButtonNotMe, linking.ButtonUnlink, twofa.ButtonNotMe}

// tapped reads what a link opens the bot with, if it is a tap. A start token is random, so one in millions looks like a tap of a
// button that there is not; it has to open its link all the same.
func tapped(payload string) (data string, ok bool) {
	data, ok = delivery.TapCallback(payload)
	action, _, _ := strings.Cut(data, ":")
	return data, ok && slices.Contains(actions, action)
}

// act does what a button says, and answers the sentence for it (up to 200 characters), and whether the button has lost its meaning.
func (d *Desk) act(ctx context.Context, chatID int64, data string, w *language.Words) (toast string, stale bool, err error) {
	action, id, _ := strings.Cut(data, ":")
	botID := d.client.ID()
	switch action {
	case linking.ButtonAccept:
		toast, err = w.Short("toast.code_below", nil), d.links.Accept(ctx, botID, chatID, id)
	case linking.ButtonNotMe:
		toast, err = w.Short("toast.denied", nil), d.links.NotMe(ctx, botID, chatID, id)
	case linking.ButtonUnlink:
		toast, err = w.Short("toast.unlinked", nil), d.links.UnlinkInChat(ctx, botID, chatID, id)
	case twofa.ButtonNotMe:
		toast, err = w.Short("toast.denied", nil), d.codes.NotMe(ctx, botID, chatID, id)
	default:
		err = linking.ErrStale
	}
	if errors.Is(err, linking.ErrStale) || errors.Is(err, twofa.ErrStale) {
		return w.Short("toast.stale", nil), true, nil
	}
	return toast, false, err
}

func (d *Desk) chat(c models.Chat, from *models.User) linking.Chat {
	return linking.Chat{
		BotID: d.client.ID(), ID: c.ID, Type: string(c.Type), Username: c.Username,
		FirstName: c.FirstName, LastName: c.LastName, Language: from.LanguageCode,
	}
}

func (d *Desk) reply(ctx context.Context, chatID int64, body delivery.Body) error {
	return d.messages.Reply(ctx, d.client.ID(), chatID, delivery.LaneDirect, body)
}

// replyLow answers somebody whom nothing here belongs to, behind whatever is for those whom something does.
func (d *Desk) replyLow(ctx context.Context, chatID int64, body delivery.Body) error {
	return d.messages.Reply(ctx, d.client.ID(), chatID, delivery.LaneAlert, body)
}

// parseCommand takes "/start@Bot PAYLOAD" apart; both are empty for what is no command.
func parseCommand(text string) (command, argument string) {
	name, ok := strings.CutPrefix(strings.TrimSpace(text), "/")
	if !ok {
		return "", ""
	}
	name, argument, _ = strings.Cut(name, " ")
	name, _, _ = strings.Cut(name, "@")
	return strings.ToLower(name), strings.TrimSpace(argument)
}
