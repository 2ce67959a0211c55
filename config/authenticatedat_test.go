package config_test

import (
	"slices"
	"strings"
	"testing"

	"telegate/config"
)

func TestADomainMayRequireTheTimeOfSignIn(t *testing.T) {
	for value, want := range map[string]bool{"": false, "require_authenticated_at = true": true, "require_authenticated_at = false": false, "Require_Authenticated_At = true": true} {
		c := parse(t, bot+"[domains.corp]\n"+value+"\n")
		if got := c.Domains["corp"].RequireAuthenticatedAt; got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
		if c.Domains[""].RequireAuthenticatedAt {
			t.Errorf("%q in a domain is on in another", value)
		}
		var text strings.Builder
		if err := c.Render(&text); err != nil || strings.Contains(text.String(), "require_authenticated_at = true") != want {
			t.Errorf("%q is rendered as (%v)\n%s", value, err, text.String())
		}
	}
	before, after := parse(t, bot+"[domains.corp]\n"), parse(t, bot+"[domains.corp]\nrequire_authenticated_at = true\n")
	if changes := after.Changes(before); !slices.Equal(changes, []string{"domains.corp.require_authenticated_at"}) {
		t.Errorf("changes: %q", changes)
	}
}

func TestARequiredTimeOfSignInIsTrueOrFalse(t *testing.T) {
	for _, value := range []string{`"true"`, `"yes"`, "1", "0", "[]", "{}", `""`, "2026-11-02T09:00:00Z"} {
		_, err := config.Parse("telegate.toml", []byte(bot+"[domains.corp]\nrequire_authenticated_at = "+value+"\n"), noEnv)
		if err == nil || !strings.Contains(err.Error(), "require_authenticated_at") {
			t.Errorf("%s: %v, want it refused by name", value, err)
		}
	}
}
