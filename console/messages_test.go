package console_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"telegate/db/dbtest"
	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/internal/gatewaytest"
	"telegate/notify"
)

// send has a message accepted.
func (w *world) send(r notify.Request) delivery.Message {
	w.T.Helper()
	if r.Lane == "" {
		r.Lane = delivery.LaneDirect
	}
	if r.Text == "" {
		r.Text = "The secret text"
	}
	a, err := w.Messages.Send(w.T.Context(), r)
	if err != nil {
		w.T.Fatal(err)
	}
	return a.Message
}

// end ends a message as the dispatcher does.
func (w *world) end(id string, status delivery.Status, detail string) {
	w.T.Helper()
	p := delivery.Progress{ID: id, Status: status, Ended: w.Clock.Now()}
	if detail != "" {
		p.Failure = &delivery.Failure{Reason: delivery.ReasonChatNotFound, Detail: detail}
	}
	if err := w.DB.SaveProgress(w.T.Context(), p); err != nil {
		w.T.Fatal(err)
	}
}

// dead is a message that has failed.
func (w *world) dead(r notify.Request) delivery.Message {
	w.T.Helper()
	m := w.send(r)
	w.end(m.ID, delivery.StatusFailed, "Telegram knows no such chat. Have the user link again.")
	return m
}

// rows are the ids of the messages of a list, in order.
func (a answer) rows() []string {
	var ids []string
	for _, part := range strings.Split(a.body, `data-id="`)[1:] {
		id, _, _ := strings.Cut(part, `"`)
		ids = append(ids, id)
	}
	return ids
}

func TestMessagesAreFiltered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.link("", "alice", alice)
	w.link("corp", "bob", person(502, "bob", "Bob", ""))
	failed := w.dead(notify.Request{User: "alice", Lane: delivery.LaneAlert})
	done := w.send(notify.Request{User: "alice", Lane: delivery.LaneCode, Purpose: notify.Login})
	w.end(done.ID, delivery.StatusDelivered, "")
	waiting := w.send(notify.Request{User: "alice", Lane: delivery.LaneAlert})
	other := w.send(notify.Request{Domain: "corp", User: "bob", Lane: delivery.LaneAlert})
	c := w.signedIn(keyAdmin)
	for query, want := range map[string][]string{
		"lane=alert":                 {waiting.ID, failed.ID},
		"status=delivered&lane=code": {done.ID},
		"status=dead":                {failed.ID},
		"status=delivered&user=bob":  nil,
		"status=queued&lane=alert":   {waiting.ID},
		"user=alice&lane=alert":      {waiting.ID, failed.ID},
		"domain=corp&lane=alert":     {other.ID},
		"domain=corp&user=alice":     nil,
		"broadcast=bc_nowhere":       nil,
		"status=queued&user=nobody":  nil,
		"status=dead&lane=broadcast": nil,
	} {
		a := c.get("/console/messages?"+query).want(t, http.StatusOK)
		if got := a.rows(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	c.get("/console/messages?status=dead").want(t, http.StatusOK, "Telegram knows no such chat. Have the user link again.", "Send again…")
	c.get("/console/messages?domain=corp&status=dead").want(t, http.StatusOK, "There are no dead letters")
	for query, words := range map[string]string{
		"status=lost": "This status does not exist", "lane=fast": "This lane does not exist", "after=msg_nowhere": "This page of the list no longer exists.",
		"after=" + other.ID: "This page of the list no longer exists.",
	} {
		c.get("/console/messages?user=alice&"+query).want(t, http.StatusUnprocessableEntity, words, `value="alice"`)
	}
	for _, query := range []string{"user=" + strings.Repeat("a", 257), "status=" + strings.Repeat("a", 65), "after=" + strings.Repeat("a", 65), "broadcast=a%0Ab"} {
		c.get("/console/messages?"+query).want(t, http.StatusUnprocessableEntity)
	}
	w.signedIn(keyCorp).get("/console/messages?domain=").want(t, http.StatusForbidden)
}

func TestMessagesArePagedByKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.link("", "alice", alice)
	for range 120 {
		w.send(notify.Request{User: "alice", Lane: delivery.LaneAlert})
	}
	c := w.signedIn(keyAdmin)
	var all []string
	for path := "/console/messages?lane=alert"; path != ""; {
		a := c.get(path).want(t, http.StatusOK)
		all = append(all, a.rows()...)
		_, next, more := strings.Cut(a.body, `data-testid="next" href="`)
		path = ""
		if more {
			path, _, _ = strings.Cut(next, `"`)
			path = html.UnescapeString(path)
		}
	}
	seen := map[string]bool{}
	for _, id := range all {
		seen[id] = true
	}
	if len(all) != 120 || len(seen) != 120 {
		t.Errorf("%d messages, %d different", len(all), len(seen))
	}
}

