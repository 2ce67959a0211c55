package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"telegate/api"
	"telegate/linking"
)

func TestThePageOfAUserShowsWhenTheUserSignedInBeforeLinking(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const said, page = "Signed in before that, as the server says", "/console/user?domain=&user=bob"
	c := w.signedIn(keyAdmin)
	started, err := w.Links.Start(t.Context(), linking.StartRequest{User: "bob", AuthenticatedAt: w.Clock.Now().Add(-7 * time.Minute)})
	w.noError(err)
	w.Claim(alice, started.StartURL)
	w.Accept(alice, started.Link.ID)
	_, err = w.Links.Confirm(t.Context(), started.Link.ID, w.Code(alice), "")
	w.noError(err)
	c.get(page).want(t, http.StatusOK, said, `datetime="2026-11-02T08:53:00Z"`)
	w.link("", "bob", alice)
	if a := c.get(page).want(t, http.StatusOK); strings.Contains(a.body, said) {
		t.Error("the page shows a sign-in that nobody has told")
	}
}

// An administrator's word is no sign-in of the user.
func TestTheConsoleStartsNoLinkWhereTheUserHasToSignIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Domains.Set(api.Domain{ID: "corp", Title: "Corp", Msg2Factor: true, RequireAuthenticatedAt: true, Bot: "SomeBot"})
	c := w.signedIn(keyAdmin)
	c.post("/console/user/link?domain=corp&user=bob", url.Values{}).want(t, http.StatusSeeOther)
	c.get("/console/user?domain=corp&user=bob").want(t, http.StatusOK, "The user links on the server&#39;s own page.")
}
