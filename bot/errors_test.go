package bot_test

import (
	"errors"
	"strings"
	"testing"

	"telegate/delivery"
)

// The descriptions are Telegram's own words, from telegram-bot-api and td at the commits that errors.go names.
func TestEveryErrorOfTheCatalogueHasItsClassAndReason(t *testing.T) {
	const (
		recipient = delivery.RecipientPermanent
		message   = delivery.MessagePermanent
		markup    = delivery.Markup
		transient = delivery.Transient
	)
	for _, test := range []struct {
		code        int
		description string
		class       delivery.Class
		reason      delivery.Reason
	}{
		{403, "Forbidden: bot was blocked by the user", recipient, delivery.ReasonBlockedByUser},
		{403, "Forbidden: user is deactivated", recipient, delivery.ReasonDeactivated},
		{403, "Forbidden: bot can't initiate conversation with a user", recipient, delivery.ReasonNeverStarted},
		{403, "Forbidden: the bot can't send messages to the bot", recipient, delivery.ReasonRejected},
		{403, "Forbidden: bot was kicked from the group chat", recipient, delivery.ReasonKicked},
		{403, "Forbidden: bot was kicked from the supergroup chat", recipient, delivery.ReasonKicked},
		{403, "Forbidden: bot was kicked from the channel chat", recipient, delivery.ReasonKicked},
		{403, "Forbidden: bot is not a member of the group chat", recipient, delivery.ReasonKicked},
		{403, "Forbidden: bot is not a member of the supergroup chat", recipient, delivery.ReasonKicked},
		{403, "Forbidden: bot is not a member of the channel chat", recipient, delivery.ReasonKicked},
		{403, "Forbidden: the group chat was deleted", recipient, delivery.ReasonChatNotFound},
		{400, "Logged out", delivery.Unauthorized, delivery.ReasonUnauthorized},
		{401, "Unauthorized: invalid api-id/api-hash", delivery.Unauthorized, delivery.ReasonUnauthorized},
		{403, "Forbidden: something new", recipient, delivery.ReasonNoRights},
		{400, "Bad Request: chat not found", recipient, delivery.ReasonChatNotFound},
		{400, "Bad Request: private chat not found", recipient, delivery.ReasonChatNotFound},
		{400, "Bad Request: PEER_ID_INVALID", recipient, delivery.ReasonChatNotFound},
		{400, "Bad Request: USER_IS_BLOCKED", recipient, delivery.ReasonBlockedByUser},
		{400, "Bad Request: INPUT_USER_DEACTIVATED", recipient, delivery.ReasonDeactivated},
		{400, "Bad Request: group chat was upgraded to a supergroup chat", recipient, delivery.ReasonChatNotFound},
		{400, "Bad Request: have no write access to the chat", recipient, delivery.ReasonNoRights},
		{400, "Bad Request: need administrator rights in the channel chat", recipient, delivery.ReasonNoRights},
		{400, "Bad Request: not enough rights to send text messages to the chat", recipient, delivery.ReasonNoRights},
		{400, "Bad Request: CHAT_RESTRICTED", recipient, delivery.ReasonNoRights},
		{400, "Bad Request: CHAT_WRITE_FORBIDDEN", recipient, delivery.ReasonNoRights},
		{400, "Bad Request: TOPIC_CLOSED", recipient, delivery.ReasonNoRights},
		{400, "Bad Request: message thread not found", recipient, delivery.ReasonChatNotFound},
		{400, "Bad Request: can't parse entities: Unsupported start tag \"x\" at byte offset 0", markup, delivery.ReasonRejected},
		{400, "Bad Request: can't parse MessageEntity: Field \"type\" must be of type String", markup, delivery.ReasonRejected},
		{400, "Bad Request: unsupported parse_mode", markup, delivery.ReasonRejected},
		{400, "Bad Request: ENTITY_BOUNDS_INVALID", markup, delivery.ReasonRejected},
		{400, "Bad Request: message text is empty", message, delivery.ReasonRejected},
		{400, "Bad Request: message is too long", message, delivery.ReasonRejected},
		{400, "Bad Request: text is too long", message, delivery.ReasonRejected},
		{400, "Bad Request: reply markup is too long", message, delivery.ReasonRejected},
		{400, "Bad Request: BUTTON_DATA_INVALID", message, delivery.ReasonRejected},
		{400, "Bad Request: BUTTON_URL_INVALID", message, delivery.ReasonRejected},
		{400, "Bad Request: inline keyboard button URL 'http://nas' is invalid: Wrong HTTP URL", message, delivery.ReasonRejected},
		{400, "Bad Request: message to be replied not found", message, delivery.ReasonRejected},
		{400, "Bad Request: chat_id is empty", message, delivery.ReasonRejected},
		{400, "Bad Request: SOMETHING_NEW", message, delivery.ReasonRejected},
		{401, "Unauthorized", delivery.Unauthorized, delivery.ReasonUnauthorized},
		{401, "Unauthorized: invalid token specified", delivery.Unauthorized, delivery.ReasonUnauthorized},
		{404, "Not Found", delivery.Unauthorized, delivery.ReasonUnauthorized},
		{404, "Not Found: method not found", message, delivery.ReasonRejected},
		{409, "Conflict: something", transient, delivery.ReasonUnreachable},
		{413, "Request Entity Too Large", transient, delivery.ReasonUnreachable},
		{421, "Misdirected Request", transient, delivery.ReasonUnreachable},
		{429, "Too Many Requests: retry after 5", delivery.Flood, delivery.ReasonLimited},
		{500, "Internal Server Error: restart", transient, delivery.ReasonUnreachable},
		{502, "Bad Gateway", transient, delivery.ReasonUnreachable},
	} {
		t.Run(test.description, func(t *testing.T) {
			err := newClient(t, connect(t, refusal(test.code, test.description, ""))).Send(t.Context(), delivery.Recipient{ChatID: 1}, text("x"))
			if got, want := fateOf(t, err), (fate{Class: test.class, Reason: test.reason}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestRefusalIsToldInTelegramsWordsWithoutTheMessage(t *testing.T) {
	c := newClient(t, connect(t, refusal(400, "Bad Request: inline keyboard button URL 'https://nas/it's?once=S3cr3t' is invalid: Wrong HTTP URL", "")))
	err := c.Send(t.Context(), delivery.Recipient{ChatID: 1}, text("x"))
	var e *delivery.SendError
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	for _, said := range []string{e.Error(), e.Failure.Detail} {
		if strings.Contains(said, "S3cr3t") || !strings.Contains(said, "Wrong HTTP URL") {
			t.Errorf("said: %s", said)
		}
	}
}
