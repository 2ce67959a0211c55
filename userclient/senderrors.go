//go:build !nomtproto

package userclient

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gotd/td/tgerr"

	"telegate/delivery"
)

// outcome says what an error of Telegram means for a message.
type outcome struct {
	name   string // Telegram's, without the number at the end of some
	class  delivery.Class
	reason delivery.Reason
	detail string // for people, with the next step
}

// outcomes maps MTProto's errors for sending (core.telegram.org/method/messages.sendMessage and contacts.resolveUsername).
// byCode handles all others.
var outcomes = []outcome{
	{"USERNAME_NOT_OCCUPIED", delivery.RecipientPermanent, delivery.ReasonChatNotFound, sayNobody},
	{"USERNAME_INVALID", delivery.RecipientPermanent, delivery.ReasonChatNotFound, sayNobody},
	{"PEER_ID_INVALID", delivery.RecipientPermanent, delivery.ReasonChatNotFound, sayUnknown},
	{"USER_ID_INVALID", delivery.RecipientPermanent, delivery.ReasonChatNotFound, sayUnknown},
	{"CHAT_ID_INVALID", delivery.RecipientPermanent, delivery.ReasonChatNotFound, sayUnknown},
	{"CHANNEL_INVALID", delivery.RecipientPermanent, delivery.ReasonChatNotFound, sayUnknown},
	{"CHANNEL_PRIVATE", delivery.RecipientPermanent, delivery.ReasonKicked, sayKicked},
	{"INPUT_USER_DEACTIVATED", delivery.RecipientPermanent, delivery.ReasonDeactivated, sayDeleted},
	{"USER_IS_BLOCKED", delivery.RecipientPermanent, delivery.ReasonBlockedByUser, sayBlocked},
	{"YOU_BLOCKED_USER", delivery.MessagePermanent, delivery.ReasonNoRights, sayOwnBlock},
	{"USER_PRIVACY_RESTRICTED", delivery.RecipientPermanent, delivery.ReasonNoRights, sayPrivacy},
	{"PRIVACY_PREMIUM_REQUIRED", delivery.RecipientPermanent, delivery.ReasonNoRights, sayPremium},
	{"ALLOW_PAYMENT_REQUIRED", delivery.RecipientPermanent, delivery.ReasonNoRights, sayPaid},
	{"USER_IS_BOT", delivery.RecipientPermanent, delivery.ReasonRejected, sayBot},
	{"CHAT_WRITE_FORBIDDEN", delivery.RecipientPermanent, delivery.ReasonNoRights, sayRights},
	{"CHAT_SEND_PLAIN_FORBIDDEN", delivery.RecipientPermanent, delivery.ReasonNoRights, sayRights},
	{"CHAT_RESTRICTED", delivery.RecipientPermanent, delivery.ReasonNoRights, sayRights},
	{"CHAT_ADMIN_REQUIRED", delivery.RecipientPermanent, delivery.ReasonNoRights, sayRights},
	{"USER_BANNED_IN_CHANNEL", delivery.RecipientPermanent, delivery.ReasonNoRights, sayRights},
	{"TOPIC_CLOSED", delivery.RecipientPermanent, delivery.ReasonNoRights, sayRights},
	{"MESSAGE_EMPTY", delivery.MessagePermanent, delivery.ReasonRejected, sayEmpty},
	{"MESSAGE_TOO_LONG", delivery.MessagePermanent, delivery.ReasonRejected, sayLong},
	{"MEDIA_CAPTION_TOO_LONG", delivery.MessagePermanent, delivery.ReasonRejected, sayLong},
	{"REPLY_MARKUP_TOO_LONG", delivery.MessagePermanent, delivery.ReasonRejected, sayLong},
	{"BUTTON_URL_INVALID", delivery.MessagePermanent, delivery.ReasonRejected, sayButtonURL},
	{"BUTTON_DATA_INVALID", delivery.MessagePermanent, delivery.ReasonRejected, sayRefused},
	{"ENTITY_BOUNDS_INVALID", delivery.Markup, delivery.ReasonRejected, sayMarkup},
	{"ENTITY_TEXTURL_INVALID", delivery.Markup, delivery.ReasonRejected, sayMarkup},
	{"ENTITIES_TOO_LONG", delivery.Markup, delivery.ReasonRejected, sayMarkup},
	{"MESSAGE_ENTITY_INVALID", delivery.Markup, delivery.ReasonRejected, sayMarkup},
	{"DOCUMENT_INVALID", delivery.Markup, delivery.ReasonRejected, sayMarkup}, // a custom emoji that is gone
	{"SLOWMODE_WAIT", delivery.Flood, delivery.ReasonLimited, sayQuiet},
	{peerFlood, delivery.Flood, delivery.ReasonLimited, sayLimited},
	{"FROZEN_METHOD_INVALID", delivery.Flood, delivery.ReasonLimited, sayLimited}, // the account is frozen
}

