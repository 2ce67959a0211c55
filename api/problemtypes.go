package api

import (
	"fmt"
	"html"
	"net/http"
)

// problemType is what the page of a problem says.
type problemType struct {
	status        int
	title, advice string
}

// problemTypes are all problems, by slug.
var problemTypes = map[string]problemType{
	"invalid-credentials":      {401, "Invalid credentials", "The request has no API key, or an unknown one. Create a key with telegate key create, paste the section it prints at the end of telegate.toml, and send the key as Authorization: Bearer KEY."},
	"insufficient-scope":       {403, "Insufficient scope", "The key may not make this call. Give it the scope in required_scope, or use another key."},
	"console-only-key":         {403, "Console only", "The key has a user, so it opens only the console, which asks this user for a code. Programs and the command line need a key without user."},
	"domain-not-allowed":       {403, "Domain not allowed", "The key may not use this domain. Add the domain to the key's domains in telegate.toml."},
	"malformed-request":        {400, "Malformed request", "The body could not be read as JSON."},
	"validation-failed":        {422, "Validation failed", "Members of the request are missing, unknown, of the wrong type or out of range. errors lists them."},
	"unsupported-media-type":   {415, "Unsupported media type", "Send the body with Content-Type: application/json."},
	"body-too-large":           {413, "Body too large", "A body may have at most limit_bytes."},
	"unsupported-publication":  {400, "Unsupported publication", "An ntfy client used a feature that telegate does not have: files, delays, mail or calls. Leave it out."},
	"headers-too-large":        {431, "Headers too large", "Path, query and headers together may have at most limit_bytes. Check what a proxy adds, for example cookies."},
	"not-found":                {404, "Not found", "This path does not exist, or nothing with this id is visible to the key."},
	"method-not-allowed":       {405, "Method not allowed", "The path exists but does not accept this method. The header Allow lists the methods."},
	"msg2factor-disabled":      {403, "Second factor is off", "The domain has msg2factor = false. Links and messages work; sign-in codes do not. Offer another second factor."},
	"authentication-required":  {403, "Authentication required", "The domain has require_authenticated_at = true: a link needs authenticated_at, the time at which the user last signed in at your server, at most an hour ago. Ask the user to sign in again, then start the link with that time."},
	"factor-unavailable":       {409, "Second factor unavailable", "Telegram cannot be the second factor of this user now; reason says why: not_linked, link_suspended, chat_blocked_bot, transport_down, or too_many_failures (of a recovery or confirm code only). Offer another factor."},
	"verification-in-progress": {409, "Verification in progress", "The user has the maximum number of pending verifications of this purpose in other sessions. Wait until one expires, or cancel it."},
	"verification-finished":    {409, "Verification finished", "The verification has ended, so it cannot be resent or canceled. Create a new one."},
	"sends-exhausted":          {409, "Sends exhausted", "A code can be sent at most three times. Create a new verification."},
	"recipient-unknown":        {409, "Recipient unknown", "In Telegram a bot can write only to people who have pressed Start. The person opens start_url and presses it, or links the account."},
	"recipient-blocked":        {409, "Recipient has blocked the bot", "The person has blocked the bot. To unblock it, they press Start in the chat."},
	"recipient-changed":        {409, "Recipient changed", "This Telegram username now belongs to another account. telegate uses the account that had the name when the domain first used it, until the new owner links."},
	"recipient-unproven":       {403, "Recipient unproven", "Nobody has confirmed this handle yet. Only a code with purpose link may be sent to it (to a username, not to a chat id), or a direct message from a key with the scope invite."},
	"already-resent":           {409, "Already sent again", "This message was already sent again, as message_id. If that one failed too, resend that one."},
	"not-resendable":           {409, "Not to be sent again", "Only messages with status failed, expired or unknown can be sent again, and no codes or replies of the bot. current_status is the status of this one."},
	"text-gone":                {409, "Text gone", "The text of an undelivered message is kept for 7 days. Send a new text."},
	"no-recipients":            {409, "Nobody to reach", "The broadcast would reach nobody: no user in the list (or in the domain) has a linked chat that accepts messages. Nothing was stored; counts has the numbers. Link users first, with POST /v1/links."},
	"broadcast-finished":       {409, "Broadcast finished", "The broadcast was already sent or canceled (see current_status), so it cannot be canceled. GET it to see the outcomes."},
	"proof-refused":            {409, "Proof refused", "The code does not prove this link; reason says why: unknown_message, not_a_link_code, not_delivered, too_old, other_handle, not_private, used. Retry with the same message only after not_delivered."},
	"resend-too-soon":          {429, "Resend too soon", "Wait for retry_after seconds before sending the code again."},
	"rate-limited":             {429, "Rate limited", "Too many requests of this kind; scope says what the limit counts by. Wait for retry_after seconds."},
	"factor-throttled":         {429, "Second factor throttled", "After ten wrong codes in a row, each wrong code makes the wait longer. Wait for retry_after seconds, or offer another factor."},
	"cooling-off":              {429, "Cooling off", "The user tapped Not me, so no codes are sent for 20 minutes. Wait for retry_after seconds, or offer another factor."},
	"idempotency-in-flight":    {409, "Request in flight", "A request with this Idempotency-Key is still being processed. Repeat it in a moment."},
	"idempotency-mismatch":     {422, "Idempotency-Key reused", "This Idempotency-Key was used for a request with another body. Use a new key for each new request."},
	"telegram-unavailable":     {503, "Telegram unavailable", "Telegram cannot be reached, or refuses the bot or the user session. /healthz says which."},
	"needs-bot":                {409, "Needs a bot", "The domain has no bot: a user session sends its messages, so there is no link to open and no button to tap. Start the link by handle."},
	"configuration-refused":    {409, "Configuration refused", "The new configuration has errors, so telegate keeps using the old one. errors lists each line; fix them and reload again. telegate config check finds the same errors without a reload."},
	"storage-full":             {503, "Storage full", "The disk is full, so the database could not store the request. Free space and repeat the request. telegate needs no restart and has lost nothing."},
	"storage-unavailable":      {503, "Storage unavailable", "The database cannot store anything right now: another program has locked it, or its disk does not respond. Repeat the request after retry_after seconds. If this continues, see /healthz and the log."},
	"internal-error":           {500, "Internal error", "Something went wrong in telegate. Search its log for the instance of this answer."},
}

