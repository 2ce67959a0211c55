package bot

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"telegate/delivery"
)

// ErrTokenShape: the text is not a bot token. The error never shows the text.
var ErrTokenShape = errors.New("this is not a bot token: @BotFather gives out a number, a colon and about 35 letters, such as 123456789:AA…")

// answerError is an answer of the Bot API with "ok": false. Telegram has not done what was asked.
type answerError struct {
	method      string
	code        int           // error_code, which is also the HTTP status
	description string        // redacted, for example "Bad Request: chat not found"
	retryAfter  time.Duration // only with code 429
	migrateTo   int64         // only if a group became a supergroup
}

func (e *answerError) Error() string {
	return fmt.Sprintf("%s: Telegram answered %d: %s", e.method, e.code, e.description)
}

// says reports whether the description contains the words, which are in lower case. Telegram's case varies.
func (e *answerError) says(words string) bool {
	return strings.Contains(strings.ToLower(e.description), words)
}

// networkError is a call without an answer of the Bot API: the network failed, or something in between answered.
type networkError struct {
	method    string
	maybeSent bool  // Telegram may have received the request and acted on it
	status    int   // HTTP status of an answer that is not from the Bot API; 0 without an answer
	err       error // redacted
}

func (e *networkError) Error() string { return fmt.Sprintf("%s: %v", e.method, e.err) }

func (e *networkError) Unwrap() error { return e.err }

// outcome says what an error of the Bot API means for a message.
type outcome struct {
	code   int    // error_code
	words  string // the description contains them; empty: any other description
	class  delivery.Class
	reason delivery.Reason
	detail string // for people, with the next step
}

