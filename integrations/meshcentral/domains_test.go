package meshcentral_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"telegate/integrations/meshcentral"
)

func TestTheDomainsAreThoseOfMeshCentralThatHaveUsers(t *testing.T) {
	for config, want := range map[string][]string{
		`{"domains":{"":{},"Corp":{"title":"Corp"},"_old":{},"files":{"share":"/srv"},"branch":{}}}`: {"", "branch", "corp"},
		`{"Domains":{"corp":{}}}`:                    {"", "corp"},
		"{ // comment\n\"domains\":{\"corp\":{},},}": {"", "corp"},
		`{}`:                     {""},
		`{"domains":[]}`:         {""},
		`{"domains":{"corp":7}}`: {""},
		`not JSON`:               {""},
	} {
		data := t.TempDir()
		if err := os.WriteFile(filepath.Join(data, "config.json"), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := meshcentral.Domains(data); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", config, got, want)
		}
	}
	if got := meshcentral.Domains(t.TempDir()); !slices.Equal(got, []string{""}) {
		t.Errorf("without a file: %q", got)
	}
}
