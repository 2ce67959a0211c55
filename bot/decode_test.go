package bot

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-telegram/bot/models"
	"github.com/google/go-cmp/cmp"
)

// optionalParts are parts of a message that telegate does not need, in variants that no version of the Bot API has today.
var optionalParts = []string{
	`"external_reply":{"origin":{"type":"agent","date":1}}`,
	`"forward_origin":{"type":"agent"}`,
	`"reply_to_message":{"message_id":1,"chat":{"id":5},"paid_media":{"paid_media":[{"type":"hologram"}]}}`,
	`"reply_to_message":{"reply_to_message":{"rich_message":{"blocks":[{"type":"agent"}]}}}`,
	`"reply_to_message":17`,
	`"chat_background_set":{"type":{"type":"aurora"}}`,
	`"paid_media":{"paid_media":[{"type":"hologram"}]}`,
	`"entities":[{"type":"agent","offset":"x"}]`,
	`"entities":{"0":1}`,
	`"sender_chat":"x"`, `"date":"yesterday"`, `"message_id":"m1"`, `"message_thread_id":{}`, `"is_topic_message":"yes"`,
	`"via_bot":[]`, `"new_chat_members":{}`, `"reply_markup":{"inline_keyboard":[[{"style":9}]]}`, `"poll":{"type":1}`,
	`"agent":{"type":"agent"}`, `"migrate_to_chat_id":"x"`,
}

func decoded(t *testing.T, update string) *models.Update {
	t.Helper()
	u, err := decode(Update{ID: 7, Raw: json.RawMessage(update)})
	if err != nil {
		t.Fatalf("%v: %s", err, update)
	}
	return u
}

func TestAStartIsReadWhateverElseTheMessageHolds(t *testing.T) {
	for _, part := range optionalParts {
		m := decoded(t, `{"message":{`+part+`,"chat":{"id":5,"type":"private","username":["x"]},"from":{"id":5,"is_bot":0,"language_code":5},"text":"/start TOKEN"}}`).Message
		if m == nil || m.Chat.ID != 5 || m.Chat.Type != models.ChatTypePrivate || m.From.ID != 5 || m.Text != "/start TOKEN" {
			t.Errorf("with %s the start is lost: %+v", part, m)
		}
	}
}

func TestANotMeIsReadWhateverElseTheTapHolds(t *testing.T) {
	for _, part := range append(optionalParts, `"chat":"x"`, `"chat":{"id":"x"}`) {
		q := decoded(t, `{"callback_query":{"id":"1","from":{"id":5},"data":"deny:ver_1","message":{"chat":{"id":5,"type":"private"},`+part+`}}}`).CallbackQuery
		if q == nil || q.From.ID != 5 || q.Data != "deny:ver_1" {
			t.Errorf("with %s the tap is lost: %+v", part, q)
		}
	}
	for _, message := range []string{`"S3cr3t"`, `7`, `[]`, `null`, `{"date":0}`} {
		if q := decoded(t, `{"callback_query":{"id":1,"from":{"id":5},"data":"deny:ver_1","message":`+message+`}}`).CallbackQuery; q.Data != "deny:ver_1" {
			t.Errorf("with the message %s the tap is lost", message)
		}
	}
}

func TestABlockIsReadWhateverTheOldStatusWas(t *testing.T) {
	for _, old := range []string{`{"status":"agent"}`, `{"status":5}`, `"left"`, `null`, `{"status":"member","user":{"id":"x"},"until_date":"x"}`} {
		m := decoded(t, `{"my_chat_member":{"chat":{"id":5,"type":"private"},"from":{"id":5},"date":"x","invite_link":7,"old_chat_member":`+old+`,"new_chat_member":{"status":"kicked","until_date":"never"}}}`).MyChatMember
		if m == nil || m.Chat.ID != 5 || m.NewChatMember.Type != models.ChatMemberTypeBanned {
			t.Errorf("after the old status %s the block is lost: %+v", old, m)
		}
	}
}

func TestAnUnknownNewStatusIsNoBlock(t *testing.T) {
	m := decoded(t, `{"my_chat_member":{"chat":{"id":5,"type":"private"},"from":{"id":5},"new_chat_member":{"status":"agent"}}}`).MyChatMember
	if m.NewChatMember.Type == models.ChatMemberTypeBanned || m.NewChatMember.Type == models.ChatMemberTypeMember {
		t.Errorf("it became %q", m.NewChatMember.Type)
	}
}

// FuzzDecode: no part that telegate does not need makes an update unreadable, or changes what is read.
func FuzzDecode(f *testing.F) {
	for _, part := range optionalParts {
		name, value, _ := strings.Cut(part, ":")
		f.Add(strings.Trim(name, `"`), value)
	}
	needed := []string{"chat", "from", "text", "migrate_to_chat_id", "sender_chat", "message_thread_id", "is_topic_message", "date", "message_id"}
	f.Fuzz(func(t *testing.T, name, value string) {
		key, err := json.Marshal(name)
		if err != nil || slices.ContainsFunc(needed, func(n string) bool { return strings.EqualFold(n, name) }) || !json.Valid([]byte(value)) {
			return
		}
		const message = `{"message":{%s"chat":{"id":5,"type":"private"},"from":{"id":5},"text":"/start TOKEN"}}`
		want := decoded(t, fmt.Sprintf(message, ""))
		if diff := cmp.Diff(want, decoded(t, fmt.Sprintf(message, string(key)+":"+value+","))); diff != "" {
			t.Errorf("with %q: %s\n%s", name, value, diff)
		}
	})
}
