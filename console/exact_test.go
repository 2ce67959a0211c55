package console_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"telegate/linking"
)

// White space around an id is part of it, as in the API: what one clicks is whom one gets, and nobody else.
func TestWhiteSpaceIsPartOfAnID(t *testing.T) {
	t.Parallel()
	for _, other := range []string{"alice ", " alice", "alice\u00a0", "\u3000alice"} {
		w := newWorld(t)
		w.link("", "alice", alice)
		w.link("", other, person(502, "other", "Other", ""))
		c := w.signedIn(keyAdmin)
		row := regexp.MustCompile(`data-user="` + other + `">\s*<th[^>]*>.*?<a href="([^"]+)"`).FindStringSubmatch(c.get("/console/users").body)
		if row == nil {
			t.Fatalf("%q is not in the list", other)
		}
		page := html.UnescapeString(row[1])
		if a := c.get(page).want(t, http.StatusOK, "Other (@other)"); strings.Contains(a.body, "@alice)") {
			t.Errorf("the link of %q opens alice", other)
		}
		for path, shown := range map[string]string{
			"/console/trace?": "@other", "/console/messages?": `value="` + other + `"`, "/console/logins?": `value="` + other + `"`,
		} {
			c.get(path+url.Values{"domain": {""}, "user": {other}}.Encode()).want(t, http.StatusOK, shown)
		}
		act := func(what string, form url.Values) {
			t.Helper()
			c.post(strings.Replace(page, "/user?", "/user/"+what+"?", 1), form).want(t, http.StatusSeeOther)
		}
		before := w.Last(alice).ID
		act("message", url.Values{"text": {"hello"}})
		if w.Last(alice).ID != before || w.Last(person(502, "", "", "")).User != other {
			t.Errorf("a message to %q has gone to alice", other)
		}
		act("handle", url.Values{"handle": {" @other_handle "}})
		act("link", url.Values{})
		c.get(page).want(t, http.StatusOK, "@other_handle", "?start=")
		if a := c.get("/console/user?domain=&user=alice"); strings.Contains(a.body, "@other_handle") || strings.Contains(a.body, "?start=") {
			t.Errorf("what was meant for %q was done to alice", other)
		}
		act("unlink", url.Values{})
		if l, err := w.Links.Current(t.Context(), "", "alice"); err != nil || l.Status != linking.Verified {
			t.Errorf("unlinking %q: the link of alice is %q, %v", other, l.Status, err)
		}
		if _, err := w.Links.Current(t.Context(), "", other); err == nil {
			t.Errorf("%q is still linked", other)
		}
	}
}

// A page begins right after the user that the last one ended with.
func TestAPageOfUsersSkipsNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.link("", "alice", alice)
	w.signedIn(keyAdmin).get("/console/users?after=%20bob").want(t, http.StatusOK, `data-user="alice"`)
}

// What is typed is taken without the white space around it that comes with pasting.
func TestTypedTextIsTrimmed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.link("", "alice", alice)
	c := w.signedIn(keyAdmin)
	c.get("/console/users?query=+alice+").want(t, http.StatusOK, `data-user="alice"`)
	c.get("/console/trace?user=alice&days=+30+").want(t, http.StatusOK, `<option value="30" selected>`)
	c.get("/console/logins?from=+2026-01-01+&to=+2026-01-02+&outcome=+approved+").want(t, http.StatusOK)
	c.get("/console/users").want(t, http.StatusOK, `name="user" required maxlength="256" pattern="\S(.*\S)?"`) // an id that nobody has is soon typed
}

// Whom the API takes, the pages open: 256 characters in one line, however many bytes, and nothing more.
func TestIdsHaveTheLengthAndCharactersOfTheAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.signedIn(keyAdmin)
	for user, status := range map[string]int{
		strings.Repeat("🙂", 256): http.StatusOK, strings.Repeat("é", 257): http.StatusUnprocessableEntity, "a\u0085b\u009f": http.StatusOK,
		"a\x7fb": http.StatusUnprocessableEntity, "a\tb": http.StatusUnprocessableEntity,
	} {
		c.get("/console/user?"+url.Values{"user": {user}}.Encode()).want(t, status)
		c.get("/console/users?"+url.Values{"query": {user}, "after": {user}}.Encode()).want(t, status)
		words := "Line 2 of the list is too long"
		if status == http.StatusOK {
			words = "This broadcast would reach nobody: 2 have no linked chat"
		}
		if a := c.post("/console/broadcasts/preview", form("audience", "list", "users", "nobody\r\n"+user)); !strings.Contains(a.body, words) {
			t.Errorf("%.20q in a list: %d, not %q", user, a.status, words)
		}
	}
}
