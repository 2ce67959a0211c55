package sandbox

import (
	"context"
	"fmt"
	"slices"
	"time"
)

const (
	maxChatMessages = 1000     // messages that a chat keeps; older ones are forgotten
	maxFileBytes    = 64 << 20 // of files that are kept, all chats together
	fileCost        = 1 << 10  // what a file counts beside its content
)

// Message is one message of a chat, as a phone shows it.
type Message struct {
	ID        int
	ChatID    int64
	FromBot   bool
	From      int64  // the person who wrote it; 0 when FromBot
	Text      string // of a document: its caption
	Entities  []Entity
	Buttons   [][]Button // rows of inline buttons
	Document  *Document  // nil: a text message
	ReplyTo   int        // the id of the message it replies to; 0: none
	Date      time.Time
	Edited    bool
	EditDate  time.Time // zero unless Edited
	Silent    bool      // sent with disable_notification: the phone makes no sound
	Protected bool      // sent with protect_content: it can be neither forwarded nor saved
}

// Entity marks a part of a text as bold, as code, as a link and so on:
// https://core.telegram.org/bots/api#messageentity. Offset and Length count
// UTF-16 units.
type Entity struct {
	Type           string
	Offset, Length int
	URL            string // of type text_link
	Language       string // of type pre; may be empty
	UserID         int64  // of type text_mention
	CustomEmojiID  string // of type custom_emoji
	UnixTime       int64  // of type date_time
	DateTimeFormat string // of type date_time
}

// Button is a button under a message. Exactly one of CallbackData, URL and
// CopyText says what it does.
type Button struct {
	Text         string
	CallbackData string
	URL          string
	CopyText     string
	Style        string // "danger", "success", "primary" or ""
}

// Document is a file that came with a message.
type Document struct {
	FileName string
	MIMEType string
	Size     int
	Content  []byte // must not be changed; nil once 64 MiB of newer files have come
	id       string
}

// chat is a conversation as one bot knows it: with a person, or a group.
type chat struct {
	id       int64
	started  bool // private: the person has pressed Start at least once
	blocked  bool // private: the person has blocked the bot
	messages []*Message
	bucket   bucket
	toast    string        // what the last answerCallbackQuery showed
	changed  chan struct{} // closed and set to nil at the next change; nil while nobody waits
}

// chat is the conversation of b with a chat id. It creates an empty one if needed.
func (b *bot) chat(id int64) *chat {
	c := b.chats[id]
	if c == nil {
		c = &chat{id: id}
		b.chats[id] = c
	}
	return c
}

// find returns the message with this id, or nil.
func (c *chat) find(id int) *Message {
	i, found := slices.BinarySearchFunc(c.messages, id, func(m *Message, id int) int { return m.ID - id })
	if !found {
		return nil
	}
	return c.messages[i]
}

// signal wakes everyone who waits for a change of this chat.
func (c *chat) signal() {
	if c.changed != nil {
		close(c.changed)
		c.changed = nil
	}
}

// post adds a message to a chat and publishes it.
func (t *Telegram) post(b *bot, c *chat, m Message) *Message {
	b.lastMessage++
	m.ID, m.ChatID, m.Date = b.lastMessage, c.id, t.now()
	if len(c.messages) == maxChatMessages {
		c.messages = slices.Delete(c.messages, 0, maxChatMessages/10)
	}
	c.messages = append(c.messages, &m)
	t.keepFile(&m)
	c.signal()
	t.publish(Event{Kind: "message", Person: c.id, Bot: b.Username})
	return &m
}

// keepFile remembers the content of a message's file and forgets the oldest
// ones once there are more than maxFileBytes of them.
func (t *Telegram) keepFile(m *Message) {
	if m.Document == nil {
		return
	}
	t.files = append(t.files, m)
	t.fileBytes += m.Document.Size + fileCost
	for t.fileBytes > maxFileBytes && len(t.files) > 1 {
		emptied := *t.files[0].Document
		emptied.Content = nil
		t.fileBytes -= emptied.Size + fileCost
		t.files[0].Document = &emptied
		t.files = t.files[1:]
	}
}

// Messages is the chat as the person sees it, oldest first, without deleted
// messages. chatID is the person's id, or the id of a group. It is empty where
// there is no such chat.
func (t *Telegram) Messages(chatID int64, bot string) []Message {
	t.mu.Lock()
	defer t.mu.Unlock()
	// Entities, rows of buttons and documents are replaced as a whole, never
	// changed in place, so the copies may share them.
	c := t.seen(chatID, bot)
	messages := make([]Message, len(c.messages))
	for i, m := range c.messages {
		messages[i] = *m
	}
	return messages
}

// WaitMessage returns the newest message of a chat that match accepts, as soon
// as there is one; nil accepts every message. match is called with the
// lock held: it must not call methods of t. It gives up when ctx ends or t is
// closed.
func (t *Telegram) WaitMessage(ctx context.Context, chatID int64, bot string, match func(Message) bool) (Message, error) {
	for {
		m, changed, err := t.newest(chatID, bot, match)
		if err != nil || changed == nil {
			return m, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Message{}, fmt.Errorf("wait for a message in chat %d: %w", chatID, ctx.Err())
		case <-t.done:
			return Message{}, fmt.Errorf("wait for a message in chat %d: %w", chatID, ErrClosed)
		}
	}
}

// newest finds the newest matching message; where there is none it gives a
// channel that is closed when the chat changes.
func (t *Telegram) newest(chatID int64, bot string, match func(Message) bool) (Message, <-chan struct{}, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b, err := t.botNamed(bot)
	if err != nil {
		return Message{}, nil, fmt.Errorf("wait for a message in chat %d: %w", chatID, err)
	}
	c := b.chat(chatID)
	for _, m := range slices.Backward(c.messages) {
		if match == nil || match(*m) {
			return *m, nil, nil
		}
	}
	if c.changed == nil {
		c.changed = make(chan struct{})
	}
	return Message{}, c.changed, nil
}

// Blocked reports whether a person has blocked a bot.
func (t *Telegram) Blocked(person int64, bot string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen(person, bot).blocked
}

// Started reports whether a person has ever pressed Start at a bot.
func (t *Telegram) Started(person int64, bot string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen(person, bot).started
}

// Toast is the text of the last answerCallbackQuery that this person got from
// this bot; "" where it had none.
func (t *Telegram) Toast(person int64, bot string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen(person, bot).toast
}

// seen returns a chat for reading; if there is none, an empty one that is not stored.
func (t *Telegram) seen(chatID int64, bot string) *chat {
	b, err := t.botNamed(bot)
	if err != nil || b.chats[chatID] == nil {
		return &chat{}
	}
	return b.chats[chatID]
}
