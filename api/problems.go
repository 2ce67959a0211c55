package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"telegate/delivery"
	"telegate/linking"
	"telegate/notify"
	"telegate/twofa"
)

// Problem is every error of the API (RFC 9457). Type is the machine key; the other members are there where they mean
// something.
type Problem struct { //nolint:errname // the name RFC 9457 gives it
	Type     string  `json:"type" doc:"/problems/<slug>, the machine key; the path is a page that explains it"`
	Title    string  `json:"title"`
	Status   int     `json:"status"`
	Detail   string  `json:"detail,omitempty" doc:"a sentence for people, with the next step"`
	Instance string  `json:"instance,omitempty" doc:"the request's id, as in the log"`
	Errors   []Fault `json:"errors,omitempty" doc:"the members at fault"`

	RequiredScope  string `json:"required_scope,omitempty"`
	Reason         string `json:"reason,omitempty" doc:"why, from a closed list"`
	Scope          string `json:"scope,omitempty" doc:"whom the limit counts: user, ip, chat, topic"`
	Limit          int    `json:"limit,omitempty"`
	LimitBytes     int    `json:"limit_bytes,omitempty"`
	RetryAfter     int    `json:"retry_after,omitempty" doc:"seconds, as in the header Retry-After"`
	VerificationID string `json:"verification_id,omitempty"`
	ExpiresIn      int    `json:"expires_in,omitempty"`
	StartURL       string `json:"start_url,omitempty" doc:"where the person presses Start"`
	IdempotencyKey string `json:"idempotency_key,omitempty"`
	CurrentStatus  string `json:"current_status,omitempty" doc:"how the thing stands, or has ended"`
	MessageID      string `json:"message_id,omitempty" doc:"the message that was sent in place of this one, or will be"`

	Counts *notify.Audience `json:"counts,omitempty" doc:"whom a broadcast would reach"`
}

// Fault is one member of a request that cannot be accepted.
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

// newProblem makes a problem of a kind in the catalogue.
func newProblem(slug, detail string) *Problem {
	k, ok := problemTypes[slug]
	if !ok {
		panic("no such problem: " + slug)
	}
	return &Problem{Type: "/problems/" + slug, Title: k.title, Status: k.status, Detail: detail}
}

// invalidField is a problem with one member at fault.
func invalidField(pointer, detail string) *Problem {
	p := newProblem("validation-failed", "One member of the request cannot be accepted; errors says which.")
	p.Errors = []Fault{{pointer, detail}}
	return p
}

func (p *Problem) retryAfter(d time.Duration) *Problem {
	p.RetryAfter = seconds(d)
	return p
}

// seconds rounds up, so that who waits that long has waited long enough.
func seconds(d time.Duration) int { return max(0, int(math.Ceil(d.Seconds()))) }

