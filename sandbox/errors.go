package sandbox

import (
	"errors"
	"fmt"
	"time"
)

// What a person cannot do on the phone.
var (
	ErrUnknownBot    = errors.New("there is no such bot")
	ErrUnknownPerson = errors.New("there is no such person")
	ErrUnknownGroup  = errors.New("there is no such group")
	ErrDeactivated   = errors.New("the account is deleted")
	ErrNotStarted    = errors.New("the person has not pressed Start")
	ErrBlocked       = errors.New("the person has blocked the bot")
	ErrNoMessage     = errors.New("there is no such message")
	ErrNoButton      = errors.New("there is no such button")
	ErrNotCallback   = errors.New("the button opens or copies something and tells the bot nothing")
	ErrNoLink        = errors.New("the link does not open a bot")
	ErrClosed        = errors.New("the simulated Telegram is closed")
)

// apiError is a refusal in the words of the Bot API server.
type apiError struct {
	code        int // the HTTP status and the field error_code
	description string
	retryAfter  int   // seconds; 0: none
	migrateTo   int64 // the id of the supergroup; 0: none
}

func (e *apiError) Error() string { return e.description }

// badRequest is a 400 with Telegram's usual beginning.
func badRequest(format string, args ...any) *apiError {
	return &apiError{code: 400, description: "Bad Request: " + fmt.Sprintf(format, args...)}
}

// tooManyRequests is the 429 for somebody who has to wait d, told in whole
// seconds, rounded up (Query.cpp of tdlib/telegram-bot-api).
func tooManyRequests(d time.Duration) *apiError {
	seconds := max(1, int((d+time.Second-1)/time.Second))
	return &apiError{code: 429, description: fmt.Sprintf("Too Many Requests: retry after %d", seconds), retryAfter: seconds}
}

// migrated is the 400 for a group that has become a supergroup.
func migrated(to int64) *apiError {
	return &apiError{code: 400, description: "Bad Request: group chat was upgraded to a supergroup chat", migrateTo: to}
}

// The texts are Telegram's own, to the letter. They come from the source of
// the server (tdlib/telegram-bot-api, Client.cpp, ClientManager.cpp and
// HttpConnection.cpp) and of the library below it (tdlib/td), or, in capitals,
// from Telegram's data centres.
var (
	errNotFound       = &apiError{code: 404, description: "Not Found"}
	errMethodNotFound = &apiError{code: 404, description: "Not Found: method not found"}
	errUnauthorized   = &apiError{code: 401, description: "Unauthorized"}
	errInvalidToken   = &apiError{code: 401, description: "Unauthorized: invalid token specified"}
	errNotImplemented = &apiError{code: 501, description: "Not Implemented"}
	errTooLarge       = &apiError{code: 413, description: "Request Entity Too Large"}
	errRestart        = &apiError{code: 500, description: "Internal Server Error: restart"}

	errConflictPoll = &apiError{code: 409, description: "Conflict: terminated by other getUpdates request; " +
		"make sure that only one bot instance is running"}
	errConflictWebhook = &apiError{code: 409, description: "Conflict: can't use getUpdates method while webhook is active; " +
		"use deleteWebhook to delete the webhook first"}

	errChatIDEmpty    = badRequest("chat_id is empty")
	errChatNotFound   = badRequest("chat not found")
	errThreadNotFound = badRequest("message thread not found")
	errNoBusiness     = badRequest("business connection not found")
	errNoPaid         = badRequest("FLOODSKIP_NOT_ALLOWED")

	errCannotInitiate = &apiError{code: 403, description: "Forbidden: bot can't initiate conversation with a user"}
	errBlockedByUser  = &apiError{code: 403, description: "Forbidden: bot was blocked by the user"}
	errDeactivated    = &apiError{code: 403, description: "Forbidden: user is deactivated"}
	errToBot          = &apiError{code: 403, description: "Forbidden: the bot can't send messages to the bot"}

	errTextEmpty       = badRequest("message text is empty")
	errTextNonEmpty    = badRequest("text must be non-empty")
	errTextTooLong     = badRequest("text is too long")
	errMessageTooLong  = badRequest("message is too long")
	errCaptionTooLong  = badRequest("message caption is too long")
	errNotUTF8         = badRequest("strings must be encoded in UTF-8")
	errParseMode       = badRequest("unsupported parse_mode")
	errUserNotFound    = badRequest("user not found")
	errNoDocument      = badRequest("there is no document in the request")
	errFileEmpty       = badRequest("file must be non-empty")
	errFileID          = badRequest("wrong file identifier/HTTP URL specified")
	errReplyNotFound   = badRequest("message to be replied not found")
	errEditNotFound    = badRequest("message to edit not found")
	errDeleteNotFound  = badRequest("message to delete not found")
	errCannotEdit      = badRequest("message can't be edited")
	errCannotDelete    = badRequest("message can't be deleted")
	errNoTextToEdit    = badRequest("there is no text in the message to edit")
	errNoIdentifier    = badRequest("message identifier is not specified")
	errQueryTooOld     = badRequest("query is too old and response timeout expired or query ID is invalid")
	errToastTooLong    = badRequest("MESSAGE_TOO_LONG")
	errMarkupTooLong   = badRequest("reply markup is too long")
	errButtonData      = badRequest("BUTTON_DATA_INVALID")
	errButtonCopyText  = badRequest("BUTTON_COPY_TEXT_INVALID")
	errCommandInvalid  = badRequest("BOT_COMMAND_INVALID")
	errCommandsTooMany = badRequest("BOT_COMMANDS_TOO_MUCH")
	errNotModified     = badRequest("message is not modified: specified new message content and reply markup are exactly " +
		"the same as a current content and reply markup of the message")
)
