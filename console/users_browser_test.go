package console_test

import (
	"testing"

	"telegate/delivery"
)

func TestAnAdministratorFindsAUserInTheBrowser(t *testing.T) {
	w := newWorld(t)
	w.many("", 120)
	w.link("", "alice", alice)
	w.noError(w.links.Invite(t.Context(), "", "bob", "@bob_tg"))
	carol := person(503, "carol", "Carol", "")
	w.link("", "carol", carol)
	w.noError(w.links.Blocked(t.Context(), botID, carol.ID))
	b := w.browser(t, 1280, 800)
	b.open("/console/users")
	b.signIn(keyAdmin)
	b.see(`[data-testid=user][data-user=alice] .bubble[data-on]`)
	b.textHas(`[data-testid=user][data-user=bob]`, "Invited, not proven yet")
	b.textHas(`[data-testid=user][data-user=carol]`, "Has blocked the bot")
	b.shots("users")
	b.click(`[data-testid=next]`)
	b.see(`[data-testid=user][data-user=user000055]`)
	b.typeInto(`[data-testid=query]`, "Handle000007")
	b.click(`[data-testid=search]`)
	b.see(`[data-testid=user][data-user=user000007]`)
	if n := ask[int](b, `document.querySelectorAll("[data-testid=user]").length`); n != 1 {
		t.Errorf("%d users match, want 1", n)
	}
	b.click(`[data-testid=sign-out]`)
	b.see(`[data-testid=key]`)
	b.shots("sign-in")
}

// Everything an administrator does with one user: link, write, unlink, invite.
func TestAnAdministratorLooksAfterAUserInTheBrowser(t *testing.T) {
	w := newWorld(t)
	b := w.browser(t, 1280, 900)
	b.open("/console/user?domain=&user=user//alice")
	b.signIn(keyAdmin)
	b.textHas(`[data-testid=state]`, "Not linked")
	b.textHas(`[data-testid=reasons]`, "no link to a Telegram chat")

	b.click(`[data-testid=begin]`)
	b.see(`[data-testid=qr]`)
	b.see(`[data-testid=begun][data-status=pending]`)
	startURL := ask[string](b, `document.querySelector("[data-testid=start-url]").href`)
	b.shots("link")
	w.claim(alice, startURL)
	b.see(`[data-testid=begun][data-status=claimed]`) // live
	b.textHas(`[data-testid=begun]`, "Alice (@alice)")
	b.typeInto(`[data-testid=confirm-code]`, "000000")
	b.click(`[data-testid=confirm]`)
	b.see(`[data-testid=flash][data-tone=bad]`)
	links, err := w.links.OfChat(t.Context(), botID, alice.ID)
	if err != nil || len(links) != 0 {
		t.Fatalf("links of the chat: %v, %v", links, err)
	}
	w.acceptFrom(alice, startURL)
	b.typeInto(`[data-testid=confirm-code]`, w.code(alice))
	b.click(`[data-testid=confirm]`)
	b.textHas(`[data-testid=flash]`, "user//alice is linked")
	b.textHas(`[data-testid=state]`, "Linked")
	b.textHas(`[data-testid=can-sign-in]`, "Yes")

	b.typeInto(`[data-testid=text]`, "The backup is done.")
	b.click(`[data-testid=send]`)
	b.textHas(`[data-testid=flash]`, "on its way")
	b.see(`[data-testid=message][data-status=queued]`)
	m := w.last(alice)
	if m.Body.Parts[0].Text.Text != "The backup is done." || m.Lane != delivery.LaneDirect {
		t.Errorf("the message: %+v", m)
	}
	b.shots("user")

	b.click(`[data-testid=unlink-details] summary`)
	b.click(`[data-testid=unlink]`)
	b.textHas(`[data-testid=flash]`, "user//alice is unlinked")
	b.textHas(`[data-testid=state]`, "Not linked")
	b.typeInto(`[data-testid=handle]`, "@@alice_new")
	b.click(`[data-testid=set-handle]`)
	b.textHas(`[data-testid=invited]`, "@alice_new")
	w.wantActor("user//alice", "console:ops", "link.started", "link.verified", "message.by_hand", "link.ended", "invitation.set")
}
