package config_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"

	"telegate/config"
)

var telegram = []string{"messaging", "telegram"}

func edit(t *testing.T, source string, changes ...config.Change) string {
	t.Helper()
	got, err := config.Edit("telegate.toml", []byte(source), telegram, changes)
	if err != nil {
		t.Fatalf("%v in\n%s", err, source)
	}
	return string(got)
}

func TestEditTouchesNothingButTheKey(t *testing.T) {
	set := config.Change{Key: "bottoken", Value: "NEW"}
	for _, test := range []struct{ name, source, want string }{
		{"empty", "", "[messaging.telegram]\nbottoken = \"NEW\"\n"},
		{"comment only", "# mine", "# mine\n\n[messaging.telegram]\nbottoken = \"NEW\"\n"},
		{"other table", "[log]\nlevel = 'info'\n", "[log]\nlevel = 'info'\n\n[messaging.telegram]\nbottoken = \"NEW\"\n"},
		{"replaced", "[messaging.telegram]\n  bottoken   =   'old'   # from BotFather\n#end",
			"[messaging.telegram]\n  bottoken   =   \"NEW\"   # from BotFather\n#end"},
		{"other case", "[Messaging.Telegram]\nBotToken='old'\n", "[Messaging.Telegram]\nBotToken=\"NEW\"\n"},
		{"multi-line string", "[messaging.telegram]\nbottoken = '''\nbottoken = 'a'\n[log]\n''' # c\napiid = 1\n",
			"[messaging.telegram]\nbottoken = \"NEW\" # c\napiid = 1\n"},
		{"text that looks like the key", "a = \"\"\"\n[messaging.telegram]\nbottoken = 'x'\n\"\"\"\n# bottoken = 'y'\n",
			"a = \"\"\"\n[messaging.telegram]\nbottoken = 'x'\n\"\"\"\n# bottoken = 'y'\n\n[messaging.telegram]\nbottoken = \"NEW\"\n"},
		{"behind the others", "[messaging.telegram] # ours\n\tapiid = 1 # id\n\n# next\n[log]\n",
			"[messaging.telegram] # ours\n\tapiid = 1 # id\n\tbottoken = \"NEW\"\n\n# next\n[log]\n"},
		{"behind many", "[messaging.telegram]\napiid = 1\nproxy.ip = 'x'\nproxy.port = {a = 1}\n\nsession = 's'\n# end\n[log]\n",
			"[messaging.telegram]\napiid = 1\nproxy.ip = 'x'\nproxy.port = {a = 1}\n\nsession = 's'\nbottoken = \"NEW\"\n# end\n[log]\n"},
		{"empty table", "[messaging.telegram]\n[log]\n", "[messaging.telegram]\nbottoken = \"NEW\"\n[log]\n"},
		{"last line open", "[messaging.telegram]\napiid = 1", "[messaging.telegram]\napiid = 1\nbottoken = \"NEW\"\n"},
		{"CRLF", "[messaging.telegram]\r\napiid = 1 # id\r\n[log]\r\n", "[messaging.telegram]\r\napiid = 1 # id\r\nbottoken = \"NEW\"\r\n[log]\r\n"},
		{"CRLF, no table", "[log]\r\n", "[log]\r\n\r\n[messaging.telegram]\r\nbottoken = \"NEW\"\r\n"},
		{"byte order mark", "\ufeff[messaging.telegram]\nbottoken=''\n", "\ufeff[messaging.telegram]\nbottoken=\"NEW\"\n"},
		{"subtable first", "[messaging.telegram.proxy]\nip = '::1'\n", "[messaging.telegram.proxy]\nip = '::1'\n\n[messaging.telegram]\nbottoken = \"NEW\"\n"},
		{"subtable behind", "[messaging.telegram]\napiid = 1\n[messaging.telegram.proxy]\nip = '::1'\n",
			"[messaging.telegram]\napiid = 1\nbottoken = \"NEW\"\n[messaging.telegram.proxy]\nip = '::1'\n"},
		{"spelling of the table above", "[MESSAGING]\n[log]\n", "[MESSAGING]\n[log]\n\n[MESSAGING.telegram]\nbottoken = \"NEW\"\n"},
		{"quoted header", "['messaging' . \"telegram\"]\napiid = 1\n", "['messaging' . \"telegram\"]\napiid = 1\nbottoken = \"NEW\"\n"},
		{"inline table", "[messaging]\ntelegram = { apiid = 1, proxy = {ip = '::1', port = 1} } # t\n",
			"[messaging]\ntelegram = { apiid = 1, proxy = {ip = '::1', port = 1}, bottoken = \"NEW\" } # t\n"},
		{"replaced in an inline table", "messaging = {telegram = {bottoken = 'old', apiid = 1}}\n", "messaging = {telegram = {bottoken = \"NEW\", apiid = 1}}\n"},
		{"empty inline table", "messaging.telegram = {}\n", "messaging.telegram = {bottoken = \"NEW\"}\n"},
		{"empty inline table above", "messaging = { }\n", "messaging = {telegram.bottoken = \"NEW\" }\n"},
		{"dotted keys at the top", "Messaging.telegram.apiid = 1\n[log]\n", "Messaging.telegram.apiid = 1\nMessaging.telegram.bottoken = \"NEW\"\n[log]\n"},
		{"dotted keys in the table above", "[messaging]\nTelegram.proxy.ip = '::1'\n", "[messaging]\nTelegram.proxy.ip = '::1'\nTelegram.bottoken = \"NEW\"\n"},
		{"dotted keys in braces", "messaging = {telegram.apiid = 1}\n", "messaging = {telegram.apiid = 1, telegram.bottoken = \"NEW\"}\n"},
		{"a domain's own", "[domains.corp.messaging.telegram]\nbottoken = 'corp'\n",
			"[domains.corp.messaging.telegram]\nbottoken = 'corp'\n\n[messaging.telegram]\nbottoken = \"NEW\"\n"},
		{"array of several lines", "[messaging.telegram]\napiid = [\n 1, # one\n]\n[log]\n",
			"[messaging.telegram]\napiid = [\n 1, # one\n]\nbottoken = \"NEW\"\n[log]\n"},
		{"shown as a comment", "[messaging.telegram]\n# The token:\n  # bottoken = \"123:AA…\"\n# Or: bottoken_file = 'b'\n[log]\n",
			"[messaging.telegram]\n# The token:\n  bottoken = \"NEW\"\n# Or: bottoken_file = 'b'\n[log]\n"},
		{"shown with a remark", "[messaging.telegram]\r\n#BotToken='x#y'   # from BotFather\r\napiid = 1\r\n",
			"[messaging.telegram]\r\nbottoken = \"NEW\"   # from BotFather\r\napiid = 1\r\n"},
		{"shown twice", "[messaging.telegram]\n# bottoken = 'a'\n# bottoken = 'b'\n", "[messaging.telegram]\nbottoken = \"NEW\"\n# bottoken = 'b'\n"},
		{"shown in another table", "[log]\n# bottoken = 'a'\n[messaging.telegram]\n", "[log]\n# bottoken = 'a'\n[messaging.telegram]\nbottoken = \"NEW\"\n"},
		{"shown in a text", "[messaging.telegram]\nnote = \"\"\"\n# bottoken = 'a'\n\"\"\"\n", "[messaging.telegram]\nnote = \"\"\"\n# bottoken = 'a'\n\"\"\"\nbottoken = \"NEW\"\n"},
		{"shown in a remark", "[messaging.telegram]\napiid = 1 # bottoken = 'a'\n", "[messaging.telegram]\napiid = 1 # bottoken = 'a'\nbottoken = \"NEW\"\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := edit(t, test.source, set)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if again := edit(t, got, set); again != got {
				t.Errorf("a second time it became\n%s", again)
			}
		})
	}
}

