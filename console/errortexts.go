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

// errorTexts explain errors to users of the console. Other errors are explained as by the API.
var errorTexts = []struct {
	err    error
	detail string
}{
	{linking.ErrBotUnknown, "Telegram has not reported the bot's name yet, so there is no link to show. See the page Status."},
	{linking.ErrNeedsBot, "This domain has no bot: a user session sends its messages, so there is no link to open. Send the code to the user's handle instead."},
	{linking.ErrRecipientUnknown, "The bot does not know the owner of this handle yet, or is blocked. They must find the bot in Telegram and press Start. Then try again."},
	{linking.ErrAuthenticationRequired, "This domain links only users who have just signed in at the server (require_authenticated_at), and an administrator cannot sign in for a user. The user links on the server's own page."},
	{linking.ErrUnknownDomain, "This domain no longer exists."},
	{notify.ErrUnknownDomain, "This domain no longer exists."},
	{notify.ErrNotLinked, "This user has no linked chat to send it to. Start a link first."},
	{notify.ErrBlocked, "The person has blocked the bot. They must open its chat in Telegram and press Unblock or Start. Then try again."},
	{notify.ErrTextGone, "The text of this message is no longer stored. Enter the text to send."},
	{notify.ErrRecipientUnknown, "The bot does not know the owner of this handle yet, or is blocked. They must find the bot in Telegram and press Start. Then try again."},
	{delivery.ErrUsername, "This is not a Telegram username. A username has 4 to 32 letters, digits and underscores and begins with a letter, as in @alice."},
}

// explain turns an error into a pageError with a better text than the API's; nil if there is none.
func explain(err error) *pageError {
	var links *linking.RateError
	var confirms *linking.WaitError
	var member *notify.InvalidError
	var alive *notify.NotResendableError
	var html *delivery.HTMLError
	var nobody *notify.NoRecipientsError
	switch {
	case errors.As(err, &links):
		return &pageError{
			status: http.StatusTooManyRequests, title: "Too many links were started", retryAfter: links.RetryAfter,
			detail: "Too many links were started for this " + links.Scope + ". " + tryAgainIn(links.RetryAfter),
		}
	case errors.As(err, &confirms):
		return &pageError{
			status: http.StatusTooManyRequests, title: "Too many wrong codes", retryAfter: confirms.RetryAfter,
			detail: "Too many wrong confirm codes in a row were typed for this " + confirms.Scope + ". " + tryAgainIn(confirms.RetryAfter),
		}
	case errors.As(err, &alive):
		return &pageError{status: http.StatusConflict, title: "This cannot be sent again", detail: notResendable(alive.Status)}
	case errors.As(err, &html):
		return &pageError{
			status: http.StatusUnprocessableEntity, title: "This cannot be accepted",
			detail: "The text is not Telegram's HTML: " + html.Reason + ", at byte " + strconv.Itoa(html.Offset+1) + ".",
		}
	case errors.As(err, &nobody):
		return &pageError{status: http.StatusConflict, title: "Nobody would get it", detail: fmt.Sprintf(
			"This broadcast would reach nobody: %d have no linked chat, %d have blocked the bot.", nobody.Audience.Unlinked, nobody.Audience.Blocked)}
	case errors.As(err, &member):
		return &pageError{status: http.StatusUnprocessableEntity, title: "This cannot be accepted", detail: fieldText(member)}
	}
	for _, row := range errorTexts {
		if errors.Is(err, row.err) {
			return &pageError{status: http.StatusConflict, title: "This was refused", detail: row.detail}
		}
	}
	return nil
}

// fieldText describes an invalid field of a form.
func fieldText(e *notify.InvalidError) string {
	switch e.Field {
	case "text": // its details are whole sentences
		return strings.ToUpper(e.Detail[:1]) + e.Detail[1:] + "."
	case "send_at":
		return "The time to send " + strings.Replace(e.Detail, "leave it out", "leave it empty", 1) + "."
	case "ttl":
		return "The lifetime " + e.Detail + "."
	default:
		return "The " + e.Field + " " + e.Detail + "."
	}
}

// notResendable says why a message cannot be sent again.
func notResendable(status delivery.Status) string {
	switch {
	case !status.Final():
		return "This message is still being sent. Wait until it has ended."
	case status.Dead():
		return "This was a code or a reply of the bot, which is useless by now. The user must ask for a new code."
	default:
		return "This message is " + string(status) + ", so it cannot be sent again. Write a new one on the user's page."
	}
}

// messageStates are the states of a message in words.
var messageStates = map[delivery.Status]state{
	delivery.StatusQueued:    {"Waiting", ""},
	delivery.StatusSending:   {"Sending", ""},
	delivery.StatusDelivered: {"Delivered", "good"},
	delivery.StatusFailed:    {"Failed", "bad"},
	delivery.StatusExpired:   {"Expired", "warn"},
	delivery.StatusCanceled:  {"Canceled", "warn"},
	delivery.StatusUnknown:   {"Unknown", "warn"},
}