// outcomes maps the errors of the Bot API; the first match counts. TBA is telegram-bot-api @01a3679, TDL is td @022d60202
// (the code behind api.telegram.org). MTProto codes are passed on unchanged by TBA Client.cpp:179.
var outcomes = []outcome{
	{403, "bot was blocked by the user", delivery.RecipientPermanent, delivery.ReasonBlockedByUser, sayBlocked}, // TBA Client.cpp:127
	{403, "user is deactivated", delivery.RecipientPermanent, delivery.ReasonDeactivated, sayDeactivated},       // TBA Client.cpp:124, 8136
	{403, "can't initiate conversation", delivery.RecipientPermanent, delivery.ReasonNeverStarted, sayStart},    // TDL MessagesManager.cpp:27957
	{403, "can't send messages to the bot", delivery.RecipientPermanent, delivery.ReasonRejected, sayBot},       // TDL MessagesManager.cpp:27952
	{403, "can't send messages to bots", delivery.RecipientPermanent, delivery.ReasonRejected, sayBot},          // the wording before it
	{403, "bot was kicked", delivery.RecipientPermanent, delivery.ReasonKicked, sayKicked},                      // TBA Client.cpp:8158-8185
	{403, "bot is not a member", delivery.RecipientPermanent, delivery.ReasonKicked, sayKicked},                 // TBA Client.cpp:8158-8185
	{403, "group chat was deleted", delivery.RecipientPermanent, delivery.ReasonChatNotFound, sayGone},          // TBA Client.cpp:8158-8185
	{403, "", delivery.RecipientPermanent, delivery.ReasonNoRights, sayRights},                                  // anything else that is forbidden
	{400, "upgraded to a supergroup", delivery.RecipientPermanent, delivery.ReasonChatNotFound, sayGone},        // TBA Client.cpp:8150, without the new id
	{400, "chat not found", delivery.RecipientPermanent, delivery.ReasonChatNotFound, sayChat},                  // TBA; "private chat not found" too
	{400, "peer_id_invalid", delivery.RecipientPermanent, delivery.ReasonChatNotFound, sayChat},                 // MTProto
	{400, "user_is_blocked", delivery.RecipientPermanent, delivery.ReasonBlockedByUser, sayBlocked},             // MTProto
	{400, "input_user_deactivated", delivery.RecipientPermanent, delivery.ReasonDeactivated, sayDeactivated},    // MTProto
	{400, "have no write access", delivery.RecipientPermanent, delivery.ReasonNoRights, sayRights},              // TDL DialogManager.cpp:1511
	{400, "need administrator rights", delivery.RecipientPermanent, delivery.ReasonNoRights, sayRights},         // TDL DialogManager.cpp:1525
	{400, "not enough rights", delivery.RecipientPermanent, delivery.ReasonNoRights, sayRights},                 // TDL MessageContent.cpp:6302
	{400, "chat_restricted", delivery.RecipientPermanent, delivery.ReasonNoRights, sayRights},                   // MTProto
	{400, "chat_write_forbidden", delivery.RecipientPermanent, delivery.ReasonNoRights, sayRights},              // MTProto
	{400, "topic_closed", delivery.RecipientPermanent, delivery.ReasonNoRights, sayRights},                      // MTProto
	{400, "message thread not found", delivery.RecipientPermanent, delivery.ReasonChatNotFound, sayGone},        // TBA
	{400, "can't parse entities", delivery.Markup, delivery.ReasonRejected, sayMarkup},                          // TDL MessageEntity.cpp
	{400, "can't parse messageentity", delivery.Markup, delivery.ReasonRejected, sayMarkup},                     // TBA Client.cpp
	{400, "unsupported parse_mode", delivery.Markup, delivery.ReasonRejected, sayMarkup},                        // TBA Client.cpp
	{400, "entity_", delivery.Markup, delivery.ReasonRejected, sayMarkup},                                       // MTProto: ENTITY_BOUNDS_INVALID…
	{400, "entities_", delivery.Markup, delivery.ReasonRejected, sayMarkup},                                     // MTProto: ENTITIES_TOO_LONG
	{400, "text is empty", delivery.MessagePermanent, delivery.ReasonRejected, sayEmpty},                        // TBA
	{400, "too long", delivery.MessagePermanent, delivery.ReasonRejected, sayLong},                              // TBA Client.cpp:11309: message, text, caption, markup
	{400, "button url", delivery.MessagePermanent, delivery.ReasonRejected, sayButtonURL},                       // TDL LinkManager.cpp:1983
	{400, "button_url_invalid", delivery.MessagePermanent, delivery.ReasonRejected, sayButtonURL},               // MTProto
	{400, loggedOut, delivery.Unauthorized, delivery.ReasonUnauthorized, sayLoggedOut},                          // TBA Client.cpp, get_closing_error
	{400, "", delivery.MessagePermanent, delivery.ReasonRejected, sayRefused},                                   // anything else
	{401, "api-id", delivery.Unauthorized, delivery.ReasonUnauthorized, sayAPIID},                               // TBA: an own server without api_id
	{401, "", delivery.Unauthorized, delivery.ReasonUnauthorized, sayToken},                                     // TBA ClientManager.cpp:72-84
	{404, "method not found", delivery.MessagePermanent, delivery.ReasonRejected, sayMethod},                    // TBA: a self-hosted server that is too old
	{404, "", delivery.Unauthorized, delivery.ReasonUnauthorized, sayPath},                                      // TBA: wrong path or token
	{500, closing, delivery.Transient, delivery.ReasonUnreachable, sayClosing},                                  // TBA Client.cpp, get_closing_error
	{429, "", delivery.Flood, delivery.ReasonLimited, sayFlood},                                                 // TBA Query.cpp:105
	{0, "", delivery.Transient, delivery.ReasonUnreachable, sayTrouble},                                         // 5xx, 413, 421, 409: temporary
}

// loggedOut is what a Bot API server answers to a bot that has moved to another server with logOut.
const loggedOut = "logged out"

// closing is what a Bot API server answers while it closes a bot: before it restarts, and after close, which comes before a move to
// another server of one's own. (close itself is refused with 429 in the first ten minutes after the bot was opened there.)
const closing = "internal server error: restart"