// plainErrors errors of the rooms, in one table.
var plainErrors = []struct {
	err          error
	slug, detail string
}{
	{linking.ErrNotFound, "not-found", "There is nothing with this id, or nobody with this name is linked."},
	{twofa.ErrNotFound, "not-found", "There is no verification with this id."},
	{notify.ErrNotFound, "not-found", "There is no message with this id."},
	{notify.ErrNoTopic, "not-found", "Nobody has this topic (any more). The command /topic, written to the bot, shows yours."},
	{notify.ErrBroadcastNotFound, "not-found", "There is no broadcast with this id."},
	{linking.ErrUnknownDomain, "not-found", "No such domain is configured."},
	{twofa.ErrUnknownDomain, "not-found", "No such domain is configured."},
	{notify.ErrUnknownDomain, "not-found", "No such domain is configured."},
	{linking.ErrBotUnknown, "telegram-unavailable", "Telegram has never told the bot's name yet, so there is no link to show. " +
		"GET /healthz says what is wrong with the bot; try again once it is connected."},
	{linking.ErrNeedsBot, "needs-bot", "This domain has no bot: a user session stands in for it, and there is nothing to open or to tap. " +
		"Start the link by handle: ask the user for the Telegram username and give it as handle."},
	{linking.ErrNobody, "recipient-unknown", "Nobody in Telegram has this username. Let the user look it up in Telegram: Settings, Username."},
	{linking.ErrRecipientUnknown, "recipient-unknown", "The bot has not met the holder of this handle. " +
		"The person opens start_url and presses Start; then try again."},
	{notify.ErrRecipientUnknown, "recipient-unknown", "The bot has not met the holder of this handle, or was blocked. " +
		"The person opens start_url and presses Start; then try again."},
	{notify.ErrNotLinked, "recipient-unknown", "This user has no linked Telegram chat; start one with POST /v1/links."},
	{notify.ErrBlocked, "recipient-blocked", "The user has blocked the bot; a tap on Start in the chat ends that."},
	{notify.ErrRecipientChanged, "recipient-changed", "This handle belongs to another Telegram account than when this domain " +
		"first used it. Nothing was sent; the new holder has to link first (POST /v1/links)."},
	{notify.ErrUnproven, "recipient-unproven", "Nobody has proven to own this handle, so only a code with purpose link may go " +
		"to it, or a direct message from a key with the scope admin."},
	{notify.ErrDisabled, "msg2factor-disabled", "msg2factor is off in this domain, so sign-in codes are not sent."},
	{notify.ErrTextGone, "text-gone", "The text of this message is not kept any more; give the text to send, as text."},
	{twofa.ErrDisabled, "msg2factor-disabled", "msg2factor is off in this domain; offer another second factor."},
	{twofa.ErrFinished, "verification-finished", "The verification has ended; create a new one."},
	{twofa.ErrSendsExhausted, "sends-exhausted", "The code has been sent 3 times; create a new verification."},
}

// Explain says an error of a room as the API answers it: with a status and a sentence that holds no more than callers may know.
func Explain(err error) (status int, detail string) {
	p := problemOf(err)
	return p.Status, p.Detail
}

