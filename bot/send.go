package bot

import (
	"bytes"
	"context"

	tg "github.com/go-telegram/bot"
	"github.com/go-telegram/bot/models"

	"telegate/delivery"
)

// Send sends one part and returns when Telegram has accepted it. It sends the text with entities, never with a parse mode, and without link previews. Every error is a *delivery.SendError.
func (c *Client) Send(ctx context.Context, to delivery.Recipient, part delivery.Part) error {
	err := c.call(ctx, func(ctx context.Context) error {
		if part.File != nil {
			_, err := c.lib().SendDocument(ctx, document(to, part))
			return err
		}
		_, err := c.lib().SendMessage(ctx, message(to, part))
		return err
	})
	if err != nil {
		return sendError(ctx, err)
	}
	return nil
}

func message(to delivery.Recipient, part delivery.Part) *tg.SendMessageParams {
	return &tg.SendMessageParams{
		ChatID:              to.ChatID,
		MessageThreadID:     to.Thread,
		Text:                part.Text.Text,
		Entities:            entities(part.Text.Entities),
		LinkPreviewOptions:  &models.LinkPreviewOptions{IsDisabled: tg.True()},
		DisableNotification: to.Silent,
		ReplyMarkup:         keyboard(part.Buttons),
	}
}

func document(to delivery.Recipient, part delivery.Part) *tg.SendDocumentParams {
	return &tg.SendDocumentParams{
		ChatID:              to.ChatID,
		MessageThreadID:     to.Thread,
		Document:            &models.InputFileUpload{Filename: part.File.Name, Data: bytes.NewReader(part.File.Content)},
		Caption:             part.Text.Text,
		CaptionEntities:     entities(part.Text.Entities),
		DisableNotification: to.Silent,
		ReplyMarkup:         keyboard(part.Buttons),
	}
}

func entities(all []delivery.Entity) []models.MessageEntity {
	var list []models.MessageEntity
	for _, e := range all {
		list = append(list, models.MessageEntity{
			Type:           models.MessageEntityType(e.Type),
			Offset:         e.Offset,
			Length:         e.Length,
			URL:            e.URL,
			Language:       e.Language,
			CustomEmojiID:  e.CustomEmojiID,
			UnixTime:       int(e.UnixTime),
			DateTimeFormat: e.DateTimeFormat,
		})
	}
	return list
}

// keyboard is nil without buttons, which leaves it out of the request.
func keyboard(rows [][]delivery.Button) models.ReplyMarkup {
	var k models.InlineKeyboardMarkup
	for _, row := range rows {
		var buttons []models.InlineKeyboardButton
		for _, b := range row {
			button := models.InlineKeyboardButton{Text: b.Label, CallbackData: b.Callback, URL: b.URL, Style: b.Style}
			if b.Copy != "" {
				button.CopyText = &models.CopyTextButton{Text: b.Copy}
			}
			buttons = append(buttons, button)
		}
		if len(buttons) > 0 {
			k.InlineKeyboard = append(k.InlineKeyboard, buttons)
		}
	}
	if len(k.InlineKeyboard) == 0 {
		return nil
	}
	return k
}