// The sentences of the table.
const (
	sayLoggedOut   = "This bot has been logged out of this Bot API server, because it moves to another one (logOut). Set baseurl to the server that it moved to; to come back to https://api.telegram.org wait ten minutes. Messages wait meanwhile."
	sayClosing     = "The Bot API server closes this bot: it restarts, or somebody called close to move the bot to another server. If the bot moves, stop telegate and set baseurl to the new server, because each request opens the bot on the old one again. If not, wait" + keepsTrying
	sayAPIID       = "The Bot API server has no valid api_id and api_hash. Give it those of my.telegram.org, or use https://api.telegram.org as baseurl."
	sayBlocked     = "The user has blocked the bot. They must open it in Telegram and press Unblock or Start."
	sayDeactivated = "The user's Telegram account was deleted. Unlink it and let them link another one."
	sayStart       = "The user has never pressed Start. Ask them to open the bot in Telegram and press it."
	sayBot         = "The chat belongs to a bot, and a bot cannot write to a bot. Link a person's account."
	sayKicked      = "The bot is no longer in the group. Add it to the group again."
	sayGone        = "The chat no longer exists. Link or name another one."
	sayRights      = "The bot may not write there. Give it the right to send messages, or make it an administrator of the channel."
	sayChat        = "Telegram finds no such chat for this bot. A user must press Start first; a group's id begins with a minus sign, a supergroup's with -100."
	sayMarkup      = "Telegram cannot read the formatting of the message. Correct the formatting or send plain text."
	sayEmpty       = "The message has no visible text. Add some."
	sayLong        = "The message or its buttons are too long for Telegram. Shorten them."
	sayButtonURL   = "Telegram refuses the address of a button. The host needs a dot: http://192.168.1.5 works, http://nas does not."
	sayRefused     = "Telegram rejected this message. Correct it and send it again."
	sayToken       = "Telegram rejects the bot token. Get the current one from @BotFather (/mybots, API Token), put it into the configuration and run telegate reload."
	sayMethod      = "The Bot API server is too old for this. Update it, or use https://api.telegram.org as baseurl."
	sayPath        = "Telegram knows no bot with this token. Compare bottoken with the token that @BotFather shows, and check that baseurl is only the host, without /bot."
	sayFlood       = "Telegram limits this bot because of too many messages. Nothing to do: telegate waits and then continues."
	sayTrouble     = "Telegram itself has a problem." + byItself
	sayNetwork     = "Telegram cannot be reached. Check the network, the firewall, and proxy and baseurl in the config" + keepsTrying
	sayProxy       = "Something other than the Bot API answers. Check baseurl, the proxy and the firewall" + keepsTrying
	sayCanceled    = "The message expired before Telegram answered."
)

// Endings for the gateway, which retries. Diagnose removes them for a single call.
const (
	keepsTrying = "; telegate keeps trying."
	byItself    = " Nothing to do: telegate tries again."
)

// sendError says what the error of a call means for the message. ctx is the sender's: if it has ended, the message expired.
func sendError(ctx context.Context, err error) *delivery.SendError {
	var answer *answerError
	if errors.As(err, &answer) {
		return answer.sendError()
	}
	e := &delivery.SendError{Class: delivery.Transient, Failure: delivery.Failure{Reason: delivery.ReasonUnreachable}, Err: err}
	var network *networkError
	switch {
	case !errors.As(err, &network): // the request could not be built
		e.Class, e.Failure = delivery.MessagePermanent, delivery.Failure{Reason: delivery.ReasonRejected, Detail: sayRefused}
	case ctx.Err() != nil:
		e.Unknown, e.Failure.Detail = network.maybeSent, sayCanceled
	default:
		e.Unknown, e.Network, e.Failure.Detail = network.maybeSent, !network.maybeSent, network.detail()
	}
	return e
}

func (e *answerError) sendError() *delivery.SendError {
	s := &delivery.SendError{Err: e, RetryAfter: e.retryAfter, MigrateTo: e.migrateTo}
	if e.migrateTo != 0 { // use the id, not the words: those have changed before
		s.Class, s.Failure = delivery.Migrated, delivery.Failure{Reason: delivery.ReasonChatNotFound, Detail: sayGone}
		return s
	}
	o := e.outcome()
	s.Class, s.Failure = o.class, delivery.Failure{Reason: o.reason, Detail: o.detail}
	if o.reason == delivery.ReasonRejected {
		s.Failure.Detail += " Telegram says: " + e.description + "."
	}
	return s
}

func (e *answerError) outcome() outcome {
	for _, o := range outcomes {
		if (o.code == e.code || o.code == 0) && e.says(o.words) {
			return o
		}
	}
	panic("unreachable: the last row matches every error")
}

func (e *networkError) detail() string {
	if e.status != 0 {
		return sayProxy
	}
	return sayNetwork
}

// ignoreStale returns nil if the error only means that there was nothing to do: the message has changed or is deleted, or
// Telegram has forgotten the callback query (TBA Client.cpp:109, 148, 151).
func ignoreStale(err error) error {
	var answer *answerError
	if !errors.As(err, &answer) || answer.code != http.StatusBadRequest {
		return err
	}
	for _, words := range []string{"message is not modified", "message to edit not found", "message can't be edited", "query is too old"} {
		if answer.says(words) {
			return nil
		}
	}
	return err
}