// problemOf turns an error of a room into a problem. What it does not know is an internal error, whose reason is for
// the log only.
func problemOf(err error) *Problem {
	var (
		p           *Problem
		linkRate    *linking.RateError
		sendRate    *notify.RateError
		cooling     *notify.CoolingOffError
		waiting     *notify.WaitingError
		busy        *notify.TopicBusyError
		proof       *linking.ProofError
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
		p = newProblem("rate-limited", "Too many links were started; wait and try again.").retryAfter(linkRate.RetryAfter)
		p.Scope, p.Limit = linkRate.Scope, linkRate.Limit
		return p
	case errors.As(err, &sendRate):
		p = newProblem("rate-limited", "This chat has been sent too many codes; wait and try again.").retryAfter(sendRate.RetryAfter)
		p.Scope, p.Limit = "chat", sendRate.Limit
		return p
	case errors.As(err, &busy):
		p = newProblem("rate-limited", "Too many messages through this topic; wait and try again.").retryAfter(busy.RetryAfter)
		p.Scope, p.Limit = "topic", notify.TopicBurst
		return p
	case errors.As(err, &cooling):
		return newProblem(string(twofa.AfterNotMe), waitTexts[twofa.AfterNotMe]).retryAfter(cooling.RetryAfter)
	case errors.As(err, &proof):
		p = newProblem("proof-refused", proofTexts[proof.Reason])
		p.Reason = string(proof.Reason)
		return p
	case errors.As(err, &wait):
		p = newProblem(string(wait.Kind), waitTexts[wait.Kind]).retryAfter(wait.RetryAfter)
		p.Scope, p.Limit = wait.Scope, wait.Limit
		return p
	case errors.As(err, &unavailable):
		return factorUnavailable(unavailable.Reason)
	case errors.Is(err, notify.ErrSuspended):
		return factorUnavailable(twofa.ReasonSuspended)
	case errors.As(err, &progress):
		p = newProblem("verification-in-progress", "This user has verifications pending in two other sessions; finish or cancel one, or wait.")
		p.VerificationID, p.ExpiresIn = progress.ID, seconds(progress.ExpiresIn)
		return p
	case errors.As(err, &waiting):
		p = newProblem("recipient-unknown", "The bot has not met the holder of this handle, or was blocked. The person opens start_url and presses Start; "+
			"the code then arrives, unless it is too old by then.")
		p.MessageID, p.ExpiresIn = waiting.ID, seconds(waiting.ExpiresIn)
		return p
	case errors.As(err, &resent):
		p = newProblem("already-resent", "This message has been sent again already, as "+resent.ID+".")
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
		p = newProblem("no-recipients", "Nobody would get this broadcast: counts says how many users have no linked chat, and how many have blocked the bot.")
		p.Counts = &nobody.Audience
		return p
	case errors.As(err, &over):
		p = newProblem("broadcast-finished", "The broadcast is "+string(over.Status)+" already, so there is nothing left to cancel.")
		p.CurrentStatus = string(over.Status)
		return p
	case errors.As(err, &telegram):
		return newProblem("telegram-unavailable", telegram.Failure.Detail).retryAfter(telegram.RetryAfter)
	case errors.As(err, &reload):
		p = newProblem("configuration-refused", reload.Detail)
		p.Errors = reload.Faults
		return p
	case errors.Is(err, delivery.ErrUsername):
		return invalidField("#/handle", "Not a Telegram username: 4 to 32 letters, digits and underscores, beginning with a letter, as in @alice.")
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
	return newProblem("internal-error", "Something went wrong in telegate; its log has the reason under this instance.")
}

// How long to wait before a request is repeated that met trouble with the database.
const (
	retryWhenFull = 30 * time.Second // somebody has to make room
	retryWhenBusy = 5 * time.Second
)

// storageProblem is the problem of an error that says why nothing can be stored; nil for others.
func storageProblem(err error) *Problem {
	switch {
	case errors.Is(err, delivery.ErrStorageFull):
		return newProblem("storage-full", "There is no room left on the disk for the database, so the request was not carried out. "+
			"Free space, then repeat it.").retryAfter(retryWhenFull)
	case errors.Is(err, delivery.ErrStorageBusy):
		return newProblem("storage-unavailable", "Another program holds the database, or its disk does not answer, so the request was "+
			"not carried out. Repeat it; if this lasts, GET /healthz says more.").retryAfter(retryWhenBusy)
	default:
		return nil
	}
}

func factorUnavailable(r twofa.Reason) *Problem {
	p := newProblem("factor-unavailable", unavailableTexts[r])
	p.Reason = string(r)
	return p
}

// notResendable says why a message is not sent again.
func notResendable(status delivery.Status) string {
	switch {
	case !status.Final():
		return "This message is still on its way, so there is nothing to send again; wait for its end."
	case status.Dead():
		return "This was a code or an answer of the bot, which is worth nothing any more; ask for a fresh code."
	default:
		return "This message is " + string(status) + ", so there is nothing to send again; send a new one with POST /v1/messages."
	}
}

var proofTexts = map[linking.ProofReason]string{
	linking.ProofUnknown:      "There is no message with this id in this domain.",
	linking.ProofNotALinkCode: "The message was no code with purpose link.",
	linking.ProofNotDelivered: "The message has not reached anybody; wait for it, and try again.",
	linking.ProofTooOld:       "The code is older than 15 minutes; send another and have it typed.",
	linking.ProofOtherHandle:  "The code went to another chat than this handle's.",
	linking.ProofNotPrivate:   "The code went to a group; only a private chat can be somebody's.",
	linking.ProofUsed:         "The code has linked another user already; each one links once.",
}

var waitTexts = map[twofa.Wait]string{
	twofa.RateLimited:   "Too many verifications were created; wait and try again.",
	twofa.Throttled:     "Too many wrong codes in a row; wait, or offer another second factor.",
	twofa.ResendTooSoon: "The code has just been sent; wait before sending it again.",
	twofa.AfterNotMe:    "The user has said that a sign-in was not theirs, so no codes are sent for a while.",
}

var unavailableTexts = map[twofa.Reason]string{
	twofa.ReasonNotLinked:     "This user has no linked Telegram chat; offer another second factor, or start a link.",
	twofa.ReasonSuspended:     "The link is suspended after too many wrong codes; the user has to link again.",
	twofa.ReasonBlocked:       "The user has blocked the bot; a tap on Start in the chat ends that.",
	twofa.ReasonTransportDown: "Telegram cannot be reached right now; offer another second factor.",
}

// writeProblem answers with a problem outside of huma's handlers.
func writeProblem(w http.ResponseWriter, r *http.Request, p *Problem) {
	p.Instance = requestID(r.Context())
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // whoever asked has gone away
}

// configureHuma makes huma's own errors problems and its checks strict; its hooks for that are package variables.
var configureHuma = sync.OnceFunc(func() {
	huma.ValidateStrictCasing = true
	huma.DefaultArrayNullable = false // no list in an answer is null
	huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
		return humaProblem(status, errs)
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, _ string, errs ...error) huma.StatusError {
		p := humaProblem(status, errs)
		if ctx != nil {
			p.Instance = requestID(ctx.Context())
		}
		return p
	}
})

