package config_test

import (
	"strings"
	"testing"

	"telegate/config"
)

var app = "apiid = 1234567\napihash = \"" + apiHash + "\"\n"

func TestFallbackIsOffUnlessAskedFor(t *testing.T) {
	if f := parse(t, bot+app).Messaging.Telegram.Fallback; f.Enabled || f.PerDay != 50 {
		t.Errorf("without a word: %+v", f)
	}
	c := parse(t, bot+app+"session = \""+session+"\"\n[messaging.telegram.fallback]\nenabled = true\nper_day = 20\n[domains.corp.messaging.telegram]\nbottoken = \""+corpToken+"\"\n")
	want := config.Fallback{Enabled: true, PerDay: 20}
	for id, d := range c.Domains {
		if d.Telegram.Fallback != want {
			t.Errorf("domain %q has %+v", id, d.Telegram.Fallback)
		}
	}
	for _, w := range c.Warnings {
		if strings.Contains(w, "is not used") {
			t.Errorf("a session that is used: %s", w)
		}
	}
}

func TestFallbackFaults(t *testing.T) {
	for source, want := range map[string]string{
		"[messaging.telegram.fallback]\nenabled = true":                    "needs apiid and apihash",
		app + "[messaging.telegram.fallback]\nenabled = \"yes\"":           "enabled",
		app + "[messaging.telegram.fallback]\nper_day = 0":                 "per_day",
		app + "[messaging.telegram.fallback]\nper_day = 1001":              "per_day",
		app + "[messaging.telegram.fallback]\nperday = 5":                  "per_day",
		"[limits]\nuser_per_day = 0":                                       "user_per_day",
		"[limits]\nuser_broadcasts_per_minute = 61":                        "user_broadcasts_per_minute",
		"[domains.corp.messaging.telegram]\nfallback = { enabled = true }": "fallback",
	} {
		_, err := config.Parse("telegate.toml", []byte(bot+source), noEnv)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want a fault that names %q", source, err, want)
		}
	}
}