// The sentences of the table.
const (
	sayNobody    = "Nobody has this username any more. Ask the user to link again."
	sayUnknown   = "Telegram finds no such chat for this account. Ask the user to open the bot, or to link again."
	sayKicked    = "The bot is no longer in the group. Add it to the group again."
	sayDeleted   = "The user's Telegram account was deleted. Unlink it and let them link another one."
	sayBlocked   = "The user has blocked the sender. They must unblock it in Telegram."
	sayOwnBlock  = "The Telegram account that telegate sends with has blocked the user. Unblock them in Telegram."
	sayPrivacy   = "The user's privacy settings let no strangers write. Ask them to write to the sending account first, or to open the bot."
	sayPremium   = "The user lets only contacts and Premium accounts write. Ask them to add the sending account to their contacts, or to open the bot."
	sayPaid      = "The user asks strangers to pay for messages, which telegate never does. Ask them to add the sending account to their contacts, or to open the bot."
	sayBot       = "The chat belongs to a bot, and a bot cannot write to a bot. Link a person's account."
	sayRights    = "The sender may not write there. Give it the right to send messages."
	sayEmpty     = "The message has no visible text. Add some."
	sayLong      = "The message or its buttons are too long for Telegram. Shorten them."
	sayButtonURL = "Telegram refuses the address of a button. The host needs a dot: http://192.168.1.5 works, http://nas does not."
	sayMarkup    = "Telegram cannot read the formatting of the message. Correct the formatting or send plain text."
	sayRefused   = "Telegram rejected this message. Correct it and send it again."
	sayCanceled  = "The message expired before Telegram answered."

	sayNoName         = "No username of this person is known, and a Telegram account can write only to people it can look up. Ask them to set one and to open the bot once."
	sayMoved          = "The username now belongs to another Telegram account than the linked one. Ask the user to link again."
	sayGroup          = "telegate does not write to groups with a person's account. Use the bot there."
	sayBroadcast      = "telegate sends no broadcasts through a person's account, because Telegram would limit it. They wait for the bot."
	sayDailyLimit     = "The daily limit of messages through this Telegram account is used up. It resets at midnight UTC."
	sayBroadcastLimit = "Broadcasts have used their share of this Telegram account's daily limit; the rest is reserved for codes. They continue at midnight UTC."
	sayNotStarted     = "The bot has never met this person. Ask them to open it in Telegram and press Start."
)

// refusal makes a SendError for a message that telegate itself refuses.
func refusal(class delivery.Class, reason delivery.Reason, detail string, err error) *delivery.SendError {
	return &delivery.SendError{Class: class, Failure: delivery.Failure{Reason: reason, Detail: detail}, Err: err}
}

