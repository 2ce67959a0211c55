package bot

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/go-telegram/bot/models"
	"golang.org/x/text/width"
	"golang.org/x/time/rate"

	"telegate/delivery"
	"telegate/internal/typed"
	"telegate/language"
	"telegate/linking"
	"telegate/twofa"
)

// Links are the actions on links that a chat can request.
type Links interface {
	TokenStatus(ctx context.Context, botID int64, token string) (linking.Status, error)
	Claim(ctx context.Context, chat linking.Chat, token string) error
	Accept(ctx context.Context, botID, chatID int64, linkID string) error
	NotMe(ctx context.Context, botID, chatID int64, linkID string) error
	UnlinkInChat(ctx context.Context, botID, chatID int64, linkID string) error
	LinksOfChat(ctx context.Context, botID, chatID int64) ([]linking.Link, error)
	ChatKnown(ctx context.Context, botID, chatID int64) (bool, error)
	ChatStarted(ctx context.Context, chat linking.Chat) error
	UpdateChat(ctx context.Context, chat linking.Chat) error
	// SaveMoreUsernames stores which usernames a chat has besides its first one.
	SaveMoreUsernames(ctx context.Context, botID, chatID int64, names []string) error
	ChatBlocked(ctx context.Context, botID, chatID int64) error
	ChatMigrated(ctx context.Context, botID, from, to int64) error
}

// Codes are the actions on second-factor codes that a chat can request.
type Codes interface {
	NotMe(ctx context.Context, botID, chatID int64, verificationID string) error
	Reasons(ctx context.Context, domain, user string) ([]twofa.Reason, error)
}

// Messages sends the bot's answers and mutes chats.
type Messages interface {
	Reply(ctx context.Context, botID, chatID int64, lane delivery.Lane, body delivery.Body) error
	Mute(ctx context.Context, botID, chatID int64, until time.Time) error
	MutedUntil(ctx context.Context, botID, chatID int64) (time.Time, error)
	// SendWaiting sends the codes that waited for the owner of a username to press Start, and reports whether there were any.
	SendWaiting(ctx context.Context, botID int64, username string) (bool, error)
}

// Topics are the secret addresses that programs use to write to users.
type Topics interface {
	Of(ctx context.Context, linkID string) (string, error)
	Renew(ctx context.Context, linkID string) (string, error)
	Off(ctx context.Context, linkID string) error
}

// UpdateHandler acts on updates and answers the chats.
type UpdateHandler struct {
	client    *Client
	links     Links
	codes     Codes
	messages  Messages
	topics    Topics
	title     func(domain string) string
	words     func(person string) *language.Words
	username  func() string
	publicURL func() string
	now       func() time.Time
	log       *slog.Logger
	ignored   func(reason string)
	limiter   *rateLimiter
	oldLog    rate.Sometimes // of commands that are too old
	callbacks callbackAnswers
	menus     commandMenus
}

// UpdateHandlerOptions says how an UpdateHandler is built.
type UpdateHandlerOptions struct {
	Client   *Client
	Links    Links
	Codes    Codes
	Messages Messages
	Topics   Topics
	Title    func(domain string) string            // the display name of a domain
	Words    func(language string) *language.Words // the texts in the language of the user's Telegram (IETF tag, or empty), else in the bot's
	Username func() string                         // the bot's, without @; empty until known. nil: not known
	// PublicURL is the address at which people's programs reach the gateway, without a final slash; empty if it is not configured. nil: never
	PublicURL func() string
	Now       func() time.Time
	Logger    *slog.Logger
	// OnIgnored is told of each update that is not acted on, with one of IgnoredReasons. Optional.
	OnIgnored func(reason string)
}

// NewUpdateHandler builds the UpdateHandler of one bot.
func NewUpdateHandler(o UpdateHandlerOptions) *UpdateHandler {
	if o.Username == nil {
		o.Username = func() string { return "" }
	}
	if o.PublicURL == nil {
		o.PublicURL = func() string { return "" }
	}
	if o.OnIgnored == nil {
		o.OnIgnored = func(string) {}
	}
	return &UpdateHandler{
		client: o.Client, links: o.Links, codes: o.Codes, messages: o.Messages, topics: o.Topics, title: o.Title, words: o.Words,
		username: o.Username, publicURL: o.PublicURL, now: o.Now, log: o.Logger, ignored: o.OnIgnored, oldLog: rate.Sometimes{Interval: oldLogEvery},
		limiter: newRateLimiter(o.Now, o.Logger, o.OnIgnored), callbacks: callbackAnswers{client: o.Client, slots: make(chan struct{}, maxCallbackAnswers)},
		menus: commandMenus{set: map[string]bool{}},
	}
}

// Close waits for the handler's background calls.
func (h *UpdateHandler) Close() { h.callbacks.busy.Wait() }

