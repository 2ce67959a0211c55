package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestChangesAreNamedAsInTheFile(t *testing.T) {
	base := bot + "[domains.corp]\ntitle = 'Corp'\n"
	fresh := strings.Replace(token, "AAEh", "BBEh", 1)
	for name, c := range map[string]struct {
		old, now string
		want     []string
	}{
		"nothing":          {base, base, nil},
		"comments, order":  {base, "# hello\n[domains.corp]\ntitle = \"Corp\"\n" + bot, nil},
		"a limit":          {base, base + "[limits]\ncode_ttl = '4m'\n", []string{"limits.code_ttl"}},
		"back to default":  {base + "[log]\nlevel = 'debug'\n", base, []string{"log.level"}},
		"a title":          {base, bot + "[domains.corp]\ntitle = 'Corporation'\n", []string{"domains.corp.title"}},
		"msg2factor":       {base, base + "[domains.corp.passwordRequirements]\nmsg2factor = false\n", []string{"domains.corp.passwordRequirements.msg2factor"}},
		"a new domain":     {base, base + "[domains.dev]\n", []string{"domains.dev"}},
		"a domain less":    {base, bot, []string{"domains.corp"}},
		"a token":          {base, strings.ReplaceAll(base, token, fresh), []string{"messaging.telegram.bottoken"}},
		"a bot of its own": {base, base + "[domains.corp.messaging.telegram]\nbottoken = '" + corpToken + "'\n", []string{"domains.corp.messaging", "domains.corp.messaging.telegram.bottoken"}},
		"a proxy's password": {base + "[domains.\"\"]\n[messaging.telegram.fallback]\n", strings.Replace(base, "[domains.corp]", "proxy = 'socks5://a:b@localhost:1'\n[domains.corp]", 1) + "[domains.\"\"]\n[messaging.telegram.fallback]\n",
			[]string{"messaging.telegram.proxy"}},
		"a key": {base, base + "[[api.keys]]\nname = 'a'\nhash = '" + hash + "'\ndomains = ['*']\nscopes = ['send']\n", []string{"api.keys"}},
	} {
		got := parse(t, c.now).Changes(parse(t, c.old))
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
