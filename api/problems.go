package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"telegate/delivery"
	"telegate/linking"
	"telegate/notify"
	"telegate/twofa"
)

// Problem is every error of the API (RFC 9457). Type is for programs. The other members are set where they apply.
type Problem struct { //nolint:errname // the name RFC 9457 gives it
	Type     string  `json:"type" doc:"/problems/<slug>, for programs; the path is a page that explains the problem"`
	Title    string  `json:"title"`
	Status   int     `json:"status"`
	Detail   string  `json:"detail,omitempty" doc:"a sentence for people, with the next step"`
	Instance string  `json:"instance,omitempty" doc:"the id of the request, as in the log"`
	Errors   []Fault `json:"errors,omitempty" doc:"the invalid members"`

	RequiredScope  string `json:"required_scope,omitempty"`
	Reason         string `json:"reason,omitempty" doc:"why, from a fixed list"`
	Scope          string `json:"scope,omitempty" doc:"what the limit counts by: user, ip, chat, topic"`
	Limit          int    `json:"limit,omitempty"`
	LimitBytes     int    `json:"limit_bytes,omitempty"`
	RetryAfter     int    `json:"retry_after,omitempty" doc:"seconds, as in the header Retry-After"`
	VerificationID string `json:"verification_id,omitempty"`
	ExpiresIn      int    `json:"expires_in,omitempty"`
	StartURL       string `json:"start_url,omitempty" doc:"the link where the person presses Start"`
	IdempotencyKey string `json:"idempotency_key,omitempty"`
	CurrentStatus  string `json:"current_status,omitempty" doc:"the current status"`
	MessageID      string `json:"message_id,omitempty" doc:"the message sent in place of this one, or that will be"`

	Counts *notify.Audience `json:"counts,omitempty" doc:"the recipients of the broadcast, counted"`
}

// Fault is one invalid member of a request.
type Fault struct {
	Pointer string `json:"pointer" doc:"JSON pointer into the body, or query/NAME"`
	Detail  string `json:"detail"`
}