// maxFaults bounds how many members one answer points at: a list can have very many.
const maxFaults = 20

// humaProblem takes over where and why, and never the value at fault: it may be a code.
func humaProblem(status int, errs []error) *Problem {
	switch status {
	case http.StatusUnprocessableEntity:
	case http.StatusBadRequest:
		return newProblem("malformed-request", "The body is not the JSON object this call takes.")
	case http.StatusRequestEntityTooLarge:
		return tooLarge(maxBody)
	case http.StatusUnsupportedMediaType:
		return newProblem("unsupported-media-type", "Send the body as application/json.")
	case http.StatusRequestTimeout:
		return newProblem("malformed-request", "The body did not arrive in time.")
	default:
		return newProblem("internal-error", "Something went wrong in telegate; its log has the reason under this instance.")
	}
	p := newProblem("validation-failed", "Members of the request cannot be accepted; errors says which.")
	for _, err := range errs[:min(len(errs), maxFaults)] {
		var d *huma.ErrorDetail
		if errors.As(err, &d) {
			at, detail := pointer(d.Location), d.Message
			if name, ok := missingMember(detail); ok {
				at, detail = at+"/"+name, "is required"
			}
			if strings.HasPrefix(detail, "json: ") { // it quotes the value
				detail = "a number is not an integer, or too large"
			}
			p.Errors = append(p.Errors, Fault{at, detail})
		}
	}
	return p
}

// missingMember finds the member in huma's "expected required property NAME to be present".
func missingMember(message string) (name string, ok bool) {
	rest, ok := strings.CutPrefix(message, "expected required property ")
	name, _, _ = strings.Cut(rest, " ")
	return name, ok
}

// pointer turns huma's "body.context.ip" into "#/context/ip" and "query.user" into "query/user"; where a name on the way
// is not plain, it points to the whole.
func pointer(location string) string {
	where, rest, _ := strings.Cut(location, ".")
	if where == "body" {
		where = "#"
	}
	names := strings.Split(rest, ".")
	if slices.ContainsFunc(names, func(name string) bool { return !plainName.MatchString(name) }) {
		return where
	}
	return where + "/" + strings.NewReplacer("[", "/", "]", "").Replace(strings.Join(names, "/"))
}

func tooLarge(limit int) *Problem {
	p := newProblem("body-too-large", fmt.Sprintf("The body is larger than %d KiB.", limit>>10))
	p.LimitBytes = limit
	return p
}
