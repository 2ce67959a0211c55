package config_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"telegate/config"
)

func keySection(name string) string {
	return config.KeyTable(config.Key{Name: name, Hash: config.HashAPIKey(name), Domains: []string{"*"}, Scopes: []string{"send"}})
}

func TestARemovedKeyLeavesTheRestAsItWas(t *testing.T) {
	a, b := keySection("a"), keySection("b")
	for _, test := range []struct{ name, source, want string }{
		{"first", "# ours\n[api] # listen\nlisten = 'x'\n\n# of b\n" + b + "\n# of a\n" + a + "# end\n", "# ours\n[api] # listen\nlisten = 'x'\n\n# of b\n\n# of a\n" + a + "# end\n"},
		{"last", a + "\n" + b, a},
		{"last without a line end", a + "\n" + strings.TrimSuffix(b, "\n"), a},
		{"between", a + "\n" + b + "\n[log]\nlevel = 'info'\n", a + "\n[log]\nlevel = 'info'\n"},
		{"the only one", "[log]\n\n" + b, "[log]\n"},
		{"alone", b, ""},
		{"CRLF", strings.ReplaceAll(a+"\n"+b+"\n[log]\n", "\n", "\r\n"), strings.ReplaceAll(a+"\n[log]\n", "\n", "\r\n")},
		{"byte order mark", "\ufeff" + b + a, "\ufeff" + a},
		{"other case", strings.Replace(strings.Replace(b, "api.keys", "API.Keys", 1), "name", "NAME", 1) + "# c\n", "# c\n"},
		{"a text that looks like it", "[domains.'']\ntitle = '''\n[[api.keys]]\nname = \"b\"\n'''\n" + b, "[domains.'']\ntitle = '''\n[[api.keys]]\nname = \"b\"\n'''\n"},
		{"an array of several lines", a + strings.Replace(b, `["send"]`, "[\n  \"send\", # only\n]", 1) + "# end\n", a + "# end\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := config.RemoveKey("telegate.toml", []byte(test.source), "b")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAKeyThatIsNotInASectionOfItsOwnIsNotRemoved(t *testing.T) {
	inline := `{name = "b", hash = "` + config.HashAPIKey("b") + `", domains = ["*"], scopes = ["send"]}`
	for name, source := range map[string]string{
		"none":         "[log]\n",
		"another":      keySection("a"),
		"inline array": "[api]\nkeys = [" + inline + "]\n",
		"no name":      strings.Replace(keySection("b"), "name", "nom", 1),
	} {
		if got, err := config.RemoveKey("telegate.toml", []byte(source), "b"); !errors.Is(err, config.ErrNotEdited) || got != nil {
			t.Errorf("%s: %v\n%s", name, err, got)
		}
	}
	var faults *config.Error
	if _, err := config.RemoveKey("telegate.toml", []byte("[log]\nlevel = info\n"), "b"); !errors.As(err, &faults) || faults.Faults[0].Line != 2 {
		t.Errorf("not TOML: %v", err)
	}
}

// The keys can be read though a secret of the configuration exists only while telegate runs.
func TestKeysAreReadWithoutTheRest(t *testing.T) {
	source := "[messaging.telegram]\nbottoken_file = '/run/credentials/nothing'\n[domains.Corp]\n" + keySection("a") + keySection("b")
	keys, domains, err := config.LoadKeys(write(t, t.TempDir(), "telegate.toml", source, 0o600))
	if err != nil || len(keys) != 2 || keys[1].Name != "b" || !slices.Equal(domains, []string{"", "corp"}) {
		t.Errorf("%+v, %q, %v", keys, domains, err)
	}
	for name, source := range map[string]string{"twice": keySection("a") + keySection("a"), "no such domain": strings.Replace(keySection("a"), "*", "nosuch", 1)} {
		var faults *config.Error
		if _, _, err := config.LoadKeys(write(t, t.TempDir(), "telegate.toml", source, 0o600)); !errors.As(err, &faults) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := config.LoadKeys(filepath.Join(t.TempDir(), "nothing.toml")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
