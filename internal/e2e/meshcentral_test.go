package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// MeshCentral's Plugins page finds the plugin at the gateway without a key, and nothing else.
func TestTheGatewayServesThePluginForMeshCentral(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	get := func(url string) (int, string) {
		t.Helper()
		r, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		var plugin struct{ DownloadURL string }
		_ = json.NewDecoder(r.Body).Decode(&plugin)
		return r.StatusCode, plugin.DownloadURL
	}
	status, download := get(w.url + "/integrations/meshcentral/config.json")
	if status != http.StatusOK || !strings.HasPrefix(download, w.url+"/integrations/") {
		t.Fatalf("config.json: %d, download %q", status, download)
	}
	if status, _ := get(download); status != http.StatusOK {
		t.Errorf("the archive: %d", status)
	}
	for _, path := range []string{"/integrations/", "/integrations/meshcentral/telegate.js"} {
		if status, _ := get(w.url + path); status != http.StatusNotFound {
			t.Errorf("%s: %d", path, status)
		}
	}
}
