package console_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/internal/browsertest"
	"telegate/notify"
)

// inZone gives the browser a time zone.
func inZone(zone string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: zone})
		return err
	})
}

// A dead letter is found, understood, sent again with another text, and followed until it has arrived.
func TestAnAdministratorSendsADeadLetterAgainInTheBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.link("", "alice", alice)
	w.link("", "bob", person(502, "bob", "Bob", ""))
	for i, status := range []delivery.Status{delivery.StatusDelivered, delivery.StatusExpired, delivery.StatusDelivered, delivery.StatusUnknown} {
		m := w.send(notify.Request{User: []string{"alice", "bob"}[i%2], Lane: delivery.LaneAlert})
		w.Clock.Advance(3 * time.Minute)
		w.end(m.ID, status, map[delivery.Status]string{delivery.StatusExpired: "Telegram could not be reached in its time. Look at Status, then send it again."}[status])
	}
	m := w.send(notify.Request{User: "alice"})
	failure := &delivery.Failure{Reason: delivery.ReasonBlockedByUser, Detail: "The person has blocked the bot; the user presses Start in the chat."}
	w.Clock.Advance(time.Second)
	w.noError(w.DB.SaveProgress(t.Context(), delivery.Progress{
		ID: m.ID, Status: delivery.StatusFailed, Attempts: 1, Failure: failure, Ended: w.Clock.Now(),
		Attempt: &delivery.Attempt{N: 1, At: w.Clock.Now(), Took: 80 * time.Millisecond, Transport: "bot", Outcome: "recipient", Failure: failure},
	}))
	b := w.browser(t, 1280, 900)
	b.open("/console/messages")
	b.signIn(keyAdmin)
	b.See(`[data-testid=messages]`)
	b.shots("messages")
	b.Click(`[data-testid=view-dead]`)
	b.See(`[data-testid=view-dead][aria-current=page]`)
	b.Reads(fmt.Sprintf(`[data-id=%s]`, m.ID), "the user presses Start in the chat")
	b.shots("dead-letters")
	b.Type(`[data-testid=user-filter]`, "alice")
	b.Click(`[data-testid=show]`)
	b.Until("alice's alone", `document.querySelectorAll("[data-testid=message]").length === 1`)
	b.Click(fmt.Sprintf(`[data-id=%s] [data-testid=open]`, m.ID))
	b.Reads(`[data-testid=story]`, "blocked_by_user")
	b.shots("message")
	b.Type(`[data-testid=text]`, "Hello again")
	b.Click(`[data-testid=resend]`)
	b.Reads(`[data-testid=flash]`, "Sent again")
	b.Reads(`[data-testid=state]`, "Waiting")
	again := w.Last(alice)
	if again.Body.Parts[0].Text.Text != "Hello again" {
		t.Errorf("sent %+v", again.Body)
	}
	w.end(again.ID, delivery.StatusDelivered, "")
	b.Reads(`[data-testid=state]`, "Delivered") // live
	b.Until("it asks no more", `document.querySelector("#story").dataset.state === "ended"`)
	b.Click(`[data-testid=why]`)
	b.Reads(`[data-testid=summary]`, "was delivered at")
	b.Reads(`[data-testid=events]`, "It was done in the console with the key ops.")
	b.shots("trace")
	w.wantActor("alice", "console:ops", audit.MessageResent)
}

// A new message comes into the list by itself, and nobody who is inside with the keyboard is thrown out for it.
func TestTheQueueIsLiveAndLeavesTheKeyboardAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.link("", "alice", alice)
	w.send(notify.Request{User: "alice", Lane: delivery.LaneAlert})
	b := w.browser(t, 1280, 900)
	b.open("/console/messages?status=queued&lane=alert")
	b.signIn(keyAdmin)
	b.See(`[data-testid=message]`)
	w.send(notify.Request{User: "alice", Lane: delivery.LaneAlert})
	b.Until("two", `document.querySelectorAll("[data-testid=message]").length === 2`)
	b.tabTo(`[data-testid=open]`)
	focused := browsertest.Ask[string](b.Page, `document.activeElement.href`)
	w.send(notify.Request{User: "alice", Lane: delivery.LaneAlert})
	browsertest.Ask[bool](b.Page, `(document.querySelector("#list").dataset.state = "asked") !== ""`)
	b.Until("it has asked", `document.querySelector("#list").dataset.state === "live"`)
	if now := browsertest.Ask[string](b.Page, `document.activeElement.href ?? ""`); now != focused {
		t.Errorf("the focus went from %s to %s", focused, now)
	}
	b.keys("\r")
	b.See(`[data-testid=story]`)
}

