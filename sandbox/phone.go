package sandbox

import (
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// startPayload is what a deep link may carry:
// https://core.telegram.org/bots/features#deep-linking.
var startPayload = regexp.MustCompile(`^[A-Za-z0-9_-]{0,64}$`)

// Start presses Start at a bot, as somebody does who opened the link with this
// payload: it unblocks the bot where needed and sends "/start" or
// "/start PAYLOAD". A payload has at most 64 characters of A-Z a-z 0-9 _ -;
// other clients than a link can send more with Say.
func (t *Telegram) Start(person int64, bot, payload string) error {
	if !startPayload.MatchString(payload) {
		return fmt.Errorf("start: %q cannot be the payload of a link", payload)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	p, b, err := t.meet(person, bot)
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	c := b.chat(p.ID)
	t.setBlocked(p, b, c, false)
	c.started = true
	t.publish(Event{Kind: "chat", Person: p.ID, Bot: b.Username})
	text, entities, err := personText(strings.TrimSpace("/start " + payload))
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	t.write(p, b, c, text, entities)
	return nil
}

// Open opens a link to a bot and presses Start there:
// https://t.me/SomeBot?start=PAYLOAD (also telegram.me and telegram.dog, and
// without the https://) or tg://resolve?domain=SomeBot&start=PAYLOAD.
func (t *Telegram) Open(person int64, link string) error {
	bot, payload, err := parseLink(link)
	if err != nil {
		return fmt.Errorf("open link: %w", err)
	}
	return t.Start(person, bot, payload)
}

// parseLink takes a deep link apart.
func parseLink(link string) (bot, payload string, err error) {
	link = strings.TrimSpace(link)
	if rest, ok := strings.CutPrefix(link, "tg:resolve"); ok {
		link = "tg://resolve" + rest
	} else if !strings.Contains(link, "://") {
		link = "https://" + link
	}
	u, err := url.Parse(link)
	if err != nil {
		return "", "", ErrNoLink
	}
	host := strings.TrimPrefix(strings.ToLower(u.Host), "www.")
	switch {
	case u.Scheme == "tg" && host == "resolve":
		bot = u.Query().Get("domain")
	case (u.Scheme == "https" || u.Scheme == "http") && (host == "t.me" || host == "telegram.me" || host == "telegram.dog"):
		bot = strings.Trim(u.Path, "/")
	}
	if bot == "" || strings.Contains(bot, "/") {
		return "", "", ErrNoLink
	}
	return bot, u.Query().Get("start"), nil
}

// Say sends a text message to a bot. The person must have pressed Start before
// ([ErrNotStarted]) and must not have blocked the bot ([ErrBlocked]).
func (t *Telegram) Say(person int64, bot, text string) (messageID int, err error) {
	text, entities, err := personText(text)
	if err != nil {
		return 0, fmt.Errorf("say: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	p, b, err := t.meet(person, bot)
	if err != nil {
		return 0, fmt.Errorf("say: %w", err)
	}
	c := b.chat(p.ID)
	switch {
	case !c.started:
		return 0, fmt.Errorf("say: %w", ErrNotStarted)
	case c.blocked:
		return 0, fmt.Errorf("say: %w", ErrBlocked)
	}
	return t.write(p, b, c, text, entities), nil
}

// personText is what a phone makes of a text that somebody typed: trimmed, and
// with the commands in it marked.
func personText(text string) (string, []Entity, error) {
	text = strings.Trim(text, " \n")
	if text == "" {
		return "", nil, errors.New("the message is empty")
	}
	if utf16Length(text) > maxText {
		return "", nil, fmt.Errorf("the message is longer than %d characters", maxText)
	}
	return text, findCommands(text), nil
}

// command is a bot command in a text, with the character before it.
var command = regexp.MustCompile(`(?:^|[^\w/])(/[A-Za-z0-9_]{1,64}(?:@[A-Za-z][A-Za-z0-9_]{2,31})?)(?:$|[^\w@/])`)

// findCommands marks the bot commands of a text.
func findCommands(text string) []Entity {
	var entities []Entity
	for at := 0; at < len(text); {
		found := command.FindStringSubmatchIndex(text[at:])
		if found == nil {
			break
		}
		from, to := at+found[2], at+found[3]
		entities = append(entities, Entity{
			Type: "bot_command", Offset: utf16Length(text[:from]), Length: utf16Length(text[from:to]),
		})
		at = to
	}
	return entities
}

// write adds a person's message to the chat and sends the bot an update.
func (t *Telegram) write(p *person, b *bot, c *chat, text string, entities []Entity) int {
	m := t.post(b, c, Message{From: p.ID, Text: text, Entities: entities})
	t.push(b, "message", t.wireMessage(b, c, m), updateLife)
	return m.ID
}

// firstTap is where the ids of callback queries begin: past 32 bits, as the
// real ones are.
const firstTap = 4_000_000_000_000_000_000

// callback is a tapped button whose spinner still turns.
type callback struct {
	person  int64
	expires time.Time
}

// Tap taps an inline button, by its label, of a message in the person's chat
// with the bot or in one of the bot's groups. Only callback buttons tell the bot
// something; others give [ErrNotCallback].
func (t *Telegram) Tap(person int64, bot string, messageID int, button string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	p, b, err := t.meet(person, bot)
	if err != nil {
		return fmt.Errorf("tap: %w", err)
	}
	c, m := t.findMessage(b, p.ID, messageID)
	if m == nil {
		return fmt.Errorf("tap: %w: %d", ErrNoMessage, messageID)
	}
	if c.blocked {
		return fmt.Errorf("tap: %w", ErrBlocked)
	}
	pressed := m.button(button)
	switch {
	case pressed == nil:
		return fmt.Errorf("tap: %w: %q", ErrNoButton, button)
	case pressed.CallbackData == "":
		return fmt.Errorf("tap %q: %w", button, ErrNotCallback)
	}
	now := t.now()
	maps.DeleteFunc(b.callbacks, func(_ string, cb *callback) bool { return cb.expires.Before(now) })
	b.lastTap++
	id := strconv.FormatInt(b.lastTap, 10)
	b.callbacks[id] = &callback{person: p.ID, expires: now.Add(callbackLife)}
	t.push(b, "callback_query", wireCallbackQuery{
		ID: id, From: p.wire(), Message: t.wireMessage(b, c, m),
		ChatInstance: chatInstance(b.ID, c.id), Data: pressed.CallbackData,
	}, callbackLife)
	return nil
}

// findMessage finds a message of b that a person can see: in their own chat or
// in a group.
func (t *Telegram) findMessage(b *bot, person int64, messageID int) (*chat, *Message) {
	c := b.chat(person)
	if m := c.find(messageID); m != nil {
		return c, m
	}
	for id := range t.groups {
		c := b.chat(id)
		if m := c.find(messageID); m != nil {
			return c, m
		}
	}
	return c, nil
}

// button finds a button by its label.
func (m *Message) button(label string) *Button {
	for _, row := range m.Buttons {
		for i := range row {
			if row[i].Text == label {
				return &row[i]
			}
		}
	}
	return nil
}

// chatInstance is a number for a chat, the same for every tap in it.
func chatInstance(bot, chat int64) string {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %d", bot, chat)
	return strconv.FormatInt(int64(h.Sum64()), 10)
}

// Block blocks a bot. The bot hears of it (my_chat_member, "kicked"), and what it
// sends answers 403 "bot was blocked by the user". Somebody who never pressed
// Start has nothing to block: [ErrNotStarted].
func (t *Telegram) Block(person int64, bot string) error { return t.block(person, bot, true) }

// Unblock ends a block. The bot hears of it (my_chat_member, "member").
func (t *Telegram) Unblock(person int64, bot string) error { return t.block(person, bot, false) }

func (t *Telegram) block(person int64, bot string, blocked bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	p, b, err := t.meet(person, bot)
	if err != nil {
		return fmt.Errorf("block: %w", err)
	}
	c := b.chat(p.ID)
	if !c.started {
		return fmt.Errorf("block: %w", ErrNotStarted)
	}
	t.setBlocked(p, b, c, blocked)
	return nil
}

// setBlocked changes a block and, if it changed, sends the bot an update.
func (t *Telegram) setBlocked(p *person, b *bot, c *chat, blocked bool) {
	if c.blocked == blocked {
		return
	}
	c.blocked = blocked
	before, after := statusMember, statusKicked
	if !blocked {
		before, after = after, before
	}
	t.push(b, "my_chat_member", wireMemberUpdated{
		Chat: t.wireChat(p.ID), From: p.wire(), Date: t.now().Unix(),
		OldChatMember: b.member(before), NewChatMember: b.member(after),
	}, updateLife)
	t.publish(Event{Kind: "chat", Person: p.ID, Bot: b.Username})
}

// meet finds the person and the bot of something that happens on the phone.
func (t *Telegram) meet(person int64, bot string) (*person, *bot, error) {
	p, err := t.active(person)
	if err != nil {
		return nil, nil, err
	}
	b, err := t.botNamed(bot)
	return p, b, err
}