// serveProblemPage serves the page of a problem.
func serveProblemPage(w http.ResponseWriter, r *http.Request) {
	slug := r.PathValue("slug")
	k, ok := problemTypes[slug]
	if !ok {
		writeProblem(w, r, newProblem("not-found", "There is no such problem type."))
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, "<!doctype html><html lang=en><meta charset=utf-8><title>%s</title><h1>%s</h1><p>%s &middot; HTTP %d</p><p>%s</p></html>\n",
		html.EscapeString(k.title), html.EscapeString(k.title), html.EscapeString(slug), k.status, html.EscapeString(k.advice))
}

// muxProblems turns the 404 and 405 of the router into problems too.
func muxProblems(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		refusal := &headerRecorder{header: http.Header{}}
		h.ServeHTTP(refusal, r)
		switch {
		case refusal.status == http.StatusMethodNotAllowed:
			w.Header().Set("Allow", refusal.header.Get("Allow"))
			writeProblem(w, r, newProblem("method-not-allowed", "This path accepts "+refusal.header.Get("Allow")+"."))
		case refusal.status >= 300 && refusal.status < 400: // the path was not clean
			w.Header().Set("Location", refusal.header.Get("Location"))
			w.WriteHeader(refusal.status)
		default:
			writeProblem(w, r, newProblem("not-found", "This path does not exist. /openapi.json lists all paths."))
		}
	})
}

// headerRecorder records status and headers of a response and discards the body.
type headerRecorder struct {
	header http.Header
	status int
}

func (s *headerRecorder) Header() http.Header         { return s.header }
func (s *headerRecorder) Write(b []byte) (int, error) { return len(b), nil }
func (s *headerRecorder) WriteHeader(code int)        { s.status = code }