// Handle implements Handler. It is idempotent.
func (h *UpdateHandler) Handle(ctx context.Context, u *models.Update) error {
	switch {
	case u.MyChatMember != nil:
		return h.membership(ctx, u.MyChatMember)
	case u.CallbackQuery != nil:
		return h.callback(ctx, u.ID, u.CallbackQuery)
	case u.Message != nil:
		return h.message(ctx, u.ID, u.Message)
	}
	return nil
}

// membership handles a user who has blocked or unblocked the bot.
func (h *UpdateHandler) membership(ctx context.Context, m *models.ChatMemberUpdated) error {
	if m.Chat.Type != models.ChatTypePrivate {
		return nil
	}
	switch m.NewChatMember.Type {
	case models.ChatMemberTypeBanned: // "kicked"
		return h.links.ChatBlocked(ctx, h.client.ID(), m.Chat.ID)
	case models.ChatMemberTypeMember:
		known, err := h.links.ChatKnown(ctx, h.client.ID(), m.Chat.ID)
		if err != nil || !known {
			return err
		}
		return h.links.ChatStarted(ctx, h.chat(m.Chat, &m.From))
	}
	return nil
}

// oldCommand is the age at which a command is ignored: after an outage nobody expects an answer to yesterday's.
const (
	oldCommand  = time.Hour
	oldLogEvery = time.Hour
)

func (h *UpdateHandler) message(ctx context.Context, updateID int64, m *models.Message) error {
	if m.MigrateToChatID != 0 {
		return h.links.ChatMigrated(ctx, h.client.ID(), m.Chat.ID, m.MigrateToChatID)
	}
	if m.From == nil {
		return nil
	}
	command := parseCommand(m.Text)
	if m.Chat.Type != models.ChatTypePrivate {
		return h.inGroup(ctx, updateID, m, command)
	}
	if m.From.IsBot || m.Chat.ID != m.From.ID { // the ids are always equal in a private chat; links rely on it
		return nil
	}
	chat := h.chat(m.Chat, m.From)
	h.publishCommandsIn(chat.Language)
	if command.name == "start" && command.argument != "" {
		return h.startWith(ctx, updateID, chat, strings.Fields(command.argument)[0]) // people paste more than the command
	}
	if command.name == "start" {
		if err := h.links.ChatStarted(ctx, chat); err != nil {
			return err
		}
		// A user who gets the code they came for needs no help text.
		if sent, err := h.sendWaiting(ctx, updateID, chat); err != nil || sent {
			return err
		}
	} else if err := h.links.UpdateChat(ctx, chat); err != nil {
		return err
	}
	links, err := h.links.LinksOfChat(ctx, chat.BotID, chat.ID)
	if err != nil {
		return err
	}
	if command.name != "start" && h.tooOld(m) {
		return nil
	}
	if len(links) == 0 {
		if !h.limiter.allow(chat.ID, updateID, stranger) {
			return nil
		}
		return h.answerStranger(ctx, chat, command.name)
	}
	if !h.limiter.allow(chat.ID, updateID, member) {
		return nil
	}
	return h.command(ctx, chat, links, command)
}

// startWith handles "/start PAYLOAD". The token of a link that waits for its user is always handled, whatever else is going on; only
// the answers to other payloads are limited.
func (h *UpdateHandler) startWith(ctx context.Context, updateID int64, chat linking.Chat, payload string) error {
	if data, ok := startAsCallback(payload); ok {
		return h.callbackByLink(ctx, updateID, chat, data)
	}
	status, err := h.links.TokenStatus(ctx, chat.BotID, payload)
	if err != nil {
		return err
	}
	kind := member
	if status == "" {
		kind = stranger
	}
	if status == linking.Pending || h.limiter.allow(chat.ID, updateID, kind) {
		if err := h.links.Claim(ctx, chat, payload); err != nil {
			return err
		}
	}
	_, err = h.sendWaiting(ctx, updateID, chat)
	return err
}

// tooOld reports whether a message is older than oldCommand, by this machine's clock and by Telegram's.
func (h *UpdateHandler) tooOld(m *models.Message) bool {
	sent := time.Unix(int64(m.Date), 0)
	age := min(h.now().Sub(sent), h.client.TelegramTime(h.now()).Sub(sent))
	if age <= oldCommand {
		return false
	}
	h.ignored(IgnoredOld)
	h.oldLog.Do(func() {
		h.log.Warn("commands not answered: they are too old. After an outage this is normal; else check the clock of this machine", "age", age.Round(time.Second))
	})
	return true
}