// sendError says what an error means for the message. ctx is the sender's.
func (c *Client) sendError(ctx context.Context, err error) *delivery.SendError {
	var done *delivery.SendError
	if errors.As(err, &done) {
		return done
	}
	var flood *floodError
	if errors.As(err, &flood) {
		e := refusal(delivery.Flood, delivery.ReasonLimited, sayQuiet, err)
		e.RetryAfter = max(flood.until.Sub(c.o.Now()), time.Second)
		return e
	}
	if answer, ok := tgerr.As(err); ok {
		return c.answer(ctx, answer)
	}
	var store storeError
	if errors.As(err, &store) {
		return refusal(delivery.Transient, delivery.ReasonUnreachable, sayStore, err)
	}
	// No answer. Telegram may have accepted the message; sending it again with the same random id does no harm.
	e := refusal(delivery.Transient, delivery.ReasonUnreachable, sayNoServer, err)
	var early notSentError
	e.Unknown = !errors.As(err, &early)
	if refusesClock(err) {
		e.Failure.Detail, e.Unknown = sayClock, false
		c.checkAuth() // which meets the same, and ends the run
	}
	if ctx.Err() != nil {
		e.Failure.Detail = sayCanceled
	}
	return e
}

// answer looks up the error in the table, otherwise by its code.
func (c *Client) answer(ctx context.Context, answer *tgerr.Error) *delivery.SendError {
	o := byCode(answer)
	for _, line := range outcomes {
		if line.name == answer.Type {
			o = line
			break
		}
	}
	err := fmt.Errorf("answered %d: %s", answer.Code, answer.Message)
	e := refusal(o.class, o.reason, o.detail, err)
	switch {
	case answer.IsOneOf(peerFlood, "FROZEN_METHOD_INVALID"):
		c.accountLimited(ctx)
		e.RetryAfter = peerFloodPause
	case o.class == delivery.Flood:
		e.RetryAfter = time.Duration(max(answer.Argument, 1)) * time.Second
	case o.class == delivery.Unauthorized:
		if _, detail, final := finalAnswer(answer, c.bot != 0); final {
			e.Failure.Detail, e.Final = detail, c.bot == 0 // a bot signs in again by itself
		}
		c.checkAuth()
	case o.reason == delivery.ReasonRejected:
		e.Failure.Detail += " Telegram says: " + answer.Message + "."
	}
	return e
}

// byCode classes an error by its code alone (core.telegram.org/api/errors).
func byCode(answer *tgerr.Error) outcome {
	switch code := answer.Code; {
	case code == 401, answer.IsType("AUTH_KEY_DUPLICATED"):
		return outcome{"", delivery.Unauthorized, delivery.ReasonUnauthorized, sayRevoked}
	case code == 403:
		return outcome{"", delivery.RecipientPermanent, delivery.ReasonNoRights, sayRights}
	case code == 420:
		return outcome{"", delivery.Flood, delivery.ReasonLimited, sayQuiet}
	case code == 400, code == 404, code == 406:
		return outcome{"", delivery.MessagePermanent, delivery.ReasonRejected, sayRefused}
	default: // 500, -503 and others: temporary
		return outcome{"", delivery.Transient, delivery.ReasonUnreachable, sayTrouble}
	}
}

// accountLimited stops sending and raises the alarm, once.
func (c *Client) accountLimited(ctx context.Context) {
	c.limitedMu.Lock()
	defer c.limitedMu.Unlock()
	if c.floods.until(peerFlood).After(c.o.Now()) {
		return
	}
	c.floods.add(ctx, peerFlood, peerFloodPause)
	c.o.OnAlarm(c.Status())
}

// notConnected is the error of a message that cannot be sent in a state.
func (c *Client) notConnected(s Status) *delivery.SendError {
	err := fmt.Errorf("the Telegram session is %s", s.State)
	switch {
	case s.State.Final():
		e := refusal(delivery.Unauthorized, delivery.ReasonUnauthorized, s.Detail, err)
		e.Final = true
		return e
	case s.State == StateFloodWait, s.State == StateLimited, s.State == StateUsedUp:
		e := refusal(delivery.Flood, delivery.ReasonLimited, s.Detail, err)
		e.RetryAfter = max(s.Until.Sub(c.o.Now()), time.Second)
		return e
	default:
		e := refusal(delivery.Transient, delivery.ReasonUnreachable, sayNoServer, err)
		if s.Detail != "" {
			e.Failure.Detail = s.Detail
		}
		e.Network = true
		return e
	}
}