func TestEditRemovesAKeyAndKeepsItsComment(t *testing.T) {
	gone := config.Change{Key: "bottoken_file"}
	for _, test := range []struct{ name, source, want string }{
		{"line", "[messaging.telegram]\n  bottoken_file = 'a'\napiid = 1\n", "[messaging.telegram]\napiid = 1\n"},
		{"comment", "[messaging.telegram]\n  BOTTOKEN_file = 'a' # why\r\napiid = 1\n", "[messaging.telegram]\n  # why\r\napiid = 1\n"},
		{"last", "[messaging.telegram]\nbottoken_file = 'a'", "[messaging.telegram]\n"},
		{"first in braces", "messaging = {telegram = {bottoken_file = 'a', apiid = 1}}", "messaging = {telegram = {apiid = 1}}"},
		{"last in braces", "messaging = {telegram = {apiid = 1, bottoken_file = 'a' }}", "messaging = {telegram = {apiid = 1 }}"},
		{"alone in braces", "messaging.telegram = {bottoken_file = 'a'}", "messaging.telegram = {}"},
		{"not there", "[log]\n", "[log]\n"},
	} {
		if diff := cmp.Diff(test.want, edit(t, test.source, gone)); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}

func TestEditMakesSeveralChangesAtOnce(t *testing.T) {
	got := edit(t, "[messaging.telegram]\nbottoken_file = 'a' # old\n",
		config.Change{Key: "bottoken", Value: token}, config.Change{Key: "bottoken_file"}, config.Change{Key: "apiid", Value: 5})
	want := "[messaging.telegram]\n# old\nbottoken = \"" + token + "\"\napiid = 5\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Edit changes nothing if it cannot do so safely.
func TestEditRefusesWhatItCannotChangeAlone(t *testing.T) {
	for name, source := range map[string]string{
		"key twice in two cases": "[messaging.telegram]\nbottoken = 'a'\nBotToken = 'b'\n",
		"table in two cases":     "[messaging.telegram]\nbottoken = 'a'\n[Messaging.telegram]\nbottoken = 'b'\n",
		"array of tables":        "[[messaging.telegram]]\nbottoken = 'a'\n",
		"no table":               "[messaging]\ntelegram = 5\n",
		"key is a table":         "[messaging.telegram.bottoken]\na = 1\n",
	} {
		got, err := config.Edit("telegate.toml", []byte(source), telegram, []config.Change{{Key: "bottoken", Value: "NEW"}})
		if !errors.Is(err, config.ErrNotEdited) || got != nil {
			t.Errorf("%s: %v\n%s", name, err, got)
		}
	}
	_, err := config.Edit("telegate.toml", []byte("[log]\nlevel = info\n"), telegram, nil)
	var all *config.Error
	if !errors.As(err, &all) || all.Faults[0].Line != 2 {
		t.Errorf("what is not TOML: %v", err)
	}
}

// FuzzEdit edits any file: either Edit refuses it, or the key has the value and everything else is unchanged.
func FuzzEdit(f *testing.F) {
	f.Add(sample)
	for _, seed := range []string{
		"messaging.telegram = {apiid = 1,\n # c\n bottoken = 'a' }", "[messaging]\r\ntelegram.a.b = 1\r\n", "[messaging.telegram]\nbottoken = ''''''", "[[messaging]]\n[messaging.telegram]",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		got, err := config.Edit("telegate.toml", []byte(source), telegram, []config.Change{{Key: "bottoken", Value: "NEW"}})
		if err != nil {
			return
		}
		var before, after map[string]any
		if _, err := toml.Decode(strings.TrimPrefix(source, "\ufeff"), &before); err != nil {
			t.Fatalf("edited what is not TOML: %v", err)
		}
		if _, err := toml.Decode(strings.TrimPrefix(string(got), "\ufeff"), &after); err != nil {
			t.Fatalf("became no TOML: %v\n%s", err, got)
		}
		for key := range before {
			if !strings.EqualFold(key, "messaging") && !reflect.DeepEqual(before[key], after[key]) {
				t.Errorf("%q has changed", key)
			}
		}
		if !strings.Contains(strings.ToLower(source), "bottoken") && strings.Count(string(got), "#") < strings.Count(source, "#") {
			t.Errorf("a comment is lost:\n%s\n%s", source, got)
		}
	})
}
