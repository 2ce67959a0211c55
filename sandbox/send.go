package sandbox

import (
	"encoding/json"
	"mime"
	"path/filepath"
	"strconv"
	"strings"
)

// access is what a method wants to do with a chat.
type access int

const (
	toRead access = iota
	toEdit
	toWrite
)

// reach finds the chat that the parameter chat_id names, or says why a bot
// cannot get at it: check_chat and check_chat_access of Client.cpp.
func (t *Telegram) reach(b *bot, chatID string, want access) (*chat, *apiError) {
	if chatID == "" {
		return nil, errChatIDEmpty
	}
	id := integer(chatID) // of "@name" it is 0; only public groups have names, and there are none
	if g := t.groups[id]; g != nil {
		return t.reachGroup(b, g, want)
	}
	if t.botByID(id) != nil && want == toWrite {
		return nil, errToBot
	}
	p := t.byID[id]
	switch {
	case p == nil:
		return nil, errChatNotFound
	case p.deactivated && want != toRead:
		return nil, errDeactivated
	}
	c := b.chats[id]
	if c == nil || !c.started {
		if want == toWrite {
			return nil, errCannotInitiate
		}
		return nil, errChatNotFound
	}
	if c.blocked && want == toWrite {
		return nil, errBlockedByUser
	}
	return c, nil
}

func (t *Telegram) reachGroup(b *bot, g *group, want access) (*chat, *apiError) {
	kind := "group"
	if g.Supergroup {
		kind = "supergroup"
	}
	status, known := g.status[b.ID]
	closed := g.Supergroup || want != toRead // a basic group can be read by those who have left
	switch {
	case !known:
		return nil, errChatNotFound
	case g.movedTo != 0 && want == toWrite:
		return nil, migrated(g.movedTo)
	case status == statusKicked && closed:
		return nil, &apiError{code: 403, description: "Forbidden: bot was kicked from the " + kind + " chat"}
	}
	return b.chat(g.ID), nil
}

// sendMessage: https://core.telegram.org/bots/api#sendmessage. The options that
// change only how a message looks (link previews, effects) are accepted without
// effect.
func (t *Telegram) sendMessage(b *bot, r *request) (any, *apiError) {
	text, entities, err := t.messageText(r)
	if err != nil {
		return nil, err
	}
	return t.send(b, r, Message{Text: text, Entities: entities})
}

// messageText is the text of sendMessage and editMessageText.
func (t *Telegram) messageText(r *request) (string, []Entity, *apiError) {
	if r.params["text"] == "" {
		return "", nil, errTextEmpty
	}
	text, entities, err := t.parseText(r.params["text"], r.params["parse_mode"], r.params["entities"], maxText, errMessageTooLong)
	if err == nil && text == "" {
		err = errTextNonEmpty
	}
	if err == nil && r.params["link_preview_options"] != "" {
		if _, ok := decodeObject(json.RawMessage(r.params["link_preview_options"])); !ok {
			err = badRequest("can't parse link preview options JSON object")
		}
	}
	return text, entities, err
}

// sendDocument: https://core.telegram.org/bots/api#senddocument, for files that
// come with the request.
func (t *Telegram) sendDocument(b *bot, r *request) (any, *apiError) {
	field := "document"
	if name, ok := strings.CutPrefix(r.params[field], "attach://"); ok {
		field = name
	}
	file, ok := r.files[field]
	switch {
	case !ok && r.params[field] != "":
		return nil, errFileID
	case !ok:
		return nil, errNoDocument
	case len(file.content) == 0:
		return nil, errFileEmpty
	}
	caption, entities, err := t.parseText(r.params["caption"], r.params["parse_mode"], r.params["caption_entities"], maxCaption, errCaptionTooLong)
	if err != nil {
		return nil, err
	}
	t.lastFile++
	return t.send(b, r, Message{Text: caption, Entities: entities, Document: &Document{
		FileName: file.name, MIMEType: file.kind(), Size: len(file.content), Content: file.content,
		id: "sandbox-file-" + strconv.Itoa(t.lastFile),
	}})
}

// kind is the MIME type of a file: by the ending of its name, else as the
// client said.
func (u upload) kind() string {
	if kind, _, err := mime.ParseMediaType(mime.TypeByExtension(filepath.Ext(u.name))); err == nil {
		return kind
	}
	return u.mimeType
}

// send is the common part of all sending: markup, chat, reply, limits.
func (t *Telegram) send(b *bot, r *request, m Message) (any, *apiError) {
	buttons, err := parseKeyboard(r.params["reply_markup"])
	if err != nil {
		return nil, err
	}
	if r.params["business_connection_id"] != "" {
		return nil, errNoBusiness
	}
	c, err := t.reach(b, r.params["chat_id"], toWrite)
	if err != nil {
		return nil, err
	}
	if integer(r.params["message_thread_id"]) > 0 {
		return nil, errThreadNotFound // there are no topics here
	}
	replyTo, err := c.replyTo(r)
	if err != nil {
		return nil, err
	}
	if r.flag("allow_paid_broadcast") {
		return nil, errNoPaid // nobody here has Telegram Stars
	}
	if wait := t.admit(b, c, t.now()); wait > 0 {
		return nil, tooManyRequests(wait)
	}
	m.FromBot, m.Buttons, m.ReplyTo = true, buttons, replyTo
	m.Silent = r.flag("disable_notification")
	m.Protected = r.flag("protect_content")
	return t.wireMessage(b, c, t.post(b, c, m)), nil
}

// replyTo reads reply_parameters: the id of a message of the same chat.
func (c *chat) replyTo(r *request) (int, *apiError) {
	raw := r.params["reply_parameters"]
	if raw == "" {
		return 0, nil
	}
	f, ok := decodeObject(json.RawMessage(raw))
	if !ok {
		return 0, badRequest("can't parse reply parameters JSON object")
	}
	id, problem := f.number("message_id")
	if problem != "" {
		return 0, badRequest("can't parse reply parameters: %s", problem)
	}
	if c.find(int(id)) != nil {
		return int(id), nil
	}
	if string(f["allow_sending_without_reply"]) == "true" {
		return 0, nil
	}
	return 0, errReplyNotFound
}