func TestMessageShowsItsHistoryButNotItsText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.link("", "alice", alice)
	m := w.send(notify.Request{User: "alice"})
	c := w.signedIn(keyAdmin)
	c.get("/console/messages/"+m.ID).want(t, http.StatusOK, "alice", "Waiting", "Accepted in the lane direct", `data-live="/console/messages/`+m.ID+`?part=story"`)
	failure := &delivery.Failure{Reason: delivery.ReasonBlockedByUser, Detail: "The person has blocked the bot; a tap on Start ends that."}
	if err := w.DB.SaveProgress(t.Context(), delivery.Progress{
		ID: m.ID, Status: delivery.StatusFailed, Attempts: 1, Failure: failure, Ended: w.Clock.Now(),
		Attempt: &delivery.Attempt{N: 1, At: w.Clock.Now(), Took: 80 * time.Millisecond, Transport: "bot", Outcome: "recipient", Failure: failure},
	}); err != nil {
		t.Fatal(err)
	}
	a := c.get("/console/messages/"+m.ID).want(t, http.StatusOK, "Failed", "Attempt 1, bot, 80ms, blocked_by_user", "a tap on Start ends that.", "Send again")
	part := c.get("/console/messages/"+m.ID+"?part=story").want(t, http.StatusOK, "data-final")
	for _, body := range []string{a.body, part.body, c.get("/console/messages").body} {
		if strings.Contains(body, "secret text") {
			t.Error("a page shows the text of a message")
		}
	}
}

func TestADeadLetterIsSentAgainOnceWithTheNameOfTheKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.link("", "alice", alice)
	m := w.dead(notify.Request{User: "alice"})
	w.Clock.Advance(time.Minute)
	c := w.signedIn(keyAdmin)
	a := c.post("/console/messages/"+m.ID+"/resend", url.Values{"text": {" \r\n"}}) // nothing typed: as it was
	if a.status != http.StatusSeeOther || !strings.HasPrefix(a.location, "/console/messages/msg_") {
		t.Fatalf("%d %s %s", a.status, a.location, a.body)
	}
	c.get(a.location).want(t, http.StatusOK, "Sent again. See below for the result.", "Waiting")
	if got := w.Last(alice).Body.Parts[0].Text.Text; got != "The secret text" {
		t.Errorf("sent %q", got)
	}
	// Twice, as by a double click or by somebody else: the first one counts.
	c.post("/console/messages/"+m.ID+"/resend", url.Values{"text": {"Another"}}).
		want(t, http.StatusConflict, "This message was already sent again", strings.TrimPrefix(a.location, "/console/messages/"))
	trail, err := w.DB.AuditTrail(t.Context(), "", "alice", w.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	if len(trail) != 1 || trail[0].Event != audit.MessageResent || trail[0].Actor != audit.AtConsole("ops") || trail[0].Outcome != m.ID {
		t.Errorf("audit: %+v", trail)
	}
}