// inGroup answers a command in a group: /id gets the group's id, /start a hint to open the private chat. Administrators who post
// anonymously, and channels, send as a bot of Telegram's in the name of a chat; they are answered, because both answers concern only
// the group.
func (h *UpdateHandler) inGroup(ctx context.Context, updateID int64, m *models.Message, command command) error {
	if m.From.IsBot && m.SenderChat == nil || command.bot != "" && !strings.EqualFold(command.bot, h.username()) {
		return nil
	}
	var body delivery.Body
	switch words := h.words(m.From.LanguageCode); command.name {
	case "id":
		body = idText(words, m.Chat.ID)
	case "start":
		body = onlyInPrivate(words)
	default:
		return nil
	}
	if !h.limiter.allow(m.Chat.ID, updateID, group) {
		return nil
	}
	if m.IsTopicMessage {
		body.Thread = m.MessageThreadID
	}
	return h.replyLowPriority(ctx, m.Chat.ID, body)
}

// callback handles a tap on a button. The data of a button is not trusted: the services check that it belongs to the chat.
func (h *UpdateHandler) callback(ctx context.Context, updateID int64, q *models.CallbackQuery) error {
	chatID := q.From.ID // a private chat has its user's id; buttons are only sent to private chats
	toast, _, err := h.act(ctx, chatID, q.Data, h.words(q.From.LanguageCode))
	if err != nil {
		return err
	}
	if h.limiter.allow(chatID, updateID, member) {
		h.callbacks.answer(q, toast)
	}
	return nil
}

// callbackByLink handles a link that replaces a button where buttons cannot be shown: it opens the bot with the button's data.
// The services report the result in the chat.
func (h *UpdateHandler) callbackByLink(ctx context.Context, updateID int64, chat linking.Chat, data string) error {
	toast, stale, err := h.act(ctx, chat.ID, data, h.words(chat.Language))
	if err != nil || !stale || !h.limiter.allow(chat.ID, updateID, stranger) {
		return err
	}
	return h.replyLowPriority(ctx, chat.ID, delivery.Compose(delivery.Plain(toast)))
}

// actions are the buttons that act knows.
var actions = []string{linking.ButtonAccept, linking.ButtonNotMe, linking.ButtonUnlink, twofa.ButtonNotMe}

// startAsCallback decodes the payload of /start if it stands for a button. Start tokens are random, so one in millions looks
// like an unknown button; it must still open its link.
func startAsCallback(payload string) (data string, ok bool) {
	data, ok = delivery.TapCallback(payload)
	action, _, _ := strings.Cut(data, ":")
	return data, ok && slices.Contains(actions, action)
}

// act performs a button's action. toast is the answer to show (up to 200 characters); stale: the button no longer works.
func (h *UpdateHandler) act(ctx context.Context, chatID int64, data string, w *language.Words) (toast string, stale bool, err error) {
	action, id, _ := strings.Cut(data, ":")
	botID := h.client.ID()
	switch action {
	case linking.ButtonAccept:
		toast, err = w.Short("toast.code_below", nil), h.links.Accept(ctx, botID, chatID, id)
	case linking.ButtonNotMe:
		toast, err = w.Short("toast.denied", nil), h.links.NotMe(ctx, botID, chatID, id)
	case linking.ButtonUnlink:
		toast, err = w.Short("toast.unlinked", nil), h.links.UnlinkInChat(ctx, botID, chatID, id)
	case twofa.ButtonNotMe:
		toast, err = w.Short("toast.denied", nil), h.codes.NotMe(ctx, botID, chatID, id)
	default:
		err = linking.ErrStale
	}
	if errors.Is(err, linking.ErrStale) || errors.Is(err, twofa.ErrStale) {
		return w.Short("toast.stale", nil), true, nil
	}
	return toast, false, err
}

func (h *UpdateHandler) chat(c models.Chat, from *models.User) linking.Chat {
	return linking.Chat{
		BotID: h.client.ID(), ID: c.ID, Type: string(c.Type), Username: c.Username,
		FirstName: c.FirstName, LastName: c.LastName, Language: from.LanguageCode,
	}
}

func (h *UpdateHandler) reply(ctx context.Context, chatID int64, body delivery.Body) error {
	return h.messages.Reply(ctx, h.client.ID(), chatID, delivery.LaneDirect, body)
}

// replyLowPriority answers a chat without a link, after the messages to linked users.
func (h *UpdateHandler) replyLowPriority(ctx context.Context, chatID int64, body delivery.Body) error {
	return h.messages.Reply(ctx, h.client.ID(), chatID, delivery.LaneAlert, body)
}

// command is a command as in "/start@Bot PAYLOAD".
type command struct {
	name     string // in lower case, without the slash; empty if the text is not a command
	bot      string // the bot that it is for; empty if it names none
	argument string
}

// parseCommand reads a command, which ends at any white space, as Telegram's own bot_command entity does. Japanese keyboards type it in
// full width.
func parseCommand(text string) command {
	name, ok := strings.CutPrefix(width.Fold.String(typed.Clean(text)), "/")
	if !ok {
		return command{}
	}
	var argument string
	if end := strings.IndexFunc(name, unicode.IsSpace); end >= 0 {
		name, argument = name[:end], strings.TrimSpace(name[end:])
	}
	name, bot, _ := strings.Cut(name, "@")
	return command{strings.ToLower(name), bot, argument}
}
