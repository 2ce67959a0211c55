package console

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"telegate/delivery"
	"telegate/linking"
	"telegate/notify"
)

// errorTexts are refusals of the rooms for people who look at a page; where there are none, the API's will do.
var errorTexts = []struct {
	err    error
	detail string
}{
	{linking.ErrBotUnknown, "Telegram has never told the bot's name yet, so there is no link to show. The page Status says what is wrong with the bot."},
	{linking.ErrNeedsBot, "This domain has no bot, a user session stands in for it: there is nothing to open. Send the code to the user's handle instead."},
	{linking.ErrRecipientUnknown, "The bot has not met the holder of this handle, or was blocked. They find the bot in Telegram and press Start; then try again."},
	{linking.ErrUnknownDomain, "There is no such domain any more."},
	{notify.ErrUnknownDomain, "There is no such domain any more."},
	{notify.ErrNotLinked, "This user has no linked chat, so there is nowhere to send it. Begin a link first."},
	{notify.ErrBlocked, "The person has blocked the bot. They open its chat in Telegram and press Unblock or Start; then try again."},
	{notify.ErrTextGone, "The text of this message is not kept any more. Type what is to be sent."},
	{notify.ErrRecipientUnknown, "The bot has not met the holder of this handle, or was blocked. They find the bot in Telegram and press Start; then try again."},
	{delivery.ErrUsername, "That is no Telegram username: 4 to 32 letters, digits and underscores, beginning with a letter, as in @alice."},
}

// explain says an error of a room for people who look at a page; nil where there is nothing better than what the API says.
func explain(err error) *pageError {
	var links *linking.RateError
	var member *notify.InvalidError
	var alive *notify.NotResendableError
	var html *delivery.HTMLError
	var nobody *notify.NoRecipientsError
	switch {
	case errors.As(err, &links):
		return &pageError{
			status: http.StatusTooManyRequests, title: "Too many links were begun", retryAfter: links.RetryAfter,
			detail: "Too many links were begun for this " + links.Scope + ". " + tryAgainIn(links.RetryAfter),
		}
	case errors.As(err, &alive):
		return &pageError{status: http.StatusConflict, title: "There is nothing to send again", detail: notResendable(alive.Status)}
	case errors.As(err, &html):
		return &pageError{
			status: http.StatusUnprocessableEntity, title: "This cannot be accepted",
			detail: "The text is not Telegram's HTML: " + html.Reason + ", at byte " + strconv.Itoa(html.Offset+1) + ".",
		}
	case errors.As(err, &nobody):
		return &pageError{status: http.StatusConflict, title: "Nobody would get it", detail: fmt.Sprintf(
			"Nobody would get this broadcast: %d have no linked chat, %d have blocked the bot.", nobody.Audience.Unlinked, nobody.Audience.Blocked)}
	case errors.As(err, &member):
		return &pageError{status: http.StatusUnprocessableEntity, title: "This cannot be accepted", detail: fieldText(member)}
	}
	for _, row := range errorTexts {
		if errors.Is(err, row.err) {
			return &pageError{status: http.StatusConflict, title: "That was refused", detail: row.detail}
		}
	}
	return nil
}

// fieldText names the field of a form that is at fault.
func fieldText(e *notify.InvalidError) string {
	switch e.Field {
	case "text": // its rules make whole sentences
		return strings.ToUpper(e.Detail[:1]) + e.Detail[1:] + "."
	case "send_at":
		return "The time to send it " + strings.Replace(e.Detail, "leave it out", "leave it empty", 1) + "."
	case "ttl":
		return "The time that it is worth sending " + e.Detail + "."
	default:
		return "The " + e.Field + " " + e.Detail + "."
	}
}

// notResendable says why a message is not sent again.
func notResendable(status delivery.Status) string {
	switch {
	case !status.Final():
		return "This message is still on its way, so there is nothing to send again. Wait for its end."
	case status.Dead():
		return "This was a code or an answer of the bot, which is worth nothing any more. Have the user ask for a fresh code."
	default:
		return "This message is " + string(status) + ", so there is nothing to send again. Write a new one on the user's page."
	}
}

// messageStates says how a message stands.
var messageStates = map[delivery.Status]state{
	delivery.StatusQueued:    {"Waiting", ""},
	delivery.StatusSending:   {"On its way", ""},
	delivery.StatusDelivered: {"Delivered", "good"},
	delivery.StatusFailed:    {"Failed", "bad"},
	delivery.StatusExpired:   {"Expired", "warn"},
	delivery.StatusCanceled:  {"Canceled", "warn"},
	delivery.StatusUnknown:   {"Unknown", "warn"},
}
