package bot

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-telegram/bot/models"
)

// decode reads a stored update: only the fields that telegate uses, so that nothing else in it can make it unreadable. A new Bot
// API version adds variants to every part of an update, and the library's own types fail as a whole on one that they do not know.
// The error contains nothing of the content.
func decode(stored Update) (*models.Update, error) {
	var u struct {
		Message       *updateMessage    `json:"message"`
		CallbackQuery *updateCallback   `json:"callback_query"`
		MyChatMember  *updateMembership `json:"my_chat_member"`
	}
	err := json.Unmarshal(stored.Raw, &u)
	var mismatch *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &mismatch):
		return nil, fmt.Errorf("field %s is not a %s", mismatch.Field, mismatch.Type)
	case errors.As(err, &syntax):
		return nil, fmt.Errorf("invalid JSON at byte %d", syntax.Offset)
	case err != nil:
		return nil, errors.New("invalid JSON")
	}
	return &models.Update{
		ID: stored.ID, Message: u.Message.model(), CallbackQuery: u.CallbackQuery.model(), MyChatMember: u.MyChatMember.model(),
	}, nil
}

// optional is a field that telegate can do without. It stays empty if Telegram sends another type than the one documented.
type optional[T any] struct{ value T }

// UnmarshalJSON never fails.
func (o *optional[T]) UnmarshalJSON(raw []byte) error {
	if json.Unmarshal(raw, &o.value) != nil {
		var none T
		o.value = none
	}
	return nil
}

// The parts of an update, with the names of core.telegram.org/bots/api#update.
type (
	updateMessage struct {
		ID            optional[int]          `json:"message_id"`
		Date          optional[int]          `json:"date"`
		Chat          updateChat             `json:"chat"`
		From          *updateUser            `json:"from"`
		SenderChat    optional[updateSender] `json:"sender_chat"`
		Text          string                 `json:"text"`
		MigrateTo     optional[int64]        `json:"migrate_to_chat_id"`
		Thread        optional[int]          `json:"message_thread_id"`
		InForumThread optional[bool]         `json:"is_topic_message"`
	}
	updateCallback struct {
		ID      optional[string]                `json:"id"`
		From    updateUser                      `json:"from"`
		Message optional[updateCallbackMessage] `json:"message"`
		Data    string                          `json:"data"`
	}
	// updateCallbackMessage has the date 0 if the message is inaccessible.
	updateCallbackMessage struct {
		ID   int           `json:"message_id"`
		Date optional[int] `json:"date"`
		Chat updateChat    `json:"chat"`
	}
	updateMembership struct {
		Chat updateChat   `json:"chat"`
		From updateUser   `json:"from"`
		New  updateStatus `json:"new_chat_member"`
	}
	updateStatus struct {
		Status string `json:"status"`
	}
	updateChat struct {
		ID        int64            `json:"id"`
		Type      string           `json:"type"`
		Username  optional[string] `json:"username"`
		FirstName optional[string] `json:"first_name"`
		LastName  optional[string] `json:"last_name"`
	}
	updateUser struct {
		ID       int64            `json:"id"`
		IsBot    optional[bool]   `json:"is_bot"`
		Language optional[string] `json:"language_code"`
	}
	updateSender struct {
		ID int64 `json:"id"`
	}
)

func (m *updateMessage) model() *models.Message {
	if m == nil {
		return nil
	}
	result := &models.Message{
		ID: m.ID.value, Date: m.Date.value, Chat: m.Chat.model(), Text: m.Text, MigrateToChatID: m.MigrateTo.value,
		MessageThreadID: m.Thread.value, IsTopicMessage: m.InForumThread.value,
	}
	if m.From != nil {
		from := m.From.model()
		result.From = &from
	}
	if m.SenderChat.value.ID != 0 {
		result.SenderChat = &models.Chat{ID: m.SenderChat.value.ID}
	}
	return result
}

func (q *updateCallback) model() *models.CallbackQuery {
	if q == nil {
		return nil
	}
	result := &models.CallbackQuery{ID: q.ID.value, From: q.From.model(), Data: q.Data}
	switch m := q.Message.value; {
	case m.Chat.ID == 0: // there is none, or it cannot be read
	case m.Date.value == 0:
		result.Message.InaccessibleMessage = &models.InaccessibleMessage{Chat: m.Chat.model(), MessageID: m.ID}
	default:
		result.Message.Message = &models.Message{ID: m.ID, Date: m.Date.value, Chat: m.Chat.model()}
	}
	return result
}

func (m *updateMembership) model() *models.ChatMemberUpdated {
	if m == nil {
		return nil
	}
	return &models.ChatMemberUpdated{
		Chat: m.Chat.model(), From: m.From.model(), NewChatMember: models.ChatMember{Type: models.ChatMemberType(m.New.Status)},
	}
}

func (c updateChat) model() models.Chat {
	return models.Chat{
		ID: c.ID, Type: models.ChatType(c.Type), Username: c.Username.value, FirstName: c.FirstName.value, LastName: c.LastName.value,
	}
}

func (u updateUser) model() models.User {
	return models.User{ID: u.ID, IsBot: u.IsBot.value, LanguageCode: u.Language.value}
}