func TestAnAdministratorReadsTheLoginReportInTheBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var entries []audit.Entry
	agents := []string{firefox, "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"}
	for i := range 400 {
		e := audit.Entry{
			User: []string{"alice", "bob", "carol"}[i%3], Outcome: "approved", Time: w.Clock.Now().Add(-time.Duration(i*i) * 15 * time.Second),
			Context: audit.Context{IP: fmt.Sprintf("203.0.113.%d", i%7), UserAgent: agents[i%2]},
		}
		if i%9 == 4 {
			e.Outcome = []string{"incorrect", "denied", "expired"}[i%3]
		}
		entries = append(entries, e)
	}
	w.signIns(entries...)
	b := w.browser(t, 1280, 900)
	b.Do("live in another zone", inZone("Asia/Kolkata"))
	b.open("/console/logins")
	b.signIn(keyAdmin)
	b.Reads(`[data-testid=login]`, "2 Nov 2026, 14:30") // 09:00 UTC
	b.shots("sign-ins")
	b.Click(`[data-testid=numbers]`)
	b.Reads(`[data-testid=days]`, "2026-10-31")
	b.shots("sign-ins-table")
	b.Click(`[data-day="2026-10-31"] a`)
	b.Until("one day", `document.querySelector("[data-testid=from]").value === "2026-10-31" && document.querySelector("[data-testid=to]").value === "2026-10-31"`)
	b.Do("choose", chromedp.WaitEnabled(`[data-testid=outcome]`))
	browsertest.Ask[bool](b.Page, `(document.querySelector("[data-testid=outcome]").value = "approved") !== ""`)
	b.Click(`[data-testid=show]`)
	b.Until("those that are asked for", `[...document.querySelectorAll("[data-testid=login]")].every((e) => e.dataset.outcome === "approved")`)
	b.open("/console/logins?user=alice")
	b.See(`[data-testid=login]`)
	before := browsertest.Ask[int](b.Page, `document.querySelectorAll("[data-outcome=already_used]").length`)
	w.signIns(audit.Entry{User: "alice", Outcome: "already_used"})
	b.Until("a new one comes in by itself", `document.querySelectorAll("[data-outcome=already_used]").length > `+fmt.Sprint(before))
	browsertest.Ask[bool](b.Page, `(window.csv = null, fetch(document.querySelector("[data-testid=csv]").href).then((r) => r.text()).then((t) => (window.csv = t)), true)`)
	b.Until("the file is there", `window.csv !== null`)
	if file := browsertest.Ask[string](b.Page, `window.csv`); strings.Count(file, "\r\n") != 136 || strings.Contains(file, ",bob,") {
		t.Errorf("the file: %.300s", file)
	}
}

