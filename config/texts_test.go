package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"telegate/config"
)

func TestADomainHasItsLanguageAndTextsOfItsOwn(t *testing.T) {
	cfg := parse(t, `
[messaging.telegram]
bottoken = "`+token+`"
[domains.corp]
Language = "DE"
[domains.corp.texts.de]
code.login = "<code>{code}</code> öffnet {title}, {time} lang."
[domains.corp.texts.de.button]
Not_Me = "Hilfe, das war jemand anders"
[domains.plain]
`)
	corp := cfg.Domains["corp"]
	want := map[string]map[string]string{"de": {
		"code.login": "<code>{code}</code> öffnet {title}, {time} lang.", "button.not_me": "Hilfe, das war jemand anders",
	}}
	if diff := cmp.Diff(want, corp.Texts); diff != "" || corp.Language != "de" {
		t.Errorf("corp speaks %q; its texts (-want +got):\n%s", corp.Language, diff)
	}
	if plain := cfg.Domains["plain"]; plain.Language != "en" || plain.Texts != nil {
		t.Errorf("a domain without either: %q, %v", plain.Language, plain.Texts)
	}
	var shown strings.Builder
	if err := cfg.Render(&shown); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{`language = "de"`, "[domains.corp.texts.de]", `button.not_me = "Hilfe, das war jemand anders"`} {
		if !strings.Contains(shown.String(), line+"\n") {
			t.Errorf("config show lacks %s:\n%s", line, shown.String())
		}
	}
	again := parse(t, strings.Replace(shown.String(), `"(set)"`, `"`+token+`"`, 1))
	if diff := cmp.Diff(want, again.Domains["corp"].Texts); diff != "" {
		t.Errorf("what is shown reads otherwise (-want +got):\n%s", diff)
	}
}

func TestAnOwnTextThatWouldNotDoIsAFaultWithItsLine(t *testing.T) {
	for _, tt := range []struct{ lines, want string }{
		{`language = "klingon"`, "test.toml:4: domains.corp.language must be one of ar, de, en, "},
		{`language = 1`, "test.toml:4: domains.corp.language must be a string"},
		{`texts = "x"`, "test.toml:4: domains.corp.texts must be a table"},
		{`texts.dee.code.login = "x"`, `test.toml:4: unknown key "dee" in [domains.corp.texts]; did you mean "de"?`},
		{`texts.de = "x"`, "test.toml:4: domains.corp.texts.de must be a table"},
		{`texts.de.cod.login = "x"`, `test.toml:4: unknown key "cod" in [domains.corp.texts.de]; did you mean "code"?`},
		{"[domains.corp.texts.de.code]\nlogn = \"x\"", `test.toml:5: unknown key "logn" in [domains.corp.texts.de.code]; did you mean "login"?`},
		{`texts.de.time.moment = "x"`, `test.toml:4: unknown key "time" in [domains.corp.texts.de]`},
		{`texts.de.code.login = 5`, "test.toml:4: domains.corp.texts.de.code.login must be a string"},
		{`texts.de.code.login = ""`, "test.toml:4: domains.corp.texts.de.code.login is empty"},
		{`texts.de.code.login = "Ihr Code ist unterwegs: {title}, {time}."`, "test.toml:4: domains.corp.texts.de.code.login lacks {code}"},
		{`texts.de.code.login = "<code>{code}</code> {titel} {title} {time}"`,
			"test.toml:4: domains.corp.texts.de.code.login has {titel}, which is not known here; there is {code}, {time}, {title}"},
		{`texts.de.code.login = "{title}: <code>{code}</code>, {time}"`, "test.toml:4: domains.corp.texts.de.code.login must begin with <code>{code}</code>"},
		{`texts.de.bot.test = "a <b>"`, "test.toml:4: domains.corp.texts.de.bot.test lacks </b>"},
	} {
		_, err := config.Parse("test.toml", []byte("[messaging.telegram]\nbottoken = \""+token+"\"\n[domains.corp]\n"+tt.lines+"\n"), noEnv)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.lines, err, tt.want)
		}
	}
}
