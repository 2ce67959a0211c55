package api

import (
	"fmt"
	"html"
	"net/http"
)

// problemType is one kind of problem: what its page says.
type problemType struct {
	status        int
	title, advice string
}

// problemTypes is the catalogue of problems.
var problemTypes = map[string]problemType{
	"invalid-credentials":      {401, "Invalid credentials", "The request has no API key, or one that telegate does not know. Print a key with telegate key new, put the table it prints into telegate.toml, and send the key as Authorization: Bearer KEY."},
	"insufficient-scope":       {403, "Insufficient scope", "The key may not make this call. Give it the scope in required_scope, or use another key."},
	"domain-not-allowed":       {403, "Domain not allowed", "The key may not act for this domain. Add the domain to the key's domains in telegate.toml."},
	"malformed-request":        {400, "Malformed request", "The body could not be read as JSON."},
	"validation-failed":        {422, "Validation failed", "The request has members that are missing, unknown, of the wrong type or out of bounds; errors points at each."},
	"unsupported-media-type":   {415, "Unsupported media type", "Send the body with Content-Type: application/json."},
	"body-too-large":           {413, "Body too large", "Bodies may have limit_bytes at most."},
	"unsupported-publication":  {400, "Unsupported publication", "A client of ntfy has asked for what telegate does not do: files, delays, mail, calls. Leave that out."},
	"headers-too-large":        {431, "Headers too large", "Path, query and headers may have limit_bytes at most, all together. Look for what a proxy in between adds, such as cookies."},
	"not-found":                {404, "Not found", "There is no such path, or nothing with this id that the key may see."},
	"method-not-allowed":       {405, "Method not allowed", "The path exists, the method does not; the header Allow lists the ones that do."},
	"msg2factor-disabled":      {403, "Second factor is off", "The domain has msg2factor = false. Links and messages work; codes for signing in do not. Offer another second factor."},
	"factor-unavailable":       {409, "Second factor unavailable", "Telegram cannot be the second factor of this user now; reason says why: not_linked, link_suspended, chat_blocked_bot, transport_down. Offer another factor."},
	"verification-in-progress": {409, "Verification in progress", "The user has as many verifications pending in other sessions as there may be. Wait until one expires, or cancel it."},
	"verification-finished":    {409, "Verification finished", "The verification has ended, so it can be neither resent nor canceled. Create a new one."},
	"sends-exhausted":          {409, "Sends exhausted", "A code is sent three times at most. Create a new verification."},
	"recipient-unknown":        {409, "Recipient unknown", "Telegram lets a bot write only to people who have pressed Start. The person opens start_url and presses it, or links the account."},
	"recipient-blocked":        {409, "Recipient has blocked the bot", "The person has blocked the bot. Pressing Start in the chat ends that."},
	"recipient-changed":        {409, "Recipient changed", "A Telegram username can pass to somebody else, and this one has. telegate keeps to the account the name meant when the domain first used it, until the new holder proves himself by linking."},
	"recipient-unproven":       {403, "Recipient unproven", "Nobody has proven to own this handle. Only a code with purpose link may go there, or a direct message from an administrator's key."},
	"already-resent":           {409, "Already sent again", "A message has been sent in place of this one, and is not sent twice; message_id names it. Should that one have failed too, send that one again."},
	"not-resendable":           {409, "Not to be sent again", "Only a message that has failed, expired or is unknown can be sent again, and neither a code nor an answer of the bot; current_status says how this one stands."},
	"text-gone":                {409, "Text gone", "The text of a message that did not arrive is kept for 7 days. Give a text to send in its place."},
	"no-recipients":            {409, "Nobody to reach", "Nobody would get the broadcast: no user of the list (or none at all in the domain) has a linked chat that takes messages. Nothing was stored; counts tells more. Link users first, with POST /v1/links."},
	"broadcast-finished":       {409, "Broadcast finished", "The broadcast has been sent or canceled, so it cannot be canceled; current_status says which. GET it for its outcomes."},
	"proof-refused":            {409, "Proof refused", "A caller vouched for a code that proves nothing; reason says why: unknown_message, not_a_link_code, not_delivered, too_old, other_handle, not_private, used. Only not_delivered is worth another try with the same message."},
	"resend-too-soon":          {429, "Resend too soon", "Wait for retry_after seconds before sending the code again."},
	"rate-limited":             {429, "Rate limited", "More of these were asked for than allowed; scope says whom the limit counts. Wait for retry_after seconds."},
	"factor-throttled":         {429, "Second factor throttled", "After ten wrong codes in a row each further one costs a growing wait. Wait for retry_after seconds, or offer another factor."},
	"cooling-off":              {429, "Cooling off", "The user tapped Not me, so no codes are sent for 20 minutes. Wait for retry_after seconds, or offer another factor."},
	"idempotency-in-flight":    {409, "Request in flight", "A request with this Idempotency-Key is being answered right now. Wait a moment and repeat it."},
	"idempotency-mismatch":     {422, "Idempotency-Key reused", "This Idempotency-Key was used for a request with another body. Use a fresh key for each new request."},
	"telegram-unavailable":     {503, "Telegram unavailable", "Telegram cannot be reached, or refuses the bot or the user session. /healthz says which."},
	"needs-bot":                {409, "Needs a bot", "The domain has no bot, a user session stands in for it: nothing can be opened or tapped there. Start the link by handle."},
	"configuration-refused":    {409, "Configuration refused", "The configuration was read again and is not used; the one in force stays in force. errors names each line at fault; mend it and reload again. telegate config check tells the same without touching what runs."},
	"storage-full":             {503, "Storage full", "There is no room for the database on the disk, so the request was not carried out. Free space, and repeat the request; telegate needs no restart, and what it had accepted before is kept."},
	"storage-unavailable":      {503, "Storage unavailable", "The database takes nothing right now: another program holds it, or its disk does not answer. Repeat the request after retry_after seconds; if it lasts, /healthz and the log say why."},
	"internal-error":           {500, "Internal error", "telegate has a fault; its log tells more under the instance of the answer."},
}

// serveProblemPage is the page of one kind of problem.
func serveProblemPage(w http.ResponseWriter, r *http.Request) {
	slug := r.PathValue("slug")
	k, ok := problemTypes[slug]
	if !ok {
		writeProblem(w, r, newProblem("not-found", "There is no such problem."))
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, "<!doctype html><html lang=en><meta charset=utf-8><title>%s</title><h1>%s</h1><p>%s &middot; HTTP %d</p><p>%s</p></html>\n",
		html.EscapeString(k.title), html.EscapeString(k.title), html.EscapeString(slug), k.status, html.EscapeString(k.advice))
}

// muxProblems lets even the router's own 404 and 405 be problems.
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
			writeProblem(w, r, newProblem("method-not-allowed", "This path takes "+refusal.header.Get("Allow")+"."))
		case refusal.status >= 300 && refusal.status < 400: // a path that was not clean
			w.Header().Set("Location", refusal.header.Get("Location"))
			w.WriteHeader(refusal.status)
		default:
			writeProblem(w, r, newProblem("not-found", "There is no such path; /openapi.json lists them all."))
		}
	})
}

// headerRecorder is a response writer for an answer that will be written anew.
type headerRecorder struct {
	header http.Header
	status int
}

func (s *headerRecorder) Header() http.Header         { return s.header }
func (s *headerRecorder) Write(b []byte) (int, error) { return len(b), nil }
func (s *headerRecorder) WriteHeader(code int)        { s.status = code }
