package console_test

import "testing"

func TestAnAdministratorFindsAUserInTheBrowser(t *testing.T) {
	w := newWorld(t)
	w.many("", 120)
	w.link("", "alice", alice)
	b := w.browser(t, 1280, 800)
	b.open("/console/users")
	b.signIn(keyAdmin)
	b.see(`[data-testid=user][data-user=alice]`)
	b.shot("users")
	b.click(`[data-testid=next]`)
	b.see(`[data-testid=user][data-user=user0060]`)
	b.typeInto(`[data-testid=query]`, "Handle0007")
	b.click(`[data-testid=search]`)
	b.see(`[data-testid=user][data-user=user0007]`)
	if n := ask[int](b, `document.querySelectorAll("[data-testid=user]").length`); n != 1 {
		t.Errorf("%d users match, want 1", n)
	}
	b.click(`[data-testid=sign-out]`)
	b.see(`[data-testid=key]`)
}