func TestADeadLetterIsSentWithAnotherText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.link("", "alice", alice)
	m := w.dead(notify.Request{User: "alice"})
	c := w.signedIn(keyAdmin)
	path := "/console/messages/" + m.ID + "/resend"
	// What is refused is said beside what was typed, which is not lost.
	c.post(path, url.Values{"text": {"<b>open"}, "format": {"html"}}).want(t, http.StatusUnprocessableEntity, "The text is not Telegram&#39;s HTML", "&lt;b&gt;open</textarea>", "checked")
	c.post(path, url.Values{"text": {strings.Repeat("a", 100_001)}}).want(t, http.StatusUnprocessableEntity, "The text is too long")
	c.post(path, url.Values{"text": {"a\x00b"}}).want(t, http.StatusUnprocessableEntity, "The text is not valid")
	c.post(path, url.Values{"text": {strings.Repeat("<", 300<<10)}}).want(t, http.StatusRequestEntityTooLarge)
	if a := c.post(path, url.Values{"text": {"<b>Now</b>\r\nplease"}, "format": {"html"}}); a.status != http.StatusSeeOther {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if got := w.Last(alice).Body.Parts[0].Text; got.Text != "Now\nplease" || len(got.Entities) != 1 {
		t.Errorf("sent %+v", got)
	}
}

func TestOnlyDeadLettersAreSentAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.link("", "alice", alice)
	waiting := w.send(notify.Request{User: "alice"})
	code := w.dead(notify.Request{User: "alice", Lane: delivery.LaneCode, Purpose: notify.Login})
	done := w.send(notify.Request{User: "alice"})
	w.end(done.ID, delivery.StatusDelivered, "")
	old := w.dead(notify.Request{User: "alice"})
	c := w.signedIn(keyAdmin)
	for id, words := range map[string]string{
		waiting.ID: "still being sent", code.ID: "useless by now", done.ID: "This message is delivered",
	} {
		c.post("/console/messages/"+id+"/resend", url.Values{}).want(t, http.StatusConflict, words)
	}
	w.Clock.Advance(8 * 24 * time.Hour)
	if err := w.DB.Prune(t.Context(), w.Clock.Now(), dbtest.Retention); err != nil {
		t.Fatal(err)
	}
	c = w.signedIn(keyAdmin)
	c.post("/console/messages/"+old.ID+"/resend", url.Values{}).want(t, http.StatusConflict, "The text of this message is no longer stored. Enter the text to send.")
	if err := w.Links.Unlink(t.Context(), "", "alice"); err != nil {
		t.Fatal(err)
	}
	c.post("/console/messages/"+old.ID+"/resend", url.Values{"text": {"Hello"}}).want(t, http.StatusConflict, "This user has no linked chat", "Hello</textarea>")
}

// From the user's page and from the last failures one gets to what happened.
func TestAUserAndTheStatusLeadToMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.link("", "alice", alice)
	m := w.dead(notify.Request{User: "alice"})
	c := w.signedIn(keyAdmin)
	c.get("/console/user?domain=&user=alice").want(t, http.StatusOK, `href="/console/messages/`+m.ID+`"`, `href="/console/trace?domain=&amp;user=alice"`, `href="/console/logins?domain=&amp;user=alice"`)
	c.get("/console/status").want(t, http.StatusOK, `href="/console/messages/`+m.ID+`"`, `data-tone="bad">Failed<`, "Telegram knows no such chat.")
	// While Telegram is away messages expire, and answers are lost: that has not arrived either.
	late, lost, done := w.send(notify.Request{User: "alice"}), w.send(notify.Request{User: "alice"}), w.send(notify.Request{User: "alice"})
	w.end(late.ID, delivery.StatusExpired, "Telegram could not be reached in time.")
	w.end(lost.ID, delivery.StatusUnknown, "")
	w.end(done.ID, delivery.StatusDelivered, "")
	a := c.get("/console/status").want(t, http.StatusOK,
		`href="/console/messages/`+late.ID+`"`, `data-tone="warn">Expired<`, "Telegram could not be reached in time.",
		`href="/console/messages/`+lost.ID+`"`, `data-tone="warn">Unknown<`, "Ask the user before you send it again.")
	if strings.Contains(a.body, done.ID) {
		t.Errorf("what has arrived is among the failures: %s", a.body)
	}
}

func TestMessageOfAForeignDomainIsNotFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.link("", "alice", alice)
	m := w.dead(notify.Request{User: "alice"})
	corp := w.signedIn(keyCorp)
	for _, id := range []string{m.ID, "msg_nowhere", "%00", strings.Repeat("x", 3000)} {
		corp.get("/console/messages/"+id).want(t, http.StatusNotFound, "This message does not exist")
		corp.post("/console/messages/"+id+"/resend", url.Values{}).want(t, http.StatusNotFound, "This message does not exist")
	}
	w.signedIn(keyAdmin).post("/console/messages/"+m.ID+"/resend", url.Values{"csrf": {"forged"}}).want(t, http.StatusForbidden, "out of date")
	// The API asks for admin alone, so a key that may not send may send again.
	if a := w.signedIn(keyOnly).post("/console/messages/"+m.ID+"/resend", url.Values{}); a.status != http.StatusSeeOther {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestTheTraceSaysWhyAliceDidNotGetIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.signedIn(keyAdmin)
	c.get("/console/trace").want(t, http.StatusOK, "Enter a user's id ")
	c.get("/console/trace?user=alice").want(t, http.StatusOK, "Not linked", "There is no link to a Telegram chat.", "telegate was not asked to send alice anything")
	if _, err := w.Messages.Send(t.Context(), notify.Request{User: "alice", Text: "Hello", Lane: delivery.LaneDirect}); err == nil {
		t.Fatal("sent to nobody")
	}
	c.get("/console/trace?user=alice").want(t, http.StatusOK, "A message was refused: the user had no linked chat", `data-tone="bad">message refused`)
	w.link("", "alice", alice)
	m := w.dead(notify.Request{User: "alice"})
	c.get("/console/trace?user=alice").want(t, http.StatusOK, "Alice (@alice)", "The link was proven", "/console/messages/"+m.ID, "ended as failed", "Telegram knows no such chat.")
	if err := w.Messages.Mute(t.Context(), gatewaytest.BotID, alice.ID, w.Clock.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	c.get("/console/trace?user=alice").want(t, http.StatusOK, "The person has muted messages until")
	if err := w.Messages.Mute(t.Context(), gatewaytest.BotID, alice.ID, time.Time{}); err != nil {
		t.Fatal(err)
	}
	w.Clock.Advance(20 * time.Minute)
	c.get("/console/trace?user=alice&until=2026-11-02T08:00:00Z").want(t, http.StatusOK, "Nothing happened in this time")
	for range 210 {
		w.dead(notify.Request{User: "alice"})
	}
	a := c.get("/console/trace?user=alice&days=7").want(t, http.StatusOK, "Earlier events")
	_, older, _ := strings.Cut(a.body, `data-testid="older" href="`)
	older, _, _ = strings.Cut(older, `"`)
	c.get(html.UnescapeString(older)).want(t, http.StatusOK, `data-testid="events"`)

	for _, query := range []string{"user=alice&until=never", "user=alice&until=0001-01-01T00:00:00Z", "user=" + strings.Repeat("a", 257), "user=a%01"} {
		c.get("/console/trace?"+query).want(t, http.StatusUnprocessableEntity)
	}
	c.get("/console/trace?user=alice&days=100000").want(t, http.StatusOK, `value="1" selected`)
	c.get("/console/trace?user=alice&domain=nowhere").want(t, http.StatusNotFound)
	w.signedIn(keyCorp).get("/console/trace?user=alice&domain=").want(t, http.StatusForbidden)
}

// A handle is known only from its holder's link. Questions about a link are no codes to sign in with.
func TestTheTraceOfAHandleIsThatOfItsHolder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.signedIn(keyAdmin)
	w.link("", "user//alice", alice)
	m := w.dead(notify.Request{User: "user//alice"})
	a := c.get("/console/trace?user=%40Alice").want(t, http.StatusOK, "@alice is the handle of the Telegram account of user//alice.", "Alice (@alice)",
		"/console/messages/"+m.ID, "message accepted</span> link question ", "A question or code about a link, no sign-in code")
	if strings.Contains(a.body, "There is no link to a Telegram chat") {
		t.Errorf("the holder counts as not linked:\n%s", a.body)
	}
	a = c.get("/console/trace?user=%40nobody_x").want(t, http.StatusOK, "No user of this domain is linked to a Telegram account with the handle @nobody_x.")
	if strings.Contains(a.body, "Open the user") {
		t.Errorf("a handle is shown as a user:\n%s", a.body)
	}
	c.get("/console/messages?user=user%2F%2Falice&lane=code").want(t, http.StatusOK, `<td class="tight">link question</td>`)
}