// From the form to the last recipient: chosen, previewed, changed, sent, watched; a second one is scheduled in the browser's own time
// zone and canceled.
func TestAnAdministratorBroadcastsInTheBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.crowd()
	w.RunBroadcasts()
	b := w.browser(t, 1280, 900)
	b.Do("live in another zone", inZone("Asia/Kolkata"))
	b.open("/console/broadcasts")
	b.signIn(keyAdmin)
	b.See(`[data-testid=empty]`)
	b.Click(`[data-testid=new]`)
	b.See(`[data-testid=text]`)
	if browsertest.Ask[bool](b.Page, `document.querySelector("[data-testid=users]").checkVisibility()`) {
		t.Error("a list is asked for before a list is chosen")
	}
	b.Click(`[data-testid=some]`)
	b.Type(`[data-testid=users]`, "alice\nbob\ncarol\nnobody")
	b.Type(`[data-testid=text]`, "Tonight at 22:00 <b>maintenance</b>")
	b.Click(`[data-testid=html]`)
	b.Reads(`[data-testid=zone]`, "Asia/")
	b.shots("broadcast-form")
	b.Click(`[data-testid=preview]`)
	b.Reads(`[data-testid=reachable]`, "2")
	b.Reads(`[data-testid=part] .e-bold`, "maintenance")
	b.shots("broadcast-preview")
	b.Click(`[data-testid=change]`)
	b.Type(`[data-testid=text]`, "Tonight at 23:00 <b>maintenance</b>")
	b.Click(`[data-testid=preview]`)
	b.Reads(`[data-testid=part]`, "23:00 maintenance")
	b.Click(`[data-testid=send]`)
	b.Reads(`[data-testid=flash]`, "being sent")
	b.Reads(`[data-testid=ended]`, "2 of 4 done")
	list := w.waiting(2)
	w.end(list[0].ID, delivery.StatusDelivered, "")
	b.Reads(`[data-testid=ended]`, "3 of 4 done") // live
	b.shots("broadcast-progress")
	w.end(list[1].ID, delivery.StatusDelivered, "")
	b.Reads(`[data-testid=state]`, "Done")
	b.Reads(`[data-testid=outcomes] [data-outcome=delivered]`, "2")
	b.Until("it asks no more", `document.querySelector("#progress").dataset.state === "ended"`)

	b.open("/console/broadcasts/new?domain=")
	b.Click(`[data-testid=everybody]`)
	b.Type(`[data-testid=text]`, "Later")
	browsertest.Ask[bool](b.Page, `(document.querySelector("[data-testid=when]").value = "2026-11-02T20:00", document.querySelector("[data-testid=when]").dispatchEvent(new Event("input")))`)
	b.Reads(`[data-testid=zone]`, "that is 2026-11-02 14:30 UTC")
	b.Click(`[data-testid=preview]`)
	b.Reads(`[data-testid=when]`, "2 Nov 2026, 20:00 (2 Nov 2026 14:30 UTC)")
	b.Click(`[data-testid=change]`)
	b.Until("the time is as typed", `document.querySelector("[data-testid=when]").value === "2026-11-02T20:00"`)
	b.Click(`[data-testid=preview]`)
	b.Click(`[data-testid=send]`)
	b.Reads(`[data-testid=flash]`, "scheduled")
	b.Click(`[data-testid=cancel-details] summary`)
	b.Click(`[data-testid=cancel]`)
	b.Reads(`[data-testid=flash]`, "Canceled. It was delivered to 0 of 3")
	b.open("/console/broadcasts")
	b.Until("both are there", `document.querySelectorAll("[data-testid=broadcast]").length === 2`)
	b.shots("broadcasts")
}

// As TestPagesAreAccessible, of the pages that report.
func TestReportsAreAccessible(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.crowd()
	w.signIns(audit.Entry{User: "alice", Outcome: "approved"}, audit.Entry{User: "alice", Outcome: "denied"}, audit.Entry{User: "bob", Outcome: "expired"})
	dead, waiting := w.dead(notify.Request{User: "alice"}), w.send(notify.Request{User: "bob"})
	announced, err := w.Broadcasts.Create(t.Context(), notify.BroadcastRequest{Text: "Hello", SendAt: w.Clock.Now().Add(time.Hour)})
	w.noError(err)
	b := w.browser(t, 1280, 800)
	b.open("/console/messages")
	b.signIn(keyAdmin)
	b.See(`[data-testid=messages]`)
	for _, path := range []string{
		"/console/messages", "/console/messages?status=dead", "/console/messages?status=nothing", "/console/messages/" + dead.ID, "/console/messages/" + waiting.ID,
		"/console/trace", "/console/trace?user=alice", "/console/logins", "/console/logins?user=nobody", "/console/logins?from=x",
		"/console/broadcasts", "/console/broadcasts/new", "/console/broadcasts/" + announced.Broadcast.ID,
	} {
		for _, scheme := range []string{"light", "dark"} {
			b.Do("look", inScheme(scheme))
			b.open(path)
			b.See(`#main`)
			browsertest.Ask[bool](b.Page, `(document.querySelectorAll("details").forEach((e) => (e.open = true)), true)`)
			for _, problem := range browsertest.Ask[[]string](b.Page, readable) {
				t.Errorf("%s, %s: %s", path, scheme, problem)
			}
		}
	}
	b.open("/console/broadcasts/new")
	b.Click(`[data-testid=everybody]`)
	b.Type(`[data-testid=text]`, "Hello")
	b.tabTo(`[data-testid=preview]`) // by keyboard alone
	b.keys("\r")
	b.See(`[data-testid=part]`)
	for _, scheme := range []string{"light", "dark"} {
		b.Do("look", inScheme(scheme))
		for _, problem := range browsertest.Ask[[]string](b.Page, readable) {
			t.Errorf("the preview, %s: %s", scheme, problem)
		}
	}
	b.tabTo(`[data-testid=send]`)
	b.keys("\r")
	b.Reads(`[data-testid=flash]`, "being sent")
}

