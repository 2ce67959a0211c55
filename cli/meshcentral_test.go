package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// printedJSON is what setup prints for config.json.
var printedJSON = regexp.MustCompile(`(?ms)^    \{$.*^    \}$`)

func TestMeshcentralSetupPrintsWholeJSONForConfigJSON(t *testing.T) {
	data := t.TempDir()
	if err := os.WriteFile(filepath.Join(data, "config.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	status, stdout, stderr := command(t, "", "", "meshcentral", "setup", "--data", data, "--url", "unix:/run/telegate/api.sock")
	if status != 0 || stderr != "" {
		t.Fatalf("status %d: %s", status, stderr)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(printedJSON.FindString(stdout)), &got); err != nil {
		t.Fatalf("%v in:\n%s", err, stdout)
	}
	key := regexp.MustCompile(`tgk_[A-Za-z0-9_-]{43}`).FindString(stdout)
	want := map[string]any{
		"settings": map[string]any{
			"cert": "mesh.example.com", "plugins": map[string]any{"enabled": true, "list": []any{"telegate"}},
		},
		"messaging": map[string]any{"telegate": map[string]any{"url": "unix:/run/telegate/api.sock", "key": key}},
	}
	if diff := cmp.Diff(want, got); diff != "" || key == "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
