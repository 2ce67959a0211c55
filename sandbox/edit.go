package sandbox

import (
	"slices"
	"time"
	"unicode/utf8"
)

const (
	deletable = 48 * time.Hour // https://core.telegram.org/bots/api#deletemessage
	maxToast  = 200            // characters: https://core.telegram.org/bots/api#answercallbackquery
)

// editMessageText: https://core.telegram.org/bots/api#editmessagetext. Without
// reply_markup the buttons go.
func (t *Telegram) editMessageText(b *bot, r *request) (any, *apiError) {
	text, entities, err := t.messageText(r)
	if err != nil {
		return nil, err
	}
	return t.edit(b, r, func(m *Message) *apiError {
		if m.Document != nil {
			return errNoTextToEdit
		}
		m.Text, m.Entities = text, entities
		return nil
	})
}

// editMessageReplyMarkup: https://core.telegram.org/bots/api#editmessagereplymarkup.
func (t *Telegram) editMessageReplyMarkup(b *bot, r *request) (any, *apiError) {
	return t.edit(b, r, func(*Message) *apiError { return nil })
}

// edit changes a message of the bot's own: what change does to it, and its
// buttons.
func (t *Telegram) edit(b *bot, r *request, change func(*Message) *apiError) (any, *apiError) {
	buttons, err := parseKeyboard(r.params["reply_markup"])
	if err != nil {
		return nil, err
	}
	id := int(integer(r.params["message_id"]))
	if r.params["chat_id"] == "" && id == 0 {
		return nil, errNoIdentifier // inline messages do not exist here
	}
	c, err := t.reach(b, r.params["chat_id"], toEdit)
	if err != nil {
		return nil, err
	}
	m := c.find(id)
	switch {
	case m == nil:
		return nil, errEditNotFound
	case !m.FromBot:
		return nil, errCannotEdit
	}
	edited := *m
	if err := change(&edited); err != nil {
		return nil, err
	}
	edited.Buttons = buttons
	if edited.Text == m.Text && slices.Equal(edited.Entities, m.Entities) &&
		slices.EqualFunc(edited.Buttons, m.Buttons, slices.Equal[[]Button]) {
		return nil, errNotModified
	}
	edited.Edited, edited.EditDate = true, t.now()
	*m = edited
	c.signal()
	t.publish(Event{Kind: "edited", Person: c.id, Bot: b.Username})
	return t.wireMessage(b, c, m), nil
}

// deleteMessage: https://core.telegram.org/bots/api#deletemessage. A bot may
// delete any message of a private chat and its own messages in a group, while
// they are younger than 48 hours.
func (t *Telegram) deleteMessage(b *bot, r *request) (any, *apiError) {
	c, err := t.reach(b, r.params["chat_id"], toEdit)
	if err != nil {
		return nil, err
	}
	id := int(integer(r.params["message_id"]))
	m := c.find(id)
	switch {
	case m == nil:
		return nil, errDeleteNotFound
	case t.now().Sub(m.Date) > deletable || c.id < 0 && !m.FromBot:
		return nil, errCannotDelete
	}
	c.messages = slices.DeleteFunc(c.messages, func(m *Message) bool { return m.ID == id })
	c.signal()
	t.publish(Event{Kind: "deleted", Person: c.id, Bot: b.Username})
	return true, nil
}

// answerCallbackQuery: https://core.telegram.org/bots/api#answercallbackquery.
// A query can be answered once, within 150 seconds.
func (t *Telegram) answerCallbackQuery(b *bot, r *request) (any, *apiError) {
	id := r.params["callback_query_id"]
	query := b.callbacks[id]
	if query == nil || query.expires.Before(t.now()) {
		return nil, errQueryTooOld
	}
	text := r.params["text"]
	switch {
	case !utf8.ValidString(text):
		return nil, errNotUTF8
	case utf8.RuneCountInString(text) > maxToast:
		return nil, errToastTooLong
	}
	delete(b.callbacks, id)
	b.chat(query.person).toast = text
	t.publish(Event{Kind: "toast", Person: query.person, Bot: b.Username})
	return true, nil
}
