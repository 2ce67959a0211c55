package sandbox

// The JSON of the Bot API: https://core.telegram.org/bots/api#available-types.
// Only the fields that the simulation fills in are here.

type wireUser struct {
	ID           int64  `json:"id"`
	IsBot        bool   `json:"is_bot"`
	FirstName    string `json:"first_name"`
	LastName     string `json:"last_name,omitempty"`
	Username     string `json:"username,omitempty"`
	LanguageCode string `json:"language_code,omitempty"`
}

type wireChat struct {
	ID        int64  `json:"id"`
	Title     string `json:"title,omitempty"`
	FirstName string `json:"first_name,omitempty"`
	LastName  string `json:"last_name,omitempty"`
	Username  string `json:"username,omitempty"`
	Type      string `json:"type"`
}

type wireMessage struct {
	MessageID           int           `json:"message_id"`
	From                *wireUser     `json:"from,omitempty"`
	SenderChat          *wireChat     `json:"sender_chat,omitempty"`
	Chat                wireChat      `json:"chat"`
	Date                int64         `json:"date"`
	EditDate            int64         `json:"edit_date,omitempty"`
	ReplyToMessage      *wireMessage  `json:"reply_to_message,omitempty"`
	HasProtectedContent bool          `json:"has_protected_content,omitempty"`
	Text                string        `json:"text,omitempty"`
	Entities            []wireEntity  `json:"entities,omitempty"`
	Document            *wireDocument `json:"document,omitempty"`
	Caption             string        `json:"caption,omitempty"`
	CaptionEntities     []wireEntity  `json:"caption_entities,omitempty"`
	ReplyMarkup         *wireMarkup   `json:"reply_markup,omitempty"`
	NewChatMembers      []wireUser    `json:"new_chat_members,omitempty"`
	LeftChatMember      *wireUser     `json:"left_chat_member,omitempty"`
	MigrateToChatID     int64         `json:"migrate_to_chat_id,omitempty"`
	MigrateFromChatID   int64         `json:"migrate_from_chat_id,omitempty"`
}

type wireEntity struct {
	Offset         int       `json:"offset"`
	Length         int       `json:"length"`
	Type           string    `json:"type"`
	URL            string    `json:"url,omitempty"`
	User           *wireUser `json:"user,omitempty"`
	Language       string    `json:"language,omitempty"`
	CustomEmojiID  string    `json:"custom_emoji_id,omitempty"`
	UnixTime       int64     `json:"unix_time,omitempty"`
	DateTimeFormat string    `json:"date_time_format,omitempty"`
}

type wireDocument struct {
	FileName     string `json:"file_name,omitempty"`
	MIMEType     string `json:"mime_type,omitempty"`
	FileID       string `json:"file_id"`
	FileUniqueID string `json:"file_unique_id"`
	FileSize     int    `json:"file_size"`
}

type wireMarkup struct {
	InlineKeyboard [][]wireButton `json:"inline_keyboard"`
}

type wireButton struct {
	Text         string        `json:"text"`
	URL          string        `json:"url,omitempty"`
	CallbackData string        `json:"callback_data,omitempty"`
	CopyText     *wireCopyText `json:"copy_text,omitempty"`
	Style        string        `json:"style,omitempty"`
}

type wireCopyText struct {
	Text string `json:"text"`
}

type wireCallbackQuery struct {
	ID           string      `json:"id"`
	From         wireUser    `json:"from"`
	Message      wireMessage `json:"message"`
	ChatInstance string      `json:"chat_instance"`
	Data         string      `json:"data"`
}

type wireMember struct {
	User      wireUser `json:"user"`
	Status    string   `json:"status"`
	UntilDate *int64   `json:"until_date,omitempty"` // of status kicked: 0, for ever
}

type wireMemberUpdated struct {
	Chat          wireChat   `json:"chat"`
	From          wireUser   `json:"from"`
	Date          int64      `json:"date"`
	OldChatMember wireMember `json:"old_chat_member"`
	NewChatMember wireMember `json:"new_chat_member"`
}

func (b *bot) wire() wireUser {
	return wireUser{ID: b.ID, IsBot: true, FirstName: b.Name, Username: b.Username}
}

func (p *person) wire() wireUser {
	return wireUser{
		ID: p.ID, FirstName: p.FirstName, LastName: p.LastName,
		Username: p.Username, LanguageCode: p.LanguageCode,
	}
}

func (b *bot) member(status string) wireMember {
	m := wireMember{User: b.wire(), Status: status}
	if status == statusKicked {
		m.UntilDate = new(int64)
	}
	return m
}

// wireChat is a private chat, a group or a supergroup, by its id.
func (t *Telegram) wireChat(id int64) wireChat {
	if g := t.groups[id]; g != nil {
		kind := "group"
		if g.Supergroup {
			kind = "supergroup"
		}
		return wireChat{ID: id, Title: g.Title, Type: kind}
	}
	c := wireChat{ID: id, Type: "private"}
	if p := t.byID[id]; p != nil {
		c.FirstName, c.LastName, c.Username = p.FirstName, p.LastName, p.Username
	}
	return c
}

// wireMessage is a message of a chat of b, with the message it replies to.
func (t *Telegram) wireMessage(b *bot, c *chat, m *Message) wireMessage {
	w := wireMessage{
		MessageID:           m.ID,
		Chat:                t.wireChat(m.ChatID),
		Date:                m.Date.Unix(),
		HasProtectedContent: m.Protected,
	}
	from := b.wire()
	if !m.FromBot {
		from = t.byID[m.From].wire()
	}
	w.From = &from
	if m.Edited {
		w.EditDate = m.EditDate.Unix()
	}
	entities := make([]wireEntity, len(m.Entities))
	for i, e := range m.Entities {
		entities[i] = t.wireEntity(e)
	}
	if m.Document == nil {
		w.Text, w.Entities = m.Text, entities
	} else {
		w.Caption, w.CaptionEntities = m.Text, entities
		w.Document = &wireDocument{
			FileName: m.Document.FileName, MIMEType: m.Document.MIMEType, FileSize: m.Document.Size,
			FileID: m.Document.id, FileUniqueID: "unique-" + m.Document.id,
		}
	}
	if len(m.Buttons) > 0 {
		w.ReplyMarkup = wireKeyboard(m.Buttons)
	}
	if replied := c.find(m.ReplyTo); replied != nil {
		shown := *replied
		shown.ReplyTo = 0 // only one message deep, as on the real server
		r := t.wireMessage(b, c, &shown)
		w.ReplyToMessage = &r
	}
	return w
}

func (t *Telegram) wireEntity(e Entity) wireEntity {
	w := wireEntity{
		Offset: e.Offset, Length: e.Length, Type: e.Type, URL: e.URL, Language: e.Language,
		CustomEmojiID: e.CustomEmojiID, UnixTime: e.UnixTime, DateTimeFormat: e.DateTimeFormat,
	}
	if p := t.byID[e.UserID]; p != nil {
		user := p.wire()
		w.User = &user
	}
	return w
}

func wireKeyboard(rows [][]Button) *wireMarkup {
	markup := &wireMarkup{InlineKeyboard: make([][]wireButton, len(rows))}
	for i, row := range rows {
		markup.InlineKeyboard[i] = make([]wireButton, len(row))
		for j, b := range row {
			w := wireButton{Text: b.Text, URL: b.URL, CallbackData: b.CallbackData, Style: b.Style}
			if b.CopyText != "" {
				w.CopyText = &wireCopyText{Text: b.CopyText}
			}
			markup.InlineKeyboard[i][j] = w
		}
	}
	return markup
}