// Whatever a caller, a person or Telegram puts into a sign-in, a message or a broadcast is text on the pages that report of it.
func TestNothingInAReportRunsInTheBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var users []string
	for i, text := range hostile {
		user := fmt.Sprintf("%02d %s", i, text)
		users = append(users, user)
		w.link("", user, person(int64(600+i), fmt.Sprintf("stranger%d", i), text, text))
		w.signIns(audit.Entry{User: user, Outcome: "approved", Context: audit.Context{IP: text, UserAgent: "Mozilla/5.0 " + text + " Firefox/1.0", Location: text}})
		m := w.send(notify.Request{User: user, Text: text})
		w.noError(w.DB.SaveProgress(t.Context(), delivery.Progress{
			ID: m.ID, Status: delivery.StatusFailed, Attempts: 1, Failure: &delivery.Failure{Reason: delivery.ReasonRejected, Detail: text}, Ended: w.Clock.Now(),
			Attempt: &delivery.Attempt{N: 1, At: w.Clock.Now(), Transport: "bot", Outcome: text, Failure: &delivery.Failure{Reason: delivery.Reason(text), Detail: text}},
		}))
	}
	b := w.browser(t, 1280, 900)
	b.open("/console/logins")
	b.signIn(keyAdmin)
	b.See(`[data-testid=login]`)
	onlyText := func(where string) {
		t.Helper()
		b.See(`#main`)
		browsertest.Ask[bool](b.Page, `document.dispatchEvent(new Event("visibilitychange"))`)
		b.Until(where+": its parts are live", `[...document.querySelectorAll("[data-live]")].every((e) => ["live", "ended"].includes(e.dataset.state))`)
		if browsertest.Ask[bool](b.Page, `"pwned" in window || !!document.querySelector("main script, main [onerror], main [onload], main [onfocus], main base, main meta, main img") || !location.href.startsWith(`+fmt.Sprintf("%q", w.server.URL)+`)`) {
			t.Errorf("%s: somebody's text is more than text: %s", where, browsertest.Ask[string](b.Page, `document.querySelector("main").outerHTML`))
		}
	}
	paths := []string{"/console/logins?domain=", "/console/messages?domain=&status=dead", "/console/messages?domain="}
	list, err := w.Messages.List(t.Context(), notify.Query{Statuses: []delivery.Status{delivery.StatusFailed}, Limit: 100})
	w.noError(err)
	for _, m := range list {
		paths = append(paths, "/console/messages/"+m.ID)
	}
	for _, user := range users {
		user = url.QueryEscape(user)
		paths = append(paths, "/console/trace?domain=&user="+user, "/console/logins?domain=&user="+user, "/console/messages?domain=&user="+user)
	}
	for _, path := range []string{
		"/console/logins?outcome=", "/console/logins?from=", "/console/logins?after=", "/console/messages?status=", "/console/messages?lane=",
		"/console/messages?broadcast=", "/console/messages?after=", "/console/trace?until=", "/console/trace?user=x&days=", "/console/broadcasts?after=",
		"/console/broadcasts/", "/console/messages/",
	} {
		paths = append(paths, path+url.PathEscape(`"><img src=x onerror=window.pwned=1>`))
	}
	for _, path := range paths {
		b.open(path)
		onlyText(path)
	}
	all := strings.Join(hostile, "\n")
	for _, problem := range []string{"", strings.Repeat("x", 300) + "\n"} { // shown in the preview, and in the form again
		b.open("/console/broadcasts/new?domain=")
		b.Click(`[data-testid=some]`)
		for field, text := range map[string]string{"users": problem + strings.Join(users, "\n"), "text": all} {
			browsertest.Ask[bool](b.Page, fmt.Sprintf(`(document.querySelector("[data-testid=%s]").value = %q) !== ""`, field, text))
		}
		b.Click(`[data-testid=preview]`)
		if problem == "" {
			b.See(`[data-testid=part]`)
			onlyText("the preview")
			b.Click(`[data-testid=change]`)
		} else {
			b.See(`[data-testid=problem]`) // the form before had none
		}
		b.Until("the form holds the text as it was typed", fmt.Sprintf(`document.querySelector("[data-testid=text]")?.value === %q`, all))
		onlyText("the form")
	}
}
