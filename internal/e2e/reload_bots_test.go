package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"telegate/api"
)

const freshToken = "2000000002:FRESH-token-of-the-simulated-bot-0000"

// A fresh token is used once Telegram has said that it is the same bot's; nothing is lost on the way.
func TestATokenIsRotatedWithoutARestart(t *testing.T) {
	t.Parallel()
	f := newFiled(t)
	f.link("", "alice")
	f.change(testToken, freshToken)
	if p := f.refused(); !strings.Contains(p.Detail, "2000000002") || !strings.Contains(p.Detail, "is kept") { // Telegram does not know it yet
		t.Errorf("%+v", p)
	}
	f.signIn("alice", "s") // with the old one

	if err := f.telegram.RevokeToken(testBot, freshToken); err != nil {
		t.Fatal(err)
	}
	done := f.reload()
	if !slices.Equal(done.Changed, []string{"messaging.telegram.bottoken"}) || len(done.NeedsRestart) != 0 {
		t.Errorf("%+v", done)
	}
	f.signIn("alice", "s")
	f.connected()
	after := f.last("alice")
	if _, err := f.telegram.Say(f.person("alice").ID, testBot, "/id"); err != nil {
		t.Fatal(err)
	}
	f.eventually("the bot hears with the new token", func() bool { return f.last("alice") > after+1 })
	for _, secret := range []string{testToken, freshToken, strings.TrimPrefix(freshToken, "2000000002:")} {
		if strings.Contains(f.log.String(), secret) || strings.Contains(f.answers.String(), secret) {
			t.Error("a token is in the log or in an answer")
		}
	}
}

// Another bot is not taken up while telegate runs: links belong to the bot they were made with.
func TestAnotherBotNeedsARestart(t *testing.T) {
	t.Parallel()
	f := newFiled(t)
	f.link("", "alice")
	f.change(testToken, "2000000009:ANOTHER-bot-of-the-simulated-one-0000", `"My Server"`, `"My House"`)
	done := f.reload()
	if !slices.Equal(done.NeedsRestart, []string{"messaging.telegram.bottoken"}) || !slices.Equal(done.Changed, []string{`domains."".title`}) {
		t.Errorf("%+v", done)
	}
	f.signIn("alice", "s")
}

// A domain that gets a table of its own for a bot that runs is with that bot at once, unless the table has another way to it.
func TestADomainMovesToAnotherBotThatRuns(t *testing.T) {
	t.Parallel()
	const other = "2000000009:OTHER-bot-of-the-simulated-telegram-00"
	w := newWorld(t)
	if _, err := w.telegram.AddBot(other, "OtherBot", "Other Bot"); err != nil {
		t.Fatal(err)
	}
	table := func(domain string) string {
		return "[domains." + domain + ".messaging.telegram]\nbottoken = '" + other + "'\n"
	}
	w.toml = table("corp") + "[domains.dev]\ntitle = 'Dev'\n"
	f := fileOf(w)
	bot := func() string {
		var list api.DomainList
		f.want(http.StatusOK, "GET", "/v1/domains", nil, &list)
		i := slices.IndexFunc(list.Domains, func(d api.DomainView) bool { return d.ID == "dev" })
		return list.Domains[i].Bot
	}
	f.eventually("both bots are connected", func() bool {
		var list api.DomainList
		f.want(http.StatusOK, "GET", "/v1/domains", nil, &list)
		return !slices.ContainsFunc(list.Domains, func(d api.DomainView) bool { return d.State != "connected" })
	})

	plain := f.text
	f.write(plain + table("dev"))
	done := f.reload()
	if !slices.Contains(done.Changed, "domains.dev.messaging") || len(done.NeedsRestart) != 0 || bot() != "@OtherBot" {
		t.Errorf("%+v, and its bot is %s", done, bot())
	}
	f.write(plain)
	if done = f.reload(); len(done.NeedsRestart) != 0 || bot() != "@"+testBot { // and back
		t.Errorf("%+v, and its bot is %s", done, bot())
	}
	const proxy = "proxy = 'http://127.0.0.1:9'\n"
	f.write(strings.ReplaceAll(plain+table("dev"), other+"'\n", other+"'\n"+proxy))
	if done = f.reload(); !slices.Equal(done.NeedsRestart, []string{"domains.corp.messaging.telegram.proxy", "domains.dev.messaging", "domains.dev.messaging.telegram.proxy"}) || bot() != "@OtherBot" {
		t.Errorf("another way to it: %+v, and its bot is %s", done, bot())
	}
	f.write(plain)
	f.reload()
	f.write(plain + strings.ReplaceAll(table("dev"), "2000000009", "2000000010"))
	if done = f.reload(); !slices.Equal(done.NeedsRestart, []string{"domains.dev.messaging", "domains.dev.messaging.telegram.bottoken"}) || bot() != "@"+testBot {
		t.Errorf("a bot that does not run: %+v", done)
	}
}