func (p *Problem) Error() string { return p.Title + ": " + p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="telegate"`)
	}
	return h
}

// newProblem creates a problem of a type in problemTypes.
func newProblem(slug, detail string) *Problem {
	k, ok := problemTypes[slug]
	if !ok {
		panic("no such problem: " + slug)
	}
	return &Problem{Type: "/problems/" + slug, Title: k.title, Status: k.status, Detail: detail}
}

// invalidField is a problem with one invalid member.
func invalidField(pointer, detail string) *Problem {
	p := newProblem("validation-failed", "One value of the request is invalid.")
	p.Errors = []Fault{{pointer, detail}}
	return p
}

func (p *Problem) retryAfter(d time.Duration) *Problem {
	p.RetryAfter = seconds(d)
	return p
}

// seconds rounds up, so that a caller who waits that long has waited long enough.
func seconds(d time.Duration) int { return max(0, int(math.Ceil(d.Seconds()))) }

// plainErrors maps errors of other packages that carry no data.
var plainErrors = []struct {
	err          error
	slug, detail string
}{
	{linking.ErrNotFound, "not-found", "There is no link with this id, or this user is not linked."},
	{twofa.ErrNotFound, "not-found", "There is no verification with this id."},
	{notify.ErrNotFound, "not-found", "There is no message with this id."},
	{notify.ErrNoTopic, "not-found", "This topic does not exist, or no longer does. Send /topic to the bot to see yours."},
	{notify.ErrBroadcastNotFound, "not-found", "There is no broadcast with this id."},
	{linking.ErrUnknownDomain, "not-found", "This domain is not configured."},
	{twofa.ErrUnknownDomain, "not-found", "This domain is not configured."},
	{notify.ErrUnknownDomain, "not-found", "This domain is not configured."},
	{linking.ErrAuthenticationRequired, "authentication-required", "This domain links only users who have signed in at your server within the last hour. " +
		"Ask the user to sign in again, and send the time of that as authenticated_at."},
	{linking.ErrBotUnknown, "telegram-unavailable", "Telegram has not reported the bot's name yet, so there is no link to show. " +
		"telegate status says what is wrong with the bot; try again once it is connected."},
	{linking.ErrNeedsBot, "needs-bot", "This domain has no bot: a user session sends its messages, so there is no link to open and no button to tap. " +
		"Link by handle: ask the user for the Telegram username and start the link with it."},
	{linking.ErrNobody, "recipient-unknown", "Nobody in Telegram has this username. The user finds it in Telegram under Settings, Username."},
	{linking.ErrRecipientUnknown, "recipient-unknown", "The bot does not know the owner of this handle yet. " +
		"The person opens the bot in Telegram and presses Start; then try again."},
	{notify.ErrNobody, "recipient-unknown", "telegate knows no Telegram account with this username or number. Check it; if it is a number, give the username."},
	{notify.ErrNeedsBot, "needs-bot", "This domain has no bot: a user session sends its messages, and it does not write to groups. Set up a bot for that."},
	{notify.ErrRecipientUnknown, "recipient-unknown", "The bot does not know the owner of this handle yet, or is blocked. " +
		"The person opens the bot in Telegram and presses Start; then try again."},
	{notify.ErrNotLinked, "recipient-unknown", "This user has no linked Telegram chat. Link the user first."},
	{notify.ErrBlocked, "recipient-blocked", sayBlocked},
	{notify.ErrRecipientChanged, "recipient-changed", "This handle belongs to another Telegram account than when this domain " +
		"first used it. Nothing was sent; the new holder has to link first."},
	{notify.ErrUnproven, "recipient-unproven", "Nobody has confirmed this handle yet, so only a code with purpose link may go " +
		"to it, or a direct message from a key with the scope invite."},
	{notify.ErrDisabled, "msg2factor-disabled", "msg2factor is off in this domain, so sign-in codes are not sent."},
	{notify.ErrTextGone, "text-gone", "The text of this message is no longer stored. Give a new text."},
	{twofa.ErrDisabled, "msg2factor-disabled", "msg2factor is off in this domain; offer another second factor."},
	{twofa.ErrFinished, "verification-finished", "The verification has ended; create a new one."},
	{twofa.ErrSendsExhausted, "sends-exhausted", "The code has been sent 3 times; create a new verification."},
}

// Explain returns the status and sentence with which the API answers an error. The sentence reveals nothing internal.
func Explain(err error) (status int, detail string) {
	p := problemOf(err)
	return p.Status, p.Detail
}

// problemOf turns an error into a problem. An unknown error becomes an internal error; its reason only goes to the log.
func problemOf(err error) *Problem {
	var (
		p           *Problem
		linkRate    *linking.RateError
		linkWait    *linking.WaitError
		sendRate    *notify.RateError
		cooling     *notify.CoolingOffError
		waiting     *notify.WaitingError
		busy        *notify.TopicBusyError
		proof       *linking.ProofError
		signedIn    *linking.AuthenticatedAtError
		wait        *twofa.WaitError
		unavailable *twofa.UnavailableError
		progress    *twofa.InProgressError
		resent      *notify.ResentError
		alive       *notify.NotResendableError
		member      *notify.InvalidError
		html        *delivery.HTMLError
		nobody      *notify.NoRecipientsError
		telegram    *delivery.SendError
		over        *notify.FinishedError
		reload      *ReloadError
	)
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &linkRate):
		p = newProblem("rate-limited", "Too many links were started. Wait and try again.").retryAfter(linkRate.RetryAfter)
		p.Scope, p.Limit = linkRate.Scope, linkRate.Limit
		return p
	case errors.As(err, &linkWait):
		p = newProblem(string(twofa.Throttled), "Too many wrong confirm codes in a row. Wait and try again.").retryAfter(linkWait.RetryAfter)
		p.Scope = linkWait.Scope
		return p
	case errors.As(err, &sendRate):
		p = newProblem("rate-limited", "Too many codes were sent to this chat. Wait and try again.").retryAfter(sendRate.RetryAfter)
		p.Scope, p.Limit = "chat", sendRate.Limit
		return p
	case errors.As(err, &busy):
		p = newProblem("rate-limited", "Too many messages were sent to this topic. Wait and try again.").retryAfter(busy.RetryAfter)
		p.Scope, p.Limit = "topic", notify.TopicBurst
		return p
	case errors.As(err, &cooling):
		return newProblem(string(twofa.AfterNotMe), waitTexts[twofa.AfterNotMe]).retryAfter(cooling.RetryAfter)
	case errors.As(err, &proof):
		p = newProblem("proof-refused", proofTexts[proof.Reason])
		p.Reason = string(proof.Reason)
		return p
	case errors.As(err, &signedIn):
		return invalidField("#/authenticated_at", signedIn.Detail)
	case errors.As(err, &wait):
		p = newProblem(string(wait.Kind), waitTexts[wait.Kind]).retryAfter(wait.RetryAfter)
		p.Scope, p.Limit = wait.Scope, wait.Limit
		return p
	case errors.As(err, &unavailable):
		return factorUnavailable(unavailable.Reason)
	case errors.Is(err, notify.ErrSuspended):
		return factorUnavailable(twofa.ReasonSuspended)
	case errors.As(err, &progress):
		p = newProblem("verification-in-progress", "This user has pending verifications of this purpose in two other sessions. Finish or cancel one, or wait.")
		p.VerificationID, p.ExpiresIn = progress.ID, seconds(progress.ExpiresIn)
		return p
	case errors.As(err, &waiting):
		p = newProblem("recipient-unknown", "The bot does not know the owner of this handle yet, or is blocked. The person opens the bot in Telegram and presses Start; "+
			"the code then arrives, unless it is too old by then.")
		p.MessageID, p.ExpiresIn = waiting.ID, seconds(waiting.ExpiresIn)
		return p
	case errors.As(err, &resent):
		p = newProblem("already-resent", "This message was already sent again, as "+resent.ID+".")
		p.MessageID = resent.ID
		return p
	case errors.As(err, &alive):
		p = newProblem("not-resendable", notResendable(alive.Status))
		p.CurrentStatus = string(alive.Status)
		return p
	case errors.As(err, &member):
		return invalidField("#/"+member.Field, member.Detail)
	case errors.As(err, &html):
		return invalidField("#/text", html.Error())
	case errors.As(err, &nobody):
		p = newProblem("no-recipients", "This broadcast would reach nobody: no user has a linked chat that accepts messages. Link users first.")
		p.Counts = &nobody.Audience
		return p
	case errors.As(err, &over):
		p = newProblem("broadcast-finished", "The broadcast is "+string(over.Status)+" already, so it cannot be canceled.")
		p.CurrentStatus = string(over.Status)
		return p
	case errors.As(err, &telegram):
		return newProblem("telegram-unavailable", telegram.Failure.Detail).retryAfter(telegram.RetryAfter)
	case errors.As(err, &reload):
		p = newProblem("configuration-refused", reload.Detail)
		p.Errors = reload.Faults
		return p
	case errors.Is(err, delivery.ErrUsername):
		return invalidField("#/handle", "Not a Telegram username. A username has 4 to 32 letters, digits and underscores and begins with a letter, as in @alice.")
	case errors.Is(err, twofa.ErrBindingRequired):
		return invalidField("#/session_binding", "A verification for login needs the caller's session, so that its code works nowhere else.")
	}
	if p := storageProblem(err); p != nil {
		return p
	}
	for _, row := range plainErrors {
		if errors.Is(err, row.err) {
			return newProblem(row.slug, row.detail)
		}
	}
	return newProblem("internal-error", "Internal error in telegate. Search its log for this instance.")
}

// How long a caller should wait when the database cannot store anything.
const (
	retryWhenFull = 30 * time.Second // somebody has to free space
	retryWhenBusy = 5 * time.Second
)

// storageProblem is the problem of an error that says why nothing can be stored; nil for other errors.
func storageProblem(err error) *Problem {
	switch {
	case errors.Is(err, delivery.ErrStorageFull):
		return newProblem("storage-full", "The disk is full, so the database could not store the request. "+
			"Free space, then repeat it.").retryAfter(retryWhenFull)
	case errors.Is(err, delivery.ErrStorageBusy):
		return newProblem("storage-unavailable", "Another program has locked the database, or its disk does not respond, so the request was "+
			"not carried out. Repeat it; if this lasts, telegate status says more.").retryAfter(retryWhenBusy)
	default:
		return nil
	}
}

func factorUnavailable(r twofa.Reason) *Problem {
	p := newProblem("factor-unavailable", unavailableTexts[r])
	p.Reason = string(r)
	return p
}

// notResendable says why a message cannot be sent again.
func notResendable(status delivery.Status) string {
	switch {
	case !status.Final():
		return "This message is still being sent. Wait until it has ended."
	case status.Dead():
		return "This was a code or a reply of the bot, which is useless by now. Ask for a new code."
	default:
		return "This message is " + string(status) + ", so it cannot be sent again. Send a new message."
	}
}

var proofTexts = map[linking.ProofReason]string{
	linking.ProofUnknown:      "There is no message with this id in this domain.",
	linking.ProofNotALinkCode: "This message is not a code with purpose link.",
	linking.ProofNotDelivered: "The message has not been delivered yet. Wait, and try again.",
	linking.ProofTooOld:       "The code is older than 15 minutes. Send a new one and ask the user to type it.",
	linking.ProofOtherHandle:  "The code was sent to another chat, not to the one of this handle.",
	linking.ProofNotPrivate:   "The code was sent to a group. Only a private chat can be linked.",
	linking.ProofUsed:         "This code has already linked another user. Each code works once.",
}

var waitTexts = map[twofa.Wait]string{
	twofa.RateLimited:   "Too many verifications were created, too many codes were sent that nobody entered, or one was checked too often. Wait and try again.",
	twofa.Throttled:     "Too many wrong codes in a row. Wait, or offer another second factor.",
	twofa.ResendTooSoon: "The code was just sent. Wait before sending it again.",
	twofa.AfterNotMe:    "The user tapped Not me, so no codes are sent for a while.",
}

// sayBlocked is also true in user mode, where only a deleted account ends a chat.
const sayBlocked = "The user's chat accepts no messages: the user has blocked the bot, or has deleted the Telegram account. " +
	"To unblock the bot, the user presses Start in its chat. Otherwise the user links another account."

var unavailableTexts = map[twofa.Reason]string{
	twofa.ReasonNotLinked:     "This user has no linked Telegram chat. Offer another second factor, or start a link.",
	twofa.ReasonSuspended:     "The link is suspended after too many wrong codes. The user must link again.",
	twofa.ReasonBlocked:       sayBlocked,
	twofa.ReasonTransportDown: "Telegram cannot be reached right now. Offer another second factor.",
	twofa.ReasonFailures:      "After too many wrong codes this user gets codes for sign-ins only. A right sign-in code or a new link ends that.",
}

// writeProblem answers with a problem outside of huma's handlers.
func writeProblem(w http.ResponseWriter, r *http.Request, p *Problem) {
	p.Instance = requestID(r.Context())
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the caller has disconnected
}

func tooLarge(limit int) *Problem {
	p := newProblem("body-too-large", fmt.Sprintf("The body is larger than %d KiB.", limit>>10))
	p.LimitBytes = limit
	return p
}
