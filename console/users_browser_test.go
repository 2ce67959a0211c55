package console_test

import (
	"testing"

	"telegate/delivery"
	"telegate/internal/browsertest"
	"telegate/internal/gatewaytest"
)

func TestAnAdministratorFindsAUserInTheBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.many("", 120)
	w.link("", "alice", alice)
	w.noError(w.Links.Invite(t.Context(), "", "bob", "@bob_tg"))
	carol := person(503, "carol", "Carol", "")
	w.link("", "carol", carol)
	w.noError(w.Links.ChatBlocked(t.Context(), gatewaytest.BotID, carol.ID))
	b := w.browser(t, 1280, 800)
	b.open("/console/users")
	b.signIn(keyAdmin)
	b.See(`[data-testid=user][data-user=alice] .bubble[data-on]`)
	b.Reads(`[data-testid=user][data-user=bob]`, "Invited, not confirmed yet")
	b.Reads(`[data-testid=user][data-user=carol]`, "Has blocked the bot")
	b.shots("users")
	b.Click(`[data-testid=next]`)
	b.See(`[data-testid=user][data-user=user000055]`)
	b.Type(`[data-testid=query]`, "Handle000007")
	b.Click(`[data-testid=search]`)
	b.See(`[data-testid=user][data-user=user000007]`)
	if n := browsertest.Ask[int](b.Page, `document.querySelectorAll("[data-testid=user]").length`); n != 1 {
		t.Errorf("%d users match, want 1", n)
	}
	b.Click(`[data-testid=sign-out]`)
	b.See(`[data-testid=key]`)
	b.shots("sign-in")
}

// Everything an administrator does with one user: link, write, unlink, invite.
func TestAnAdministratorManagesAUserInTheBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(t, 1280, 900)
	b.open("/console/user?domain=&user=user//alice")
	b.signIn(keyAdmin)
	b.Reads(`[data-testid=state]`, "Not linked")
	b.Reads(`[data-testid=reasons]`, "no link to a Telegram chat")

	b.Click(`[data-testid=begin]`)
	b.See(`[data-testid=qr]`)
	b.See(`[data-testid=begun][data-status=pending]`)
	startURL := browsertest.Ask[string](b.Page, `document.querySelector("[data-testid=start-url]").href`)
	b.shots("link")
	w.Claim(alice, startURL)
	b.See(`[data-testid=begun][data-status=claimed]`) // live
	b.Reads(`[data-testid=begun]`, "Alice (@alice)")
	b.Type(`[data-testid=confirm-code]`, "000000")
	b.Click(`[data-testid=confirm]`)
	b.See(`[data-testid=flash][data-tone=bad]`)
	links, err := w.Links.LinksOfChat(t.Context(), gatewaytest.BotID, alice.ID)
	if err != nil || len(links) != 0 {
		t.Fatalf("links of the chat: %v, %v", links, err)
	}
	w.acceptFrom(alice, startURL)
	b.Type(`[data-testid=confirm-code]`, w.Code(alice))
	b.Click(`[data-testid=confirm]`)
	b.Reads(`[data-testid=flash]`, "user//alice is linked")
	b.Reads(`[data-testid=state]`, "Linked")
	b.Reads(`[data-testid=can-sign-in]`, "Yes")

	b.Type(`[data-testid=text]`, "The backup is done.")
	b.Click(`[data-testid=send]`)
	b.Reads(`[data-testid=flash]`, "being sent")
	b.See(`[data-testid=message][data-status=queued]`)
	m := w.Last(alice)
	if m.Body.Parts[0].Text.Text != "The backup is done." || m.Lane != delivery.LaneDirect {
		t.Errorf("the message: %+v", m)
	}
	b.shots("user")

	b.Click(`[data-testid=unlink-details] summary`)
	b.Click(`[data-testid=unlink]`)
	b.Reads(`[data-testid=flash]`, "user//alice is unlinked")
	b.Reads(`[data-testid=state]`, "Not linked")
	b.Type(`[data-testid=handle]`, "@@alice_new")
	b.Click(`[data-testid=set-handle]`)
	b.Reads(`[data-testid=invited]`, "@alice_new")
	w.wantActor("user//alice", "console:ops", "link.started", "link.verified", "message.by_hand", "link.ended", "invitation.set")
}
